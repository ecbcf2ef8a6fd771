"""Writes the values of a configuration into commands, the environment and files.

Values are filled into {places}. A word that names what is not there (an inactive parameter) is left out, and so is one
in which places are empty and nothing else stands. A place that is a word of its own may become several words.
"""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from ...expressions import Expression, Value, parse, value_of
from .files import File, rendered
from .template import as_text, names_in


class Form(BaseModel):
    """How the values of one parameter are written.

    `flag` goes before a value that is not empty; `split` makes several words of one, like a shell; `lists` are the
    values that are lists in JSON, whose members `join` puts together; `alone` means that its place is a whole word.
    """

    model_config = ConfigDict(frozen=True)

    flag: str | None = None
    split: bool = False
    join: str | None = None
    lists: tuple[str, ...] = ()
    true_word: str = "true"
    false_word: str = "false"
    alone: bool = False

    @property
    def whole_word(self) -> bool:
        """Whether a place for it in a command must be a word of its own."""
        return self.alone or self.split or self.flag is not None

    def text(self, value: Value) -> str:
        """Return a value as one text."""
        bare = self._bare(value)
        return bare if self.flag is None or not bare else self._flagged(bare)

    def words(self, value: Value) -> list[str]:
        """Return a value as words of a command; none when it is empty.

        Raises:
            ValueError: a quote in it is not closed.
        """
        bare = self._bare(value)
        if not bare:
            return []
        if self.flag is not None and self.flag.endswith("="):
            return [self.flag + bare]
        words = self._split(value, bare) if self.split else [bare]
        return words if self.flag is None else [self.flag, *words]

    def _split(self, value: Value, bare: str) -> list[str]:
        if value in self.lists and self.join is None:
            return [as_text(each) for each in json.loads(str(value))]
        return shlex.split(bare)

    def _bare(self, value: Value) -> str:
        if isinstance(value, bool):
            return self.true_word if value else self.false_word
        if self.join is not None and value in self.lists:
            return self.join.join(as_text(each) for each in json.loads(str(value)))
        return as_text(value)

    def _flagged(self, bare: str) -> str:
        return f"{self.flag}{bare}" if str(self.flag).endswith("=") else f"{self.flag} {bare}"


class Tuned(BaseModel):
    """A parameter that is a setting of a system: the unit of its values, and its value in the default configuration."""

    model_config = ConfigDict(frozen=True)

    unit: str
    default: Value | None


