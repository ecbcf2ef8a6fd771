"""The `[evaluation]` section of a study file: how one configuration is measured."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from ..sandbox.limits import Isolation, Limits
from .program import Command, Function

Seeds = Annotated[list[Annotated[int, Field(ge=0, lt=1 << 63)]], Field(min_length=1, max_length=1000)]


class Evaluation(Command, Function):
    """How a configuration is measured. What is run, and what it may see, may be said here instead of in [target]."""

    timeout_s: float = Field(300.0, gt=0, le=7 * 86400, allow_inf_nan=False, description="Wall-clock limit, seconds.")
    stop_slow: Literal["auto"] | Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)] = Field(
        "auto",
        description="Stop an evaluation that takes so many times as long as the incumbent's; 'auto': 5 times, where "
        "the objective is its time; 0: never.",
    )
    retries: int = Field(0, ge=0, le=10, description="Run an evaluation again so often, where retry_on says so.")
    retry_on: list[Annotated[int, Field(ge=1, le=255)] | Annotated[str, Field(min_length=3)]] = Field(
        [], description="Exit codes, or texts in the reason or the end of the output, of failures that may pass."
    )
    repeats: int = Field(1, ge=1, le=100, description="Evaluations per trial; metrics are their medians.")
    max_repeats: int | None = Field(
        None, ge=1, le=100, description="Race: repeat a trial up to so often while it cannot be told from the best."
    )
    warmup: int = Field(
        0, ge=0, le=10, description="Evaluations before those that count, when a worker is new to a configuration."
    )
    tuning_seeds: Seeds = Field([1, 2, 3], description="Seeds of the search: repeat i runs with seed i.")
    check_seeds: Seeds = Field(
        list(range(101, 111)),
        description="Seeds of the final check, one pair each; none of the tuning seeds.",
    )
    workers: int = Field(1, ge=1, le=100_000, description="Evaluations at the same time. They disturb each other.")
    pin_cpus: bool = Field(False, description="Give every worker CPUs of its own.")
    isolation: Isolation = Field("auto", description="'bubblewrap', 'process', or the best that works.")
    limits: Limits = Field(Limits(), description="What an evaluation may use.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.command is not None and self.python is not None:
            raise ValueError("give either command = '...' or python = 'module:function'")
        if self.python and (self.patterns or self.metrics_file or self.metrics or self.preset):
            raise ValueError("a python target returns its metrics: metrics_file, patterns and the like go with command")
        if self.max_repeats is not None and self.max_repeats < self.repeats:
            raise ValueError(f"max_repeats = {self.max_repeats} is below repeats = {self.repeats}")
        return self

    @model_validator(mode="after")
    def _retries_are_meant(self) -> Self:
        if self.retries and not self.retry_on:
            raise ValueError("retries need retry_on = [75, 'connection reset']: exit codes or texts of what may pass")
        if self.retry_on and not self.retries:
            raise ValueError("retry_on needs retries = 1 or more")
        if 0 < (self.stop_slow if self.stop_slow != "auto" else 0) < 1.5:
            raise ValueError(f"stop_slow = {self.stop_slow} would stop what is as fast as the incumbent: at least 1.5")
        return self

    @model_validator(mode="after")
    def _seeds_apart(self) -> Self:
        shared = sorted(set(self.tuning_seeds) & set(self.check_seeds))
        if shared:
            raise ValueError(f"seeds {shared} are in both tuning_seeds and check_seeds: a check needs seeds of its own")
        if len(set(self.check_seeds)) < len(self.check_seeds):
            raise ValueError("check_seeds repeats a seed: every pair needs a seed of its own")
        return self
