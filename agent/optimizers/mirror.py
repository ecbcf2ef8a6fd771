"""Keeps an in-memory Optuna study in step with ours, so that a sampler sees every proposal and every result.

Only validated configurations reach it: Optuna itself takes out-of-range values and unknown names without an error.
"""

import random
import warnings
from collections.abc import Collection, Mapping, Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.pruners import BasePruner, NopPruner
from optuna.trial import TrialState

from ...tools.errors import TrimtabError
from ...tools.expressions import Value
from ..parts import PRUNERS, SAMPLERS
from ..pruners.base import PruningSetting
from ..pruners.iterative import CONTINUES, IterativeDeepeningPruner
from ..study.parameters import Parameter
from ..study.sections import Study
from ..study.space import Configuration, from_optuna, key
from ..trials.history import violations
from ..trials.trial import Trial
from .auto import choose
from .base import ADVISED, COST, FAILED, Forecasting, Setting

_ATTEMPTS = 6

optuna.logging.set_verbosity(optuna.logging.WARNING)


class SpaceExhaustedError(TrimtabError):
    """Every configuration of a finite space was tried."""


class Optimizer:
    """Samplers and the trials they were told. `names` are the samplers', the sources of their proposals."""

    def __init__(self, study: Study, *, told: int = 0) -> None:
        """Build the study's sampler. `told` trials are already known, which moves its seed on after a resume."""
        setting = Setting(
            space=study.space,
            trials=study.budget.trials,
            workers=study.evaluation.workers,
            objectives=study.goals,
            seed=study.sampler.seed + 7919 * told,
            pruned=study.fidelity is not None,
        )
        self.study = study
        wanted = study.gate.samplers or [study.sampler.name]
        self.names = list(dict.fromkeys(choose(setting) if name == "auto" else name for name in wanted))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            self._samplers = {name: SAMPLERS[name](setting) for name in self.names}
            self._pruner = _pruner(study)
        self._optuna = optuna.create_study(
            study_name=study.name,  # Hyperband draws a trial's bracket from it
            sampler=self._samplers[self.names[0]],
            pruner=self._pruner,
            directions=["minimize"] * study.goals,
        )
        self._running: dict[int, optuna.Trial] = {}
        self._numbers: dict[int, int] = {}
        self._proposed: dict[str, optuna.Trial] = {}
        self._rng = random.Random(setting.seed)
        self._worst: list[float] | None = None

    @property
    def name(self) -> str:
        """The first sampler's name, or all of them."""
        return "+".join(self.names)

    def propose(self, seen: Collection[str], arm: str | None = None) -> Configuration:
        """Return an allowed configuration that is not in `seen` (keys of configurations); `arm` names the sampler.

        Raises:
            SpaceExhaustedError: there is none left.
        """
        self._optuna.sampler = self._samplers[arm or self.names[0]]
        configuration = {}
        for _attempt in range(_ATTEMPTS):
            trial = self._optuna.ask()
            configuration = self._draw(trial)
            if key(configuration) not in seen and self.study.space.violated(configuration) is None:
                self._proposed[key(configuration)] = trial
                return configuration
            self._optuna.tell(trial, state=TrialState.FAIL)
        repaired = self.study.space.repair(configuration).configuration
        if key(repaired) not in seen:
            return repaired
        return self._unseen(seen)

    def forecast(self, configurations: Sequence[Configuration]) -> list[tuple[float, float, float]] | None:
        """Return the loss (expected, low, high: 90 %) that the first sampler expects of configurations.

        None where it does not say, or has too little to go by.
        """
        sampler = self._forecasting()
        return None if sampler is None else sampler.forecast(self._optuna, configurations)

    def candidates(self, count: int) -> list[Configuration]:
        """Return what the first sampler would try by all it knows, best first; [] while it has too little to go by."""
        sampler = self._forecasting()
        return [] if sampler is None else sampler.candidates(self._optuna, count)

    def _forecasting(self) -> Forecasting | None:
        sampler = self._samplers[self.names[0]]
        return sampler if self.study.goals == 1 and isinstance(sampler, Forecasting) else None

    def _unseen(self, seen: Collection[str]) -> Configuration:
        for _attempt in range(2000):
            configuration = self.study.space.sample(self._rng)
            if key(configuration) not in seen:
                return configuration
        raise SpaceExhaustedError(f"every configuration that could be found was tried ({len(seen)})")

    def _draw(self, trial: optuna.Trial) -> Configuration:
        def choose(name: str, parameter: Parameter) -> Value:
            value = from_optuna(parameter, _suggest(trial, name, self.study.space.distributions[name]))
            return self.study.space.focused(name, parameter, parameter.mend(value)[0])

        return self.study.space.draw(choose)

    def started(
        self,
        number: int,
        configuration: Mapping[str, Value],
        continues: int | None = None,
        *,
        advised: bool = False,
    ) -> None:
        """Tell the sampler that a trial is running, whoever proposed it.

        `continues` is the trial it runs on; `advised` is whether a planner or a person proposed it.
        """
        trial = self._proposed.pop(key(configuration), None)
        if trial is None:
            self._optuna.enqueue_trial(dict(self.study.space.to_optuna(configuration)))
            trial = self._optuna.ask()
            for name in configuration:
                _suggest(trial, name, self.study.space.distributions[name])
        self._running[number] = trial
        self._numbers[number] = trial.number
        if advised:
            trial.set_user_attr(ADVISED, True)
        if continues is not None:
            trial.set_user_attr(CONTINUES, self._numbers[continues])

    def reported(self, number: int, step: int, loss: float) -> bool:
        """Tell the pruner what a running trial reached at a step; return whether to stop the trial."""
        running = self._running[number]
        running.report(loss, step)
        return running.should_prune()

    def continuations(self) -> list[tuple[int, Configuration]]:
        """Return trials to be run on because the last step was raised: number and configuration, the best first."""
        if not isinstance(self._pruner, IterativeDeepeningPruner):
            return []
        numbers = {inner: number for number, inner in self._numbers.items()}
        parameters = self.study.space.parameters
        return [
            (numbers[each.number], {name: from_optuna(parameters[name], value) for name, value in each.params.items()})
            for each in self._pruner.continuations(self._optuna)
        ]

    def dropped(self, number: int) -> None:
        """Forget a running trial that says nothing of its configuration."""
        self._optuna.tell(self._running.pop(number), state=TrialState.FAIL)

    def finished(self, trial: Trial) -> None:
        """Tell the sampler a result. A failed trial counts as badly as the worst so far, so that it is avoided."""
        running = self._running.pop(trial.number)
        usable = all(each.metric in trial.metrics for each in self.study.objectives)
        cost = self.study.cost
        if cost is not None and cost.metric in trial.metrics:
            running.set_user_attr(COST, trial.metrics[cost.metric])
        if trial.state == "pruned" and self.study.fidelity is None and usable:
            self._optuna.tell(running, list(self.study.losses(trial.metrics)))  # censored: at least so much
        elif trial.state == "pruned":
            self._optuna.tell(running, state=TrialState.PRUNED)
        elif trial.state in {"complete", "infeasible"} and usable:
            losses = list(self.study.losses(trial.metrics))
            self._worst = losses if self._worst is None else [max(p) for p in zip(losses, self._worst, strict=True)]
            for metric, violation in violations(self.study, trial.metrics).items():
                running.set_constraint(metric, violation)
            self._optuna.tell(running, losses)
        elif self._worst is None:
            self._optuna.tell(running, state=TrialState.FAIL)
        else:
            for constraint in self.study.constraints:
                running.set_constraint(constraint.metric, 1.0)
            running.set_user_attr(FAILED, True)
            self._optuna.tell(running, self._worst)


def _pruner(study: Study) -> BasePruner:
    wanted = study.fidelity
    if wanted is None:
        return NopPruner()
    return PRUNERS[wanted.pruner](PruningSetting(wanted.low, wanted.high, wanted.eta, wanted.variant))


def _suggest(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> Value:
    match distribution:
        case FloatDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_float(name, low, high, step=step, log=log)
        case IntDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_int(name, low, high, step=step, log=log)
        case CategoricalDistribution(choices=choices):
            value: Value = trial.suggest_categorical(name, choices)  # type: ignore[assignment]
            return value
        case _:
            raise TypeError(f"no suggestion for {distribution}")
