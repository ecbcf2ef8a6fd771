"""Drives a session for the command line: picks the face, handles signals, returns the exit code."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import typer

from ...events import Event, Notice, PlannerAnswered, PlannerAsked, StudyFinished, TrialStarted
from ...memory.store import Store, default_url
from ...planners.base import Setup, require_trusted_endpoint
from ...planners.code import wants_source
from ...run.attended import attended
from ...run.session import Session
from ...study.file import load_study
from ...study.sections import Study
from ..live.keys import EscapeKey
from ..outcome import no_interrupts
from .apply import apply_configuration, was_asked_for
from .question import yes

_SEND = "The study has code that may be edited. May its source be sent to the model, which is on another machine?"


class Face(Protocol):
    """Shows events as they come."""

    def show(self, event: Event) -> None:
        """Show one event."""

    def close(self) -> None:
        """Give the terminal back."""


@dataclass(frozen=True)
class RecordingOptions:
    """Where a run is recorded, or replayed from, whole or the model's answers only."""

    record: Path | None = None
    replay: Path | None = None
    strict: bool = True
    replay_model: Path | None = None


def run_study(
    file: Path,
    overrides: Mapping[str, Mapping[str, Any]],
    recording: RecordingOptions,
    *,
    store: str | None,
    resume: bool,
    as_json: bool,
    apply: Path | None,
    ask: bool,
    trust_endpoint: bool = False,
) -> int:
    """Run a study file to its end and return the exit code: 0, 1 without a result, 130 when interrupted."""
    given = {
        section: {name: value for name, value in fields.items() if value is not None}
        for section, fields in overrides.items()
    }
    study = load_study(file, {section: fields for section, fields in given.items() if fields})
    opened = Store(store or default_url())
    setup = Setup(study, opened, recording.record, recording.replay, recording.strict, recording.replay_model)
    asks = not as_json and sys.stdin.isatty() and sys.stdout.isatty()
    require_trusted_endpoint(setup, given=trust_endpoint, ask=_is_trusted if asks else None)
    if asks and wants_source(setup):
        setup = replace(setup, study=study.sending(typer.confirm(_SEND, default=False)))
    if asks:
        setup = replace(setup, study=setup.study.drawing())
    session = Session.open(setup, resume=resume)
    report = asyncio.run(_drive(session, choose_face(study, as_json=as_json), asks=asks))
    for line in session.left:
        typer.echo(line, err=True)
    if report is None:
        return 130
    if session.gave_up:
        typer.echo("gave up; mend it and start anew, or go on with --resume (budget.give_up = false: never)", err=True)
    if report.best is None:
        return 1
    if apply is not None:
        if report.check is not None and report.check.improved:
            agreed = was_asked_for if ask else lambda _file: True
            apply_configuration(study, report.offered() or report.best.configuration, apply, agreed=agreed)
        else:
            typer.echo(f"{apply} was not written: no reliable improvement", err=True)
    return 0


def _is_trusted(about: str) -> bool:
    """Ask the person at the terminal about an endpoint; asked once for each."""
    return typer.confirm(f"{about}. Use it from now on?", default=False)


def choose_face(study: Study, *, as_json: bool) -> Face:
    """Return JSON lines when asked for, live progress on a terminal, else plain lines."""
    if as_json:
        from ..live.jsonl import JsonLines

        return JsonLines()
    if sys.stdout.isatty():
        from ..live.progress import Progress

        return Progress(study)
    from ..live.plain import PlainLines

    return PlainLines(study)


def _listen(escape: EscapeKey, event: Event) -> None:
    """Take keys while the run waits for the planner."""
    if isinstance(event, PlannerAsked) and event.wait_s > 0:
        escape.listen()
    elif isinstance(event, PlannerAnswered | TrialStarted | Notice):
        escape.release()


async def _drive(session: Session, face: Face, *, asks: bool = False) -> StudyFinished | None:
    """Show a session's events; the first interrupt ends it after the running evaluations, the second at once.

    Where it `asks`, the person decides whether a hopeless run goes on; elsewhere it gives up.
    Whatever comes after that, and a terminal that is closed, still leaves every system restored.
    """
    task = asyncio.current_task()
    assert task is not None
    loop, interrupts, interrupted = asyncio.get_running_loop(), 0, asyncio.Event()

    def interrupt() -> None:
        nonlocal interrupts
        interrupts += 1
        interrupted.set()
        if interrupts == 1:
            session.stop()
            typer.echo("finishing the running evaluations; interrupt again to end at once", err=True)
        else:
            if interrupts > 2:
                typer.echo("ending; what was prepared is being restored", err=True)
            task.cancel()

    ends = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) is not signal.SIG_IGN]
    loop.add_signal_handler(signal.SIGINT, interrupt)
    for number in ends:
        loop.add_signal_handler(number, task.cancel)
    report, escape = None, EscapeKey(session.skip)
    try:
        async with attended(session), contextlib.aclosing(session.run()) as stream:
            async for event in stream:
                _listen(escape, event)
                face.show(event)
                if isinstance(event, StudyFinished):
                    report = event
                hopeless = isinstance(event, Notice) and event.kind == "hopeless"
                if hopeless and asks and await yes("Go on all the same?", interrupted):
                    session.go_on()
    except asyncio.CancelledError as error:
        for line in ("interrupted; go on with --resume", *getattr(error, "__notes__", ())):
            typer.echo(line, err=True)
    finally:
        escape.release()
        face.close()
        with no_interrupts():
            for number in (signal.SIGINT, *ends):
                loop.remove_signal_handler(number)
            if report is None and interrupts:
                signal.signal(signal.SIGINT, signal.SIG_IGN)
    return report
