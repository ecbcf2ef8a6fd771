"""Tuning from Python: one call that runs a study to its end, with or without an event loop."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

from ..tools.errors import TrimtabError
from ..tools.loop_thread import LoopThread
from .events import Event, StudyFinished
from .memory.store import Store, default_url
from .planners.base import Setup, require_trusted_endpoint
from .run.session import Session
from .study.file import load_study
from .study.sections import Study
from .study.space import Configuration


class How(TypedDict, total=False):
    """How `tune` runs a study.

    `store` is an SQLAlchemy URL, by default the user's store; with `resume` the latest stored study of the name goes
    on; `model` replaces the study's; `record` and `replay` name a recording of the model's calls; `trust_endpoint`
    uses the endpoint that a study file names, from now on; `on_event` sees every event as it happens.
    """

    store: str | None
    resume: bool
    model: str | None
    record: Path | None
    replay: Path | None
    trust_endpoint: bool
    on_event: Callable[[Event], None] | None


@dataclass(frozen=True)
class Result:
    """The end of a study. `improved` is only true when the paired check supports it."""

    configuration: Configuration
    metrics: dict[str, float]
    improved: bool
    report: StudyFinished


def tune(study: Study | str | Path, **how: Unpack[How]) -> Result:
    """Run a study (or a study file) to its end and return its result; `How` lists what else may be given.

    Also inside a running event loop, as notebooks have: there the study runs in a thread of its own, in which
    `on_event` is called too, and this call waits for it. `tune_async` does not make other tasks wait.

    Raises:
        InputError: the study file or the store cannot be used.
        TrimtabError: no trial was complete, so there is no result.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(tune_async(study, **how))
    with LoopThread() as thread:
        return thread.run(tune_async(study, **how))


async def tune_async(study: Study | str | Path, **how: Unpack[How]) -> Result:
    """Run a study as `tune` does, in the event loop of the caller; cancelling it leaves a study to resume."""
    loaded = study if isinstance(study, Study) else load_study(study)
    model = how.get("model")
    if model is not None:
        loaded = loaded.model_copy(update={"model": loaded.model.model_copy(update={"name": model})})
    opened = Store(how.get("store") or default_url())
    try:
        setup = Setup(loaded, opened, how.get("record"), how.get("replay"))
        if not isinstance(study, Study):  # what a program says itself needs no trust
            require_trusted_endpoint(setup, given=how.get("trust_endpoint", False))
        return await _run(Session.open(setup, resume=how.get("resume", False)), how.get("on_event"))
    finally:
        opened.close()


async def _run(session: Session, on_event: Callable[[Event], None] | None) -> Result:
    report: StudyFinished | None = None
    async with aclosing(session.run()) as stream:
        async for event in stream:
            if on_event is not None:
                on_event(event)
            if isinstance(event, StudyFinished):
                report = event
    if report is None or report.best is None:
        raise TrimtabError(f"study {session.key} has no complete trial", "look at its trials with trimtab show")
    improved = report.check is not None and report.check.improved
    return Result(report.best.configuration, report.best.metrics, improved, report)
