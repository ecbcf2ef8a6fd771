"""Reads a study file and reports everything that is wrong with it at once: file, line, field, fix."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ...tools.errors import InputError
from ...tools.spelling import did_you_mean
from ...tools.targets import TARGETS
from ..parts import EXECUTORS
from .parameters import BoolParameter, CategoricalParameter, FloatParameter, IntParameter, OrdinalParameter
from .rules import Finding, findings
from .sections import Study
from .toml_lines import line_of

_MAX_SIZE = 4 << 20
_KINDS: dict[str, type[BaseModel]] = {
    "float": FloatParameter,
    "int": IntParameter,
    "categorical": CategoricalParameter,
    "ordinal": OrdinalParameter,
    "bool": BoolParameter,
}
_TAKES_A_TABLE = {"model_type", "model_attributes_type", "dict_type"}


@dataclass(frozen=True)
class Problem:
    """One mistake in a study file; line 0 where it is about the file as a whole."""

    file: Path
    line: int
    field: str
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else f"{self.file}"
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class StudyFileError(InputError):
    """A study file cannot be used. `problems` holds every mistake that was found."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


def load_study(path: str | Path, overrides: Mapping[str, Mapping[str, Any]] | None = None) -> Study:
    """Read and check a study file. `overrides` replaces fields of sections: {"budget": {"trials": 15}}.

    Raises:
        StudyFileError: with every problem found.
    """
    file = Path(path)
    text = _read(file)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, _, place = str(error).partition(" (at ")
        found = [word for word in place.replace(",", " ").replace(")", " ").split() if word.isdigit()]
        line = int(found[0]) if found else text.count("\n") + 1
        raise StudyFileError([Problem(file, line, "", f"not TOML: {message}{_other_form(file)}")]) from None
    except (RecursionError, ValueError):
        raise StudyFileError([Problem(file, 1, "", "not TOML: a value is too large or nested too deeply")]) from None
    for section, fields in (overrides or {}).items():
        if isinstance(data.get(section, {}), dict):
            data[section] = {**data.get(section, {}), **fields}
    return parse_study(data, file, text)


def parse_study(data: dict[str, Any], file: Path, text: str = "", *, check_files: bool = True) -> Study:
    """Check a study given as plain data; `file` and `text` serve the messages.

    Without `check_files` the files and programs it names need not be here: the store holds studies whose folders
    have moved on.

    Raises:
        StudyFileError: with every problem found.
    """
    try:
        study = Study.model_validate(data)
    except ValidationError as error:
        found = [_explain(each, data) for each in error.errors(include_url=False)]  # type: ignore[arg-type]
        raise StudyFileError(_problems(_without_misspelt(found), file, text)) from None
    study = study.read_from(file.resolve().parent, text)
    wrong = findings(study, study.directory) if check_files else []
    if wrong:
        raise StudyFileError(_problems(wrong, file, text))
    return study.pinned() if check_files else study


def _other_form(file: Path) -> str:
    other = {".yaml": "YAML", ".yml": "YAML", ".json": "JSON", ".ini": "INI"}.get(file.suffix.lower())
    return f" (a study file is TOML, not {other}: see examples/ or trimtab schema)" if other else ""


def _read(file: Path) -> str:
    try:
        if file.is_dir():
            raise StudyFileError([Problem(file, 0, "", "is a folder; name the study file in it")])
        if file.stat().st_size > _MAX_SIZE:
            raise StudyFileError([Problem(file, 0, "", "larger than 4 MiB: this is no study file")])
        return file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise StudyFileError([Problem(file, line, "", "not UTF-8 text")]) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StudyFileError([Problem(file, 0, "", f"cannot be read: {reason}")]) from None


def _problems(found: list[Finding], file: Path, text: str) -> list[Problem]:
    problems = []
    for path, message in found:
        field = ".".join(f"{part}" for part in path)
        problems.append(Problem(file, line_of(text, path), field, message))
    unique = list(dict.fromkeys(problems))
    return sorted(unique, key=lambda problem: problem.line)


def _without_misspelt(found: list[Finding]) -> list[Finding]:
    """Drop 'missing' where the field is there under a misspelt name, which is reported already."""
    meant = {(*path[:-1], message.split("'")[1]) for path, message in found if "did you mean '" in message}
    return [(path, message) for path, message in found if not (message.startswith("missing") and path in meant)]


def _explain(error: dict[str, Any], data: dict[str, Any]) -> Finding:
    """Turn one pydantic error into a path in the file and a message with a fix."""
    path = tuple(part for part in error["loc"] if not _is_marker(part, error["loc"]))
    kind, message = error["type"], error["msg"]
    given = error.get("input")
    match kind:
        case "missing":
            message = f"missing: add {path[-1]} = ..."
        case "extra_forbidden":
            guess = did_you_mean(str(path[-1]), _fields_at(error["loc"], data), otherwise=": remove it")
            message = f"unknown field{guess}"
        case "union_tag_not_found":
            path, message = (*path, "type"), f"missing: add type = one of {', '.join(map(repr, _KINDS))}"
        case "union_tag_invalid":
            path, tag = (*path, "type"), str(error["ctx"]["tag"])
            message = f"{tag!r} is not one of {', '.join(map(repr, _KINDS))}{did_you_mean(tag, _KINDS)}"
        case "value_error":
            message = str(error["ctx"]["error"])
            word = message.split(maxsplit=1)[0].strip("=:") if message else ""
            if len(path) == 2 and path[0] == "parameters" and isinstance(given, dict) and word in given:
                path = (*path, word)  # "low = 20 is above high" is about the line of low
        case _ if kind in _TAKES_A_TABLE:
            message = f"must be a table, not {_short(given)}"
        case "string_pattern_mismatch":
            message = f"{_short(given)} may only have letters, digits, '_', '.', '-' (at most 80)"
        case _:
            message = f"{message[:1].lower()}{message[1:]}, not {_short(given)}"
    if path and path[0] not in data and kind != "missing":
        path = (path[0],)
    return path, message


def _is_marker(part: str | int, loc: tuple[str | int, ...]) -> bool:
    """Whether a part of pydantic's path names a member of a union, which no file shows."""
    if isinstance(part, int):
        return False
    if part.startswith(("list[", "function-", "str", "int", "float", "bool")) and loc.index(part) > 2:
        return True
    return len(loc) > 2 and loc[0] == "parameters" and loc.index(part) == 2 and part in _KINDS


def _fields_at(loc: tuple[str | int, ...], data: dict[str, Any]) -> list[str]:
    """Return the field names that are known where an unknown one was found."""
    model: type[BaseModel] = Study
    if len(loc) > 1 and loc[0] == "target":
        model, loc = TARGETS[data["target"]["kind"]].Section, loc[1:]
    if len(loc) > 1 and loc[0] == "executor":
        model, loc = EXECUTORS[data["executor"]["kind"]].section, loc[1:]
    if len(loc) > 2 and loc[0] == "parameters":
        return list(_KINDS[str(loc[2])].model_fields)
    for part in loc[:-1]:
        field = model.model_fields.get(str(part))
        if field is None:
            continue
        arguments = [field.annotation, *getattr(field.annotation, "__args__", ())]
        model = next((a for a in arguments if isinstance(a, type) and issubclass(a, BaseModel)), model)
    return [name for name, field in model.model_fields.items() if field.init is not False]


def _short(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 60 else f"{text[:57]}..."
