"""Gets an evaluation's metrics out of what it wrote: by the study's readings, a preset, or the JSON that it printed."""

import asyncio
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from ...spelling import closest
from ...text import one_line
from ..rendering.wording import Wording
from .documents import numbers_in, values_at
from .metrics import MetricsError, document_of, documents_in, from_last_json_line, numbers_of, read_text
from .patterns import matches
from .quantities import QuantityError, read_number
from .spec import Reading, taken
from .tables import column


class Said(Protocol):
    """What a study says of where its metrics are."""

    @property
    def metrics_file(self) -> str | None:
        """A JSON file in the evaluation's folder."""

    @property
    def readings(self) -> Mapping[str, Reading]:
        """How metrics are read, by name."""


@dataclass(frozen=True)
class Written:
    """What an evaluation wrote: its two streams, and the folder it worked in."""

    stdout: str
    stderr: str
    folder: Path

    def text(self, place: str) -> str:
        """Return the text of a stream or a file.

        Raises:
            MetricsError: the file is not there, or refused.
        """
        if place == "stdout":
            return self.stdout
        return self.stderr if place == "stderr" else read_text(self.folder / place)


@dataclass
class _Found:
    """Metrics that were read, and why others were not."""

    metrics: dict[str, float] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


async def read_metrics(
    said: Said,
    written: Written,
    required: tuple[str, ...],
    wording: Wording,
    units_seen: dict[str, str] | None = None,
) -> dict[str, float]:
    """Return the numbers that an evaluation reported, the required ones among them.

    `units_seen` are the units that stood behind the numbers of patterns in earlier evaluations, by metric, to be kept:
    where a program changes its unit and the pattern leaves it out, numbers would not compare.

    Raises:
        MetricsError: one of these is not there; the message says what is, and which reading comes nearest.
    """
    found = _Found()
    readings = said.readings
    patterns = {name: each for name, each in readings.items() if each.pattern is not None}
    await _by_patterns(found, patterns, written, wording, {} if units_seen is None else units_seen)
    others = {name: each for name, each in readings.items() if each.pattern is None}
    await asyncio.to_thread(_by_place, found, others, written, wording)
    rest = tuple(name for name in required if name not in readings)
    if rest or not readings:
        await asyncio.to_thread(_by_name, found, rest, said, written, wording)
    for name in required:
        if name in found.missing:
            raise MetricsError(found.missing[name])
    return found.metrics


async def _by_patterns(
    found: _Found, readings: Mapping[str, Reading], written: Written, wording: Wording, units_seen: dict[str, str]
) -> None:
    waiting = dict(readings)
    for place in dict.fromkeys(place for each in readings.values() for place in _places(each)):
        here = {name: each for name, each in waiting.items() if place in _places(each)}
        try:
            text = written.text(place)
        except MetricsError as error:
            found.missing |= dict.fromkeys(here, str(error))
            continue
        wanted = [(_title(name, each), str(each.pattern), each.take != "last") for name, each in here.items()]
        for name, matched in zip(here, await matches(text, wanted), strict=True):
            if not matched:
                found.missing.setdefault(name, _no_match(name, here[name], text))
                continue
            waiting.pop(name)
            found.missing.pop(name, None)
            units = {units_seen.setdefault(name, matched[0].apart), *(each.apart for each in matched)}
            if len(units) > 1:
                both = " and ".join(sorted(map(repr, units)))
                found.missing[name] = (
                    f"{_title(name, here[name])} finds numbers before {both}: put the unit into the group"
                )
            else:
                _take(found, name, [each.text for each in matched], here[name], wording)


def _by_place(found: _Found, readings: Mapping[str, Reading], written: Written, wording: Wording) -> None:
    for name, reading in readings.items():
        for place in _places(reading):
            try:
                text = written.text(place)
                texts = _in_table(text, reading) if reading.column is not None else _in_json(text, reading)
            except MetricsError as error:
                found.missing.setdefault(name, str(error))
                continue
            if texts:
                found.missing.pop(name, None)
                _take(found, name, texts, reading, wording)
                break
            found.missing.setdefault(name, f"{_title(name, reading)}: {_nothing_at(text, reading)}")


def _in_table(text: str, reading: Reading) -> list[str]:
    return column(text, str(reading.column), reading.where) or []


def _in_json(text: str, reading: Reading) -> list[str]:
    for document in reversed(documents_in(text)):
        found = [value for value in values_at(document, str(reading.path)) if _is_readable(value)]
        units = values_at(document, reading.unit_path) if reading.unit_path is not None else []
        values = [repr(value) if isinstance(value, float) else value for value in found]
        if values:
            return [f"{v} {u}" for v, u in zip(values, units, strict=True)] if len(units) == len(values) else values
    return []


def _by_name(found: _Found, required: tuple[str, ...], said: Said, written: Written, wording: Wording) -> None:
    """Read metrics by their names out of a JSON file, or out of the last JSON that was printed and has them."""
    if said.metrics_file:
        candidates = [document_of(written.text(said.metrics_file), said.metrics_file)]
    else:
        candidates = _printed(written, required)
    for document in candidates:
        if all(_at(document, name) is not None for name in required):
            found.metrics |= numbers_of(document, "the output")
            for name in required:
                _take(found, name, [str(_at(document, name))], Reading(path=name), wording)
            return
    known = numbers_in(candidates[0])
    for name in required:
        found.missing.setdefault(name, _no_metric(name, known))


