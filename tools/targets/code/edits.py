"""Exact edits: text that stands once in a file is replaced, or a whole marked region is. Nothing is ever guessed.

Several edits are made all or none. What does not match is answered with where it differs and what is near, so that its
author can mend it. A patch is the ordered list of the edits since the project as it stands, as JSON text.
"""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from ...errors import TrimtabError
from ...text import one_line
from .syntax import mistake, normal

MOST_SEARCHED = 25
"""Lines that a search may have: longer ones are what models get wrong (in public counts 83 % of those above 4 kB)."""
_MOST_EDITS, _NEAR = 20, 3
_MARK = re.compile(r"trimtab:\s*(begin|end)\s+([\w.-]+)")
_BLOCK = re.compile(
    r"(?:^(?P<file>[^\s<>`][^\n<>`]*)\n)?(?:```[\w+-]*\n)?^<{5,9} ?SEARCH[^\n]*\n(?P<search>.*?)^={5,9}[ ]*\n"
    r"(?P<replace>.*?)^>{5,9} ?REPLACE",
    re.MULTILINE | re.DOTALL,
)


class EditError(TrimtabError):
    """An edit cannot be made; the message says where and why."""


@dataclass(frozen=True)
class Edit:
    """`replace` for `search`, which stands once in the file; or for what a marked region holds, where it names one."""

    file: str
    replace: str
    search: str = ""
    region: str = ""

    @property
    def data(self) -> dict[str, str]:
        """The edit as plain data."""
        which = {"region": self.region} if self.region else {"search": self.search}
        return {"file": self.file, **which, "replace": self.replace}


@dataclass(frozen=True)
class Rules:
    """What may be edited: files by name with their texts, and how much."""

    files: Mapping[str, str]
    max_files: int
    max_lines: int


def edits_in(given: Any, files: Sequence[str]) -> list[Edit]:
    """Return the edits in what a model gave: a list, one, JSON text of them, or blocks of SEARCH and REPLACE.

    A file may be left out where there is only one.

    Raises:
        EditError: there are none, or one is not whole.
    """
    if isinstance(given, str):
        given = _from_text(given)
    if isinstance(given, Mapping):
        given = given.get("edits", [given])
    if not isinstance(given, list) or not given:
        raise EditError("no edit was given", "give a list of {file, search, replace}, or of {file, region, replace}")
    if len(given) > _MOST_EDITS:
        raise EditError(f"{len(given)} edits at once are too many", f"at most {_MOST_EDITS}")
    return [_edit(number, each, files) for number, each in enumerate(given, 1)]


def _from_text(text: str) -> Any:
    blocks = [
        {"file": (found["file"] or "").strip(), "search": found["search"], "replace": found["replace"]}
        for found in _BLOCK.finditer(text)
    ]
    if blocks:
        return blocks
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise EditError("the edits are text that is neither JSON nor blocks of SEARCH and REPLACE") from None


def _edit(number: int, given: Any, files: Sequence[str]) -> Edit:
    if not isinstance(given, Mapping):
        raise EditError(f"edit {number} is no object with file, search and replace")
    file = str(given.get("file") or given.get("path") or (files[0] if len(files) == 1 else ""))
    file = file.removeprefix("./")
    if file not in files:
        raise EditError(f"edit {number}: {one_line(file, 80)!r} may not be edited", f"may be: {', '.join(files)}")
    search, region, replace = given.get("search"), given.get("region"), given.get("replace")
    if not isinstance(replace, str) or not isinstance(region or search or "", str):
        raise EditError(f"edit {number}: search and replace must be text")
    if region:
        return Edit(file, replace, region=str(region))
    if not isinstance(search, str) or not search.strip():
        raise EditError(f"edit {number}: its search is empty", "quote the lines that are to be replaced")
    if search.strip("\n").count("\n") >= MOST_SEARCHED:
        raise EditError(
            f"edit {number}: its search has more than {MOST_SEARCHED} lines", "several short edits, or a whole region"
        )
    return Edit(file, replace, search=search)


def apply(edits: Sequence[Edit], files: Mapping[str, str]) -> dict[str, str]:
    """Return the files with all edits made, in order.

    Raises:
        EditError: one cannot be made; then none is.
    """
    texts = dict(files)
    for number, edit in enumerate(edits, 1):
        texts[edit.file] = _made(number, edit, texts[edit.file])
    return texts


def _made(number: int, edit: Edit, text: str) -> str:
    search, replace = _ended_as(text, edit.search), _ended_as(text, edit.replace)
    if _MARK.search(replace):
        raise EditError(f"edit {number}: marks of regions stay as they are", "replace only what stands between them")
    regions = regions_in(text)
    if edit.region:
        regions = regions or {"*": (0, len(text))}
        if edit.region not in regions:
            known = ", ".join(regions) or "none"
            raise EditError(f"edit {number}: {edit.file} has no region {one_line(edit.region, 60)!r}", f"has {known}")
        start, end = regions[edit.region]
        if replace and not replace.endswith("\n"):
            replace += "\r\n" if "\r\n" in text else "\n"
        return text[:start] + replace + text[end:]
    count = text.count(search)
    if count == 0:
        raise EditError(f"edit {number}: {_differs(edit.file, text, search)}")
    if count > 1:
        lines = [str(text.count("\n", 0, found.start()) + 1) for found in re.finditer(re.escape(search), text)]
        raise EditError(
            f"edit {number}: its search stands {count} times in {edit.file}, on lines {', '.join(lines[:5])}",
            "add a line before or after it",
        )
    start = text.index(search)
    end = start + len(search)
    if regions and not any(first <= start and end <= last for first, last in regions.values()):
        line = text.count("\n", 0, start) + 1
        raise EditError(
            f"edit {number}: {edit.file}:{line} is outside of what may be edited", f"regions: {', '.join(regions)}"
        )
    return text[:start] + replace + text[end:]


