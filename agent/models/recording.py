"""Recorded runs: plain JSON lines that a person can read, and that repeat a study without a network or a target.

The first lines describe the model and the executor; then one line a call (request, fingerprint, occurrence, response or
failure), one for each trial that started and each evaluation that ended, and one for each time the planner was asked
and its ideas became available, so that in a replay everything happens in the same order.
"""

import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from ...tools.errors import InputError, TrimtabError
from .order import Mark, Order
from .safe_text import redact

FORMAT = 1
_BEFORE, _SHOWN, _PLACES = 4, 12, 3


class RecordingMismatchError(TrimtabError):
    """A strict replay met a request that was not recorded."""


def fingerprint(request: dict[str, Any]) -> str:
    """Return a short text that is equal for equal requests."""
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()[:16]


class RecordingWriter:
    """Appends what happens to a file."""

    def __init__(self, file: Path, header: dict[str, Any]) -> None:
        """Start a new recording.

        Raises:
            InputError: the file is there already, or cannot be written.
        """
        self.file = file
        self._seen: Counter[str] = Counter()
        try:
            file.open("x").close()
            self._append({"kind": "model", "format": FORMAT, **header})
        except FileExistsError:
            raise InputError(
                f"--record {file}: it is there already", "name a new file; nothing is overwritten"
            ) from None
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

    order: Order | None = None
    """While recording, things happen when they do."""

    def asked(self, thought: int, question: dict[str, Any]) -> None:
        """Record what the planner was asked."""
        self._append({"kind": "asked", "thought": thought, "question": question})

    def started(self, trial: int) -> None:
        """Record that a trial was started."""
        self._append({"kind": "started", "trial": trial})

    def question(self, _thought: int) -> dict[str, Any] | None:
        """Return None: while recording, the planner is asked when it is time."""
        return None

    def measured(self, evaluation: dict[str, Any]) -> None:
        """Record an evaluation the moment it ends, in the order of their ends."""
        self._append({"kind": "evaluation", **evaluation})

    def _append(self, line: dict[str, Any]) -> None:
        with self.file.open("a", encoding="utf-8") as out:
            out.write(redact(json.dumps(line)) + "\n")


class RecordingReader:
    """Answers from a recording. Strict: an unknown request is an error; lenient: it is a failed call.

    With `calls_only` it stands in for the model and nothing else: the study decides when it is asked, its target
    measures, and a request that is not the recorded one gets the next answer in order, until there is none left.
    """

    def __init__(self, file: Path, *, strict: bool = True, calls_only: bool = False) -> None:
        """Read a recording.

        Raises:
            InputError: it cannot be read, or is no recording.
        """
        self.file, self.strict, self.calls_only = file, strict, calls_only
        self.header: dict[str, Any] = {}
        self._calls: dict[tuple[str, int], dict[str, Any]] = {}
        self._arrivals: dict[int, int] = {}
        self._questions: dict[int, dict[str, Any]] = {}
        self._used: set[tuple[str, int]] = set()
        self._marks: list[Mark] = []
        self.evaluations: list[dict[str, Any]] = []
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
        elif line["kind"] == "asked":
            self._questions[line["thought"]] = line["question"]
            self._marks.append(("asked", line["thought"]))
        elif line["kind"] == "started":
            self._marks.append(("started", line["trial"]))
        elif line["kind"] == "evaluation":
            self._marks.append(("evaluation", len(self.evaluations)))
            self.evaluations.append(line)

    def find(self, request: dict[str, Any]) -> dict[str, Any] | None:
        """Return the recorded call for a request; None when a lenient replay has none.

        Raises:
            RecordingMismatchError: a strict replay has none; the message shows the nearest recorded request.
        """
        request = json.loads(redact(json.dumps(request)))
        print_ = fingerprint(request)
        occurrence = self._seen[print_]
        self._seen[print_] += 1
        found = self._calls.get((print_, occurrence))
        if self.calls_only:
            return self._in_order(found)
        if found is None and self.strict:
            message = f"--replay {self.file} has no such call: {self._difference(request)}"
            raise RecordingMismatchError(
                message, "measurements or prompts differ from the recording; --lenient goes on"
            )
        return found

    def _in_order(self, found: dict[str, Any] | None) -> dict[str, Any] | None:
        """Return the call that was found, else the first that was not used yet; None when all were."""
        left = (call for key, call in self._calls.items() if key not in self._used)
        call = found if found is not None and _key(found) not in self._used else next(left, None)
        if call is not None:
            self._used.add(_key(call))
        return call

    @cached_property
    def order(self) -> Order | None:
        """The order in which things happen; None where the recording stands for the model, or does not say."""
        return Order(self._marks) if self._questions and not self.calls_only else None

    def arrived(self, thought: int, trial: int) -> None:
        """Nothing to record."""

    def asked(self, thought: int, question: dict[str, Any]) -> None:
        """Nothing to record."""

    def started(self, trial: int) -> None:
        """Nothing to record."""

    def question(self, thought: int) -> dict[str, Any] | None:
        """Return the recorded question of the n-th thought; None where the recording says nothing of it."""
        return None if self.calls_only else self._questions.get(thought)

    def arrival(self, thought: int) -> int | None:
        """Return the trial at which the n-th answer was there; a huge number when it never was used."""
        return None if self.calls_only else self._arrivals.get(thought, 1 << 60)

    def _difference(self, request: dict[str, Any]) -> str:
        mine, recorded = _words(request), [_words(call["request"]) for call in self._calls.values()]
        if not recorded:
            return "it holds no calls"
        nearest = max(recorded, key=lambda words: difflib.SequenceMatcher(None, words, mine).quick_ratio())
        return differing(nearest, mine) or "it was asked more often than recorded"


def differing(recorded: Sequence[str], asked: Sequence[str]) -> str:
    """Return the words that differ, each place with a few words before it; '' where none do."""
    matcher = difflib.SequenceMatcher(None, recorded, asked, autojunk=False)
    places = [each for each in matcher.get_opcodes() if each[0] != "equal"]
    shown = [
        f"after '{' '.join(recorded[max(0, a - _BEFORE) : a])}': recorded '{' '.join(recorded[a:b][:_SHOWN])}', "
        f"asked '{' '.join(asked[c:d][:_SHOWN])}'"
        for _how, a, b, c, d in places[:_PLACES]
    ]
    more = [f"and {len(places) - _PLACES} more places"] if len(places) > _PLACES else []
    return "; ".join([*shown, *more])


def _key(call: dict[str, Any]) -> tuple[str, int]:
    return call["fingerprint"], call["occurrence"]


def _words(request: dict[str, Any]) -> list[str]:
    """Return a request as words, the messages first."""
    rest = json.dumps({**request, "messages": []}, sort_keys=True)
    return [*(word for m in request["messages"] for word in (m["role"], *str(m["content"]).split())), *rest.split()]


Recording = RecordingWriter | RecordingReader
