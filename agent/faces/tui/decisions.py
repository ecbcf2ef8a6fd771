"""What waits for a person: the planner's proposals and the model's tools, one dialog at a time."""

from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from textual.app import App
from textual.screen import Screen

if TYPE_CHECKING:
    from ...chat.approval import Approval, Request
    from ...chat.steering.control import StudyControl
    from ...study.space import Configuration


class _Host(Protocol):
    """What deciding needs of the application."""

    @property
    def control(self) -> "StudyControl": ...
    def note(self, text: str, kind: str = "note") -> None: ...
    def suggest(self, line: str) -> None: ...


class Decisions:
    """Asks about what waits, in order; what became pointless meanwhile is not asked, or no longer."""

    def __init__(self, app: "App[int]", host: _Host) -> None:
        self.app, self.host = app, host
        self.waiting: deque[Approval | Request] = deque()
        self._asking: Approval | Request | None = None
        self._screen: Screen[Any] | None = None

    @property
    def asking(self) -> bool:
        """Whether a person is asked now."""
        return self._asking is not None

    @property
    def open(self) -> bool:
        """Whether anything is asked now, or waits to be."""
        return self.asking or bool(self.waiting)

    def look(self) -> None:
        """Open the next dialog when its time has come; close one whose question nobody waits for any more."""
        if self._asking is not None:
            if self._asking.answer.done() and self._screen is not None and self._screen.is_current:
                self._screen.dismiss(None)
            return
        while self.waiting and len(self.app.screen_stack) == 1:
            next_one = self.waiting.popleft()
            if next_one.answer.done():  # the run may have ended meanwhile
                continue
            if not self._settled_by_policy(next_one):
                self._asking = next_one
                self.app.run_worker(self._ask(next_one))
                return

    def _settled_by_policy(self, waiting: "Approval | Request") -> bool:
        """Answer what needs no asking any more: it waited while "always" was said, or the mode was changed."""
        from ...chat.approval import Request, resolve

        if isinstance(waiting, Request):
            rule = self.host.control.decision(waiting.tool)
        else:
            rule = self.host.control.decision(waiting.use.tool, waiting.use.changed)
        if rule.decide != "allow":
            return False
        if isinstance(waiting, Request):
            resolve(waiting.answer, "")
        else:
            resolve(waiting.answer, waiting.accepted.configuration)
        return True

    async def _ask(self, waiting: "Approval | Request") -> None:
        from ...chat.approval import Request

        try:
            if isinstance(waiting, Request):
                await self._about_tool(waiting)
            else:
                await self._about_configuration(waiting)
        finally:
            self._asking = self._screen = None

    async def _about_tool(self, request: "Request") -> None:
        from ...chat.approval import resolve
        from .screens.permission import PermissionScreen

        self._screen = PermissionScreen(request.tool, request.arguments)
        permission = await self.app.push_screen_wait(self._screen)
        if permission is None or not resolve(request.answer, "" if permission.allowed else permission.reason):
            self.host.note("too late: the model no longer asks", "bad")
            return
        if permission.always:
            self.host.note(self.host.control.always_allow(request.tool))
        word = "allowed" if permission.allowed else f"refused ({permission.reason})"
        self.host.note(f"{request.tool}: {word}", "good" if permission.allowed else "bad")

    async def _about_configuration(self, approval: "Approval") -> None:
        from ...chat.approval import resolve
        from .screens.approval import ApprovalScreen

        study, history = self.host.control.study, self.host.control.history
        if study is None:
            return
        best = history.incumbent if history is not None else None
        incumbent = best.configuration if best is not None else study.space.default
        self._screen = ApprovalScreen(approval.accepted, study, incumbent)
        verdict = await self.app.push_screen_wait(self._screen)
        if verdict is not None and verdict.always:
            self.host.note(self.host.control.always_allow(approval.use.tool))
        if verdict is None or not resolve(approval.answer, verdict.configuration or verdict.reason):
            self.host.note("too late: nobody waits for this answer any more", "bad")
        elif verdict.configuration is None:
            self.host.note(f"refused: {verdict.reason}", "bad")
            if verdict.forbid:
                self.host.suggest(_rule_against(approval, study.space.default, verdict.reason))
        else:
            edited = verdict.configuration != approval.accepted.configuration
            self.host.note("approved with changes" if edited else "approved", "good")


def _rule_against(approval: "Approval", default: "Configuration", reason: str) -> str:
    """Return the command that forbids what a refused proposal would have changed."""
    proposed = approval.accepted.configuration
    changed = [f"{name} == {value!r}" for name, value in proposed.items() if default.get(name) != value]
    return f'/forbid "{" and ".join(changed)}" "{reason}"'
