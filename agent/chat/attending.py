"""A run that answers to its commands: what the registry asks of it is done, and answered in words.

The process of a run reads its commands at least twice a second, and says that it lives. A person at the command line, a
chat and an agent over MCP ask the same way; a budget is never raised above what the person who started the run allowed.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from ...tools.errors import InputError, TrimtabError
from ..memory.store import Store
from ..memory.store.runs import Command, RunState
from ..planners.client import ClientPlanner, Idea, became
from ..run.proposals.opening import definition
from .steering.changing import forbid, freeze, narrow, set_budget
from .steering.control import StudyControl

BEAT_S, READ_S = 5.0, 0.3
MOST_IDEAS = 20
"""Ideas in one command, at most."""


@dataclass
class Attendance:
    """Does what is asked of the run of a control."""

    store: Store
    run: str
    control: StudyControl
    ideas: dict[int, list[Idea]] = field(default_factory=dict)
    _fates: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    _delivered_to: ClientPlanner | None = None
    _said: tuple[str, str] = ("", "")

    @property
    def state(self) -> RunState:
        """Where the run stands, as the registry knows it."""
        run = self.control.run
        if run is None or not self.control.running:
            return "ended"
        if run.stopping:
            return "stopping"
        return "paused" if run.paused else "running"

    async def attend(self) -> None:
        """Beat, and answer commands, until the run has ended."""
        beaten = 0.0
        while self.control.running:
            now = asyncio.get_running_loop().time()
            told = (self.state, self.control.stored.key if self.control.stored is not None else "")
            if told != self._said or now - beaten >= BEAT_S:
                self.store.beat_run(self.run, self.state, told[1])
                self._said, beaten = told, now
            self._deliver_again()
            for command in self.store.commands(self.run, waiting=True):
                self.store.answer_command(self.run, command.number, self._answer(command))
            self._tell_fates()
            await asyncio.sleep(READ_S)
        self._tell_fates()
        for command in self.store.commands(self.run, waiting=True):
            self.store.answer_command(self.run, command.number, {"error": "the run has ended"})

    def _answer(self, command: Command) -> dict[str, Any]:
        do = _VERBS.get(command.verb)
        if do is None:
            return {"error": f"{command.verb!r} is not one of {', '.join(_VERBS)}"}
        try:
            return do(self, command)
        except TrimtabError as error:
            return {"error": str(error)}
        except (TypeError, ValueError, KeyError) as error:
            return {"error": f"{command.verb}: {type(error).__name__}: {error}"}

    def propose(self, command: Command) -> dict[str, Any]:
        """Take ideas, and answer each."""
        given = command.arguments["ideas"]
        session, planner = self.control.live, self._client()
        if session is None or planner is None:
            raise InputError("the run takes no ideas", "its study needs planner.name = 'client'")
        if not isinstance(given, list) or not given or len(given) > MOST_IDEAS:
            raise InputError(f"ideas must be 1 to {MOST_IDEAS} objects", "each has values, and perhaps a rationale")
        trials = session.study.budget.trials
        left = trials - len(session.record.history.trials)
        if left <= 0:
            raise InputError(f"no trial is left of {trials}", "look at the status, or start another run")
        metrics = session.study.required_metrics
        predicted = [_predicted(each.get("predicted") or {}, metrics) for each in given]  # all, before any is taken
        self.ideas[command.number] = [
            planner.submit(
                each["values"],
                session.proposing.context,
                command.by,
                rationale=str(each.get("rationale", ""))[:500],
                predicted=expected,
            )
            for each, expected in zip(given, predicted, strict=True)
        ]
        self._fates[command.number] = self.fates(command.number)
        return {"ideas": self._fates[command.number], "done": f"{left} of {trials} trials are left for all"}

    def _tell_fates(self) -> None:
        """Keep what became of ideas beside the request that they came with, where it is found after the run too."""
        for number in self.ideas:
            fates = self.fates(number)
            if fates != self._fates.get(number):
                self.store.answer_command(self.run, number, {"ideas": fates})
                self._fates[number] = fates

    def fates(self, number: int) -> list[dict[str, Any]]:
        """Return what became of the ideas of a command."""
        session = self.control.session
        if session is None:
            return []
        refused = list(session.proposing.context.refused)
        return [became(idea, session.record.history, refused) for idea in self.ideas.get(number, [])]

    def _client(self) -> ClientPlanner | None:
        planner = self.control.live.planner if self.control.live is not None else None
        return planner if isinstance(planner, ClientPlanner) else None

    def _deliver_again(self) -> None:
        """Give the ideas that still wait to the planner of a new session: a change of the study ends the old one."""
        planner, session = self._client(), self.control.live
        if planner is None or session is None or planner is self._delivered_to:
            return
        if self._delivered_to is not None:
            for number, ideas in self.ideas.items():
                self.ideas[number] = [
                    idea
                    if not idea.key or idea.key in session.record.history.seen
                    else planner.submit(
                        idea.proposal.values,
                        session.proposing.context,
                        idea.proposal.source.name,
                        rationale=idea.proposal.rationale,
                        predicted=idea.proposal.predicted,
                    )
                    for idea in ideas
                ]
        self._delivered_to = planner


def keep_in_registry(control: StudyControl) -> None:
    """Have the runs of a conversation in the registry, where others see and may steer them."""

    def begin() -> None:
        study = control.known_study()
        run, _new = control.store.add_run(study.name, definition(study), str(study.directory))
        control.background.submit(_attended(Attendance(control.store, run.id, control)))

    control.on_start = begin


async def _attended(attendance: Attendance) -> None:
    try:
        await attendance.attend()
    finally:
        stored = attendance.control.stored
        attendance.store.beat_run(attendance.run, "ended", stored.key if stored is not None else "")


def _predicted(given: Mapping[str, Any], metrics: Collection[str]) -> dict[str, tuple[float, float, float]]:
    """Return predictions as (expected, low, high) by metric.

    Raises:
        InputError: one is of another metric, or not whole.
    """
    for metric, each in given.items():
        if metric not in metrics:
            raise InputError(f"predicted.{metric}: nothing measures that", f"there are: {', '.join(metrics)}")
        missing = [name for name in ("expected", "low", "high") if name not in each]
        if missing:
            raise InputError(f"predicted.{metric} has no {missing[0]}", "give expected, low and high, or nothing")
    return {
        str(metric): (float(each["expected"]), float(each["low"]), float(each["high"]))
        for metric, each in given.items()
    }


def _budget(control: StudyControl, arguments: Mapping[str, Any]) -> str:
    """Lower the budget in trials; raising it is for the person who set it."""
    trials, now = int(arguments["trials"]), control.known_study().budget.trials
    if trials > now:
        raise InputError(f"the person who started the run allowed {now} trials", f"ask for at most {now}")
    return set_budget(control, trials=trials)


def _range(given: Mapping[str, Any]) -> tuple[float, float]:
    if given.get("low") is None or given.get("high") is None:
        raise InputError("narrow needs a range", "give low and high")
    return float(given["low"]), float(given["high"])


def _said(do: Callable[[StudyControl, Mapping[str, Any]], str]) -> Callable[[Attendance, Command], dict[str, Any]]:
    return lambda attendance, command: {"done": do(attendance.control, command.arguments)}


_VERBS: dict[str, Callable[[Attendance, Command], dict[str, Any]]] = {
    "pause": _said(lambda control, _given: control.pause()),
    "resume": _said(lambda control, _given: control.start()),
    "stop": _said(lambda control, _given: control.stop()),
    "freeze": _said(lambda control, given: freeze(control, str(given["parameter"]), given["value"])),
    "narrow": _said(lambda control, given: narrow(control, str(given["parameter"]), *_range(given))),
    "forbid": _said(lambda control, given: forbid(control, str(given["when"]), str(given["reason"]))),
    "budget": _said(_budget),
    "note": _said(lambda control, given: control.note(str(given["text"])[:1000])),
    "propose": Attendance.propose,
}
CONTROLS = tuple(name for name in _VERBS if name != "propose")
"""What may be asked of a run beside ideas."""
