"""Everything a face can show, as typed events. Each is a pydantic model; its JSON is the `--json` contract.

A field may be added within a schema version, never renamed or removed.
"""

import time
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ..tools.expressions import Value
from ..tools.targets import Phase
from ..tools.text import neutral_line
from .trials.lines import edit_words
from .trials.trial import Trial

SCHEMA_VERSION = 1

NoticeKind = Literal["sandbox", "hopeless", "setting", "restored", "cleanup", "model", "memory"]
ThoughtKind = Literal["opening", "second look", "look", "step"]
ProblemCode = Literal[
    "empty",
    "refusal",
    "prose",
    "malformed",
    "truncated",
    "wrong_shape",
    "duplicate",
    "unpromising",
    "unknown_parameters",
    "invalid_value",
    "forbidden",
    "frozen",
    "too_many",
    "bad_edit",
    "length",
    "content_filter",
    "invalid_tool_call",
    "unknown_tool",
    "invalid_arguments",
    "no_proposal",
    "call_failed",
    "paused",
    "budget",
    "thought_spent",
    "crashed",
    "refused",
]


class _Event(BaseModel):
    model_config = ConfigDict(frozen=True)

    study: str = Field(description="Key of the study in the store.")
    time: float = Field(default_factory=time.time, description="Seconds since the epoch.")
    schema_version: int = SCHEMA_VERSION

    @model_validator(mode="before")
    @classmethod
    def _is_harmless(cls, given: Any) -> Any:
        """Make all text one visible line, but for configurations: they are the study's own, and applied as they are."""
        return neutral_line(given, keep=("configuration", "parameters"))


class StudyStarted(_Event):
    """The first event of a run: who will propose, where evaluations run, and what the budget is."""

    event: Literal["study_started"] = "study_started"
    resumed: bool
    trials_done: int
    planner: str
    planner_reason: str
    sampler: str
    sandbox: str
    sandbox_guarantees: str
    workers: int
    budget: dict[str, dict[str, float | None]]
    store: str
    environment: dict[str, Any]
    default: "DefaultTrial | None" = Field(None, description="On resume: what the default measured.")
    best: "BestTrial | None" = Field(None, description="On resume: the incumbent so far.")


class Notice(_Event):
    """Something the user should know that is not a trial: a fallback, a refused proposal, a weaker sandbox."""

    event: Literal["notice"] = "notice"
    kind: NoticeKind
    message: str


class ModelCalled(_Event):
    """A language model was called; `outcome` is 'ok' or the kind of failure. Every attempt is one event."""

    event: Literal["model_called"] = "model_called"
    model: str
    outcome: str
    attempt: int
    input_tokens: int
    output_tokens: int
    dollars: float | None
    latency_s: float
    message: str = ""
    budget: dict[str, dict[str, float | None]]


class PlannerAsked(_Event):
    """The planner starts on a thought. `wait_s` is how long the run waits for it at most, 0 where it goes on."""

    event: Literal["planner_asked"] = "planner_asked"
    thought: int = Field(description="Number of the thought in this study, from 0.")
    kind: ThoughtKind = Field(description="Why now.")
    wait_s: float


class PlannerAnswered(_Event):
    """A thought has ended, with as many ideas that can be tried."""

    event: Literal["planner_answered"] = "planner_answered"
    thought: int
    proposals: int
    latency_s: float


class PlannerProblem(_Event):
    """Something the planner did could not be used; the optimizer goes on. Each code is counted in the report."""

    event: Literal["planner_problem"] = "planner_problem"
    code: ProblemCode
    message: str


class ApprovalDecided(_Event):
    """A rule or a person decided whether a proposal may be measured; there is none where nobody and nothing decides."""

    event: Literal["approval_decided"] = "approval_decided"
    tool: Literal["propose", "edit"] = Field(description="What was judged: a configuration, or an edit of the program.")
    decision: Literal["allow", "refuse"]
    by: Literal["rule", "person"]
    reason: str = Field(description="The rule in words, or what the person said.")
    source: str
    configuration: dict[str, Value]
    files: dict[str, int] = Field({}, description="Of an edit: the lines that it changes, by file.")


