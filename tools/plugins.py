"""Finds parts by name: those that ship with trimtab, and those other packages register as entry points."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import Generic, TypeVar, cast

from .errors import InputError
from .spelling import did_you_mean

Part = TypeVar("Part", covariant=True)


class Registry(Mapping[str, Part], Generic[Part]):
    """Parts of one kind by name, imported when they are looked up.

    `built_in` maps a name to 'package.module:attribute'; other packages add theirs in the entry-point `group`. A name
    that ships with trimtab cannot be taken over.
    """

    def __init__(self, kind: str, group: str, built_in: Mapping[str, str]) -> None:
        self.kind, self.group, self.built_in = kind, group, built_in

    def __getitem__(self, name: str) -> Part:
        """Import and return the part.

        Raises:
            InputError: nothing of that name is installed, or what another package registered cannot be imported.
        """
        if name in self.built_in:
            module, _, attribute = self.built_in[name].partition(":")
            return cast("Part", getattr(import_module(module), attribute))
        if name not in self._added:
            raise InputError(f"unknown {self.kind} {name!r}{did_you_mean(name, self)}", f"one of: {', '.join(self)}")
        entry = self._added[name]
        try:
            return cast("Part", entry.load())
        except (ImportError, AttributeError) as error:
            owner = entry.dist.name if entry.dist else entry.value
            raise InputError(f"{self.kind} {name!r} cannot be loaded: {error}", f"reinstall {owner}") from None

    def __contains__(self, name: object) -> bool:
        return name in self.built_in or name in self._added

    def __iter__(self) -> Iterator[str]:
        yield from self.built_in
        yield from self._added

    def __len__(self) -> int:
        return len(self.built_in) + len(self._added)

    @cached_property
    def _added(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in in_group(self.group) if entry.name not in self.built_in}


def in_group(group: str) -> EntryPoints:
    """Return the entry points of a group, as they were when this process first asked."""
    return _installed()(group=group)


@cache
def _installed() -> Callable[..., EntryPoints]:
    """Read the entry points of all distributions, tens of milliseconds, and return what selects among them."""
    return entry_points().select
