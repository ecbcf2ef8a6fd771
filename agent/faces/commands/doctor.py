"""`trimtab doctor`: what this machine isolates and limits, tried, with the fix for each gap."""

import asyncio
import json

import typer
from rich.console import Console

from ....tools.sandbox.doctor.examination import Examination, Finding, examine


def print_examination(*, as_json: bool) -> int:
    """Try everything and print it; return 1 when something that is promised by default is missing, else 0."""
    found = asyncio.run(examine())
    if as_json:
        typer.echo(json.dumps(found.as_json()))
    else:
        console = Console(markup=False, highlight=False, soft_wrap=True)
        for line in lines(found):
            console.print(line)
    return 0 if found.complete else 1


def lines(found: Examination) -> list[str]:
    """Return what was found as lines for a person."""
    shown = [f"sandbox {found.sandbox}: {found.guarantees}"]
    if found.problem is not None:
        shown.append(f"bubblewrap, the default, is missing: {found.problem}")
    shown += [line for finding in found.findings for line in _lines_of(finding)]
    gaps = [finding for finding in found.findings if not finding.held]
    promised = sum(finding.by_default for finding in gaps)
    if not gaps:
        shown.append(f"all {len(found.findings)} held")
    else:
        shown.append(f"{len(gaps)} of {len(found.findings)} did not hold, {promised} of them promised by default")
    return shown


def _lines_of(finding: Finding) -> list[str]:
    said = f"  {'held' if finding.held else 'GAP ':4}  {finding.said}"
    if finding.held:
        return [said]
    why = f": {finding.detail}" if finding.detail else ""
    return [f"{said}{why}", f"        fix: {finding.fix}"]
