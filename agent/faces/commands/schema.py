"""The JSON schemas that trimtab publishes: study files for editors, events for scripts."""

import json

from pydantic import TypeAdapter

from ...events import SCHEMA_VERSION, Event
from ...study.sections import Study


def study_schema() -> str:
    """Return the JSON Schema of study files."""
    schema = Study.model_json_schema()
    schema["title"] = "trimtab study"
    schema["properties"].pop("directory", None)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2)


def events_schema() -> str:
    """Return the JSON Schema of one line of `--json`."""
    schema = TypeAdapter(Event).json_schema(mode="serialization")
    schema["title"] = f"trimtab event, schema version {SCHEMA_VERSION}"
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=2)
