"""docs/glossary.md: the words of the study file and of the events, one for each thing."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from trimtab.agent import events
from trimtab.agent.study.sections import Study

EVENTS: tuple[type[BaseModel], ...] = get_args(get_args(events.Event)[0])


@pytest.fixture
def named(root: Path) -> set[str]:
    """The names that the glossary gives in code, without slash commands."""
    text = (root / "docs/glossary.md").read_text()
    return {name for name in re.findall(r"`([^`]+)`", text) if name != "code" and not name.startswith("/")}


def fields(schema: Any) -> set[str]:
    """Return the names of all properties in a JSON schema."""
    if isinstance(schema, list):
        return set().union(*map(fields, schema))
    if not isinstance(schema, dict):
        return set()
    own = set(schema["properties"]) if isinstance(schema.get("properties"), dict) else set()
    return own.union(*map(fields, schema.values()))


def test_every_section_and_every_event_is_explained(named: set[str]) -> None:
    kinds = {event.model_fields["event"].default for event in EVENTS}
    assert (set(Study.model_fields) | kinds) - named == set()


def test_nothing_is_explained_that_is_not_there(named: set[str]) -> None:
    known = fields(Study.model_json_schema()).union(*(fields(event.model_json_schema()) for event in EVENTS))
    known |= {event.model_fields["event"].default for event in EVENTS}
    assert named - known == set()
