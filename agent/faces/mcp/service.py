"""What the tools do: with the store, the registry of runs and files. Nothing blocks longer than `MOST_WAIT_S`."""

import asyncio
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from ....tools.errors import InputError, TrimtabError
from ....tools.text import fenced, fenced_block
from ...chat.attending import CONTROLS
from ...chat.steering.drafts import outside_of_sandbox
from ...memory.store import Store, data_directory
from ...memory.store.runs import StoredRun
from ...planners.client import WAITING
from ...run.proposals.opening import Found
from ...run.result import result_of
from ...study.applied import keep
from ...study.apply import difference, form_for, render, write
from ...study.draft import draft
from ...study.file import load_study, parse_study
from ...study.sections import Study
from ...trials.lines import clip
from ...trials.trial import Trial as StudyTrial
from ...user_file import user_file
from ..study_lines import study_lines
from ..summary import summary_lines
from ..worker import launch, log_of
from .answers import Answered, Applied, Checked, Drafted, Explained, Started, Status, Trial, Verified
from .caps import Caps, capped
from .looks import Looks
from .results import beside, is_settings

Item = TypeVar("Item")

MOST_WAIT_S = 20.0
"""Clients end calls of tools after about a minute."""
_POLL_S = 0.2
_MOST_TRIALS, _MOST_LINES, _LONGEST_TEXT, _LONGEST_STUDY = 12, 60, 400, 200_000
_MOST_LISTED, _LONGEST_LOG = 1000, 20_000
"""Of a resource, which a person attaches: trials, bytes."""
_LONGEST_LIST = 2400
"""Characters of each list in an answer: the answer has a best trial and two lists, and stays under 2,000 tokens."""


