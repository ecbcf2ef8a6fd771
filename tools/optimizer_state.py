"""The tool `optimizer_state`: what the classical optimizer is about to do."""

from pydantic import BaseModel

from .desk import Desk
from .registry import tool


class OptimizerStateArguments(BaseModel):
    """Nothing to choose."""


@tool(OptimizerStateArguments)
async def optimizer_state(desk: Desk, _arguments: OptimizerStateArguments) -> str:
    """Tell the optimizer's next suggestion, and the mean and spread of each parameter where it is looking."""
    return "\n".join(desk.optimizer)
