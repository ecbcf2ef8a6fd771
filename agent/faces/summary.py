"""The result of a study in words: what was found, whether it holds, what mattered, how to apply it."""

from collections.abc import Iterator

from ...tools.expressions import Value
from ..events import AblationStep, MinimalConfiguration, StudyFinished
from ..study.apply import shown
from ..study.parameters import FloatParameter, IntParameter
from ..study.sections import Study
from ..study.space import Configuration
from ..study.words import short
from . import words


def summary_lines(study: Study, report: StudyFinished) -> list[str]:
    """Return the report as plain lines."""
    lines = [f"{report.study}: {report.trials} trials, stopped by {report.stopped_by}", *_counts(report)]
    if report.best is None:
        failed = report.default is not None and report.default.state == "failed"
        hint = "; the default configuration itself failed" if failed else ""
        return [*lines, f"no trial was complete{hint}: look at the reasons with trimtab show {report.study}"]
    lines += _best(study, report)
    lines += [words.race(report.race)] if report.race else []
    for check in report.checks:
        unit = next((each.unit for each in study.objectives if each.metric == check.metric), "")
        lines.append(f"check of {check.metric}: {words.interval(check)}")
        if check.default_median is not None:
            before, after = (
                words.number(check.default_median, unit),
                words.number(check.incumbent_median, unit),
            )
            lines.append(f"  default {before} -> incumbent {after}, medians on seeds the search never saw")
        lines.append(f"  {check.verdict}")
        lines += [f"  {note}" for note in words.beside(check)]
    lines += [f"cut: {each}" for each in report.cut]
    if report.ablation:
        lines.append("what made the difference, from the default to the incumbent:")
        for each in report.ablation:
            changed, effect = words.step(each)
            lines.append(f"  {_mark(each)} {effect:<24} {changed}")
        lines.append("  (* helped, ! hurt: told from no effect, all steps together at 95 %)")
    if report.minimal is not None:
        lines += _minimal(report.minimal)
    if report.check is not None and report.check.improved and (offered := report.offered()) is not None:
        smaller = report.minimal is not None and report.minimal.accepted
        lines.append("how to apply it, without what was not seen to help:" if smaller else "how to apply it:")
        lines += [f"  {line}" for line in shown(study, offered).splitlines()]
        whole = " (--full: the whole incumbent)" if smaller else ""
        lines.append(f"  or to a file: trimtab apply {report.study} FILE{whole}")
    return lines


def _minimal(found: MinimalConfiguration) -> list[str]:
    dropped = ", ".join(
        f"{name}: {words.setting(whole)} -> {words.setting(own)}" for name, (whole, own) in found.dropped.items()
    )
    lines = [f"without what was not seen to help ({dropped}):"]
    lines += [f"  {check.metric}: {words.interval(check)}" for check in found.checks]
    return [*lines, f"  {found.verdict}"]


def _mark(step: AblationStep) -> str:
    if not step.matters or step.ratio is None:
        return " "
    return "*" if step.ratio > 1 else "!"


def _counts(report: StudyFinished) -> list[str]:
    sources = [f"{n} from {name.removeprefix('source ')}" for name, n in report.counts.items() if "source " in name]
    states = [f"{n} {name.removeprefix('state ')}" for name, n in report.counts.items() if "state " in name]
    if again := report.counts.get("retried"):
        states.append(f"{again} evaluation{'s' if again > 1 else ''} run again")
    lines = [
        f"  {', '.join(sources)}; {', '.join(states)}",
        f"  planner {report.planner} ({report.planner_reason}); sampler {report.sampler}; sandbox {report.sandbox}",
    ]
    authors = [f"{n} from {name.removeprefix('author ')}" for name, n in report.counts.items() if "author " in name]
    if report.calls:
        failed = [f"{n} {name}" for name, n in report.calls.items() if name != "ok"]
        lines.append(f"  model: {words.model_spending(report.budget)}; failed calls: {', '.join(failed) or 'none'}")
    if authors or report.problems:
        problems = [f"{n} {name}" for name, n in report.problems.items()]
        lines.append(f"  planner's trials: {', '.join(authors) or 'none'}; unusable: {', '.join(problems) or 'none'}")
    if report.memory:
        trials = [f"{number} because of {_named(because)}" for number, because in report.memory.items()]
        lines.append(f"  from memory: trial {'; '.join(trials)}")
    if report.calibration:
        lines.append(f"  predictions: {report.calibration}")
    return lines


def _named(because: list[str]) -> str:
    """Return what a trial rests on: the first of it, where there is much."""
    more = f" and {len(because) - _NAMED} more" if len(because) > _NAMED else ""
    return ", ".join(because[:_NAMED]) + more


_NAMED = 3


def _best(study: Study, report: StudyFinished) -> list[str]:
    assert report.best is not None
    metrics = ", ".join(f"{name} {words.number(value)}" for name, value in report.best.metrics.items())
    lines = [
        f"best: trial {report.best.trial}: {metrics}",
        f"  changes {words.assignments(report.best.configuration, study.space.default)}",
    ]
    if report.best.edit:
        lines.append(f"  {report.best.edit}: trimtab patch {report.study} shows it, and what it gave")
    ends = [f"{name} = {short(value)}" for name, value in _at_an_end(study, report.best.configuration)]
    if ends:
        lines.append(f"  at the end of what was searched: {', '.join(ends)} (widen it, and go on with --resume)")
    if len(report.front) > 1:
        lines.append(f"  Pareto front: trials {', '.join(str(each.trial) for each in report.front)}")
    return lines


def _at_an_end(study: Study, configuration: Configuration) -> Iterator[tuple[str, Value]]:
    """Yield the numbers that stand at an end of their range, away from the default."""
    for name, value in configuration.items():
        match study.parameters.get(name):
            case FloatParameter(low=low, high=high, default=d) | IntParameter(low=low, high=high, default=d):
                if value != d and value in {low, high}:
                    yield name, value
