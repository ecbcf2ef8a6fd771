"""A thought with tools: the model looks around and proposes, in a bounded number of calls, the last of which proposes.

Form is taken as it comes: names of tools with a prefix, arguments that are text. Three equal mistakes end a thought.
"""

from collections import Counter
from collections.abc import Collection
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage

from ....prompts import Variant
from ....tools.desk import Desk
from ....tools.propose import with_edits
from ....tools.registry import CODE_TOOLS, NOT_DONE, TOOLS
from ....tools.text import one_line
from ...models.metering.meter import Meter
from ...models.metering.metered import MeteredModel
from ..desk import fill_desk
from .answers import Collected
from .asking import first_messages, raised, retry_messages
from .loose_json import find_json

_EQUAL_ERRORS = 3
_CALLS_AT_ONCE = 16
_PROPOSE = "propose"


async def ask_with_tools(model: MeteredModel, variant: Variant, collected: Collected, n: int, steps: int) -> None:
    """Let a model use tools until it has proposed enough, in at most `steps` calls.

    Where there is no time to look around, proposing is the only tool.
    """
    meter: Meter = model.meter
    messages = first_messages(variant, collected, "tools", n)
    used = _Use(collected, fill_desk(collected.context, collected.submit, collected.code))
    schemas, limit = [_schema(name, collected) for name in _offered(collected)], meter.output_limit
    for left in range(steps - 1, -1, -1):
        choice = {} if left else {"tool_choice": _PROPOSE}
        answer = await model.bind_tools(schemas, **choice).ainvoke(messages, output_limit=limit)
        if answer.tool_calls:
            meter.facts.show("tools")
            messages += await used.answers(answer, left)
        else:
            collected.reasons.clear()
            used.take_odd_call(answer)
            read = collected.read(answer, limit) if not collected.proposals else None
            if read is None or read.accepted or not read.again:
                return
            limit = raised(limit, read.ending, meter)
            messages += retry_messages(variant, collected, str(answer.text))
        if collected.proposals and (collected.enough or used.mended):
            return
        if used.stuck:
            collected.problem("no_proposal", f"the same mistake {_EQUAL_ERRORS} times: {used.stuck}")
            return
    if not collected.proposals:
        collected.problem("no_proposal", f"{steps} calls without a proposal (model.thought_steps)")


def _offered(collected: Collected) -> list[str]:
    """Return the tools that a model gets: those that look at the record where there is time, the editor's always."""
    code = CODE_TOOLS if collected.code is not None else ()
    if not collected.context.question.look_around:
        return [*code, _PROPOSE]
    return [name for name in TOOLS if name in code or name not in CODE_TOOLS]


def _schema(name: str, collected: Collected) -> dict[str, Any]:
    schema = TOOLS[name].schema
    return with_edits(schema) if name == _PROPOSE and collected.code is not None else schema


class _Use:
    """The tools in use in one thought, and what went wrong with them.

    `mended` is whether nothing of what was proposed is left to mend: it was all taken, or there was a second try.
    """

    def __init__(self, collected: Collected, desk: Desk) -> None:
        self.collected, self.desk = collected, desk
        self.mended = False
        self._errors: Counter[str] = Counter()

    @property
    def stuck(self) -> str:
        """The mistake that was made too often, '' when there is none."""
        return next((error for error, count in self._errors.items() if count >= _EQUAL_ERRORS), "")

    async def answers(self, answer: AIMessage, left: int) -> list[BaseMessage]:
        """Run the calls of an answer in order; return it and the answers of the tools. `left` are calls to come."""
        calls: list[ToolCall] = [{**call, "name": plain_name(call["name"])} for call in answer.tool_calls]
        texts = [await self._run(call) for call in calls[:_CALLS_AT_ONCE]]
        texts += [f"{NOT_DONE}too many calls at once" for _ in calls[_CALLS_AT_ONCE:]]
        texts[-1] += _hurry(left)
        said = answer.model_copy(update={"tool_calls": calls, "invalid_tool_calls": []})
        answered = [
            ToolMessage(text, tool_call_id=str(call["id"]), name=call["name"])
            for call, text in zip(calls, texts, strict=True)
        ]
        return [said, *answered]

    def take_odd_call(self, answer: AIMessage) -> None:
        """Take the proposals out of a call whose arguments are whole JSON, but no object."""
        for call in answer.invalid_tool_calls:
            found = find_json(str(call["args"] or ""))
            if plain_name(str(call["name"])) == _PROPOSE and found.there and not found.cut_off:
                self.collected.submit(found.value)

    async def _run(self, call: ToolCall) -> str:
        name, had = call["name"], len(self.collected.proposals)
        if name not in TOOLS:
            return self._failed("unknown_tool", f"{NOT_DONE}there is no tool {name!r}; there are {', '.join(TOOLS)}")
        text = await TOOLS[name].call(self.desk, call["args"])
        if text.startswith(NOT_DONE):
            return self._failed("invalid_arguments", text)
        if name == _PROPOSE:
            self.mended = bool(had) or not self.collected.reasons
            if len(self.collected.proposals) == had:
                self._errors[one_line(text)] += 1
        return text

    def _failed(self, code: Any, text: str) -> str:
        message = one_line(text.removeprefix(NOT_DONE))
        self._errors[message] += 1
        self.collected.problem(code, message)
        return text


def plain_name(name: str, known: Collection[str] = TOOLS) -> str:
    """Return a tool's name without what models put around it: `functions.propose`, `propose<|channel|>`."""
    bare = name.split("<", 1)[0].strip()
    for separator in (".", ":", "/"):
        bare = bare.rpartition(separator)[2]
    return bare if bare in known else bare.lower() if bare.lower() in known else name


def _hurry(left: int) -> str:
    """Return what is added to a tool's answer where few calls are left."""
    if left > 2:
        return ""
    return f"\n({left} call{'s' if left > 1 else ''} left in this thought: call {_PROPOSE} now)"
