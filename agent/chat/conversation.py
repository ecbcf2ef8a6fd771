"""A conversation with a model about a study: it streams its answer and uses tools; a person may interrupt or hint."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)

from ...prompts import load_variant
from ...tools.errors import TrimtabError
from ...tools.registry import NOT_DONE
from ..memory.store import Store
from ..models.choice import Choice, choose
from ..models.endpoint.facts import says_so
from ..models.metering.meter import ModelBudgetError, ModelCallError
from ..models.metering.metered import MeteredModel
from ..models.metering.prices import price_of
from ..models.opened import OpenedModel, facts_of, load_code, meter_of
from ..models.safe_text import redact
from ..models.settings import ModelSection, ResolvedModel
from ..planners.dialogue.tool_loop import plain_name
from . import looking
from .messages import INTERRUPTED, acceptable, answered, complete, news, restored
from .steering.control import StudyControl
from .tools import offered
from .transcript import Entry

_TEMPERATURE = 0.4
_STEPS = 24
"""Answers of a model to one message; the last one is asked for in words."""
_LONGEST_CALL_S = 300.0
_SAME_ERROR = 3
"""Equal errors in a row after which tools are no longer offered in this turn."""


@dataclass(frozen=True)
class Piece:
    """A piece of the answer's Markdown."""

    text: str


@dataclass(frozen=True)
class ToolCalled:
    """The model uses a tool."""

    call: str
    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class ToolAnswered:
    """A tool answered."""

    call: str
    text: str
    failed: bool


@dataclass(frozen=True)
class Ended:
    """The turn is over; `trouble` says what went wrong, '' when nothing did."""

    trouble: str = ""


Happening = Piece | ToolCalled | ToolAnswered | Ended


@dataclass(frozen=True)
class _Heard:
    """Something that the model has not been told yet."""

    kind: Literal["said", "hint", "news"]
    text: str


