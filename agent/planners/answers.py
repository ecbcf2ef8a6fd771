"""Turns what a model answered into reviewed proposals, and reports what could not be used."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from .. import events
from ..study.space import key
from ..trials.proposal import Accepted, Proposal, review
from ..trials.source import Source
from .base import Context
from .parsing import Answer, ProblemCode, RawProposal

_REASONS: dict[ProblemCode, str] = {
    "empty": "it was empty",
    "refusal": "it refused; nothing harmful is asked, only values for the listed parameters",
    "prose": "it held no configuration",
    "malformed": "its JSON could not be read",
    "truncated": "it was cut off; be shorter",
    "wrong_shape": "it was JSON, but held no configuration with the listed parameters",
}


@dataclass
class Collected:
    """The proposals of one thought, and why others were not taken."""

    context: Context
    author: str
    proposals: list[Proposal] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def take_answer(self, answer: Answer) -> bool:
        """Take in a parsed answer; return whether at least one new proposal was accepted."""
        if answer.problem is not None:
            self.problem(answer.problem, _REASONS[answer.problem])
        return self.take(answer.proposals)

    def take(self, raw: Sequence[RawProposal]) -> bool:
        """Review raw proposals; return whether at least one was accepted."""
        accepted = False
        space, history = self.context.study.space, self.context.history
        metric = self.context.study.objectives[0].metric
        for each in raw:
            predicted = {} if each.predicted is None else {metric: each.predicted}
            proposal = Proposal(each.values, Source("planner", self.author), each.rationale, predicted)
            reviewed = review(proposal, space, {*history.seen, *self.keys()})
            if isinstance(reviewed, Accepted):
                self.proposals.append(proposal)
                accepted = True
            else:
                self.problem(reviewed.code, reviewed.reason)
        return accepted

    def keys(self) -> Collection[str]:
        """Return the keys of the configurations accepted so far."""
        space = self.context.study.space
        return [key(space.repair(proposal.values).configuration) for proposal in self.proposals]

    def problem(self, code: events.ProblemCode, message: str) -> None:
        """Announce something that could not be used, and keep it as a reason for the model."""
        self.reasons.append(message)
        self.context.emit(events.PlannerProblem(study=self.context.key, code=code, message=message))
