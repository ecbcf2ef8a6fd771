"""What is claimed, and by whom: our check, Optuna's best value, a mean of three, SMAC's incumbent."""

import asyncio
import logging
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import fmean
from typing import Any

from ...agent import events
from ...agent.memory.store import Store
from ...agent.run.session import Session
from ...agent.study.space import Space
from ...agent.study.space.space import from_optuna
from ...tools.expressions import Value
from ..tasks.task import LookUp
from .worlds import World

TRIALS = 30
"""Trials of our search; race (at most 24 evaluations) and check (20) come on top."""
EVALUATIONS = TRIALS + 24 + 20
"""What every other method gets of the world."""
SELDOM = {"SMAC: incumbent": 8}
"""Methods that take too long for every seed: they run with each so many-th."""
_MEAN_OF = 3


@dataclass(frozen=True)
class Claim:
    """What a method says of its configuration. `gain` is how many times better than the default it is said to be."""

    improved: bool
    gain: float
    configuration: Mapping[str, Value]
    evaluations: int


Method = Callable[[World, int], Claim]


def checked(world: World, seed: int) -> Claim:
    """Return what a study of ours ends with: the race, the paired check, and what is offered."""
    measure, count = world.measuring(seed), [0]

    def look_up(configuration: Mapping[str, Value], _seed: int) -> dict[str, float]:
        count[0] += 1
        return {world.metric: measure(configuration)}

    sampler = world.study.sampler.model_copy(update={"seed": seed})
    budget = world.study.budget.model_copy(update={"trials": TRIALS})
    study = world.study.model_copy(update={"sampler": sampler, "budget": budget})

    async def run() -> events.StudyFinished:
        store = Store("sqlite://", power_safe=False)
        try:
            session = Session.start(study, store)
            finished = [event async for event in session.run(LookUp(look_up))][-1]
        finally:
            store.close()
        assert isinstance(finished, events.StudyFinished)
        return finished

    finished = asyncio.run(run())
    check, offered = finished.check, finished.offered()
    assert check is not None
    assert offered is not None
    return Claim(check.improved, check.ratio or 1.0, offered, count[0])


def optuna_best(world: World, seed: int) -> Claim:
    """Return Optuna's best value against the default's, each measured once, by its default sampler."""
    return _optuna(world, seed, repeats=1)


def mean_of_three(world: World, seed: int) -> Claim:
    """Return the best mean of three measurements; a third as many configurations."""
    return _optuna(world, seed, repeats=_MEAN_OF)


def _optuna(world: World, seed: int, *, repeats: int) -> Claim:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    measure, space = world.measuring(seed), world.study.space
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.enqueue_trial(space.to_optuna(space.default))

    for _ in range(EVALUATIONS // repeats):
        trial = study.ask(space.distributions)
        study.tell(trial, fmean(measure(_configuration(space, trial.params)) for _ in range(repeats)))
    default, best = study.trials[0].value, study.best_value
    assert default is not None
    gain = default / best
    return Claim(gain > 1, gain, _configuration(space, study.best_params), EVALUATIONS // repeats * repeats)


def smac_incumbent(world: World, seed: int) -> Claim:
    """Return SMAC's incumbent, raced on several seeds as SMAC does where measurements are noisy.

    Raises:
        ImportError: SMAC is not installed.
    """
    from ..baselines.smac import hyperparameters, mended

    mended()
    smac = import_module("smac")
    measure, space = world.measuring(seed), world.study.space
    logging.getLogger("smac").setLevel(logging.ERROR)

    def cost(config: Mapping[str, Value], seed: int = 0) -> float:  # noqa: ARG001  # SMAC gives it by this name
        return measure(_configuration(space, {name: _plain(value) for name, value in dict(config).items()}))

    with tempfile.TemporaryDirectory(prefix="trimtab-smac-") as folder:
        scenario = smac.Scenario(
            hyperparameters(space, seed),
            deterministic=False,
            n_trials=EVALUATIONS,
            seed=seed,
            output_directory=Path(folder),
        )
        design = smac.HyperparameterOptimizationFacade.get_initial_design(
            scenario, additional_configs=[scenario.configspace.get_default_configuration()], n_configs=10
        )
        facade = smac.HyperparameterOptimizationFacade(
            scenario, cost, initial_design=design, overwrite=True, logging_level=False
        )
        incumbent = facade.optimize()
        default = scenario.configspace.get_default_configuration()
        history = facade.runhistory
        before, after = history.average_cost(default), history.average_cost(incumbent)
        used = len(history)
    gain = before / after if math.isfinite(before) and after > 0 else 1.0
    found = _configuration(space, {name: _plain(value) for name, value in dict(incumbent).items()})
    return Claim(gain > 1, gain, found, used)


def _configuration(space: Space, values: Mapping[str, Any]) -> dict[str, Value]:
    """Return a configuration as we know it, by Optuna's values."""
    return {name: from_optuna(space.parameters[name], value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def methods() -> dict[str, Method]:
    """Return the methods by name; SMAC where it is installed."""
    found: dict[str, Method] = {
        "trimtab: race and check": checked,
        "Optuna: best value": optuna_best,
        "a mean of three": mean_of_three,
    }
    return found | ({"SMAC: incumbent": smac_incumbent} if find_spec("smac") is not None else {})
