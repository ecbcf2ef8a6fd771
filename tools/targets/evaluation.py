"""The `[evaluation]` section of a study file: how one configuration is measured."""

import re
import shlex
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..sandbox import Limits
from ..sandbox.choice import Isolation
from ..spelling import did_you_mean
from .reading.presets import load_preset, preset_names
from .reading.spec import Reading, checked

Seeds = Annotated[list[Annotated[int, Field(ge=0, lt=1 << 63)]], Field(min_length=1, max_length=1000)]


def _split(command: object) -> object:
    if isinstance(command, str):
        try:
            return shlex.split(command)
        except ValueError as error:
            raise ValueError(f"cannot be split into words: {error}") from None
    return command


class Evaluation(BaseModel):
    """How a configuration is measured: by a command, or by a Python function in a process of its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: Annotated[list[str] | None, BeforeValidator(_split, json_schema_input_type=str | list[str] | None)] = (
        Field(
            None,
            description="Command with {parameter} places, no shell. Also {seed}, {study_dir}, {python}, {worker}, "
            "{work_dir}, {port}, {gpu}. A word that names an inactive parameter, or is empty, is left out.",
        )
    )
    shell: bool = Field(False, description="Give the command, one text, to /bin/sh; values are quoted.")
    python: str | None = Field(None, description="'module:function' in the study's folder.")
    metrics_file: str | None = Field(None, description="JSON file the command writes, in its working directory.")
    patterns: dict[str, str] = Field(
        {},
        description="Metric name to a regular expression over what is printed; group 1 is the number, with its unit.",
    )
    metrics: dict[str, Reading] = Field({}, description="Metric name to how it is read, where a pattern is not enough.")
    preset: str | None = Field(None, description="Read the report of a known program: 'wrk', 'pgbench', 'fio', ...")
    timeout_s: float = Field(300.0, gt=0, le=7 * 86400, allow_inf_nan=False, description="Wall-clock limit, seconds.")
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
    workers: int = Field(1, ge=1, le=256, description="Evaluations at the same time. They disturb each other.")
    pin_cpus: bool = Field(False, description="Give every worker CPUs of its own.")
    isolation: Isolation = Field("auto", description="'bubblewrap', 'process', or the best that works.")
    network: bool = Field(False, description="Allow the evaluation to use the network.")
    readable: list[Path] = Field(
        [],
        description="Further files and folders the sandbox shows, read-only. "
        "A study file with check_seeds is hidden unless it is named here.",
    )
    environment: dict[str, str] = Field({}, description="Environment variables to set, with {places}.")
    pass_environment: list[str] = Field([], description="Environment variables to pass on by name.")
    limits: Limits = Limits()

    @property
    def target(self) -> str:
        """The name of the target's kind."""
        return "command" if self.command is not None else "python"

    @model_validator(mode="before")
    @classmethod
    def _one_text(cls, given: object) -> object:
        if isinstance(given, dict) and given.get("shell") is True and isinstance(given.get("command"), str):
            return {**given, "command": [given["command"]]}
        return given

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.command is None) == (self.python is None):
            raise ValueError("give either command = '...' or python = 'module:function'")
        if self.command == []:
            raise ValueError("command is empty")
        if self.shell and (self.command is None or len(self.command) != 1):
            raise ValueError("shell = true goes with a command that is one text")
        if self.python is not None and not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", self.python):
            raise ValueError(f"python = {self.python!r} is not of the form 'module:function'")
        if self.patterns and self.metrics_file:
            raise ValueError("metrics_file and patterns exclude each other")
        if self.metrics_file is not None and Path(self.metrics_file).name != self.metrics_file:
            raise ValueError(f"metrics_file = {self.metrics_file!r} must be a plain file name in the working directory")
        if self.python and (self.patterns or self.metrics_file or self.metrics or self.preset):
            raise ValueError("a python target returns its metrics: metrics_file, patterns and the like go with command")
        if self.max_repeats is not None and self.max_repeats < self.repeats:
            raise ValueError(f"max_repeats = {self.max_repeats} is below repeats = {self.repeats}")
        return self

    @model_validator(mode="after")
    def _seeds_apart(self) -> Self:
        shared = sorted(set(self.tuning_seeds) & set(self.check_seeds))
        if shared:
            raise ValueError(f"seeds {shared} are in both tuning_seeds and check_seeds: a check needs seeds of its own")
        if len(set(self.check_seeds)) < len(self.check_seeds):
            raise ValueError("check_seeds repeats a seed: every pair needs a seed of its own")
        return self

    @model_validator(mode="after")
    def _patterns_compile(self) -> Self:
        for name, pattern in self.patterns.items():
            try:
                checked(pattern)
            except ValueError as error:
                raise ValueError(f"patterns.{name} {error}") from None
        both = sorted(self.patterns.keys() & self.metrics.keys())
        if both:
            raise ValueError(f"{both[0]!r} is in both patterns and metrics: keep one")
        if self.preset is not None and self.preset not in preset_names():
            known = preset_names()
            guess = did_you_mean(self.preset, known)
            raise ValueError(f"there is no preset {self.preset!r}{guess} (there are {', '.join(known)})")
        return self

    @cached_property
    def readings(self) -> dict[str, Reading]:
        """How metrics are read, by name; others are looked for in JSON, by their names."""
        known = load_preset(self.preset).metrics if self.preset is not None else {}
        return {**known, **{name: Reading(pattern=each) for name, each in self.patterns.items()}, **self.metrics}

    @model_validator(mode="after")
    def _no_keys(self) -> Self:
        for name in self.pass_environment:
            if name.upper().endswith(("_API_KEY", "_TOKEN", "_SECRET")):
                raise ValueError(f"pass_environment: {name} looks like a key; keys never enter the sandbox")
        return self
