"""The charts of the report as SVG text: small, crisp, and without a script."""

import math
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from markupsafe import Markup, escape

from ...agent.statistics import Interval
from ..results import Results
from ..statistics import RESAMPLES, Values

_PALETTE = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#8c6d1f",
    "#56b4e9",
    "#e69f00",
    "#7a52a8",
    "#5b8c2a",
    "#b03060",
)
"""Okabe and Ito's colours, which colour-blind readers can tell apart, and a few more."""

_LETTER = 9
"""Width of a letter of a label, generously."""


def colours(arms: Sequence[str], reference: str) -> dict[str, str]:
    """Return a colour per arm; the reference is grey."""
    others = [arm for arm in arms if arm != reference]
    found = {arm: _PALETTE[index % len(_PALETTE)] for index, arm in enumerate(others)}
    return {arm: found.get(arm, "#7f8790") for arm in arms}


def curves(results: Results, palette: Mapping[str, str], task: str | None = None, *, small: bool = False) -> Markup:
    """Return the anytime curves: mean regret of the incumbent after each trial, with 95 % bands in the large one."""
    lines, bands = _means(results, task, banded=not small)
    if not lines:
        return Markup("")
    room = 16 + _LETTER * max(map(len, lines))
    frame = _Frame(lines, *((300, 180, 40, 8, 8, 24) if small else (860, 380, 56, room, 12, 40)))
    parts = [f'<svg viewBox="0 0 {frame.width} {frame.height}" role="img" class="chart">', *frame.axes(results.marks)]
    for arm, (lower, upper) in bands.items():
        around = frame.points(upper) + frame.points(lower)[::-1]
        parts.append(f'<polygon points="{" ".join(around)}" fill="{palette[arm]}" opacity="0.10"/>')
    parts += [
        f'<polyline points="{" ".join(frame.points(line))}" fill="none" stroke="{palette[arm]}" '
        f'stroke-width="{1.6 if small else 2.4}" stroke-linejoin="round"><title>{escape(arm)}: {line[-1]:.4f}</title>'
        "</polyline>"
        for arm, line in lines.items()
    ]
    if not small:
        ends = {arm: frame.y(float(line[-1])) for arm, line in lines.items()}
        edge = frame.width - frame.right + 8
        parts += [
            f'<text class="label" x="{edge}" y="{at + 4:.1f}" fill="{palette[arm]}">{escape(arm)}</text>'
            for arm, at in _spread(ends, 15, frame.top + 6, frame.height - frame.bottom).items()
        ]
        middle = frame.left + (frame.width - frame.left - frame.right) / 2
        parts.append(f'<text class="axis" x="{middle:.0f}" y="{frame.height - 6}" text-anchor="middle">trials</text>')
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704  # built here; names are escaped


