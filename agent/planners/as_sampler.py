"""An Optuna sampler that asks a language model now and then, and another sampler the rest of the time.

study = optuna.create_study(sampler=PlannerSampler(model="local", fallback=TPESampler()))
"""

import asyncio
import warnings
from collections import deque
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, TrialState

from ...tools.errors import InputError
from ..budget import Ledger
from ..events import Event, PlannerProblem
from ..models.choice import resolve, why_none
from ..optimizers.state import OptimizerState
from ..study.sections import Study
from ..trials.candidate import Candidate
from ..trials.history import History
from ..trials.proposal import Accepted, review
from ..trials.source import DEFAULT, Source
from ..trials.trial import Trial
from .base import Context, Setup
from .model import ModelPlanner

_METRIC = "objective"
_KINDS = {TrialState.COMPLETE: "complete", TrialState.FAIL: "failed", TrialState.PRUNED: "pruned"}


class PlannerSampler(BaseSampler):
    """Lets a language model propose at most `share` of the trials; `fallback` proposes the others.

    The model sees the parameters that all past trials have in common. Whatever it fails at, the fallback does;
    `problems` holds what could not be used. For studies with one objective.
    """

    def __init__(
        self,
        model: str = "auto",
        fallback: BaseSampler | None = None,
        *,
        share: float = 0.3,
        prompts: str = "auto",
        description: str = "",
        **settings: Any,
    ) -> None:
        """`model` is as in a study file's [model] section, whose other fields may follow as `settings`.

        Raises:
            InputError: no such model can be used.
        """
        self.fallback = fallback or optuna.samplers.TPESampler()
        self.share, self.prompts, self.description = share, prompts, description
        self.settings = {"name": model, **settings}
        self.problems: list[str] = []
        self._common = IntersectionSearchSpace()
        self._ideas: deque[dict[str, Any]] = deque()
        self._loop = asyncio.new_event_loop()
        self._planner: ModelPlanner | None = None
        self._proposed = 0

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that all past trials share, and what the fallback wants."""
        return {**self._common.calculate(study), **self.fallback.infer_relative_search_space(study, trial)}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the model's configuration when it has its turn, else the fallback's."""
        if search_space and self._proposed + 1 <= self.share * (trial.number + 1):
            ours = study_of(study, search_space, self.description, self.prompts, self.settings)
            idea = self._idea(study, ours)
            if idea is not None:
                self._proposed += 1
                return idea
        wanted = self.fallback.infer_relative_search_space(study, trial)
        return self.fallback.sample_relative(study, trial, wanted)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Leave it to the fallback."""
        return self.fallback.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Pass it on."""
        self.fallback.before_trial(study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Pass it on."""
        self.fallback.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Pass it on."""
        self.fallback.reseed_rng()

    def close(self) -> None:
        """End an embedded model; the operating system does so too when this process ends."""
        if self._planner is not None:
            self._loop.run_until_complete(self._planner.close())
        self._loop.close()

    def _idea(self, study: optuna.Study, ours: Study) -> dict[str, Any] | None:
        history = history_of(study, ours)
        if not self._ideas:
            if self._planner is None:
                self._planner = _planner(ours)
            state = OptimizerState(type(self.fallback).__name__, ours.space.default, (), ())
            ledger = Ledger({}, {})
            context = Context(ours, history, ledger, optimizer=state, emit=self._note)
            for proposal in self._loop.run_until_complete(self._planner.propose(context, 1)):
                reviewed = review(proposal, ours.space, history.seen)
                if isinstance(reviewed, Accepted):
                    self._ideas.append(dict(reviewed.configuration))
        return self._ideas.popleft() if self._ideas else None

    def _note(self, event: Event) -> None:
        if isinstance(event, PlannerProblem):
            self.problems.append(f"{event.code}: {event.message}")
            warnings.warn(f"planner, {event.code}: {event.message}", stacklevel=2)


def _planner(study: Study) -> ModelPlanner:
    resolved = resolve(study.model)
    if resolved is None:
        raise InputError(why_none(study.model), "name a model")
    return ModelPlanner(Setup(study), resolved)


def study_of(
    study: optuna.Study,
    space: dict[str, BaseDistribution],
    description: str,
    prompts: str,
    model: dict[str, Any],
) -> Study:
    """Return an Optuna study as one of ours: one objective, the given parameters, values of the best trial as defaults.

    Raises:
        InputError: it has several objectives.
    """
    if len(study.directions) > 1:
        raise InputError("PlannerSampler takes studies with one objective", "use trimtab tune for several")
    direction = "maximize" if study.directions[0] == optuna.study.StudyDirection.MAXIMIZE else "minimize"
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    start = done[0].params if done else {}
    data = {
        "study": {"name": "optuna", "description": description or study.study_name},
        "parameters": {name: parameter_of(each, start.get(name)) for name, each in space.items()},
        "objectives": [{"metric": _METRIC, "direction": direction}],
        "evaluation": {"command": ["true"]},
        "planner": {"name": "model", "prompts": prompts, "offline_first": False},
        "model": model,
    }
    return Study.model_validate(data)


def parameter_of(distribution: BaseDistribution, default: Any) -> dict[str, Any]:
    """Return an Optuna distribution as a parameter of ours."""
    match distribution:
        case FloatDistribution(low=low, high=high, step=step, log=log):
            start = low if default is None else default
            return {"type": "float", "low": low, "high": high, "step": step, "log": log, "default": start}
        case IntDistribution(low=low, high=high, step=step, log=log):
            start = low if default is None else default
            return {"type": "int", "low": low, "high": high, "step": step, "log": log, "default": start}
        case CategoricalDistribution(choices=choices):
            if set(choices) == {True, False}:
                return {"type": "bool", "default": bool(default)}
            start = choices[0] if default is None else default
            return {"type": "categorical", "choices": list(choices), "default": start}
        case _:
            raise InputError(f"PlannerSampler knows no {type(distribution).__name__}", "use another sampler")


def history_of(study: optuna.Study, ours: Study) -> History:
    """Return the finished trials of an Optuna study."""
    history = History(ours)
    for number, each in enumerate(study.get_trials(deepcopy=False, states=tuple(_KINDS))):
        configuration = ours.space.complete({k: v for k, v in each.params.items() if k in ours.parameters})
        trial = Trial(number, DEFAULT if number == 0 else Source("sampler", "sampler"), Candidate(configuration))
        trial.state = _KINDS[each.state]  # type: ignore[assignment]  # one of State's words
        if each.state == TrialState.COMPLETE and each.value is not None:
            trial.metrics = {_METRIC: each.value}
        history.add(trial)
        history.update(trial)
    return history