def _printed(written: Written, required: tuple[str, ...]) -> list[Any]:
    """Return what JSON an evaluation printed, the last first: lines of standard output before all else.

    Raises:
        MetricsError: there is none.
    """
    line = from_last_json_line(written.stdout)
    if line is not None and all(name in line for name in required):
        return [line]
    several = [*reversed(documents_in(written.stdout)), *reversed(documents_in(written.stderr))]
    if not several:
        raise MetricsError(_no_json(written, required))
    return several


def _at(document: Any, name: str) -> str | float | None:
    values = [value for value in values_at(document, name) if _is_readable(value)]
    return (repr(values[-1]) if isinstance(values[-1], float) else values[-1]) if values else None


def _is_readable(value: object) -> bool:
    return isinstance(value, float) or (isinstance(value, str) and re.match(r"\s*[+-]?[0-9.]", value) is not None)


def _take(found: _Found, name: str, texts: Iterable[str], reading: Reading, wording: Wording) -> None:
    try:
        found.metrics[name] = taken([_number(name, text, reading, wording) for text in texts], reading.take)
    except QuantityError as error:
        found.missing[name] = str(error)


def _number(name: str, text: str, reading: Reading, wording: Wording) -> float:
    unit = reading.unit or wording.units.get(name, "")
    try:
        value, printed = read_number(text, unit, decimal=reading.decimal, printed_in=reading.printed_in)
    except QuantityError as error:
        raise QuantityError(f"{_title(name, reading)} found {one_line(text, 40)!r}, which {error}") from None
    if not unit and printed.scale != 1 and name in wording.absolute:
        shown = one_line(text, 40)
        raise QuantityError(f"{name} is printed as {shown!r}, and its bound has no unit: give it one (unit = 'ms')")
    return value


def _places(reading: Reading) -> tuple[str, ...]:
    if reading.file is not None:
        return (reading.file,)
    return (reading.stream,) if reading.stream is not None else ("stdout", "stderr")


def _title(name: str, reading: Reading) -> str:
    return f"patterns.{name}" if reading.pattern is not None else f"metrics.{name}"


def _no_match(name: str, reading: Reading, text: str) -> str:
    """Say that a pattern matches nothing, with the line that it may have been meant for."""
    words = sorted(re.findall(r"[A-Za-z]{3,}", re.sub(r"\\.", " ", str(reading.pattern))), key=len, reverse=True)
    lines = [line for line in text.splitlines()[-2000:] if line.strip()]
    near = next((line for word in words for line in lines if word.lower() in line.lower()), "")
    said = f"the nearest line is {one_line(near, 80)!r}" if near else _last_line(lines)
    return f"output does not match {_title(name, reading)}; {said}"


def _nothing_at(text: str, reading: Reading) -> str:
    if reading.column is not None:
        first = next((line for line in text.splitlines() if re.search(r"\w[,;\t|]", line)), "")
        return f"no row of CSV has a column {reading.column!r}" + (
            f" (columns: {one_line(first, 120)})" if first else ""
        )
    known = numbers_in(documents_in(text))
    return f"JSON has nothing at {reading.path!r}{_known(str(reading.path), known)}" if known else "there is no JSON"


def _no_metric(name: str, known: Mapping[str, float]) -> str:
    return f"no metric {one_line(name, 80)!r} in the output{_known(name, known)}"


def _known(name: str, known: Mapping[str, float]) -> str:
    """Say which numbers there are, and which of them may have been meant."""
    last = name.rpartition(".")[2]
    near = next((way for way in known if way.rpartition(".")[2] == last), None) or closest(name, known)
    meant = f"; did you mean {one_line(near, 80)!r}?" if near and near != name else ""
    shown = ", ".join(one_line(way, 40) for way in sorted(known)[:10]) or "none"
    return f" (numbers it has: {shown}){meant}"


def _no_json(written: Written, required: tuple[str, ...]) -> str:
    """Say that nothing printed is JSON, and what comes nearest to it."""
    text = written.stdout if written.stdout.strip() else written.stderr
    lines = [line for line in text.splitlines()[-2000:] if line.strip()]
    printed = "printed no JSON line" if written.stdout.strip() else "printed nothing on standard output"
    if not lines:
        return printed
    likeness = next((line for line in reversed(lines) if re.search(r"\{\s*'", line)), "")
    if likeness:
        return f"{printed}: {one_line(likeness, 80)!r} has single quotes, so it is none (print json.dumps(...))"
    for name in required:
        for line in reversed(lines):
            number = re.search(rf"(?i){re.escape(name)}\W{{0,12}}([0-9][0-9.,]*)", line)
            if number:
                way = f"patterns = {{ {name} = '{re.escape(name)}\\W+(\\S+)' }}"
                return f"{printed}, but {one_line(line, 80)!r}: read it with {way}"
    return f"{printed}; {_last_line(lines)}"


def _last_line(lines: list[str]) -> str:
    return f"the last line is {one_line(lines[-1], 80)!r}" if lines else "nothing was printed"
