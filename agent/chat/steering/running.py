"""One run of a study in a conversation: an object with a state that holds the session, or waits for it."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from threading import RLock
from typing import Literal

from ...events import Event, Notice, TrialStarted
from ...memory.store import Store
from ...planners.base import Setup, build_planner, require_trusted_endpoint
from ...run.proposals.opening import definition
from ...run.proposals.proposing import Approve
from ...run.session import Session
from ...study.sections import Study
from ...trials.proposal import Accepted, Proposal, Refused, review
from .background import Background

State = Literal["opening", "running", "ending", "ended"]


@dataclass
class Run:
    """A run from the moment it is asked for to its end, however many sessions that takes.

    A changed study ends the session after the evaluations under way, and a new session goes on with it. What a person
    or a tool asks for is kept here and handed to whichever session there is, or will be: nothing that was confirmed
    gets lost in between. `drive` runs in the background; everything else may be called from any thread.
    """

    wanted: Study
    store: Store
    background: Background
    lock: RLock
    hear: Callable[[Event], None]
    opened: Callable[[Session], None]
    approve: Approve
    say: Callable[[str], None]
    notes: list[str]
    stored_key: str | None = None
    known: Mapping[str, int] = field(default_factory=dict)
    state: State = "opening"
    session: Session | None = None
    paused: bool = False
    stopping: bool = False
    _again: bool = False
    _wishes: list[Accepted] = field(default_factory=list)

    @property
    def word(self) -> str:
        """The state in a word for people."""
        if self.state == "ending":
            return "stopping" if self.stopping else "changing"
        return "paused" if self.paused and self.state == "running" else self.state

    # What is asked of it

    def pause(self) -> None:
        """Start no further trial, in this session and in those that follow."""
        with self.lock:
            self.paused = True
            self._tell("pause")

    def go_on(self) -> None:
        """Take back a pause, or a stop."""
        with self.lock:
            self._again = self._again or (self.stopping and self.state == "ending")
            self.paused = self.stopping = False
            self._tell("unpause")

    def stop(self) -> None:
        """End after the evaluations under way, and do not go on with a changed study."""
        with self.lock:
            self.stopping, self._again = True, False
            self._end_session()

    def change(self, study: Study) -> None:
        """Go on with a changed study as soon as the evaluations under way have ended."""
        with self.lock:
            self.wanted = study
            self._end_session()

    def note(self, text: str) -> None:
        """Tell the planner something for its next turn."""
        with self.lock:
            self.notes.append(text)
            if self.session is not None and self.state in {"running", "ending"}:
                _notes(self.session).append(text)

    def wish(self, proposal: Proposal) -> Accepted | Refused:
        """Let a configuration be the next trial; return what became of it."""
        with self.lock:
            tried = self.session.record.history.seen if self.session is not None else self.known
            waiting = [each.candidate.key for each in self._wishes]
            reviewed = review(proposal, self.wanted.space, tried, waiting)
            if isinstance(reviewed, Accepted):
                self.keep(reviewed)
            return reviewed

    def keep(self, decided: Accepted) -> None:
        """Remember a configuration that a person decided on until its trial begins."""
        with self.lock:
            self._wishes.append(decided)
            if self.session is not None and self.state == "running":
                self.background.call(self.session.proposing.want, decided)

    # What it does

    async def drive(self) -> None:
        """Run, and go on, until there is nothing to go on with.

        Raises:
            InputError: the study cannot be opened.
        """
        try:
            while await self._one_session():
                pass
        finally:
            with self.lock:
                self.state = "ended"

    async def _one_session(self) -> bool:
        """Run one session of the study that is wanted; return whether another one follows."""
        study = self.wanted
        setup = Setup(study, self.store)
        require_trusted_endpoint(setup)
        planner = await asyncio.to_thread(build_planner, setup)  # it may ask an endpoint what models it has
        if self.stopping or self.wanted is not study:
            await planner.close()
            return self._goes_on(study)
        try:
            if self.stored_key is None:
                session = Session.start(study.drawing(), self.store, planner)
            else:
                session = Session.resume(study, self.store, planner, key=self.stored_key)
        except BaseException:
            await planner.close()
            raise
        self._take(session, study)
        try:
            async with aclosing(session.run()) as stream:
                async for event in stream:
                    self._heard(event)
        finally:
            with self.lock:
                self.notes[:] = _notes(session)
        return self._goes_on(study)

    def _take(self, session: Session, study: Study) -> None:
        """Hand a new session what was asked for before it was there."""
        with self.lock:
            self.session, self.stored_key, self.state = session, session.key, "running"
            _notes(session).extend(self.notes)
            session.proposing.approve = self.approve
            self.opened(session)
            wishes, self._wishes = self._wishes, []
            for wish in wishes:
                self._renew(wish, session)
            if self.paused:
                session.pause()
            if self.stopping or self.wanted is not study:
                self._end_session()

    def _renew(self, wish: Accepted, session: Session) -> None:
        """Judge a wish again in a new session: what it may be has perhaps changed."""
        proposal = replace(wish.proposal, values=wish.configuration)
        reviewed = review(proposal, session.study.space, session.record.history.seen)
        if isinstance(reviewed, Accepted):
            self._wishes.append(reviewed)
            session.proposing.want(reviewed)
        elif reviewed.code != "duplicate":
            self.say(f"not tried after all: {reviewed.reason}")

    def _heard(self, event: Event) -> None:
        if isinstance(event, TrialStarted):
            with self.lock:
                begun = self.session.record.history.seen if self.session is not None else {}
                self._wishes = [each for each in self._wishes if each.candidate.key not in begun]
        elif isinstance(event, Notice) and event.kind == "hopeless" and self.session is not None:
            with self.lock:
                self.paused = True
                self.session.pause()  # the person decides: /start goes on, /stop ends it
        self.hear(event)

    def _goes_on(self, study: Study) -> bool:
        """Decide, once and for all, whether a session follows one of `study`; keep what was changed too late for it."""
        with self.lock:
            follows = (self._again or self.wanted is not study) and not self.stopping
            self._again = False
            if not follows and self.session is not None and self.session.study is not self.wanted:
                self.store.set_definition(self.session.record.stored.id, definition(self.wanted))
            self.state = "opening" if follows else "ended"
            return follows

    def _end_session(self) -> None:
        if self.state == "running":
            self.state = "ending"
            self._tell("stop", even_ending=True)

    def _tell(self, what: Literal["pause", "unpause", "stop"], *, even_ending: bool = False) -> None:
        """Let the session that there is do something, in its own thread."""
        if self.session is not None and (self.state == "running" or (even_ending and self.state == "ending")):
            self.background.call(getattr(self.session, what))


def _notes(session: Session) -> list[str]:
    notes = session.proposing.context.notes
    assert isinstance(notes, list)
    return notes
