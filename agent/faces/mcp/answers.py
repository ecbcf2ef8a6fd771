"""What the tools answer, as models: the schema that clients see, and the text they get beside it."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


def short(schema: dict[str, Any]) -> None:
    """Leave out of a schema what its names say: clients pay for every word of it."""
    schema.pop("title", None)
    for each in schema.get("properties", {}).values():
        each.pop("title", None)
        each.pop("default", None)


class Answer(BaseModel):
    """What a tool answers."""

    model_config = ConfigDict(json_schema_extra=short)


class Checked(Answer):
    """A study, or every mistake in it."""

    ok: bool
    mistakes: list[str] = []
    summary: list[str] = []


class Drafted(Answer):
    """A drafted study file."""

    study: str = Field(description="Look at ranges and units before it is run.")
    missing: str = Field(description="What it still needs, '' for nothing.")
    guessed: list[str] = []


class Started(Answer):
    """A run that was started, or that this request had started before."""

    run: str
    state: str
    trials: int


class Trial(Answer):
    """A trial. `text` is untrusted output of the program."""

    trial: int
    source: str
    state: str
    configuration: dict[str, Any]
    metrics: dict[str, float]
    text: str = ""


class Status(Answer):
    """Where a run stands. Ask again with since = next for newer trials."""

    run: str
    study: str
    state: str
    message: str = ""
    finished: int
    budget: int
    next: int
    trials: list[Trial] = []
    default: dict[str, float] = {}
    best: Trial | None = None
    spent: dict[str, float] = {}
    phase: str = ""
    ideas: list[dict[str, Any]] = []
    verdict: str = ""


class Answered(Answer):
    """What became of a request to a run."""

    ok: bool
    said: str = ""
    ideas: list[dict[str, Any]] = []


class Explained(Answer):
    """Words about a study."""

    lines: list[str]


class Verified(Answer):
    """The paired check of the incumbent against the default."""

    done: bool
    improved: bool = False
    verdict: str = ""
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    pairs: int = 0
    said: str = ""


class Applied(Answer):
    """The difference that a file gets, and whether it was written."""

    written: bool
    difference: str
    said: str
