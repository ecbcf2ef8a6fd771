"""Plays recorded ideas from a file, round by round: what a strong model proposed once, inside any schedule and seed.

The file is JSON: {"rounds": [[{"values": {...}, "rationale": "...", "predicted": [expected, low, high]}, ...], ...]}.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ...tools.errors import InputError, TrimtabError
from ...tools.expressions import Value
from ...tools.propose_parameter import ProposeParameterArguments
from ..events import PlannerProblem
from ..study.space import key
from ..trials.proposal import Proposal
from ..trials.source import Source
from .base import Context, Setup
from .code import draft_of


class Idea(BaseModel):
    """One recorded idea; what else the file holds of it, such as what was measured, is for people."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    values: dict[str, Value] = {}
    rationale: str = ""
    predicted: tuple[float, float, float] | None = Field(None, description="Expected value and 90 % interval.")
    edits: Any = Field(None, description="Edits of the program that go with it, as the tool propose takes them.")
    tune: list[ProposeParameterArguments] = Field(
        [], description="Constants to tune on it, as propose_parameter takes them."
    )
    parent: int | None = Field(None, description="The trial whose code they are for; the best one by default.")

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if "values" not in self.model_fields_set and self.edits is None:
            raise ValueError("missing: give values, edits, or both")
        return self


class Ideas(BaseModel):
    """The file."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    rounds: list[list[Idea]] = Field(min_length=1)


class RecordedPlanner:
    """Answers each question with the next round, as the model did when it had seen the rounds before."""

    name = "recorded"

    def __init__(self, rounds: Sequence[Sequence[Idea]], why: str) -> None:
        """Start before the first round; a round that the study has tried already is passed over."""
        self.rounds, self.why, self._next = rounds, why, 0

    @property
    def done(self) -> bool:
        """Whether all rounds were given out."""
        return self._next >= len(self.rounds)

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        """Return the next round whole, whatever `n`: the round after it was recorded knowing all of it."""
        del n
        metric = context.study.objectives[0].metric
        while not self.done:
            ideas = self.rounds[self._next]
            self._next += 1
            if any(_is_new(idea, context) for idea in ideas):
                found = (self._proposal(idea, context, metric) for idea in ideas)
                return [each for each in found if each is not None]
        return []

    def _proposal(self, idea: Idea, context: Context, metric: str) -> Proposal | None:
        """Return an idea as a proposal; None for an edit that cannot be made, which is told."""
        predicted = {} if idea.predicted is None else {metric: idea.predicted}
        source, draft = Source("planner", self.name), draft_of(context)
        if draft is None:
            return Proposal(idea.values, source, idea.rationale, predicted)
        try:
            if idea.tune:
                draft.edit(idea.edits, idea.parent)
                for each in idea.tune:
                    draft.parameter(each.file, each.name, each.low, each.high, log=each.log)
            patch, parent = draft.proposed("draft" if idea.tune else idea.edits, idea.parent)
        except TrimtabError as error:
            context.emit(PlannerProblem(study=context.key, code="bad_edit", message=str(error)))
            return None
        values = {**context.history.trials[parent].configuration, **idea.values}
        return Proposal(values, source, idea.rationale, predicted, patch=patch, parent=parent)

    async def close(self) -> None:
        """Nothing to let go of."""


def build(setup: Setup) -> RecordedPlanner:
    """Return the planner of the file that `planner.ideas` names, relative to the study file.

    Raises:
        InputError: no file is named, or it cannot be read, or holds no ideas.
    """
    given = setup.study.planner.ideas
    if not given:
        raise InputError("planner 'recorded' needs planner.ideas", 'ideas = "FILE.json", relative to the study file')
    path = setup.study.directory / given
    return RecordedPlanner(read_ideas(path).rounds, f"ideas recorded in {path.name}")


def read_ideas(path: Path) -> Ideas:
    """Read a file of recorded ideas.

    Raises:
        InputError: it cannot be read, or holds no ideas.
    """
    hint = "it holds rounds of ideas: see the documentation of planner 'recorded'"
    try:
        return Ideas.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InputError(f"planner.ideas: {path}: {error.strerror}", hint) from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise InputError(
            f"planner.ideas: {path}: {where + ': ' if where else ''}{first['msg'].removeprefix('Value error, ')}", hint
        ) from None


def _is_new(idea: Idea, context: Context) -> bool:
    tried = key(context.study.space.repair(idea.values).configuration) in context.history.seen
    return idea.edits is not None or not tried
