"""Drafts of studies in a conversation: what a person names, and what a model may not write into one.

Neither may it write [code]: which program may be edited, and whether its text may be sent away, a person decides.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ....tools.targets import TargetSection
from ...study.draft import draft


def draft_from_command(command: str, metric: str = "seconds") -> str:
    """Return the text of a study file; see `study.draft`.

    Raises:
        InputError: there is nothing to tune in it.
    """
    return draft(command, Path.cwd(), metric=metric).text


NOT_A_MODELS = ("service", "code")
"""Parts of [target], or sections in short, that only a person writes."""
A_PERSONS: dict[str, tuple[object, ...]] = {
    "approval": (None, {}, {"rules": []}),
    "executor": (None, {}, "local", {"kind": "local"}),
}
"""Sections that only a person writes, with what says nothing: who decides, and which machines get the study."""
DRAFTED_KINDS = ("command", "python")
"""The targets that a model may write: programs, which run in the sandbox."""


def outside_of_sandbox(sections: Mapping[str, Any]) -> str:
    """Return what in the sections of a draft would run, or be read, outside the sandbox; '' where nothing would."""
    return next(_outside(sections), "")


def _outside(sections: Mapping[str, Any]) -> Iterator[str]:
    target = sections.get("target")
    if isinstance(target, Mapping):
        yield from (f"target.{name}" for name in (*TargetSection.HOOKS, *NOT_A_MODELS) if name in target)
        if target.get("kind") not in DRAFTED_KINDS:
            yield f"target.kind = {target.get('kind')!r}"
    yield from (name for name in NOT_A_MODELS if name in sections)
    yield from (name for name, nothing in A_PERSONS.items() if sections.get(name) not in nothing)
    evaluation, model = sections.get("evaluation"), sections.get("model")
    if isinstance(evaluation, Mapping) and evaluation.get("isolation") == "none":
        yield "evaluation.isolation = 'none'"
    if isinstance(model, Mapping) and model.get("base_url") is not None:
        yield f"model.base_url = {model['base_url']!r}"
    files = sections.get("files")
    for name, file in files.items() if isinstance(files, Mapping) else ():
        table = file if isinstance(file, Mapping) else {"template": file}
        for source in (table.get("template"), table.get("base")):
            path = Path(str(source or ""))
            if path.is_absolute() or ".." in path.parts or str(source).startswith("~"):
                yield f"files.{name} = {source!r}"
