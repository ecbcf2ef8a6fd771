"""What a study file says of a program that measures, in `[target]` or, as shorthand, in `[evaluation]`."""

import re
import shlex
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..spelling import did_you_mean
from .reading.spec import Reading, checked, preset_names


def split(command: object) -> object:
    """Return a command as words, if it is text.

    Raises:
        ValueError: a quote is not closed.
    """
    if isinstance(command, str):
        try:
            return shlex.split(command)
        except ValueError as error:
            raise ValueError(f"cannot be split into words: {error}") from None
    return command


class Access(BaseModel):
    """What a program in the sandbox may see."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    network: bool | Literal["host-loopback"] = Field(
        False, description="May the evaluation use the network? 'host-loopback': only `ports` of this machine."
    )
    ports: list[Annotated[int, Field(ge=1, le=65535)]] = Field(
        [], max_length=50, description="Ports of this machine that it may reach, with network = 'host-loopback'."
    )
    readable: list[Path] = Field(
        [],
        description="Further files and folders the sandbox shows, read-only. "
        "A study file with check_seeds is hidden unless it is named here.",
    )
    environment: dict[str, str] = Field({}, description="Environment variables to set, with {places}.")
    pass_environment: list[str] = Field([], description="Environment variables to pass on by name.")

    @model_validator(mode="after")
    def _ports_are_meant(self) -> Self:
        if self.network == "host-loopback" and not self.ports:
            raise ValueError("network = 'host-loopback' reaches only the ports that are named: add ports = [5432]")
        if self.ports and self.network != "host-loopback":
            raise ValueError("ports go with network = 'host-loopback'")
        return self

    @model_validator(mode="after")
    def _no_keys(self) -> Self:
        for name in self.pass_environment:
            if name.upper().endswith(("_API_KEY", "_TOKEN", "_SECRET")):
                raise ValueError(f"pass_environment: {name} looks like a key; keys never enter the sandbox")
        return self


class Command(Access):
    """A command, and where its metrics are."""

    command: Annotated[list[str] | None, BeforeValidator(split, json_schema_input_type=str | list[str] | None)] = Field(
        None,
        description="Command with {parameter} places, no shell. Also {seed}, {study_dir}, {python}, {worker}, "
        "{work_dir}, {port}, {gpu}. A word that names an inactive parameter, or is empty, is left out.",
    )
    shell: bool = Field(False, description="Give the command, one text, to /bin/sh; values are quoted.")
    metrics_file: str | None = Field(None, description="JSON file the command writes, in its working directory.")
    patterns: dict[str, str] = Field(
        {},
        description="Metric name to a regular expression over what is printed; group 1 is the number, with its unit.",
    )
    metrics: dict[str, Reading] = Field({}, description="Metric name to how it is read, where a pattern is not enough.")
    preset: str | None = Field(None, description="Read the report of a known program: 'wrk', 'pgbench', 'fio', ...")

    @model_validator(mode="before")
    @classmethod
    def _one_text(cls, given: object) -> object:
        if isinstance(given, dict) and given.get("shell") is True and isinstance(given.get("command"), str):
            return {**given, "command": [given["command"]]}
        return given

    @model_validator(mode="after")
    def _consistent_command(self) -> Self:
        if self.command == []:
            raise ValueError("command is empty")
        if self.shell and (self.command is None or len(self.command) != 1):
            raise ValueError("shell = true goes with a command that is one text")
        if self.patterns and self.metrics_file:
            raise ValueError("metrics_file and patterns exclude each other")
        if self.metrics_file is not None and Path(self.metrics_file).name != self.metrics_file:
            raise ValueError(f"metrics_file = {self.metrics_file!r} must be a plain file name in the working directory")
        return self

    @model_validator(mode="after")
    def _metrics_are_found(self) -> Self:
        for name, pattern in self.patterns.items():
            try:
                checked(pattern)
            except ValueError as error:
                raise ValueError(f"patterns.{name} {error}") from None
        both = sorted(self.patterns.keys() & self.metrics.keys())
        if both:
            raise ValueError(f"{both[0]!r} is in both patterns and metrics: keep one")
        if self.preset is not None and self.preset not in (known := preset_names()):
            guess = did_you_mean(self.preset, known)
            raise ValueError(f"there is no preset {self.preset!r}{guess} (there are {', '.join(known)})")
        return self

    @cached_property
    def readings(self) -> dict[str, Reading]:
        """How metrics are read, by name; others are looked for in JSON, by their names."""
        known: dict[str, Reading] = {}
        if self.preset is not None:
            from .reading.presets import load_preset  # few studies name one

            known = load_preset(self.preset).metrics
        return {**known, **{name: Reading(pattern=each) for name, each in self.patterns.items()}, **self.metrics}


class Function(Access):
    """A Python function."""

    python: str | None = Field(
        None,
        description="'module:function' in the study's folder; takes a dictionary, or parameters by name.",
    )

    @model_validator(mode="after")
    def _names_a_function(self) -> Self:
        if self.python is not None and not re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", self.python):
            raise ValueError(f"python = {self.python!r} is not of the form 'module:function'")
        return self