class Wording(BaseModel):
    """How all values of a study are written and read: a form by parameter, derived values as expressions by name, units
    by metric, and the metrics that are compared with numbers of the study file although no unit is given. `settings`
    are the parameters of a target that sets them by name, `constants` those that stand in a program, as FILE:NAME.
    """

    model_config = ConfigDict(frozen=True)

    forms: dict[str, Form] = {}
    derived: dict[str, str] = {}
    units: dict[str, str] = {}
    absolute: tuple[str, ...] = ()
    files: dict[str, File] = {}
    settings: dict[str, Tuned] = {}
    constants: dict[str, str] = {}

    def in_program(self, configuration: Mapping[str, Value]) -> dict[str, Value]:
        """Return the values of a configuration that stand in the program, by FILE:NAME."""
        return {place: configuration[name] for name, place in self.constants.items() if name in configuration}

    def complete(self, configuration: Mapping[str, Value]) -> dict[str, Value]:
        """Return a configuration with the derived values that have one.

        Raises:
            ArithmeticError: one has none, although all that it names is there: a division by zero.
        """
        values = dict(configuration)
        for name, expression in self._in_order:
            found = value_of(expression, values)
            if found is not None:
                values[name] = found
        return values

    def plain(self, values: Mapping[str, Value]) -> dict[str, Any]:
        """Return values as a program's own data: lists as lists."""
        forms = self.forms
        return {n: json.loads(str(v)) if n in forms and v in forms[n].lists else v for n, v in values.items()}

    def fill(self, words: Iterable[str], values: Mapping[str, Value]) -> list[str]:
        """Return a command's words with values filled in."""
        filled = []
        for word in words:
            names = names_in(word)
            if not all(name in values for name in names):
                continue
            if len(names) == 1 and word == f"{{{names[0]}}}":
                filled += self._form(names[0]).words(values[names[0]])
            elif (text := self._filled(word, names, values)) or not names:
                filled.append(text)
        return filled

    def lines(self, text: str, values: Mapping[str, Value]) -> list[str]:
        """Return the lines of a file's template with values filled in; each is left out or not by itself."""
        found = [(line, names_in(line)) for line in text.split("\n")]
        there = [(line, names) for line, names in found if all(name in values for name in names)]
        filled = [(self._filled(line, names, values), names) for line, names in there]
        return [line for line, names in filled if line.strip() or not names]

    def environment(self, variables: Mapping[str, str], values: Mapping[str, Value]) -> dict[str, str]:
        """Return environment variables with values filled in; one that names what is not there is not set."""
        named = {variable: names_in(text) for variable, text in variables.items()}
        return {
            variable: self._filled(variables[variable], names, values)
            for variable, names in named.items()
            if all(name in values for name in names)
        }

    def shell(self, text: str, values: Mapping[str, Value]) -> str:
        """Return a shell's text with values filled in, each quoted; words are left out as from a command."""

        def filled(word: re.Match[str]) -> str:
            names = names_in(word[0])
            if not names:
                return word[0].format()
            if not all(name in values for name in names):
                return ""
            if len(names) == 1 and word[0] == f"{{{names[0]}}}":
                return " ".join(map(shlex.quote, self._form(names[0]).words(values[names[0]])))
            return word[0].format_map({name: shlex.quote(self._form(name).text(values[name])) for name in names})

        return _SHELL_WORD.sub(filled, text)

    def names_behind(self, name: str) -> frozenset[str]:
        """Return the names from which a derived value follows; none for others."""
        found = frozenset(parse(self.derived[name]).names) if name in self.derived else frozenset[str]()
        return found.union(*(self.names_behind(each) for each in found))

    def text(self, name: str, value: Value) -> str:
        """Return the value of a parameter or other place as one text."""
        return self._form(name).text(value)

    def typed(self, name: str, value: Value) -> object:
        """Return a value as data: a list as such, and what is written in words of its own as that text."""
        form = self._form(name)
        if value in form.lists and form.join is None:
            return json.loads(str(value))
        return value if form == _PLAIN or not isinstance(value, bool) else form.text(value)

    def written(self, values: Mapping[str, Value], folder: Path) -> dict[str, str]:
        """Return the texts of the study's files, by name; `folder` is the study's.

        Raises:
            FileError: one cannot be written.
        """
        return {name: rendered(name, file, values, self, folder) for name, file in self.files.items()}

    def _filled(self, text: str, names: Iterable[str], values: Mapping[str, Value]) -> str:
        return text.format_map({name: self._form(name).text(values[name]) for name in names})

    def _form(self, name: str) -> Form:
        return self.forms.get(name, _PLAIN)

    @cached_property
    def _in_order(self) -> list[tuple[str, Expression]]:
        """The derived values, each after those it names."""
        waiting = {name: parse(text) for name, text in self.derived.items()}
        found: list[tuple[str, Expression]] = []
        while waiting:
            ready = [name for name, each in waiting.items() if not each.names & waiting.keys()] or list(waiting)
            found += [(name, waiting.pop(name)) for name in ready]
        return found


_PLAIN = Form()
_SHELL_WORD = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+""")


def quoted_place(text: str) -> str | None:
    """Return a place of a shell's text that stands inside quotes, where a quoted value would not be safe."""
    for part in re.finditer(r"""\\.|'[^']*'|"(?:[^"\\]|\\.)*\"""", text):
        names = names_in(part[0]) if part[0][0] != "\\" else []
        if names:
            return names[0]
    return None
