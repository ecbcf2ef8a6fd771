"""`trimtab memory`: what is remembered across studies, for people: look, forget, take along, judge."""

import dataclasses
import datetime
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import typer

from ....tools.errors import InputError
from ...memory.lessons import contradicted, state_of, sureness, words_of
from ...memory.recollection import Asking, recollect
from ...memory.store import Store, default_url
from ...memory.store.lessons import StoredLesson
from ...run.proposals.opening import find_study
from ...study.apply import write
from ...study.words import words
from .apply import agrees_to


def search(wanted: str, store_url: str | None, *, limit: int, as_json: bool) -> None:
    """Print what is similar to a stored study, or whose words match."""
    store = Store(store_url or default_url())
    known = {each.key for each in store.listing()}
    found = list(_like(store, wanted) if wanted in known else _matching(store, wanted, limit))
    for each in found:
        typer.echo(json.dumps(each) if as_json else _shown(each))
    if not found and not as_json:
        typer.echo(f"nothing in memory matches {wanted!r}")


def _like(store: Store, key: str) -> Iterator[dict[str, object]]:
    found = find_study(store, key)
    memory = recollect(store, found.study, Asking(key=key))
    for each in memory.similar:
        why = f"similarity {each.similarity:.2f}: parameters in common, same objectives"
        yield {"study": each.key, "why": why, "best": dict(each.configuration), "metrics": dict(each.metrics)}
    for lesson in memory.lessons:
        yield {"lesson": lesson.number, "why": f"confidence {lesson.confidence:.2f}", "says": lesson.words}


def _matching(store: Store, wanted: str, limit: int) -> Iterator[dict[str, object]]:
    hits = store.find_text(wanted, limit)
    keys = {each.id: each.key for each in store.studies()} if hits else {}
    lessons = {
        each.number: each for each in store.lessons(numbers=[hit.number for hit in hits if hit.kind == "lesson"])
    }
    for hit in hits:
        why = f"has the word{'s' if len(hit.words) > 1 else ''} {', '.join(hit.words)}"
        if hit.kind == "study":
            yield {"study": keys[hit.number], "why": why}
        else:
            yield {"lesson": hit.number, "why": why, "says": words_of(lessons[hit.number])}


def _shown(each: dict[str, object]) -> str:
    name = f"study {each['study']}" if "study" in each else f"lesson {each['lesson']}"
    best = each.get("best")
    said = words(best) if isinstance(best, dict) else str(each.get("says", ""))
    return f"{name} ({each['why']}){f': {said}' if said else ''}"


def print_lessons(store_url: str | None, *, everything: bool, as_json: bool) -> None:
    """Print the lessons that are told to studies; with `everything` also those that are not."""
    store = Store(store_url or default_url())
    known = store.lessons()
    shown = [each for each in known if everything or state_of(each) == "active"]
    for each in shown:
        typer.echo(json.dumps(_data(each, known)) if as_json else _line(each, known))
    if not shown and not as_json:
        typer.echo("no lessons yet: they come from checked studies with an ablation, and from regions that failed")


def _data(lesson: StoredLesson, known: list[StoredLesson]) -> dict[str, object]:
    told = {"state": state_of(lesson), "sureness": sureness(lesson), "says": words_of(lesson)}
    return {**dataclasses.asdict(lesson), **told, "contradicts": contradicted(lesson, known)}


def _line(lesson: StoredLesson, known: list[StoredLesson]) -> str:
    state = state_of(lesson)
    record = f"{lesson.confirmed} confirmed, {lesson.refuted} refuted, sureness {sureness(lesson):.2f}"
    against = contradicted(lesson, known)
    notes = [
        f"from {lesson.study or lesson.author}",
        record,
        *([f"of {lesson.system}"] if lesson.system else []),
        *([state] if state != "active" else []),
        *([f"contradicts lesson {', '.join(map(str, against))}"] if against else []),
    ]
    return f"{lesson.number}  {words_of(lesson)}  ({'; '.join(notes)})"


