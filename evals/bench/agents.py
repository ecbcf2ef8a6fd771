"""The slowest tool of `trimtab mcp` with 10,000 trials in the study that it is asked about, against ten trials."""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...agent.memory.store import Store
from .comparison import Ratio
from .stores import filled, knobs

TRIALS, FEW = 10_000, 10
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("status", {}),
    ("status", {"since": TRIALS - 5}),
    *[("explain", {"about": about}) for about in ("result", "failures")],
    ("explain", {"about": "trial", "trial": 9}),
    ("verify", {}),
    ("apply", {"file": "x.json"}),
    ("propose", {"ideas": [{"values": {"knob_1": 0.5}}]}),
    ("control", {"action": "pause"}),
    ("check", {"study": "[study]\nname = 'x'\n"}),
    ("draft", {"source": "sleep --seconds={seconds}"}),
)
"""What is asked, of a run that is over."""


def run() -> Iterator[Ratio]:
    """Call every tool of both, each server as new as after its start."""
    with tempfile.TemporaryDirectory() as folder:
        ours, name = asyncio.run(_slowest(Path(folder) / "many", TRIALS))
        few, _name = asyncio.run(_slowest(Path(folder) / "few", FEW))
    what = f"slowest tool of an agent with {TRIALS:,} trials ({name})"
    yield Ratio(what, ours, f"slowest with {FEW}", few, "agent-tool", unit="s")


async def _slowest(folder: Path, trials: int) -> tuple[float, str]:
    """Return the time of the slowest call in seconds, and its name."""
    from mcp import Client

    from ...agent.faces.mcp.server import build
    from ...agent.faces.mcp.service import Service

    folder.mkdir()
    url = filled(folder / "store.db", 1, trials, knobs)
    store = Store(url)
    (listed,) = store.listing()
    stored = store.study(listed.key)
    run, _new = store.add_run(stored.name, stored.definition, str(folder))
    store.beat_run(run.id, "ended", stored.key)
    times: list[tuple[float, str]] = []
    async with Client(build(Service(store, url, folder), allow_apply=False)) as client:
        for name, arguments in CALLS:
            about = {} if name in {"check", "draft"} else {"run": run.id}
            began = time.perf_counter()
            await client.call_tool(f"trimtab_{name}", {**about, **arguments})
            times.append((time.perf_counter() - began, name))
    store.close()
    return max(times)
