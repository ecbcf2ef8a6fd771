"""Rules of the study file about parameters that are settings of a system, by the catalogue of that system."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from ....tools.catalogue import Knob, load_catalogue
from ....tools.catalogue.units import converted
from ....tools.spelling import closest, did_you_mean
from ..parameters import FloatParameter, IntParameter, Parameter
from ..sections import Study
from .expressions import Finding


def of_the_system(study: Study, _directory: Path) -> Iterator[Finding]:
    """Parameters are settings that may be tuned, within the system's bounds."""
    if study.target is None or not study.target.SETTINGS:
        return
    knobs = load_catalogue(study.target.SETTINGS).knobs
    allowed = [*getattr(study.target, "allow", ())]
    for index, name in enumerate(allowed):
        if name not in study.parameters:
            yield ("target", "allow", index), f"{name!r} is no parameter{did_you_mean(name, study.parameters)}"
    for name, parameter in study.parameters.items():
        if name in knobs:
            yield from _allowed(name, knobs[name], allowed)
            yield from _fitting(name, parameter, knobs[name])
        elif (near := closest(name, knobs, 0.85)) is not None:
            yield ("parameters", name), f"{study.target.SETTINGS} has no such setting; did you mean {near!r}?"


def measured(study: Study, _directory: Path) -> Iterator[Finding]:
    """One system is measured by one worker, and wholly."""
    target = study.target
    if target is not None and target.shared and study.evaluation.workers > 1:
        yield ("evaluation", "workers"), f"{study.evaluation.workers} workers would change one server: only 1 can"
    if target is not None and target.SETTINGS and study.fidelity is not None:
        yield ("fidelity",), f"a {target.kind} target reports no intermediate values: drop the section"


def metrics(study: Study, _directory: Path) -> Iterator[Finding]:
    """What is asked for is measured."""
    known = study.target.METRICS if study.target is not None else ()
    for section in ("objectives", "constraints") if known else ():
        for index, each in enumerate(getattr(study, section)):
            if each.metric not in known:
                guess = did_you_mean(each.metric, known) or f"; it measures {', '.join(known)}"
                yield (section, index, "metric"), f"{each.metric!r} is not measured by this target{guess}"


def files(study: Study, directory: Path) -> Iterator[Finding]:
    """The files of the load are there."""
    load = getattr(study.target, "workload", None)
    named = [("scripts", file) for file, _weight in getattr(load, "files", ())]
    named += [(field, str(file)) for field in ("load", "reset") if (file := getattr(load, field, None)) is not None]
    for field, file in named:
        if not (directory / file).is_file():
            yield ("target", "workload", field), f"there is no {file} beside the study file"


def _allowed(name: str, knob: Knob, allowed: list[str]) -> Iterator[Finding]:
    if knob.excluded and name not in allowed:
        why = f"is not tuned ({knob.excluded}: {knob.description.rstrip('.')})"
        yield ("parameters", name), f"{why}; to mean it, set [target] allow = [{name!r}]"


def _fitting(name: str, parameter: Parameter, knob: Knob) -> Iterator[Finding]:
    if isinstance(parameter, FloatParameter | IntParameter):
        if knob.type not in {"integer", "real", None}:
            yield ("parameters", name, "type"), f"{parameter.type!r}, but {name} is of type {knob.type}"
        else:
            ends = {"low": parameter.low, "high": parameter.high, "default": parameter.default}
            yield from _within(name, parameter.unit, ends, knob)
    elif knob.type == "choice":
        choices: list[object] = list(getattr(parameter, "choices", [True, False]))
        for choice in choices:
            if _word(choice) not in knob.choices:
                yield ("parameters", name, "choices"), f"{choice!r} is not one of {', '.join(knob.choices)}"
    elif knob.type == "boolean" and parameter.type != "bool":
        yield ("parameters", name, "type"), f"{parameter.type!r}, but {name} is on or off: type = 'bool'"


def _within(name: str, unit: str, ends: Mapping[str, float], knob: Knob) -> Iterator[Finding]:
    for field, value in ends.items():
        there = converted(value, unit, knob.unit)
        if there is None:
            meant = f"unit = {knob.unit!r}" if knob.unit else "no unit"
            yield ("parameters", name), f"unit {unit!r} does not fit: {name} has {meant}"
            return
        low, high = knob.minimum, knob.maximum
        if (low is not None and there < low) or (high is not None and there > high):
            bounds = f"{knob.minimum:g} to {knob.maximum:g} {knob.unit}".rstrip()
            yield ("parameters", name, field), f"{value:g} {unit}".rstrip() + f" is not what the server takes: {bounds}"


def _word(choice: object) -> str:
    return ("on" if choice else "off") if isinstance(choice, bool) else str(choice)
