"""Options in what a program prints as its help: argparse, click, Typer, getopt, Go's flags, most others."""

import re
from collections.abc import Iterator

from .guess import Found

_OPTION = re.compile(
    r"^\s{0,12}(?:-(?P<short>\w)\b(?:[ =](?P<given_short><[^>]+>|\[?[A-Z][\w.|-]*\]?))?,?\s+)?"
    r"(?P<long>--?[A-Za-z][\w-]*)(?P<rest>.*)$"
)
_SHORT = re.compile(
    r"^\s{0,8}-(?P<short>[A-Za-z])(?:[ =](?P<value><[^>]+>|\[?[A-Za-z][\w.-]*\]?))?\s{2,}(?P<help>\S.*)$"
)
_VALUE = re.compile(
    r"^(?:\[?[ =](?P<value>\{[^}]*\}|<[^>]*>|\[[^\]]*\]|[A-Za-z][\w.:|-]*))?\]?(?:\s{2,}|\s*$|\t|: )(?P<help>.*)$"
)
_ANYTHING = {"num", "n", "int", "integer", "number", "value", "val", "float", "string", "str", "several", "arg", "x"}
_DEFAULT = re.compile(
    r"default(?:s)?(?:\s+(?:is|value|to))?\s*[:=]?\s*[\"'`]?(?P<value>-?[\w.+-]+%?)[\"'`]?", re.IGNORECASE
)
_CHOICES = re.compile(r"\{([\w.+-]+(?:\s*,\s*[\w.+-]+)+)\}|\[([\w.+-]+(?:\|[\w.+-]+)+)\]|<([\w.+-]+(?:\|[\w.+-]+)+)>")
_BOUNDS = re.compile(r"(?P<low>-?\d+(?:\.\d+)?)\s*(?:\.\.|<=\s*x\s*<=|-|to)\s*(?P<high>\d+(?:\.\d+)?)")


def options_in(text: str) -> Iterator[Found]:
    """Yield the options of a help text, each once."""
    seen: set[str] = set()
    for head, about in _entries(text.splitlines()):
        found = _option(head, about)
        if found is not None and found.name not in seen:
            seen.add(found.name)
            yield found


def _entries(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Yield the lines on which options begin, each with its help over the lines below."""
    head, about = "", ""
    for line in lines:
        if _OPTION.match(line) or _SHORT.match(line):
            if head:
                yield head, about
            head, about = line, ""
        elif head and line.startswith((" ", "\t")) and line.strip():
            about += f" {line.strip()}"
        elif head:
            yield head, about
            head = ""
    if head:
        yield head, about


def _option(head: str, about: str) -> Found | None:
    match = _OPTION.match(head)
    if match is None:
        return _short_option(head, about)
    flag, rest = match["long"], match["rest"]
    no_and_yes = re.match(r"^\s*(?:/|,)\s*--no-[\w-]+", rest)
    if no_and_yes:
        rest = rest[no_and_yes.end() :]
    parts = _VALUE.match(rest)
    several = None if parts else re.match(r"^[ =]\[?(?:<|[A-Z]{2})", rest)
    value = (parts["value"] if parts else None) or match["given_short"] or (several and "several")
    text = f"{parts['help'] if parts else rest} {about}".strip()
    choices = _choices(f"{value or ''} {text}")
    default = _default(text)
    if value is None and not choices:
        known = default in {"true", "false", "True", "False"} or default is None
        on = default in {"true", "True"}
        if known:
            return Found(flag, default=on, help=text, place=(flag,), is_switch=True)
    bounds = _BOUNDS.search(text) if "range" in text.lower() or "<=" in text else None
    low, high = (float(bounds["low"]), float(bounds["high"])) if bounds else (None, None)
    kind = "float" if value and re.search("float|double|number", value, re.IGNORECASE) else ""
    name = _named(flag, value)
    return Found(name, default=default, choices=choices, help=text, place=(flag,), kind=kind, low=low, high=high)


def _named(flag: str, value: str | None) -> str:
    """Return what an option is called: one of a single letter by what stands for its value, such as -p <port>."""
    word = re.sub(r"\W+", "_", value or "").strip("_")
    return word if re.fullmatch(r"-\w", flag) and word and word.lower() not in _ANYTHING else flag


def _short_option(head: str, about: str) -> Found | None:
    match = _SHORT.match(head)
    if match is None:
        return None
    flag, text = f"-{match['short']}", f"{match['help']} {about}".strip()
    name = re.sub(r"\W+", "_", (match["value"] or "").strip("<>[]")) or f"option_{match['short']}"
    if match["value"] is None:
        return Found(name, default=False, help=text, place=(flag,), is_switch=True)
    return Found(name, default=_default(text), choices=_choices(text), help=text, place=(flag,))


def _default(text: str) -> str | None:
    match = _DEFAULT.search(text)
    return match["value"].rstrip(".") if match and match["value"].lower() not in {"none", "null", "value"} else None


def _choices(text: str) -> list[str]:
    match = _CHOICES.search(text)
    if match is None:
        return []
    inner = next(each for each in match.groups() if each)
    return [each.strip() for each in re.split(r"[,|]", inner)]
