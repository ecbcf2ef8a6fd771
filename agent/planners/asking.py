"""The two ways to ask a model: an agent with tools, or one prompt with everything and a bound answer."""

import asyncio
from importlib import import_module
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from ...prompts import Settings, Variant
from ...tools.registry import NOT_DONE, TOOLS
from ..models.metered import MeteredModel
from ..models.probe import response_format
from ..models.settings import Capability
from .answers import Collected
from .desk import fill_desk
from .digest import record_part, stable_part
from .parsing import RawProposal, parse_answer

_STEPS = 24
_NUMBER = {"type": "number"}
PREDICTION_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"expected": _NUMBER, "low": _NUMBER, "high": _NUMBER},
    "required": ["expected", "low", "high"],
    "additionalProperties": False,
}
"""The JSON schema of a prediction: expected value and 90 % interval."""


def answer_schema(space_schema: dict[str, Any], n: int, settings: Settings) -> dict[str, Any]:
    """Return the JSON schema of an answer with `n` proposals."""
    properties: dict[str, Any] = {
        "values": {**space_schema, "properties": {k: _bare(v) for k, v in space_schema["properties"].items()}}
    }
    if settings.rationale:
        properties["rationale"] = {"type": "string", "maxLength": settings.rationale}
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
    context = collected.context
    schema = answer_schema(context.study.space.json_schema(), n, variant.settings)
    asked = model if capability == "text" else model.bind(response_format=response_format(schema))
    for _attempt in range(retries + 1):
        collected.reasons.clear()
        answer = await asked.ainvoke(messages)
        if collected.take_answer(parse_answer(str(answer.text), context.study.parameters)):
            return
        reason = "; ".join(dict.fromkeys(collected.reasons)) or "it held no proposal"
        messages += [AIMessage(str(answer.text)), HumanMessage(variant.render("retry.j2", reason=reason))]


async def ask_with_tools(model: MeteredModel, variant: Variant, collected: Collected, n: int, retries: int) -> None:
    """Run a LangChain agent with the registered tools until it has proposed, or given up."""
    agents = await asyncio.to_thread(import_module, "langchain.agents")  # a second's work, off the event loop
    errors = await asyncio.to_thread(import_module, "langgraph.errors")
    context = collected.context
    desk = fill_desk(context, lambda given: _submit(collected, given))
    system, task = first_messages(variant, collected, "tools", n)
    agent = agents.create_agent(model, [TOOLS[name].bind(desk) for name in TOOLS], system_prompt=str(system.text))
    messages: list[BaseMessage] = [task]
    for _attempt in range(retries + 1):
        collected.reasons.clear()
        last: BaseMessage = task
        try:
            steps = agent.astream({"messages": messages}, {"recursion_limit": _STEPS}, stream_mode="updates")
            async for step in steps:
                for message in (m for update in step.values() for m in (update or {}).get("messages", [])):
                    last = message
                    _note_tool_error(collected, message)
                if collected.proposals:
                    return
        except errors.GraphRecursionError:
            collected.problem("no_proposal", "it used tools without proposing anything")
            return
        if isinstance(last, AIMessage) and collected.take_answer(
            parse_answer(str(last.text), context.study.parameters)
        ):
            return
        reason = "; ".join(dict.fromkeys(collected.reasons)) or "nothing was proposed: call the tool propose"
        messages = [task, AIMessage(str(last.text)), HumanMessage(variant.render("retry.j2", reason=reason))]


def _submit(collected: Collected, given: list[dict[str, Any]]) -> str:
    """Take proposals from the tool `propose`; the answer lets the model mend what was refused."""
    collected.reasons.clear()
    raw = []
    for each in given:
        predicted = each["predicted"]
        interval = (predicted["expected"], predicted["low"], predicted["high"]) if predicted else None
        raw.append(RawProposal(each["values"], each["rationale"][:300], interval))
    if collected.take(raw):
        return f"accepted {len(collected.proposals)} of {len(given)}"
    return f"refused: {'; '.join(collected.reasons)}"


def _note_tool_error(collected: Collected, message: BaseMessage) -> None:
    if not isinstance(message, ToolMessage):
        return
    if message.status == "error" or str(message.text).startswith(NOT_DONE):
        text = " ".join(str(message.text).split())[:200]
        known = message.name in TOOLS
        collected.problem("invalid_arguments" if known else "unknown_tool", text)


def _bare(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a parameter's schema without its description, which the prompt already has."""
    return {name: value for name, value in schema.items() if name != "description"}
