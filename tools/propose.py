"""The tool `propose`: hands configurations to the study."""

from typing import Any

from pydantic import BaseModel, Field

from .desk import Desk
from .registry import tool


class Prediction(BaseModel):
    """What a configuration is expected to measure."""

    expected: float
    low: float = Field(description="Lower end of a 90 % interval.")
    high: float = Field(description="Upper end of a 90 % interval.")


class ProposedConfiguration(BaseModel):
    """One configuration to evaluate."""

    values: dict[str, Any] = Field(description="Parameter name to value, for all active parameters.")
    rationale: str = Field("", description="One sentence: why.")
    predicted: Prediction | None = Field(None, description="The objective's expected value.")


class ProposeArguments(BaseModel):
    """What to evaluate."""

    proposals: list[ProposedConfiguration] = Field(min_length=1, max_length=20)


@tool(ProposeArguments)
async def propose(desk: Desk, arguments: ProposeArguments) -> str:
    """Propose configurations to evaluate. Invalid values are repaired where possible; the answer says what was used."""
    return desk.submit([each.model_dump() for each in arguments.proposals])
