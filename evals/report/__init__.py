"""The report of a suite: one self-contained HTML page, and a Markdown summary for pull requests."""

import base64
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jinja2

from ...agent.memory.store import Store
from ...tools.errors import InputError
from .. import statistics as st
from ..results import Results
from . import charts
from .headline import headline
from .summary import READING, behaviour, markdown, per_task

_LONGEST = 20_000


def write_report(results: Results, folder: Path) -> tuple[Path, Path]:
    """Write report.html and report.md into a folder and return their paths.

    Raises:
        InputError: the results hold no cell.
    """
    if not results.cells:
        raise InputError("the results hold no finished cell", "run the suite first")
    page, text = folder / "report.html", folder / "report.md"
    page.write_text(html(results), encoding="utf-8")
    text.write_text(markdown(results), encoding="utf-8")
    return page, text


def html(results: Results) -> str:
    """Return the page; it needs no network and no other file."""
    reference, marks = results.suite["reference"], results.marks
    table, colours = results.regrets(marks[-1]), charts.colours(results.arms, reference)
    compared, means, areas = results.comparisons, results.means, results.areas()
    reach = max((max(abs(c.difference.low), abs(c.difference.high)) for c in compared.values()), default=1.0)
    rows = [
        {
            "arm": arm,
            "description": results.suite["arms"][arm].get("description", ""),
            "means": [means[mark][arm] for mark in marks],
            "iqm": st.interquartile_mean(table[arm]),
            "area": st.mean(areas[arm]),
            "comparison": compared.get(arm),
            "forest": charts.interval_bar(compared[arm].difference, reach) if arm in compared else "",
        }
        for arm in sorted(results.arms, key=lambda name: means[marks[-1]][name].value)
    ]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        results=results,
        suite=results.suite,
        date=datetime.fromtimestamp(results.started, UTC).strftime("%Y-%m-%d %H:%M UTC"),
        marks=marks,
        reference=reference,
        headline=headline(results),
        reading=READING,
        rows=rows,
        colours=colours,
        curves=charts.curves(results, colours),
        small=[(task, charts.curves(results, colours, task, small=True)) for task in results.tasks],
        ranking=charts.ranking(st.ranks(table), st.cliques(table), colours),
        friedman=st.friedman(table),
        tasks=per_task(results),
        behaviour=behaviour(results),
        seen=[
            (arm, st.resolution(table[arm], table[reference]))
            for arm in results.arms
            if arm != reference and reference in table
        ],
        cells=_packed(results),
    )


def _packed(results: Results) -> str:
    """Return the trials and prompts of all cells, compressed, for the drill-down."""
    cells = []
    store = Store(results.store) if results.store and _there(results.store) else None
    try:
        for cell in results.cells:
            entry: dict[str, Any] = {**cell.model_dump(), "trials": [], "asked": []}
            if store is not None:
                stored = store.study(cell.study)
                entry["trials"] = [
                    [
                        t.number,
                        str(t.source),
                        t.state,
                        t.metrics,
                        t.configuration,
                        t.rationale,
                        t.gate.get("why", ""),
                    ]
                    for t in store.trials(stored.id)
                ]
                entry["asked"] = [
                    [call["outcome"], call["request"][:_LONGEST], call["response"][:_LONGEST]]
                    for call in store.model_calls(stored.id)
                ]
            cells.append(entry)
    finally:
        if store is not None:
            store.close()
    return base64.b64encode(gzip.compress(json.dumps(cells).encode(), compresslevel=6, mtime=0)).decode()


def _there(url: str) -> bool:
    return Path(url.removeprefix("sqlite:///")).is_file()
