"""The chat's own tools: what a slash command can do, a model can do, through the same functions.

They are tools like those of the planner (`tools/registry.py`), but what they work on is the study of the conversation.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel, Field

from ...tools.desk import Desk
from ...tools.errors import InputError, TrimtabError
from ...tools.registry import NOT_DONE, TOOLS, Tool, tool
from ...tools.text import fenced
from ..planners.desk import fill_desk
from ..run.stored import desk_of
from . import looking
from .reference import DraftArguments, sections_of
from .steering import changing
from .steering.control import StudyControl
from .steering.trying import measure_default
from .waiting import Until, wait

_OF_THE_PLANNER = ("history", "analyse", "optimizer_state", "recall", "consult")
_LONGEST_WAIT_S = 600.0


class Nothing(BaseModel):
    """Nothing to choose."""


class TryArguments(BaseModel):
    """What to evaluate next."""

    values: dict[str, Any] = Field(description="Parameter name to value; the rest is as in the best trial.")
    why: str = Field("", description="One sentence: why.")


class TrialArguments(BaseModel):
    """Which trial."""

    number: int = Field(ge=0)


class TwoTrialsArguments(BaseModel):
    """Which trials."""

    one: int = Field(ge=0)
    other: int = Field(ge=0)


class BudgetArguments(BaseModel):
    """New limits; what is not given stays."""

    trials: int | None = Field(None, ge=1, description="Trials in all, those already made included.")
    wall_time_s: float | None = Field(None, gt=0, description="Seconds of search in all.")
    calls: int | None = Field(None, ge=0, description="Calls of language models in all, yours included.")
    dollars: float | None = Field(None, ge=0, description="Dollars for language models in all.")


class NarrowArguments(BaseModel):
    """Where to search."""

    parameter: str
    low: float
    high: float


class FreezeArguments(BaseModel):
    """What to keep."""

    parameter: str
    value: bool | float | str


class ForbidArguments(BaseModel):
    """What never to evaluate again."""

    when: str = Field(description="Expression over parameters, such as: threads > 32 and cache == 'lru'.")
    reason: str = Field(min_length=1, description="Why; people and planners are told.")


class NoteArguments(BaseModel):
    """What the planner should know."""

    note: str = Field(min_length=1, max_length=600)


class WaitArguments(BaseModel):
    """What to wait for."""

    until: Until = Field("end", description="The end of the run, a trial's result, or a better best trial.")
    trial: int | None = Field(None, ge=0, description="For trial: its number; without it the next one to finish.")
    seconds: float = Field(60.0, gt=0, le=_LONGEST_WAIT_S, description="At most so long.")


@tool(Nothing)
async def study_state(control: StudyControl, _arguments: Nothing) -> str:
    """Tell the study and where it stands: ranges, goals, constraints, how it is measured, restrictions, budget,
    failures, the best trial."""
    return looking.describe(control)


@tool(DraftArguments)
async def draft_study(control: StudyControl, arguments: DraftArguments) -> str:
    """Draft a study from the sections of a study file, check every part of it, and run the default configuration once
    in the sandbox to see that it can be measured. Nothing of the budget is spent, and the search is not started.

    A command runs without a shell in an empty folder; it prints its metrics as a JSON object on one line of standard
    output, unless metrics_file or patterns say otherwise. Expressions compare parameters: cache == 'lru' and n > 3."""
    drafted = control.draft(sections_of(arguments))
    return f"{drafted}\n{await measure_default(control.known_study(), control.store)}"


@tool(Nothing)
async def start_study(control: StudyControl, _arguments: Nothing) -> str:
    """Start the study's search, or go on with what was paused or stopped. It runs beside the conversation."""
    return control.start()


@tool(Nothing)
async def pause_study(control: StudyControl, _arguments: Nothing) -> str:
    """Start no further trial until the study is started again."""
    return control.pause()


@tool(Nothing)
async def stop_study(control: StudyControl, _arguments: Nothing) -> str:
    """End the run after the evaluations under way; everything measured stays, and it can be started again."""
    return control.stop()


