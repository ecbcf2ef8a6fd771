"""Asks a model with everything in one prompt, its answer bound to a JSON schema where the endpoint takes one."""

from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from ....prompts import Settings, Variant
from ...models.endpoint.endings import Cut
from ...models.endpoint.providers import response_format
from ...models.metering.meter import Meter
from ...models.metering.metered import MeteredModel
from ...models.settings import Capability
from ..digest import record_part, stable_part
from .answers import Collected

RAISED = 2
"""How many times the output limit an answer gets after one that was cut off by it."""

_NUMBER = {"type": "number"}
PREDICTION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"expected": _NUMBER, "low": _NUMBER, "high": _NUMBER},
    "required": ["expected", "low", "high"],
    "additionalProperties": False,
}
"""The JSON schema of a prediction: expected value and 90 % interval."""


_TEXT = {"type": "string"}
_EDIT = {
    "type": "object",
    "properties": {"file": _TEXT, "search": _TEXT, "region": _TEXT, "replace": _TEXT},
    "required": ["file", "search", "region", "replace"],
    "additionalProperties": False,
}


def answer_schema(space_schema: dict[str, Any], n: int, settings: Settings, *, code: bool = False) -> dict[str, Any]:
    """Return the JSON schema of an answer with `n` proposals; the reason stands before the values it leads to."""
    properties: dict[str, Any] = {}
    if settings.rationale:
        properties["rationale"] = {"type": "string", "maxLength": settings.rationale}
    properties["values"] = {
        **space_schema,
        "properties": {name: _bare(each) for name, each in space_schema["properties"].items()},
    }
    if code:
        properties["edits"] = {"type": "array", "items": _EDIT}
    if settings.predict:
        properties["predicted"] = PREDICTION_SCHEMA
    proposal = {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "properties": {"proposals": {"type": "array", "minItems": n, "maxItems": n, "items": proposal}},
        "required": ["proposals"],
        "additionalProperties": False,
    }


def first_messages(
    variant: Variant, collected: Collected, capability: Capability, n: int, template: str = "task.j2", **more: Any
) -> list[BaseMessage]:
    """Return the system and task messages of a thought."""
    context = collected.context
    stable = stable_part(context.study, capability)
    record = record_part(context, variant.settings, n)
    system = variant.render("system.j2", **{**stable, "n": n})
    return [SystemMessage(system), HumanMessage(variant.render(template, **{**stable, **record, **more}))]


async def ask_once(
    model: MeteredModel,
    variant: Variant,
    collected: Collected,
    capability: Capability,
    n: int,
    retries: int,
    template: str = "task.j2",
    **more: Any,
) -> None:
    """Ask with everything in one prompt; a bad answer is asked again with the reason, a few times."""
    messages = first_messages(variant, collected, capability, n, template, **more)
    meter: Meter = model.meter
    code = collected.code is not None
    schema = answer_schema(collected.context.study.space.json_schema(), n, variant.settings, code=code)
    asked = model if capability == "text" else model.bind(response_format=response_format(schema))
    limit = meter.output_limit
    for _attempt in range(retries + 1):
        collected.reasons.clear()
        answer = await asked.ainvoke(messages, output_limit=limit)
        read = collected.read(answer, limit)
        if read.accepted or not read.again:
            return
        limit = raised(limit, read.ending, meter)
        messages += retry_messages(variant, collected, str(answer.text))


def raised(limit: int, ending: Cut | None, meter: Meter) -> int:
    """Return the output limit for the next try: a higher one, once, where an answer was cut off."""
    cut_off = ending is not None and ending.code in {"length", "invalid_tool_call"}
    return RAISED * meter.output_limit if cut_off else limit


def retry_messages(variant: Variant, collected: Collected, text: str) -> list[BaseMessage]:
    """Return what is said after an answer that could not be used: the answer, if there was one, and why."""
    reason = "; ".join(dict.fromkeys(collected.reasons)) or "it held no proposal"
    again = HumanMessage(variant.render("retry.j2", reason=reason))
    return [AIMessage(text), again] if text.strip() else [again]


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter's schema without its description, which the prompt already has."""
    return {name: value for name, value in schema.items() if name != "description"}