def show(number: int, store_url: str | None, *, as_json: bool) -> None:
    """Print a lesson with its evidence, and what each later study said of it.

    Raises:
        InputError: there is none of this number.
    """
    store = Store(store_url or default_url())
    known = store.lessons()
    lesson = _lesson(known, number)
    verdicts = store.verdicts(number)
    if as_json:
        said = [{"study": key, "used": used, "verdict": verdict} for key, used, verdict in verdicts]
        typer.echo(json.dumps({**_data(lesson, known), "verdicts": said}, indent=2))
        return
    typer.echo(_line(lesson, known))
    made = datetime.datetime.fromtimestamp(lesson.created).astimezone().strftime("%Y-%m-%d %H:%M")
    typer.echo(f"made {made} by {lesson.author}, in {lesson.project or 'no project'}")
    trials = ", ".join(map(str, lesson.statement.get("trials", [])))
    typer.echo(f"evidence: trials {trials} of {lesson.study or 'a study elsewhere'}; learned on {_machine(lesson)}")
    for key, used, verdict in verdicts:
        typer.echo(f"{key}: {verdict or 'could not tell'}{', used it' if used else ''}")


def _machine(lesson: StoredLesson) -> str:
    machine = lesson.statement.get("machine") or {}
    if not machine:
        return "an unknown machine"
    return f"{machine.get('cores')} cores, {float(machine.get('memory', 0)) / 2**30:.3g} GiB"


def _lesson(known: list[StoredLesson], number: int) -> StoredLesson:
    found = next((each for each in known if each.number == number), None)
    if found is None:
        raise InputError(f"no lesson {number}", "trimtab memory lessons --all lists them")
    return found


def forget(studies: list[str], lessons: list[int], days: float | None, store_url: str | None, *, ask: bool) -> bool:
    """Delete studies, lessons, and finished studies older than so many days; returns whether that was done.

    Raises:
        InputError: nothing is named, or something that is named is not there.
    """
    from .delete import delete_studies

    if not studies and not lessons and days is None:
        raise InputError("nothing to forget", "give --study KEY, --lesson NUMBER or --older-than DAYS")
    store = Store(store_url or default_url())
    known = store.lessons()
    said = [words_of(_lesson(known, number)) for number in lessons]
    old = [] if days is None else [
        each.key for each in store.listing() if each.created < time.time() - days * 86400 and each.state != "running"
    ]  # fmt: skip
    keys = list(dict.fromkeys([*studies, *old]))
    if lessons:
        what = f"lesson {', '.join(map(str, lessons))}: {'; '.join(said)}"
        if ask and not agrees_to(f"forget {what}?", what):
            return False
        for number in lessons:
            store.forget_lesson(number)
        store.compact()
        typer.echo(f"forgot {what}")
    store.close()
    if keys:
        return delete_studies(keys, store_url, ask=ask)
    if days is not None and not lessons:
        typer.echo(f"no study is older than {days:g} days")
    return True


def export(file: Path, studies: list[str], store_url: str | None) -> None:
    """Write memory as JSON lines to a file, or to standard output."""
    from ...memory.exchange import exported

    store = Store(store_url or default_url())
    text = "\n".join(exported(store, studies or None)) + "\n"
    if str(file) == "-":
        sys.stdout.write(text)
        return
    write(file, text)
    typer.echo(f"wrote {file}: {text.count(chr(10)) - 1} studies and lessons", err=True)


def import_(file: Path, store_url: str | None) -> None:
    """Add what another memory exported to this one, for the project of the folder one is in.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    from ...memory.exchange import import_lines

    store = Store(store_url or default_url())
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: {getattr(error, 'strerror', None) or 'is not UTF-8 text'}", "name a file") from None
    added = import_lines(store, lines, str(file), Path.cwd())
    typer.echo(f"imported {added.studies} studies with {added.trials} trials, and {added.lessons} lessons")


def print_stats(store_url: str | None, *, as_json: bool) -> None:
    """Print whether memory helps, as far as this store can tell."""
    from ...memory.usefulness import usefulness

    found = usefulness(Store(store_url or default_url()))
    if as_json:
        typer.echo(json.dumps(dataclasses.asdict(found)))
        return
    typer.echo(f"{found.studies} finished studies, {found.by_lottery} of them without memory by lottery")
    if found.with_memory is not None:
        typer.echo(f"with memory: 95 % of the gain after {found.with_memory:g} trials (median)")
    if found.without is not None:
        typer.echo(f"without: after {found.without:g} trials (median)")
    if found.saved is None:
        typer.echo("trials saved: cannot be told yet; it takes 5 studies of each kind (memory.lottery = true)")
    else:
        typer.echo("trials saved per study: {:.1f} ({:.1f} to {:.1f})".format(*found.saved))
    if found.harmed is not None:
        typer.echo(f"{found.memory_trials} trials came from memory, {found.harmed:.0%} of them worse than the default")
    typer.echo(f"{found.lessons} lessons, {found.quarantined} in quarantine")
