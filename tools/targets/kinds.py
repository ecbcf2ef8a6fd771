"""The registry of targets, and the section of a study file as the kind that it names understands it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Protocol

from pydantic import BeforeValidator, GetJsonSchemaHandler, SerializeAsAny
from pydantic_core import CoreSchema

from ..errors import InputError
from ..plugins import Registry
from ..sandbox.limits import Isolation
from ..spelling import did_you_mean
from .base import Target, Workplace
from .evaluation import Evaluation
from .section import ProgramSection, Service, TargetSection, shorthand


class Kind(Protocol):
    """A class of targets: the model of its section, and how one is built for a worker."""

    Section: ClassVar[type[TargetSection]]

    def __call__(self, section: Any, evaluation: Evaluation, workplace: Workplace) -> Target:
        """Build a target. `section` is an instance of `Section`."""


TARGETS: Registry[Kind] = Registry(
    "target",
    "trimtab.targets",
    {
        "command": f"{__package__}.command:CommandTarget",
        "python": f"{__package__}.python:PythonTarget",
        "postgresql": f"{__package__}.postgresql.target:PostgresqlTarget",
        "redis": f"{__package__}.redis:RedisTarget",
    },
)


def section_of(given: object) -> object:
    """Return a table as the section of the kind that it names; anything else as it is.

    Raises:
        ValueError: it names no kind that is installed, or one of its fields is wrong.
    """
    if not isinstance(given, Mapping):
        return given
    kind = given.get("kind")
    if kind is None:
        raise ValueError(f"missing: add kind = one of {', '.join(map(repr, TARGETS))}")
    if not isinstance(kind, str) or kind not in TARGETS:
        guess = did_you_mean(str(kind), TARGETS)
        raise ValueError(f"kind = {kind!r} is not one of {', '.join(map(repr, TARGETS))}{guess}")
    try:
        model = TARGETS[kind].Section
    except InputError as error:
        raise ValueError(str(error)) from None
    return model.model_validate(given)


class _AllKinds:
    """Shows the sections of all installed kinds in a JSON schema."""

    def __get_pydantic_json_schema__(self, _schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [handler(model.__pydantic_core_schema__) for model in _models()]}


def _models() -> list[type[TargetSection]]:
    return [TARGETS[kind].Section for kind in TARGETS]


AnyTarget = Annotated[SerializeAsAny[TargetSection], BeforeValidator(section_of), _AllKinds()]
"""A target's section: the model of whatever kind it names."""


def build_target(evaluation: Evaluation, workplace: Workplace, section: TargetSection | None = None) -> Target:
    """Return the target of a section, else the one that the evaluation section names, on this workplace.

    Raises:
        InputError: neither names one, or its kind is not installed.
    """
    section = section or shorthand(evaluation)
    if section is None:
        raise InputError("the study names no target", "add [target], or command = '...' in [evaluation]")
    if section.service is not None:
        target = _served(section, section.service, evaluation, workplace)
    elif section.code is not None:
        from .judging.measuring import CodeCommand

        assert isinstance(section, ProgramSection)
        target = CodeCommand(section, section.into(evaluation), workplace)
    else:
        target = TARGETS[section.kind](section, section.into(evaluation), workplace)
    if not section.hooks:
        return target
    from .preparation.hooks import Hooked  # what runs things is not loaded to read a study

    return Hooked(target, section, workplace)


def isolation_of(evaluation: Evaluation, section: TargetSection | None) -> Isolation:
    """Return how evaluations are kept apart: what a planner has edited is not measured without a sandbox unasked."""
    code = section is not None and section.code is not None
    return "strict" if code and evaluation.isolation == "auto" else evaluation.isolation


def _served(section: TargetSection, service: Service, evaluation: Evaluation, workplace: Workplace) -> Target:
    """Return the target beside its server, whose port evaluations may reach."""
    from .places import Places, free_port
    from .preparation.service import Served

    into = section.into(evaluation)
    workplace = replace(workplace, port=service.fixed_port or free_port())
    inner = TARGETS[section.kind](section, into, workplace)
    return Served(inner, service, Places(into, workplace), workplace)
