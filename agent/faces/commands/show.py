"""`trimtab show`: what the store holds of one study."""

from collections import Counter

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ....tools.errors import InputError
from ....tools.targets.code.edits import edits_of
from ....tools.text import plain
from ...memory.store import Store, default_url
from ...memory.store.rows import StoredStudy
from ...run.proposals.opening import Found, find_study
from ...run.result import numbered, offered_trial, result_of
from ...study.apply import render
from ...study.sections import Study
from ...trials.history import History
from ...trials.lines import edit_words
from ...trials.trial import Trial
from .. import words
from ..summary import summary_lines

_SHOWN = 10


def open_stored(key: str, store_url: str | None) -> tuple[Store, StoredStudy, Study, History]:
    """Return a stored study with its history; say what of its definition is not understood today.

    Raises:
        InputError: there is no such study.
    """
    store = Store(store_url or default_url())
    found = open_found(store, key)
    return store, found.stored, found.study, found.history


def open_found(store: Store, key: str) -> Found:
    """Return a stored study as it can be read today; say what of its definition is not understood.

    Raises:
        InputError: there is no such study.
    """
    found = find_study(store, key)
    if found.left_out:
        places = ", ".join(found.left_out)
        typer.echo(f"note: {found.stored.key} was defined for another trimtab; left out: {places}", err=True)
    return found


def print_study(key: str, store_url: str | None, *, everything: bool) -> None:
    """Print a study's trials, its incumbent and why, and its result."""
    _store, stored, study, history = open_stored(key, store_url)
    console = Console(markup=False)
    console.print(Text(f"{stored.key} ({stored.state})", style="bold"))
    if study.study.description:
        console.print(Text(plain(study.study.description.strip()), style="dim"))
    console.print(_table(study, history, everything=everything))
    reasons = Counter(trial.reason for trial in history.trials if trial.state == "failed")
    for reason, count in reasons.most_common(5):
        console.print(Text(f"{count} failed: {reason}", style="red"))
    best = history.incumbent
    if best is not None:
        why = best.rationale or f"proposed by the sampler {best.source}"
        console.print(Text(f"incumbent: trial {best.number}, {why}"))
    report = result_of(stored)
    if report is not None:
        for line in summary_lines(study, report):
            console.print(Text(line))


def print_trial(key: str, number: int, store_url: str | None) -> None:
    """Print one trial: configuration, where it differs, result, repairs, and its evaluations' logs."""
    store, stored, study, history = open_stored(key, store_url)
    trial, console = numbered(stored, history, number), Console(markup=False)
    console.print(Text(f"{stored.key} trial {number}: {trial.state}, from {trial.source.label}", style="bold"))
    for line in (trial.rationale, trial.reason or ""):
        if line:
            console.print(Text(line))
    table = Table("parameter", "value", "default")
    for name in {**trial.configuration, **study.space.default}:
        mine, default = trial.configuration.get(name), study.space.default.get(name)
        table.add_row(plain(name), _cell(mine), _cell(default), style="bold" if mine != default else "dim")
    console.print(table)
    if trial.candidate.patch is not None:
        console.print(Text(f"{edit_words(trial)}:", style="bold"))
        for edit in edits_of(trial.candidate.patch):
            marked = [f"- {line}" for line in edit.search.splitlines()]
            marked += [f"+ {line}" for line in edit.replace.splitlines()]
            for line in (f"{edit.file}{f', region {edit.region}' if edit.region else ''}", *marked):
                console.print(Text(f"  {plain(line)}", style="dim"))
    for change in trial.changes:
        given = "nothing" if change["given"] is None else repr(change["given"])
        console.print(Text(f"repaired {change['parameter']}: {given} -> {change['used']} ({change['why']})"))
    for each in store.evaluations(stored.id, "tune", number):
        measured = each.measurement
        metrics = " ".join(f"{name}={words.number(value)}" for name, value in measured.metrics.items())
        console.print(
            Text(f"seed {each.seed}: {measured.reason or metrics} ({measured.duration_s:.2f} s)", style="bold")
        )
        for line in measured.log.strip().splitlines():
            console.print(Text(f"  | {line}", style="dim"))


def print_in_form(key: str, trial: int | None, form: str, store_url: str | None) -> None:
    """Print what `apply` writes, or a trial, in a form of the target; say where no check supports it.

    Raises:
        InputError: there is no such study, trial or form, or nothing was measured yet.
    """
    _store, stored, study, history = open_stored(key, store_url)
    if trial is not None:
        chosen = numbered(stored, history, trial)
    else:
        result = result_of(stored)
        found = offered_trial(stored, history, whole=False) or history.incumbent
        if found is None:
            raise InputError(f"{stored.key}: nothing was measured yet", "name a trial with --trial")
        chosen = found
        if result is None or result.check is None or not result.check.improved:
            typer.echo("note: no check supports this configuration", err=True)
    typer.echo(render(study, chosen.configuration, form), nl=False)


def _cell(value: object) -> str:
    return "inactive" if value is None else plain(str(value))


def _table(study: Study, history: History, *, everything: bool) -> Table:
    trials = history.trials if everything else _interesting(history)
    left_out = len(history.trials) - len(trials)
    caption = f"{left_out} more trials: --all" if left_out else None
    table = Table(caption=caption, caption_justify="left")
    metrics = study.required_metrics
    for heading in (
        "trial",
        "source",
        "state",
        *metrics,
        "s",
        "configuration (where it differs from the default)",
    ):
        table.add_column(heading)
    for trial in trials:
        style = "bold green" if trial is history.incumbent else "red" if trial.state == "failed" else ""
        values = [words.number(trial.metrics.get(name)) for name in metrics]
        differs = words.assignments(trial.configuration, study.space.default)
        table.add_row(
            str(trial.number),
            trial.source.label,
            trial.state,
            *values,
            f"{trial.duration_s:.2f}",
            differs,
            style=style,
        )
    return table


def _interesting(history: History) -> list[Trial]:
    """Return the default, the best and the latest trials, in order."""
    is_comparable = history.incumbent is not None
    complete = sorted((t for t in history.trials if t.state == "complete" and is_comparable), key=history.losses)
    chosen = {t.number for t in [*history.trials[:1], *complete[:_SHOWN], *history.trials[-_SHOWN:]]}
    return [trial for trial in history.trials if trial.number in chosen]
