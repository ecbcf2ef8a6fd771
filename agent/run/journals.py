"""What runs on a store must still undo: journals on this machine's disk, undone by the next run after a kill."""

import fcntl
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from ...tools.ending import EndingError, Step
from ...tools.errors import TrimtabError
from ...tools.sandbox import choose_sandbox
from ...tools.targets import Evaluation, Journal, TargetSection, Wording, Workplace, build_target, isolation_of
from ...tools.targets.kinds import section_of
from ..memory.store import Store
from ..memory.store.ownership import is_alive, owner_of, this_process
from ..place import data_directory
from ..study.sections import Study

ASIDE = "aside-"
"""What the keys begin with under which evaluations beside any run note what they will have to undo."""


@dataclass(frozen=True)
class Undone:
    """A journal that was pending: of which study, and why it could not be undone, '' when it was.

    `left` are lines about what somebody else had changed meanwhile, which stays.
    """

    study: str
    trouble: str = ""
    left: tuple[str, ...] = ()


def journal_folder(store: Store) -> Path:
    """Return where the journals of a store's studies are: beside an SQLite file, else in the user's data."""
    url = make_url(store.shown)
    if url.get_backend_name() == "sqlite" and url.database not in {None, "", ":memory:"}:
        return Path(f"{Path(str(url.database)).resolve()}-journals")
    return data_directory() / "journals" / hashlib.sha256(store.shown.encode()).hexdigest()[:16]


def journal_of(store: Store, key: str, study: Study, worker: int) -> Journal:
    """Return the journal of a worker of the study with this key, which this process runs."""
    header = {
        "study": key,
        "owner": this_process().text,
        "section": study.target.model_dump(mode="json") if study.target is not None else None,
        "evaluation": study.evaluation.model_dump(mode="json"),
        "directory": str(study.directory),
        "wording": study.wording.model_dump(mode="json"),
        "worker": worker,
    }
    return Journal(journal_folder(store) / key / f"{worker}.json", header)


async def undo_pending(store: Store, own: str) -> AsyncIterator[Undone]:
    """Undo what killed runs on this store have left, and yield what became of each. `own` is this run's study.

    Journals of runs that live, and those of other machines, stay, but for the study's own: whoever owns it knows that
    the run before is dead.
    """
    folder = journal_folder(store)
    if not folder.is_dir():
        return
    with _alone(folder):
        for file in sorted(folder.glob("*/*.json")):
            if file.parent.name == own or _is_dead(file):
                yield await _undo(file)


async def undo_study(store: Store, key: str) -> AsyncIterator[Undone]:
    """Undo what runs of one study have left; for whoever owns it."""
    folder = journal_folder(store)
    if folder.is_dir():
        with _alone(folder):
            for file in sorted((folder / key).glob("*.json")):
                yield await _undo(file)


async def undo_aside(store: Store, key: str) -> AsyncIterator[Undone]:
    """Undo what evaluations beside any run have left, where their process is gone."""
    folder = journal_folder(store)
    with _alone(folder):
        for file in sorted((folder / key).glob("*.json")):
            yield await _undo(file) if _is_dead(file) else Undone(key, f"{file}: its process still runs")


def studies_of(store: Store, dsn: str) -> list[str]:
    """Return the keys of the studies whose runs have left something to undo on the server of a DSN."""
    found = []
    for file in sorted(journal_folder(store).glob("*/*.json")):
        try:
            section = Journal(file).header["section"]
        except (TrimtabError, KeyError):
            continue
        if isinstance(section, Mapping) and section.get("dsn") == dsn:
            found.append(file.parent.name)
    return list(dict.fromkeys(found))


def forget(store: Store, key: str) -> int:
    """Remove a study's journals without undoing anything; return how many there were."""
    files = list((journal_folder(store) / key).glob("*.json"))
    for file in files:
        file.unlink(missing_ok=True)
    return len(files)


async def _undo(file: Path) -> Undone:
    try:
        journal = Journal(file)
        target = build_target(*_whereabouts(journal))
    except (TrimtabError, ValueError, KeyError, TypeError) as error:
        return Undone(file.parent.name, f"{file}: {error}")
    failed, cancelled = await Step("restoring", target.restore, target.restore_s).run()
    if failed is None:
        journal.clear()
    if cancelled is not None:
        raise cancelled
    return Undone(file.parent.name, _reason(failed), tuple(journal.left))


def _whereabouts(journal: Journal) -> tuple[Evaluation, Workplace, TargetSection | None]:
    """Return what the target of a journal is built from.

    Raises:
        ValueError, KeyError, TypeError, TrimtabError: the header is none of ours, or its kind is not installed.
    """
    header: dict[str, Any] = journal.header
    evaluation = Evaluation.model_validate(header["evaluation"])
    section = section_of(header["section"])
    if section is not None and not isinstance(section, TargetSection):
        raise TypeError("the target's section is no table")
    place = Workplace(
        choose_sandbox(isolation_of(evaluation, section)),
        Path(header["directory"]),
        wording=Wording.model_validate(header["wording"]),
        worker=int(header["worker"]),
        journal=journal,
    )
    return evaluation, place, section


def _is_dead(file: Path) -> bool:
    """Whether the process that wrote a journal is known to be gone."""
    try:
        return is_alive(owner_of(Journal(file).header["owner"])) is False
    except (TrimtabError, ValueError, KeyError, TypeError):
        return False


def _reason(failed: EndingError | None) -> str:
    return "" if failed is None else failed.message


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes from undoing the same; a kill lets go of it."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
