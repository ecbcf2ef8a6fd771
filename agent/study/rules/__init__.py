"""Rules that concern several sections of a study at once. One function a rule, listed in `RULES`."""

from collections.abc import Callable, Iterator
from pathlib import Path

from ....tools.catalogue import catalogue_names
from ....tools.spelling import closest, did_you_mean
from ...parts import PLANNERS, PRUNERS, SAMPLERS
from ..sections import Study
from . import code, expressions, places, settings, target
from .expressions import Finding

__all__ = ["Finding", "findings"]


def findings(study: Study, directory: Path) -> list[Finding]:
    """Return everything wrong with a study beyond its single fields, as (path in the file, message)."""
    found = [finding for rule in RULES for finding in rule(study, directory)]
    if not found:  # these need a space that can be built
        found = list(_default_allowed(study))
    return found


def _metrics(study: Study, _directory: Path) -> Iterator[Finding]:
    for section in ("objectives", "constraints"):
        seen: set[str] = set()
        for index, each in enumerate(getattr(study, section)):
            if each.metric in seen:
                yield (section, index, "metric"), f"{each.metric!r} is listed twice: keep one"
            seen.add(each.metric)
    yield from _unread(study)


def _unread(study: Study) -> Iterator[Finding]:
    """Metrics for which there is no reading: where all are read by patterns, and where a name is nearly that of one."""
    evaluation = study.program
    only_patterns = evaluation.patterns and not evaluation.metrics and evaluation.preset is None
    for name in study.required_metrics:
        if name in evaluation.readings:
            continue
        if only_patterns:
            yield study.place_of("patterns"), f"has no pattern for metric {name!r}: add {name} = '...'"
        elif (near := closest(name, evaluation.readings, 0.75)) is not None:
            path = "metrics" if near in evaluation.metrics else "preset"
            yield study.place_of(path), f"has no metric {name!r}; did you mean {near!r}?"


def _names_of_parts(study: Study, _directory: Path) -> Iterator[Finding]:
    parts = (
        ("sampler", study.sampler.name, [*SAMPLERS]),
        ("planner", study.planner.name, [*PLANNERS]),
        *([("fidelity", study.fidelity.pruner, [*PRUNERS])] if study.fidelity else []),
    )
    for section, name, known in parts:
        if name not in known:
            yield (section, "pruner" if section == "fidelity" else "name"), _unknown(name, known)
    for index, name in enumerate(study.gate.samplers):
        if name not in SAMPLERS:
            yield ("gate", "samplers", index), _unknown(name, [*SAMPLERS])
    if study.study.system is not None and study.study.system not in catalogue_names():
        yield ("study", "system"), f"no catalogue: {_unknown(study.study.system, catalogue_names())}"


def _workers(study: Study, _directory: Path) -> Iterator[Finding]:
    most = study.executor.MOST_WORKERS
    if study.evaluation.workers > most:
        yield ("evaluation", "workers"), f"is {study.evaluation.workers}: {study.executor.kind} has at most {most}"


def _unknown(name: str, known: list[str]) -> str:
    return f"{name!r} is not one of {', '.join(known)}{did_you_mean(name, known)}"


def _focus(study: Study, _directory: Path) -> Iterator[Finding]:
    for name, focus in study.focus.items():
        parameter = study.parameters.get(name)
        if parameter is None:
            yield ("focus", name), _unknown(name, list(study.parameters))
        elif focus.values is None and parameter.type not in {"float", "int"}:
            yield ("focus", name), f"{name} is {parameter.type}: give values = [...]"
        else:
            for value in focus.values or [v for v in (focus.low, focus.high) if v is not None]:
                mended, why = parameter.mend(value)
                if why:
                    yield ("focus", name), f"{value!r} is not allowed: {why} (nearest: {mended!r})"


def _goals(study: Study, _directory: Path) -> Iterator[Finding]:
    with_score = [each.desirability is not None for each in study.objectives]
    if any(with_score) and not all(with_score):
        yield ("objectives", with_score.index(False), "desirability"), "missing: all objectives need one, or none"
    if study.fidelity is not None and study.goals > 1:
        yield ("fidelity",), "early stopping needs one objective, or a desirability for each"
    most = study.evaluation.max_repeats
    if most is not None and most > study.evaluation.repeats and study.goals > 1:
        yield ("evaluation", "max_repeats"), "adaptive repeats need one objective, or a desirability for each"
    if study.cost is None and "carbs" in {study.sampler.name, *study.gate.samplers}:
        yield ("sampler", "name"), "'carbs' weighs results against their cost: add [cost] with metric = '...'"


def _default_allowed(study: Study) -> Iterator[Finding]:
    clause = study.space.violated(study.space.default)
    if clause is not None:
        index = study.space.forbidden.index(clause)
        yield (
            ("forbidden", index, "when"),
            f"forbids the default configuration ({clause.reason}): change one of them",
        )


RULES: tuple[Callable[[Study, Path], Iterator[Finding]], ...] = (
    expressions.parameter_names,
    expressions.derived,
    expressions.conditions,
    expressions.clauses,
    _metrics,
    places.shell,
    places.places,
    places.files,
    places.all_used,
    places.whole_words,
    places.program,
    target.named_once,
    target.function,
    target.hooks,
    target.service,
    settings.of_the_system,
    settings.measured,
    settings.metrics,
    settings.files,
    code.project,
    code.out_of_reach,
    code.steps,
    code.metrics,
    code.constants,
    code.approval,
    _names_of_parts,
    _workers,
    _goals,
    _focus,
)
