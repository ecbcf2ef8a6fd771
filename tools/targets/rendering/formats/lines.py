"""Formats of one setting a line: INI, properties, .env, postgresql.conf. Comments and order stay."""

import re
import shlex
from collections.abc import Callable

from ..template import as_text

_COMMENT = ("#", ";", "!")


def plain(value: object) -> str:
    """Return a value as it stands; the members of a list with commas between."""
    return ",".join(map(plain, value)) if isinstance(value, list | tuple) else as_text(value)  # type: ignore[arg-type]


def for_shell(value: object) -> str:
    """Return a value quoted where a shell would need it."""
    return shlex.quote(plain(value))


def for_postgresql(value: object) -> str:
    """Return a value as postgresql.conf has it: on and off, texts in single quotes unless a plain word or number."""
    if isinstance(value, bool):
        return "on" if value else "off"
    text = plain(value)
    return text if re.fullmatch(r"[A-Za-z0-9_.+-]+", text) else "'" + text.replace("'", "''") + "'"


def set_line(text: str, key: str, value: object, *, written: Callable[[object], str], separator: str) -> str:
    """Return the text with the last line that sets a key changed, or with one more line."""
    lines = text.splitlines()
    new = f"{key}{separator}{written(value)}"
    at = _last(lines, key, 0, len(lines))
    if at is None:
        lines.append(new)
    else:
        lines[at] = new
    return "\n".join(lines) + "\n"


def set_in_section(text: str, key: str, value: object) -> str:
    """Return an INI text with SECTION.KEY set; a key without a point stands before the first section."""
    section, _, name = key.rpartition(".")
    lines = text.splitlines()
    first, end = _section(lines, section)
    if first is None:
        lines += [*([""] if lines else []), f"[{section}]", f"{name} = {plain(value)}"]
        return "\n".join(lines) + "\n"
    at = _last(lines, name, first, end)
    if at is None:
        while end > first and not lines[end - 1].strip():
            end -= 1
        lines.insert(end, f"{name} = {plain(value)}")
    else:
        sign = "=" if "=" in lines[at] or ":" not in lines[at] else ":"
        lines[at] = f"{name} {sign} {plain(value)}"
    return "\n".join(lines) + "\n"


def _section(lines: list[str], section: str) -> tuple[int | None, int]:
    """Return where a section's lines begin and end; None for what is not there."""
    heads = [
        (at, line.strip()[1:-1].strip()) for at, line in enumerate(lines) if re.fullmatch(r"\s*\[[^]]*\]\s*", line)
    ]
    ends = [*(at for at, _name in heads), len(lines)]
    if not section:
        return 0, ends[0]
    for number, (at, name) in enumerate(heads):
        if name == section:
            return at + 1, ends[number + 1]
    return None, len(lines)


def _last(lines: list[str], key: str, first: int, end: int) -> int | None:
    """Return the last line of a range that sets a key."""
    setting = re.compile(rf"\s*(?:export\s+)?{re.escape(key)}\s*(?:[=:]|\s|$)")
    found = [at for at in range(first, end) if setting.match(lines[at]) and not lines[at].lstrip().startswith(_COMMENT)]
    return found[-1] if found else None
