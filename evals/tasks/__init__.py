"""Tasks: what arms are compared on. A folder with a `card.toml` is all it takes to add one.

A card says where the data comes from, its licence, what is measured, the default and the best known. The folders
beside this file are shipped; a suite may name others by their path. How a kind of task is built: `kinds/`.
"""

from collections.abc import Callable, Iterable
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from ...tools.errors import InputError
from ...tools.plugins import Registry
from .card import Card, read_card
from .task import SHIPPED, Task

KINDS: Registry[Callable[[Card, str], Task]] = Registry(
    "kind of task",
    "trimtab.task_kinds",
    {name: f"{__name__}.kinds.{name}:build" for name in ("table", "hpo_bench", "function", "study", "training")},
)


def task_names() -> list[str]:
    """Return the names of all shipped tasks: the folder, and the data set where a folder holds several."""
    return [name for card in cards() for name in _names(card)]


def expand(patterns: Iterable[str], directory: Path) -> list[str]:
    """Return the tasks that names, globs (`systems/*`) or paths of folders beside a suite stand for, each once.

    Raises:
        InputError: one of them stands for nothing.
    """
    found: dict[str, None] = {}
    for pattern in patterns:
        folder = directory / pattern
        if (folder / "card.toml").is_file():
            names = [str(folder.resolve()) + name.removeprefix(folder.name) for name in _names(read_card(folder))]
        else:
            names = [name for name in task_names() if fnmatchcase(name, pattern)]
        if not names:
            shown = ", ".join(sorted({card.folder.name for card in cards()}))
            raise InputError(f"no task is called {pattern!r}", f"shipped: {shown} (as NAME/*), or a folder's path")
        found |= dict.fromkeys(names)
    return list(found)


@cache
def load_task(name: str) -> Task:
    """Return a task by its name as `expand` gives it.

    Raises:
        InputError: it is unknown, or what it needs is not installed.
    """
    for folder, dataset in ((SHIPPED / name, ""), ((SHIPPED / name).parent, Path(name).name)):
        if (folder / "card.toml").is_file():
            card = read_card(folder)
            if dataset in (card.datasets or [""]):
                return KINDS[card.kind](card, dataset)
    raise InputError(f"unknown task {name!r}", "trimtab eval tasks lists them")


@cache
def cards() -> tuple[Card, ...]:
    """Return the cards of all shipped tasks."""
    return tuple(read_card(path.parent) for path in sorted(SHIPPED.glob("*/card.toml")))


def _names(card: Card) -> list[str]:
    return [f"{card.folder.name}/{each}" for each in card.datasets] or [card.folder.name]
