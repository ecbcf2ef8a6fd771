"""The tool `history`: trials of this study, always a bounded number of them."""

from typing import Literal

from pydantic import BaseModel, Field

from .desk import Desk, Row
from .registry import tool


class HistoryArguments(BaseModel):
    """Which trials to list."""

    which: Literal["best", "recent", "failed", "infeasible"] = "best"
    count: int = Field(10, ge=1, le=30)
    parameter: str | None = Field(None, description="Only trials in which this parameter ...")
    value: str | None = Field(None, description="... has this value.")


@tool(HistoryArguments)
async def history(desk: Desk, arguments: HistoryArguments) -> str:
    """List finished trials: the best, the most recent, the failed or the infeasible ones; at most 30."""
    rows = [row for row in desk.rows if _wanted(row, arguments)]
    if arguments.which == "best":
        rows = sorted((row for row in rows if row.loss is not None), key=lambda row: row.loss or 0.0)
        shown = rows[: arguments.count]
    else:
        shown = rows[-arguments.count :]
    lines = [row.text for row in shown]
    return "\n".join([f"{len(rows)} trials match, {len(shown)} shown", *lines])


def _wanted(row: Row, arguments: HistoryArguments) -> bool:
    if arguments.which == "best" and row.state != "complete":
        return False
    if arguments.which in {"failed", "infeasible"} and row.state != arguments.which:
        return False
    if arguments.parameter is None:
        return True
    value = row.configuration.get(arguments.parameter)
    return arguments.value is None or str(value).casefold() == arguments.value.casefold()
