"""One thought of the model planner about a small study, without a run around it."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from trimtab.agent import events
from trimtab.agent.budget import Ledger
from trimtab.agent.memory.store import Store
from trimtab.agent.models.scripted import ScriptedEndpoint
from trimtab.agent.planners.base import Context, Question, Setup
from trimtab.agent.planners.model import ModelPlanner, build
from trimtab.agent.run.proposals.opening import start_study
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.proposal import Proposal
from trimtab.agent.trials.source import DEFAULT, Source
from trimtab.agent.trials.trial import Trial

QUESTION = Question("step", 3, look_around=True)
FORBIDDEN = [{"when": "mode == 'fast' and n > 32", "reason": "known to deadlock"}]


@dataclass
class Thinking:
    """A planner whose model is an endpoint, and what it said."""

    endpoint: ScriptedEndpoint
    study: Study
    planner: ModelPlanner
    context: Context
    said: list[events.Event]
    ledger: Ledger
    proposals: list[list[Proposal]] = field(default_factory=list)

    def think(self, thoughts: int = 1) -> list[Proposal]:
        """Have thoughts in one event loop, and return the ideas of the last."""

        async def several() -> None:
            for _ in range(thoughts):
                self.proposals.append(await self.planner.propose(self.context.now(None, QUESTION), QUESTION.ideas))

        asyncio.run(several())
        return self.proposals[-1]

    @property
    def problems(self) -> Counter[str]:
        return Counter(e.code for e in self.said if isinstance(e, events.PlannerProblem))

    @property
    def messages(self) -> list[str]:
        return [e.message for e in self.said if isinstance(e, events.PlannerProblem)]

    @property
    def notices(self) -> list[str]:
        return [e.message for e in self.said if isinstance(e, events.Notice)]

    @property
    def outcomes(self) -> list[str]:
        return [e.outcome for e in self.said if isinstance(e, events.ModelCalled)]

    def told(self, request: int = -1) -> str:
        """Return the last message of a request."""
        return str(self.endpoint.requests[request]["messages"][-1]["content"])


@pytest.fixture
def thinking(store: Store, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Thinking]:
    """A function that prepares a planner at an endpoint; the default is trial 0, x=-0.5 is trial 1 with loss 1.5."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789abcdefghij")

    def prepare(endpoint: ScriptedEndpoint, model: dict[str, Any] | None = None, **sections: Any) -> Thinking:
        settings = {
            "name": "scripted",
            "base_url": endpoint.base_url,
            "backoff_s": 0.0,
            "timeout_s": 20,
            **(model or {}),
        }
        planner = {"name": "model", "offline_first": False, **sections.pop("planner", {})}
        study = make_study(model=settings, planner=planner, forbidden=FORBIDDEN, **sections)
        history = History(study)
        for number, (source, x, loss) in enumerate([(DEFAULT, 0.5, 2.0), (Source("sampler", "tpe"), -0.5, 1.5)]):
            candidate = Candidate({**study.space.default, "x": x})
            trial = Trial(number, source, candidate, state="complete", metrics={"loss": loss})
            history.add(trial)
            history.update(trial)
        said: list[events.Event] = []
        ledger = Ledger({}, {})
        stored = start_study(store, study)
        context = Context(study, history, ledger, key=stored.key, study_id=stored.id, emit=said.append)
        return Thinking(endpoint, study, build(Setup(study, store)), context, said, ledger)

    return prepare
