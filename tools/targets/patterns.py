"""Matches a study's regular expressions against what an evaluation printed, within bounds of time and memory."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from .metrics import MetricsError, number_of

PROCESSOR_S = 5
"""Seconds of processor time that all patterns of a study may take on one output."""

_WALL_S = 60.0
_WORKER = Path(__file__).with_name("pattern_worker.py")


async def from_patterns(text: str, patterns: Mapping[str, str]) -> dict[str, float]:
    """Return the last match of each pattern's group 1 as a number.

    Raises:
        MetricsError: a pattern matches nothing, or no number, or takes too long.
    """
    found = {}
    answers = await _matched(text, list(patterns.values()))
    for index, name in enumerate(patterns):
        if index == len(answers):
            limit = f"more than {PROCESSOR_S} s, or too much memory"
            raise MetricsError(f"patterns.{name} needs {limit}, on this output: simplify it")
        match = answers[index]
        if match is None:
            raise MetricsError(f"output does not match patterns.{name}")
        found[name] = number_of(match, f"patterns.{name}")
    return found


async def _matched(text: str, patterns: list[str]) -> list[str | None]:
    """Return the last match of each pattern; fewer when one did not end in time."""
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(_WORKER)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=os.sep,
        env={},
    )
    job = json.dumps({"text": text, "patterns": patterns, "seconds": PROCESSOR_S})
    answered = b""
    try:
        with suppress(TimeoutError):
            async with asyncio.timeout(_WALL_S):
                answered, _nothing = await worker.communicate(job.encode())
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()
    return [json.loads(line) for line in answered.split(b"\n")[:-1]]  # a line that was cut off is no answer
