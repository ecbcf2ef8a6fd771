"""A suite's results in words and tables: for the terminal, for Markdown, and for the page."""

from datetime import UTC, datetime
from typing import Any

from ...agent.statistics import Interval
from .. import statistics as st
from ..results import Results
from ..statistics import Comparison
from .headline import headline

READING = (
    "Normalised regret: 0 is the best known configuration, 1 the median one; lower is better. Every arm starts with "
    "the default. Intervals are 95 % bootstrap intervals over seeds; p-values are Wilcoxon's over pairs of equal task "
    "and seed, with Holm's correction."
)


def summary_lines(results: Results) -> list[str]:
    """Return the summary for a terminal."""
    mark = results.marks[-1]
    means = results.means[mark]
    lines = [f"{results.suite['name']}: {_size(results)}, mean normalised regret after {mark} trials (95 % interval)"]
    for arm in sorted(means, key=lambda name: means[name].value):
        against = results.comparisons.get(arm)
        text = "the reference" if against is None else f"{against.verdict} (p = {against.adjusted:.2g})"
        lines.append(f"  {arm:<20} {_interval(means[arm]):<26} {text}")
    return [*lines, *headline(results)]


def markdown(results: Results) -> str:
    """Return the report as Markdown, for a pull request."""
    reference, marks = results.suite["reference"], results.marks
    table, last = results.regrets(marks[-1]), results.means[marks[-1]]
    date = datetime.fromtimestamp(results.started, UTC).strftime("%Y-%m-%d")
    lines = [
        f"# Suite `{results.suite['name']}`",
        "",
        f"{results.suite['description']} {_size(results)}; {date}, {results.environment.get('cpus')} CPUs.",
        "",
        *(f"- **{line}**" for line in headline(results)),
        "",
        READING,
        "",
        _row(["arm", *(f"after {mark}" for mark in marks), "against reference", "P(better)", "p", "W/T/L", "verdict"]),
        _row(["---"] * (len(marks) + 6)),
    ]
    for arm in sorted(last, key=lambda name: last[name].value):
        means = [_interval(results.means[mark][arm]) for mark in marks]
        lines.append(_row([f"`{arm}`", *means, *_against(results.comparisons.get(arm))]))
    lines += ["", f"## Per task, mean regret after {marks[-1]} trials", ""]
    lines += [_row(["task", *(f"`{arm}`" for arm in results.arms)]), _row(["---"] * (len(results.arms) + 1))]
    for task, values in per_task(results):
        best = min(values.values())
        lines.append(_row([task, *(f"**{v:.4f}**" if v == best else f"{v:.4f}" for v in values.values())]))
    lines += ["", "## Ranking", "", _ranking(table), "", "## What this suite can see", ""]
    for arm in results.arms:
        if arm != reference and reference in table:
            lines.append(f"- `{arm}`: {resolution_words(st.resolution(table[arm], table[reference]))}")
    shown = [each for each in behaviour(results) if each["calls"] or each["tried"]]
    if shown:
        heads = ["arm", "ideas tried", "repaired", "refused or unusable", "fallbacks", "waited, s a cell", "calls"]
        heads += ["failed calls", "tokens", "dollars"]
        heads += ["predictions inside 90 % interval", "seconds a cell"]
        lines += ["", "## Behaviour of the planners", "", _row(heads), _row(["---"] * len(heads))]
        for each in shown:
            cells = [f"`{each['arm']}`", each["tried"], each["repaired"], each["refused"], each["fallbacks"]]
            cells += [
                f"{each['waited']:.1f}",
                each["calls"],
                each["failed_calls"],
                each["tokens"],
                f"{each['dollars']:.4f}",
                each["calibration"],
                f"{each['seconds']:.1f}",
            ]
            lines.append(_row(cells))
    return "\n".join(lines) + "\n"


def per_task(results: Results) -> list[tuple[str, dict[str, float]]]:
    """Return each task with every arm's mean regret at the last budget."""
    table = results.regrets(results.marks[-1])
    return [
        (task, {arm: float(table[arm][task].mean()) for arm in results.arms if task in table[arm]})
        for task in results.tasks
        if all(task in table[arm] for arm in results.arms)
    ]


