"""What a study would do to a server: the exact statements, what each needs, and what it endangers. Changes nothing."""

from collections.abc import AsyncIterator, Mapping

from ...catalogue import Knob, load_catalogue
from ...expressions import Value
from .connection import connected
from .looking import facts_of, may_look, settings_of
from .section import PostgresqlSection
from .settings import Row, in_effect, statement, text_of

Configurations = Mapping[str, Mapping[str, Value]]
"""What would be tried first, by a name for each."""


async def previewed(
    section: PostgresqlSection, units: Mapping[str, str], configurations: Configurations
) -> AsyncIterator[str]:
    """Yield the lines of the preview; `units` are those of the tuned settings.

    Raises:
        TargetError: the server is out of reach.
    """
    rows: Mapping[str, Row] = {}
    if section.dsn is None:
        yield "server: a private cluster, made by initdb and removed at the end"
    else:
        async with connected(section.dsn) as connection:
            superuser, standby, role = await may_look(connection)
            rows = await settings_of(connection)
            said = f"role {role}{'' if superuser else ', no superuser: the study would be refused'}"
            if superuser:
                facts = await facts_of(connection)
                said += f", PostgreSQL {facts.major}, {facts.replicas} replicas"
            yield f"server: {section.shown} ({said}{', a standby: the study would be refused' if standby else ''})"
    yield f"restart: {section.restart or ('always' if section.dsn is None else 'never')}"
    knobs = load_catalogue(section.SETTINGS).knobs
    for name in units:
        yield _told(name, knobs.get(name), rows.get(name))
    for title, configuration in configurations.items():
        yield f"{title}:"
        for line in _statements(configuration, units, rows, knobs):
            yield f"  {line}"
    yield "nothing was changed"


def _told(name: str, knob: Knob | None, row: Row | None) -> str:
    now = f"{row.shown} ({row.source})" if row is not None else f"{knob.default if knob else '?'} (initdb's)"
    context = ("restart" if row.needs_restart else "reload") if row is not None else (knob.context if knob else "?")
    about = f"risk: {knob.risk}, {knob.source}" if knob is not None else "not in the catalogue"
    return f"{name}: now {now}, needs a {'reload' if context == 'session' else context}, {about}"


def _statements(
    configuration: Mapping[str, Value],
    units: Mapping[str, str],
    rows: Mapping[str, Row],
    knobs: Mapping[str, Knob],
) -> list[str]:
    """Return what would be sent, in order."""
    texts = {name: text_of(value, units[name]) for name, value in configuration.items() if name in units}
    found = [f"{statement(name, text)};" for name, text in texts.items()]
    restarting = [name for name, text in texts.items() if _restarts(text, rows.get(name), knobs.get(name))]
    return [*found, "SELECT pg_reload_conf();", *([f"restart, for {', '.join(restarting)}"] if restarting else [])]


def _restarts(text: str, row: Row | None, knob: Knob | None) -> bool:
    if row is not None:
        return row.needs_restart and not in_effect(text, row)
    return knob is not None and knob.context == "restart"
