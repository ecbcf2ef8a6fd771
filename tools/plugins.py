"""Finds parts by name: those that ship with trimtab, and those other packages register as entry points."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from .errors import InputError


class Registry(Mapping[str, Any]):
    """Parts of one kind by name, imported when they are looked up.

    `built_in` maps a name to 'package.module:attribute'; other packages add theirs in the entry-point `group`.
    """

    def __init__(self, kind: str, group: str, built_in: Mapping[str, str]) -> None:
        self.kind, self.group, self.built_in = kind, group, built_in

    def __getitem__(self, name: str) -> Any:  # the caller knows the interface of its kind
        """Import and return the part.

        Raises:
            InputError: nothing of that name is installed.
        """
        if name in self.built_in:
            module, _, attribute = self.built_in[name].partition(":")
            return getattr(import_module(module), attribute)
        for entry in entry_points(group=self.group):
            if entry.name == name:
                return entry.load()
        raise InputError(f"unknown {self.kind} {name!r}", f"one of: {', '.join(self)}")

    def __contains__(self, name: object) -> bool:
        return any(name == each for each in self)

    def __iter__(self) -> Iterator[str]:
        yield from self.built_in
        yield from (entry.name for entry in entry_points(group=self.group) if entry.name not in self.built_in)

    def __len__(self) -> int:
        return sum(1 for _ in self)
