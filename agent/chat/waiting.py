"""Waiting for a study that runs, within bounds, so that a model can come back to the person with what it found."""

import asyncio
from typing import Literal

from . import looking
from .steering.control import StudyControl

Until = Literal["end", "trial", "better"]


async def wait(control: StudyControl, until: Until, trial: int | None, seconds: float) -> str:
    """Wait for the end of the run, a trial's result or a better trial, and tell where the study stands then.

    It ends early when the run ends or pauses, or when a person says something or is asked something.
    """
    clock = asyncio.get_running_loop()
    began, calls, best, finished = clock.time(), control.calls_for_attention, _best(control), _finished(control)

    def over() -> str:
        if not control.running:
            return "the run has ended" if finished or control.run is not None else "nothing is running"
        if control.calls_for_attention != calls:
            return "the person said something, or is asked something"
        if control.run is not None and control.run.paused:
            return "the search is paused"
        if until == "better" and _best(control) != best:
            return "there is a better trial"
        if until == "trial" and (_finished(control) > finished if trial is None else _is_finished(control, trial)):
            return "the trial has its result"
        return f"{seconds:g} s have passed" if clock.time() - began >= seconds else ""

    while not (why := over()):
        await control.happens(began + seconds - clock.time())
    return f"{why}.\n{looking.describe(control)}"


def _best(control: StudyControl) -> int | None:
    history = control.history
    return history.incumbent.number if history is not None and history.incumbent is not None else None


def _finished(control: StudyControl) -> int:
    return len(control.history.finished) if control.history is not None else 0


def _is_finished(control: StudyControl, number: int) -> bool:
    trials = control.history.trials if control.history is not None else []
    return number < len(trials) and trials[number].state != "running"
