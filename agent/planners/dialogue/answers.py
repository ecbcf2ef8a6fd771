"""Turns what a model answered into reviewed proposals, and says of each what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage

from ....tools.errors import TrimtabError
from ....tools.targets.code.draft import CodeDraft
from ....tools.text import one_line
from ... import events
from ...models.endpoint.endings import Cut, EndingCode, ending_of
from ...study.words import short
from ...trials.lines import clip, line_of
from ...trials.proposal import Accepted, Proposal, Refused, review
from ...trials.source import Source
from ..base import Context
from .parsing import ProblemCode, RawProposal, parse_answer, proposals_in

_REASONS: dict[ProblemCode, str] = {
    "empty": "it was empty",
    "refusal": "it refused",
    "prose": "it held no configuration",
    "malformed": "its JSON could not be read",
    "truncated": "it was cut off; be shorter",
    "wrong_shape": "it was JSON, but held no configuration with the listed parameters",
}
_TRIES: dict[EndingCode, int] = {"content_filter": 1}
_OTHER_TRIES = 2
"""How often one thought asks for an answer that ends in the same way; a content filter does not change its mind."""


@dataclass(frozen=True)
class Read:
    """What came of an answer: whether it gave a proposal, whether it is worth asking again, and how it ended."""

    accepted: bool
    again: bool
    ending: Cut | None


@dataclass
class Collected:
    """The proposals of one thought, at most `wanted`, and why others were not taken.

    `code` is the edit of the program that the planner may work on.
    """

    context: Context
    author: str
    wanted: int = 1000
    code: CodeDraft | None = None
    proposals: list[Proposal] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    endings: list[EndingCode] = field(default_factory=list)
    _keys: set[str] = field(default_factory=set)

    @property
    def enough(self) -> bool:
        """Whether at least half of what was asked for was accepted: mending the rest is not worth another call."""
        return 2 * len(self.proposals) >= self.wanted

    def read(self, answer: AIMessage, limit: int) -> "Read":
        """Take in an answer in words, which had the output limit `limit`."""
        text, before = str(answer.text), len(self.proposals)
        parsed, ending = parse_answer(text, self.context.study.parameters), ending_of(answer, limit)
        if ending is None and parsed.problem == "refusal":
            ending = Cut("refusal", f"the model refused: {one_line(text[:1000], 160)}")
        elif ending is None and parsed.problem is not None:
            self.problem(parsed.problem, _REASONS[parsed.problem])
        self.take(parsed.proposals)
        again = ending is None or self._ended(ending)
        return Read(len(self.proposals) > before, again, ending)

    def submit(self, given: Any) -> str:
        """Take in the arguments of the tool `propose`; return what became of each proposal, in words."""
        self.reasons.clear()
        raw = proposals_in(given, self.context.study.parameters)
        if not raw:
            self.problem("invalid_arguments", "the call of propose held no configuration with the listed parameters")
            return self.reasons[-1]
        return "\n".join(self.take(raw))

    def take(self, raw: Sequence[RawProposal]) -> list[str]:
        """Review raw proposals, best first; return a line about each. Those beyond what is wanted are left out."""
        lines = []
        for number, each in enumerate(raw, start=1):
            if len(self.proposals) >= self.wanted:
                rest = len(raw) - number + 1
                self.problem("too_many", f"{rest} of {len(raw)} proposals left out: {self.wanted} asked for")
                lines.append(f"{self.reasons[-1]}, best first")
                break
            lines.append(f"{number}. {self._reviewed(each)}")
        return lines

    def _reviewed(self, raw: RawProposal) -> str:
        """Review one proposal, and return what became of it."""
        study, history = self.context.study, self.context.history
        predicted = {} if raw.predicted is None else {study.objectives[0].metric: raw.predicted}
        try:
            patch, parent = self._edited(raw)
        except TrimtabError as error:
            self.problem("bad_edit", str(error))
            return f"refused: {error}"
        values = raw.values
        if parent is not None and history.trials:  # what is not said stays as it was there
            values = {**history.trials[parent].configuration, **values}
        author = Source("planner", self.author)
        proposal = Proposal(values, author, raw.rationale, predicted, patch=patch, parent=parent)
        reviewed = review(proposal, study.space, history.seen, self._keys)
        if isinstance(reviewed, Refused):
            reason = clip(self._why(reviewed))
            self.problem(reviewed.code, reason)
            return f"refused: {reason}"
        self.proposals.append(proposal)
        self._keys.add(reviewed.candidate.key)
        return _became(reviewed)

    def _edited(self, raw: RawProposal) -> tuple[str | None, int | None]:
        """Return the edit that goes with a proposal, and the trial whose code it is for."""
        if self.code is not None:
            return self.code.proposed(raw.edits, raw.parent)
        if raw.edits:
            raise TrimtabError("there is no program here that may be edited", "propose values of parameters only")
        return None, None

    def _why(self, refused: Refused) -> str:
        """Return the reason of a refusal; of a repeated trial with what it measured."""
        if refused.repeats is None:
            return refused.reason
        trial = self.context.history.trials[refused.repeats]
        if trial.state == "running":
            return f"{refused.reason}, which is running"
        return f"{refused.reason}, which measured {line_of(trial, self.context.study).rpartition('-> ')[2]}"

    def _ended(self, ending: Cut) -> bool:
        """Take in how an answer ended; return whether it is worth asking once more in this thought."""
        self.problem(ending.code, ending.message)
        self.endings.append(ending.code)
        return self.endings.count(ending.code) < _TRIES.get(ending.code, _OTHER_TRIES)

    def problem(self, code: events.ProblemCode, message: str) -> None:
        """Announce something that could not be used, and keep it as a reason for the model."""
        self.reasons.append(message)
        self.context.emit(events.PlannerProblem(study=self.context.key, code=code, message=message))


def _became(accepted: Accepted) -> str:
    changes = [
        f"{each.parameter}: {_given(each.given)} -> {_used(each.used)} ({each.why})" for each in accepted.changes
    ]
    return clip(f"accepted after repair: {'; '.join(changes)}") if changes else "accepted as given"


def _given(value: Any) -> str:
    return "nothing" if value is None else str(value)[:60]


def _used(value: Any) -> str:
    return "dropped" if value is None else short(value)
