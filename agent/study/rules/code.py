"""Rules of the study file about a program that a planner may edit."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from ....tools.errors import InputError
from ....tools.spelling import did_you_mean
from ....tools.targets.code.constants import constants_in
from ....tools.targets.code.section import CLOCKED
from ....tools.targets.rendering.template import names_in
from ..approval import EDIT, PROPOSE
from ..sections import Study
from .expressions import Finding

_PLACE: tuple[str | int, ...] = ("target", "code")
_OF_STEPS = {
    "guard": ["python", "code"],
    "build": ["python", "code", "work_dir"],
    "input": ["python", "study_dir", "seed", "input"],
    "judge": ["python", "study_dir", "seed", "input", "output"],
}
_WITH_PARAMETERS = {"build", "input", "judge"}


def project(study: Study, _directory: Path) -> Iterator[Finding]:
    """The project can be read, and something in it may be edited."""
    try:
        _project = study.project
    except InputError as error:
        yield _PLACE, str(error)


def out_of_reach(study: Study, _directory: Path) -> Iterator[Finding]:
    """The program sees neither what judges it, nor the seeds of its inputs."""
    if study.code is None:
        return
    for word in study.program.command or []:
        named = _names(word)
        if "study_dir" in named:
            yield study.place_of("command"), "{study_dir} is out of the sight of a program that is edited: use {code}"
        if "seed" in named:
            yield (
                study.place_of("command"),
                "{seed} must not be seen by a program that is edited: code.input makes an input from it, for {input}",
            )
    if not any("code" in _names(word) for word in study.program.command or []) and not study.code.build:
        yield study.place_of("command"), "runs nothing of the edited copy: name {code}, such as {code}/main.py"
    inside = f"{{study_dir}}/{study.code.project}/"
    for step in ("input", "judge"):
        if any(word.startswith(inside) for word in getattr(study.code, step) or []):
            yield (*_PLACE, step), f"is inside of code.project, where a planner can read it: move it out of {inside}"


def steps(study: Study, _directory: Path) -> Iterator[Finding]:
    """The places in the commands around the program are filled by something."""
    for step, places in _OF_STEPS.items() if study.code is not None else ():
        known = [*places, *([*study.parameters, *study.derived] if step in _WITH_PARAMETERS else [])]
        given = getattr(study.code, step) or []
        for words in given if given and isinstance(given[0], list) else [given]:
            for name in sorted({name for word in words for name in _names(word)} - {*known}):
                yield (*_PLACE, step), f"{{{name}}} is nothing that {step} knows{did_you_mean(name, known)}"


def metrics(study: Study, _directory: Path) -> Iterator[Finding]:
    """The metrics are by our clock, or there is a judge that reports them."""
    if study.code is not None and study.code.judge is None:
        for name in study.required_metrics:
            if name not in CLOCKED:
                ours = f"by our clock there are {' and '.join(CLOCKED)}"
                why = f"{name!r} must come from a judge: what a program prints of itself proves nothing ({ours})"
                yield (*_PLACE, "judge"), f"missing: {why}"


def constants(study: Study, _directory: Path) -> Iterator[Finding]:
    """Each constant that a parameter sets stands in a file that may be edited, with the default as its value."""
    for name, parameter in study.parameters.items():
        if parameter.constant is None:
            continue
        place: tuple[str | int, ...] = ("parameters", name, "constant")
        if study.code is None:
            yield place, "is of a program under [code], and there is none"
            continue
        try:
            editable = study.project.editable if study.project is not None else {}
        except InputError:
            return  # which `project` reports
        file, colon, constant = parameter.constant.rpartition(":")
        if not colon:
            yield place, f"{parameter.constant!r} is no FILE:NAME, such as {next(iter(editable), 'a.py')}:LIMIT"
        elif file not in editable:
            yield place, f"{file!r} is none of the files that may be edited: {', '.join(editable)}"
        elif constant not in (known := constants_in(file, editable[file])):
            yield place, f"{file} has no constant {constant!r}{did_you_mean(constant, known)}: {', '.join(known)}"
        elif known[constant].value != parameter.default:
            there = known[constant].value
            yield place, f"{constant} is {there!r} in {file}, and the default of {name} is {parameter.default!r}"


def approval(study: Study, _directory: Path) -> Iterator[Finding]:
    """Each approval rule is about something that a planner can do here."""
    for index, rule in enumerate(study.approval.rules):
        tools = [name for name in (PROPOSE, EDIT) if fnmatchcase(name, rule.tool)]
        place: tuple[str | int, ...] = ("approval", "rules", index)
        if not tools:
            yield (*place, "tool"), f"{rule.tool!r} is nothing that a planner does: '{PROPOSE}', '{EDIT}' or '*'"
        elif EDIT not in tools and (rule.path is not None or rule.max_lines is not None):
            yield (*place, "tool"), f"a configuration has neither files nor lines: say tool = '{EDIT}'"


def _names(word: str) -> set[str]:
    try:
        return set(names_in(word))
    except ValueError:  # which `places` reports
        return set()
