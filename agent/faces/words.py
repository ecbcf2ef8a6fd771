"""Numbers, values and configurations in words, the same on every face."""

from collections.abc import Mapping, Sequence

from ...tools.expressions import Value
from ...tools.text import one_line
from ..events import AblationStep, CheckResult, RaceResult
from ..study.words import short

BARS = "▁▂▃▄▅▆▇█"
"""From the lowest to the highest."""


def number(value: float | None, unit: str = "") -> str:
    """Return a metric to four significant digits."""
    if value is None:
        return "-"
    text = f"{value:.4g}"
    return f"{text} {unit}" if unit else text


def setting(value: Value | None) -> str:
    """Return a parameter's value, floats to five digits; 'inactive' for None."""
    return "inactive" if value is None else short(value)


def seconds(value: float) -> str:
    """Return a duration in words, such as '1 min 05 s'."""
    if value < 60:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def assignments(configuration: Mapping[str, Value], base: Mapping[str, Value] | None = None) -> str:
    """Return 'name=value' words; with `base` only those that differ from it."""
    words = [f"{one_line(name)}={short(v)}" for name, v in configuration.items() if base is None or base.get(name) != v]
    return " ".join(words) or "same as the default"


def model_spending(budget: Mapping[str, Mapping[str, float | None]]) -> str:
    """Return what a model has cost: calls, tokens and dollars, with limits where there are any."""
    parts = []
    for name, form in (
        ("calls", "{:.0f}"),
        ("input_tokens", "{:.0f}"),
        ("output_tokens", "{:.0f}"),
        ("dollars", "{:.4f}"),
    ):
        entry = budget.get(name)
        if entry and (entry["spent"] or entry["limit"] is not None):
            limit = f" of {entry['limit']:g}" if entry["limit"] is not None else ""
            parts.append(f"{form.format(entry['spent'] or 0)}{limit} {name.replace('_', ' ')}")
    return ", ".join(parts)


def sparkline(values: Sequence[float], width: int) -> str:
    """Return the values as a line of bars, the last `width` of them."""
    shown = values[-width:]
    if not shown:
        return ""
    low, span = min(shown), (max(shown) - min(shown)) or 1.0
    return "".join(BARS[round((value - low) / span * (len(BARS) - 1))] for value in shown)


def interval(check: CheckResult) -> str:
    """Return a check's estimate with its interval in words."""
    if check.pairs == 0:
        return "not measured again"
    if check.ratio is not None and check.low is not None and check.high is not None:
        return f"{check.ratio:.2f}x better (95 % interval {check.low:.2f} to {check.high:.2f}, {check.pairs} pairs)"
    if check.ratio is not None:
        return f"{check.ratio:.2f}x better in {check.pairs} pairs, too few for an interval"
    if check.difference is not None:
        value, low, high = check.difference
        return f"better by {value:.4g} (95 % interval {low:.4g} to {high:.4g}, {check.pairs} pairs)"
    return "no pair could be measured"


def beside(check: CheckResult) -> list[str]:
    """Return what stands beside a verdict: constraints, notes, and what so many pairs could have proved."""
    lines = []
    for each in check.constraints:
        if each.incumbent is not None:
            value, low, high = each.incumbent
            lines.append(f"{each.metric} {each.bound}: incumbent {value:.4g} ({low:.4g} to {high:.4g})")
    if check.smallest is not None:
        gain = f"{check.smallest:.2f}x" if check.ratio is not None else f"{check.smallest:.3g}"
        lines.append(f"smallest gain that these pairs could have proved (4 times in 5): {gain}")
    if check.risk is not None:
        lines.append(f"risk that it is no gain: about {percent(check.risk)} (where half of such changes are none)")
    return [*lines, *check.notes]


def percent(share: float) -> str:
    """Return a share to two digits, such as '1.8 %'; what is tiny is said to be below."""
    return f"{100 * share:.2g} %" if share >= 0.0005 else "less than 0.05 %"


def race(results: Sequence[RaceResult]) -> str:
    """Return how the race for the check went, '' where there was none."""
    if not results:
        return ""
    told = [_runner(each) for each in results]
    return f"race of the best {len(results)} for the check: {'; '.join(told)}"


def _runner(each: RaceResult) -> str:
    ratio = f"{each.ratio:.2f}x better than the default" if each.ratio is not None else "no ratio"
    failed = f", failed {each.failed} times" if each.failed else ""
    rounds = f"{each.rounds} round{'s' if each.rounds > 1 else ''}"
    return f"trial {each.trial} {ratio} in {rounds}{failed}{'' if each.stayed else ', left'}"


def step(each: AblationStep) -> tuple[str, str]:
    """Return an ablation step as (what changed, effect)."""
    changed = ", ".join(f"{name}: {setting(old)} -> {setting(new)}" for name, (old, new) in each.parameters.items())
    if each.ratio is None or each.low is None or each.high is None:
        return changed, "could not be measured"
    return changed, f"{each.ratio:.2f}x ({each.low:.2f} to {each.high:.2f})"
