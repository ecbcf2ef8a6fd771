"""Live progress on a terminal: bar, incumbent, sparkline, running trials, time left, budget."""

import time

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ...events import (
    Event,
    ModelCalled,
    Notice,
    PlannerProblem,
    StudyFinished,
    StudyInterrupted,
    StudyStarted,
    TrialFinished,
    TrialStarted,
)
from ...study.sections import Study
from .. import words
from ..summary import summary_lines
from .plain import started_lines
from .view import View


class Progress:
    """Shows a run in place, and leaves its incumbents and its result on the screen."""

    def __init__(self, study: Study, console: Console | None = None, *, live: bool = True) -> None:
        """Show on `console`; without `live` only what stays is printed, as a recording wants it."""
        self.view = View(study)
        self.console = console or Console(markup=False)
        self._began = time.monotonic()
        self._live = Live(console=self.console, refresh_per_second=8, get_renderable=self.frame, transient=True)
        self._is_live = live

    def show(self, event: Event) -> None:
        """Take in one event; print what shall stay."""
        self.view.take(event)
        match event:
            case StudyStarted():
                self.console.print(Text("\n".join(started_lines(event)), style="dim"))
                if self._is_live:
                    self._live.start()
            case Notice() if event.kind == "hopeless":
                self._live.stop()  # the person may be asked
                self.console.print(Text(event.message, style="bold red"))
            case TrialStarted() if self._is_live and not self._live.is_started:
                self._live.start()
            case Notice():
                self.console.print(Text(f"note: {event.message}", style="yellow"))
            case ModelCalled() if event.outcome not in {"ok", "cancelled"}:
                self.console.print(Text(f"model call failed, {event.outcome}: {event.message}", style="yellow"))
            case PlannerProblem():
                self.console.print(Text(f"planner, {event.code}: {event.message}", style="dim yellow"))
            case TrialFinished() if event.incumbent:
                self.console.print(self._incumbent(event))
            case TrialFinished() if event.state in {"failed", "lost"}:
                self.console.print(Text(f"trial {event.trial} {event.state}: {event.reason}", style="red"))
            case StudyInterrupted():
                self._live.stop()
                self.console.print(f"interrupted after {event.trials} trials; {event.resume}", markup=False)
            case StudyFinished():
                self._live.stop()
                self.console.print(self._summary(event))

    def close(self) -> None:
        """Give the terminal back."""
        self._live.stop()

    def _incumbent(self, event: TrialFinished) -> Text:
        objective = self.view.study.objectives[0]
        value = words.number(event.metrics[objective.metric], objective.unit)
        gain = self.view.gain()
        better = f"  {gain:.2f}x" if gain is not None and event.source != "default" else ""
        changes = words.assignments(event.configuration, self.view.study.space.default)
        line = Text().append(f"trial {event.trial:>3} ", style="bold")
        line.append(f"{objective.metric} {value}{better}", style="bold green" if better else "bold")
        line.append(f"  {event.source}  ", style="cyan")
        return line.append(changes if event.source != "default" else "the configuration in use today", style="dim")

    def frame(self) -> RenderableType:
        """Return the live region as it stands: bar, sparkline, running trials, what the model cost."""
        view, budget = self.view, self.view.study.budget
        done = view.finished
        bar = Table.grid(padding=(0, 1), expand=True)
        bar.add_column(no_wrap=True)
        bar.add_column(ratio=1)
        bar.add_column(no_wrap=True)
        left = next((f"about {words.seconds(each)} left" for each in view.remaining.phases().values()), "")
        if view.phase is None:
            failed = f", {view.failed} failed" if view.failed else ""
            bar.add_row(f"search {done}/{budget.trials}{failed}", ProgressBar(budget.trials, done), left)
        else:
            phase = view.phase
            bar.add_row(f"{phase.phase} {phase.done}/{phase.total}", ProgressBar(phase.total, phase.done), left)
        spark = Text("best so far ", style="dim").append(words.sparkline(view.best_losses, 60), style="green")
        spark.append(f"  {words.seconds(time.monotonic() - self._began)} elapsed", style="dim")
        lines = [self._running(each) for each in view.running.values()]
        if view.waiting is not None and not lines:
            first = " first" if view.waiting.kind == "opening" else ""
            wait = words.seconds(view.waiting.wait_s)
            lines.append(Text(f"asking the model{first}, at most {wait}; Escape skips", style="cyan"))
        if view.spent:
            lines.append(Text(f"model {view.spent}", style="dim"))
        return Group(bar, spark, *lines)

    def _running(self, event: TrialStarted) -> Text:
        changes = words.assignments(event.configuration, self.view.study.space.default)
        return Text(f"trial {event.trial} ({event.source}): {changes}", "dim", overflow="ellipsis", no_wrap=True)

    def _summary(self, event: StudyFinished) -> Text:
        text = Text("\n")
        improved = event.check is not None and event.check.improved
        for line in summary_lines(self.view.study, event):
            style = ""
            if line.startswith("check of"):
                style = "bold green" if improved else "bold yellow"
            elif line.startswith(("best:", "what made", "how to")):
                style = "bold"
            elif line.startswith("  * "):
                style = "green"
            elif line.startswith("  ! "):
                style = "yellow"
            text.append(line + "\n", style=style)
        return text
