"""Runs one cell of a suite as an ordinary session, and reads its outcome from the store."""

import asyncio
import random
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from ..agent import events
from ..agent.memory.store import Store
from ..agent.planners.base import Planner, Setup, build_planner, require_trusted_endpoint
from ..agent.run.proposals.gate import NO_IDEA
from ..agent.run.proposals.opening import find_study
from ..agent.run.session import Session
from ..agent.study.file import parse_study
from ..agent.study.sections import Study
from ..agent.trials.candidate import Candidate
from ..agent.trials.history import History
from ..agent.trials.proposal import Accepted, Proposal
from ..agent.trials.source import PERSON
from ..agent.trials.trial import Trial
from ..tools.errors import InputError, TrimtabError
from ..tools.expressions import Value
from .clock import JumpingLoop, TimedPlanner
from .ideas import ideas_of
from .suite import Cell
from .tasks import load_task
from .tasks.task import Task


class CellOutcome(BaseModel):
    """What a cell gave. `curve` is the normalised regret of the incumbent after each trial; `held_out` that of the
    final check, where the suite runs one.

    `proposals` counts what became of the planner's ideas, `fallbacks` the trials in which a sampler filled in for a
    planner without an idea, `waited_s` how long the search waited for answers. `predicted` are pairs of the planner's
    predictions: shares inside the interval and count.
    """

    model_config = ConfigDict(extra="forbid")

    task: str
    arm: str
    seed: int
    study: str
    curve: list[float]
    held_out: float | None = None
    seconds: float
    proposals: dict[str, int] = {}
    fallbacks: int = 0
    waited_s: float = 0.0
    calls: int = 0
    failed_calls: int = 0
    tokens: int = 0
    dollars: float = 0.0
    covered: int = 0
    predicted: int = 0
    failed_trials: int = 0
    problem: str = ""


@dataclass(frozen=True)
class Recordings:
    """Folders in which the cells' model calls are recorded, or from which they are replayed."""

    record: Path | None = None
    replay: Path | None = None

    def of(self, cell: Cell) -> dict[str, Path | None]:
        """Return the files of a cell."""
        name = cell.recording_name
        return {
            "record": self.record / name if self.record and cell.arm.uses_model else None,
            "replay": self.replay / name if self.replay and cell.arm.uses_model else None,
        }


def study_of(cell: Cell, task: Task, limits: Mapping[str, float]) -> Study:
    """Return the study that a cell runs; `limits` are caps on what its model may spend."""
    sections: dict[str, Any] = {**task.sections}
    for name, fields in cell.arm.sections().items():
        sections[name] = {**sections.get(name, {}), **fields}
    about = sections["study"]  # a model must learn neither arm nor seed from the name
    sections["study"] = {**about, "name": cell.study_name, "title": about.get("title") or about["name"]}
    if sections["planner"]["name"] == "recorded" and not sections["planner"].get("ideas"):
        sections["planner"] = {**sections["planner"], "ideas": str(ideas_of(cell.task) or "")}
    sections["sampler"] = {**sections.get("sampler", {}), "seed": cell.seed}
    sections["budget"] = {"trials": cell.trials, "give_up": 0, **limits}
    sections["check"] = {"ablation": False}
    if not cell.check:
        sections["evaluation"] = {**sections.get("evaluation", {}), "check_seeds": [10**6]}
    return parse_study(sections, task.directory / "cell.toml", check_files=task.measure is None)


async def run_cell(cell: Cell, store: Store, recordings: Recordings, limits: Mapping[str, float]) -> CellOutcome:
    """Run a cell to its end and return its outcome.

    Raises:
        InputError: the arm cannot be used here.
    """
    task = load_task(cell.task)
    if "names" in cell.arm.ablate:
        task = anonymous(task)
    study = study_of(cell, task, limits)
    setup = Setup(study, store, **recordings.of(cell))  # type: ignore[arg-type]
    if "base_url" in task.sections.get("model", {}):  # arms are the person's own
        require_trusted_endpoint(setup)
    planner: Planner = build_planner(setup)
    if task.measure is not None:
        planner = TimedPlanner(planner, None if cell.arm.uses_model else cell.arm.latency_s)
    began, problem = time.monotonic(), ""
    session = Session.start(study, store, planner)
    for each in _starts(study, cell):
        session.proposing.want(each)
    async for event in session.run(task.executor(cell.evaluation_s)):
        if isinstance(event, events.PlannerProblem) and event.code in {"call_failed", "crashed", "budget", "paused"}:
            problem = event.message
    return outcome(cell, task, store, session.key, time.monotonic() - began, problem)


