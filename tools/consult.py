"""The tool `consult`: the documentation of a knob, or the list of documented knobs."""

from pydantic import BaseModel, Field

from .catalogue import load_catalogue
from .desk import Desk
from .registry import tool


class ConsultArguments(BaseModel):
    """What to look up."""

    knob: str | None = Field(None, description="A knob's name; without it all names are listed.")


@tool(ConsultArguments)
async def consult(desk: Desk, arguments: ConsultArguments) -> str:
    """Look up a knob in the catalogue of the system under tuning: what it does, its default, where that is written."""
    if desk.system is None:
        return "this study names no system with a catalogue"
    catalogue = load_catalogue(desk.system)
    if arguments.knob is None:
        return f"documented knobs of {desk.system}: {', '.join(catalogue.knobs)}"
    knob = catalogue.knobs.get(arguments.knob)
    if knob is None:
        return f"{arguments.knob} is not in the catalogue; it has {', '.join(catalogue.knobs)}"
    return f"{arguments.knob}: {knob.description} Default {knob.default} {knob.unit}. Source: {knob.source}"
