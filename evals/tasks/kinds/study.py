"""Live systems: a study file is run as it stands, in the sandbox, on this machine."""

import tomllib

from ....agent.study.file import load_study
from ....tools.errors import InputError
from ..card import Card
from ..task import Task


def build(card: Card, dataset: str) -> Task:
    """Return the task of the study file that `options.study` names, relative to the card.

    Raises:
        InputError: it is not there (the examples come with a checkout, not with the package), or is wrong.
    """
    del dataset
    path = (card.folder / card.options.get("study", "study.toml")).resolve()
    if not path.is_file():
        raise InputError(f"task {card.folder.name}: {path} does not exist", "run it from a checkout of trimtab")
    load_study(path)
    sections = tomllib.loads(path.read_text(encoding="utf-8"))
    return Task(
        name=card.folder.name,
        card=card,
        sections={name: fields for name, fields in sections.items() if name not in {"budget", "planner", "sampler"}},
        best=card.best_known,
        typical=card.typical,
        directory=path.parent,
    )
