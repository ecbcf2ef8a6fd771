"""All that a model may write into a study file, in words: made from the schema, so that it can never be out of date."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from ...tools.targets import TargetSection
from ..study.sections import Study
from .steering.drafts import A_PERSONS, DRAFTED_KINDS, NOT_A_MODELS


def _without_what_a_person_writes(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without targets that are no program, hooks and the like: a model's draft may not have them."""
    target = schema["properties"]["target"]
    target["anyOf"] = [each for each in target["anyOf"] if _may_be_drafted(each, schema)]
    for definition in schema["$defs"].values():
        for name in (*TargetSection.HOOKS, *NOT_A_MODELS) if "kind" in definition.get("properties", {}) else ():
            definition["properties"].pop(name, None)
    return schema


def _may_be_drafted(target: Mapping[str, Any], schema: Mapping[str, Any]) -> bool:
    section = schema["$defs"].get(target.get("$ref", "").rpartition("/")[2])
    return section is None or section["properties"]["kind"].get("const") in DRAFTED_KINDS


_SCHEMA = _without_what_a_person_writes(Study.model_json_schema())
_DEEPEST = 2
_WORDS = {"string": "text", "object": "table", "integer": "int"}


def _resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema with what it refers to in its place."""
    name = schema.get("$ref", "").rpartition("/")[2]
    return {**_SCHEMA["$defs"][name], **schema} if name else schema


def _kinds(schema: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the alternatives of a schema, without null."""
    known = _resolved(schema)
    several = known.get("anyOf") or known.get("oneOf")
    if several is None:
        return [known]
    return [kind for each in several for kind in _kinds(each) if kind.get("type") != "null"]


def _type(schema: Mapping[str, Any]) -> str:
    """Return the type of a value in words."""
    found = []
    for kind in _kinds(schema):
        if "const" in kind or "enum" in kind:
            found += [repr(each) for each in kind.get("enum", [kind.get("const")])]
        elif kind.get("type") == "array":
            ends = [_type(each) for each in kind.get("prefixItems", [])]
            found.append(f"[{', '.join(ends)}]" if ends else f"list of {_type(kind.get('items', {}))}")
        else:
            found.append(
                {"string": "text", "object": "table", "integer": "int"}.get(
                    kind.get("type", ""), kind.get("type", "value")
                )
            )
    return " | ".join(dict.fromkeys(found))


def _tables(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the tables with known fields that a value may be, or hold as a list or under names."""
    for kind in _kinds(schema):
        if kind.get("properties"):
            yield kind
        for within in (kind.get("items"), kind.get("additionalProperties")):
            if isinstance(within, dict):
                yield from _tables(within)


def _fields(schema: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """Yield the fields of a table: name, type, default, what it means; what a table in it may hold is told once."""
    told: set[str] = set()
    for name, field in schema.get("properties", {}).items():
        default = field.get("default")
        needed = name in schema.get("required", [])
        given = "" if default in (None, "", [], {}) else f" = {default}"
        about = f": {field['description']}" if field.get("description") else ""
        inner = list(_tables(field))
        nested = f" {{{'; '.join(_fields(inner[0], depth + 1))}}}" if len(inner) == 1 and depth < _DEEPEST else ""
        type_ = _type(field)
        nested = " {as before}" if nested in told else nested
        told |= {nested} if nested else set()
        yield f"{name} ({type_}{given}{', required' if needed else ''}){about}{nested}"


def section_words(name: str) -> str:
    """Return what a section of a study file can hold."""
    section = _SCHEMA["properties"][name]
    about = _resolved(section).get("description", "")
    tables = [kind for kind in _kinds(section) if kind.get("properties")]
    if section.get("type") == "array":
        tables, about = _kinds(section["items"]), f"List. {_resolved(section['items']).get('description', '')}"
    elif section.get("type") == "object":
        tables, about = _kinds(section["additionalProperties"]), "NAME to table."
    kinds = [list(_fields(each)) for each in tables]
    shared = [line for line in kinds[0] if len(kinds) > 1 and all(line in each for each in kinds)] if kinds else []
    words = [f"Each: {'; '.join(shared)}. One of:"] if shared else []
    words += [f"{{{'; '.join(line for line in each if line not in shared)}}}" for each in kinds]
    return " ".join([about, *words]).strip()


def _argument(name: str) -> Any:  # a type and a field, as pydantic takes them
    a_list = _SCHEMA["properties"][name].get("type") == "array"
    type_: Any = list[dict[str, Any]] if a_list else dict[str, Any]
    if name in _SCHEMA["required"]:
        return type_, Field(description=section_words(name))
    return type_ | None, Field(None, description=section_words(name))


class _Sections(BaseModel):
    """The sections of a study file."""

    model_config = ConfigDict(extra="allow")  # what is no section is answered with the study file's own words


DraftArguments: type[BaseModel] = create_model(
    "DraftArguments",
    __base__=_Sections,
    **{
        name: _argument(name)
        for name, field in Study.model_fields.items()
        if field.init is not False and name not in A_PERSONS
    },
)


def sections_of(arguments: BaseModel) -> dict[str, Any]:
    """Return the sections that were given, as a study file has them."""
    return arguments.model_dump(exclude_none=True)
