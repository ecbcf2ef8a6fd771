"""Recorded model calls: plain JSON lines that a person can read, and that replay a study without a network.

The first lines describe the model; then one line a call (request, fingerprint, occurrence, response or failure),
and one line for each time the planner's ideas became available, so that a replay uses them at the same trial.
"""

import difflib
import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

from ...tools.errors import InputError, TrimtabError
from .safe_text import redact

FORMAT = 1


class CassetteMismatchError(TrimtabError):
    """A strict replay met a request that was not recorded."""


def fingerprint(request: dict[str, Any]) -> str:
    """Return a short text that is equal for equal requests."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:16]


class Recorder:
    """Appends what happens to a file."""

    def __init__(self, file: Path, header: dict[str, Any]) -> None:
        """Start a new recording.

        Raises:
            InputError: the file cannot be written.
        """
        self.file = file
        self._seen: Counter[str] = Counter()
        try:
            file.write_text("")
            self._append({"kind": "model", "format": FORMAT, **header})
        except OSError as error:
            raise InputError(f"--record {file}: {error.strerror}", "name a file that can be written") from None

    def describe(self, **facts: Any) -> None:  # whatever the header holds
        """Add to the description of the model what was found out later."""
        self._append({"kind": "model", **facts})

    def call(self, request: dict[str, Any], outcome: dict[str, Any]) -> None:
        """Record one call: {'response': ...} or {'failure': ...}, with usage and latency."""
        print_ = fingerprint(json.loads(redact(json.dumps(request))))
        self._append(
            {"kind": "call", "fingerprint": print_, "occurrence": self._seen[print_], "request": request, **outcome}
        )
        self._seen[print_] += 1

    def arrived(self, thought: int, trial: int) -> None:
        """Record that the planner's n-th answer was there when a trial was chosen."""
        self._append({"kind": "arrival", "thought": thought, "trial": trial})

    def arrival(self, _thought: int) -> int | None:
        """Return None: while recording, ideas are used when they come."""
        return None

    def _append(self, line: dict[str, Any]) -> None:
        with self.file.open("a", encoding="utf-8") as out:
            out.write(redact(json.dumps(line)) + "\n")


class Player:
    """Answers from a recording. Strict: an unknown request is an error; lenient: it is a failed call."""

    def __init__(self, file: Path, *, strict: bool = True) -> None:
        """Read a recording.

        Raises:
            InputError: it cannot be read, or is no recording.
        """
        self.file, self.strict = file, strict
        self.header: dict[str, Any] = {}
        self._calls: dict[tuple[str, int], dict[str, Any]] = {}
        self._arrivals: dict[int, int] = {}
        self._seen: Counter[str] = Counter()
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"--replay {file}: cannot be read: {error}", "name a recording") from None
        for number, line in enumerate(lines, start=1):
            try:
                self._take(json.loads(line))
            except (json.JSONDecodeError, KeyError, TypeError, AttributeError):
                raise InputError(f"--replay {file}:{number}: not a line of a recording", "record it again") from None
        if self.header.get("format") != FORMAT:
            raise InputError(f"--replay {file}: not a recording of format {FORMAT}", "record it again")

    def _take(self, line: dict[str, Any]) -> None:
        if line["kind"] == "model":
            self.header |= line
        elif line["kind"] == "call":
            self._calls[line["fingerprint"], line["occurrence"]] = line
        elif line["kind"] == "arrival":
            self._arrivals[line["thought"]] = line["trial"]

    def find(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Return the recorded call for a request; None when a lenient replay has none.

        Raises:
            CassetteMismatchError: a strict replay has none; the message shows the nearest recorded request.
        """
        request = json.loads(redact(json.dumps(request)))
        print_ = fingerprint(request)
        occurrence = self._seen[print_]
        self._seen[print_] += 1
        found = self._calls.get((print_, occurrence))
        if found is None and self.strict:
            message = f"--replay {self.file} has no such call: {self._difference(request)}"
            raise CassetteMismatchError(message, "measurements or prompts differ from the recording; --lenient goes on")
        return found

    def arrived(self, thought: int, trial: int) -> None:
        """Nothing to record."""

    def arrival(self, thought: int) -> int | None:
        """Return the trial at which the n-th answer was there; a huge number when it never was used."""
        return self._arrivals.get(thought, 1 << 60)

    def _difference(self, request: dict[str, Any]) -> str:
        mine, recorded = _as_lines(request), [_as_lines(call["request"]) for call in self._calls.values()]
        if not recorded:
            return "it holds no calls"
        nearest = max(recorded, key=lambda lines: difflib.SequenceMatcher(None, lines, mine).quick_ratio())
        changed = [line for line in difflib.unified_diff(nearest, mine, lineterm="", n=0) if line[:1] in "+-"][2:8]
        return "; ".join(line[:160] for line in changed) or "it was asked more often than recorded"


def _as_lines(request: dict[str, Any]) -> list[str]:
    """Return a request as lines of text, so that a difference shows the words that differ."""
    rest = json.dumps({**request, "messages": []}, indent=1, sort_keys=True).splitlines()
    return [line for m in request["messages"] for line in (m["role"], *str(m["content"]).splitlines())] + rest


Cassette = Recorder | Player
