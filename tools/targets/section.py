"""The `[target]` section of a study file: which system is tuned, and how a configuration reaches it.

Each kind of target has a model of its own. `command` and `python` are those of a program in the sandbox; other packages
bring theirs, as `Section` of the class that they register.
"""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from .evaluation import Evaluation
from .program import Command, Function, split


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


class TargetSection(BaseModel):
    """What every kind of target has. A kind adds its fields, and says `kind: Literal[...]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    HOOKS: ClassVar = ("setup", "before", "after", "teardown")

    kind: str = Field(description="'command', 'python', or a kind that another package brings.")
    setup: MaybeHook = Field(None, description="Command that runs once per worker, before its first evaluation.")
    before: MaybeHook = Field(None, description="Command before each evaluation; knows parameters and {seed} too.")
    after: MaybeHook = Field(None, description="Command after each evaluation, also after one that failed.")
    teardown: MaybeHook = Field(
        None, description="Command at the end, whatever happened; after a kill, at the next run."
    )

    @property
    def hooks(self) -> list[str]:
        """The names of the commands that it has."""
        return [name for name in self.HOOKS if getattr(self, name) is not None]

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

    kind: Literal["command"]

    @model_validator(mode="after")
    def _has_a_command(self) -> Self:
        if self.command is None:
            raise ValueError("missing: add command = '...'")
        return self


class PythonSection(Function, ProgramSection):
    """A function of the study's folder, called in a process of its own."""

    FIELDS = frozenset(Function.model_fields)

    kind: Literal["python"]

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
