"""`trimtab runs`, `attach` and `stop`: what runs, whoever started it."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import typer

from ....tools.errors import InputError
from ...memory.store import Store, default_url
from ...study.file import load_study
from ..worker import launch, log_of

_POLL_S = 0.25
_ANSWERS_S = 30.0


def detach(file: Path, overrides: dict[str, dict[str, Any]], store_url: str | None, *, resume: bool) -> None:
    """Start a study in a process of its own, and say how to look at it."""
    url = store_url or default_url()
    store = Store(url)
    study = load_study(file, overrides)
    stored = store.latest(study.name) if resume else None
    if resume and stored is None:
        raise InputError(f"no study named {study.name!r} in the store", "run it without --resume first")
    run = launch(store, url, study, resume=stored.key if stored is not None else None)
    typer.echo(f"{run.id}: {study.name} runs in a process of its own")
    typer.echo(f"trimtab attach {run.id} shows it; trimtab stop {run.id} ends it; trimtab runs lists all", err=True)


def print_runs(store_url: str | None, *, as_json: bool, everything: bool) -> None:
    """List the runs that are not over, newest first; with `everything` also those that are."""
    store = Store(store_url or default_url())
    found = [each for each in store.runs() if everything or not each.over]
    if as_json:
        for each in found:
            data = {"id": each.id, "name": each.name, "study": each.study, "state": each.state, "message": each.message}
            typer.echo(json.dumps({**data, "created": each.created}))
        return
    for each in found:
        typer.echo(
            f"{each.id}  {each.state:<8}  {each.study or each.name}{f'  {each.message}' if each.message else ''}"
        )
    if not found:
        typer.echo("nothing runs (--all: also what has ended)")


def attach(name: str, store_url: str | None) -> int:
    """Show what a run says until it is over; Ctrl-C leaves it running. Returns its exit code."""
    store = Store(store_url or default_url())
    run = store.run(name)
    log, at = log_of(run.id), 0
    try:
        while True:
            run = store.run(run.id)
            at = _print_from(log, at)
            if run.over:
                _print_from(log, at)
                typer.echo(f"{run.id} has {run.state}{f': {run.message}' if run.message else ''}", err=True)
                return 0 if run.state == "ended" else 1
            time.sleep(_POLL_S)
    except KeyboardInterrupt:
        typer.echo(f"{run.id} goes on; trimtab stop {run.id} ends it", err=True)
        return 130


def _print_from(log: Path, at: int) -> int:
    try:
        with log.open("rb") as file:
            file.seek(at)
            new = file.read()
    except OSError:  # a run in the foreground, or on another machine, has no log here
        return at
    sys.stdout.write(new.decode(errors="replace"))
    sys.stdout.flush()
    return at + len(new)


def ask(name: str, verb: str, store_url: str | None) -> str:
    """Ask something of a run, and return its answer in words.

    Raises:
        InputError: there is no such run, it is over, or it did not answer.
    """
    store = Store(store_url or default_url())
    run = store.run(name)
    if run.over:
        raise InputError(f"{run.id} is over ({run.state})", "trimtab runs lists what runs")
    number = store.add_command(run.id, verb, {}, "a person")
    deadline = time.monotonic() + _ANSWERS_S
    while time.monotonic() < deadline:
        answer = store.command(run.id, number).answer
        if answer is not None:
            return f"{run.id}: {answer.get('done') or answer.get('error')}"
        if store.run(run.id).over:
            return f"{run.id} has ended"
        time.sleep(_POLL_S)
    raise InputError(f"{run.id} does not answer", f"its log: {log_of(run.id)}")
