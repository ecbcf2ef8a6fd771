"""`trimtab studies`: what the store holds, a line each. Plain lines: there may be thousands."""

import dataclasses
import datetime
import json
from collections.abc import Iterator

import typer

from ....tools.text import one_line
from ...memory.store import Store, default_url
from ...memory.store.studies import Listed


def print_studies(store_url: str | None, *, as_json: bool = False) -> None:
    """List all studies, newest first."""
    store = Store(store_url or default_url())
    found = store.listing()
    if as_json:
        for each in found:
            typer.echo(json.dumps(dataclasses.asdict(each)))
        return
    typer.echo("\n".join(_lines(found)) if found else f"no studies in {store.shown}")


def _lines(found: list[Listed]) -> Iterator[str]:
    rows = [("study", "state", "trials", "started", "check"), *map(_row, found)]
    key, state, trials = (max(len(row[column]) for row in rows) for column in range(3))
    for row in rows:
        line = f"{row[0]:<{key}}  {row[1]:<{state}}  {row[2]:>{trials}}  {row[3]:<16}  {row[4]}"
        yield line.rstrip()


def _row(study: Listed) -> tuple[str, str, str, str, str]:
    started = datetime.datetime.fromtimestamp(study.created).astimezone().strftime("%Y-%m-%d %H:%M")
    check = study.check
    verdict = f"{check['ratio']:.2f}x" if check.get("improved") and check.get("ratio") else check.get("verdict", "")
    return study.key, study.state, str(study.trials), started, one_line(str(verdict))
