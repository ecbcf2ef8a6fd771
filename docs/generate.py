"""Writes docs/reference from the code: study file, events, commands, tools, plug-in points (`make reference`)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from typer.main import get_command

from trimtab.agent.chat.commands import COMMANDS
from trimtab.agent.events import Event
from trimtab.agent.faces.cli import app
from trimtab.agent.faces.tui.own_commands import OWN
from trimtab.agent.parts import EXECUTORS, PLANNERS, PRUNERS, SAMPLERS
from trimtab.agent.study.sections import Study
from trimtab.tools.registry import TOOLS
from trimtab.tools.targets import TARGETS

REFERENCE = Path(__file__).with_name("reference")
_MADE = "<!-- made by docs/generate.py: make reference -->\n"
_LONGEST = 60


def pages() -> dict[str, str]:
    """Return the text of each page by its name."""
    return {
        "study-file.md": _study_file(),
        "events.md": _events(),
        "commands.md": _commands(),
        "tools.md": _tools(),
        "plug-ins.md": _plug_ins(),
    }


def write() -> None:
    """Write all pages."""
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")


def _study_file() -> str:
    schema = Study.model_json_schema()
    lines = [_MADE, "# The study file", ""]
    lines += [
        "TOML. `trimtab check` names every mistake with its line; `trimtab schema` prints this as JSON Schema.",
        "",
    ]
    lines += ["## Sections", "", *_table(schema, schema.get("required", []))]
    for name, model in sorted(schema["$defs"].items()):
        if "properties" in model:
            lines += [
                "",
                f"## {name}",
                "",
                _line(model.get("description", "")),
                "",
                *_table(model, model.get("required", [])),
            ]
    return "\n".join(lines) + "\n"


def _events() -> str:
    schema = TypeAdapter(Event).json_schema(mode="serialization")
    lines = [_MADE, "# Events", ""]
    lines += [
        "`trimtab tune --json` prints one a line; `trimtab schema --events` prints this as JSON Schema.",
        "Fields are added, never renamed or removed.",
        "",
    ]
    for name, model in schema["$defs"].items():
        if "properties" in model:
            lines += [f"## {name}", "", _line(model.get("description", "")), "", *_table(model, None), ""]
    return "\n".join(lines).rstrip() + "\n"


def _commands() -> str:
    lines = [_MADE, "# Commands", ""]
    lines += [
        "Exit codes: 0 done, 1 no usable result, 2 bad input, 130 interrupted. `--help` after each prints this too.",
        "",
    ]
    for path, command in _leaves(get_command(app), "trimtab"):
        lines += [f"## {path}", "", _line(command.help or ""), ""]
        rows = [
            _parameter(each) for each in command.params if not getattr(each, "hidden", False) and each.name != "help"
        ]
        if rows:
            lines += ["| option | meaning |", "| --- | --- |", *rows, ""]
    lines += ["## In the chat", "", "| command | meaning |", "| --- | --- |"]
    lines += [f"| `/{_cell(each.usage)}` | {_cell(each.help)} |" for each in COMMANDS.values()]
    lines += [f"| `/{_cell(usage)}` | {_cell(what)} |" for usage, what in OWN]
    return "\n".join(lines) + "\n"


def _leaves(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    if hasattr(command, "commands"):
        for name in sorted(command.commands):
            yield from _leaves(command.commands[name], f"{path} {name}")
    else:
        yield path, command


def _parameter(each: Any) -> str:
    if each.param_type_name == "argument":
        name = (each.metavar or each.name or "").upper()
        return f"| `{_cell(name)}` | {_cell(each.help or '')} |"
    words = "`, `".join([*each.opts, *each.secondary_opts])
    default = each.default if isinstance(each.default, int | float | str) and not isinstance(each.default, bool) else ""
    shown = f" (default {default})" if default not in {"", None} else ""
    known = f" [{each.envvar}]" if each.envvar else ""
    return f"| `{words}` | {_cell((each.help or '') + shown + known)} |"


def _tools() -> str:
    lines = [
        _MADE,
        "# Tools of the planner",
        "",
        "What a language model may call while it thinks; there is nothing else, and no shell.",
        "",
    ]
    for name in TOOLS.built_in:
        tool = TOOLS[name]
        schema = tool.arguments.model_json_schema()
        lines += [f"## {name}", "", _line(tool.description), ""]
        if schema.get("properties"):
            lines += [*_table(schema, schema.get("required", [])), ""]
    return "\n".join(lines).rstrip() + "\n"


def _plug_ins() -> str:
    lines = [_MADE, "# Plug-in points", ""]
    lines += ["Another package brings a part as an entry point in its group; CONTRIBUTING shows one of each.", ""]
    lines += ["| group | what it brings | built in |", "| --- | --- | --- |"]
    for registry in (PLANNERS, SAMPLERS, PRUNERS, TOOLS, TARGETS, EXECUTORS):
        names = ", ".join(f"`{name}`" for name in registry.built_in)
        article = "an" if registry.kind[0] in "aeiou" else "a"
        lines.append(f"| `{registry.group}` | {article} {registry.kind} | {names} |")
    lines.append("| `trimtab.commands` | a command of `trimtab` | `eval`, `bench` |")
    return "\n".join(lines) + "\n"


def _table(model: Mapping[str, Any], required: list[str] | None) -> list[str]:
    """Return a table of a model's fields; where `required` is given, with what holds when a field is left out."""
    if required is None:
        rows = [
            f"| `{name}` | {_type(each)} | {_cell(each.get('description', ''))} |"
            for name, each in model["properties"].items()
        ]
        return ["| field | type | meaning |", "| --- | --- | --- |", *rows]
    rows = []
    for name, each in model["properties"].items():
        default = "required" if name in required else _default(each)
        rows.append(f"| `{name}` | {_type(each)} | {default} | {_cell(each.get('description', ''))} |")
    return ["| field | type | left out | meaning |", "| --- | --- | --- | --- |", *rows]


def _default(each: Mapping[str, Any]) -> str:
    default = each.get("default")
    if default is None or default in ("", [], {}) or isinstance(default, dict):
        return ""
    text = str(default).lower() if isinstance(default, bool) else str(default)
    return f"`{_cell(text)}`" if len(text) <= _LONGEST else ""


def _type(each: Mapping[str, Any]) -> str:
    if "$ref" in each:
        name = each["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](#{name.lower()})"
    if "const" in each:
        return f"`{_cell(repr(each['const']))}`"
    if "enum" in each:
        return ", ".join(f"`{_cell(repr(one))}`" for one in each["enum"])
    several = each.get("anyOf") or each.get("oneOf")
    if several:
        found = list(dict.fromkeys(_type(one) for one in several if one.get("type") != "null"))
        return " or ".join(each for each in found if each)
    if each.get("type") == "array":
        inner = each.get("items") or {}
        return f"list of {_type(inner)}" if inner else "list"
    if each.get("type") == "object" and isinstance(each.get("additionalProperties"), dict):
        return f"table of {_type(each['additionalProperties'])}"
    words = {
        "string": "text",
        "integer": "whole number",
        "number": "number",
        "boolean": "true or false",
        "object": "table",
    }
    return words.get(str(each.get("type", "")), "any value")


def _line(text: str) -> str:
    return " ".join(text.split()).replace("<", "&lt;")


def _cell(text: str) -> str:
    return _line(text).replace("|", "\\|")


if __name__ == "__main__":
    write()
