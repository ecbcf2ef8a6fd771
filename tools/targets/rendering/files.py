"""The `[files]` section: files that are written into an evaluation's folder before it runs.

A file comes from a template with {places} (Jinja where the template's name ends in .j2), or from one whose keys are
set. In a template only {name} is a place; `${name}` and other braces stay, and {{name}} writes {name}.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ...expressions import Value
from ...spelling import did_you_mean
from .template import names_in

if TYPE_CHECKING:
    from .wording import Wording

_PLACE = re.compile(r"\{\{[A-Za-z_]\w*\}\}|\$\{[^{}\n]*\}|\{([A-Za-z_]\w*)\}")
_JINJA = re.compile(r"\{\{\s|\{%")
_LONGEST = 4 << 20
Setting = str | int | float | bool | list[Any]


class FileError(ValueError):
    """A file cannot be written as the study says; `line` is that of the template, 0 where there is none."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


class File(BaseModel):
    """One file: a template, its text here, or a file that is taken as it is; then keys that are set in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    template: str | None = Field(
        None, description="File in the study's folder, with {places}; Jinja where its name ends in .j2."
    )
    text: str | None = Field(None, description="The template itself, with {places}.")
    base: str | None = Field(None, description="File in the study's folder, taken as it is before keys are set.")
    set: dict[str, Setting] = Field(
        {}, description="Keys to set, with {places}: 'section.key' in INI, dotted in JSON, TOML, YAML and nginx.conf."
    )
    format: str | None = Field(None, description="Format of a file with `set`, where its name does not tell.")

    @model_validator(mode="after")
    def _from_one_place(self) -> Self:
        given = [name for name in ("template", "text", "base") if getattr(self, name) is not None]
        if len(given) > 1:
            raise ValueError(f"give one of template, text and base, not {' and '.join(given)}")
        if not given and not self.set:
            raise ValueError("empty: give template = FILE, text = '...', or base = FILE and [set]")
        if self.format is not None:
            from .formats import FORMATS  # few studies write a file

            if self.format not in FORMATS:
                guess = did_you_mean(self.format, FORMATS)
                raise ValueError(f"format = {self.format!r} is not one of {', '.join(FORMATS)}{guess}")
        return self

    @property
    def source(self) -> str | None:
        """The file of the study's folder from which it comes."""
        return self.template or self.base

    @property
    def is_jinja(self) -> bool:
        """Whether its template is Jinja's."""
        return self.template is not None and self.template.endswith((".j2", ".jinja"))

    def original(self, folder: Path) -> str:
        """Return the text before anything is filled in.

        Raises:
            FileError: the file cannot be read as text.
        """
        if self.source is None:
            return self.text or ""
        file = folder / Path(self.source).expanduser()
        try:
            if file.stat().st_size > _LONGEST:
                raise FileError(f"{file}: larger than {_LONGEST >> 20} MiB")
            return file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise FileError(f"{file}: is not UTF-8 text") from None
        except OSError as error:
            raise FileError(f"{file}: {error.strerror}") from None


def _template_alone(given: object) -> object:
    """Let a file say NAME = 'template' instead of a table."""
    return {"template": given} if isinstance(given, str) else given


AnyFile = Annotated[File, BeforeValidator(_template_alone, json_schema_input_type=File | str)]


def places_in(name: str, file: File, folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the places of a file and their lines in its template; line 0 for those of its keys.

    Raises:
        FileError: the template cannot be read, or is none; its keys cannot be set.
    """
    if file.is_jinja:
        yield from _places_of_jinja(file.original(folder))
    elif file.base is None:
        for number, line in enumerate(file.original(folder).split("\n"), 1):
            if _JINJA.search(line) and file.template is not None:
                raise FileError(f"{line.strip()[:80]!r} looks like Jinja: name the template {file.template}.j2", number)
            yield from ((found, number) for found in _names(line))
    for key, value in file.set.items():
        if _setter(name, file) is None:
            raise FileError(f"the format of {name!r} is not known: add format = '...' to set {key!r}")
        yield from ((found, 0) for text in _texts(value) for found in names_in(text))


def rendered(name: str, file: File, values: Mapping[str, Value], wording: "Wording", folder: Path) -> str:
    """Return a file's text for the values of an evaluation; lines and keys that name what is not there are left out.

    Raises:
        FileError: it cannot be written.
    """
    text = file.original(folder)
    if file.is_jinja:
        text = _by_jinja(text, wording.plain(values))
    elif file.base is None:
        text = "\n".join(_filled(text, values, wording))
    for key, value in file.set.items():
        named = {found for each in _texts(value) for found in names_in(each)}
        setter = _setter(name, file)
        if named <= values.keys() and setter is not None:
            try:
                text = setter(text, key, _value(value, values, wording))
            except (ValueError, TypeError) as error:
                raise FileError(f"{file.source or name}: {error}") from None
    return text


def _setter(name: str, file: File) -> Any:
    from .formats import FORMATS, format_of

    return FORMATS.get(file.format or format_of(name) or format_of(file.source or "") or "")


def _filled(text: str, values: Mapping[str, Value], wording: "Wording") -> Iterator[str]:
    for line in text.split("\n"):
        if all(name in values for name in _names(line)):
            yield _PLACE.sub(lambda found: _of_place(found, values, wording), line)


def _of_place(found: re.Match[str], values: Mapping[str, Value], wording: "Wording") -> str:
    if found[1] is not None:
        return wording.text(found[1], values[found[1]])
    return found[0][1:-1] if found[0].startswith("{{") else found[0]


def _names(line: str) -> list[str]:
    return [found[1] for found in _PLACE.finditer(line) if found[1] is not None]


def _texts(value: object) -> list[str]:
    return [text for each in value for text in _texts(each)] if isinstance(value, list) else [str(value)]


def _value(value: object, values: Mapping[str, Value], wording: "Wording") -> object:
    """Return a key's value: that of a place alone with its type, others as text with values filled in."""
    if isinstance(value, list):
        return [_value(each, values, wording) for each in value]
    if not isinstance(value, str):
        return value
    names = names_in(value)
    if len(names) == 1 and value == f"{{{names[0]}}}":
        return wording.typed(names[0], values[names[0]])
    return value.format_map({name: wording.text(name, values[name]) for name in names})


def _places_of_jinja(text: str) -> Iterator[tuple[str, int]]:
    from jinja2 import TemplateSyntaxError, meta

    try:
        tree = _environment().parse(text)
        unknown = meta.find_undeclared_variables(tree)
    except TemplateSyntaxError as error:
        raise FileError(str(error.message), error.lineno) from None
    lines = text.split("\n")
    for name in sorted(unknown):
        word = re.compile(rf"\b{re.escape(name)}\b")
        yield name, next((number for number, line in enumerate(lines, 1) if word.search(line)), 0)


def _by_jinja(text: str, values: Mapping[str, Any]) -> str:
    from jinja2 import TemplateError

    try:
        return str(_environment().from_string(text).render(values))
    except TemplateError as error:
        raise FileError(f"{error.message} (a name that may be inactive: {{% if name is defined %}})") from None
    except (TypeError, ValueError, ArithmeticError) as error:
        raise FileError(str(error)) from None


@cache
def _environment() -> Any:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment

    return SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)
