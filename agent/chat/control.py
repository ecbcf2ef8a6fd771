"""What a person or a model may do to the study of a conversation: each is a method that answers in words.

The search runs in a background loop; everything it says goes to `on_event`, from that loop's thread. A change of the
study while it runs ends the run after the evaluations under way and goes on with the changed study at once.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from ...tools.errors import InputError, TrimtabError
from ..events import Event, Notice, StudyFinished
from ..memory.rows import StoredStudy
from ..memory.store import Store
from ..planners.base import Setup
from ..run.opening import definition, find_study
from ..run.session import Session
from ..study.apply import render
from ..study.file import load_study, parse_study
from ..study.sections import Study
from ..study.space import Configuration
from ..study.toml_text import to_toml
from ..study.words import short, words
from ..trials.history import History
from ..trials.lines import line_of
from ..trials.proposal import Accepted, Refused
from ..trials.trial import Trial
from .background import Background

Mode = Literal["ask", "edits", "auto"]
MODES: tuple[Mode, ...] = ("ask", "edits", "auto")


@dataclass(frozen=True)
class Approval:
    """An idea that waits for a person: resolve `answer` with a configuration, or with the reason of a refusal."""

    accepted: Accepted
    answer: "Future[Configuration | str]"


@dataclass
class StudyControl:
    """The study of a conversation, if there is one, and its run, if it runs."""

    store: Store
    background: Background
    on_event: Callable[[Event], None] = lambda _event: None
    on_approval: Callable[[Approval], None] = lambda _approval: None
    on_end: Callable[[str], None] = lambda _trouble: None
    mode: Mode = "auto"
    study: Study | None = None
    stored: StoredStudy | None = None
    session: Session | None = None
    report: StudyFinished | None = None
    phase: str = ""
    overrides: dict[str, dict[str, Any]] = field(default_factory=dict)
    _run: "Future[None] | None" = None
    _next: Study | None = None
    _history: History | None = None
    _always: bool = False

    # What there is

    @property
    def running(self) -> bool:
        """Whether a search is under way."""
        return self._run is not None and not self._run.done()

    @property
    def history(self) -> History | None:
        """The trials of the study, while it runs and afterwards."""
        return self.session.record.history if self.session is not None else self._history

    @property
    def state(self) -> str:
        """Where the study stands, in a word."""
        if self.study is None:
            return "no study"
        if self.running:
            return "paused" if self.session is not None and self.session.paused else self.phase or "running"
        return "finished" if self.report is not None else "stopped" if self._trials() else "ready"

    @property
    def asks(self) -> bool:
        """Whether a person is asked about configurations before they are evaluated."""
        return self.mode == "ask" and not self._always

    def _trials(self) -> list[Trial]:
        return self.history.trials if self.history is not None else []

    def _study(self) -> Study:
        if self.study is None:
            raise InputError("there is no study yet", "/study FILE opens one, /study new COMMAND drafts one")
        return self.study

    def _trial(self, number: int) -> Trial:
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
        self._idle()
        self._take(load_study(file, self.overrides))
        study = self._study()
        return f"opened {study.name}: {len(study.parameters)} parameters, {study.budget.trials} trials"

    def open_stored(self, key: str) -> str:
        """Open a study of the store with its trials, to look at or to go on with."""
        self._idle()
        found = find_study(self.store, key)
        stored = found.stored
        self._take(found.study)
        self.stored = stored
        self._history = found.history
        self.report = StudyFinished.model_validate(stored.result) if stored.result else None
        return f"opened {stored.key} ({stored.state}) with {len(self._history.trials)} trials"

    def draft(self, sections: dict[str, Any]) -> str:
        """Draft a study from the sections of a study file: study {name, description}, parameters {NAME: {type: int,
        float, categorical, ordinal or bool, low, high, log, choices, default, unit, when}}, objectives [{metric,
        direction}], evaluation {command: words with {places}}, budget {trials}. The person starts it."""
        self._idle()
        self._take(parse_study(dict(sections), Path.cwd() / "draft.toml"))
        study = self._study()
        return f"drafted {study.name}: {', '.join(study.parameters)}; /start runs it, /save FILE keeps it"

    def _take(self, study: Study) -> None:
        self.study, self.stored, self.session, self.report, self._history = study, None, None, None, None
        self._always = False

    def _idle(self) -> None:
        if self.running:
            raise InputError("a study is running", "/stop it first")

    # Running

    def start(self) -> str:
        """Start the study, or go on with what was stopped."""
        study = self._study()
        if self.running:
            return self.resume() if self.session is not None and self.session.paused else "it is running already"
        self.report, self.phase = None, ""
        again = self.stored is not None
        self._run = self.background.submit(self._drive(study, resume=again))
        return f"{'going on with' if again else 'started'} {study.name}: {study.budget.trials} trials in all"

    def pause(self) -> str:
        """Start no further trial."""
        if not self.running or self.session is None:
            return "nothing is running"
        self.background.call(self.session.pause)
        return "paused after the evaluations under way; /start goes on"

    def resume(self) -> str:
        """Go on after a pause."""
        if self.running and self.session is not None:
            self.background.call(self.session.unpause)
            return "going on"
        return self.start()

    def stop(self) -> str:
        """End the run after the evaluations under way; everything measured stays."""
        if not self.running or self.session is None:
            return "nothing is running"
        self.background.call(self.session.stop)
        return "stopping after the evaluations under way; /start goes on later"

    def try_configuration(self, values: dict[str, Any], why: str = "") -> str:
        """Evaluate a configuration next; parameters that are not named are as in the incumbent."""
        study = self._study()
        unknown = [name for name in values if name not in study.parameters]
        if unknown:
            raise InputError(f"{unknown[0]!r} is no parameter", f"there are: {', '.join(study.parameters)}")
        session = self.session
        if not self.running or session is None:
            raise InputError("nothing is running", "/start first")
        incumbent = session.record.history.incumbent
        base: dict[str, Any] = dict(incumbent.configuration) if incumbent is not None else {}
        found = session.proposing.ask_for({**base, **values}, why or "asked for in the conversation")
        if isinstance(found, Refused):
            return f"not tried: {found.reason}"
        self.background.call(session.unpause)
        return f"next: {words(found.configuration)}"

    def note(self, text: str) -> None:
        """Tell the planner something for its next turn."""
        if self.session is not None and isinstance(notes := self.session.proposing.context.notes, list):
            notes.append(text)

    async def _drive(self, study: Study, *, resume: bool) -> None:
        trouble = ""
        try:
            self.session = Session.open(Setup(study, self.store), resume=resume)
            self.stored = self.session.record.stored
            self.session.proposing.approve = self._approve
            async with aclosing(self.session.run()) as stream:
                async for event in stream:
                    if isinstance(event, StudyFinished):
                        self.report = event
                    if isinstance(event, Notice) and event.kind == "hopeless":
                        self.session.pause()  # the person decides: /start goes on, /stop ends it
                    self.on_event(event)
        except TrimtabError as error:
            trouble = str(error)
        changed, self._next = self._next, None
        if changed is not None and not trouble:
            self.study = changed
            await self._drive(changed, resume=True)
            return
        self.on_end(trouble)

    async def _approve(self, accepted: Accepted) -> Configuration | str | None:
        if not self.asks:
            return None
        approval = Approval(accepted, Future())
        self.on_approval(approval)
        return await self.background.bridge(approval.answer)

    def always_allow(self) -> str:
        """Approve every further configuration of this study without asking."""
        self._always = True
        return "configurations of this study are no longer asked about (until another study is opened)"

    # Changing the study

    def change(self, sections: Mapping[str, Any]) -> None:
        """Replace sections of the study; a running search goes on with the changed study.

        Raises:
            StudyFileError: the changed study is not valid.
        """
        study = self._study()
        changed = parse_study({**definition(study), **sections}, study.directory / "study.toml", study.text)
        if self.running and self.session is not None:
            self._next = changed
            self.background.call(self.session.stop)
        self.study = changed

    def set_budget(
        self,
        trials: int | None = None,
        wall_time_s: float | None = None,
        calls: int | None = None,
        dollars: float | None = None,
    ) -> str:
        """Change limits of the budget; what is not given stays."""
        given = {"trials": trials, "wall_time_s": wall_time_s, "calls": calls, "dollars": dollars}
        changed = {name: value for name, value in given.items() if value is not None}
        self.change({"budget": {**self._study().budget.model_dump(exclude_none=True), **changed}})
        return f"budget: {', '.join(f'{name} {value:g}' for name, value in changed.items())}"

    def narrow(self, parameter: str, low: float, high: float) -> str:
        """Search a numeric parameter between two values only."""
        self._refocus(parameter, {"low": low, "high": high})
        return f"{parameter} is searched from {low:g} to {high:g}"

    def freeze(self, parameter: str, value: bool | float | str) -> str:
        """Keep a parameter at one value."""
        known = self._study().parameters.get(parameter)
        mended = known.mend(value)[0] if known is not None else value
        self._refocus(parameter, {"values": [mended]})
        return f"{parameter} stays at {short(mended)}"

    def forbid(self, when: str, reason: str) -> str:
        """Never evaluate a region again, with the reason; planners are told."""
        forbidden = [each.model_dump() for each in self._study().forbidden]
        self.change({"forbidden": [*forbidden, {"when": when, "reason": reason}]})
        self.note(f"never again where {when}: {reason}")
        return f"forbidden: {when} ({reason})"

    def _refocus(self, parameter: str, focus: dict[str, Any]) -> None:
        known = {name: each.model_dump(exclude_none=True) for name, each in self._study().focus.items()}
        self.change({"focus": {**known, parameter: focus}})

    def set_model(self, name: str) -> str:
        """Let another model propose from now on."""
        self.overrides["model"] = {"name": name}
        if self.study is not None:
            section = self.study.model.model_dump(exclude_none=True)
            planner = self.study.planner.model_dump()
            self.change({"model": {**section, "name": name}, "planner": {**planner, "name": "auto"}})
        return f"model: {name}"

    def set_prompts(self, name: str) -> str:
        """Use another prompt variant from now on."""
        self.overrides["planner"] = {"prompts": name}
        if self.study is not None:
            self.change({"planner": {**self.study.planner.model_dump(), "prompts": name}})
        return f"prompts: {name}"

    # Looking

    def best(self) -> str:
        """Return the incumbent against the default."""
        history = self.history
        if history is None or history.incumbent is None:
            return "nothing has been measured yet"
        lines = [line_of(history.incumbent, history.study)]
        if history.default is not None:
            lines.append(f"default: {_metrics(history.default)}")
        if self.report is not None and self.report.check is not None:
            lines.append(f"check: {self.report.check.verdict}")
        return "\n".join(lines)

    def explain(self, number: int) -> str:
        """Return where a trial came from, what was expected, and what became of it."""
        trial = self._trial(number)
        source = trial.source
        by = f"{source.label} ({source.author})" if source.author else source.label
        lines = [f"trial {number}, proposed by {by}: {trial.state}", words(trial.configuration)]
        lines += [f"why: {trial.rationale}"] if trial.rationale else []
        lines += [f"gate: {trial.gate['why']}"] if trial.gate.get("why") else []
        for metric, (expected, low, high) in trial.predicted.items():
            measured = trial.metrics.get(metric)
            got = f", measured {measured:.4g}" if measured is not None else ""
            lines.append(f"predicted {metric} {expected:.4g} ({low:.4g} to {high:.4g}){got}")
        lines.append(f"result: {trial.reason or _metrics(trial)}")
        lines += [f"repaired {each['parameter']}: {each['why']}" for each in trial.changes]
        return "\n".join(lines)

    def compare(self, one: int, other: int) -> str:
        """Return how two trials differ, in configuration and result."""
        a, b = self._trial(one), self._trial(other)
        lines = [f"trial {one} | trial {other}"]
        for name in {**a.configuration, **b.configuration}:
            mine, theirs = a.configuration.get(name), b.configuration.get(name)
            if mine != theirs:
                lines.append(f"{name}: {_shown(mine)} | {_shown(theirs)}")
        return "\n".join([*lines, f"{_metrics(a)} | {_metrics(b)}"])

    def cost(self) -> str:
        """Return what the study has spent."""
        if self.session is None:
            return "nothing was spent yet"
        parts = []
        for name, each in self.session.record.ledger.snapshot().items():
            limit = f" of {each['limit']:g}" if each["limit"] is not None else ""
            parts.append(f"{name} {each['spent']:.4g}{limit}")
        return ", ".join(parts)

    def applied(self) -> str:
        """Return the text that applies the incumbent."""
        history = self.history
        if history is None or history.incumbent is None:
            raise InputError("nothing has been measured yet", "/start first")
        return render(self._study(), history.incumbent.configuration)

    def as_toml(self) -> str:
        """Return the study as the text of a study file."""
        data = self._study().model_dump(mode="json", exclude_none=True, exclude_defaults=True)
        return to_toml(data)

    def describe(self) -> str:
        """Return the study and where it stands, in a few lines for a model."""
        if self.study is None:
            return "There is no study yet."
        study, history = self.study, self.history
        goals = ", ".join(f"{each.metric}, {each.goal}" for each in study.objectives)
        lines = [f"Study {study.name} ({self.state}): {goals}; {study.budget.trials} trials."]
        lines += [f"- {name}: {each.type}, default {short(each.default)}" for name, each in study.parameters.items()]
        if history is not None and history.incumbent is not None:
            lines += [f"{len(history.finished)} trials finished.", f"Best: {line_of(history.incumbent, study)}"]
        return "\n".join(lines)


def _metrics(trial: Trial) -> str:
    return " ".join(f"{name}={value:.4g}" for name, value in trial.metrics.items()) or trial.reason or trial.state


def _shown(value: object) -> str:
    return "inactive" if value is None else short(value)
