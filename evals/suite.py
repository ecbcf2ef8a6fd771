"""Suites: tasks x arms x seeds x budgets, as TOML. The shipped ones are in `suites/`."""

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from ..agent.study.sections import Name
from ..tools.errors import InputError
from ..tools.spelling import closest, did_you_mean
from .tasks import expand

SHIPPED = Path(__file__).parent / "suites"
Ablation = Literal["model", "random-proposals", "recall", "tools", "names"]
_SECTIONS = ("planner", "model", "sampler", "gate", "evaluation", "fidelity", "cost")


class Arm(BaseModel):
    """What is compared: a planner and a sampler, as the sections of a study file, and what is taken away from them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str = ""
    planner: str | dict[str, Any] = Field("none", description="A planner's name, or the [planner] section.")
    model: str | dict[str, Any] | None = Field(None, description="A model's name, or the [model] section.")
    prompts: str | None = Field(None, description="A prompt variant.")
    sampler: str | dict[str, Any] = Field("auto", description="A sampler's name, or the [sampler] section.")
    gate: str | dict[str, Any] | None = None
    evaluation: dict[str, Any] = {}
    fidelity: dict[str, Any] | None = None
    cost: dict[str, Any] | None = None
    latency_s: float = Field(
        10.0, ge=0, description="Time that a planner without a model takes to think, on the suite's clock."
    )
    ablate: list[Ablation] = Field([], description="What is taken away: see the documentation of ablations.")

    @property
    def uses_model(self) -> bool:
        """Whether a language model proposes."""
        name = self.planner if isinstance(self.planner, str) else self.planner.get("name", "auto")
        return name in {"auto", "model"} and not {"model", "random-proposals"} & set(self.ablate)

    def sections(self) -> dict[str, Any]:
        """Return the arm as sections of a study file."""
        found: dict[str, Any] = {}
        for name in _SECTIONS:
            given = getattr(self, name)
            if given is not None:
                found[name] = {"policy" if name == "gate" else "name": given} if isinstance(given, str) else dict(given)
        planner = {"recall": False, **found["planner"]}  # cells share a store: one must not learn from another
        if self.prompts is not None:
            planner["prompts"] = self.prompts
        if "model" in self.ablate:
            planner["name"] = "none"
        if "random-proposals" in self.ablate:
            planner["name"] = "random-proposals"
        if "recall" in self.ablate:
            planner |= {"recall": False, "offline_first": False}
        if "tools" in self.ablate:
            planner["tools"] = False
        return {**found, "planner": planner}


class Suite(BaseModel):
    """A comparison."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    description: str = ""
    tasks: list[str] = Field(min_length=1, description="Names, globs such as 'systems/*', or folders beside the suite.")
    seeds: int = Field(5, ge=1, le=1000)
    trials: int = Field(20, ge=1, le=100_000, description="Trials of a cell, the default included.")
    budgets: list[int] = Field([], description="Trials at which arms are compared; the last is all of them.")
    evaluation_s: float = Field(
        30.0, ge=0, description="Time that a looked-up evaluation takes, on a clock that is not waited for."
    )
    starts: int = Field(0, ge=0, description="Random configurations that every arm gets after the default.")
    reference: str = Field(description="The arm that the others are compared with.")
    strict: bool = Field(False, description="Results of trials that only filled in for a failing model do not count.")
    check: bool = Field(False, description="End each cell with the paired check, for live systems.")
    arms: dict[Name, Arm] = Field(min_length=1)
    directory: Path = Field(Path(), exclude=True, init=False)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.reference not in self.arms:
            raise ValueError(f"reference = {self.reference!r} is no arm{did_you_mean(self.reference, self.arms)}")
        late = [budget for budget in self.budgets if not 1 <= budget <= self.trials]
        if late:
            raise ValueError(f"budgets: {late[0]} is not between 1 and trials = {self.trials}")
        return self

    @property
    def marks(self) -> list[int]:
        """The budgets at which arms are compared, ending with all trials."""
        return sorted({*self.budgets, self.trials})

    def cells(self) -> "list[Cell]":
        """Return all cells, seed by seed, so that a suite that is stopped has complete seeds."""
        tasks = expand(self.tasks, self.directory)
        return [
            Cell(task, name, seed, arm, self.trials, self.starts, self.strict, self.check, self.evaluation_s)
            for seed in range(self.seeds)
            for task in tasks
            for name, arm in self.arms.items()
        ]


@dataclass(frozen=True)
class Cell:
    """One run: an arm on a task with a seed."""

    task: str
    arm_name: str
    seed: int
    arm: Arm
    trials: int
    starts: int = 0
    strict: bool = False
    check: bool = False
    evaluation_s: float = 0.0

    @property
    def study_name(self) -> str:
        """The name of the cell's study: equal only for equal cells, so that a changed arm runs anew."""
        return self._named(self.arm)

    @property
    def recording_name(self) -> str:
        """The name of the cell's recording, the same whichever model answers: the recording says which one did."""
        return f"{self._named(self.arm.model_copy(update={'model': None}))}.jsonl"

    def _named(self, arm: Arm) -> str:
        what = [self.task, self.seed, self.trials, self.starts, self.check, self.evaluation_s]
        what.append(arm.model_dump(mode="json"))
        digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:10]
        return f"{Path(self.task).name[:20]}.{self.arm_name[:24]}.{self.seed}.{digest}"


def suite_names() -> list[str]:
    """Return the shipped suites."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def load_suite(name: str) -> Suite:
    """Read a shipped suite by its name, or a file by its path.

    Raises:
        InputError: it is not there, or wrong; the message names the field and the fix.
    """
    path = Path(name) if name.endswith(".toml") else SHIPPED / f"{name}.toml"
    try:
        suite = Suite.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        close = closest(name, suite_names())
        guess = f"did you mean {close!r}? " if close else ""
        hint = f"{guess}shipped: {', '.join(suite_names())}; or the path of a .toml file"
        raise InputError(f"no suite {name!r}", hint) from None
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}", "a suite is a TOML file") from None
    except ValidationError as error:
        lines = [f"{path}: {'.'.join(map(str, each['loc'])) or 'suite'}: {each['msg']}" for each in error.errors()]
        raise InputError("\n".join(lines), "see the suites that are shipped") from None
    suite.__dict__["directory"] = path.resolve().parent
    return suite
