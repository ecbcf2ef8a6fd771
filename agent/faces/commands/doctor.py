"""`trimtab doctor`: what this machine isolates and limits, tried, with the fix for each gap; and the preferences."""

import asyncio
import json
from dataclasses import asdict

import typer
from rich.console import Console

from ....tools.attacking import Attack, attacks, succeeds
from ....tools.sandbox import choose_sandbox
from ....tools.sandbox.doctor.examination import Examination, Finding, examine
from ....tools.sandbox.limits import Isolation
from . import preferences


def print_examination(*, as_json: bool) -> int:
    """Try everything and print it; return 1 when something that is promised by default is missing, else 0."""
    found = asyncio.run(examine())
    if as_json:
        told = [asdict(each) for each in preferences.preferences()]
        typer.echo(json.dumps({**found.as_json(), "preferences": told}))
    else:
        console = Console(markup=False, highlight=False, soft_wrap=True)
        for line in (*lines(found), *preferences.lines()):
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


def print_attacks(isolation: Isolation, *, as_json: bool) -> int:
    """Run programs that try to fool an evaluation of edited code; return 1 when one got what it wants, else 0.

    Raises:
        InputError: this machine does not have that isolation.
    """
    choose_sandbox(isolation)
    found = asyncio.run(_tried(isolation, as_json=as_json))
    through = [attack for attack, got in found if got]
    if as_json:
        told = {
            "isolation": isolation,
            "attacks": {attack.name: "succeeded" if got else "held" for attack, got in found},
        }
        typer.echo(json.dumps(told))
    else:
        typer.echo(f"{len(found) - len(through)} of {len(found)} attacks on edited code held under {isolation!r}")
    return 1 if through else 0


async def _tried(isolation: Isolation, *, as_json: bool) -> list[tuple[Attack, bool]]:
    found = []
    for attack in attacks():
        got = await succeeds(attack, isolation)
        if not as_json:
            typer.echo(f"  {'GAP ' if got else 'held':4}  {attack.about}")
        found.append((attack, got))
    return found
