"""The tool `recall`: similar studies in the store, the best they found, and what was learned."""

from pydantic import BaseModel

from .desk import Desk
from .registry import tool


class RecallArguments(BaseModel):
    """Nothing to choose."""


@tool(RecallArguments)
async def recall(desk: Desk, _arguments: RecallArguments) -> str:
    """List similar studies of the past, how similar they are, the best configuration each found, and lessons."""
    return "\n".join(desk.recalled) or "the store has no similar study and no lesson"
