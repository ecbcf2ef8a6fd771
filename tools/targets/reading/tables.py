"""Columns of CSV, wherever it begins in a text."""

import csv
from collections.abc import Iterator, Mapping

_SEPARATORS = ",;\t|"
_MOST_LINES = 200_000


def column(text: str, name: str, where: Mapping[str, str]) -> list[str] | None:
    """Return the values of a column in rows that have the values of `where`; None when no line names the columns."""
    lines = text.splitlines()[:_MOST_LINES]
    for separator in _SEPARATORS:
        for at, line in enumerate(lines):
            if (name in line and separator in line) or name == line.strip().strip('"'):
                header = _fields(line, separator)
                if {name, *where} <= set(header):
                    return list(_values(lines[at + 1 :], header, separator, name, where))
    return None


def _values(lines: list[str], header: list[str], separator: str, name: str, where: Mapping[str, str]) -> Iterator[str]:
    for line in lines:
        fields = _fields(line, separator)
        if len(fields) != len(header):
            if not line.strip():
                continue
            return  # the table has ended
        row = dict(zip(header, fields, strict=True))
        if all(row[each] == value for each, value in where.items()):
            yield row[name]


def _fields(line: str, separator: str) -> list[str]:
    try:
        return [field.strip() for field in next(csv.reader([line], delimiter=separator), [])]
    except csv.Error:
        return []
