"""The study of a conversation and its run: what a person or a model may do to them, answered in words.

The search runs in a background loop; everything it says goes to `on_event`, from that loop's thread. A change of the
study while it runs ends the session after the evaluations under way and goes on with the changed study at once. Every
change is made under one lock and answers from the state after it, whoever asks for it and from whichever thread.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import Any

from ....tools.errors import InputError, TrimtabError
from ...budget import Ledger
from ...events import CheckProgressed, Event, ModelCalled, StudyFinished
from ...memory.store import Store
from ...memory.store.rows import StoredStudy
from ...models.metering.meter import CallRecord
from ...models.trust import UntrustedEndpointError
from ...run.proposals.opening import definition, find_study
from ...run.proposals.ruling import Ruling, Use
from ...run.record import limits_of
from ...run.result import result_of
from ...run.session import Session
from ...study.approval import EDIT, PROPOSE, Rule, decide, stricter
from ...study.file import load_study, parse_study
from ...study.sections import Study
from ...study.words import words
from ...trials.candidate import Candidate
from ...trials.history import History
from ...trials.proposal import Accepted, Proposal, Refused
from ...trials.source import PERSON
from ...trials.trial import Trial
from ..approval import PRESETS, Approval, Mode, Request
from .background import Background
from .drafts import outside_of_sandbox
from .running import Run


@dataclass
class StudyControl:
    """The study of a conversation, if there is one, and its run, if it runs."""

    store: Store
    background: Background
    on_event: Callable[[Event], None] = lambda _event: None
    on_approval: Callable[[Approval | Request], None] = lambda _approval: None
    on_end: Callable[[str], None] = lambda _trouble: None
    on_start: Callable[[], None] = lambda: None
    on_note: Callable[[str], None] = lambda _note: None
    mode: Mode = "auto"
    study: Study | None = None
    stored: StoredStudy | None = None
    report: StudyFinished | None = None
    phase: str = ""
    notes: list[str] = field(default_factory=list)
    overrides: dict[str, dict[str, Any]] = field(default_factory=dict)
    chat: str = ""
    calls_for_attention: int = 0
    lock: RLock = field(default_factory=RLock)
    run: Run | None = None
    _history: History | None = None
    _allowed: tuple[Rule, ...] = ()
    _watching: set["asyncio.Future[None]"] = field(default_factory=set)

    # What there is

    @property
    def running(self) -> bool:
        """Whether a search is under way, or about to be."""
        return self.run is not None and self.run.state != "ended"

    @property
    def session(self) -> Session | None:
        """The latest session of the study's run; None before there is one."""
        return self.run.session if self.run is not None else None

    @property
    def history(self) -> History | None:
        """The trials of the study, while it runs and afterwards."""
        return self.session.record.history if self.session is not None else self._history

    @property
    def state(self) -> str:
        """Where the study stands, in a word."""
        if self.study is None:
            return "no study"
        if self.run is not None and self.running:
            return self.phase if self.phase and self.run.word == "running" else self.run.word
        return "finished" if self.report is not None else "stopped" if self._trials() else "ready"

    @property
    def asks(self) -> bool:
        """Whether a person is asked about configurations before they are evaluated."""
        return self.decision(PROPOSE).decide == "ask"

    def decision(self, tool: str, changed: Mapping[str, int] | None = None) -> Rule:
        """Return the rule that decides about a tool in this conversation, as it is now.

        About what a planner proposes the study's rules decide too; the stricter decision stands, but a person who said
        "always" is not asked. `changed` are the lines that an edit changes, by file.
        """
        rule = decide((*self._allowed, *PRESETS[self.mode]), tool, changed)
        rules = self.study.approval.rules if self.study is not None else []
        if not rules or tool not in {PROPOSE, EDIT}:
            return rule
        of_the_study = decide(rules, tool, changed)
        return rule if rule in self._allowed and of_the_study.decide == "ask" else stricter(of_the_study, rule)

    def _trials(self) -> list[Trial]:
        return self.history.trials if self.history is not None else []

    def known_study(self) -> Study:
        """Return the study.

        Raises:
            InputError: there is none yet.
        """
        if self.study is None:
            raise InputError("there is no study yet", "/study FILE opens one, /study new COMMAND drafts one")
        return self.study

    def trial(self, number: int) -> Trial:
        """Return a trial of the study.

        Raises:
            InputError: there is none of this number.
        """
        trials = self._trials()
        if not 0 <= number < len(trials):
            there = f"there are trials 0 to {len(trials) - 1}" if trials else "there are no trials yet"
            raise InputError(f"there is no trial {number}", there)
        return trials[number]

    # Opening and drafting

    def open_file(self, file: Path) -> str:
        """Open a study file.

        Raises:
            StudyFileError: with every mistake in it.
        """
        with self.lock:
            study = self._take(load_study(file, self.overrides))
        return f"opened {study.name}: {len(study.parameters)} parameters, {study.budget.trials} trials"

    def open_study(self, study: Study, key: str | None = None) -> None:
        """Open a study that is there already; with a key, as the stored one that goes on."""
        with self.lock:
            self._take(study)
            if key is not None:
                found = find_study(self.store, key)
                self.stored, self._history = found.stored, found.history

    def open_stored(self, key: str) -> str:
        """Open a study of the store with its trials, to look at or to go on with."""
        found = find_study(self.store, key)
        stored = found.stored
        with self.lock:
            self._take(found.study)
            self.stored, self._history = stored, found.history
            self.report = result_of(stored)
        return f"opened {stored.key} ({stored.state}) with {len(found.history.trials)} trials"

    def draft(self, sections: Mapping[str, Any]) -> str:
        """Draft a study from the sections of a study file.

        Raises:
            StudyFileError: with every mistake in it.
        """
        outside = outside_of_sandbox(sections)
        if outside:
            message = f"a draft may not have {outside}, which works outside the sandbox or allows a model more"
            raise InputError(message, "the person writes it into the study file")
        with self.lock:
            study = self._take(parse_study(dict(sections), Path.cwd() / "draft.toml"))
        return f"drafted {study.name}: {', '.join(study.parameters)}; /start runs it, /save FILE keeps it"

    def _take(self, study: Study) -> Study:
        if self.running:
            raise InputError("a study is running", "/stop it first")
        if self.study is not None and self.study.name != study.name:
            self.notes.clear()
        self.study, self.stored, self.run, self.report, self._history = study, None, None, None, None
        self._allowed, self.phase = (), ""
        return study

    # Running

    def start(self) -> str:
        """Start the study, or go on with what was paused or stopped."""
        with self.lock:
            study = self.known_study()
            if self.run is not None and self.running:
                waiting = self.run.paused or self.run.stopping
                self.run.go_on()
                return "going on" if waiting else "it is running already"
            again = self.stored is not None
            self._history, self.report, self.phase = self.history, None, ""
            self.run = self._new_run(study)
            self.background.submit(self._drive(self.run))
            self.on_start()
        return f"{'going on with' if again else 'started'} {study.name}: {study.budget.trials} trials in all"

    def _new_run(self, study: Study) -> Run:
        return Run(
            study,
            self.store,
            self.background,
            self.lock,
            hear=self._heard,
            opened=self._opened,
            approve=self._approve,
            say=self.on_note,
            notes=self.notes,
            stored_key=self.stored.key if self.stored is not None else None,
            known=self._history.seen if self._history is not None else {},
        )

    def pause(self) -> str:
        """Start no further trial."""
        with self.lock:
            if self.run is None or not self.running:
                return "nothing is running"
            self.run.pause()
        return "paused after the evaluations under way; /start goes on"

    def stop(self) -> str:
        """End the run after the evaluations under way; everything measured stays."""
        with self.lock:
            if self.run is None or not self.running:
                return "nothing is running"
            self.run.stop()
        return "stopping after the evaluations under way; /start goes on later"

    def try_configuration(self, values: Mapping[str, Any], why: str = "") -> str:
        """Evaluate a configuration next; parameters that are not named are as in the incumbent."""
        with self.lock:
            study = self.known_study()
            unknown = [name for name in values if name not in study.parameters]
            if unknown:
                raise InputError(f"{unknown[0]!r} is no parameter", f"there are: {', '.join(study.parameters)}")
            if self.run is None or not self.running:
                raise InputError("nothing is running", "/start first")
            if self.run.stopping:
                raise InputError("the run is ending", "/start goes on")
            incumbent = self.history.incumbent if self.history is not None else None
            rest = study.space.repair(study.space.default).configuration  # where the search may look now
            base = {**rest, **(incumbent.configuration if incumbent is not None else {})}
            found = self.run.wish(Proposal({**base, **values}, PERSON, why or "asked for in the conversation"))
            if isinstance(found, Refused):
                return f"not tried: {found.reason}"
            self.run.go_on()
        return f"next: {words(found.configuration)}"

    def note(self, text: str) -> str:
        """Tell the planner something for its next turn, and for all that follow."""
        with self.lock:
            if self.run is not None and self.running:
                self.run.note(text)
            else:
                self.notes.append(text)
        return f"the planner is told: {text}"

    async def _drive(self, run: Run) -> None:
        trouble = ""
        try:
            await run.drive()
        except UntrustedEndpointError as error:
            trouble = f"{error.message}: /trust allows it from now on"
        except TrimtabError as error:
            trouble = str(error)
        except Exception as error:  # noqa: BLE001  # whatever ends a run is told to the person who watches it
            what = f"{type(error).__name__}: {error}"
            trouble = f"the run ended unexpectedly ({what}); what was measured is stored, /start goes on"
        self.phase = ""
        self.wake()
        self.on_end(trouble)

    def _opened(self, session: Session) -> None:
        self.stored = session.record.stored
        for resource, amount in self.store.attach_chat_calls(self.chat, self.stored.id).items():
            session.record.ledger.spend(resource, amount)

    @property
    def live(self) -> Session | None:
        """The session of a run that is not over; None when there is none."""
        return self.session if self.running else None

    def ledger(self) -> Ledger:
        """Return what may be spent and what was: the run's own ledger while there is one, else as it is stored."""
        if self.live is not None:
            return self.live.record.ledger
        limits = limits_of(self.study) if self.study is not None else {}
        if self.stored is None:
            return Ledger(limits, self.store.spent_in_chat(self.chat))
        spent = self.store.spent_on_models(self.stored.id)
        spent["trials"], spent["wall_time_s"] = len(self._trials()), self.store.study(self.stored.key).search_s
        return Ledger(limits, spent)

    def called(self, call: CallRecord, billed: Ledger) -> None:
        """Take in a call of the conversation's model, as the planner's are: stored, counted live, announced.

        `billed` is the ledger it was written into; a run that began meanwhile has another one.
        """
        if self.stored is None:
            self.store.add_chat_call(self.chat, call.columns)
        else:
            self.store.add_model_call(self.stored.id, call.columns)
        ledger = self.ledger()
        if self.live is not None and ledger is not billed:
            for resource, amount in call.cost.items():
                ledger.spend(resource, amount)
        key = self.stored.key if self.stored is not None else ""
        event = ModelCalled(study=key, budget=ledger.snapshot(), **call.fields)
        if self.live is not None:
            self.live.proposing.context.emit(event)
        else:
            self.on_event(event)

    def _heard(self, event: Event) -> None:
        if isinstance(event, CheckProgressed):
            self.phase = f"{event.phase} {event.done}/{event.total}"
        elif isinstance(event, StudyFinished):
            self.report, self.phase = event, ""
        self.on_event(event)
        self.wake()

    async def happens(self, seconds: float) -> None:
        """Wait, in the background loop, until something happens; at most some seconds."""
        happened = asyncio.get_running_loop().create_future()
        self._watching.add(happened)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):  # not wait_for, which may swallow a cancellation
                    await happened
        finally:
            self._watching.discard(happened)

    def wake(self) -> None:
        """End all waiting; called in the background loop."""
        for happened in list(self._watching):
            if not happened.done():
                happened.set_result(None)

    def call_for_attention(self) -> None:
        """Let whoever waits for the study know, in the background loop, that a person spoke or is asked."""
        self.calls_for_attention += 1
        self.wake()

    async def _approve(self, accepted: Accepted, use: Use) -> Ruling:
        rule = self.decision(use.tool, use.changed)
        if rule.decide != "ask":
            return Ruling(rule.decide == "allow", "rule", rule.words)
        approval = Approval(accepted, Future(), use)
        self.on_approval(approval)
        self.call_for_attention()
        answer = await self.background.bridge(approval.answer)
        if isinstance(answer, str):
            return Ruling(False, "person", answer)
        if self.run is not None:
            candidate = Candidate(answer, accepted.proposal.patch)
            self.run.keep(Accepted(candidate, accepted.proposal, accepted.changes))
        return Ruling(True, "person", "approved", answer)

    async def permission(self, tool: str, arguments: Mapping[str, Any]) -> str:
        """Return why a model may not use a tool, '' when it may; a person is asked where a rule says so."""
        rule = self.decision(tool)
        if rule.decide != "ask":
            return "" if rule.decide == "allow" else f"refused: {rule.reason}"
        request = Request(tool, arguments, Future())
        self.on_approval(request)
        refusal = await self.background.bridge(request.answer)
        return f"the person refused: {refusal}" if refusal else ""

    def always_allow(self, tool: str = PROPOSE) -> str:
        """Allow a tool, or every configuration of this study, without asking from now on."""
        self._allowed = (Rule(tool=tool, decide="allow"), *self._allowed)
        what = {PROPOSE: "configurations of this study are", EDIT: "edits of its program are"}.get(tool, f"{tool} is")
        return f"{what} no longer asked about (until another study is opened)"

    # Changing the study

    def change(self, edit: Callable[[Study], Mapping[str, Any]]) -> Study:
        """Replace sections of the study and return it; `edit` gives them for the study as it is then.

        A running search goes on with the changed study; that of a stored study is kept in the store.

        Raises:
            StudyFileError: the changed study is not valid.
        """
        with self.lock:
            study = self.known_study()
            file = study.directory / "study.toml"
            changed = parse_study({**definition(study), **edit(study)}, file, study.text)
            if self.run is not None and self.running:
                self.run.change(changed)
            elif self.stored is not None:
                self.store.set_definition(self.stored.id, definition(changed))
            self.study = changed
            return changed
