"""Timeouts that learn: what is far slower than the incumbent is stopped, censored, and told to the optimizer as such."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from trimtab.agent import events
from trimtab.agent.memory.store import Store
from trimtab.agent.run.session import Session
from trimtab.agent.run.slow import AUTO, censored, time_limit
from trimtab.agent.study.file import StudyFileError
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial
from trimtab.tools.expressions import Value
from trimtab.tools.targets import Measurement

X = {"type": "int", "low": 0, "high": 9, "default": 5}
SECONDS = [{"metric": "time", "direction": "minimize", "unit": "ms"}]


def timed(
    objectives: Any = SECONDS, parameters: Mapping[str, Any] | None = None, target: Any = None, **evaluation: Any
) -> Study:
    if target is not None:
        return make_study(
            parameters={"x": X}, forbidden=[], objectives=objectives, target=target, planner={"name": "none"}
        )
    return make_study(
        parameters=parameters or {"x": X},
        forbidden=[],
        objectives=objectives,
        evaluation={"command": ["true", "{x}"], **evaluation},
        planner={"name": "none"},
        check={"ablation": False},
    )


def trial(number: int, x: int, seconds: float, share: float = 0.9) -> Trial:
    measured = {"time": 1000 * share * seconds}
    configuration: dict[str, Value] = {"x": x}
    source = Source("default" if number == 0 else "sampler", "random" if number else "")
    return Trial(
        number, source, Candidate(configuration), "complete", measured, duration_s=seconds, values=[measured["time"]]
    )


@pytest.mark.parametrize(
    ("study", "share", "limit"),
    [
        (timed(), 0.9, AUTO * 2 + 1),
        (timed(stop_slow=3), 0.9, 7),
        (timed(stop_slow=3), 0.01, 7),
        (timed(stop_slow=3, warmup=1, retries=1, retry_on=[75]), 0.9, 25),
        (timed(target={"kind": "command", "command": ["true", "{x}"], "before": "true"}), 0.9, None),
        (timed(stop_slow=0), 0.9, None),
        (timed(), 0.4, None),
        (timed(timeout_s=5), 0.9, None),
        (timed([{"metric": "time", "direction": "minimize"}]), 0.9, None),
        (timed([{"metric": "time", "direction": "maximize", "unit": "ms"}]), 0.9, None),
    ],
)
def test_the_limit_follows_from_the_incumbent(study: Study, share: float, limit: float | None) -> None:
    history = History(study, [trial(0, 5, 2.0, share)])
    found = time_limit(study, history, trial(1, 1, 1.0))
    assert found == (None if limit is None else pytest.approx(limit))
    assert time_limit(study, history, trial(0, 5, 1.0)) is None
    assert time_limit(study, History(study), trial(1, 1, 1.0)) is None


def test_what_was_stopped_takes_at_least_so_long() -> None:
    study = timed()
    found = censored(study, History(study, [trial(0, 5, 2.0)]), 11.0)
    assert (found.state, found.metrics) == ("pruned", {"time": pytest.approx(9900.0)})
    assert "5.5 times the incumbent's time" in str(found.reason)


class Sleeps:
    """An executor whose evaluations take so many seconds as x says."""

    workers, sandbox_name, sandbox_guarantees = 1, "none", "a test"

    def __init__(self) -> None:
        self.cancelled = 0

    async def submit(self, job: Any, _watch: Any = None) -> Measurement:
        x = int(str(job.candidate.configuration["x"]))
        seconds = 30.0 if x == 9 else 0.05
        try:
            await asyncio.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Measurement(state="complete", metrics={"time": 1000 * seconds}, duration_s=seconds)

    async def close(self) -> None:
        return None


@pytest.mark.parametrize(("stop_slow", "state"), [("auto", "pruned"), (0, "failed")])
def test_a_run_does_not_wait_for_it(store: Store, stop_slow: object, state: str) -> None:
    slow = {"x": {"type": "categorical", "choices": [1, 9], "default": 1}}
    study = timed(parameters=slow, stop_slow=stop_slow, timeout_s=60)
    executor = Sleeps()
    session = Session.start(study.model_copy(update={"budget": study.budget.model_copy(update={"trials": 2})}), store)

    async def first_two() -> events.TrialFinished | None:
        async for event in session.run(executor):
            if isinstance(event, events.TrialFinished) and event.trial == 1:
                return event
        return None

    async def within(seconds: float) -> events.TrialFinished | None:
        try:
            return await asyncio.wait_for(first_two(), seconds)
        except TimeoutError:
            return None

    found = asyncio.run(within(5))
    if state == "failed":
        assert found is None, "without the limit the run waits"
        return
    assert found is not None
    assert (found.state, executor.cancelled) == ("pruned", 1)
    assert found.metrics["time"] > 1000
    assert "stop_slow" in str(found.reason)


@pytest.mark.parametrize(
    ("evaluation", "said"),
    [
        ({"retries": 1}, "retries need retry_on"),
        ({"retry_on": [75]}, "retry_on needs retries"),
        ({"retries": 1, "retry_on": [0]}, "retry_on"),
        ({"stop_slow": 1.2}, "at least 1.5"),
    ],
)
def test_settings_that_make_no_sense_are_refused(evaluation: dict[str, Any], said: str) -> None:
    with pytest.raises(StudyFileError, match=said):
        timed(**evaluation)
