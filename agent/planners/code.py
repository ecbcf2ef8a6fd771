"""What a planner sees of the program that it may edit, and whether a model may see it at all."""

import ipaddress
from typing import Any
from urllib.parse import urlsplit

from ...tools.targets.code.draft import CodeDraft
from ...tools.targets.code.edits import apply, difference, edits_of, regions_in
from ..models.choice import choose
from ..models.settings import ResolvedModel
from ..study.sections import Study
from .base import Context, Setup

_LONGEST_FILE, _LONGEST_DIFF, _MOST_FILES = 12_000, 4_000, 6


def draft_of(context: Context) -> CodeDraft | None:
    """Return the edit that a thought may work on; it goes on from the best trial. None where nothing may be edited."""
    project, history = context.study.project, context.history
    if project is None:
        return None
    patches = {trial.number: trial.candidate.patch for trial in history.finished}
    best = history.incumbent.number if history.incumbent is not None else 0
    draft = CodeDraft(project, patches, best)
    if context.guard is not None:
        draft.guard = context.guard
    return draft


def program_words(study: Study) -> dict[str, Any] | None:
    """Return what a prompt says of the program: its files, bounded, with their regions; None without one."""
    project = study.project
    if project is None:
        return None
    files = [
        {
            "name": name,
            "regions": list(regions_in(text)),
            "text": text if len(text) <= _LONGEST_FILE else f"{text[:_LONGEST_FILE]}\n(cut off: use the tool read)",
        }
        for name, text in list(project.editable.items())[:_MOST_FILES]
    ]
    section = project.section
    return {
        "files": files,
        "others": [name for name in project.files if name not in project.editable][:40],
        "guard": [" ".join(words) for words in section.guard],
        "judged": section.judge is not None,
        "max_files": section.max_files,
        "max_lines": section.max_lines,
    }


def parent_words(context: Context) -> dict[str, Any] | None:
    """Return what a prompt says of the code that is gone on from: the trial's number, and its difference."""
    project, best = context.study.project, context.history.incumbent
    if project is None or best is None:
        return None
    after = apply(edits_of(best.candidate.patch), project.editable)
    return {"trial": best.number, "diff": difference(project.editable, after)[:_LONGEST_DIFF]}


def wants_source(setup: Setup) -> bool:
    """Whether a model on another machine would plan for a study with code, and nobody has said what it may see."""
    study = setup.study
    if study.code is None or study.code.send or setup.recording is not None:
        return False
    if study.planner.name not in {"auto", "model"}:
        return False
    found = choose(study.model).model
    return found is not None and not _is_here(found)


def may_be_sent(study: Study, model: ResolvedModel) -> bool:
    """Whether the model may see the source: it is on this machine, or the study says so."""
    return study.code is not None and (study.code.send or _is_here(model))


def _is_here(model: ResolvedModel) -> bool:
    if model.gguf is not None:
        return True
    host = urlsplit(model.base_url or "").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