@tool(WaitArguments)
async def wait_for_study(control: StudyControl, arguments: WaitArguments) -> str:
    """Wait until the run ends, a trial has its result, or a better trial is found; ends early when the person speaks or
    is asked something. Tells where the study stands then."""
    return await wait(control, arguments.until, arguments.trial, arguments.seconds)


@tool(BudgetArguments)
async def set_budget(control: StudyControl, arguments: BudgetArguments) -> str:
    """Change limits of the study's budget; what is not given stays."""
    return changing.set_budget(control, **arguments.model_dump())


@tool(TryArguments)
async def try_configuration(control: StudyControl, arguments: TryArguments) -> str:
    """Let a configuration be the next trial of the running search."""
    return control.try_configuration(arguments.values, arguments.why)


@tool(TrialArguments)
async def explain_trial(control: StudyControl, arguments: TrialArguments) -> str:
    """Tell where a trial came from, what was expected of it, and what became of it."""
    return looking.explain(control, arguments.number, fenced)


@tool(TwoTrialsArguments)
async def compare_trials(control: StudyControl, arguments: TwoTrialsArguments) -> str:
    """Tell how two trials differ, in configuration and result."""
    return looking.compare(control, arguments.one, arguments.other, fenced)


@tool(NarrowArguments)
async def narrow_range(control: StudyControl, arguments: NarrowArguments) -> str:
    """Search a numeric parameter between two values only."""
    return changing.narrow(control, **arguments.model_dump())


@tool(FreezeArguments)
async def freeze_parameter(control: StudyControl, arguments: FreezeArguments) -> str:
    """Keep a parameter at one value."""
    return changing.freeze(control, **arguments.model_dump())


@tool(ForbidArguments)
async def forbid_region(control: StudyControl, arguments: ForbidArguments) -> str:
    """Never evaluate a region again; the reason is told to people and planners."""
    return changing.forbid(control, **arguments.model_dump())


@tool(Nothing)
async def best_trial(control: StudyControl, _arguments: Nothing) -> str:
    """Tell the best trial against the default, and what the final check said."""
    return looking.best(control, fenced)


@tool(NoteArguments)
async def tell_planner(control: StudyControl, arguments: NoteArguments) -> str:
    """Tell the planner, which proposes configurations while the search runs, what the person knows or wants."""
    return control.note(arguments.note)


CHAT_TOOLS: Mapping[str, Tool[StudyControl]] = {
    each.name: each
    for each in (
        *(study_state, draft_study, start_study, pause_study, stop_study, wait_for_study),
        *(set_budget, try_configuration, narrow_range, freeze_parameter, forbid_region, tell_planner),
        *(best_trial, explain_trial, compare_trials),
    )
}


@dataclass(frozen=True)
class Offered:
    """A tool that a conversation offers; `on` finds what it works on, at the moment it is called."""

    tool: Tool[Any]
    on: Callable[[], Awaitable[Any]]

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """Run the tool on what there is now, and return its answer."""
        try:
            on = await self.on()
        except TrimtabError as error:
            return f"{NOT_DONE}{error}"
        return await self.tool.call(on, arguments)


def offered(control: StudyControl) -> dict[str, Offered]:
    """Return all tools of a conversation by name: its own, and those of the planner that only look."""

    async def itself() -> StudyControl:
        return control

    own = {name: Offered(each, itself) for name, each in CHAT_TOOLS.items()}
    looking_on = {name: Offered(TOOLS[name], partial(_desk, control, name)) for name in _OF_THE_PLANNER}
    return own | looking_on


async def _desk(control: StudyControl, tool_name: str) -> Desk:
    """Return the desk of the study as it is now.

    The optimizer of a running study is not asked what it would suggest, which would change what it suggests: a copy is
    built from the store.
    """
    if control.session is not None and tool_name != "optimizer_state":
        return fill_desk(control.session.proposing.context.now(None), lambda _given: "use try_configuration")
    if control.stored is None:
        raise InputError("no study has been started yet")
    return await asyncio.to_thread(desk_of, control.store, control.stored.key)
