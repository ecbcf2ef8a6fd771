"""What a line may become: commands, their arguments, files, and earlier lines."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...chat.steering.control import StudyControl
Choice = tuple[str, str]
"""The whole line, and what is shown of it."""
_MOST = 8
_NAMES = {"freeze", "narrow", "try"}
_TRIALS = {"why", "diff"}


def completions(text: str, known: Mapping[str, Sequence[str]] | None = None) -> list[Choice]:
    """Return what a line may become: commands after a slash, what they take, files after an @.

    `known` are the names of parameters, each with values worth a choice, and under '' the numbers of trials.
    """
    if text.startswith("/") and " " not in text:
        return _commands(text[1:])
    if text.startswith("/") and known and "\n" not in text:
        found = _arguments(text, known)
        if found:
            return found
    return _files(text)


def known_words(control: "StudyControl") -> dict[str, list[str]]:
    """Return what the arguments of commands may be in the study as it is now: see `completions`."""
    from ...study.words import short

    if control.study is None:
        return {}
    history = control.history
    best = history.incumbent.configuration if history is not None and history.incumbent is not None else {}
    known: dict[str, list[str]] = {"": [str(trial.number) for trial in (history.trials[::-1] if history else [])[:50]]}
    for name, each in control.study.parameters.items():
        choices = [False, True] if each.type == "bool" else getattr(each, "choices", [])
        values = [*([best[name]] if name in best else []), each.default, *choices]
        known[name] = list(dict.fromkeys(short(value) for value in values))
    return known


def searched(text: str, history: Sequence[str]) -> list[Choice]:
    """Return the earlier lines in which the letters of a text occur in order, the latest first."""
    found = [line for line in dict.fromkeys(reversed(history)) if matches(text, line)]
    return [(line, line.replace("\n", " ↵ ")) for line in found[:_MOST]]


def matches(text: str, word: str) -> bool:
    """Whether the letters of a text occur in a word, in their order."""
    rest = iter(word.lower())
    return all(letter in rest for letter in text.lower())


def _commands(start: str) -> list[Choice]:
    from ...chat.commands import COMMANDS
    from .own_commands import OWN

    every = [(command.usage, command.help) for command in COMMANDS.values()] + list(OWN)
    names = {usage.partition(" ")[0]: (usage, what) for usage, what in every}
    found = [name for name in names if matches(start, name)]
    if found == [start]:
        return []
    found.sort(key=lambda name: (not name.startswith(start), len(name)))  # /mode before /model before others
    return [(f"/{name} ", f"/{names[name][0]:<30} {names[name][1]}") for name in found][:_MOST]


def _arguments(text: str, known: Mapping[str, Sequence[str]]) -> list[Choice]:
    before, _space, word = text.rpartition(" ")
    command = before.split(" ")[0].removeprefix("/")
    if command in _TRIALS:
        return [(f"{before} {number}", f"trial {number}") for number in known.get("", ()) if number.startswith(word)][
            :_MOST
        ]
    if command not in _NAMES or (command != "try" and before.count(" ")):
        return []
    name, equals, value = word.partition("=")
    if equals and name in known:
        found = [each for each in known[name] if matches(value, each) and each != value]
        return [(f"{before} {name}={each}", f"{name}={each}") for each in found][:_MOST]
    end = " " if command == "narrow" else "="
    names = [each for each in known if each and matches(word, each) and each != word]
    names.sort(key=lambda each: not each.startswith(word))
    return [(f"{before} {each}{end}", f"{each}{end}") for each in names][:_MOST]


def _files(text: str) -> list[Choice]:
    before, at, start = text.rpartition("@")
    if not at or " " in start or (before and not before.endswith((" ", "\n"))):
        return []
    folder, prefix = Path(start).expanduser().parent if "/" in start else Path(), Path(start).name if start else ""
    if start.endswith("/"):
        folder, prefix = Path(start).expanduser(), ""
    try:
        names = sorted(path for path in folder.iterdir() if path.name.startswith(prefix) and path.name[0] != ".")
    except OSError:
        return []
    return [(f"{before}@{path}{'/' if path.is_dir() else ' '}", str(path)) for path in names[:_MOST]]
