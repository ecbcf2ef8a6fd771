"""SMAC3 (Lindauer et al., JMLR 2022), its facade for hyperparameter optimization; where the package is installed."""

import tempfile
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.trial import FrozenTrial, TrialState

from ...agent.optimizers.base import Setting
from ...agent.study.space import Space
from ...tools.errors import InputError


def build(setting: Setting) -> "SmacSampler":
    """Return the sampler.

    Raises:
        InputError: SMAC is not installed, or the space has conditions or forbidden clauses, or there are several
            objectives: this baseline passes on plain spaces only.
    """
    if find_spec("smac") is None:
        raise InputError("sampler 'smac' needs SMAC3", "pip install 'smac>=2.4,<3'")
    if setting.space.conditions or setting.space.forbidden or setting.objectives > 1:
        raise InputError("sampler 'smac' takes one objective and a space without conditions", "use another sampler")
    return SmacSampler(setting)


class SmacSampler(BaseSampler):
    """Asks SMAC, and tells it every finished trial, whoever proposed it."""

    def __init__(self, setting: Setting) -> None:
        self._random = RandomSampler(seed=setting.seed)
        self._told: set[int] = set()
        self._asked: dict[Any, Any] = {}
        self._space = setting.space.distributions
        self._smac = _facade(setting)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return all parameters."""
        del study, trial
        return dict(self._space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return SMAC's next configuration."""
        del trial, search_space
        runhistory = import_module("smac.runhistory")
        space = self._smac.scenario.configspace
        for each in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            if each.number not in self._told and each.params.keys() == self._space.keys():
                self._told.add(each.number)
                configuration = import_module("ConfigSpace").Configuration(space, values=each.params)
                info = self._asked.pop(configuration, None) or runhistory.TrialInfo(config=configuration, seed=0)
                self._smac.tell(info, runhistory.TrialValue(cost=float(each.value or 0.0)), save=False)
        info = self._smac.ask()
        self._asked[info.config] = info
        return {name: _plain(value) for name, value in dict(info.config).items()}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draw at random what SMAC does not give."""
        return self._random.sample_independent(study, trial, param_name, param_distribution)


def _facade(setting: Setting) -> Any:
    mended()
    smac = import_module("smac")
    scenario = smac.Scenario(
        hyperparameters(setting.space, setting.seed),
        deterministic=True,
        n_trials=setting.trials,
        seed=setting.seed,
        output_directory=Path(tempfile.mkdtemp(prefix="trimtab-smac-")),
    )
    facade = smac.HyperparameterOptimizationFacade
    return facade(scenario, _never_called, overwrite=True, logging_level=False)


def mended() -> None:
    """Let SMAC 2.4 be imported beside scikit-learn 1.9, which no longer has a name that it takes."""
    tree = import_module("sklearn.tree._tree")
    if not hasattr(tree, "DTYPE"):
        tree.__dict__["DTYPE"] = np.float32


def hyperparameters(space: Space, seed: int) -> Any:
    """Return a space as SMAC's, with our default."""
    spaces = import_module("ConfigSpace")
    default = space.to_optuna(space.default)
    found = spaces.ConfigurationSpace(seed=seed)
    found.add([_hyperparameter(spaces, name, each, default[name]) for name, each in space.distributions.items()])
    return found


def _never_called(_config: Any, seed: int = 0) -> float:
    raise AssertionError(f"SMAC is asked and told; it evaluates nothing itself (seed {seed})")


def _hyperparameter(spaces: Any, name: str, distribution: BaseDistribution, default: Any) -> Any:
    match distribution:
        case FloatDistribution(low=low, high=high, log=log):
            return spaces.Float(name, (low, high), log=log, default=default)
        case IntDistribution(low=low, high=high, log=log):
            return spaces.Integer(name, (low, high), log=log, default=default)
        case CategoricalDistribution(choices=choices):
            return spaces.Categorical(name, list(choices), default=default)
        case _:
            raise TypeError(f"no hyperparameter for {distribution}")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