def _means(
    results: Results, task: str | None, *, banded: bool
) -> tuple[dict[str, Values], dict[str, tuple[Values, Values]]]:
    """Return each arm's mean curve over the paired runs, and the ends of its band."""
    pairs = set(results.paired())
    lines: dict[str, Values] = {}
    bands: dict[str, tuple[Values, Values]] = {}
    for arm in results.arms:
        runs = [cell.curve for cell in results.of(arm, task) if (cell.task, cell.seed) in pairs]
        if not runs:
            continue
        length = min(map(len, runs))
        table = np.array([run[:length] for run in runs])
        lines[arm] = table.mean(axis=0)
        if banded:
            rng = np.random.default_rng(0)
            drawn = table[rng.integers(0, len(table), (RESAMPLES // 4, len(table)))].mean(axis=1)
            bands[arm] = (np.quantile(drawn, 0.025, axis=0), np.quantile(drawn, 0.975, axis=0))
    return lines, bands


class _Frame:
    """A chart's place on the page: trials from left to right, regret upwards on a logarithmic scale."""

    def __init__(
        self, lines: Mapping[str, Values], width: int, height: int, left: int, right: int, top: int, bottom: int
    ) -> None:
        self.width, self.height, self.left, self.right, self.top, self.bottom = width, height, left, right, top, bottom
        values = np.concatenate(list(lines.values()))
        positive = values[values > 0]
        self.low = max(float(positive.min()) if len(positive) else 1e-4, 1e-5) * 0.8
        self.high = max(float(values.max()) * 1.15, self.low * 10)
        self.trials = max(map(len, lines.values()))

    def x(self, trial: float) -> float:
        """Return where a trial stands."""
        return self.left + (self.width - self.left - self.right) * (trial - 1) / max(1, self.trials - 1)

    def y(self, value: float) -> float:
        """Return where a regret stands; what is outside stands at the edge."""
        share = math.log(min(max(value, self.low), self.high) / self.low) / math.log(self.high / self.low)
        return self.height - self.bottom - (self.height - self.top - self.bottom) * share

    def points(self, line: Values) -> list[str]:
        """Return a curve's points."""
        return [f"{self.x(index + 1):.1f},{self.y(float(value)):.1f}" for index, value in enumerate(line)]

    def axes(self, marks: Sequence[int]) -> Iterator[str]:
        """Yield grid lines and their labels."""
        for tick in _log_ticks(self.low, self.high):
            at, right = self.y(tick), self.width - self.right
            yield f'<line class="grid" x1="{self.left}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}"/>'
            yield f'<text class="tick" x="{self.left - 6}" y="{at + 4:.1f}" text-anchor="end">{tick:g}</text>'
        for mark in sorted({1, *marks}):
            if mark <= self.trials:
                at, end = self.x(mark), self.height - self.bottom
                yield f'<line class="grid" x1="{at:.1f}" x2="{at:.1f}" y1="{self.top}" y2="{end}"/>'
                yield f'<text class="tick" x="{at:.1f}" y="{end + 16}" text-anchor="middle">{mark}</text>'


def interval_bar(interval: Interval, reach: float) -> Markup:
    """Return a difference with its interval on a scale of -reach to +reach; left of the middle is better."""
    width, height, middle = 190, 20, 95.0
    scale = (middle - 6) / reach if reach > 0 else 1.0
    low, high, at = (middle + scale * value for value in (interval.low, interval.high, interval.value))
    kind = "good" if interval.high < 0 else "bad" if interval.low > 0 else "even"
    return Markup(  # noqa: S704  # numbers only
        f'<svg viewBox="0 0 {width} {height}" class="bar {kind}" width="{width}" height="{height}">'
        f'<line class="zero" x1="{middle}" x2="{middle}" y1="1" y2="{height - 1}"/>'
        f'<line class="range" x1="{low:.1f}" x2="{high:.1f}" y1="10" y2="10"/>'
        f'<circle cx="{at:.1f}" cy="10" r="4"/></svg>'
    )


def ranking(ranks: Mapping[str, float], groups: Sequence[Sequence[str]], palette: Mapping[str, str]) -> Markup:
    """Return a critical-difference diagram: arms on a line of average ranks, bars join those not told apart."""
    order = sorted(ranks, key=ranks.__getitem__)
    width = 860
    left = right = 28 + _LETTER * (max(map(len, order)) + len(" (1.00)"))
    half = (len(order) + 1) // 2
    axis = 34 + 9 * len(groups)
    height = axis + 22 + 22 * max(half, len(order) - half) + 8
    best, worst = 1.0, float(max(2, len(order)))

    def x(rank: float) -> float:
        return left + (width - left - right) * (rank - best) / (worst - best)

    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" class="chart">']
    parts.append(f'<line class="line" x1="{x(best)}" x2="{x(worst)}" y1="{axis}" y2="{axis}"/>')
    parts += [
        f'<line class="line" x1="{x(rank):.1f}" x2="{x(rank):.1f}" y1="{axis - 5}" y2="{axis}"/>'
        for rank in range(1, int(worst) + 1)
    ]
    parts += [
        f'<text class="tick" x="{x(rank):.1f}" y="{axis + 14}" text-anchor="middle">{rank}</text>'
        for rank in (1, int(worst))
    ]
    for level, group in enumerate(groups):
        start, end = x(ranks[group[0]]) - 4, x(ranks[group[-1]]) + 4
        at = axis - 20 - 9 * level
        parts.append(f'<line class="clique" x1="{start:.1f}" x2="{end:.1f}" y1="{at}" y2="{at}"/>')
    for index, arm in enumerate(order):
        on_left = index < half
        row = index if on_left else len(order) - 1 - index
        at, edge = axis + 24 + 22 * row, left - 14 if on_left else width - right + 14
        anchor = "end" if on_left else "start"
        parts.append(
            f'<polyline points="{x(ranks[arm]):.1f},{axis} {x(ranks[arm]):.1f},{at} {edge},{at}" fill="none" '
            f'stroke="{palette[arm]}" stroke-width="1.5"/>'
            f'<text class="label" x="{edge + (-6 if on_left else 6)}" y="{at + 4}" text-anchor="{anchor}" '
            f'fill="{palette[arm]}">{escape(arm)} ({ranks[arm]:.2f})</text>'
        )
    parts.append("</svg>")
    return Markup("".join(parts))  # noqa: S704  # built here; names are escaped


def _log_ticks(low: float, high: float) -> list[float]:
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1, 2, 5) if len(decades) <= 3 else (1,)
    return [tick for d in decades for f in factors if low <= (tick := round(f * 10.0**d, 10)) <= high]


def _spread(wanted: Mapping[str, float], gap: float, low: float, high: float) -> dict[str, float]:
    """Return label positions near the wanted ones, at least a gap apart."""
    order = sorted(wanted, key=wanted.__getitem__)
    placed: dict[str, float] = {}
    at = -math.inf
    for name in order:
        at = max(at + gap, wanted[name], low)
        placed[name] = at
    over = max(0.0, at - high)
    floor = high + gap
    for name in reversed(order):
        floor = min(floor - gap, placed[name] if over == 0 else min(placed[name], floor - gap))
        placed[name] = floor if over else placed[name]
    return placed
