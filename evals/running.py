"""What the commands of `trimtab eval` do and print."""

import sys
import time
from pathlib import Path
from typing import Any

import typer

from ..tools.errors import InputError
from .cell import Recordings
from .compare import compare_arms, compare_results
from .report import write_report
from .report.summary import summary_lines
from .results import load_results
from .runner import Caps, SuiteProgress, run_suite
from .subset import subsets
from .suite import Suite, load_suite, suite_names
from .tasks import cards


def run_and_report(
    name: str,
    out: Path | None,
    *,
    changes: dict[str, Any],
    model: str | None,
    arms: list[str] | None,
    workers: int,
    recordings: Recordings,
    caps: Caps,
) -> int:
    """Run a suite, write its reports, print the summary; return the exit code."""
    suite = adjusted(load_suite(name), changes, model, arms)
    folder = out or Path("eval-results") / suite.name
    shown = _Line()
    try:
        results = run_suite(suite, folder, workers=workers, recordings=recordings, caps=caps, on_progress=shown.update)
    except KeyboardInterrupt:
        shown.end()
        typer.echo(f"interrupted; the same command goes on, finished cells are in {folder}", err=True)
        return 130
    shown.end()
    html, markdown = write_report(results, folder)
    for line in summary_lines(results):
        typer.echo(line)
    typer.echo(f"report: {html} and {markdown}")
    return 0 if not results.missing else 1


def adjusted(suite: Suite, changes: dict[str, Any], model: str | None, arms: list[str] | None) -> Suite:
    """Return a suite with options of the command line worked in.

    Raises:
        InputError: an option does not fit the suite.
    """
    data = {**suite.model_dump(mode="json"), **changes}
    data["budgets"] = [budget for budget in data["budgets"] if budget <= data["trials"]]
    if arms is not None:
        unknown = [name for name in arms if name not in data["arms"]]
        if unknown:
            raise InputError(f"--arms: the suite has no arm {unknown[0]!r}", f"it has: {', '.join(data['arms'])}")
        kept = dict.fromkeys([data["reference"], *arms])
        data["arms"] = {name: arm for name, arm in data["arms"].items() if name in kept}
    if model is not None:
        for arm_name, arm in suite.arms.items():
            if arm.uses_model and arm_name in data["arms"]:
                given = arm.model if isinstance(arm.model, dict) else {}
                data["arms"][arm_name]["model"] = {**given, "name": model}
    found = Suite.model_validate(data)
    found.__dict__["directory"] = suite.directory
    return found


def print_comparison(a: str, b: str, results: Path | None) -> int:
    """Print how B compares with A; return 1 when it is worse with confidence."""
    if results is not None:
        found = compare_arms(load_results(results), a, b)
    else:
        found = compare_results(load_results(Path(a)), load_results(Path(b)))
    for each in found:
        c = each.comparison
        typer.echo(
            f"{each.name}: {c.verdict}; regret {c.difference.value:+.4f} "
            f"(95 % interval {c.difference.low:+.4f} to {c.difference.high:+.4f}, {each.pairs} pairs, "
            f"p = {c.adjusted:.3g})"
        )
    return 1 if any(each.comparison.verdict == "worse" for each in found) else 0


def write_reports(path: Path) -> None:
    """Write the reports beside the results."""
    folder = path if path.is_dir() else path.parent
    html, markdown = write_report(load_results(path), folder)
    typer.echo(f"report: {html} and {markdown}")


def print_subsets(path: Path) -> None:
    """Print the best set of tasks of each size."""
    results = load_results(path)
    for each in subsets(results):
        agreement = f"tau {each.tau:.2f}, same best arm in {each.same_best:.0%} of resamples"
        typer.echo(f"{len(each.tasks):>3} of {len(results.tasks)} tasks: {agreement}: {', '.join(each.tasks)}")


def print_suites() -> None:
    """Print the shipped suites."""
    for name in suite_names():
        suite = load_suite(name)
        typer.echo(f"{name:<10} {len(suite.cells())} cells: {suite.description}")


def print_tasks() -> None:
    """Print the shipped tasks."""
    for card in cards():
        names = f" ({', '.join(card.datasets)})" if card.datasets else ""
        typer.echo(f"{card.folder.name}{names}\n  {card.description}\n  {card.source}; {card.licence}")


class _Line:
    """One line of progress on a terminal, a line every few seconds elsewhere."""

    def __init__(self) -> None:
        self.live, self._last = sys.stderr.isatty(), 0.0

    def update(self, progress: SuiteProgress) -> None:
        now = time.monotonic()
        if not self.live and now - self._last < 10 and progress.done < progress.total:
            return
        self._last = now
        left = "" if progress.eta_s is None else f", {progress.eta_s:.0f} s left"
        spent = f", {progress.tokens} tokens, ${progress.dollars:.4f}" if progress.tokens else ""
        earlier = f" ({progress.found} from earlier)" if progress.found else ""
        text = f"{progress.done} of {progress.total} cells{earlier}{left}{spent}"
        typer.echo(f"\r\x1b[K{text}" if self.live else text, err=True, nl=not self.live)

    def end(self) -> None:
        if self.live:
            typer.echo("", err=True)


def audit_honesty(folder: Path, seeds: int, workers: int) -> None:
    """Run the audit of honesty, or what is missing of it, and write its table."""
    from .honesty.audit import markdown, rows, run

    folder.mkdir(parents=True, exist_ok=True)
    outcomes = []
    for outcome in run(seeds, workers, folder / "outcomes.jsonl"):
        outcomes.append(outcome)
        if len(outcomes) % 50 == 0:
            typer.echo(f"{len(outcomes)} studies", err=True)
    text = markdown(rows(outcomes))
    (folder / "honesty.md").write_text(text, encoding="utf-8")
    typer.echo(text, nl=False)
