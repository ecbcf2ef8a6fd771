"""The tool `propose_parameter`: a constant of the draft becomes a parameter of its branch."""

from pydantic import BaseModel, Field

from .desk import Desk
from .registry import tool


class ProposeParameterArguments(BaseModel):
    """Which constant, and from where to where."""

    name: str = Field(description="Its name: 'LIMIT' at the top of a Python file, 'Index.width', or a #define.")
    low: float
    high: float
    log: bool = Field(False, description="Whether factors count, not differences.")
    file: str = Field("", description="Its file; may be left out where there is only one.")


@tool(ProposeParameterArguments)
async def propose_parameter(desk: Desk, arguments: ProposeParameterArguments) -> str:
    """Let a named number in your draft be tuned: put it into the program with `edit` first, with a good value, which is
    its default. The optimizer tunes it, with the other parameters, once you propose the draft."""
    given = arguments
    return desk.draft.parameter(given.file, given.name, given.low, given.high, log=given.log)
