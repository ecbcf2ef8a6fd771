"""The `[executor]` section of a study file: where evaluations run. Each kind of executor has a model of its own."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetJsonSchemaHandler, SerializeAsAny
from pydantic_core import CoreSchema

from ...tools.errors import InputError
from ...tools.spelling import did_you_mean
from ..parts import EXECUTORS


class ExecutorSection(BaseModel):
    """What every kind of executor has. A kind adds its fields, and says `kind: Literal[...]`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    MOST_WORKERS: ClassVar[int] = 100_000
    """The most evaluations that may run at the same time."""

    STARTS_AT_ONCE: ClassVar[bool] = False
    """Whether an evaluation runs from the moment it is submitted, so that its time can be told from outside."""

    kind: str = Field(description="'local', 'ray', or a kind that another package brings.")


class LocalSection(ExecutorSection):
    """This machine."""

    MOST_WORKERS = 256
    STARTS_AT_ONCE = True

    kind: Literal["local"] = Field("local", description="This machine.")


def executor_section(given: object) -> object:
    """Return a table as the section of the kind that it names, and a kind's name alone as a table; else what it is.

    Raises:
        ValueError: it names no kind that is installed, or one of its fields is wrong.
    """
    if isinstance(given, str):
        given = {"kind": given}
    if not isinstance(given, Mapping):
        return given
    kind, known = given.get("kind"), ", ".join(map(repr, EXECUTORS))
    if kind is None:
        raise ValueError(f"missing: add kind = one of {known}")
    if not isinstance(kind, str) or kind not in EXECUTORS:
        raise ValueError(f"kind = {kind!r} is not one of {known}{did_you_mean(str(kind), EXECUTORS)}")
    try:
        return EXECUTORS[kind].section.model_validate(given)
    except InputError as error:
        raise ValueError(str(error)) from None


class _AllKinds:
    """Shows the sections of all installed kinds in a JSON schema."""

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(EXECUTORS[kind].section.__pydantic_core_schema__) for kind in EXECUTORS]}


AnyExecutor = Annotated[SerializeAsAny[ExecutorSection], BeforeValidator(executor_section), _AllKinds()]
"""An executor's section: the model of whatever kind it names."""
