"""The study file as pydantic models: what is tuned, how it is measured, what it may cost.

Knows nothing of files; `file` reads them. Rules that concern several sections are in `rules`.
"""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails

from ...tools.expressions import Expression, ExpressionError, Value, parse
from ...tools.targets import AnyTarget, Evaluation, Form, Wording
from ...tools.targets.code.project import Project
from ...tools.targets.code.section import CodeSection
from ...tools.targets.reading.quantities import unit_of
from ...tools.targets.rendering.files import AnyFile, File
from ...tools.targets.rendering.wording import Tuned
from ...tools.targets.section import SHORTHAND
from ..models.settings import ModelSection
from ..pruners.base import Variant
from .approval import ApprovalSection
from .desirability import overall
from .executor import AnyExecutor, LocalSection
from .goals import Constraint, MetricName, Objective, Section
from .memory import MemorySection
from .parameters import ExpressionText, Parameter
from .space import Clause, Space

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}$")]
Policy = Literal["bandit", "alternate", "planner", "optimizer"]
Rhythm = Literal["auto", "batch", "stepwise"]
_Finite = Annotated[float, Field(allow_inf_nan=False)]


class About(Section):
    """What is being tuned, for people, for the catalogue and for the planner."""

    name: Name = Field(description="Name of the study in the store.")
    title: str = Field("", description="What people and planners call it; the name where empty.")
    description: str = Field("", description="The system and its workload, in a few sentences.")
    system: str | None = Field(None, description="Name of a catalogue of documented knobs, such as 'sqlite'.")


class Forbidden(Section):
    """A region that is never evaluated."""

    when: ExpressionText = Field(
        description="Expression over parameters; configurations for which it is true are forbidden."
    )
    reason: str = Field(min_length=1, description="Why; people and planners are told.")


GIVE_UP = 5


def _on_or_off(given: object) -> object:
    return (GIVE_UP if given else 0) if isinstance(given, bool) else given


class Budget(Section):
    """What the search may spend; the final check comes on top."""

    trials: int = Field(50, ge=1, le=1_000_000, description="Trials, the default configuration included.")
    wall_time_s: float | None = Field(None, gt=0, allow_inf_nan=False, description="Seconds of search, over resumes.")
    calls: int | None = Field(None, ge=0, description="Calls of the language model, failed ones included.")
    input_tokens: int | None = Field(None, ge=0, description="Tokens sent to the language model.")
    output_tokens: int | None = Field(None, ge=0, description="Tokens the language model answered with.")
    dollars: float | None = Field(None, ge=0, allow_inf_nan=False, description="Dollars spent on the language model.")
    give_up: Annotated[int, BeforeValidator(_on_or_off, json_schema_input_type=int | bool)] = Field(
        GIVE_UP, ge=0, description="Stop when so many trials have failed alike and nothing has worked; false: never."
    )


class PlannerSection(Section):
    """Who proposes with knowledge of the system."""

    name: str = Field(
        "auto",
        description="'auto', 'model', 'offline' (catalogue and memory, no model), 'recorded', 'client' (ideas come "
        "from outside, as over trimtab mcp) or 'none'.",
    )
    prompts: str = Field(
        "auto", description="Prompt variant: a name, the path of a folder, or 'auto': terse for a small embedded model."
    )
    share: Literal["auto"] | Annotated[float, Field(ge=0, le=1)] = Field(
        "auto", description="Largest share of the trials that a model proposes; 'auto': by its record, up to 0.8."
    )
    patience: Literal["auto"] | Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        "auto",
        description="Longest wait for the model's answer to a question that the run waits for, in seconds; 'auto': "
        "a quarter of the expected run, 15 to 60 s, for the opening, and later where that is little beside the run.",
    )
    rhythm: Rhythm = Field(
        "auto",
        description="How the model is asked: 'batch' (several ideas, at a few points of the run), 'stepwise' (one idea "
        "at a time), or 'auto': by how long it and an evaluation take.",
    )
    ideas: str = Field("", description="File of recorded ideas, for planner 'recorded'; relative to the study file.")
    offline_first: bool = Field(True, description="Start with catalogue values and stored studies, also with a model.")
    recall: bool = Field(True, description="Ask memory; false: as memory.use = 'off', for reading.")
    tools: bool = Field(True, description="Let a model that can call tools use the analysis tools.")
    patience_s: float | None = Field(None, ge=0, description="The earlier name of patience, still read.")

    @property
    def longest_wait_s(self) -> float | None:
        """The longest wait for an answer, in seconds; None where the run decides."""
        given = self.patience_s if self.patience == "auto" else self.patience
        return None if given is None else float(given)


