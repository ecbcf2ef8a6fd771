"""Chooses a strategy from the space and the budget, and changes it when the history has grown.

The Gaussian process of `kriging` serves small budgets; a suggestion of it grows dearer with the history, and it learns
nothing from trials that were stopped early: `tpe` takes over there, and has several objectives and very many parameters
from the start. docs/samplers.md has the measurements.
"""

from collections.abc import Sequence
from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from ..parts import SAMPLERS
from ..study.space import Configuration
from .base import Forecasting, Setting

MOST_TRIALS = 200
MOST_PARAMETERS = 60


class SwitchingSampler(BaseSampler):
    """Asks one sampler for the first `until` trials, and another one afterwards."""

    def __init__(self, first: BaseSampler, then: BaseSampler, until: int) -> None:
        self.first, self.then, self.until = first, then, until

    def _now(self, study: Study) -> BaseSampler:
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        return self.first if len(done) < self.until else self.then

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the space of the sampler whose turn it is."""
        return self._now(study).infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return the proposal of the sampler whose turn it is."""
        return self._now(study).sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a parameter's value from the sampler whose turn it is."""
        return self._now(study).sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Tell the sampler whose turn it is that a trial begins."""
        self._now(study).before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Tell both that a trial has ended: the second one learns from all."""
        self.first.after_trial(study, trial, state, values)
        self.then.after_trial(study, trial, state, values)

    def forecast(
        self, study: Study, configurations: Sequence[Configuration]
    ) -> list[tuple[float, float, float]] | None:
        """Return what the sampler whose turn it is expects; None where it does not say."""
        now = self._now(study)
        return now.forecast(study, configurations) if isinstance(now, Forecasting) else None

    def candidates(self, study: Study, count: int) -> list[Configuration]:
        """Return what the sampler whose turn it is would try; [] where it does not say."""
        now = self._now(study)
        return now.candidates(study, count) if isinstance(now, Forecasting) else []

    def reseed_rng(self) -> None:
        """Start from fresh randomness, in a new process."""
        self.first.reseed_rng()
        self.then.reseed_rng()


def build(setting: Setting) -> BaseSampler:
    """Return the sampler that `choose` names; 'auto' is kriging first, then TPE."""
    name = choose(setting)
    if name == "auto":
        return SwitchingSampler(SAMPLERS["kriging"](setting), SAMPLERS["tpe"](setting), MOST_TRIALS)
    return SAMPLERS[name](setting)


def choose(setting: Setting) -> str:
    """Return the name of the strategy for a setting; 'auto' where it is more than one."""
    if setting.objectives > 1 or setting.pruned or len(setting.space.parameters) > MOST_PARAMETERS:
        return "tpe"
    return "kriging" if setting.trials <= MOST_TRIALS else "auto"
