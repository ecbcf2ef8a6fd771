"""Tuning from Python: one call that runs a study to its end, with or without an event loop."""

import asyncio
import os
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from ..tools.errors import InputError, TrimtabError
from ..tools.expressions import Value
from ..tools.loop_thread import LoopThread
from .events import CheckResult, Event, StudyFinished
from .executors.base import Executor
from .executors.function import InProcess, Objective, accepted
from .memory.store import Store, default_url
from .models.preferences import MODEL
from .picture import Picture, convergence
from .planners.base import Setup, require_trusted_endpoint
from .run.session import Session
from .study.file import load_study
from .study.function import Space, study_of_function
from .study.sections import Study
from .study.space import Configuration
from .trials.history import History


class How(TypedDict, total=False):
    """How `tune` runs a study.

    `store` is an SQLAlchemy URL, by default the user's store; with `resume` the latest stored study of the name goes
    on; `model` replaces the study's; `record` and `replay` name a recording of the model's calls; `trust_endpoint`
    uses the endpoint that a study file names, from now on; `on_event` sees every event as it happens. With `full` the
    result's configuration is the whole incumbent, also where a smaller one was as good.

    For a function: `metric` is what its number is called, `direction` 'minimize' or 'maximize', `default` its values
    today where its signature does not say; `trials`, `name`, and `sections` of a study file by name.
    """

    store: str | None
    resume: bool
    model: str | None
    record: Path | None
    replay: Path | None
    trust_endpoint: bool
    full: bool
    on_event: Callable[[Event], None] | None
    metric: str
    direction: Literal["minimize", "maximize"]
    default: Mapping[str, Value]
    trials: int
    name: str
    sections: Mapping[str, Any]


@dataclass(frozen=True)
class Result:
    """The end of a study. `improved` is only true when the paired check supports it; `history` has every trial.

    `configuration` is what `trimtab apply` writes: without what was not seen to help, where that was as good. `metrics`
    are what the incumbent measured in the search, all of its changes included.
    """

    configuration: Configuration
    metrics: dict[str, float]
    improved: bool
    report: StudyFinished
    history: History

    @property
    def check(self) -> CheckResult | None:
        """What the paired check found, with its interval and its verdict in words."""
        return self.report.check

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The trials as plain rows: number, source, state, then parameters and metrics by name."""
        return [
            {
                "trial": each.number,
                "source": str(each.source),
                "state": each.state,
                **each.configuration,
                **each.metrics,
                "seconds_taken": each.duration_s,
            }
            for each in self.history.trials
        ]

    @property
    def trials(self) -> Any:
        """The rows as a pandas DataFrame.

        Raises:
            InputError: pandas is not installed; `rows` needs none.
        """
        try:
            from pandas import DataFrame
        except ImportError:
            raise InputError("pandas is not installed", "pip install pandas, or use result.rows") from None
        return DataFrame(self.rows)

    def plot(self) -> Picture:
        """Return a picture of the search: every complete trial, and the best so far. Notebooks show it."""
        return convergence(self.history)


def tune(study: Study | str | Path | Objective, space: Space | None = None, **how: Unpack[How]) -> Result:
    """Run a study to its end and return its result; `How` lists what else may be given.

    A study is a study file, a `Study`, or a function with its `space`, which is called in this process:
    `tune(train, {"lr": (1e-5, 1e-1, "log"), "layers": (1, 8), "optimizer": ["sgd", "adam"]}, metric="loss")`.

    Also inside a running event loop, as notebooks have: there the study runs in a thread of its own, in which
    `on_event` is called too, and this call waits for it. `tune_async` does not make other tasks wait.

    Raises:
        InputError: the study file or the store cannot be used.
        TrimtabError: no trial was complete, so there is no result.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(tune_async(study, space, **how))
    with LoopThread() as thread:
        return thread.run(tune_async(study, space, **how))


async def tune_async(study: Study | str | Path | Objective, space: Space | None = None, **how: Unpack[How]) -> Result:
    """Run a study as `tune` does, in the event loop of the caller; cancelling it leaves a study to resume."""
    executor: InProcess | None = None
    if isinstance(study, Study):
        loaded = study
    elif isinstance(study, str | Path):
        loaded = load_study(study)
    else:
        if space is None:
            raise InputError("a function needs its space", "tune(function, {'x': (0.0, 1.0)})")
        loaded, executor = _of_function(study, space, how), InProcess(study, space.keys())
    model = how.get("model") or os.environ.get(MODEL)
    if model is not None:
        loaded = loaded.model_copy(update={"model": loaded.model.model_copy(update={"name": model})})
    opened = Store(how.get("store") or default_url())
    try:
        setup = Setup(loaded, opened, how.get("record"), how.get("replay"))
        if isinstance(study, str | Path):  # what a program says itself needs no trust
            require_trusted_endpoint(setup, given=how.get("trust_endpoint", False))
        session = Session.open(setup, resume=how.get("resume", False))
        return await _run(session, executor, how)
    finally:
        opened.close()


def _of_function(function: Objective, space: Space, how: How) -> Study:
    """Return the study of a function, by what is told of it."""
    told = {name: each.default for name, each in accepted(function).items() if each.default is not each.empty}
    sections = {name: dict(each) for name, each in how.get("sections", {}).items()}
    if "trials" in how:
        sections["budget"] = {**sections.get("budget", {}), "trials": how["trials"]}
    named = {"name": how.get("name", ""), "metric": how.get("metric", "value")}
    defaults = {**told, **how.get("default", {})}
    direction = how.get("direction", "minimize")
    return study_of_function(function, space, defaults, **named, direction=direction, sections=sections)


async def _run(session: Session, executor: Executor | None, how: How) -> Result:
    on_event = how.get("on_event")
    report: StudyFinished | None = None
    async with aclosing(session.run(executor)) as stream:
        async for event in stream:
            if on_event is not None:
                on_event(event)
            if isinstance(event, StudyFinished):
                report = event
    offered = report.offered(whole=how.get("full", False)) if report is not None else None
    if report is None or report.best is None or offered is None:
        raise TrimtabError(f"study {session.key} has no complete trial", "look at its trials with trimtab show")
    improved = report.check is not None and report.check.improved
    return Result(offered, report.best.metrics, improved, report, session.record.history)
