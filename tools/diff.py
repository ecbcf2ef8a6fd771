"""The tool `diff`: what the draft of a code edit changes."""

from pydantic import BaseModel

from .desk import Desk
from .registry import tool


class DiffArguments(BaseModel):
    """Nothing to choose."""


@tool(DiffArguments)
async def diff(desk: Desk, _arguments: DiffArguments) -> str:
    """Show what your draft changes in the program."""
    return desk.draft.diff()
