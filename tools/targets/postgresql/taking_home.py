"""A configuration as what a server elsewhere takes: statements, lines of its file, a parameter group, the way back."""

import json
from collections.abc import Mapping

from ...catalogue import Knob, load_catalogue
from ...catalogue.units import converted
from ...errors import InputError
from ...expressions import Value
from ..rendering.wording import Tuned
from .auto_conf import entries_of
from .connection import connected
from .looking import auto_conf_of
from .settings import quoted, statement, text_of

FORMS: Mapping[str, str] = {"alter-system": ".sql", "auto-conf": ".conf", "parameter-group": "", "revert": ""}
"""Each with the suffix of the files that hold it where no form is named."""
_AT_ONCE = 20
"""Parameters that a managed service takes in one request: Amazon RDS, ModifyDBParameterGroup."""


def written(
    form: str, configuration: Mapping[str, Value], settings: Mapping[str, Tuned], original: Mapping[str, str]
) -> str:
    """Return the text of a form; `original` are the entries of the server's postgresql.auto.conf, for the way back."""
    knobs = load_catalogue("postgresql").knobs
    tuned = {name: configuration[name] for name in settings if name in configuration}
    if form == "parameter-group":
        return _group(tuned, settings, knobs)
    texts = {name: text_of(value, settings[name].unit) for name, value in tuned.items()}
    if form == "auto-conf":
        lines = [f"{name} = {quoted(text)}{_note(name, tuned, settings, '#')}" for name, text in texts.items()]
        return "\n".join([*lines, ""])
    if form == "revert":
        lines = [f"{statement(name, original.get(name))};" for name in texts]
    else:
        lines = [f"{statement(name, text)};{_note(name, tuned, settings, '--')}" for name, text in texts.items()]
    return "\n".join([*lines, "SELECT pg_reload_conf();", *_restart(texts, knobs), ""])


async def original_entries(dsn: str, configuration: Mapping[str, Value], units: Mapping[str, str]) -> dict[str, str]:
    """Return the entries of a server's postgresql.auto.conf, to which the way back leads.

    Raises:
        InputError: they are the configuration already.
        ServerError: it is out of reach, or the role may not read that file.
    """
    async with connected(dsn) as connection:
        entries = entries_of(await auto_conf_of(connection))
    texts = {name: text_of(value, units[name]) for name, value in configuration.items() if name in units}
    if texts and all(entries.get(name) == text for name, text in texts.items()):
        hint = "the way back is written before the settings are applied; ALTER SYSTEM RESET undoes one of them"
        raise InputError("the server has these settings already", hint)
    return entries


def _note(name: str, tuned: Mapping[str, Value], settings: Mapping[str, Tuned], mark: str) -> str:
    """Tell what the study did not change: it was measured with that value all the same."""
    return f"  {mark} the study's default" if tuned[name] == settings[name].default else ""


def _restart(names: Mapping[str, str], knobs: Mapping[str, Knob]) -> list[str]:
    waiting = [name for name in names if name in knobs and knobs[name].context == "restart"]
    return [f"-- then restart the server, for {', '.join(waiting)}"] if waiting else []


def _group(tuned: Mapping[str, Value], settings: Mapping[str, Tuned], knobs: Mapping[str, Knob]) -> str:
    """Return the parameters as Amazon RDS and Aurora take them: numbers in the unit in which the server counts.

    `aws rds modify-db-parameter-group --cli-input-json` reads it. Several documents where one would be too long.
    """
    parameters = [
        {
            "ParameterName": name,
            "ParameterValue": _counted(value, settings[name].unit, knobs.get(name)),
            "ApplyMethod": "pending-reboot" if name in knobs and knobs[name].context == "restart" else "immediate",
        }
        for name, value in tuned.items()
    ]
    parts = [parameters[at : at + _AT_ONCE] for at in range(0, len(parameters), _AT_ONCE)]
    documents = [{"DBParameterGroupName": "NAME-OF-YOUR-GROUP", "Parameters": part} for part in parts]
    return json.dumps(documents[0] if len(documents) == 1 else documents, indent=2) + "\n"


def _counted(value: Value, unit: str, knob: Knob | None) -> str:
    """Return a value without a unit: 128 MB of shared_buffers are 16384 pages of 8 kB."""
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, str) or value < 0 or knob is None:
        return text_of(value, "")
    there = converted(float(value), unit, knob.counted or knob.unit)
    number = float(value) if there is None else there
    return text_of(round(number) if knob.type == "integer" else number, "")
