"""Settings of a Python object named `module:name`: a pydantic model, a dataclass, a scikit-learn estimator.

The module is imported in a process of its own, which tells what it found as a JSON schema.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from ....tools.errors import InputError
from ....tools.text import one_line
from .config_file import schema_settings
from .guess import Found

_WITHIN_S = 60
_ASK = """
import dataclasses, importlib, json, sys, typing
sys.path.insert(0, sys.argv[1])
module, _, name = sys.argv[2].partition(":")
found = getattr(importlib.import_module(module), name)

def of_value(value):
    kinds = {bool: "boolean", int: "integer", float: "number"}
    return {"default": value, **({"type": kinds[type(value)]} if type(value) in kinds else {})}

def of_constraints(rules):
    told = {}
    for rule in rules if isinstance(rules, list) else []:
        if hasattr(rule, "options"):
            told["enum"] = sorted(map(str, rule.options))
        if hasattr(rule, "left") and hasattr(rule, "right"):
            told.update({key: end for key, end in (("minimum", rule.left), ("maximum", rule.right)) if end is not None})
    return told

if hasattr(found, "model_json_schema"):
    schema = found.model_json_schema()
elif dataclasses.is_dataclass(found):
    fields = [each for each in dataclasses.fields(found) if each.default is not dataclasses.MISSING]
    hints = typing.get_type_hints(found)
    schema = {"properties": {each.name: of_value(each.default) for each in fields}}
    for each in fields:
        if typing.get_origin(hints[each.name]) is typing.Literal:
            schema["properties"][each.name]["enum"] = list(typing.get_args(hints[each.name]))
elif hasattr(found, "get_params"):
    estimator = found() if isinstance(found, type) else found
    rules = getattr(estimator, "_parameter_constraints", {})
    schema = {"properties": {}}
    for key, value in estimator.get_params(deep=False).items():
        told = {} if isinstance(value, (bool, int, float)) else of_constraints(rules.get(key))
        schema["properties"][key] = {**told, **of_value(value)}
else:
    sys.exit(f"{sys.argv[2]} is no pydantic model, dataclass or estimator")
sys.stdout.write("\\n" + json.dumps(schema, default=lambda _each: None))
"""


def settings_of(reference: str, folder: Path) -> list[Found]:
    """Return the settings of an object of a module in `folder`, or of an installed one.

    Raises:
        InputError: it cannot be imported, or is of another kind.
    """
    try:
        done = subprocess.run(
            [sys.executable, "-c", _ASK, str(folder), reference],
            capture_output=True,
            text=True,
            timeout=_WITHIN_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise InputError(f"{reference}: importing it takes more than {_WITHIN_S} s", "draft from a script") from None
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["it ended"])[-1]
        raise InputError(f"{reference}: {one_line(last, 200)}", "give module:name of a model or estimator")
    schema: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return schema_settings(schema)
