"""What stands beside the conversation: the convergence plot, the incumbent against the default, importance, budget."""

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text
from textual.app import RenderResult
from textual.widgets import Static

if TYPE_CHECKING:
    from ....chat.steering.control import StudyControl
    from ....trials.history import History

_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Curve(Static):
    """Results over the trials: dots, the best so far as a line, the default and its noise as a band."""

    DEFAULT_CSS = "Curve { height: 1fr; padding: 0 1; }"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.history: History | None = None

    def show(self, history: "History | None") -> None:
        """Draw a history as it is now."""
        self.history = history
        self.refresh()

    def render(self) -> RenderResult:
        """Return the plot, as large as the widget."""
        history = self.history
        if history is None or history.study.goals > 1:
            return Text("no trials yet" if history is None else "several objectives: see the trials", style="dim")
        done = [(t.number, history.losses(t)[0]) for t in history.trials if t.state == "complete"]
        if not done or self.size.width < 20 or self.size.height < 4:
            return Text("no result yet", style="dim")
        default = history.losses(history.default)[0] if history.default and history.default.metrics else None
        study, unit = history.study, history.study.objectives[0].unit
        title = f"{study.loss_name}{f' ({unit})' if unit and not study.by_desirability else ''}"
        noise = history.noise.absolute or 0.0
        return plot(done, default, noise, (self.size.width - 2, self.size.height - 1), title, study.metric_of)


def plot(
    done: Sequence[tuple[int, float]],
    default: float | None,
    noise: float,
    size: tuple[int, int],
    title: str,
    shown: Callable[[float], float] = float,
) -> Text:
    """Return losses over trials in Braille: `done` are (trial, loss), `shown` turns a loss into what people know."""
    canvas = _Canvas(done, default, max(4, size[0] - 10), max(2, size[1] - 2))
    best, line = math.inf, []
    for number, loss in done:
        best = min(best, loss)
        line.append((number, best))
        canvas.dot("cyan", *canvas.place(number, loss))
    for (start, before), (end, after) in zip(line, [*line[1:], (line[-1][0], line[-1][1])], strict=True):
        (x, y), (until, to) = canvas.place(start, before), canvas.place(end, after)
        for column in range(x, until + 1):
            canvas.dot("green", column, y)
        for row in range(*sorted((y, to))):
            canvas.dot("green", until, row)
    text = Text(f"{title}  ", style="bold", no_wrap=True)
    text.append("━ best ", style="green").append("· trials ", style="cyan").append("┈ default", style="yellow")
    for row in range(canvas.height):
        value = shown(canvas.high - (row + 0.5) / canvas.height * (canvas.high - canvas.low))
        text.append(f"\n{value:>8.4g} " if row % 3 == 0 else "\n" + " " * 9, style="dim").append("│", style="dim")
        text.append_text(canvas.line(row, default, noise))
    last = str(canvas.last)
    axis = "─" * (canvas.width - 1 - len(last))
    return text.append(f"\n{' ' * 9}└{axis} {last}", style="dim")


