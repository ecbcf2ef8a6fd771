"""A conversation with a model about a study: it streams its answer and uses tools; a person may interrupt or hint."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage

from ...prompts import load_variant
from ...tools.errors import TrimtabError
from ..budget import Ledger
from ..memory.store import Store
from ..models.choice import Choice, choose
from ..models.facts import says_so
from ..models.meter import CallRecord, ModelCallError
from ..models.metered import MeteredModel
from ..models.opened import OpenedModel, facts_of, load_code, meter_of
from ..models.prices import price_of
from ..models.safe_text import redact
from ..models.settings import ModelSection, ResolvedModel
from .control import StudyControl
from .tools import control_tools

_TEMPERATURE = 0.4
_STEPS = 40


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


class Conversation:
    """The messages of a conversation and the model that answers them. `say` runs in the background loop."""

    def __init__(
        self, control: StudyControl, store: Store, emit: Callable[[Happening], None], section: ModelSection
    ) -> None:
        self.control, self.store, self.emit, self.section = control, store, emit, section
        self.messages: list[BaseMessage] = []
        self.ledger = Ledger({}, {})
        self._hints: deque[str] = deque()
        self._choice: Choice | TrimtabError | None = None
        self._opened: OpenedModel | None = None
        self._model: MeteredModel | None = None
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
                self._choice = choose(self.section)
            except TrimtabError as error:
                self._choice = error
        return self._choice

    def hint(self, text: str) -> None:
        """Tell the model something at its next turn, and the study's planner at its own."""
        self._hints.append(text)
        self.control.note(text)

    async def say(self, text: str) -> None:
        """Answer a message; what happens is emitted. Cancelling it keeps what was said so far."""
        self.messages.append(HumanMessage(text))
        said: list[str] = []
        trouble = ""
        try:
            await self._open()
            await self._answer(said)
        except asyncio.CancelledError:
            trouble = "interrupted"
        except TrimtabError as error:
            trouble = redact(error.message)
        except Exception as error:  # noqa: BLE001  # whatever a provider or LangChain raises must not end the program
            trouble = redact(f"{type(error).__name__}: {error}")[:300]
        if trouble and said:
            self.messages.append(AIMessage("".join(said)))
        self.emit(Ended(trouble))

    async def _answer(self, said: list[str]) -> None:
        """Answer with tools, or without them where the endpoint takes none."""
        if self._tools:
            try:
                await self._with_tools(said)
            except ModelCallError as error:
                if error.failure.parameter != "tools" or self._model is None:
                    raise
                self._model.meter.facts.refuse("tools", lasting=says_so(error.failure))
                self._tools = False
        if not self._tools:
            await self._plain(said)

    async def close(self) -> None:
        """End an embedded model, and let go of connections."""
        opened, self._opened, self._model = self._opened, None, None
        if opened is not None:
            await opened.close()

    def reset(self, section: ModelSection) -> None:
        """Use another model from the next message on."""
        self.section, self._model, self._choice = section, None, None

    async def _open(self) -> None:
        if self._model is not None:
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
        meter = meter_of(self.section, found.model, self.ledger, price=price, temperature=_TEMPERATURE, facts=facts)
        meter.timeout_s, meter.breaker.pause_s, meter.on_call = max(self.section.timeout_s, 300.0), 0.0, self._called
        self._opened = OpenedModel(self.section, found.model, meter)
        self._model = await self._opened.ready()
        self._tools = facts.capability in {None, "tools"} and "tools" not in facts.refused

    def _system(self) -> str:
        return load_variant("default").render("chat.j2", study=self.control.describe(), tools=self._tools)

    async def _plain(self, said: list[str]) -> None:
        """Answer without tools; hints that came meanwhile are taken with the next message."""
        assert self._model is not None
        hints = [HumanMessage(self._hints.popleft()) for _ in range(len(self._hints))]
        self.messages += hints
        async for piece in self._model.astream([SystemMessage(self._system()), *self.messages]):
            self._piece(str(piece.text), said)
        self.messages.append(AIMessage("".join(said)))

    async def _with_tools(self, said: list[str]) -> None:
        agents = await asyncio.to_thread(import_module, "langchain.agents")
        middleware = await asyncio.to_thread(import_module, "langchain.agents.middleware")
        conversation = self

        @middleware.before_model  # type: ignore[untyped-decorator]
        def take_hints(_state: Any, _runtime: Any) -> dict[str, Any] | None:
            hints = [HumanMessage(conversation._hints.popleft()) for _ in range(len(conversation._hints))]
            return {"messages": hints} if hints else None

        agent = agents.create_agent(
            self._model, control_tools(self.control), system_prompt=self._system(), middleware=[take_hints]
        )
        stream = agent.astream(
            {"messages": self.messages}, {"recursion_limit": _STEPS}, stream_mode=["messages", "updates"]
        )
        async for kind, happening in stream:
            if kind == "messages":
                message = happening[0]
                if isinstance(message, AIMessageChunk):
                    self._piece(str(message.text), said)
                continue
            for update in happening.values():
                for message in (update or {}).get("messages", []):
                    self._step(message, said)

    def _step(self, message: BaseMessage, said: list[str]) -> None:
        self.messages.append(message)
        if isinstance(message, AIMessage):
            said.clear()
            for call in message.tool_calls:
                self.emit(ToolCalled(str(call["id"]), call["name"], call["args"]))
        elif isinstance(message, ToolMessage):
            text = str(message.text)
            failed = message.status == "error" or text.startswith("not done")
            self.emit(ToolAnswered(message.tool_call_id, text, failed))

    def _piece(self, text: str, said: list[str]) -> None:
        if text:
            said.append(text)
            self.emit(Piece(text))

    def _called(self, call: CallRecord) -> None:
        stored = self.control.stored
        if stored is None:
            return
        columns = {name: value for name, value in vars(call).items() if name not in {"request", "message"}}
        columns |= {"request": redact(str(call.request)), "response": redact(call.response)}
        self.store.add_model_call(stored.id, columns)
