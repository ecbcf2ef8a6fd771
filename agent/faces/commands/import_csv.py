"""`trimtab import`: measurements in a CSV file become the first trials of a study."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import typer

from ....tools.errors import InputError
from ....tools.targets import Measurement
from ....tools.text import visible
from ...memory.store import Store, default_url
from ...run.importing import Given, import_trials
from ...study.file import load_study
from ...study.sections import Study

_KNOWN = ("state", "reason", "duration_s")
"""Columns that a trial's own export has beside parameters and metrics, and that are read."""
_UNFINISHED = {"running", "pruned", "lost"}
"""States of rows that say nothing of a whole evaluation; they are left out."""
_LARGEST = 256 << 20


def import_csv(file: Path, table: Path, store_url: str | None, *, resume: bool) -> None:
    """Read the table and store its rows as trials.

    Raises:
        StudyFileError, InputError: with every mistake; then nothing is stored.
    """
    study = load_study(file)
    given, ignored = read_csv(study, table)
    found = import_trials(study, Store(store_url or default_url()), given, resume=resume)
    if ignored:
        typer.echo(visible(f"not read: column{'s' if len(ignored) > 1 else ''} {', '.join(ignored)}"), err=True)
    again = f", {found.repeated} measurements of trials that were there" if found.repeated else ""
    typer.echo(f"{found.key}: {found.trials} trials from {len(given)} rows{again}")
    if found.left > 0:
        typer.echo(f"trimtab tune {file} --resume goes on; budget.trials counts them: {found.left} are left")
    else:
        more = study.budget.trials - found.left + 20
        typer.echo(
            f"the budget of {study.budget.trials} trials is reached: trimtab tune {file} --resume --trials {more}"
        )


def read_csv(study: Study, table: Path) -> tuple[list[Given], list[str]]:
    """Return the rows of a table, and the columns that are neither parameters nor metrics and were left out.

    Commas, semicolons or tabs; a heading names parameters and metrics as the study does. A parameter without a column
    is at its default, one without a value too where it is inactive. A row without a value for a metric has failed;
    trials that were running or stopped early are left out.

    Raises:
        InputError: with every mistake.
    """
    text = _text(table)
    first = text.partition("\n")[0]
    rows = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count))
    heading = [_plain(name) for name in next(rows, [])]
    metrics = study.required_metrics
    missing = [name for name in metrics if name not in heading]
    if missing:
        raise InputError(f"{table}:1: there is no column {missing[0]!r}", f"the study needs {', '.join(metrics)}")
    twice = next((name for name in heading if name and heading.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{table}:1: there are two columns {twice!r}", "keep one")
    if not any(name in study.parameters for name in heading):
        known = ", ".join(list(study.parameters)[:10])
        raise InputError(f"{table}:1: no column is a parameter of the study", f"there are {known}")
    given, wrong = [], []
    for cells in rows:
        where = f"{table}:{rows.line_num}"
        if not any(each.strip() for each in cells):
            continue
        if len(cells) != len(heading):
            wrong.append(f"{where}: has {len(cells)} cells, the heading {len(heading)}")
            continue
        row = {name: _plain(each) for name, each in zip(heading, cells, strict=True)}
        if row.get("state") in _UNFINISHED:
            continue
        mistakes = list(_mistakes(row, metrics))
        wrong += [f"{where}: {each}" for each in mistakes]
        if not mistakes:
            values = {name: row[name] for name in heading if name in study.parameters and row[name] != ""}
            given.append(Given(where, values, _measurement(row, metrics)))
    if wrong:
        raise InputError("\n".join(wrong[:20]), "nothing was imported")
    if not given:
        raise InputError(f"{table}: there is no row", "a heading, and a row for each measurement")
    return given, [name for name in heading if name not in (*study.parameters, *metrics, *_KNOWN)]


def _text(table: Path) -> str:
    try:
        if table.stat().st_size > _LARGEST:
            raise InputError(f"{table}: larger than 256 MiB", "split it")
        return table.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InputError(f"{table}: not UTF-8 text", "save it as UTF-8") from None
    except OSError as error:
        raise InputError(f"{table}: cannot be read: {error.strerror}") from None


def _plain(cell: str) -> str:
    """Return a cell as it was before a spreadsheet's guard against formulas."""
    text = cell.strip()
    return text[1:] if text[:1] == "'" and text[1:2] in set("=+-@\t\r") else text


def _mistakes(row: dict[str, str], metrics: Sequence[str]) -> Iterator[str]:
    for name in (*metrics, "duration_s"):
        text = row.get(name, "")
        if text and _number(text) is None:
            yield f"{name}: {text[:40]!r} is no number"
        elif name == "duration_s" and text and (_number(text) or 0.0) < 0:
            yield f"{name}: {text[:40]!r} is below 0"


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _measurement(row: dict[str, str], metrics: Sequence[str]) -> Measurement:
    seconds = _number(row.get("duration_s", "")) or 0.0
    found = {name: float(row[name]) for name in metrics if row[name]}
    if row.get("state") == "failed" or len(found) < len(metrics):
        reason = row.get("reason") or "it has no result"
        return Measurement(state="failed", reason=f"elsewhere: {reason}", duration_s=seconds)
    return Measurement(state="complete", metrics=found, duration_s=seconds)
