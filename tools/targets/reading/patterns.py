"""Matches a study's regular expressions against what an evaluation printed, within bounds of time and memory."""

import asyncio
import json
import os
import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from ...text import one_line
from .metrics import MetricsError

PROCESSOR_S = 5
"""Seconds of processor time that all patterns of a study may take on one output."""

_WALL_S = 60.0
_WORKER = Path(__file__).with_name("pattern_worker.py")
_MOST_MATCHES = 100_000
_NUMBER_GOES_ON = re.compile(r"[.,'’_]?[0-9]|[eE][+-]?[0-9]|:[0-9]{2}")
_NUMBER_BEGAN = re.compile(r"[0-9][.,'’_:]?$|[.,][0-9]*$|(?:^|[\s=:(])[-+]$")
_ADJACENT_UNIT = re.compile(r"(?:[numµμ]s|[smhd]|min|[kKMGTP](?:i?B|i|bit)?|B)(?![\w%])")
_UNIT_AFTER_BLANK = re.compile(r"[ \t]{1,2}([numµμ]s(?:ec)?|[kKMGTP]i?B|msec|s|sec)(?![\w%])")


class Match(NamedTuple):
    """A number that a pattern found, with the unit that stands right after it; `apart` is one behind a blank."""

    text: str
    apart: str = ""


async def matches(text: str, patterns: Sequence[tuple[str, str, bool]]) -> list[list[Match]]:
    """Return the matches of each pattern's group 1.

    A pattern is (its name in messages, the regular expression, whether all its matches are wanted or the last).

    Raises:
        MetricsError: a pattern takes too long, or cuts a number in two.
    """
    answers = await _answers(text, [(each, _MOST_MATCHES if several else 1) for _name, each, several in patterns])
    found = []
    for index, (name, _pattern, _several) in enumerate(patterns):
        if index == len(answers):
            limit = f"more than {PROCESSOR_S} s, or too much memory"
            raise MetricsError(f"{name} needs {limit}, on this output: simplify it")
        found.append([_whole(name, *match) for match in answers[index]])
    return found


def _whole(name: str, text: str, before: str, after: str) -> Match:
    """Return a matched number with its unit; refuse the half of a number."""
    digits = text[-1:].isdigit() or text[-1:] == "."
    if (digits and _NUMBER_GOES_ON.match(after)) or (text[:1].isdigit() and _NUMBER_BEGAN.search(before)):
        first = before.split()[-1] if before[-1:].strip() else ""
        last = after.split()[0] if after[:1].strip() else ""
        around = one_line(f"{first}{text}{last}", 60)
        raise MetricsError(f"{name} cut {one_line(text, 40)!r} out of {around!r}: match the whole number")
    adjacent, apart = _ADJACENT_UNIT.match(after), _UNIT_AFTER_BLANK.match(after)
    return Match(f"{text}{adjacent[0]}" if digits and adjacent else text, apart[1] if digits and apart else "")


async def _answers(text: str, patterns: list[tuple[str, int]]) -> list[list[tuple[str, str, str]]]:
    """Return the matches of each pattern; fewer lists when one did not end in time."""
    worker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(_WORKER)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=os.sep,
        env={},
        limit=1 << 20,
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