class Conversation:
    """The messages of a conversation and the model that answers them.

    What a person says, hints at or does is taken in at once, in this order, and told to the model at its next step,
    also when a turn is interrupted before it began. The rest runs in the background loop.
    """

    def __init__(
        self, control: StudyControl, store: Store, emit: Callable[[Happening], None], section: ModelSection
    ) -> None:
        self.control, self.store, self.emit, self.section = control, store, emit, section
        self.messages: list[BaseMessage] = []
        self._heard: deque[_Heard] = deque()
        self._said = ""
        """What has arrived of the answer under way."""
        self._unreadable: frozenset[str] = frozenset()
        self._choice: Choice | TrimtabError | None = None
        self._opened: OpenedModel | None = None
        self._model: MeteredModel | None = None
        self._outdated = False
        self._tools = False

    @property
    def model(self) -> ResolvedModel | None:
        """The model that answers; None when there is none."""
        found = self._chosen()
        return found.model if isinstance(found, Choice) else None

    @property
    def why_none(self) -> str:
        """Why there is no model, and what to do about it."""
        found = self._chosen()
        return found.why_none if isinstance(found, Choice) else str(found)

    def _chosen(self) -> Choice | TrimtabError:
        """Return the model of this conversation; looked for once, as an endpoint may have to be asked."""
        if self._choice is None:
            try:
                self._choice = partner(self.section)
            except TrimtabError as error:
                self._choice = error
        return self._choice

    # What it is told

    def hint(self, text: str) -> None:
        """Tell the model something at its next step, and the study's planner at its next thought."""
        self._heard.append(_Heard("hint", text))
        self.control.note(text)
        self.control.background.call(self.control.call_for_attention)

    def tell(self, text: str) -> None:
        """Let the model know, when it is asked next, what happened outside the conversation."""
        self._heard.append(_Heard("news", text))

    def say(self, text: str) -> "Coroutine[Any, Any, None]":
        """Take in a message and return the turn that answers it; what happens in it is emitted.

        Cancelling the turn keeps what was said so far, and leaves a conversation that can go on.
        """
        self._heard.append(_Heard("said", text))
        return self._turn()

    def restore(self, entries: list[Entry]) -> None:
        """Go on with a stored conversation instead of this one."""
        self._heard.clear()
        self.messages = restored(entries)

    def reset(self, section: ModelSection) -> None:
        """Use another model from the next message on."""
        self.section, self._choice, self._outdated = section, None, True

    async def close(self) -> None:
        """End an embedded model, and let go of connections."""
        opened, self._opened, self._model = self._opened, None, None
        if opened is not None:
            await opened.close()

    # A turn

    async def _turn(self) -> None:
        trouble = ""
        try:
            await self._open()
            await self._answer()
        except asyncio.CancelledError:
            trouble = "interrupted"
            self.tell(f"your answer was {INTERRUPTED}")
        except ModelBudgetError as error:
            trouble = f"{error}; /budget raises it"
        except TrimtabError as error:
            trouble = redact(str(error))
        except Exception as error:  # noqa: BLE001  # whatever a provider or LangChain raises must not end the program
            trouble = redact(f"{type(error).__name__}: {error}")[:300]
        if trouble:
            self._break_off(INTERRUPTED if trouble == "interrupted" else f"{NOT_DONE}{trouble}")
        self.emit(Ended(trouble))

    def _break_off(self, why: str) -> None:
        """Keep what was said, and answer the calls that are still open, so that the conversation can go on."""
        self._take_in()
        if self._said:
            self.messages.append(AIMessage(self._said))
            self._said = ""
        closed = answered(self.messages, why)
        known = {message.tool_call_id for message in self.messages if isinstance(message, ToolMessage)}
        self.messages = closed
        for message in closed:
            if isinstance(message, ToolMessage) and message.tool_call_id not in known:
                self.emit(ToolAnswered(message.tool_call_id, why, failed=True))

    async def _answer(self) -> None:
        """Let the model answer, in as many steps as its tools and the person's hints take."""
        errors: list[str] = []
        for step in range(_STEPS):
            self._take_in()
            message = await self._ask_in_any_way(with_tools=step < _STEPS - 1 and not _stuck(errors))
            self.messages.append(message)
            errors += [await self._use(call) for call in message.tool_calls]
            if not message.tool_calls and not any(each.kind == "hint" for each in self._heard):
                return
        raise TrimtabError(f"the model used tools {_STEPS} times without an answer", "ask it again, more narrowly")

    def _take_in(self) -> None:
        """Let what was heard become one message, in the order in which it was heard."""
        parts: list[str] = []
        lines: list[str] = []
        while self._heard:
            heard = self._heard.popleft()
            if heard.kind == "news":
                lines.append(heard.text)
                continue
            parts += [news(lines)] if lines else []
            lines = []
            parts.append(heard.text)
        parts += [news(lines)] if lines else []
        if parts:
            self.messages.append(HumanMessage("\n\n".join(parts)))

    async def _ask_in_any_way(self, *, with_tools: bool) -> AIMessage:
        """Make a call with tools where they are wanted, or without where the endpoint takes none."""
        assert self._model is not None
        if with_tools and self._tools:
            try:
                return await self._ask(with_tools=True)
            except ModelCallError as error:
                if error.failure.parameter != "tools":
                    raise
                self._model.meter.facts.refuse("tools", lasting=says_so(error.failure))
                self._tools = False
        return await self._ask(with_tools=False)

    async def _ask(self, *, with_tools: bool) -> AIMessage:
        """Make one call and return the whole answer; its text is emitted as it arrives."""
        assert self._model is not None
        assert self._opened is not None
        self._model.meter.ledger = self.control.ledger()
        if self.control.study is not None and self.control.study.budget.dollars is not None:
            price_of(self.section, self._opened.resolved, dollars_limited=True)  # what has no price cannot be limited
        tools = offered(self.control)
        asked: Any = self._model
        if with_tools:
            asked = self._model.bind_tools([each.tool.schema for each in tools.values()])
        whole: AIMessageChunk | None = None
        self._said = ""
        async for piece in asked.astream([self._system(), *acceptable(self.messages)]):
            whole = piece if whole is None else whole + piece
            text = str(piece.text)
            if text:
                self._said += text
                self.emit(Piece(text))
        answer, self._unreadable = complete(whole or AIMessageChunk(content=""), len(self.messages))
        if not answer.tool_calls and not str(answer.text).strip():
            finish = answer.response_metadata.get("finish_reason")
            raise TrimtabError(
                f"the model answered nothing{f' (finish reason: {finish})' if finish else ''}",
                "a larger model.max_output_tokens may help" if finish == "length" else "ask again, or /model NAME",
            )
        if answer.tool_calls:
            self._model.meter.facts.show("tools")
        self._said = ""
        return answer

    async def _use(self, call: Any) -> str:
        """Run one tool call and answer it; return its error, '' when there was none."""
        name, arguments = str(call["name"]), dict(call["args"])
        self.emit(ToolCalled(call["id"], name, arguments))
        tools = offered(self.control)
        known = tools.get(plain_name(name, tools))
        if call["id"] in self._unreadable:
            text = f"{NOT_DONE}the arguments are no complete JSON object"
        elif known is None:
            text = f"{NOT_DONE}there is no tool {name!r}; there are: {', '.join(tools)}"
        else:
            refusal = await self.control.permission(known.tool.name, arguments)
            text = f"{NOT_DONE}{refusal}" if refusal else await known.call(arguments)
        text = redact(text)
        failed = text.startswith(NOT_DONE)
        status: Literal["error", "success"] = "error" if failed else "success"
        self.messages.append(ToolMessage(text, tool_call_id=call["id"], name=name, status=status))
        self.emit(ToolAnswered(call["id"], text, failed))
        return text if failed else ""

    def _system(self) -> SystemMessage:
        described = looking.describe(self.control)
        return SystemMessage(load_variant("default").render("chat.j2", study=described, tools=self._tools))

    async def _open(self) -> None:
        if self._model is not None and not self._outdated:
            return
        found = await asyncio.to_thread(self._chosen)
        if isinstance(found, TrimtabError):
            raise found
        if found.model is None:
            raise TrimtabError(f"there is no model: {found.why_none}")
        await asyncio.to_thread(load_code)
        await self.close()
        facts = facts_of(self.section, found.model, self.store)
        price = price_of(self.section, found.model, dollars_limited=False)
        ledger = self.control.ledger()
        meter = meter_of(self.section, found.model, ledger, price=price, temperature=_TEMPERATURE, facts=facts)
        meter.timeout_s, meter.breaker.pause_s = max(self.section.timeout_s, _LONGEST_CALL_S), 0.0
        meter.on_call = lambda call: self.control.called(call, meter.ledger)
        self._opened = OpenedModel(self.section, found.model, meter)
        self._model = await self._opened.ready()
        self._tools = facts.capability in {None, "tools"} and "tools" not in facts.refused
        self._outdated = False


def partner(section: ModelSection) -> Choice:
    """Return the model to talk to. The embedded one is too small for that, unless it was asked for by name.

    Raises:
        InputError: the named model cannot be used here.
    """
    found = choose(section)
    if section.name == "auto" and found.model is not None and found.model.gguf is not None:
        why = f"{found.model.why.partition(';')[0]}, and the embedded model is too small to talk to"
        return Choice(None, f"{why}: set OPENAI_BASE_URL or OPENAI_API_KEY, or /model local to try it all the same")
    return found


def _stuck(errors: list[str]) -> bool:
    """Whether the last answers of tools were one and the same error."""
    last = errors[-_SAME_ERROR:]
    return len(last) == _SAME_ERROR and bool(last[0]) and len(set(last)) == 1