def behaviour(results: Results) -> list[dict[str, Any]]:
    """Return what each arm's planner did, and what it cost."""
    found = []
    mark = results.marks[-1]
    for arm in results.arms:
        cells = results.of(arm)
        refused: dict[str, int] = {}
        for cell in cells:
            for code, count in cell.proposals.items():
                if code not in {"tried", "repaired"} and count:
                    refused[code] = refused.get(code, 0) + count
        predicted = sum(cell.predicted for cell in cells)
        gained = sum(cell.curve[0] - cell.curve[-1] for cell in cells if cell.curve)
        seconds = sum(cell.seconds for cell in cells)
        dollars = sum(cell.dollars for cell in cells)
        found.append(
            {
                "arm": arm,
                "tried": sum(cell.proposals.get("tried", 0) for cell in cells),
                "repaired": sum(cell.proposals.get("repaired", 0) for cell in cells),
                "refused": ", ".join(f"{count} {code}" for code, count in sorted(refused.items())) or "0",
                "fallbacks": sum(cell.fallbacks for cell in cells),
                "failed": sum(cell.failed_trials for cell in cells),
                "waited": sum(cell.waited_s for cell in cells) / max(1, len(cells)),
                "calls": sum(cell.calls for cell in cells),
                "failed_calls": sum(cell.failed_calls for cell in cells),
                "tokens": sum(cell.tokens for cell in cells),
                "dollars": dollars,
                "seconds": seconds / max(1, len(cells)),
                "per_point": f"{seconds / gained:.1f} s, ${dollars / gained:.4f}" if gained > 0 else "no gain",
                "calibration": f"{sum(c.covered for c in cells) / predicted:.0%} of {predicted}"
                if predicted
                else "none",
                "problems": sorted({cell.problem for cell in cells if cell.problem})[:3],
                "regret": results.means[mark][arm] if results.regrets(mark)[arm] else None,
            }
        )
    return found


def resolution_words(seen: st.Resolution) -> str:
    """Return in words what a suite can see."""
    if seen.seeds_for_5_percent is None:
        return "too few seeds to say what it can see"
    more = f"{seen.seeds_for_5_percent} more seeds" if seen.seeds_for_5_percent else "no more seeds"
    return (
        f"differences of {seen.smallest:.4f} ({seen.relative:.0%} of the reference) are found with 80 % power; "
        f"you need {more} to see one of 5 %"
    )


def _against(each: Comparison | None) -> list[str]:
    if each is None:
        return ["", "", "", "", "reference"]
    difference = f"{each.difference.value:+.4f} [{each.difference.low:+.4f}, {each.difference.high:+.4f}]"
    chance = f"{each.improvement.value:.2f} [{each.improvement.low:.2f}, {each.improvement.high:.2f}]"
    record = f"{each.wins}/{each.ties}/{each.losses}"
    verdict = f"**{each.verdict}**" if each.verdict in {"better", "worse"} else each.verdict
    return [difference, chance, f"{each.adjusted:.2g}", record, verdict]


def _interval(each: Interval) -> str:
    return f"{each.value:.4f} [{each.low:.4f}, {each.high:.4f}]"


def _ranking(table: dict[str, Any]) -> str:
    order = sorted(st.ranks(table).items(), key=lambda pair: pair[1])
    text = "Average rank: " + ", ".join(f"`{arm}` {rank:.2f}" for arm, rank in order) + "."
    groups = [", ".join(f"`{arm}`" for arm in group) for group in st.cliques(table)]
    return text + (" Not told apart: " + "; ".join(groups) + "." if groups else "")


def _size(results: Results) -> str:
    seeds = len({cell.seed for cell in results.cells})
    return f"{len(results.tasks)} tasks, {len(results.arms)} arms, {seeds} seeds, {results.suite['trials']} trials"


def _row(cells: list[Any]) -> str:
    return "| " + " | ".join(map(str, cells)) + " |"
