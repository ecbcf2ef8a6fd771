"""The tool `edit`: changes the draft of a code edit, exactly or not at all."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, WithJsonSchema

from .desk import Desk
from .registry import tool

_TEXT = {"type": "string"}
EDITS = {
    "type": "array",
    "description": "All are made or none. `search` must stand exactly once in the file, at most 25 lines; or `region` "
    "for all that a marked region holds ('*': a file without marks).",
    "items": {
        "type": "object",
        "properties": {"file": _TEXT, "search": _TEXT, "region": _TEXT, "replace": _TEXT},
        "required": ["file", "replace"],
    },
}
"""JSON schema of a list of edits."""


class EditArguments(BaseModel):
    """What to change."""

    edits: Annotated[Any, WithJsonSchema(EDITS)]
    parent: int | None = Field(None, description="Start the draft anew, from this trial's code (0: as it stands).")


@tool(EditArguments)
async def edit(desk: Desk, arguments: EditArguments) -> str:
    """Change your draft of the program; the answer is the difference so far, or why an edit does not fit. Nothing is
    measured before you propose it with edits = 'draft'."""
    return desk.draft.edit(arguments.edits, arguments.parent)
