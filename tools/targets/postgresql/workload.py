"""The load: pgbench runs the study's scripts, says each second how it goes, and logs every transaction."""

import asyncio
import math
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ...text import plain
from ..preparation.programs import ProgramError, ended, run_program, running
from .section import Workload

_PROGRESS = re.compile(r"progress: [\d.]+ s, (?P<tps>[\d.]+) tps, lat (?P<lat>[\d.]+|NaN) ms.*?(?P<failed>\d+) failed")
_SLACK_S = 30.0
"""How much longer than asked pgbench may take: its last transactions end first."""


class StoppedError(ProgramError):
    """The guard stopped the load."""


@dataclass(frozen=True)
class Second:
    """What pgbench said of one second: mean latency in ms (NaN where nothing ended), failed transactions so far."""

    latency_ms: float
    failed: int


Guarding = Callable[[Second], str]
"""Sees each second of a run; returns why it must stop, '' to let it go on."""


@dataclass(frozen=True)
class Loaded:
    """What a run of the load gave. Latencies are in ms and of transactions that worked."""

    throughput: float
    mean: float
    p95: float
    p99: float
    transactions: int
    errors: int
    log: str


@dataclass(frozen=True)
class Bench:
    """Runs pgbench against the server of a DSN; `study` is the folder of the study's files."""

    workload: Workload
    binaries: Path
    dsn: str
    study: Path

    async def fill(self) -> None:
        """Make pgbench's tables, and run the study's own SQL.

        Raises:
            ProgramError: one fails.
        """
        if self.workload.scale:
            words = ["-i", "-q", "-s", str(self.workload.scale), self.dsn]
            await run_program([self.binaries / "pgbench", *words], 3600)
        if self.workload.load is not None:
            await self._sql(self.workload.load)

    async def reset(self) -> None:
        """Bring the data back to the state in which every measurement begins: the study's own SQL.

        Raises:
            ProgramError: it fails.
        """
        if self.workload.reset is not None:
            await self._sql(self.workload.reset)

    async def run(self, seconds: float, seed: int, folder: Path, guarding: Guarding) -> Loaded:
        """Run the load for so long; `folder` is for its logs.

        Raises:
            StoppedError: the guard said so.
            ProgramError: pgbench fails.
        """
        lines: list[str] = []
        began = time.monotonic()
        async with running(self.words(seconds, seed, folder), folder=folder) as process:
            try:
                async with asyncio.timeout(seconds + _SLACK_S):
                    assert process.stdout is not None
                    async for raw in process.stdout:
                        lines.append(plain(raw.decode(errors="replace")))
                        second = _second(lines[-1])
                        why = guarding(second) if second is not None else ""
                        if why:
                            raise StoppedError(f"stopped after {time.monotonic() - began:.0f} s: {why}")
                    await process.wait()
            except TimeoutError:
                raise ProgramError(f"pgbench: still running after {seconds + _SLACK_S:g} s") from None
        text = ended("pgbench", process, "".join(lines))
        return await asyncio.to_thread(_summary, folder, seconds, text)

    def words(self, seconds: float, seed: int, folder: Path) -> list[str]:
        """Return the command."""
        load = self.workload
        clients, threads = str(load.clients), str(min(load.threads, load.clients))
        words = [str(self.binaries / "pgbench"), "-n", "-c", clients, "-j", threads, "-M", load.protocol]
        words += ["-T", str(max(1, round(seconds))), "-P", "1", "--random-seed", str(seed % (1 << 31))]
        words += ["-l", "--log-prefix", str(folder / "log")]
        if not load.files:
            return [*words, "-b", load.builtin or "tpcb-like", self.dsn]
        return [
            *words,
            *(word for file, weight in load.files for word in ("-f", f"{self.study / file}@{weight}")),
            self.dsn,
        ]

    async def _sql(self, file: Path) -> None:
        words = ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.dsn, "-f"]
        await run_program([self.binaries / "psql", *words, self.study / file], 3600)


def _second(line: str) -> Second | None:
    match = _PROGRESS.search(line)
    if match is None:
        return None
    return Second(
        math.nan if match["lat"] == "NaN" or float(match["tps"]) == 0 else float(match["lat"]), int(match["failed"])
    )


def _summary(folder: Path, seconds: float, text: str) -> Loaded:
    """Return what the logs of a run say."""
    failed, latencies = 0, []
    for micros in _logged(folder):
        if micros is None:
            failed += 1
        else:
            latencies.append(micros)
    if not latencies:
        raise ProgramError("pgbench: no transaction ended in the time: make duration_s longer")
    latencies.sort()
    return Loaded(
        throughput=len(latencies) / max(1, round(seconds)),
        mean=sum(latencies) / len(latencies) / 1000,
        p95=_quantile(latencies, 0.95) / 1000,
        p99=_quantile(latencies, 0.99) / 1000,
        transactions=len(latencies),
        errors=failed,
        log=text,
    )


def _logged(folder: Path) -> Iterator[float | None]:
    """Yield the microseconds of each transaction, None for one that failed: the third column of pgbench's logs."""
    for file in sorted(folder.glob("log.*")):
        with file.open(encoding="ascii", errors="replace") as lines:
            for line in lines:
                columns = line.split()
                if len(columns) >= 6:
                    yield float(columns[2]) if columns[2].isdigit() else None


def _quantile(values: list[float], share: float) -> float:
    """Return the smallest value that at least this share does not exceed."""
    return values[max(0, math.ceil(share * len(values)) - 1)]
