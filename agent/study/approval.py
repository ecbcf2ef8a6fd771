"""Who may do what, as data: rules over names of tools and files. The first that matches decides; the end is a refusal.

What a planner proposes is judged as `propose`, and as `edit` where it would run an edit of the program that no trial
has had; a conversation judges its own tools by the same kind of rule. Knows no tool and no screen.
"""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Literal

from pydantic import Field

from ...tools.text import one_line
from .goals import Section

Decision = Literal["allow", "ask", "refuse"]
PROPOSE: Literal["propose"] = "propose"
EDIT: Literal["edit"] = "edit"
_STRICTNESS: tuple[Decision, ...] = ("allow", "ask", "refuse")


class Rule(Section):
    """What happens to what it matches; it matches whatever it says nothing about."""

    tool: str = Field("*", description="'propose' (a configuration), 'edit' (a new edit of the program), or '*'.")
    path: str | None = Field(None, description="Only edits, of files that this pattern names, below the project.")
    max_lines: int | None = Field(None, ge=0, description="Only edits that change so many lines at most, in all files.")
    decide: Decision = Field(description="'allow', 'ask' (a person in the chat; refused where nobody is), 'refuse'.")
    reason: str = Field("", max_length=200, description="Why; people and planners are told.")

    def matches(self, tool: str, file: str | None, lines: int) -> bool:
        """Whether it decides about a use of a tool that changes a file, or none, and so many lines in all."""
        if not fnmatchcase(tool, self.tool):
            return False
        if self.path is not None and (file is None or not fnmatchcase(file, self.path)):
            return False
        return self.max_lines is None or (file is not None and lines <= self.max_lines)

    @property
    def words(self) -> str:
        """The rule as people read it."""
        where = [f" {self.path}" if self.path is not None else ""]
        where += [f" up to {self.max_lines} lines" if self.max_lines is not None else ""]
        reason = f": {self.reason}" if self.reason else ""
        return one_line(f"{self.decide} {self.tool}{''.join(where)}{reason}")


class ApprovalSection(Section):
    """Who decides about what a planner proposes, before it is measured. Without rules all is allowed."""

    rules: list[Rule] = Field([], max_length=100, description="The first that matches decides; none: it is refused.")


Policy = Sequence[Rule]
NO_RULE = Rule(decide="refuse", reason="no rule allows it")


def decide(policy: Policy, tool: str, changed: Mapping[str, int] | None = None) -> Rule:
    """Return the rule that decides about a use of a tool; a refusal where none matches.

    `changed` are the lines that an edit changes, by file. Each file is judged, and the strictest decision stands.
    """
    lines = sum((changed or {}).values())
    found = [_first(policy, tool, file, lines) for file in changed or [None]]
    return stricter(*found)


def stricter(*rules: Rule) -> Rule:
    """Return the strictest of some rules, of equals the first."""
    return max(rules, key=lambda rule: _STRICTNESS.index(rule.decide))


def _first(policy: Policy, tool: str, file: str | None, lines: int) -> Rule:
    return next((rule for rule in policy if rule.matches(tool, file, lines)), NO_RULE)
