"""Tuning from Python: one call that runs a study to its end."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..tools.errors import TrimtabError
from .events import Event, StudyFinished
from .memory.store import Store, default_url
from .parts import PLANNERS
from .planners.base import Setup
from .run.session import Session
from .study.file import load_study
from .study.sections import Study
from .study.space import Configuration


@dataclass(frozen=True)
class Result:
    """The end of a study. `improved` is only true when the paired check supports it."""

    configuration: Configuration
    metrics: dict[str, float]
    improved: bool
    report: StudyFinished


def tune(
    study: Study | str | Path,
    *,
    store: str | None = None,
    resume: bool = False,
    model: str | None = None,
    record: Path | None = None,
    replay: Path | None = None,
    on_event: Callable[[Event], None] | None = None,
) -> Result:
    """Run a study (or a study file) to its end and return its result.

    `store` is an SQLAlchemy URL, by default the user's store; `model` replaces the study's; `record` and `replay`
    name a recording of the model's calls; `on_event` sees every event as it happens.

    Raises:
        InputError: the study file or the store cannot be used.
        TrimtabError: no trial was complete, so there is no result.
    """
    loaded = study if isinstance(study, Study) else load_study(study)
    if model is not None:
        loaded = loaded.model_copy(update={"model": loaded.model.model_copy(update={"name": model})})
    opened = Store(store or default_url())
    try:
        planner = PLANNERS[loaded.planner.name](Setup(loaded, opened, record, replay))
        session = Session.resume(loaded, opened, planner) if resume else Session.start(loaded, opened, planner)
        return asyncio.run(_run(session, on_event))
    finally:
        opened.close()


async def _run(session: Session, on_event: Callable[[Event], None] | None) -> Result:
    report: StudyFinished | None = None
    async for event in session.run():
        if on_event is not None:
            on_event(event)
        if isinstance(event, StudyFinished):
            report = event
    if report is None or report.best is None:
        raise TrimtabError(f"study {session.key} has no complete trial", "look at its trials with trimtab show")
    improved = report.check is not None and report.check.improved
    return Result(report.best.configuration, report.best.metrics, improved, report)
