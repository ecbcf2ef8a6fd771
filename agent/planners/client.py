"""The planner "client": ideas come from outside, at any time: from an agent over MCP, a script, a person.

Each idea is answered at once: accepted, repaired or refused with the reason. What is accepted waits until the gate
gives the planner its turn; the run never waits longer than its patience.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..study.space import Configuration
from ..study.words import words
from ..trials.history import History
from ..trials.proposal import Accepted, Proposal, Refused, review
from ..trials.source import Source
from .base import Context, Setup

WAITING = "waiting for its turn"
"""What is said of an idea that was accepted and not tried yet."""


@dataclass
class Idea:
    """An idea from outside, and what became of it. `key` is that of its candidate, '' where it was refused."""

    number: int
    proposal: Proposal
    key: str = ""
    configuration: Configuration = field(default_factory=dict)
    changes: tuple[str, ...] = ()
    refused: str = ""


class ClientPlanner:
    """Proposes what it was given."""

    name = "client"

    def __init__(self, why: str = "ideas come from outside") -> None:
        self.why = why
        self.done = False
        self.ideas: list[Idea] = []
        self._history: History | None = None
        self._arrived = asyncio.Event()

    def submit(self, values: Mapping[str, Any], context: Context, by: str = "", **told: Any) -> Idea:
        """Take an idea, in the run's event loop; `told` may have a `rationale` and what is `predicted`.

        The idea says whether it was accepted. It never changes what is measured already.
        """
        history, space = context.history, context.study.space
        self._history = history
        proposal = Proposal(dict(values), Source("planner", by or self.name), **told)
        waiting = [idea.key for idea in self.ideas if idea.key and idea.key not in history.seen]
        reviewed = review(proposal, space, history.seen, waiting)
        idea = Idea(len(self.ideas) + 1, proposal)
        if isinstance(reviewed, Refused):
            idea.refused = reviewed.reason
        else:
            self._accept(idea, reviewed)
        self.ideas.append(idea)
        return idea

    def _accept(self, idea: Idea, accepted: Accepted) -> None:
        idea.key, idea.configuration = accepted.candidate.key, accepted.configuration
        told = [each for each in accepted.changes if each.given is not None]  # a default is no repair
        idea.changes = tuple(f"{each.parameter}: {each.why}" for each in told)
        self._arrived.set()

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        """Return the ideas that wait, once there is a new one: a thought's answer replaces those of earlier ones."""
        del n
        await self._arrived.wait()
        self._arrived.clear()
        seen = (self._history or context.history).seen
        return [idea.proposal for idea in self.ideas if idea.key and idea.key not in seen]

    async def close(self) -> None:
        """Ideas that were not asked for stay where they are; nothing is held."""


def build(_setup: Setup) -> ClientPlanner:
    """Return the planner."""
    return ClientPlanner()


def became(idea: Idea, history: History, refused: list[str]) -> dict[str, Any]:
    """Return what became of an idea, for whoever had it.

    `refused` is what the run says of ideas that it did not try.
    """
    said: dict[str, Any] = {"idea": idea.number}
    if idea.refused:
        return {**said, "state": "refused", "reason": idea.refused}
    said |= {"configuration": idea.configuration, **({"repaired": list(idea.changes)} if idea.changes else {})}
    number = history.seen.get(idea.key)
    if number is not None:
        trial = history.trials[number]
        result = {"metrics": trial.metrics} if trial.metrics else {}
        reason = {"reason": trial.reason} if trial.reason else {}
        return {**said, "state": trial.state, "trial": number, **result, **reason}
    mark = words(idea.configuration)
    why = next((each.removeprefix(f"{mark}: ") for each in refused if each.startswith(f"{mark}: ")), "")
    return {**said, "state": "not tried", "reason": why} if why else {**said, "state": WAITING}
