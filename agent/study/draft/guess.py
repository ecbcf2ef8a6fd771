"""A setting that was found, and the parameter that is guessed from it: type, range, and how sure that is."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_SHARES = re.compile(
    r"rate$|ratio|fraction|prob|dropout|share|momentum|alpha|beta|gamma|threshold|percent", re.IGNORECASE
)
_STEPS_OF_TEN = re.compile(r"learning|(^|_)lr($|_)|decay|tol|eps|lambda|penalty", re.IGNORECASE)
_NOT_HOW = re.compile(
    r"^(help|version|verbose|quiet|debug|log|logs|output|out|file|files|dir|path|host|hostname|url|user|username|password"
    r"|token|key|secret|config|seed|random_state|name|id|port|bind|address|email|dry_run|color|colour|no_color|pid|pidfile"
    r"|socket|listen|charset|locale|timezone|lang|language|root|server_name|include|datadir|daemon|database|db|schema|data"
    r"|input|dataset|checkpoint|save|load|resume|device|gpu|cuda|n_jobs|description|title|label|license|authors?)$"
    r"|(_|^)(file|path|dir|url|host|password|token|secret|seed|port|name|log|address|user|email)$",
    re.IGNORECASE,
)
_REACH, _WIDE = 8, 64


@dataclass(frozen=True)
class Found:
    """One setting: its name where it was found, its default, its choices and its help, as far as these are told.

    `place` is how it is given to the program: words of a command, or the key of a file. `low` and `high` are bounds
    that the source itself names.
    """

    name: str
    default: Any = None
    choices: Sequence[Any] = ()
    help: str = ""
    place: tuple[str, ...] = ()
    is_switch: bool = False
    kind: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Guess:
    """A parameter as a study file's section, with what a person should know about it."""

    name: str
    fields: dict[str, Any]
    found: Found
    words: str = ""


def guess(found: Found) -> Guess | str:
    """Return the parameter of a setting, or why there is none."""
    name = identifier(found.name)
    if _NOT_HOW.search(identifier(found.name.rpartition(".")[2])):
        return "says what or where, not how fast or how well"
    about = {"description": one_sentence(found.help)} if found.help.strip() else {}
    if found.is_switch or isinstance(found.default, bool):
        return Guess(name, {"type": "bool", "default": bool(found.default), **_words(found), **about}, found)
    if found.choices:
        return _chosen(name, found, about)
    value = _as_number(found.default, found.kind)
    if value is None:
        return "its values are not known: a text, or nothing, is its default"
    return _ranged(name, value, found, about)


def identifier(name: str) -> str:
    """Return a name that may stand in {places} and expressions."""
    plain = re.sub(r"\W+", "_", name.strip().lstrip("-"), flags=re.ASCII).strip("_")
    return plain if plain and not plain[0].isdigit() else f"p_{plain}"


def one_sentence(text: str) -> str:
    """Return the beginning of a help text, on one line."""
    plain = re.sub(r"\s*[\[(]default[^)\]]*[)\]]", "", " ".join(text.replace("%(default)s", "").split()), flags=re.I)
    return plain[:200].strip()


def _words(found: Found) -> dict[str, str]:
    """Return how a file writes a switch, where that is not true and false."""
    written = found.place[1].lower() if len(found.place) > 1 else ""
    pair = next((pair for pair in (("on", "off"), ("yes", "no")) if written in pair), None)
    return {} if pair is None else {"true_word": pair[0], "false_word": pair[1]}


def _chosen(name: str, found: Found, about: dict[str, Any]) -> Guess | str:
    choices = list(dict.fromkeys(found.choices))
    default = found.default if found.default in choices else choices[0]
    if len(choices) < 2:
        return "it has one value"
    unsure = found.default not in choices
    words = f"the default is not told: {default!r} was taken" if unsure else ""
    return Guess(name, {"type": "categorical", "choices": choices, "default": default, **about}, found, words)


def _as_number(value: Any, kind: str) -> int | float | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = int(value)
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                return None
    if not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value) if kind == "float" else value


def _ranged(name: str, value: int | float, found: Found, about: dict[str, Any]) -> Guess:
    near: tuple[float, float, bool] = _of_whole(value) if isinstance(value, int) else _of_real(name, value)
    told = found.low is not None and found.high is not None
    low = min(near[0] if found.low is None else type(value)(found.low), value)
    high = max(near[1] if found.high is None else type(value)(found.high), value)
    fields: dict[str, Any] = {"type": "int" if isinstance(value, int) else "float", "low": low, "high": high}
    if near[2] and low > 0 and high / low >= _WIDE:
        fields["log"] = True
    words = "" if told else "the range is a guess"
    return Guess(name, {**fields, "default": value, **about}, found, words)


def _of_whole(value: int) -> tuple[int, int, bool]:
    if value == 0:
        return 0, 10, False
    if value < 0:
        return _REACH * value, -value, False
    return max(1, value // _REACH), max(value * _REACH, value + 4), True


def _of_real(name: str, value: float) -> tuple[float, float, bool]:
    if _STEPS_OF_TEN.search(name) and value > 0:
        return value / 100, value * 100, True
    if 0 <= value <= 1 and (_SHARES.search(name) or value in {0.0, 1.0}):
        return 0.0, 1.0, False
    if value > 0:
        return value / _REACH, value * _REACH, True
    return (-1.0, 1.0, False) if value == 0 else (_REACH * value, -value, False)
