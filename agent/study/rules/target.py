"""Rules of the study file about which system is tuned, and about the target's own commands."""

import ast
from collections.abc import Iterator
from pathlib import Path

from ....tools.spelling import did_you_mean
from ....tools.targets.rendering.template import names_in
from ....tools.targets.section import SHORTHAND
from ..sections import Study
from .expressions import Finding

_ALWAYS = ("study_dir", "python", "worker")
_PER_EVALUATION = {"before", "after"}


def named_once(study: Study, _directory: Path) -> Iterator[Finding]:
    """What is run is said in one place: the section, or as shorthand in [evaluation]."""
    said = sorted(SHORTHAND & study.evaluation.model_fields_set)
    if study.target is not None and said:
        yield ("evaluation", said[0]), "belongs to [target] where there is one: move it there"


def function(study: Study, directory: Path) -> Iterator[Finding]:
    """The module of a Python target is there."""
    if study.program.python is not None:
        module = study.program.python.partition(":")[0].replace(".", "/")
        if not (directory / f"{module}.py").is_file() and not (directory / module / "__init__.py").is_file():
            yield study.place_of("python"), f"there is no {module}.py beside the study file"
        elif (directory / f"{module}.py").is_file():
            yield from _signature(study, directory / f"{module}.py")


def _signature(study: Study, file: Path) -> Iterator[Finding]:
    """The function is there, and takes what it will be given. The module is read, never imported."""
    name, place = str(study.program.python).partition(":")[2], study.place_of("python")
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError as error:
        yield place, f"{file}:{error.lineno}: {error.msg}"
        return
    except (OSError, UnicodeDecodeError, ValueError):
        return
    functions = {each.name: each for each in tree.body if isinstance(each, ast.FunctionDef)}
    if name not in functions:
        if functions and not any(isinstance(each, ast.ImportFrom | ast.Assign | ast.If) for each in tree.body):
            yield place, f"there is no function {name!r} in {file.name}{did_you_mean(name, functions)}"
        return
    arguments = functions[name].args
    known = {*study.parameters, "seed", "fidelity"}
    optional = len(arguments.defaults)
    needed = [each.arg for each in [*arguments.posonlyargs, *arguments.args][: -optional or None]]
    needed += [each.arg for each, value in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True) if not value]
    by_name = any(each in study.parameters for each in needed)
    for each in needed if by_name or len(needed) > 1 else []:
        if each not in known and (by_name or each != needed[0]):
            guess = did_you_mean(each, known)
            yield place, f"{name} takes {each!r}, which is no parameter, seed or fidelity{guess}"


def hooks(study: Study, _directory: Path) -> Iterator[Finding]:
    """The places in the target's own commands are filled by something when they run."""
    for name in study.target.hooks if study.target is not None else ():
        known = [*_ALWAYS, *([*study.parameters, *study.derived, "seed"] if name in _PER_EVALUATION else [])]
        for word in getattr(study.target, name).command:
            try:
                unknown = sorted(set(names_in(word)) - set(known))
            except ValueError as error:
                yield ("target", name), f"{word[:80]!r}: {error}"
                continue
            for each in unknown:
                guess = did_you_mean(each, known, shown="{{{}}}".format)
                yield ("target", name), f"{{{each}}} is nothing that {name} knows{guess}"


def service(study: Study, _directory: Path) -> Iterator[Finding]:
    """The server under test restarts on parameters that there are, and stops with what is known then."""
    wanted = study.target.service if study.target is not None else None
    if wanted is None:
        return
    for name in wanted.restart_on or []:
        if name not in study.parameters:
            yield ("target", "service", "restart_on"), f"{name!r} is no parameter{did_you_mean(name, study.parameters)}"
    if wanted.fixed_port and study.evaluation.workers > 1:
        yield (
            ("target", "service", "ready", "port"),
            f"{study.evaluation.workers} workers start a server each: write '{{port}}', here and in start",
        )
    known = ["pid", "port", *_ALWAYS]
    for word in wanted.stop or []:
        for each in sorted(set(names_in(word)) - set(known)):
            guess = did_you_mean(each, known, shown="{{{}}}".format)
            yield ("target", "service", "stop"), f"{{{each}}} is nothing that stop knows{guess}"
