"""The tool `optimizer_state`: what the classical optimizer knows."""

from pydantic import BaseModel

from .desk import Desk
from .registry import tool


class OptimizerStateArguments(BaseModel):
    """Nothing to choose."""


@tool(OptimizerStateArguments)
async def optimizer_state(desk: Desk, _arguments: OptimizerStateArguments) -> str:
    """Tell what the optimizer expects of the best trial and of what it would try, and where it is looking."""
    return "\n".join(desk.optimizer)
