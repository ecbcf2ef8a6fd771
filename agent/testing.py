"""What tests of trimtab and of its plug-ins need: a small study, and ready-made contract tests.

Subclass a contract in your tests, give it the part, and pytest runs the rest:

    class TestMySampler(SamplerContract):
        build = staticmethod(my_package.build)
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from ..tools.expressions import Value
from ..tools.targets import Measurement, Watch
from ..tools.targets.contract import TargetContract
from .budget import Ledger
from .executors.base import Job, Warmth
from .executors.contract import ExecutorContract, contract_loss
from .memory.contract import StoreContract
from .optimizers.base import Setting
from .planners.base import Context, Planner, Setup
from .study.file import parse_study
from .study.sections import Study
from .study.space import from_optuna
from .trials.history import History
from .trials.proposal import Accepted, Refused, review

__all__ = [
    "ExecutorContract",
    "FunctionExecutor",
    "PlannerContract",
    "SamplerContract",
    "StoreContract",
    "TargetContract",
    "contract_loss",
    "make_study",
    "small_study",
]


def small_study(**sections: Any) -> dict[str, Any]:  # sections as a study file has them
    """Return a valid study as plain data: two numbers, a category with a conditional child, a forbidden region."""
    data: dict[str, Any] = {
        "study": {"name": "small"},
        "parameters": {
            "x": {"type": "float", "low": -1.0, "high": 1.0, "default": 0.5},
            "n": {"type": "int", "low": 1, "high": 64, "log": True, "default": 8},
            "mode": {"type": "categorical", "choices": ["slow", "fast", "unsafe"], "default": "slow"},
            "burst": {"type": "int", "low": 0, "high": 10, "default": 3, "when": "mode == 'fast'"},
        },
        "forbidden": [{"when": "mode == 'unsafe'", "reason": "it loses data"}],
        "objectives": [{"metric": "loss", "direction": "minimize"}],
        "evaluation": {"command": ["true", "{x}", "{n}", "{mode}", "{burst}"]},
        "budget": {"trials": 10},
        "sampler": {"name": "random"},
    }
    if "target" in sections:
        data["evaluation"] = {}
    for section, fields in sections.items():
        if isinstance(fields, dict) and section != "parameters":
            data[section] = {**data.get(section, {}), **fields}
        else:
            data[section] = fields
    return data


def make_study(directory: Path | None = None, **sections: Any) -> Study:
    """Return `small_study` parsed, as if its file were in `directory`."""
    return parse_study(small_study(**sections), (directory or Path.cwd()) / "study.toml")


class FunctionExecutor:
    """An executor that calls a function in this process: for tests of control flow, never for real targets.

    `function(configuration, seed)` returns the metrics, or raises ValueError to fail the evaluation, after `delay_s`.
    `jobs` are the calls, those that warm up included.
    """

    sandbox_name, sandbox_guarantees = "none", "a function of a test"

    def __init__(
        self,
        function: Callable[[Mapping[str, Value], int], Mapping[str, float] | Iterable[Mapping[str, float]]],
        workers: int = 1,
        delay_s: float = 0.0,
    ) -> None:
        self.function, self.workers, self.delay_s = function, workers, delay_s
        self.jobs: list[Job] = []
        self._warmth = Warmth()

    async def submit(self, job: Job, watch: Watch | None = None) -> Measurement:
        """Call the function; what it yields before it returns are intermediate values."""
        return await self._warmth.measure(job, lambda watched: self._once(job, watched), watch)

    async def _once(self, job: Job, watch: Watch | None) -> Measurement:
        self.jobs.append(job)
        await asyncio.sleep(self.delay_s)
        try:
            metrics = self.function(job.candidate.configuration, job.seed)
            if not isinstance(metrics, Mapping):
                for each in metrics:
                    last = dict(each)
                    if watch is not None and watch(last):
                        return Measurement(state="pruned", metrics=last, duration_s=self.delay_s)
                metrics = last
        except ValueError as error:
            return Measurement(state="failed", reason=str(error), duration_s=self.delay_s)
        return Measurement(state="complete", metrics=dict(metrics), duration_s=self.delay_s)

    async def close(self) -> None:
        """Nothing to restore."""


class SamplerContract:
    """What every sampler must do. Set `build` to its factory."""

    build: ClassVar[Callable[[Setting], Any]]
    trials: ClassVar[int] = 12

    def test_proposes_only_values_of_active_parameters(self) -> None:
        """A short optimization stays inside the space and finishes."""
        import optuna

        study = make_study()
        setting = Setting(study.space, trials=self.trials)
        optimization = optuna.create_study(sampler=type(self).build(setting))
        for _ in range(self.trials):
            trial = optimization.ask()
            configuration = study.space.draw(
                lambda name, p, trial=trial: from_optuna(p, trial._suggest(name, p.distribution()))  # noqa: SLF001
            )
            assert study.space.complete(configuration) == configuration
            optimization.tell(trial, float(configuration["x"]) ** 2)

    def test_is_reproducible(self) -> None:
        """The same seed proposes the same configurations."""
        import optuna

        runs = []
        for _ in range(2):
            setting = Setting(make_study().space, trials=self.trials, seed=7)
            optimization = optuna.create_study(sampler=type(self).build(setting))
            optimization.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=6)
            runs.append([trial.params for trial in optimization.trials])
        assert runs[0] == runs[1]


class PlannerContract:
    """What every planner must do. Set `build` to its factory."""

    build: ClassVar[Callable[[Setup], Planner]]

    def context(self) -> Context:
        """Return what the planner gets to see; override to give it more."""
        study = make_study()
        return Context(study, History(study), Ledger({"trials": 10}))

    async def test_says_who_it_is(self) -> None:
        """Reports show both."""
        planner = type(self).build(Setup(make_study()))
        assert planner.name
        assert planner.why

    async def test_proposals_are_accepted_or_refused_with_a_reason(self) -> None:
        """Whatever it proposes can be reviewed; it hands over within a few calls or keeps proposing."""
        planner, context = type(self).build(Setup(make_study())), self.context()
        for _ in range(3):
            for proposal in await planner.propose(context, 2):
                reviewed = review(proposal, context.study.space, {})
                assert isinstance(reviewed, Accepted | Refused)
                if isinstance(reviewed, Accepted):
                    assert context.study.space.problems(reviewed.configuration) == []

    async def test_closes_unused_and_twice(self) -> None:
        """A run that ends early closes a planner that was never asked, and nothing is closed only once."""
        async with asyncio.timeout(60):
            planner = type(self).build(Setup(make_study()))
            await planner.close()
            await planner.close()

    async def test_a_thought_that_is_cut_short_leaves_nothing_behind(self) -> None:
        """Whenever it is cancelled, closing it ends every task that it began."""
        for moments in (0, 1, 5, 50):
            before = asyncio.all_tasks()
            planner = type(self).build(Setup(make_study()))
            thought = asyncio.ensure_future(planner.propose(self.context(), 2))
            for _ in range(moments):
                await asyncio.sleep(0)
            thought.cancel()
            async with asyncio.timeout(60):
                await asyncio.gather(thought, return_exceptions=True)
                await planner.close()
            assert asyncio.all_tasks() <= before
