"""The `[target]` section of a study file: which system is tuned, and how a configuration reaches it.

Each kind of target has a model of its own. `command` and `python` are those of a program in the sandbox; other packages
bring theirs, as `Section` of the class that they register.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..expressions import Value
from .code.section import CodeSection
from .evaluation import Evaluation
from .program import Command, Function, split
from .rendering.wording import Tuned


class Hook(BaseModel):
    """One of the target's own commands. It runs outside the sandbox, with the rights of who started the study."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: Annotated[list[str], BeforeValidator(split, json_schema_input_type=str | list[str])] = Field(
        min_length=1, description="Command, no shell, with the places {study_dir}, {python} and {worker}."
    )
    timeout_s: float = Field(300.0, gt=0, le=86400, allow_inf_nan=False, description="Wall-clock limit, seconds.")


def _command_alone(given: object) -> object:
    """Let a file say setup = '...' instead of a table."""
    return {"command": given} if isinstance(given, str | list) else given


MaybeHook = Annotated[
    Hook | None, BeforeValidator(_command_alone, json_schema_input_type=Hook | str | list[str] | None)
]


Words = Annotated[list[str], BeforeValidator(split, json_schema_input_type=str | list[str])]


class Ready(BaseModel):
    """What must hold before a server is measured. Several things may be asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    port: int | str | None = Field(None, description="It listens on this port of this machine; '{port}' is its own.")
    http: str | None = Field(
        None, pattern=r"^http://[\w.\[\]:{}-]+(?:/\S*)?$", description="This URL answers with no server error."
    )
    command: Words | None = Field(None, description="This command succeeds.")
    log: str | None = Field(None, description="It has printed a line that matches this regular expression.")
    within_s: float = Field(30.0, gt=0, le=3600, allow_inf_nan=False, description="Or else it did not start, seconds.")

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if all(each is None for each in (self.port, self.http, self.command, self.log)):
            raise ValueError("empty: give port = NUMBER, http = URL, command = '...' or log = 'a line'")
        if isinstance(self.port, str) and self.port != "{port}":
            raise ValueError(f"port = {self.port!r} must be a number, or '{{port}}'")
        try:
            re.compile(self.log or "")
        except re.error as error:
            raise ValueError(f"log = {self.log!r} is no regular expression: {error}") from None
        return self


class Service(BaseModel):
    """A server under test, one for each worker. It runs outside the sandbox, as whoever started the study."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: Words = Field(min_length=1, description="Command of the server, in the foreground, with {places}.")
    ready: Ready = Field(description="When it can be measured.")
    stop: Words | None = Field(None, description="Command that stops it; else SIGTERM. Knows {pid} and {port}.")
    stop_s: float = Field(10.0, gt=0, le=600, allow_inf_nan=False, description="Then it is killed, seconds.")
    restart_on: list[str] | None = Field(
        None, description="Parameters that need a restart; those that `start` and [files] name where it is not given."
    )
    environment: dict[str, str] = Field({}, description="Environment variables to set for it, with {places}.")

    @property
    def fixed_port(self) -> int:
        """The port that the study gives it; 0 where it gets a free one, or none."""
        return self.ready.port if isinstance(self.ready.port, int) else 0


class TargetSection(BaseModel):
    """What every kind of target has. A kind adds its fields, and says `kind: Literal[...]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    HOOKS: ClassVar = ("setup", "before", "after", "teardown")
    SETTINGS: ClassVar[str] = ""
    """The catalogue of the system whose settings the parameters are, '' where they are none."""
    METRICS: ClassVar[tuple[str, ...]] = ()
    """What it measures, where that does not depend on the study."""
    FORMS: ClassVar[Mapping[str, str]] = {}
    """The forms in which a configuration is taken to such a system elsewhere, with the suffix of their files, or ''."""

    kind: str = Field(description="'command', 'python', or a kind that another package brings.")
    setup: MaybeHook = Field(None, description="Command that runs once per worker, before its first evaluation.")
    before: MaybeHook = Field(None, description="Command before each evaluation; knows parameters and {seed} too.")
    after: MaybeHook = Field(None, description="Command after each evaluation, also after one that failed.")
    teardown: MaybeHook = Field(
        None, description="Command at the end, whatever happened; after a kill, at the next run."
    )

    service: Service | None = Field(None, description="A server under test, started for each worker.")
    code: CodeSection | None = Field(None, description="A program that a planner may edit.")

    @model_validator(mode="after")
    def _code_is_of_a_command(self) -> Self:
        if self.code is not None and self.kind != "command":
            raise ValueError(f"code goes with a command, not with kind = {self.kind!r}")
        if self.code is not None and self.service is not None:
            raise ValueError("code and service exclude each other: a server runs outside the sandbox")
        return self

    @property
    def shared(self) -> bool:
        """Whether all workers would change one and the same system."""
        return False

    @property
    def hooks(self) -> list[str]:
        """The names of the commands that it has."""
        return [name for name in self.HOOKS if getattr(self, name) is not None]

    def taken_home(self, form: str, configuration: Mapping[str, Value], settings: Mapping[str, Tuned]) -> str:
        """Return a configuration in one of `FORMS`; `settings` are the tuned parameters.

        Raises:
            TrimtabError: the system had to be asked, and is out of reach.
        """
        raise NotImplementedError(form)

    def into(self, evaluation: Evaluation) -> Evaluation:
        """Return the evaluation section with what this one says of the program, where there is one."""
        return evaluation


class ProgramSection(TargetSection):
    """A program in the sandbox."""

    FIELDS: ClassVar[frozenset[str]] = frozenset()

    def into(self, evaluation: Evaluation) -> Evaluation:
        """Return the evaluation section as if all was said there."""
        how = {name: getattr(evaluation, name) for name in evaluation.model_fields_set - SHORTHAND}
        what = {name: getattr(self, name) for name in self.FIELDS & self.model_fields_set}
        return Evaluation.model_validate({**how, **what})


class CommandSection(Command, ProgramSection):
    """A command, once per evaluation."""

    FIELDS = frozenset(Command.model_fields)

    kind: Literal["command"] = Field(description="A program.")

    @model_validator(mode="after")
    def _has_a_command(self) -> Self:
        if self.command is None:
            raise ValueError("missing: add command = '...'")
        return self


class PythonSection(Function, ProgramSection):
    """A function of the study's folder, called in a process of its own."""

    FIELDS = frozenset(Function.model_fields)

    kind: Literal["python"] = Field(description="A function.")

    @model_validator(mode="after")
    def _has_a_function(self) -> Self:
        if self.python is None:
            raise ValueError("missing: add python = 'module:function'")
        return self


SHORTHAND = frozenset(Command.model_fields) | frozenset(Function.model_fields)
"""The fields of `[evaluation]` that say what is run: shorthand for a `[target]` of kind command or python."""


def shorthand(evaluation: Evaluation) -> ProgramSection | None:
    """Return the target that an evaluation section names, if it does."""
    if evaluation.command is not None:
        return CommandSection(kind="command", **_said(evaluation, CommandSection.FIELDS))
    if evaluation.python is not None:
        return PythonSection(kind="python", **_said(evaluation, PythonSection.FIELDS))
    return None


def _said(evaluation: Evaluation, names: frozenset[str]) -> dict[str, Any]:
    return {name: getattr(evaluation, name) for name in names}
