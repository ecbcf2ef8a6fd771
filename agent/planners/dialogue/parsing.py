"""Reads proposals out of whatever a model answers: JSON by schema, JSON in prose or fences, cut-off JSON, blocks.

Tolerant in form, strict in meaning: it never invents a value; what it cannot read is a problem with a code. Whatever
the text, the work is linear in its length and the result is small.
"""

import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from ....tools.text import one_line
from ...models.safe_text import LONGEST_TEXT
from .loose_json import find_json

ProblemCode = Literal["empty", "refusal", "prose", "malformed", "truncated", "wrong_shape"]

MOST_PROPOSALS = 50
"""Proposals of one answer that are looked at."""

_REFUSAL = re.compile(
    r"\b(I('m| am) (sorry|unable)|I can(no|')t|cannot (help|assist|comply)|as an AI)\b", re.IGNORECASE
)
_NAME = re.compile(r"[A-Za-z_]\w{0,99}")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_DECORATION = " \t-*>`\"'"
_WRAPPERS = ("values", "configuration", "config", "parameters", "params")
_NOT_VALUES = {"rationale", "why", "reason", "explanation", "predicted", "edits", "parent"}
_LONGEST_LINE, _LONGEST_NAME, _LONGEST_VALUE, _MOST_UNKNOWN = 2000, 100, 500, 10
_LAYERS = 2
_THOUGHT = re.compile(r"</think(?:ing)?>")


@dataclass(frozen=True)
class RawProposal:
    """A proposal as a model gave it; `predicted` is (expected, low, high) where it ventured one.

    `edits` are of the program, as they were given, and `parent` is the trial whose code they are for.
    """

    values: Mapping[str, Any]
    rationale: str = ""
    predicted: tuple[float, float, float] | None = None
    edits: Any = None
    parent: Any = None


@dataclass(frozen=True)
class Answer:
    """What could be read. `problem` is set when nothing could, and also when the answer was cut off."""

    proposals: tuple[RawProposal, ...]
    problem: ProblemCode | None = None


def parse_answer(text: str, parameters: Collection[str]) -> Answer:
    """Return the proposals in a model's answer. Any text is fine."""
    text = _THOUGHT.split(text[:LONGEST_TEXT])[-1].strip()
    if not text:
        return Answer((), "empty")
    found = find_json(text)
    if found.there:
        proposals = proposals_in(found.value, parameters)
        if proposals:
            return Answer(proposals, "truncated" if found.cut_off else None)
    blocks = tuple(islice(_blocks(text, parameters), MOST_PROPOSALS))
    if blocks:
        return Answer(blocks)
    if found.there:
        return Answer((), "truncated" if found.cut_off else "wrong_shape")
    if _REFUSAL.search(text[:_LONGEST_LINE]):
        return Answer((), "refusal")
    return Answer((), "malformed" if text[:1] in "{[`" else "prose")


def parse_predictions(text: str) -> list[tuple[float, float, float]]:
    """Return the predictions in a surrogate's answer, in order; an empty list when it holds none."""
    found = find_json(text[:LONGEST_TEXT].strip())
    if not found.there or found.cut_off:
        return []
    entries = found.value.get("predictions") if isinstance(found.value, dict) else found.value
    read = [prediction_of(entry) for entry in entries[:MOST_PROPOSALS]] if isinstance(entries, list) else []
    return [prediction for prediction in read if prediction is not None]


def proposals_in(found: Any, parameters: Collection[str]) -> tuple[RawProposal, ...]:
    """Return the proposals in plain data: a list of them, one, or flat values; also inside of a JSON string."""
    for _layer in range(_LAYERS):
        if isinstance(found, str):
            found = find_json(found[:LONGEST_TEXT]).value
        if isinstance(found, dict) and "proposals" in found:
            found = found["proposals"]
    entries = found if isinstance(found, list) else [found]
    return tuple(islice(_proposals(entries, parameters), MOST_PROPOSALS))


def _proposals(entries: list[Any], parameters: Collection[str]) -> Iterator[RawProposal]:
    for entry in entries[: 2 * MOST_PROPOSALS]:
        if isinstance(entry, dict):
            nested = next((entry[key] for key in _WRAPPERS if isinstance(entry.get(key), dict)), None)
            values = nested if nested is not None else {k: v for k, v in entry.items() if k not in _NOT_VALUES}
            edits = entry.get("edits") or None
            if nested is not None or edits is not None or any(name in parameters for name in values):
                read = _bounded(values, parameters), _rationale(entry), prediction_of(entry.get("predicted"))
                yield RawProposal(*read, edits, entry.get("parent"))


def _bounded(values: Mapping[Any, Any], parameters: Collection[str]) -> dict[str, Any]:
    """Return values of bounded size: all known names, and a few of the others so that they can be named."""
    known = {name: value for name, value in values.items() if name in parameters}
    others = ((str(name)[:_LONGEST_NAME], value) for name, value in values.items() if name not in known)
    return {name: _short(value) for name, value in (*known.items(), *islice(others, _MOST_UNKNOWN))}


def _short(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return value[:_LONGEST_VALUE] if isinstance(value, str) else str(value)[:_LONGEST_VALUE]


def _rationale(entry: Mapping[str, Any]) -> str:
    for name in ("rationale", "why", "reason", "explanation"):
        if isinstance(entry.get(name), str):
            return one_line(entry[name])
    return ""


def prediction_of(given: Any) -> tuple[float, float, float] | None:
    """Return a prediction as (expected, low, high), the interval the right way round; None where it is none."""
    if isinstance(given, dict):
        if len(given) == 1 and isinstance(next(iter(given.values())), dict):
            given = next(iter(given.values()))
        given = [given.get("expected"), given.get("low"), given.get("high")]
    if not isinstance(given, list) or len(given) != 3:
        return None
    try:
        expected, low, high = (float(each[:_LONGEST_VALUE] if isinstance(each, str) else each) for each in given)
    except (TypeError, ValueError, OverflowError):
        return None
    if not all(map(math.isfinite, (expected, low, high))):
        return None
    return expected, min(low, high), max(low, high)


def _blocks(text: str, parameters: Collection[str]) -> Iterator[RawProposal]:
    """Read the strict text format, or any run of `name = value` lines that name parameters."""
    values: dict[str, Any] = {}
    rationale: str = ""
    predicted: tuple[float, float, float] | None = None
    for line in (each[:_LONGEST_LINE] for each in [*text.splitlines(), "END"]):
        bare = line.strip(" *-#`")
        word = bare[:20].upper()
        if re.match(r"\W*(CONFIGURATION|END)\b", word):
            if values:
                yield RawProposal(values, rationale, predicted)
            values, rationale, predicted = {}, "", None
        elif word.startswith("WHY"):
            rationale = one_line(bare[3:].lstrip(": "))
        elif word.startswith("PREDICT"):
            numbers = [float(number) for number in _NUMBER.findall(line)]
            predicted = prediction_of(numbers[:3]) if len(numbers) >= 3 else None
        elif (assigned := _assignment(line)) is not None and assigned[0] in parameters:
            values[assigned[0]] = assigned[1][:_LONGEST_VALUE]


def _assignment(line: str) -> tuple[str, str] | None:
    """Return the name and the value of a line like `- **name**: value,`."""
    at = min((at for at in (line.find("="), line.find(":")) if at >= 0), default=-1)
    name, value = line[:at].strip(_DECORATION), line[at + 1 :].strip().strip(",; ").strip("\"'`")
    return (name, value) if at >= 0 and value and _NAME.fullmatch(name) else None
