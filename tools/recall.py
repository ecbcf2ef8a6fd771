"""The tool `recall`: similar studies in the store and the best they found."""

from pydantic import BaseModel

from .desk import Desk
from .registry import tool


class RecallArguments(BaseModel):
    """Nothing to choose."""


@tool(RecallArguments)
async def recall(desk: Desk, _arguments: RecallArguments) -> str:
    """List similar studies of the past, how similar they are, and the best configuration each found."""
    return "\n".join(desk.recalled) or "the store has no similar study"