class TrialStarted(_Event):
    """A configuration is about to be evaluated."""

    event: Literal["trial_started"] = "trial_started"
    trial: int
    source: str
    configuration: dict[str, Value]
    rationale: str = ""
    author: str = Field("", description="Of a planner's proposal: the model, or 'offline'.")
    predicted: dict[str, tuple[float, float, float]] = Field({}, description="Metric to (expected, low, high).")
    changes: list[dict[str, Any]] = Field([], description="What repair did: parameter, given, used, why.")
    gate: str = Field("", description="Why it was this one's turn.")
    scores: dict[str, float] = Field({}, description="The arms' scores when it was decided.")
    fidelity: int | None = Field(None, description="Last step of the evaluation, where it may be stopped early.")
    edit: str = Field("", description="What its edit of the program is, in a few words.")
    parent: int | None = Field(None, description="The trial whose code the edit goes on from.")

    @classmethod
    def of(cls, study: str, trial: Trial) -> Self:
        """Return the event of a trial of the study with this key."""
        return cls(
            study=study,
            trial=trial.number,
            source=trial.source.label,
            configuration=trial.configuration,
            rationale=trial.rationale,
            author=trial.source.author,
            predicted=trial.predicted,
            changes=trial.changes,
            gate=trial.gate.get("why", ""),
            scores=trial.gate.get("scores", {}),
            fidelity=trial.fidelity,
            edit=edit_words(trial),
            parent=trial.parent,
        )


class EvaluationFinished(_Event):
    """One run of the target ended; a trial has one or more."""

    event: Literal["evaluation_finished"] = "evaluation_finished"
    trial: int
    position: int
    repeats: int
    seed: int
    state: Literal["complete", "failed", "pruned"]
    metrics: dict[str, float]
    reason: str | None = None
    phase: Phase = Field("measure", description="Where it failed; the reason names it too, unless it is 'measure'.")
    duration_s: float
    host: str = Field("", description="The machine that it ran on.")


class IntermediateValue(_Event):
    """A running evaluation reported a value on the way; `stopped` when it was not good enough to go on."""

    event: Literal["intermediate_value"] = "intermediate_value"
    trial: int
    step: int
    metrics: dict[str, float]
    stopped: bool


class TrialFinished(_Event):
    """A trial has its result."""

    event: Literal["trial_finished"] = "trial_finished"
    trial: int
    source: str
    configuration: dict[str, Value]
    metrics: dict[str, float]
    state: Literal["complete", "failed", "infeasible", "pruned", "lost"]
    reason: str | None = None
    duration_s: float
    incumbent: bool = Field(description="Whether it is now the best trial.")
    budget: dict[str, dict[str, float | None]]

    @classmethod
    def of(cls, study: str, trial: Trial, budget: dict[str, dict[str, float | None]], *, improved: bool) -> Self:
        """Return the event of a trial that ended, of the study with this key."""
        assert trial.state != "running"
        return cls(
            study=study,
            trial=trial.number,
            source=trial.source.label,
            configuration=trial.configuration,
            metrics=trial.metrics,
            state=trial.state,
            reason=trial.reason,
            duration_s=trial.duration_s,
            incumbent=improved,
            budget=budget,
        )


class CheckProgressed(_Event):
    """Something was measured after the search: a round of the race, a pair of the check, a step of the ablation."""

    event: Literal["check_progressed"] = "check_progressed"
    phase: Literal["race", "check", "ablation", "minimal"]
    done: int
    total: int


class StudyInterrupted(_Event):
    """The run was stopped before its end; everything measured is stored."""

    event: Literal["study_interrupted"] = "study_interrupted"
    trials: int
    resume: str = Field(description="How to go on.")


class BestTrial(BaseModel):
    """The incumbent."""

    trial: int
    configuration: dict[str, Value]
    metrics: dict[str, float]
    edit: str = Field("", description="What its edit of the program is, in a few words.")


class DefaultTrial(BaseModel):
    """What the default configuration measured in the search."""

    metrics: dict[str, float]
    state: str


class ConstraintResult(BaseModel):
    """How default and incumbent keep a constraint on the check seeds: (centre, low, high) of the metric each.

    `*_keeps` is null where the measurements cannot tell.
    """

    metric: str
    bound: str = Field(description="In words, such as '<= 500'.")
    default: tuple[float, float, float] | None
    incumbent: tuple[float, float, float] | None
    default_keeps: bool | None
    incumbent_keeps: bool | None


