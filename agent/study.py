"""The study file as pydantic models: what is tuned, how it is measured, what it may cost.

Knows nothing of files; `studyfile` reads them. Rules that concern several sections are in `studyrules`.
"""

from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..tools.expressions import parse
from ..tools.targets import Evaluation
from .models.settings import ModelSection
from .parameters import Parameter
from .space import Clause, Space

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
MetricName = Annotated[str, Field(min_length=1, max_length=200)]
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class About(_Section):
    """What is being tuned, for people, for the catalogue and for the planner."""

    name: Name = Field(description="Name of the study in the store.")
    description: str = Field("", description="The system and its workload, in a few sentences.")
    system: str | None = Field(None, description="Name of a catalogue of documented knobs, such as 'sqlite'.")


class Forbidden(_Section):
    """A region that is never evaluated."""

    when: str = Field(description="Expression over parameters; configurations for which it is true are forbidden.")
    reason: str = Field(min_length=1, description="Why; people and planners are told.")


class Objective(_Section):
    """A metric to minimise, maximise, or bring to a target value."""

    metric: MetricName
    direction: Literal["minimize", "maximize"] | None = None
    target: _Finite | None = Field(None, description="Value to come as close to as possible, instead of a direction.")
    unit: str = ""

    @model_validator(mode="after")
    def _one_of(self) -> Self:
        if (self.direction is None) == (self.target is None):
            raise ValueError("give either direction = 'minimize' | 'maximize' or target = NUMBER")
        return self

    def loss(self, value: float) -> float:
        """Return the metric as a number to minimise: negated when maximised, the distance from a target."""
        if self.target is not None:
            return abs(value - self.target)
        return -value if self.direction == "maximize" else value


class Constraint(_Section):
    """A bound on a metric; a trial that exceeds it is infeasible, not failed."""

    metric: MetricName
    max: _Finite | None = None
    min: _Finite | None = None

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.max is None and self.min is None:
            raise ValueError("give max = NUMBER or min = NUMBER")
        if self.max is not None and self.min is not None and self.min > self.max:
            raise ValueError(f"min = {self.min} is above max = {self.max}")
        return self

    def violation(self, value: float) -> float:
        """Return by how much a value exceeds the bound; 0 or less when it does not."""
        over = value - self.max if self.max is not None else -float("inf")
        under = self.min - value if self.min is not None else -float("inf")
        return max(over, under)


class Budget(_Section):
    """What the search may spend; the final check comes on top."""

    trials: int = Field(50, ge=1, le=1_000_000, description="Trials, the default configuration included.")
    wall_time_s: float | None = Field(None, gt=0, allow_inf_nan=False, description="Seconds of search, over resumes.")
    calls: int | None = Field(None, ge=0, description="Calls of the language model, failed ones included.")
    input_tokens: int | None = Field(None, ge=0, description="Tokens sent to the language model.")
    output_tokens: int | None = Field(None, ge=0, description="Tokens the language model answered with.")
    dollars: float | None = Field(None, ge=0, allow_inf_nan=False, description="Dollars spent on the language model.")


class PlannerSection(_Section):
    """Who proposes with knowledge of the system."""

    name: str = Field(
        "auto", description="'auto', 'model', 'offline' (catalogue and stored studies, no model), or 'none'."
    )
    prompts: str = Field("default", description="Prompt variant: a name, or the path of a folder.")
    share: float = Field(0.3, ge=0, le=1, description="Largest share of the trials that a model proposes.")
    offline_first: bool = Field(True, description="Start with catalogue values and stored studies, also with a model.")


class SamplerSection(_Section):
    """The classical optimizer that takes turns and takes over."""

    name: str = Field("auto", description="'auto', 'kriging', 'forest', 'tpe', 'gp', 'cmaes', 'qmc', 'random'.")
    seed: int = Field(0, ge=0, lt=1 << 31, description="Seed of the sampler.")


class Check(_Section):
    """The final paired re-measurement of incumbent and default."""

    ablation: bool = Field(True, description="Measure which parameters made the difference.")
    ablation_repeats: int = Field(5, ge=2, le=100, description="Pairs per step of the ablation.")


class Apply(_Section):
    """How `--apply FILE` writes a configuration; JSON without a template."""

    template: str = Field(description="Text with {parameter} places; a line that names an inactive one is left out.")


class Study(_Section):
    """One study: search space, objectives, measurement and budget."""

    study: About
    parameters: dict[str, Parameter] = Field(min_length=1, max_length=1000)
    forbidden: list[Forbidden] = []
    objectives: list[Objective] = Field(min_length=1, max_length=20)
    constraints: list[Constraint] = []
    evaluation: Evaluation
    budget: Budget = Budget()
    planner: PlannerSection = PlannerSection()
    model: ModelSection = ModelSection()
    sampler: SamplerSection = SamplerSection()
    check: Check = Check()
    apply: Apply | None = None
    directory: Path = Field(Path(), exclude=True, init=False)

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study.name

    @cached_property
    def space(self) -> Space:
        """The search space that the file declares."""
        clauses = tuple(Clause(parse(each.when), each.reason) for each in self.forbidden)
        return Space(self.parameters, clauses)

    @property
    def required_metrics(self) -> tuple[str, ...]:
        """Names of the metrics every evaluation must report, objectives first."""
        names = [each.metric for each in self.objectives] + [each.metric for each in self.constraints]
        return tuple(dict.fromkeys(names))