@dataclass
class Service:
    """The tools of one server. Study files are looked for below `folder`, and files are written nowhere else."""

    store: Store
    url: str
    folder: Path
    by: str = "mcp"
    caps: Caps = field(default_factory=Caps)
    looks: Looks = field(init=False)
    _verifying: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.looks = Looks(self.store)

    # Studies

    def check(self, study: str) -> Checked:
        """Check a study."""
        try:
            read = self._read(study)
        except TrimtabError as error:
            return Checked(ok=False, mistakes=str(error).splitlines()[:_MOST_LINES])
        return Checked(ok=True, summary=[clip(line) for line in study_lines(read)][:_MOST_LINES])

    def draft(self, source: str, command: str, metric: str) -> Drafted:
        """Draft a study from a command, a script, a --help text or a config file."""
        found = draft(source, self.folder, command=command, metric=metric)
        return Drafted(study=found.text, missing=found.missing, guessed=[each.name for each in found.guesses])

    def _read(self, given: str) -> Study:
        """Return a study: a file below the folder, or the text of one, which may use nothing outside the sandbox."""
        if len(given) > _LONGEST_STUDY:
            raise InputError(f"study: {len(given):,} characters are too many", f"at most {_LONGEST_STUDY:,}")
        if "\n" not in given:
            return load_study(self._inside(given))
        try:
            sections = tomllib.loads(given)
        except tomllib.TOMLDecodeError as error:
            raise InputError(f"study: {error}", "it is read as TOML") from None
        outside = outside_of_sandbox({"target": {"kind": "command"}, **sections})
        if outside:
            message = f"study: {clip(outside)} reaches beyond the sandbox"
            raise InputError(message, "a person writes that into a study file")
        return parse_study(sections, self.folder / "study.toml", given)

    def _inside(self, name: str) -> Path:
        """Return a path below the folder.

        Raises:
            InputError: it is elsewhere.
        """
        try:
            path = (self.folder / name).resolve()
            inside = path.is_relative_to(self.folder.resolve())
        except (OSError, ValueError, RuntimeError):
            inside = False
        if not inside:
            raise InputError(f"{clip(name)} is outside of {self.folder}", "name a file below it")
        return path

    # Runs

    def start(self, study: str, trials: int | None, planner: str, request: str) -> Started:
        """Start a study as a process of its own."""
        changed = capped(self._read(study), self.caps, trials, planner)
        run = launch(self.store, self.url, changed, request=f"{self.by}: {request}" if request else "")
        return Started(run=run.id, state=run.state, trials=changed.budget.trials)

    async def status(self, run: str, since: int, wait_s: float) -> Status:
        """Return where a run stands, once something is new; at most after `wait_s`."""
        deadline = asyncio.get_running_loop().time() + min(max(wait_s, 0.0), MOST_WAIT_S)
        while True:
            found = self._run(run)
            status = self._status(found, max(0, since))
            if status.trials or found.over or asyncio.get_running_loop().time() >= deadline:
                break
            await asyncio.sleep(_POLL_S)
        status.ideas = self._ideas(found)
        return status

    def _status(self, run: StoredRun, since: int) -> Status:
        budget = int(run.definition.get("budget", {}).get("trials", 0))
        if not run.study:
            return Status(
                run=run.id, study="", state=run.state, message=run.message, finished=0, budget=budget, next=since
            )
        found = self.looks.find(run.study)
        history, stored = found.history, found.stored
        later = history.trials[since : since + _MOST_TRIALS]
        ended = takewhile(lambda each: each.state != "running", later)  # in order, so that none is missed or doubled
        new = _fitting([_trial(each) for each in ended])
        best, default, result = history.incumbent, history.default, result_of(stored)
        check = result.check if result is not None and run.over else None
        return Status(
            run=run.id,
            study=run.study,
            state=run.state,
            message=run.message,
            finished=len(history.finished),
            budget=found.study.budget.trials,
            next=since + len(new),
            trials=new,
            default=dict(default.metrics) if default is not None else {},
            best=_trial(best) if best is not None else None,
            spent={"search_s": round(stored.search_s, 1), **self.store.spent_on_models(stored.id)},
            phase="" if run.over else _phase(self.store, found),
            verdict=check.verdict if check is not None else "",
        )

    def _ideas(self, run: StoredRun) -> list[dict[str, Any]]:
        """Return what became of the latest ideas that were handed in."""
        told = [each.answer or {} for each in self.store.commands(run.id) if each.verb == "propose"]
        ideas = [dict(idea) for answer in told for idea in answer.get("ideas", [])]
        for idea in ideas:
            if run.over and idea.get("state") == WAITING:
                idea |= {"state": "not tried", "reason": "the run is over"}
        return _fitting(ideas[::-1][:_MOST_TRIALS])[::-1]

    async def propose(self, run: str, ideas: Sequence[Mapping[str, Any]]) -> Answered:
        """Hand ideas to a run's planner."""
        answer = await self._ask(self._living(run), "propose", {"ideas": [dict(each) for each in ideas]})
        return _answered(answer)

    async def control(self, run: str, action: str, arguments: Mapping[str, Any]) -> Answered:
        """Steer a run."""
        if action not in CONTROLS:
            raise InputError(f"action = {clip(action)!r} is unknown", f"one of {', '.join(CONTROLS)}")
        if action == "resume" and (known := self._run(run)).over:
            return self._go_on(known)
        return _answered(await self._ask(self._living(run), action, arguments))

    def _go_on(self, over: StoredRun) -> Answered:
        """Start a run that goes on with the study of one that is over; asked twice, it is one run."""
        found = self.looks.find(self._study(over.id))
        if not Path(over.directory).resolve().is_relative_to(self.folder.resolve()) or found.left_out:
            raise InputError(f"{over.id} was started elsewhere", "a person goes on with it: trimtab tune --resume")
        study = capped(found.study, self.caps, None, found.study.planner.name)
        request = f"{self.by}: after {over.id}"
        run = launch(self.store, self.url, study, resume=found.stored.key, request=request)
        return Answered(ok=True, said=f"{run.id} goes on with {found.stored.key}")

    def _living(self, run: str) -> StoredRun:
        found = self._run(run)
        if found.over:
            raise InputError(f"{found.id} is over ({found.state})", "start another one")
        return found

    async def _ask(self, run: StoredRun, verb: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        number = self.store.add_command(run.id, verb, arguments, self.by)
        deadline = asyncio.get_running_loop().time() + MOST_WAIT_S
        while asyncio.get_running_loop().time() < deadline:
            answer = self.store.command(run.id, number).answer
            if answer is not None:
                return answer
            if self.store.run(run.id).over:
                return {"error": "the run has ended"}
            await asyncio.sleep(_POLL_S)
        return {"error": "the run is busy and has not answered yet; look at its status"}

    # Results

    def explain(self, run: str, about: str, trial: int | None) -> Explained:
        """Tell why: the result, failed trials, or one trial with the end of its log."""
        found = self.looks.find(self._study(run))
        if about == "trial":
            return Explained(lines=self._trial_lines(found, trial))
        if about == "failures":
            failed = [each for each in found.history.trials if each.state == "failed"]
            lines = [f"trial {each.number}: {fenced(each.reason or '', _LONGEST_TEXT)}" for each in failed]
            return Explained(lines=_fitting(lines[::-1])[::-1] or ["no trial has failed"])
        if about != "result":
            raise InputError(f"about = {clip(about)!r} is unknown", "one of result, failures, trial")
        report = result_of(found.stored)
        if report is None:
            return Explained(lines=["there is no result yet: look at the status"])
        return Explained(lines=[clip(line) for line in summary_lines(found.study, report)][:_MOST_LINES])

    def trials(self, run: str) -> list[str]:
        """Return the last trials of a run as JSON."""
        trials = self.looks.find(self._study(run)).history.trials
        return [_trial(each).model_dump_json() for each in trials[-_MOST_LISTED:]]

    def log(self, run: str) -> str:
        """Return the end of what a run's process said."""
        file = log_of(self._run(run).id)
        if not file.is_file():
            raise InputError(f"{clip(run)} has no log", "runs in a terminal and in the chat have none")
        with file.open("rb") as said:
            said.seek(max(0, file.stat().st_size - _LONGEST_LOG))
            return fenced_block(said.read().decode("utf-8", "replace"))

    def _trial_lines(self, found: Found, number: int | None) -> list[str]:
        trials = found.history.trials
        if number is None or not 0 <= number < len(trials):
            raise InputError(f"trial = {number} is not there", f"0 to {len(trials) - 1}")
        trial = trials[number]
        lines = [json.dumps(_trial(trial).model_dump(), default=str), f"why: {fenced(trial.rationale, _LONGEST_TEXT)}"]
        evaluations = self.store.evaluations(found.stored.id, "tune", number)
        log = evaluations[-1].measurement.log if evaluations else ""
        return [*lines, f"end of its log: {fenced(log[-_LONGEST_TEXT * 4 :], _LONGEST_TEXT * 4)}"]

    async def verify(self, run: str, again: bool) -> Verified:  # the tool's argument
        """Return the check of a run's end, or measure the pairs again in a process of its own."""
        key = self._study(run)
        if not again:
            report = result_of(self.looks.find(key).stored)
            check = report.check if report is not None else None
            if report is None or check is None:
                return Verified(done=False, said=self._unproved(run))
            fields = check.model_dump(include=_OF_CHECK)
            return Verified(done=True, said="; ".join(beside(report))[: _LONGEST_TEXT * 2], **fields)
        return await self._verify_again(key)

    async def _verify_again(self, key: str) -> Verified:
        if key not in self._verifying:
            self._verifying[key] = _verification(key, self.url)
        running = self._verifying[key]
        deadline = asyncio.get_running_loop().time() + MOST_WAIT_S
        while running.poll() is None:
            if asyncio.get_running_loop().time() > deadline:
                return Verified(done=False, said="measuring; ask again")
            await asyncio.sleep(_POLL_S)
        del self._verifying[key]
        said = _said_by_verification(key).read_text(encoding="utf-8", errors="replace")  # a line
        return _verified(said.strip())

    def apply(self, run: str, file: str, confirm: bool) -> Applied:  # the tool's argument
        """Show what a file below the folder would become, or write it."""
        found = self.looks.find(self._study(run))
        report = result_of(found.stored)
        offered = report.offered() if report is not None else None
        if report is None or offered is None or report.check is None or not report.check.improved:
            raise InputError(f"there is nothing to apply: {self._unproved(run)}", "look at explain")
        path = self._inside(file)
        form = form_for(found.study, path)
        if not form and found.study.apply is None and not is_settings(path):
            raise InputError(f"{file} exists and holds something else than settings as JSON", "name a new file")
        text = render(found.study, offered, form)
        changes = difference(path, text)
        if not changes:
            return Applied(written=False, difference="", said=f"{file} already holds this configuration")
        if not confirm:
            return Applied(written=False, difference=changes, said="nothing was written: confirm = true writes it")
        keep(path, text)
        write(path, text)
        return Applied(
            written=True, difference=changes, said=f"wrote {file}; trimtab apply --revert {file} brings it back"
        )

    def _run(self, name: str) -> StoredRun:
        """Return a run.

        Raises:
            InputError: there is none; the message names the latest.
        """
        try:
            return self.store.run(name)
        except InputError as error:
            there = [f"{each.id} ({each.name}, {each.state})" for each in self.store.runs()[:5]]
            raise InputError(error.message, f"the latest are: {', '.join(there) or 'none'}") from None

    def _unproved(self, run: str) -> str:
        """Return why nothing is proved."""
        found = self._run(run)
        if found.over:
            return "no improvement was proved"
        return f"the run has not ended, it is at its {_phase(self.store, self.looks.find(found.study))}"

    def may_write(self, file: str) -> bool:
        """Whether the person's own file says that agents may write this one without asking."""
        path = self._inside(file)
        return any(path.match(os.path.expanduser(pattern)) for pattern in user_file().agents_write)  # noqa: PTH111

    def _study(self, run: str) -> str:
        found = self._run(run)
        if not found.study:
            raise InputError(f"{found.id} has no study yet ({found.state})", "look at its status")
        return found.study


_OF_CHECK = {"improved", "verdict", "ratio", "low", "high", "pairs"}


def _said_by_verification(key: str) -> Path:
    return data_directory() / "runs" / f"verify-{key}.json"


def _verification(key: str, url: str) -> "subprocess.Popen[bytes]":
    """Measure a study's pairs again in a process of its own."""
    file = _said_by_verification(key)
    file.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "trimtab.agent.faces.cli", "verify", key, "--json"]
    environment = {**os.environ, "TRIMTAB_STORE": url}  # which may have a password, so that it is no argument
    quiet: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stderr": subprocess.STDOUT, "start_new_session": True}
    with file.open("wb") as out:
        return subprocess.Popen(command, stdout=out, env=environment, **quiet)


