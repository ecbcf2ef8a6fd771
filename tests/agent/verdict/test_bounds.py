"""What the end of a study may cost unasked: a job of two hours pays for six pairs, a job of a second for everything."""

import asyncio
from typing import Any

import pytest

from trimtab.agent.events import StudyFinished
from trimtab.agent.executors.base import Job
from trimtab.agent.faces.summary import summary_lines
from trimtab.agent.memory.store import Store
from trimtab.agent.run.session import Session
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import DEFAULT
from trimtab.agent.trials.trial import Trial
from trimtab.agent.verdict.bounds import Allowance, evaluation_s, searched_s
from trimtab.agent.verdict.planning import plan
from trimtab.tools.targets import Measurement

HOUR = 3600.0


def study_of(**check: Any) -> Study:
    names = [f"p{index}" for index in range(8)]
    return make_study(
        parameters={name: {"type": "float", "low": 0.0, "high": 1.0, "default": 1.0} for name in names},
        forbidden=[],
        evaluation={"command": ["true", *(f"{{{n}}}" for n in names)], "check_seeds": list(range(101, 111))},
        budget={"trials": 50},
        check=check,
    )


def phases(study: Study, evaluation: float, searched: float | None) -> tuple[tuple[int, int, int], list[str]]:
    allowance = Allowance(study, searched)
    found = allowance.pairs(2 * evaluation), allowance.rounds(4, evaluation), allowance.repeats(8, evaluation)
    return found, allowance.cut


def test_a_long_job_pays_for_six_pairs_and_is_told_what_was_cut() -> None:
    found, cut = phases(study_of(), 2 * HOUR, 100 * HOUR)
    assert found == (6, 0, 0)
    assert [each.partition(":")[0] for each in cut] == ["check", "race of the best", "ablation"]
    assert cut[0] == (
        "check: 6 of 10 pairs; all would take 40 h, which is long beside the search's 100 h "
        "(check.share = 'all' measures it)"
    )
    assert "left out" in cut[2]


@pytest.mark.parametrize(
    ("check", "evaluation", "searched"),
    [
        ({"share": "all"}, 2 * HOUR, 100 * HOUR),
        ({"share": 9.0}, 2 * HOUR, 100 * HOUR),
        ({}, 2 * HOUR, None),
        ({}, 1.0, 5.0),
    ],
)
def test_nothing_is_cut_where_that_is_asked_for_or_short(check: Any, evaluation: float, searched: float | None) -> None:
    assert phases(study_of(**check), evaluation, searched) == ((10, 6, 5), [])


def test_what_is_left_of_the_share_goes_to_the_next_phase() -> None:
    """A quarter of 20,000 s: 2,000 s for ten pairs, 2,400 s for the race, and ten minutes are never cut."""
    found, cut = phases(study_of(), 100.0, 20_000.0)
    assert found == (10, 6, 0)
    assert len(cut) == 1
    assert phases(study_of(share=0.5), 100.0, 20_000.0)[0] == (10, 6, 5)
    assert phases(study_of(), 20.0, 100.0)[0] == (10, 6, 2)  # 26 evaluations of 20 s are within ten minutes


def test_the_time_of_a_search_is_that_of_its_evaluations_side_by_side() -> None:
    study = make_study(evaluation={"command": ["true", "{x}", "{n}", "{mode}", "{burst}"], "workers": 2, "repeats": 3})
    trials = [Trial(number, DEFAULT, Candidate({}), "complete", duration_s=30.0) for number in range(4)]
    assert searched_s(study, trials) == 60.0
    assert evaluation_s(study, trials[0]) == 10.0
    trials[0].values = [1.0, 1.0]
    assert evaluation_s(study, trials[0]) == 15.0


def test_the_plan_tells_the_same() -> None:
    found = plan(study_of(), None, seconds=2 * HOUR)
    assert found.evaluations == {"search": 50, "race": 0, "check": 12, "ablation": 0, "minimal": 0}
    assert len(found.cut) == 3
    whole = plan(study_of(share="all"), None, seconds=2 * HOUR)
    assert whole.evaluations == {"search": 50, "race": 24, "check": 20, "ablation": 53, "minimal": 0}


class Long(FunctionExecutor):
    """Says that every evaluation took two hours."""

    async def submit(self, job: Job, watch: Any = None) -> Measurement:
        return (await super().submit(job, watch)).model_copy(update={"duration_s": 2 * HOUR})


@pytest.mark.parametrize(("share", "evaluations", "pairs"), [(0.25, 12, 6), ("all", 8 + 20 + 53, 10)])
def test_a_run_spends_that_and_says_so(store: Store, share: Any, evaluations: int, pairs: int) -> None:
    study = study_of(share=share, minimal=False).model_copy(update={})
    study = study.model_copy(update={"budget": study.budget.model_copy(update={"trials": 12})})

    def loss(configuration: Any, seed: int) -> dict[str, float]:
        return {"loss": sum(configuration.values()) * (1 + 1e-5 * (seed % 7))}

    executor = Long(loss)

    async def drive() -> StudyFinished:
        session = Session.start(study, store)
        found = [event async for event in session.run(executor)][-1]
        assert isinstance(found, StudyFinished)
        return found

    finished = asyncio.run(drive())
    assert finished.check is not None
    assert finished.check.improved
    assert finished.check.pairs == pairs
    assert len(executor.jobs) - 12 <= evaluations
    assert len(executor.jobs) - 12 >= evaluations - 10  # changes that are none, and runners that leave, cost nothing
    assert bool(finished.cut) == (share != "all")
    told = [line for line in summary_lines(study, finished) if line.startswith("cut: ")]
    assert told == [f"cut: {each}" for each in finished.cut]
