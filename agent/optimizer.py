"""Keeps an in-memory Optuna study in step with ours, so that a sampler sees every proposal and every result.

Only validated configurations reach it: Optuna itself takes out-of-range values and unknown names without an error.
"""

import random
import warnings
from collections.abc import Collection, Mapping

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from ..tools.errors import TrimtabError
from ..tools.expressions import Value
from .history import violations
from .optimizers import SAMPLERS
from .optimizers.auto import choose
from .optimizers.base import Setting
from .parameters import Parameter
from .space import Configuration, from_optuna, key
from .study import Study
from .trial import Trial

_ATTEMPTS = 6

optuna.logging.set_verbosity(optuna.logging.WARNING)


class SpaceExhaustedError(TrimtabError):
    """Every configuration of a finite space was tried."""


class Optimizer:
    """A sampler and the trials it was told. `name` is the sampler's, the source of its proposals."""

    def __init__(self, study: Study, *, told: int = 0) -> None:
        """Build the study's sampler. `told` trials are already known, which moves its seed on after a resume."""
        setting = Setting(
            space=study.space,
            trials=study.budget.trials,
            workers=study.evaluation.workers,
            objectives=len(study.objectives),
            seed=study.sampler.seed + 7919 * told,
        )
        self.study = study
        self.name = choose(setting) if study.sampler.name == "auto" else study.sampler.name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = SAMPLERS[self.name](setting)
        self._optuna = optuna.create_study(
            sampler=sampler,
            directions=["minimize"] * len(study.objectives),
        )
        self._running: dict[int, optuna.Trial] = {}
        self._proposed: dict[str, optuna.Trial] = {}
        self._rng = random.Random(setting.seed)
        self._worst: list[float] | None = None
        self._peeked: Configuration | None = None

    def propose(self, seen: Collection[str]) -> Configuration:
        """Return an allowed configuration that is not in `seen` (keys of configurations).

        Raises:
            SpaceExhaustedError: there is none left.
        """
        if self._peeked is not None:
            configuration, self._peeked = self._peeked, None
            if key(configuration) not in seen:
                return configuration
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

    def peek(self, seen: Collection[str]) -> Configuration:
        """Return what `propose` will return next, as long as nobody else tries it first.

        Raises:
            SpaceExhaustedError: there is nothing left to propose.
        """
        if self._peeked is None or key(self._peeked) in seen:
            self._peeked = self.propose(seen)
        return self._peeked

    def _unseen(self, seen: Collection[str]) -> Configuration:
        for _attempt in range(2000):
            configuration = self.study.space.sample(self._rng)
            if key(configuration) not in seen:
                return configuration
        raise SpaceExhaustedError(f"every configuration that could be found was tried ({len(seen)})")

    def _draw(self, trial: optuna.Trial) -> Configuration:
        def choose(name: str, parameter: Parameter) -> Value:
            value = from_optuna(parameter, _suggest(trial, name, self.study.space.distributions[name]))
            return parameter.mend(value)[0]

        return self.study.space.draw(choose)

    def started(self, number: int, configuration: Mapping[str, Value]) -> None:
        """Tell the sampler that a trial is running, whoever proposed it."""
        trial = self._proposed.pop(key(configuration), None)
        if trial is None:
            self._optuna.enqueue_trial(dict(self.study.space.to_optuna(configuration)))
            trial = self._optuna.ask()
            for name in configuration:
                _suggest(trial, name, self.study.space.distributions[name])
        self._running[number] = trial

    def finished(self, trial: Trial) -> None:
        """Tell the sampler a result. A failed trial counts as badly as the worst so far, so that it is avoided."""
        running = self._running.pop(trial.number)
        usable = all(each.metric in trial.metrics for each in self.study.objectives)
        if trial.state in {"complete", "infeasible"} and usable:
            losses = [each.loss(trial.metrics[each.metric]) for each in self.study.objectives]
            self._worst = losses if self._worst is None else [max(p) for p in zip(losses, self._worst, strict=True)]
            for metric, violation in violations(self.study, trial.metrics).items():
                running.set_constraint(metric, violation)
            self._optuna.tell(running, losses)
        elif self._worst is None:
            self._optuna.tell(running, state=TrialState.FAIL)
        else:
            for constraint in self.study.constraints:
                running.set_constraint(constraint.metric, 1.0)
            self._optuna.tell(running, self._worst)


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
