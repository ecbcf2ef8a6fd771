"""Memory as JSON lines, to take to another machine: studies with their trials, and lessons.

Of paths only the file names are kept, and what is named like a secret is left out. An import never overwrites: it adds
studies under new keys, and says where they came from.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...tools.errors import InputError
from ...tools.text import one_line
from ..study.stored import read_definition
from ..study.versions import VERSION
from ..trials.candidate import Candidate
from ..trials.source import Source
from ..trials.trial import Trial
from .lessons import words_of
from .store import Store
from .store.lessons import StoredLesson
from .store.profiles import Profile

FORMAT = "trimtab memory 1"
_SECRET = re.compile(r"(?i)(api_?key|token|secret|passw|credential|dsn|base_url)")
_PATH = re.compile(r"(?<![\w:/])(/[\w.+-]+){2,}/?|[A-Za-z]:\\[\w\\.+-]+")
_KEPT_SECTIONS = ("study", "parameters", "objectives", "constraints", "forbidden", "derived", "cost", "fidelity")
"""What of a definition memory needs; how things are measured stays at home."""
_TRIAL = ("number", "state", "metrics", "reason", "started", "finished", "duration_s", "values")


@dataclass(frozen=True)
class Imported:
    """What an import added."""

    studies: int
    trials: int
    lessons: int


def exported(store: Store, keys: Iterable[str] | None = None) -> Iterator[str]:
    """Yield the lines of a memory: all of it, or some studies with their lessons."""
    yield json.dumps({"kind": "header", "format": FORMAT})
    lessons = store.lessons()
    for each in store.studies() if keys is None else [store.study(key) for key in keys]:
        definition = read_definition(each.definition, each.definition_version, Path()).study.model_dump(
            mode="json", exclude_none=True, include=set(_KEPT_SECTIONS)
        )
        trials = store.trials(each.id)
        yield json.dumps(
            {
                "kind": "study",
                "key": each.key,
                "name": each.name,
                "created": each.created,
                "definition": scrubbed(definition),
                "trials": [_exported_trial(trial) for trial in trials if trial.state != "running"],
            }
        )  # fmt: skip
        for lesson in lessons:
            if lesson.study == each.key:
                yield json.dumps({"kind": "lesson", **scrubbed(_exported_lesson(lesson))})


def scrubbed(data: Any) -> Any:
    """Return plain data with file names for paths, and without the values of what is named like a secret."""
    if isinstance(data, Mapping):
        return {name: scrubbed(value) for name, value in data.items() if not _names_secret(name, value)}
    if isinstance(data, list | tuple):
        return [scrubbed(each) for each in data]
    return _PATH.sub(_file_name, data) if isinstance(data, str) else data


def _file_name(path: re.Match[str]) -> str:
    return re.split(r"[/\\]", path[0].rstrip("/\\"))[-1]


def _names_secret(name: str, value: object) -> bool:
    return isinstance(value, str) and bool(_SECRET.search(name))


def import_lines(store: Store, lines: Iterable[str], source: str, directory: Path) -> Imported:
    """Add what was exported to a store, for the project of a folder; `source` is where it came from, for messages.

    Raises:
        InputError: a line is not of the format; nothing of it is added, what came before it stays.
    """
    keys: dict[str, int] = {}
    studies = trials = lessons = 0
    for number, line in enumerate(lines, 1):
        try:
            found = json.loads(line)
            kind = _kind_of(found, first=number == 1)
            if kind == "study":
                key, added = _add_study(store, found, source, directory)
                keys[str(found["key"])] = key
                studies, trials = studies + 1, trials + added
            elif kind == "lesson":
                lessons += _add_lesson(store, found, keys, source)
        except (ValueError, TypeError, LookupError, AttributeError, ValidationError) as error:
            why = one_line(str(error), 160) or type(error).__name__
            raise InputError(f"{source}:{number}: {why}", "it needs lines of trimtab memory export") from None
    if not studies and not lessons:
        raise InputError(f"{source}: nothing to import", "it needs lines of trimtab memory export")
    return Imported(studies, trials, lessons)


def _kind_of(found: Mapping[str, Any], *, first: bool) -> str:
    if first and (found["kind"] != "header" or found["format"] != FORMAT):
        raise ValueError("no memory of this format")
    return str(found["kind"])


def _exported_trial(trial: Trial) -> dict[str, Any]:
    found = {name: getattr(trial, name) for name in _TRIAL}
    source = {"source": trial.source.label, "author": trial.source.author}
    return {**scrubbed(found), **source, "configuration": scrubbed(trial.configuration)}


def _exported_lesson(lesson: StoredLesson) -> dict[str, Any]:
    kept = ("trait", "aims", "system", "study", "statement", "author", "created", "confirmed", "refuted", "used")
    data = asdict(lesson)
    return {name: data[name] for name in kept}


def _add_study(store: Store, found: Mapping[str, Any], source: str, directory: Path) -> tuple[int, int]:
    """Add a study with its trials; return its number and how many."""
    given = {**found["definition"], "evaluation": {"command": ["false"]}}  # it is never run here
    reading = read_definition(given, VERSION, directory)
    if reading.left_out or not reading.comparable:
        raise ValueError(f"study {found['key']}: {', '.join(reading.left_out) or 'its definition'} is not understood")
    definition = reading.study.model_dump(mode="json", exclude_none=True)
    trials = [_trial_of(each) for each in found["trials"]]  # all are read before anything is added
    came = {"imported": f"{found['key']} of {source}"}
    stored = store.create_study(str(found["name"]), definition, str(directory), Profile.of(reading.study), came)
    try:
        for trial in trials:
            store.start_trial(stored.id, trial)
            store.finish_trial(stored.id, trial, 0.0)
    finally:
        store.release(stored.id, "finished")
    return stored.id, len(trials)


def _trial_of(data: Mapping[str, Any]) -> Trial:
    metrics = {str(name): float(value) for name, value in data["metrics"].items()}
    return Trial(
        number=int(data["number"]),
        source=Source.of(str(data["source"]), str(data["author"])),
        candidate=Candidate(dict(data["configuration"])),
        state=data["state"],
        metrics=metrics,
        reason=data["reason"],
        started=float(data["started"]),
        finished=data["finished"],
        duration_s=float(data["duration_s"]),
        values=[float(each) for each in data["values"]],
    )


def _add_lesson(store: Store, found: Mapping[str, Any], keys: Mapping[str, int], source: str) -> int:
    """Add a lesson of an imported study, unless it is there word by word."""
    study_id = keys.get(str(found["study"]))
    aims, trait, statement = str(found["aims"]), str(found["trait"]), dict(found["statement"])
    if any(each.statement == statement for each in store.lessons(aims=aims, traits=[trait])):
        return 0
    project = next((each.project for each in store.studies() if each.id == study_id), None)
    author = f"{found['author']} ({Path(source).name})"
    system = found["system"]
    number = store.add_lesson(study_id, trait, aims, system, project, statement, author, "", float(found["created"]))
    store.reword_lesson(number, f"{trait} {words_of(store.lessons(numbers=[number])[0])}")
    return 1
