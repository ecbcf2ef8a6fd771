"""An Optuna sampler that asks a language model now and then, and another sampler the rest of the time.

study = optuna.create_study(sampler=PlannerSampler(model="local", fallback=TPESampler()))
"""

import math
import warnings
from collections import deque
from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.trial import FrozenTrial, TrialState
from pydantic import ValidationError

from ...tools.errors import InputError
from ...tools.loop_thread import LoopThread
from ..budget import Ledger
from ..events import Event, PlannerProblem
from ..models.choice import choose
from ..models.settings import ModelSection
from ..optimizers.state import OptimizerState
from ..study.sections import Study
from ..study.space import Configuration
from ..trials.candidate import Candidate
from ..trials.history import History
from ..trials.proposal import Accepted, review
from ..trials.source import DEFAULT, Source
from ..trials.trial import Trial
from .base import Context, Setup
from .model import ModelPlanner

_METRIC = "objective"
_KINDS = {TrialState.COMPLETE: "complete", TrialState.FAIL: "failed", TrialState.PRUNED: "pruned"}


class PlannerSampler(BaseSampler):
    """Lets a language model propose at most `share` of the trials; `fallback` proposes the others.

    The model sees the parameters that all past trials have in common. Whatever it fails at, the fallback does;
    `problems` holds what could not be used. For studies with one objective.
    """

    def __init__(
        self,
        model: str = "auto",
        fallback: BaseSampler | None = None,
        *,
        share: float = 0.3,
        prompts: str = "auto",
        description: str = "",
        **settings: Any,
    ) -> None:
        """`model` is as in a study file's [model] section, whose other fields may follow as `settings`.

        Raises:
            InputError: no such model can be used.
        """
        self.fallback = fallback or optuna.samplers.TPESampler()
        self.share, self.prompts, self.description = share, prompts, description
        self.settings = {"name": model, **settings}
        try:
            ModelSection.model_validate(self.settings)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            raise InputError(f"PlannerSampler: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
        self.problems: list[str] = []
        self._common = IntersectionSearchSpace()
        self._ideas: deque[Configuration] = deque()
        self._loop: LoopThread | None = None
        self._planner: ModelPlanner | None = None
        self._proposed = 0

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that all past trials share, and what the fallback wants."""
        return {**self._common.calculate(study), **self.fallback.infer_relative_search_space(study, trial)}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the model's configuration when it has its turn, else the fallback's."""
        if search_space and self._proposed + 1 <= self.share * (trial.number + 1):
            idea = self._tried(study, search_space)
            if idea is not None:
                self._proposed += 1
                return idea
        wanted = self.fallback.infer_relative_search_space(study, trial)
        return self.fallback.sample_relative(study, trial, wanted)

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Leave it to the fallback."""
        return self.fallback.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Pass it on."""
        self.fallback.before_trial(study, trial)

    def after_trial(
        self, study: optuna.Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Pass it on."""
        self.fallback.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        """Pass it on."""
        self.fallback.reseed_rng()

    def close(self) -> None:
        """End an embedded model; the operating system does so too when this process ends."""
        if self._loop is not None:
            loop, self._loop = self._loop, None
            with loop:
                if self._planner is not None:
                    loop.run(self._planner.close())

    def _tried(self, study: optuna.Study, space: dict[str, BaseDistribution]) -> dict[str, Any] | None:
        """Return the model's idea, None when it has none; what it fails at is noted, and left to the fallback.

        Raises:
            InputError: the study has several objectives, or there is no model.
        """
        if len(study.directions) > 1:
            raise InputError("PlannerSampler takes studies with one objective", "use trimtab tune for several")
        try:
            ours = study_of(study, space, self.description, self.prompts, self.settings)
            history = history_of(study, ours, space)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            self._problem(f"crashed: not for a model: {'.'.join(map(str, first['loc']))}: {first['msg']}")
            return None
        if self._planner is None:
            self._planner = _planner(ours)
        idea = self._idea(ours, history)
        return None if idea is None else {name: value_of(space[name], idea[name]) for name in space if name in idea}

    def _idea(self, ours: Study, history: History) -> Configuration | None:
        if not self._ideas and self._planner is not None:
            state = OptimizerState(type(self.fallback).__name__)
            context = Context(ours, history, Ledger({}, {}), optimizer=state, emit=self._note)
            self._loop = self._loop or LoopThread()
            try:
                proposals = self._loop.run(self._planner.propose(context, 1))
            except Exception as error:  # noqa: BLE001  # a model must not end somebody's study
                self._problem(f"crashed: {type(error).__name__}: {error}")
                proposals = []
            reviewed = [review(proposal, ours.space, history.seen) for proposal in proposals]
            self._ideas.extend(each.configuration for each in reviewed if isinstance(each, Accepted))
        return self._ideas.popleft() if self._ideas else None

    def _note(self, event: Event) -> None:
        if isinstance(event, PlannerProblem):
            self._problem(f"{event.code}: {event.message}")

    def _problem(self, message: str) -> None:
        if message not in self.problems[-1:]:
            warnings.warn(f"planner, {message}", stacklevel=2)
        self.problems.append(message)


def _planner(study: Study) -> ModelPlanner:
    found = choose(study.model)
    if found.model is None:
        raise InputError(found.why_none, "name a model")
    return ModelPlanner(Setup(study), found.model)


def study_of(
    study: optuna.Study,
    space: dict[str, BaseDistribution],
    description: str,
    prompts: str,
    model: dict[str, Any],
) -> Study:
    """Return an Optuna study with one objective as one of ours: the given parameters, the first trial's as defaults.

    Raises:
        ValidationError: ours cannot express it.
    """
    direction = "maximize" if study.directions[0] == optuna.study.StudyDirection.MAXIMIZE else "minimize"
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    start = (
        {name: label_of(space[name], value) for name, value in done[0].params.items() if name in space} if done else {}
    )
    data = {
        "study": {"name": "optuna", "description": description or study.study_name},
        "parameters": {name: parameter_of(each, start.get(name)) for name, each in space.items()},
        "objectives": [{"metric": _METRIC, "direction": direction}],
        "evaluation": {"command": ["true"]},
        "planner": {"name": "model", "prompts": prompts, "offline_first": False},
        "model": model,
    }
    return Study.model_validate(data)


def parameter_of(distribution: BaseDistribution, default: Any) -> dict[str, Any]:
    """Return an Optuna distribution as a parameter of ours."""
    match distribution:
        case FloatDistribution(low=low, high=high, step=step, log=log):
            start = low if default is None else default
            return {"type": "float", "low": low, "high": high, "step": step, "log": log, "default": start}
        case IntDistribution(low=low, high=high, step=step, log=log):
            start = low if default is None else default
            return {"type": "int", "low": low, "high": high, "step": step, "log": log, "default": start}
        case CategoricalDistribution():
            choices = labels_of(distribution)
            start = choices[0] if default is None else default
            if set(map(type, choices)) == {bool}:
                return {"type": "bool", "default": start}
            return {"type": "categorical", "choices": choices, "default": start}
        case _:
            raise InputError(f"PlannerSampler knows no {type(distribution).__name__}", "use another sampler")


def labels_of(distribution: CategoricalDistribution) -> list[Any]:
    """Return choices as a study file has them: as they are, or as words where they are None or of several kinds."""
    choices: list[Any] = list(distribution.choices)
    kinds = set(map(type, choices))
    if kinds in ({bool}, {str}) or (kinds <= {int, float} and all(map(math.isfinite, choices))):
        return choices
    words = [str(each) for each in choices]
    return words if len(set(words)) == len(words) else [repr(each) for each in choices]


def label_of(distribution: BaseDistribution, value: Any) -> Any:
    """Return a parameter's value as our study names it."""
    if not isinstance(distribution, CategoricalDistribution):
        return value
    return labels_of(distribution)[int(distribution.to_internal_repr(value))]


def value_of(distribution: BaseDistribution, label: Any) -> Any:
    """Return the value that our study names so."""
    if not isinstance(distribution, CategoricalDistribution):
        return label
    return distribution.choices[labels_of(distribution).index(label)]


def history_of(study: optuna.Study, ours: Study, space: dict[str, BaseDistribution]) -> History:
    """Return the finished trials of an Optuna study."""
    history = History(ours)
    for number, each in enumerate(study.get_trials(deepcopy=False, states=tuple(_KINDS))):
        configuration = ours.space.complete({k: label_of(space[k], v) for k, v in each.params.items() if k in space})
        trial = Trial(number, DEFAULT if number == 0 else Source("sampler", "sampler"), Candidate(configuration))
        trial.state = _KINDS[each.state]  # type: ignore[assignment]  # one of State's words
        if each.state == TrialState.COMPLETE and each.value is not None:
            trial.metrics = {_METRIC: each.value}
        history.add(trial)
        history.update(trial)
    return history
