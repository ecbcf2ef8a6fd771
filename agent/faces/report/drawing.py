"""The report's pictures, as SVG whose colours follow the page's style."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from markupsafe import Markup

_WIDTH = 720
_APART = 90
"""Labels nearer than this would run into each other."""
Interval = tuple[float, float, float]


def intervals(rows: Sequence[tuple[str, Interval | None, str]]) -> Markup:
    """Return a row for each interval of ratios on one logarithmic axis, with a line at 1: no change."""
    known = [each for _name, each, _kind in rows if each is not None and each[1] > 0]
    if not known:
        return Markup("")
    ends = [math.log(end) for _middle, low, high in known for end in (low, high)]
    low, high = min(*ends, -0.05), max(*ends, 0.05)
    left, right = 250, _WIDTH - 16

    def x(ratio: float) -> float:
        return left + (right - left) * (math.log(ratio) - low) / (high - low)

    parts = [f'<line class="one" x1="{x(1):.1f}" y1="4" x2="{x(1):.1f}" y2="{26 * len(rows) + 4}"/>']
    for index, (name, each, kind) in enumerate(rows):
        y = 26 * index + 17
        parts.append(f'<text x="{left - 10}" y="{y + 4}" text-anchor="end">{escape(_cut(name))}</text>')
        if each is not None and each[1] > 0:
            middle, first, last = each
            parts.append(f'<line class="{kind}" x1="{x(first):.1f}" y1="{y}" x2="{x(last):.1f}" y2="{y}"/>')
            parts.append(
                f'<circle class="{kind}" cx="{x(middle):.1f}" cy="{y}" r="4.5">'
                f"<title>{middle:.3g}x ({first:.3g} to {last:.3g})</title></circle>"
            )
    bottom = 26 * len(rows) + 20
    parts.append(f'<text x="{x(1):.1f}" y="{bottom}" text-anchor="middle">1x: no change</text>')
    if x(math.exp(high)) - x(1) > _APART:
        parts.append(f'<text class="soft" x="{right}" y="{bottom}" text-anchor="end">{math.exp(high):.3g}x</text>')
    if x(1) - left > _APART:
        parts.append(f'<text class="soft" x="{left}" y="{bottom}">{math.exp(low):.3g}x</text>')
    return _svg(bottom + 8, "intervals of how many times better", parts)


def convergence(points: Sequence[tuple[int, float, str, bool]], noise: float | None) -> Markup:
    """Return each complete trial, and the best so far as a line, in a band of twice the noise of a measurement.

    `noise` is a measurement's deviation as a share of its value, None where it is not known.
    """
    if not points:
        return Markup("")
    values = sorted(value for _number, value, _kind, _best in points)
    low, high = values[0], values[min(len(values) - 1, math.ceil(0.95 * len(values)))]
    firsts = [value for _number, value, _kind, best in points if best]
    low, high = min(low, *firsts), max(high, *firsts)
    span, last = (high - low) or 1.0, max(number for number, _value, _kind, _best in points) or 1

    def place(number: int, value: float) -> tuple[float, float]:
        return 70 + (_WIDTH - 90) * number / last, 220 - 200 * (min(max(value, low), high) - low) / span

    line: list[str] = []
    for number, value, _kind, best in points:
        if best:
            across, down = place(number, value)
            line += [f"{across:.1f},{line[-1].split(',')[1]}"] if line else []
            line.append(f"{across:.1f},{down:.1f}")
    line.append(f"{place(last, low)[0]:.1f},{line[-1].split(',')[1]}")
    parts = [_band(points, place, noise)] if noise and low > 0 else []
    parts.append(f'<polyline class="best" points="{" ".join(line)}"/>')
    for number, value, kind, _best in points:
        across, down = place(number, value)
        title = f"trial {number} ({kind}): {value:.5g}"
        parts.append(
            f'<circle class="{escape(kind)}" cx="{across:.1f}" cy="{down:.1f}" r="3.5"><title>{title}</title></circle>'
        )
    parts += [
        f'<text x="62" y="24" text-anchor="end">{high:.4g}</text>',
        f'<text x="62" y="224" text-anchor="end">{low:.4g}</text>',
        f'<text x="70" y="244">trial 0</text><text x="{_WIDTH - 20}" y="244" text-anchor="end">{last}</text>',
    ]
    return _svg(252, "complete trials and the best so far", parts)


def _band(
    points: Sequence[tuple[int, float, str, bool]],
    place: Callable[[int, float], tuple[float, float]],
    noise: float,
) -> str:
    """Return the area within twice the noise of the best so far."""
    steps = [(number, value) for number, value, _kind, best in points if best]
    ends = [number for number, _value in steps[1:]] + [max(number for number, _value, _kind, _best in points)]
    corners = [(at, value) for (start, value), end in zip(steps, ends, strict=True) for at in (start, end)]
    upper = [place(at, value * math.exp(2 * noise)) for at, value in corners]
    lower = [place(at, value * math.exp(-2 * noise)) for at, value in reversed(corners)]
    shape = " ".join(f"{across:.1f},{down:.1f}" for across, down in (*upper, *lower))
    return f'<polygon class="band" points="{shape}"><title>twice the noise of a measurement</title></polygon>'


def bars(rows: Sequence[tuple[str, float]]) -> Markup:
    """Return a bar for each share of 1, the longest as long as there is room."""
    if not rows:
        return Markup("")
    most, parts = max(share for _name, share in rows) or 1.0, []
    for index, (name, share) in enumerate(rows):
        y = 24 * index
        length = max(1.0, (_WIDTH - 330) * share / most)
        parts.append(f'<text x="240" y="{y + 16}" text-anchor="end">{escape(_cut(name))}</text>')
        parts.append(f'<rect x="250" y="{y + 5}" width="{length:.1f}" height="14" rx="2"/>')
        parts.append(f'<text class="soft" x="{258 + length:.1f}" y="{y + 16}">{share:.1%}</text>')
    return _svg(24 * len(rows) + 4, "shares", parts)


@dataclass(frozen=True)
class Axes:
    """Parallel coordinates: the axes, and for each trial its rank from 0 (best) to 1, its places on the axes from 0 to
    1, None where it is inactive, and its number."""

    names: Sequence[str]
    lines: Sequence[tuple[float, Sequence[float | None], int]]


def parallel(axes: Axes) -> Markup:
    """Return a line for each complete trial through its parameters; the better, the stronger."""
    names, lines = axes.names, axes.lines
    if len(names) < 2 or not lines:
        return Markup("")
    gap = (_WIDTH - 80) / (len(names) - 1)
    parts = []
    for rank, places, number in lines:
        there = [(40 + gap * at, 210 - 180 * place) for at, place in enumerate(places) if place is not None]
        points = " ".join(f"{across:.1f},{down:.1f}" for across, down in there)
        shade, title = f"opacity:{0.12 + 0.88 * (1 - rank) ** 3:.2f}", f"<title>trial {number}</title>"
        parts.append(f'<polyline class="run" style="{shade}" points="{points}">{title}</polyline>')
    for at, name in enumerate(names):
        across, down = 40 + gap * at, 228 + 14 * (at % 2)
        parts.append(f'<line class="axis" x1="{across:.1f}" y1="30" x2="{across:.1f}" y2="210"/>')
        parts.append(f'<text x="{across:.1f}" y="{down}" text-anchor="middle">{escape(_cut(name, 18))}</text>')
    return _svg(252, "parallel coordinates of the trials", parts)


def _svg(height: int, label: str, parts: Sequence[str]) -> Markup:
    body = "".join(parts)
    return Markup(f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{label}">{body}</svg>')  # noqa: S704


def _cut(text: str, most: int = 34) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
