"""Reads proposals out of whatever a model answers: JSON by schema, JSON in prose or fences, cut-off JSON, blocks.

Tolerant in form, strict in meaning: it never invents a value; what it cannot read is a problem with a code.
"""

import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

ProblemCode = Literal["empty", "refusal", "prose", "malformed", "truncated", "wrong_shape"]

_REFUSAL = re.compile(
    r"\b(I('m| am) (sorry|unable)|I can(no|')t|cannot (help|assist|comply)|as an AI)\b", re.IGNORECASE
)
_ASSIGNMENT = re.compile(r"^[\s\-*>`\"']*([A-Za-z_]\w*)[*`\"']*\s*[=:]\s*(.+?)[\s,;]*$")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_WRAPPERS = ("values", "configuration", "config", "parameters", "params")
_NOT_VALUES = {"rationale", "why", "reason", "explanation", "predicted"}
_LONGEST = 200_000


@dataclass(frozen=True)
class RawProposal:
    """A proposal as a model gave it; `predicted` is (expected, low, high) where it ventured one."""

    values: Mapping[str, Any]
    rationale: str = ""
    predicted: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Answer:
    """What could be read. `problem` is set when nothing could, and also when the answer was cut off."""

    proposals: tuple[RawProposal, ...]
    problem: ProblemCode | None = None


def parse_answer(text: str, parameters: Collection[str]) -> Answer:
    """Return the proposals in a model's answer. Any text is fine."""
    text = text.strip()[:_LONGEST]
    if not text:
        return Answer((), "empty")
    found, cut_off, was_json = _json_value(text)
    if was_json:
        proposals = tuple(_proposals(found, parameters))
        if proposals:
            return Answer(proposals, "truncated" if cut_off else None)
    blocks = tuple(_blocks(text, parameters))
    if blocks:
        return Answer(blocks)
    if was_json:
        return Answer((), "truncated" if cut_off else "wrong_shape")
    if _REFUSAL.search(text):
        return Answer((), "refusal")
    return Answer((), "malformed" if text[:1] in "{[`" else "prose")


def parse_predictions(text: str) -> list[tuple[float, float, float]]:
    """Return the predictions in a surrogate's answer, in order; an empty list when it holds none."""
    found, _cut_off, was_json = _json_value(text.strip()[:_LONGEST])
    if not was_json:
        return []
    entries = found.get("predictions") if isinstance(found, dict) else found
    read = [_prediction(entry) for entry in entries] if isinstance(entries, list) else []
    return [prediction for prediction in read if prediction is not None]


def _json_value(text: str) -> tuple[Any, bool, bool]:
    """Return (the first JSON value in a text, whether it was cut off, whether there is one)."""
    for candidate in _candidates(text):
        try:
            return json.loads(candidate), False, True
        except (ValueError, RecursionError):
            continue
    start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    if start >= 0:
        for closed in _closings(text[start:]):
            try:
                value = json.loads(closed)
            except (ValueError, RecursionError):
                continue
            if value:
                return value, True, True
    return None, False, False


def _candidates(text: str) -> Iterator[str]:
    yield text
    yield from re.findall(r"```(?:json)?\s*(.*?)```", text, re.DOTALL)
    for opening, closing in (("{", "}"), ("[", "]")):
        start, end = text.find(opening), text.rfind(closing)
        if 0 <= start < end:
            yield text[start : end + 1]


def _closings(text: str) -> Iterator[str]:
    """Yield a cut-off JSON text closed after its last complete parts, longest first, at most 200 tries."""
    stack: list[str] = []
    in_string = escaped = False
    cuts: list[tuple[int, str]] = []
    for at, character in enumerate(text):
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
            continue
        if character == '"':
            in_string = True
        elif character in "{[":
            stack.append("}" if character == "{" else "]")
        elif character in "}]":
            if not stack:
                break
            stack.pop()
            cuts.append((at + 1, "".join(reversed(stack))))
        elif character == ",":
            cuts.append((at, "".join(reversed(stack))))
    for end, closing in reversed(cuts[-200:]):
        yield text[:end] + closing


def _proposals(found: Any, parameters: Collection[str]) -> Iterator[RawProposal]:
    if isinstance(found, dict) and isinstance(found.get("proposals"), list | dict):
        found = found["proposals"]
    for entry in found if isinstance(found, list) else [found]:
        if isinstance(entry, dict):
            nested = next((entry[key] for key in _WRAPPERS if isinstance(entry.get(key), dict)), None)
            values = nested if nested is not None else {k: v for k, v in entry.items() if k not in _NOT_VALUES}
            if nested is not None or any(name in parameters for name in values):
                yield RawProposal(values, _rationale(entry), _prediction(entry.get("predicted")))


def _rationale(entry: Mapping[str, Any]) -> str:
    for name in ("rationale", "why", "reason", "explanation"):
        if isinstance(entry.get(name), str):
            return one_line(entry[name])
    return ""


def one_line(text: str) -> str:
    """Return text on one bounded line, without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:300]


def _prediction(given: Any) -> tuple[float, float, float] | None:
    if isinstance(given, dict):
        if len(given) == 1 and isinstance(next(iter(given.values())), dict):
            given = next(iter(given.values()))
        given = [given.get("expected"), given.get("low"), given.get("high")]
    if not isinstance(given, list) or len(given) != 3:
        return None
    try:
        expected, low, high = (float(each) for each in given)
    except (TypeError, ValueError, OverflowError):
        return None
    if not all(map(math.isfinite, (expected, low, high))):
        return None
    return expected, min(low, high), max(low, high)


def _blocks(text: str, parameters: Collection[str]) -> Iterator[RawProposal]:
    """Read the strict text format, or any run of `name = value` lines that name parameters."""
    for block in re.split(r"(?mi)^\W*(?:CONFIGURATION|END)\b.*$", text):
        values: dict[str, Any] = {}
        rationale, predicted = "", None
        for line in block.splitlines():
            word = line.strip(" *-#`").upper()
            if word.startswith("WHY"):
                rationale = one_line(line.strip(" *-#`")[3:].lstrip(": "))
            elif word.startswith("PREDICT"):
                numbers = [float(number) for number in _NUMBER.findall(line)]
                predicted = _prediction(numbers[:3]) if len(numbers) >= 3 else None
            elif (match := _ASSIGNMENT.match(line)) and match[1] in parameters:
                values[match[1]] = match[2].strip("\"'`")
        if values:
            yield RawProposal(values, rationale, predicted)
