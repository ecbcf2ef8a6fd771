"""Runs a study's guard on an edit of its program for a planner that asks, without measuring anything."""

from pathlib import Path

from ...tools.errors import TrimtabError
from ...tools.sandbox import choose_sandbox
from ...tools.targets import Workplace, build_target, isolation_of
from ...tools.text import fenced
from ..study.sections import Study
from ..trials.candidate import Candidate


async def guarded(study: Study, hidden: tuple[Path, ...], patch: str | None) -> str:
    """Return what came of it, in words."""
    place = Workplace(
        choose_sandbox(isolation_of(study.evaluation, study.target)),
        study.directory,
        hidden=hidden,
        wording=study.wording,
    )
    target = build_target(study.evaluation, place, study.target)
    try:
        await target.prepare()
        await target.apply(Candidate(study.space.default, patch))
    except TrimtabError as error:
        return f"it does not pass: {fenced(str(error))}"
    finally:
        await target.restore()
    return "it passes" if study.code is not None and study.code.guard else "there is no guard; its syntax is right"