class CheckResult(BaseModel):
    """The paired re-measurement of incumbent against default on the check seeds.

    `ratio` is how many times better the incumbent is (above 1: better), with a 95 % interval that needs no assumption
    about the noise; null where a ratio has no meaning (values of both signs), and then `difference` is the gain.
    The interval is null with too few pairs.
    """

    metric: str
    ratio: float | None
    low: float | None
    high: float | None
    pairs: int
    difference: tuple[float, float, float] | None = None
    improved: bool
    verdict: str
    default_median: float | None = None
    incumbent_median: float | None = None
    failed_pairs: int = 0
    constraints: list[ConstraintResult] = []
    smallest: float | None = Field(None, description="Gain that so many pairs of this spread prove 4 times in 5.")
    notes: list[str] = Field([], description="What a reader should know beside the verdict.")
    risk: float | None = Field(
        None, description="Of an improvement: the chance that it is none, where half of such changes are none."
    )
    void: bool = Field(False, description="Whether the incumbent failed or broke a constraint, so nothing is proved.")


class RaceResult(BaseModel):
    """One of the best trials of the search in the race for the check, which took place on seeds of its own."""

    trial: int
    rounds: int = Field(description="How often it was measured.")
    ratio: float | None = Field(description="How many times better than the default, by the mean of the rounds.")
    failed: int
    stayed: bool = Field(description="False: it was told from the leader, and left.")


class AblationStep(BaseModel):
    """One step on the way from the default to the incumbent: what changed, and how much better it made things."""

    parameters: dict[str, tuple[Value | None, Value | None]] = Field(description="Name to (from, to).")
    ratio: float | None
    low: float | None
    high: float | None
    matters: bool


class MinimalConfiguration(BaseModel):
    """The incumbent without the changes that were not seen to help, measured beside it and the default.

    `checks` are those of this configuration against the default, one per objective; empty where it was not measured.
    """

    configuration: dict[str, Value]
    dropped: dict[str, tuple[Value | None, Value | None]] = Field(description="Name to (the incumbent's, its own).")
    accepted: bool = Field(description="Whether it is as good, and so what is applied first.")
    verdict: str
    checks: list[CheckResult] = []


class StudyFinished(_Event):
    """The last event: the result."""

    event: Literal["study_finished"] = "study_finished"
    trials: int
    stopped_by: str
    best: BestTrial | None
    default: DefaultTrial | None
    check: CheckResult | None
    checks: list[CheckResult] = Field([], description="One per objective; `check` is the first.")
    race: list[RaceResult] = Field([], description="The race for the check, the winner first; empty without one.")
    cut: list[str] = Field([], description="What was left out of race, check and ablation because it is long, and why.")
    ablation: list[AblationStep] = []
    minimal: MinimalConfiguration | None = Field(None, description="A smaller configuration, where one was looked for.")
    front: list[BestTrial] = Field([], description="The Pareto front, with several objectives or a cost.")
    counts: dict[str, int] = Field({}, description="Trials by state, source and author; proposals repaired.")
    memory: dict[int, list[str]] = Field({}, description="Trials that memory proposed, and what each rests on.")
    calls: dict[str, int] = Field({}, description="Calls of the model by outcome.")
    problems: dict[str, int] = Field({}, description="What the planner did that could not be used, by code.")
    budget: dict[str, dict[str, float | None]] = {}
    waited_s: float = Field(0.0, description="Seconds that the search waited for the planner's answers.")
    calibration: str = Field("", description="The planner's predictions against results, in words.")
    planner: str
    planner_reason: str = ""
    sampler: str
    sandbox: str

    def offered(self, *, whole: bool = False) -> dict[str, Value] | None:
        """Return what is offered: the minimal configuration where it is as good, else the `whole` incumbent.

        None where nothing was complete.
        """
        if self.minimal is not None and self.minimal.accepted and not whole:
            return self.minimal.configuration
        return self.best.configuration if self.best is not None else None


Event = Annotated[
    StudyStarted
    | Notice
    | ModelCalled
    | PlannerAsked
    | PlannerAnswered
    | PlannerProblem
    | ApprovalDecided
    | TrialStarted
    | IntermediateValue
    | EvaluationFinished
    | TrialFinished
    | CheckProgressed
    | StudyInterrupted
    | StudyFinished,
    Field(discriminator="event"),
]


def best_of(trial: Trial) -> BestTrial:
    """Return a trial as the events show it."""
    return BestTrial(
        trial=trial.number, configuration=trial.configuration, metrics=trial.metrics, edit=edit_words(trial)
    )
