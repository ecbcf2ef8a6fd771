"""Finds out once what an endpoint can do: call tools, answer by a JSON schema, or only write text."""

import json

from langchain_core.messages import HumanMessage
from langchain_core.tools import tool

from .metered import MeteredModel, ModelCallError
from .settings import Capability

SCHEMA = {
    "type": "object",
    "properties": {"number": {"type": "integer"}},
    "required": ["number"],
    "additionalProperties": False,
}
_TOOLS_QUESTION = "Call the tool report with number 7."
_SCHEMA_QUESTION = 'Answer with the JSON object {"number": 7}.'


@tool
def report(number: int) -> str:
    """Report a number."""
    return str(number)


async def probe(model: MeteredModel) -> Capability:
    """Return the best that the endpoint can do. Takes one or two small calls, which are billed like all others.

    Raises:
        ModelCallError: the endpoint cannot be reached at all.
    """
    try:
        answer = await model.bind_tools([report]).ainvoke([HumanMessage(_TOOLS_QUESTION)])
        if answer.tool_calls and answer.tool_calls[0]["name"] == "report":
            return "tools"
    except ModelCallError as error:
        if error.failure.kind not in {"bad_request", "invalid_response"}:
            raise
    try:
        bound = model.bind(response_format=response_format(SCHEMA))
        answer = await bound.ainvoke([HumanMessage(_SCHEMA_QUESTION)])
        found = json.loads(str(answer.text))
        if isinstance(found, dict) and isinstance(found.get("number"), int):
            return "json_schema"
    except ModelCallError as error:
        if error.failure.kind not in {"bad_request", "invalid_response"}:
            raise
    except json.JSONDecodeError:
        return "text"
    return "text"


def response_format(schema: dict[str, object]) -> dict[str, object]:
    """Return the setting that binds an answer to a JSON schema, as OpenAI-compatible endpoints take it."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