def outcome(cell: Cell, task: Task, store: Store, key: str, seconds: float, problem: str = "") -> CellOutcome:
    """Read a finished cell from the store."""
    found = find_study(store, key)
    stored, study = found.stored, found.study
    result = events.StudyFinished.model_validate(stored.result) if stored.result else None
    trials = found.history.trials
    counts, problems = (result.counts, result.problems) if result else ({}, {})
    spent = result.budget if result else {}
    used = {name: float(spent[name]["spent"] or 0) if name in spent else 0.0 for name in _SPENT}
    ideas = [trial for trial in trials if trial.source.kind == "planner"]
    covered, predicted = _coverage(ideas)
    refused = {code: number for code, number in problems.items() if code not in {"paused", "budget"}}
    return CellOutcome(
        task=cell.task,
        arm=cell.arm_name,
        seed=cell.seed,
        study=key,
        curve=curve(study, task, trials, strict=cell.strict),
        held_out=_held_out(result, task),
        seconds=round(seconds, 3),
        proposals={"tried": len(ideas), "repaired": sum(bool(t.changes) for t in ideas), **refused},
        fallbacks=sum(trial.gate.get("why") == NO_IDEA for trial in trials),
        waited_s=round(result.waited_s, 3) if result else 0.0,
        calls=int(used["calls"]),
        failed_calls=sum(count for name, count in (result.calls if result else {}).items() if name != "ok"),
        tokens=int(used["input_tokens"] + used["output_tokens"]),
        dollars=used["dollars"],
        covered=covered,
        predicted=predicted,
        failed_trials=counts.get("state failed", 0),
        problem=problem,
    )


_SPENT = ("calls", "input_tokens", "output_tokens", "dollars")


def curve(study: Study, task: Task, trials: list[Trial], *, strict: bool) -> list[float]:
    """Return the regret of the incumbent after each trial, by the noiseless value where the task knows it."""
    history, found, value = History(study), [], float("nan")
    metric, default = study.objectives[0].metric, 0.0
    for trial in trials:
        counts = not (strict and trial.gate.get("why") == NO_IDEA)
        if trial.state != "running" and counts and history.update(trial):
            best = trial.metrics[metric] if task.truth is None else task.truth(trial.configuration)
            if trial.number == 0:
                default = best
            value = task.regret(best, default)
        found.append(round(value, 9) if value == value else 1.0)  # before anything worked: like a random configuration
    return found


def anonymous(task: Task) -> Task:
    """Return a task whose parameters have no names and no descriptions: what is left is what the numbers tell.

    The difference to the arm with names is what knowledge, or having seen the task before, is worth.
    """
    names = {name: f"p{index}" for index, name in enumerate(task.sections["parameters"], 1)}
    back = {new: old for old, new in names.items()}
    renamed = re.compile(r"\b(" + "|".join(map(re.escape, names)) + r")\b")

    def rename(text: str) -> str:
        return renamed.sub(lambda match: names[match[0]], text)

    def original(configuration: Mapping[str, Value]) -> dict[str, Value]:
        return {back[name]: value for name, value in configuration.items()}

    parameters = {}
    for name, fields in task.sections["parameters"].items():
        kept = {key: value for key, value in fields.items() if key not in {"description", "unit"}}
        parameters[names[name]] = {**kept, **({"when": rename(kept["when"])} if "when" in kept else {})}
    sections = {
        **task.sections,
        "study": {"name": "anonymous"},
        "parameters": parameters,
        "forbidden": [
            {"when": rename(each["when"]), "reason": "not allowed"} for each in task.sections.get("forbidden", [])
        ],
    }
    measure, truth = task.measure, task.truth
    if measure is None or truth is None:
        return replace(task, sections=sections, measure=None)
    return replace(
        task,
        sections=sections,
        measure=lambda configuration, seed: measure(original(configuration), seed),
        truth=lambda configuration: truth(original(configuration)),
    )


def _starts(study: Study, cell: Cell) -> list[Accepted]:
    """Return the random configurations that every arm of a seed gets after the default."""
    rng = random.Random(f"{cell.task} {cell.seed}")
    given = [study.space.sample(rng) for _ in range(cell.starts)]
    return [Accepted(Candidate(each), Proposal(each, PERSON, "a given start")) for each in given]


def _held_out(result: events.StudyFinished | None, task: Task) -> float | None:
    check = result.check if result else None
    if check is None or check.incumbent_median is None or check.default_median is None:
        return None
    return task.regret(check.incumbent_median, check.default_median)


def _coverage(ideas: list[Trial]) -> tuple[int, int]:
    """Return how many predictions held the result in their interval, and how many there were."""
    inside = total = 0
    for trial in ideas:
        for metric, (_expected, low, high) in trial.predicted.items():
            if metric in trial.metrics:
                total += 1
                inside += low <= trial.metrics[metric] <= high
    return inside, total


def run_one(cell: Cell, url: str, recordings: Recordings, limits: Mapping[str, float]) -> CellOutcome:
    """Run a cell in this process; what worker processes call.

    Raises:
        InputError: the cell cannot be run; the message names it.
    """
    store = Store(url, power_safe=False)
    try:
        looked_up = load_task(cell.task).measure is not None
        with asyncio.Runner(loop_factory=JumpingLoop if looked_up else None) as runner:
            return runner.run(run_cell(cell, store, recordings, limits))
    except TrimtabError as error:  # in a form that travels between processes
        raise InputError(f"task {cell.task}, arm {cell.arm_name}, seed {cell.seed}: {error}") from None
    finally:
        store.close()