class GateSection(Section):
    """Who proposes the next trial."""

    policy: Policy = Field(
        "bandit",
        description="'bandit' (by record), 'alternate', 'planner' (whenever it has an idea), or 'optimizer'.",
    )
    samplers: list[str] = Field([], description="Samplers that compete with each other; empty: the study's one.")
    discount: float = Field(0.9, gt=0, le=1, description="How much an arm's result counts after its next one.")
    patience: int | None = Field(None, ge=1, description="Read and ignored: rests are part of planner.share = 'auto'.")


class SamplerSection(Section):
    """The classical optimizer that takes turns and takes over."""

    name: str = Field(
        "auto",
        description="'auto', 'kriging', 'forest', 'tpe', 'gp', 'cmaes', 'carbs', 'nsga2', 'nsga3', 'qmc', 'random'.",
    )
    seed: int = Field(0, ge=0, lt=1 << 31, description="Seed of the sampler.")


class Focus(Section):
    """Where the search looks for one parameter; the default configuration is exempt."""

    low: _Finite | None = Field(None, description="Nothing below is tried.")
    high: _Finite | None = Field(None, description="Nothing above is tried.")
    values: list[Value] | None = Field(None, min_length=1, description="The only values to try.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.values is None) == (self.low is None and self.high is None):
            raise ValueError("give low and high, or values")
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError(f"low = {self.low:g} is above high = {self.high:g}")
        return self

    def narrow(self, parameter: Parameter, value: Value) -> Value:
        """Return the value, or the nearest one that the focus allows."""
        if self.values is not None:
            if value in self.values:
                return value
            numeric = isinstance(value, int | float) and not isinstance(value, bool)
            nearest = min(self.values, key=lambda each: abs(float(each) - float(value))) if numeric else self.values[0]
            return parameter.mend(nearest)[0]
        low = float(value) if self.low is None else self.low
        high = float(value) if self.high is None else self.high
        return parameter.mend(min(max(float(value), low), high))[0] if not low <= float(value) <= high else value


class CostSection(Section):
    """What a trial costs, for cost-aware search and for the gate."""

    metric: MetricName = Field(description="A positive metric: seconds, dollars, joules.")


class FidelitySection(Section):
    """Evaluations that report intermediate values and may be stopped early."""

    low: int = Field(1, ge=1, description="First step at which an evaluation may be stopped.")
    high: int = Field(ge=2, description="Last step of a full evaluation; the command gets it as {fidelity}.")
    eta: int = Field(3, ge=2, le=10, description="At each rung one in eta goes on.")
    pruner: str = Field("hyperband", description="'hyperband', 'halving', 'iterative', 'extrapolation', 'median'.")
    variant: Variant = Field("efficient", description="Of 'iterative': 'efficient', 'preserve' or 'discard'.")
    step: str = Field("step", description="Key of the step in the JSON lines that an evaluation prints.")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low = {self.low} must be below high = {self.high}")
        return self


def _policy_alone(given: object) -> object:
    """Let a file say gate = 'bandit' instead of a section."""
    return {"policy": given} if isinstance(given, str) else given


class Check(Section):
    """What follows the search: the race for the check, the paired re-measurement, and what made the difference."""

    share: Annotated[float, Field(ge=0, allow_inf_nan=False)] | Literal["all"] = Field(
        0.25,
        description="How much of the search's time race, check and ablation may take; six pairs, and a phase that is "
        "within ten minutes, are never cut. 'all': nothing is.",
    )
    race: int = Field(
        3, ge=1, le=20, description="How many of the best are raced for the check; 1: the incumbent is checked."
    )
    ablation: bool = Field(True, description="Measure which parameters made the difference.")
    ablation_repeats: int = Field(5, ge=2, le=100, description="Pairs per step of the ablation.")
    minimal: Literal["auto"] | bool = Field(
        "auto", description="Drop changes that were not seen to help, and check that; 'auto': where it is short."
    )


class Apply(Section):
    """How `--apply FILE` writes a configuration; JSON without a template."""

    template: str = Field(description="Text with {parameter} places; a line that names an inactive one is left out.")


def _without_circle(derived: dict[str, str]) -> dict[str, str]:
    expressions = {name: parse(text) for name, text in derived.items()}
    for name, expression in expressions.items():
        try:
            expression.expanded(expressions)
        except ExpressionError as error:
            raise ValueError(f"{name}: {error}") from None
    return derived


def _into_target(given: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the data of a study file that says [service] or [code] as one that says [target.service] or [target.code].

    Raises:
        ValueError: it says both.
    """
    given = dict(given)
    section, target = given.pop(name), given.get("target")
    if target is None:
        evaluation = dict(given.get("evaluation") or {})
        kind = "python" if "python" in evaluation else "command"
        target = {"kind": kind, **{field: evaluation.pop(field) for field in [*evaluation] if field in SHORTHAND}}
        given["evaluation"] = evaluation
    elif isinstance(target, Mapping) and name in target:
        raise ValueError(f"[{name}] and [target.{name}] say the same: keep one")
    return {**given, "target": {**target, name: section} if isinstance(target, Mapping) else target}


def _inside(files: dict[str, File]) -> dict[str, File]:
    for name in files:
        path = Path(name)
        if path.is_absolute() or ".." in path.parts or not path.name or path.name == "trimtab.json":
            raise ValueError(f"{name!r} must be a name, or a path below the evaluation's folder, without '..'")
    return files


_OF_THE_TARGET = ("service", "code")
_RACE = 3
"""How often a trial of edited code is measured before it is believed, unless the study says otherwise."""


def _as_written(schema: dict[str, Any]) -> None:
    """Let the schema know what a file may leave out, or say shorter."""
    schema["required"].remove("evaluation")
    for name in _OF_THE_TARGET:
        schema["properties"][name] = {"type": "object", "description": f"Shorthand for [target.{name}]."}


class Study(Section):
    """One study: search space, objectives, measurement and budget."""

    model_config = ConfigDict(json_schema_extra=_as_written)

    study: About = Field(description="What is tuned.")
    parameters: dict[str, Parameter] = Field(min_length=1, max_length=1000, description="What may change, by name.")
    focus: dict[str, Focus] = Field({}, description="Where the search looks for now, by parameter.")
    derived: Annotated[dict[str, ExpressionText], AfterValidator(_without_circle)] = Field(
        {}, description="Values that follow from parameters, as expressions by name; for places and clauses."
    )
    forbidden: list[Forbidden] = Field([], description="Regions that are never evaluated.")
    objectives: list[Objective] = Field(min_length=1, max_length=20, description="What shall become better.")
    constraints: list[Constraint] = Field([], description="What must hold.")
    target: AnyTarget | None = Field(None, description="Which system, and how a configuration reaches it.")
    files: Annotated[dict[str, AnyFile], AfterValidator(_inside)] = Field(
        {}, description="Files to write into the evaluation's folder, by name: a template, or keys to set."
    )
    evaluation: Evaluation = Field(description="How a configuration is measured.")
    executor: AnyExecutor = Field(LocalSection(), description="Where evaluations run; a kind alone will do.")
    budget: Budget = Field(Budget(), description="What the search may spend.")
    planner: PlannerSection = Field(PlannerSection(), description="Who proposes with knowledge.")
    memory: MemorySection = Field(MemorySection(), description="What is taken from past studies.")
    model: ModelSection = Field(ModelSection(), description="The language model.")
    gate: Annotated[GateSection, BeforeValidator(_policy_alone)] = Field(
        GateSection(), description="Who proposes next; a policy's name alone will do."
    )
    sampler: SamplerSection = Field(SamplerSection(), description="The optimizer.")
    cost: CostSection | None = Field(None, description="What a trial costs.")
    fidelity: FidelitySection | None = Field(None, description="Evaluations that may be stopped early.")
    check: Check = Field(Check(), description="What follows the search.")
    approval: ApprovalSection = Field(ApprovalSection(), description="Who decides about edits and configurations.")
    apply: Apply | None = Field(None, description="How a configuration is written to a file.")
    _directory: Path = PrivateAttr(Path())
    _text: str = PrivateAttr("")

    def read_from(self, directory: Path, text: str) -> Self:
        """Return the study as read from a file in this folder, with this text."""
        placed = self.model_copy()
        placed._directory, placed._text = directory, text  # noqa: SLF001 (our own copy)
        return placed

    @property
    def directory(self) -> Path:
        """The folder of the study's file: where its programs are looked for."""
        return self._directory

    @property
    def text(self) -> str:
        """The text of the file that the study was read from; '' when there was none."""
        return self._text

    @model_validator(mode="before")
    @classmethod
    def _target_alone(cls, given: object) -> object:
        """Let a file with [target] do without [evaluation], and say [service] for [target.service]."""
        for name in _OF_THE_TARGET:
            if isinstance(given, dict) and name in given:
                given = _into_target(given, name)
        if not isinstance(given, dict) or "target" not in given:
            return given
        given = {"evaluation": {}, **given}
        evaluation, target = given["evaluation"], given["target"]
        alone = isinstance(given.get("objectives"), list) and len(given["objectives"]) == 1
        if isinstance(target, Mapping) and target.get("code") and isinstance(evaluation, Mapping) and alone:
            repeats = evaluation.get("repeats")
            least = max(_RACE, repeats) if isinstance(repeats, int) else _RACE
            given["evaluation"] = {"max_repeats": least, **evaluation}
        return given

    @model_validator(mode="after")
    def _names_a_target(self) -> Self:
        if self.target is None and self.evaluation.command is None and self.evaluation.python is None:
            error = ValueError("give either command = '...' or python = 'module:function', or a [target]")
            wrong = InitErrorDetails(type="value_error", loc=("evaluation",), input={}, ctx={"error": error})
            raise ValidationError.from_exception_data("Study", [wrong])
        return self

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study.name

    @cached_property
    def space(self) -> Space:
        """The search space that the file declares."""
        clauses = tuple(Clause(self.expression(each.when), each.reason) for each in self.forbidden)
        conditions = {
            name: self.expression(each.when) for name, each in self.parameters.items() if each.when is not None
        }
        return Space(self.parameters, clauses, {name: each.narrow for name, each in self.focus.items()}, conditions)

    def expression(self, text: str) -> Expression:
        """Parse a condition or clause, with derived values written out.

        Raises:
            ExpressionError: it is none.
        """
        return parse(text).expanded({name: parse(each) for name, each in self.derived.items()})

    @cached_property
    def wording(self) -> Wording:
        """How configurations are written into commands, the environment and files, and which units metrics have."""
        forms = {name: each.form for name, each in self.parameters.items() if each.form != Form()}
        named = [(each.metric, each.unit) for each in self.objectives]
        named += [(each.metric, each.unit) for each in self.constraints]
        units = {metric: unit for metric, unit in named if unit and unit_of(unit) is not None}
        compared = [each.metric for each in self.constraints]
        compared += [each.metric for each in self.objectives if each.aim is not None or each.desirability is not None]
        absolute = tuple(metric for metric in dict.fromkeys(compared) if metric not in units)
        given = {"forms": forms, "derived": self.derived, "units": units, "absolute": absolute, "files": self.files}
        constants = {name: each.constant for name, each in self.parameters.items() if each.constant is not None}
        return Wording(**given, settings=self._settings, constants=constants)

    @property
    def _settings(self) -> dict[str, Tuned]:
        """The parameters of a target that sets them by name."""
        if self.target is None or not self.target.SETTINGS:
            return {}
        default = self.space.default
        return {name: Tuned(unit=each.unit, default=default.get(name)) for name, each in self.parameters.items()}

    @cached_property
    def program(self) -> Evaluation:
        """The evaluation section as if it also said what [target] says of the program that measures."""
        return self.target.into(self.evaluation) if self.target is not None else self.evaluation

    def place_of(self, field: str) -> tuple[str, str]:
        """Return where the file says a field of the program: in [target], or in [evaluation] as shorthand."""
        return ("target" if self.target is not None else "evaluation", field)

    @property
    def code(self) -> CodeSection | None:
        """The program that a planner may edit, if there is one."""
        return self.target.code if self.target is not None else None

    @cached_property
    def project(self) -> Project | None:
        """The files of that program, as they were when they were first asked for.

        Raises:
            InputError: they cannot be used.
        """
        return Project.read(self.code, self.directory) if self.code is not None else None

    def pinned(self) -> Self:
        """Return the study as one that holds only for the project as it stands now; itself without a project."""
        if self.project is None or self.target is None or self.code is None or self.code.base:
            return self
        code = self.code.model_copy(update={"base": self.project.base})
        placed = self.model_copy(update={"target": self.target.model_copy(update={"code": code})})
        return placed.read_from(self.directory, self.text)

    def sending(self, allowed: bool) -> Self:  # a switch
        """Return the study as one whose source may, or may not, be sent to a model on another machine."""
        if self.target is None or self.code is None:
            return self
        code = self.code.model_copy(update={"send": allowed})
        placed = self.model_copy(update={"target": self.target.model_copy(update={"code": code})})
        return placed.read_from(self.directory, self.text)

    def drawing(self) -> Self:
        """Return the study as one that takes part in memory's lottery, unless its file says otherwise."""
        if "lottery" in self.memory.model_fields_set:
            return self
        placed = self.model_copy(update={"memory": self.memory.model_copy(update={"lottery": True})})
        return placed.read_from(self.directory, self.text)

    @property
    def required_metrics(self) -> tuple[str, ...]:
        """Names of the metrics every evaluation must report, objectives first."""
        names = [each.metric for each in self.objectives] + [each.metric for each in self.constraints]
        names += [self.cost.metric] if self.cost else []
        return tuple(dict.fromkeys(names))

    @property
    def by_desirability(self) -> bool:
        """Whether the objectives are judged together, by one score."""
        return all(each.desirability is not None for each in self.objectives)

    def losses(self, metrics: Mapping[str, float]) -> tuple[float, ...]:
        """Return what a sampler minimises: a loss per objective, or one when there is a desirability."""
        if self.by_desirability:
            scores = [each.desirable(metrics[each.metric]) for each in self.objectives]
            return (1.0 - overall(scores, [each.desirability.weight for each in self.objectives if each.desirability]),)
        return tuple(each.loss(metrics[each.metric]) for each in self.objectives)

    @property
    def loss_name(self) -> str:
        """What `metric_of` returns, in words."""
        return "1 - desirability" if self.by_desirability else self.objectives[0].loss_name

    def metric_of(self, loss: float) -> float:
        """Return the first loss as people know it: the metric, its distance from the aim, or 1 - desirability."""
        return loss if self.by_desirability else self.objectives[0].metric_of(loss)

    @property
    def goals(self) -> int:
        """The number of losses."""
        return 1 if self.by_desirability else len(self.objectives)
