"""The incumbent against the default, parameter by parameter, and what the check found."""

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text
from textual.widgets import Static

from ..themes import palette_of

if TYPE_CHECKING:
    from ....chat.steering.control import StudyControl
    from ....study.sections import Study
    from ....trials.history import History
    from ....trials.trial import Trial


class Best(Static):
    """A row an objective and a parameter."""

    DEFAULT_CSS = "Best { padding: 0 1; height: auto; }"

    def show(self, control: "StudyControl") -> None:
        """Show a study as it is now."""
        history = control.history
        if history is None or history.incumbent is None:
            self.update("nothing has been measured yet")
            return
        colours = palette_of(self.app)
        muted = colours["text-muted"]
        table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style=muted)
        for heading in ("", "default", f"trial {history.incumbent.number}"):
            table.add_column(heading, overflow="fold")
        self._objectives(table, history, history.incumbent)
        self._parameters(table, history.study, history.incumbent, muted)
        self._checks(table, control)
        self.update(table)

    def _objectives(self, table: Table, history: "History", best: "Trial") -> None:
        from ... import words

        for objective in history.study.objectives:
            before = history.default.metrics.get(objective.metric) if history.default else None
            after = best.metrics.get(objective.metric)
            shown = words.number(after, objective.unit)
            style = "bold"
            if before is not None and after is not None and after != before:  # of several objectives one may be worse
                better = objective.loss(after) < objective.loss(before)
                colour = palette_of(self.app)["best" if better else "failed"]
                style, shown = f"bold {colour}".strip(), shown if better else f"{shown} worse"
            table.add_row(objective.metric, words.number(before, objective.unit), Text(shown, style=style))

    def _parameters(self, table: Table, study: "Study", best: "Trial", muted: str) -> None:
        from ... import words

        default = study.space.default
        names = {**default, **best.configuration}
        for name in sorted(names, key=lambda each: default.get(each) == best.configuration.get(each)):
            old, new = default.get(name), best.configuration.get(name)
            changed = old != new
            row = Text(words.setting(new), style="bold" if changed else muted)
            table.add_row(Text(name, style="" if changed else muted), Text(words.setting(old), style=muted), row)

    def _checks(self, table: Table, control: "StudyControl") -> None:
        from ... import words

        for check in control.report.checks if control.report is not None else []:
            colour = palette_of(self.app)["best" if check.improved else "text-warning"]
            table.add_row("")
            table.add_row("check", "", Text(f"{words.interval(check)}\n{check.verdict}", style=colour))
