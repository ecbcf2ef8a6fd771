"""A picture of a search for notebooks, as SVG: needs no plotting library."""

from xml.sax.saxutils import escape

from .trials.history import History

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 640, 280, 70, 16, 34
_MARKS = {"default": "#777777", "planner": "#c2410c"}


class Picture(str):
    """SVG text that a notebook shows."""

    __slots__ = ()

    def _repr_svg_(self) -> str:
        return str(self)


def convergence(history: History) -> Picture:
    """Return every complete trial by its number, and the best so far as a line."""
    complete = [trial for trial in history.trials if trial.state == "complete"]
    points = [(trial.number, history.study.metric_of(history.losses(trial)[0]), trial) for trial in complete]
    values = [value for _number, value, _trial in points]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    span, last = (high - low) or 1.0, max((number for number, _v, _t in points), default=1) or 1

    def x(number: int) -> float:
        return _LEFT + (_WIDTH - _LEFT - 16) * number / last

    def y(value: float) -> float:
        return _HEIGHT - _BOTTOM - (_HEIGHT - _TOP - _BOTTOM) * (value - low) / span

    best: list[tuple[float, float]] = []
    incumbent: float | None = None
    for number, value, trial in points:
        loss = history.losses(trial)[0]
        if incumbent is None or loss < incumbent:
            best += [(x(number), best[-1][1] if best else y(value)), (x(number), y(value))]
            incumbent = loss
    line = " ".join(f"{across:.1f},{down:.1f}" for across, down in [*best, *([(x(last), best[-1][1])] if best else [])])
    dots = "".join(
        f'<circle cx="{x(number):.1f}" cy="{y(value):.1f}" r="3.5" fill="{_MARKS.get(trial.source.kind, "#2563eb")}">'
        f"<title>trial {number} ({escape(str(trial.source))}): {value:.6g}</title></circle>"
        for number, value, trial in points
    )
    name = escape(history.study.loss_name)
    return Picture(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" role="img" '
        f'aria-label="{name} by trial" font-family="sans-serif" font-size="12" fill="currentColor">'
        f'<polyline points="{line}" fill="none" stroke="#2563eb" stroke-width="1.5"/>{dots}'
        f'<text x="{_LEFT - 8}" y="{y(high) + 4:.0f}" text-anchor="end">{high:.4g}</text>'
        f'<text x="{_LEFT - 8}" y="{y(low) + 4:.0f}" text-anchor="end">{low:.4g}</text>'
        f'<text x="{_LEFT}" y="{_HEIGHT - 10}">trial 0</text>'
        f'<text x="{_WIDTH - 16}" y="{_HEIGHT - 10}" text-anchor="end">{last}</text>'
        f'<text x="{_WIDTH / 2:.0f}" y="{_HEIGHT - 10}" text-anchor="middle">{name}, line: best so far</text></svg>'
    )