def regions_in(text: str) -> dict[str, tuple[int, int]]:
    """Return the marked regions of a file: name to where their lines start and end. An end that lacks is the file's.

    Raises:
        EditError: marks do not fit together.
    """
    found: dict[str, tuple[int, int]] = {}
    name, start, at = "", 0, 0
    for line in text.splitlines(keepends=True):
        mark = _MARK.search(line)
        if mark is not None and mark[1] == "begin":
            if name or mark[2] in found:
                raise EditError(f"region {mark[2]!r} begins inside of another, or twice")
            name, start = mark[2], at + len(line)
        elif mark is not None:
            if mark[2] != name:
                raise EditError(f"region {mark[2]!r} ends, but did not begin")
            found[name], name = (start, at), ""
        at += len(line)
    if name:
        raise EditError(f"region {name!r} has no end")
    return found


def _ended_as(text: str, given: str) -> str:
    """Return text with the line ends of a file: which of them a model writes is form."""
    bare = given.replace("\r\n", "\n")
    return bare.replace("\n", "\r\n") if "\r\n" in text else bare


def _differs(file: str, text: str, search: str) -> str:
    """Return where a search that does not stand in a file first differs from it, and the nearest places."""
    wanted, lines = search.splitlines(), text.splitlines()
    best, matched = 0, -1
    for start in range(len(lines)):
        same = 0
        while same < len(wanted) and start + same < len(lines) and lines[start + same] == wanted[same]:
            same += 1
        if same > matched:
            best, matched = start, same
    first = next((each for each in wanted if each.strip()), "")
    near = difflib.get_close_matches(first, [each for each in lines if each.strip()], n=_NEAR, cutoff=0.3)
    places = [f"{lines.index(each) + 1}: {one_line(each, 100)}" for each in near]
    said = f"its search does not stand in {file}"
    if 0 < matched < len(wanted):
        there = lines[best + matched] if best + matched < len(lines) else "the end of the file"
        said += (
            f"; line {matched + 1} of it is {one_line(wanted[matched], 100)!r}, "
            f"but {file}:{best + matched + 1} is {one_line(there, 100)!r}"
        )
    return f"{said}; the nearest lines are {' | '.join(places)}" if places else said


def patch_of(edits: Sequence[Edit], rules: Rules) -> str | None:
    """Return edits as a patch, None where they change nothing.

    Its identity is what they lead to, whatever the comments and the layout: a near-duplicate is a duplicate.

    Raises:
        EditError: an edit cannot be made, is too large, or breaks a file's syntax.
    """
    after = apply(edits, rules.files)
    changed = [name for name in rules.files if normal(name, after[name]) != normal(name, rules.files[name])]
    if not changed:
        return None
    if len(changed) > rules.max_files:
        raise EditError(f"{len(changed)} files are changed", f"code.max_files = {rules.max_files}")
    added = sum(added_lines(rules.files[name], after[name]) for name in changed)
    if added > rules.max_lines:
        raise EditError(f"{added} lines are put in", f"code.max_lines = {rules.max_lines}")
    for name in changed:
        if wrong := mistake(name, after[name]):
            raise EditError(wrong, "nothing was measured")
    result = sha256(json.dumps([(name, normal(name, after[name])) for name in changed]).encode()).hexdigest()
    return json.dumps({"result": result, "edits": [edit.data for edit in edits]})


def edits_of(patch: str | None) -> list[Edit]:
    """Return the edits of a patch; none for None.

    Raises:
        EditError: it is no patch.
    """
    if patch is None:
        return []
    try:
        return [Edit(**each) for each in json.loads(patch)["edits"]]
    except (ValueError, KeyError, TypeError):
        raise EditError("the patch cannot be read: it was damaged, or is not from trimtab") from None


def added_lines(before: str, after: str) -> int:
    """Return how many lines a text has that the one before it did not have there."""
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    return sum(end - start for kind, _, _, start, end in matcher.get_opcodes() if kind in {"insert", "replace"})


def changed_lines(before: str, after: str) -> int:
    """Return how many lines were replaced, taken out or put in; of a replacement, the longer side counts."""
    matcher = difflib.SequenceMatcher(None, before.splitlines(), after.splitlines(), autojunk=False)
    spans = [each for each in matcher.get_opcodes() if each[0] != "equal"]
    return sum(max(old_end - old, new_end - new) for _, old, old_end, new, new_end in spans)


def difference(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return what changes, as a unified diff that `git apply` and `patch -p1` take."""
    parts = []
    for name, text in before.items():
        new = after[name]
        lines = difflib.unified_diff(
            text.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{name}", f"b/{name}"
        )
        parts += [each if each.endswith("\n") else f"{each}\n\\ No newline at end of file\n" for each in lines]
    return "".join(parts)
