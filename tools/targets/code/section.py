"""The `[code]` section of a study file: which program a planner may edit, and how an edited one is kept honest."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from ..program import split

CLOCKED = ("wall_s", "cpu_s")
"""Metrics that every measurement of code has: seconds on the wall and of all its processes, by our clock."""

Words = Annotated[list[str], BeforeValidator(split, json_schema_input_type=str | list[str])]


def _several(given: object) -> object:
    """Let a file say guard = '...' for one command."""
    return [given] if isinstance(given, str) else given


Commands = Annotated[list[Words], BeforeValidator(_several, json_schema_input_type=str | list[str])]


class CodeSection(BaseModel):
    """A program that may be edited. It is measured in a private copy; the project's own files are only read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: Path = Field(description="Folder of the program, below the study's; {code} is its copy in commands.")
    editable: list[str] = Field(
        min_length=1,
        max_length=100,
        description="Files that may be edited, as paths or patterns below the project; where one has marks "
        "'trimtab: begin NAME' and 'trimtab: end NAME', only what stands between them.",
    )
    guard: Commands = Field(
        [], description="Commands that must succeed on an edited copy, in its folder, before it is measured: tests."
    )
    build: Commands = Field([], description="Commands before the clock starts, in the evaluation's folder; no {input}.")
    input: Words | None = Field(
        None,
        description="Command that writes the input files of one evaluation, from {seed}; the program gets {input}.",
    )
    judge: Words | None = Field(
        None, description="Command that checks {output} after the clock has stopped, and prints metrics; knows {seed}."
    )
    output: list[str] = Field(
        [], max_length=20, description="Files that the program writes in its folder, for the judge; 'stdout' is there."
    )
    timeout_s: float = Field(300.0, gt=0, le=86400, allow_inf_nan=False, description="Limit of each of these commands.")
    max_files: int = Field(3, ge=1, le=100, description="Files that an edit may change.")
    max_lines: int = Field(200, ge=1, le=10_000, description="Lines that an edit may put in.")
    floor: float | None = Field(
        None, allow_inf_nan=False, description="No honest result of the first objective is better than this."
    )
    send: bool = Field(False, description="May the source be sent to a model that is not on this machine?")
    branches: Literal["bandit", "best"] = Field(
        "bandit", description="Whose code a sampler's trial has: of branches by a bandit, or always of the best trial."
    )
    base: str = Field("", description="Fingerprint of the project when the study began; trimtab notes it.")

    @model_validator(mode="after")
    def _paths_are_inside(self) -> Self:
        for each in [*self.editable, str(self.project)]:
            if Path(each).is_absolute() or ".." in Path(each).parts:
                raise ValueError(f"{each!r} must be a path below its folder, without '..'")
        for name in self.output:
            if Path(name).name != name or name == "stdout":
                raise ValueError(f"output: {name!r} must be a plain file name in the evaluation's folder")
        if not self.project.parts:
            raise ValueError(
                "project must be a folder of its own: the study's holds what judges, which is no part of it"
            )
        return self