def _verified(text: str) -> Verified:
    """Return what `trimtab verify --json` printed."""
    try:
        check = json.loads(text)["checks"][0]
        return Verified(done=True, **{name: check[name] for name in _OF_CHECK})
    except (ValueError, LookupError, TypeError):
        return Verified(done=True, said=clip(text) or "it ended without a word")


def _fitting(items: list[Item]) -> list[Item]:
    """Return the first items, at least one, that an answer has room for."""
    room = _LONGEST_LIST
    for count, each in enumerate(items):
        room -= len(each.model_dump_json() if isinstance(each, BaseModel) else json.dumps(each, default=str))
        if room < 0:
            return items[: max(1, count)]
    return items


def _trial(trial: StudyTrial) -> Trial:
    return Trial(
        trial=trial.number,
        source=str(trial.source),
        state=trial.state,
        configuration=dict(trial.configuration),
        metrics={name: float(f"{value:.6g}") for name, value in trial.metrics.items()},
        text=fenced(trial.reason, _LONGEST_TEXT) if trial.reason else "",
    )


def _phase(store: Store, found: Found) -> str:
    """Return which phase a run that goes on is in, by what it has measured."""
    purposes = {each.partition(":")[0] for each in store.purposes(found.stored.id)}
    later = [name for name in ("minimal", "ablation", "check") if name in purposes]
    return later[0] if later else "search"


def _answered(answer: Mapping[str, Any]) -> Answered:
    if "error" in answer:
        return Answered(ok=False, said=str(answer["error"])[:_LONGEST_TEXT])
    return Answered(ok=True, said=str(answer.get("done", ""))[:_LONGEST_TEXT], ideas=list(answer.get("ideas", [])))
