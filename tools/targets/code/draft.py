"""The edit that a planner works on in one thought: read, edit, look at the difference, run the guard, hand it in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...text import one_line
from .edits import Edit, EditError, apply, difference, edits_in, edits_of, patch_of
from .project import Project
from .tunables import Tunable, tunable, tunables_of, with_tunables

_MOST_LINES, _LONGEST = 200, 6000
_FAILURES = 2
"""After so many edits that could not be made, a whole region is asked for: what small models get right."""

Guard = Callable[[str | None], Awaitable[str]]
"""Runs the study's guard on a patch, and says what came."""


async def _no_guard(_patch: str | None) -> str:
    return "there is no guard to run here"


@dataclass
class CodeDraft:
    """`patches` are those of the trials so far, by number; `parent` is the trial whose code is gone on from."""

    project: Project
    patches: Mapping[int, str | None] = field(default_factory=dict)
    parent: int = 0
    guard: Guard = _no_guard
    edits: list[Edit] = field(default_factory=list)
    tuned: dict[str, Tunable] = field(default_factory=dict)
    failures: int = 0

    def read(self, file: str, first: int = 1, last: int | None = None) -> str:
        """Return lines of a file with their numbers, as the draft has it.

        Raises:
            EditError: there is no such file to read.
        """
        name = file.removeprefix("./")
        texts = self._texts()
        lines = (texts[name] if name in texts else self.project.text(name)).splitlines()
        last = min(len(lines), last or len(lines), first + _MOST_LINES - 1)
        shown = [f"{number:>5} {line}" for number, line in enumerate(lines[first - 1 : last], first)]
        left = f"\n(lines {first} to {last} of {len(lines)})" if len(shown) < len(lines) else ""
        return "\n".join(shown)[:_LONGEST] + left

    def edit(self, given: Any, parent: int | None = None) -> str:
        """Add edits to the draft, all or none; return what the draft changes now.

        Raises:
            EditError: one cannot be made; the draft is as before.
        """
        if parent is not None and parent != self.parent:
            self._known(parent)
            self.parent, self.edits, self.tuned = parent, [], {}
        added = self._read(given)
        self._patch([*self.edits, *added], self.parent)
        self.edits += added
        return self.diff()

    def parameter(self, file: str, name: str, low: float, high: float, *, log: bool) -> str:
        """Let a constant of the draft be tuned on its branch; return what was understood.

        Raises:
            EditError: there is no such constant, or the bounds do not fit it.
        """
        files = list(self.project.editable)
        file = file.removeprefix("./") or (files[0] if len(files) == 1 else "")
        found = tunable(self._texts(), f"{file}:{name}", low, high, log=log)
        self.tuned[found.place] = found
        scale = " by factors" if log else ""
        kind = "whole numbers" if found.whole else "numbers"
        return (
            f"{name} = {found.default:g} will be tuned from {low:g} to {high:g} ({kind}{scale}) once the draft is tried"
        )

    def diff(self) -> str:
        """Return what the draft changes in the code of its parent, as a unified diff."""
        before = self.project.edited(self.patches.get(self.parent))
        return difference(before, self._texts())[:_LONGEST] or "the draft changes nothing yet"

    async def guarded(self) -> str:
        """Run the guard on the draft."""
        return await self.guard(self._patch(self.edits, self.parent))

    def proposed(self, given: Any, parent: Any) -> tuple[str | None, int]:
        """Return the patch that goes with a proposal, and the trial whose code it goes on from.

        `given` are edits, 'draft' for the draft, or nothing for the code of the parent as it is.

        Raises:
            EditError: it cannot be made.
        """
        number = self.parent if parent is None else self._known(parent)
        if given in (None, [], "", {}):
            return self.patches.get(number), number
        if isinstance(given, str) and given.strip().lower() == "draft":
            return self._tuned(self._patch(self.edits, self.parent), self.parent), self.parent
        return self._tuned(self._patch(self._read(given), number), number), number

    def _tuned(self, patch: str | None, parent: int) -> str | None:
        """Return a patch with the parameters of the draft, and those of its parent whose constants are still there."""
        before = {each.place: each for each in tunables_of(self.patches.get(parent))}
        texts, found = self.project.edited(patch), {}
        for place, each in {**before, **(self.tuned if parent == self.parent else {})}.items():
            try:
                found[place] = tunable(texts, place, each.low, each.high, log=each.log)
            except EditError:
                continue  # this edit took the constant out
        return with_tunables(patch, list(found.values()))

    def _read(self, given: Any) -> list[Edit]:
        try:
            return edits_in(given, list(self.project.editable))
        except EditError:
            self.failures += 1
            raise

    def _patch(self, added: list[Edit], parent: int) -> str | None:
        """Return the edits of a parent and what is added to them as one patch."""
        try:
            return patch_of([*edits_of(self.patches.get(parent)), *added], self.project.rules)
        except EditError as error:
            self.failures += 1
            if self.failures >= _FAILURES:
                error.hint = (
                    "give the whole region instead: {file, region, replace}; region '*' is a file without marks"
                )
            raise

    def _texts(self) -> dict[str, str]:
        return apply(self.edits, self.project.edited(self.patches.get(self.parent)))

    def _known(self, parent: Any) -> int:
        try:
            number = int(parent)
        except (TypeError, ValueError):
            number = -1
        if number != 0 and number not in self.patches:
            raise EditError(f"there is no finished trial {one_line(str(parent), 20)!r} to go on from")
        return number
