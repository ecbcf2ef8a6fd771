"""What the end of a test run looks at: skips that nobody allowed, and what was left behind on the machine."""

import fnmatch
import os
import signal
import time
from pathlib import Path

MARK = "TRIMTAB_TEST_RUN"
"""Set in the environment of everything that a test run starts."""


def allowed_skips(file: Path) -> dict[str, str]:
    """Return the tests that may be skipped: patterns of their ids, and why."""
    lines = [line.strip() for line in file.read_text().splitlines()]
    pairs = [line.partition(": ") for line in lines if line and not line.startswith("#")]
    return {pattern: reason for pattern, _, reason in pairs}


def unexpected(skipped: dict[str, str], allowed: dict[str, str]) -> list[str]:
    """Return a line for each skipped test (id -> reason) that is not allowed."""
    return [
        f"{test}: {reason}"
        for test, reason in sorted(skipped.items())
        if not any(fnmatch.fnmatchcase(test, pattern) for pattern in allowed)
    ]


def leftover_processes(mark: str) -> dict[int, str]:
    """Return the processes that a test run of this mark started and that still run: number -> command."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) in _own():
            continue
        try:
            if f"{MARK}={mark}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if command:  # a zombie has none
                    found[int(folder.name)] = command[:160]
        except OSError:
            continue
    return found


def settled(mark: str, within_s: float = 15.0) -> dict[int, str]:
    """Return what still runs once everything that is ending has had time to end."""
    until = time.monotonic() + within_s
    while (found := leftover_processes(mark)) and time.monotonic() < until:
        time.sleep(0.2)
    return found


def leftover_folders(place: Path) -> list[str]:
    """Return the working folders of evaluations that still lie in `place`."""
    return sorted(each.name for each in place.glob("trimtab-*"))


def end(processes: dict[int, str]) -> None:
    """Kill what was left, so that one failure does not spoil the next run."""
    for number in processes:
        try:
            os.kill(number, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _own() -> set[int]:
    """Return this process and its ancestors."""
    found, number = set(), os.getpid()
    while number > 1:
        found.add(number)
        try:
            number = int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
    return found