class _Canvas:
    """A grid of Braille cells, two dots wide and four high, with the best so far drawn over the trials."""

    def __init__(self, done: Sequence[tuple[int, float]], default: float | None, width: int, height: int) -> None:
        self.width, self.height, self.last = width, height, max(1, done[-1][0])
        losses = sorted(loss for _, loss in done)
        low, high = losses[0], losses[min(len(losses) - 1, int(0.95 * len(losses)))]  # one outlier must not flatten all
        high = max(high, default if default is not None else high)
        span = (high - low) or abs(high) or 1.0
        self.low, self.high = low - 0.05 * span, high + 0.05 * span
        self.cells: dict[str, dict[tuple[int, int], int]] = {"cyan": {}, "green": {}}

    def place(self, number: float, loss: float) -> tuple[int, int]:
        """Return the dot of a trial; what is above the scale stands at its edge."""
        x = round(number / self.last * (2 * self.width - 1))
        share = (self.high - min(max(loss, self.low), self.high)) / (self.high - self.low)
        return x, round(share * (4 * self.height - 1))

    def dot(self, colour: str, x: int, y: int) -> None:
        """Set a dot."""
        cell = (y // 4, x // 2)
        self.cells[colour][cell] = self.cells[colour].get(cell, 0) | _DOTS[y % 4][x % 2]

    def line(self, row: int, default: float | None, noise: float) -> Text:
        """Return a row of cells, over the default's line and its band of noise."""
        text, rule, band = Text(), -1, range(0)
        if default is not None:
            rule = self.place(0, default)[1] // 4
            band = range(self.place(0, default + noise)[1] // 4, self.place(0, default - noise)[1] // 4 + bool(noise))
        for column in range(self.width):
            best, trial = (self.cells[colour].get((row, column), 0) for colour in ("green", "cyan"))
            if best or trial:
                text.append(chr(0x2800 + (best | trial)), style="green" if best else "cyan")
            elif row == rule:
                text.append("┈", style="yellow")
            else:
                text.append("░" if row in band else " ", style="yellow dim")
        return text


class Best(Static):
    """The incumbent against the default, parameter by parameter."""

    DEFAULT_CSS = "Best { padding: 0 1; height: auto; }"

    def show(self, control: "StudyControl") -> None:
        """Show a study as it is now."""
        from ... import words

        history = control.history
        if history is None or history.incumbent is None:
            self.update(Text("nothing has been measured yet", style="dim"))
            return
        best, default = history.incumbent, history.study.space.default
        table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="dim")
        for heading in ("", "default", f"trial {best.number}"):
            table.add_column(heading, overflow="fold")
        for objective in history.study.objectives:
            before = history.default.metrics.get(objective.metric) if history.default else None
            after = best.metrics.get(objective.metric)
            shown = words.number(after, objective.unit)
            style = "bold"
            if before is not None and after is not None and after != before:  # of several objectives one may be worse
                better = objective.loss(after) < objective.loss(before)
                style, shown = ("bold green", shown) if better else ("bold red", f"{shown} worse")
            table.add_row(objective.metric, words.number(before, objective.unit), Text(shown, style=style))
        for name in {**default, **best.configuration}:
            old, new = default.get(name), best.configuration.get(name)
            changed = old != new
            row = Text(words.setting(new), style="bold" if changed else "dim")
            table.add_row(Text(name, style="" if changed else "dim"), Text(words.setting(old), style="dim"), row)
        report = control.report
        if report is not None:
            for check in report.checks:
                good = "green" if check.improved else "yellow"
                table.add_row("")
                table.add_row("check", "", Text(f"{words.interval(check)}\n{check.verdict}", style=good))
        self.update(table)


class Importance(Static):
    """How much each parameter matters, as bars."""

    DEFAULT_CSS = "Importance { padding: 0 1; height: auto; }"

    found: Sequence[tuple[str, float]] | str = ""

    def show(self, found: Sequence[tuple[str, float]] | str) -> None:
        """Show (parameter, share) pairs, or why there are none."""
        self.found = found
        self.refresh(layout=True)

    def render(self) -> RenderResult:
        """Return the bars, as long as there is room."""
        if isinstance(self.found, str):
            return Text(self.found, style="dim")
        text = Text("importance for the objective (PED-ANOVA)\n", style="dim")
        most = max((share for _, share in self.found), default=1.0) or 1.0
        width = max(8, self.size.width - 38)
        for name, share in self.found:
            text.append(f"{name[:24]:<24} ").append("█" * round(width * share / most), style="cyan")
            text.append(f" {share:.0%}\n", style="dim")
        return text


class Gauges(Static):
    """One line: state, model, mode, and what is spent of the budget."""

    DEFAULT_CSS = "Gauges { height: 1; background: $panel; color: $text; padding: 0 1; }"

    def show(self, control: "StudyControl", model: str, *, thinking: bool) -> None:
        """Show where everything stands."""
        text = Text(no_wrap=True, overflow="ellipsis")
        colour = {"running": "bold green", "paused": "bold yellow", "finished": "bold cyan"}.get(control.state, "bold")
        name = control.study.name if control.study is not None else ""
        text.append(f"{name} {control.state}".strip(), style=colour)
        session = control.session
        if session is not None:
            for name, each in session.record.ledger.snapshot().items():
                text.append_text(_gauge(name, each["spent"] or 0.0, each["limit"]))
        text.append(f"  {model}", style="dim")
        text.append(f"  mode {control.mode}", style="bold magenta" if control.mode == "ask" else "dim")
        if thinking:
            text.append("  thinking, Esc interrupts", style="italic yellow")
        self.update(text)


def _gauge(name: str, spent: float, limit: float | None) -> Text:
    from ... import words

    short = {"wall_time_s": "time", "input_tokens": "in", "output_tokens": "out"}.get(name, name)
    form = words.seconds(spent) if name == "wall_time_s" else f"{spent:.4g}"
    if limit is None:
        return Text(f"  {short} {form}" if spent and name not in {"calls"} else "", style="dim")
    filled = round(6 * min(1.0, spent / limit)) if limit else 6
    of = words.seconds(limit) if name == "wall_time_s" else f"{limit:g}"
    return Text.assemble(f"  {short} ", ("▰" * filled, "cyan"), ("▱" * (6 - filled), "dim"), f" {form}/{of}")
