"""The tool `propose`: hands configurations to the study."""

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, field_validator

from .desk import Desk
from .edit import EDITS
from .registry import tool

_LONGEST = 200_000
_NUMBER = {"type": "number"}
_PREDICTED = {
    "type": "object",
    "description": "The objective's expected value, and the ends of a 90 % interval.",
    "properties": {"expected": _NUMBER, "low": _NUMBER, "high": _NUMBER},
    "required": ["expected", "low", "high"],
}
_PROPOSAL = {
    "type": "object",
    "properties": {
        "rationale": {"type": "string", "description": "One sentence: why."},
        "values": {"type": "object", "description": "Parameter name to value, for all active parameters."},
        "predicted": _PREDICTED,
    },
    "required": ["values"],
}
EDITED = {
    "edits": {"anyOf": [EDITS, {"const": "draft"}], "description": "'draft', or edits of the program that go with it."},
    "parent": {"type": "integer", "description": "The trial whose code is gone on from; the best one if left out."},
}
"""JSON schema of what a proposal has besides, where the program may be edited."""
_PROPOSALS = {"type": "array", "minItems": 1, "items": _PROPOSAL}


class ProposeArguments(BaseModel):
    """What to evaluate. Taken in the forms in which models give it: a list, one alone, its fields, or text of them."""

    model_config = ConfigDict(extra="allow")

    proposals: Annotated[Any, WithJsonSchema(_PROPOSALS)] = Field(None, description="Best first.")

    @field_validator("proposals")
    @classmethod
    def _from_text(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        try:
            return json.loads(given[:_LONGEST])
        except (ValueError, RecursionError):
            raise ValueError("must be a list of configurations; this text is no JSON") from None


def with_edits(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of `propose` for a study whose program may be edited."""
    schema = json.loads(json.dumps(schema))
    proposal = schema["function"]["parameters"]["properties"]["proposals"]["items"]
    proposal["properties"] |= EDITED
    proposal["required"] = []
    return schema


@tool(ProposeArguments)
async def propose(desk: Desk, arguments: ProposeArguments) -> str:
    """Propose configurations to evaluate. The answer says of each what became of it: accepted, accepted with its form
    repaired, or refused with the reason; what was refused may be mended and proposed again."""
    given = arguments.proposals if arguments.proposals is not None else arguments.model_dump(exclude={"proposals"})
    return desk.submit(given)
