"""The one place through which every call of a model goes: budget, breaker, recording, retries, and the bill.

It is a LangChain chat model around another one, so that agents and plain calls pass it alike.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    message_chunk_to_message,
    messages_from_dict,
    messages_to_dict,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable

from ...tools.errors import TrimtabError
from ..budget import MODEL_RESOURCES, Ledger
from .breaker import Breaker
from .cassette import Cassette, Player, Recorder, redact
from .failures import Failure, FailureKind, classify
from .prices import Price

_LONGEST_WAIT_S = 30.0


class ModelCallError(TrimtabError):
    """A call failed for good. `failure` says how."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"model call failed: {failure.message}")
        self.failure = failure


class ModelPausedError(TrimtabError):
    """The endpoint failed repeatedly and is left alone for a while."""


class ModelBudgetError(TrimtabError):
    """The model's share of the budget is spent."""


@dataclass(frozen=True)
class CallRecord:
    """One attempted call, for the store and the events. `outcome` is 'ok' or the kind of failure."""

    model: str
    outcome: str
    attempt: int
    input_tokens: int
    output_tokens: int
    dollars: float | None
    latency_s: float
    message: str
    request: dict[str, Any]
    response: str


@dataclass
class Meter:
    """What calls are measured against, and who is told of each. `retries` are further attempts of a failed call;
    `backoff_s` is the wait before the first of them, doubled each time.
    """

    label: str
    ledger: Ledger
    price: Price | None = None
    cassette: Cassette | None = None
    retries: int = 2
    timeout_s: float = 120.0
    backoff_s: float = 0.5
    on_call: Callable[[CallRecord], None] = lambda _record: None
    breaker: Breaker = field(default_factory=Breaker)

    def check(self, request: dict[str, Any]) -> None:
        """Raise unless a call may be made now.

        Raises:
            ModelBudgetError: a limit on calls, tokens or dollars is reached.
            ModelPausedError: the breaker is open.
        """
        for resource in MODEL_RESOURCES:
            if self.ledger.exhausted(resource):
                raise ModelBudgetError(f"the budget of {self.ledger.limits[resource]:g} {resource} is spent")
        paused = self.breaker.paused_s()
        if paused > 0 and not isinstance(self.cassette, Player):  # a replay has no time; it was recorded below
            message = f"{self.label} keeps failing; it is asked again in {paused:.0f} s"
            self.keep(request, {"failure": {"kind": "paused", "message": message, "after": None}})
            raise ModelPausedError(message)

    def keep(self, request: dict[str, Any], outcome: dict[str, Any]) -> None:
        """Write a call to the recording, if there is one."""
        if isinstance(self.cassette, Recorder):
            self.cassette.call(request, outcome)


class MeteredModel(BaseChatModel):
    """A chat model whose every call is checked before and billed after; see `Meter`."""

    inner: Any = None
    meter: Any

    @property
    def _llm_type(self) -> str:
        return "metered"

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools the way the inner model wants them, but keep its calls passing through here."""
        from langchain_core.utils.function_calling import convert_to_openai_tool

        if self.inner is None:  # a replay has no inner model
            bound: dict[str, Any] = {"tools": [convert_to_openai_tool(tool) for tool in tools]}
        else:
            choice = {} if tool_choice is None else {"tool_choice": tool_choice}
            bound = dict(self.inner.bind_tools(tools, **choice, **kwargs).kwargs)
        return self.bind(**bound)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        del messages, stop, run_manager, kwargs
        raise TypeError("a metered model is called asynchronously: use ainvoke")

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        """Make one call with retries; `stop` and `run_manager` are LangChain's, and not used.

        Raises:
            ModelBudgetError, ModelPausedError: before anything is spent.
            ModelCallError: the call failed, after the retries where they make sense.
        """
        del stop, run_manager
        meter: Meter = self.meter
        request = describe_request(meter.label, messages, kwargs)
        for attempt in range(meter.retries + 1):
            meter.check(request)
            answer = await self._attempt(messages, kwargs, request, attempt)
            if not isinstance(answer, Failure):
                meter.breaker.succeeded()
                return ChatResult(generations=[ChatGeneration(message=answer)])
            meter.breaker.failed(answer.retry_after_s)
            wait = answer.retry_after_s if answer.retry_after_s is not None else meter.backoff_s * 2**attempt
            if not answer.retriable or attempt == meter.retries or wait > _LONGEST_WAIT_S:
                raise ModelCallError(answer)
            if not isinstance(meter.cassette, Player):
                await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        """Make one call whose answer arrives piece by piece; billed at its end, also when it is broken off.

        What has begun to arrive is not asked for again. `stop` and `run_manager` are LangChain's, and not used.

        Raises:
            ModelBudgetError, ModelPausedError: before anything is spent.
            ModelCallError: the call failed.
        """
        del stop, run_manager
        meter: Meter = self.meter
        if self.inner is None:  # a replay has no pieces
            result = await self._agenerate(messages, **kwargs)
            yield ChatGenerationChunk(message=_as_chunk(result.generations[0].message))
            return
        request = describe_request(meter.label, messages, kwargs)
        meter.check(request)
        began, whole = time.monotonic(), None
        answer: AIMessage | Failure = Failure("cancelled", "the answer was broken off")
        try:
            async with asyncio.timeout(meter.timeout_s):
                async for piece in self.inner._astream(messages, **kwargs):  # noqa: SLF001  # LangChain's way
                    whole = piece.message if whole is None else whole + piece.message
                    yield piece
            answer = Failure("invalid_response", "it answered nothing")
            if whole is not None and isinstance(joined := message_chunk_to_message(whole), AIMessage):
                answer = joined
        except Exception as error:  # noqa: BLE001  # any provider's exception is a failed call
            answer = classify(error)
        finally:
            self._bill(answer, request, 0, time.monotonic() - began)
        if isinstance(answer, Failure):
            meter.breaker.failed(answer.retry_after_s)
            raise ModelCallError(answer)
        meter.breaker.succeeded()

    async def _attempt(
        self, messages: list[BaseMessage], kwargs: dict[str, Any], request: dict[str, Any], attempt: int
    ) -> AIMessage | Failure:
        """Make one attempt, and bill it whatever becomes of it."""
        meter: Meter = self.meter
        began = time.monotonic()
        answer: AIMessage | Failure = Failure("cancelled", "the run ended before the answer came")
        if isinstance(meter.cassette, Player):
            answer = _replayed(meter.cassette.find(request))
            if isinstance(answer, Failure) and answer.kind == "paused":
                raise ModelPausedError(answer.message)
        try:
            if self.inner is not None:
                async with asyncio.timeout(meter.timeout_s):
                    answer = _message(await self.inner._agenerate(messages, **kwargs))  # noqa: SLF001  # LangChain's way
        except Exception as error:  # noqa: BLE001  # any provider's exception is a failed call
            answer = classify(error)
        finally:
            self._bill(answer, request, attempt, time.monotonic() - began)
        return answer

    def _bill(self, answer: AIMessage | Failure, request: dict[str, Any], attempt: int, latency_s: float) -> None:
        """Write an attempt into ledger, recording and store."""
        meter: Meter = self.meter
        used_in, used_out = usage(answer, request)
        dollars = None if meter.price is None else meter.price.dollars(used_in, used_out)
        for resource, amount in zip(MODEL_RESOURCES, (1, used_in, used_out, dollars or 0.0), strict=True):
            meter.ledger.spend(resource, amount)
        if isinstance(answer, Failure):
            kind, message, text = str(answer.kind), answer.message, ""
            outcome: dict[str, Any] = {"failure": {"kind": kind, "message": message, "after": answer.retry_after_s}}
        else:
            kind, message, text = "ok", "", _text(answer)
            outcome = {"response": messages_to_dict([_portable(answer)])[0]}
        spent = {"input_tokens": used_in, "output_tokens": used_out, "latency_s": round(latency_s, 3)}
        meter.keep(request, {**outcome, **spent})
        meter.on_call(
            CallRecord(meter.label, kind, attempt, used_in, used_out, dollars, latency_s, message, request, text)
        )


def describe_request(label: str, messages: Sequence[BaseMessage], settings: dict[str, Any]) -> dict[str, Any]:
    """Return a request as plain data, without what differs from run to run (message ids)."""
    plain = []
    for message in messages:
        entry: dict[str, Any] = {"role": message.type, "content": message.content}
        if isinstance(message, AIMessage) and message.tool_calls:
            entry["tool_calls"] = [{"name": call["name"], "args": call["args"]} for call in message.tool_calls]
        plain.append(entry)
    return {
        "model": label,
        "messages": plain,
        "settings": json.loads(json.dumps(settings, sort_keys=True, default=str)),
    }


def usage(answer: AIMessage | Failure, request: dict[str, Any]) -> tuple[int, int]:
    """Return (input, output) tokens as billed; estimated at four characters a token where the endpoint is silent.

    A failed call costs nothing, but for one that we gave up: its input was sent.
    """
    sent = len(json.dumps(request["messages"])) // 4
    if isinstance(answer, Failure):
        return (sent if answer.kind in {"cancelled", "timeout"} else 0), 0
    if answer.usage_metadata is not None:
        return answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]
    return sent, len(_text(answer)) // 4 + 1


def _message(result: ChatResult) -> AIMessage:
    message = result.generations[0].message
    if not isinstance(message, AIMessage):
        raise TypeError("the model's answer is not a message of an assistant")
    text = redact(str(message.text))  # a model may have been made to print a key
    calls = [{**call, "args": json.loads(redact(json.dumps(call["args"], default=str)))} for call in message.tool_calls]
    return message.model_copy(update={"content": text, "tool_calls": calls})


def _as_chunk(message: BaseMessage) -> AIMessageChunk:
    """Return a whole message as the only piece of a stream."""
    calls = getattr(message, "tool_calls", [])
    pieces = [
        {
            "name": call["name"],
            "args": json.dumps(call["args"]),
            "id": call["id"],
            "index": index,
            "type": "tool_call_chunk",
        }
        for index, call in enumerate(calls)
    ]
    return AIMessageChunk(content=message.content, tool_call_chunks=pieces)


def _portable(message: AIMessage) -> AIMessage:
    return AIMessage(
        content=message.content,
        tool_calls=message.tool_calls,
        usage_metadata=message.usage_metadata,
        response_metadata={"finish_reason": message.response_metadata.get("finish_reason")},
    )


def _replayed(line: dict[str, Any] | None) -> AIMessage | Failure:
    if line is None:
        return Failure("unreachable", "the recording holds no answer to this request")
    if "failure" in line:
        kind: FailureKind = line["failure"]["kind"]
        return Failure(kind, line["failure"]["message"], line["failure"]["after"])
    message = messages_from_dict([line["response"]])[0]
    return message if isinstance(message, AIMessage) else Failure("invalid_response", "not an assistant's message")


def _text(message: AIMessage) -> str:
    """Return the text of an answer, with its tool calls in words."""
    calls = [f"{call['name']}({json.dumps(call['args'], default=str)})" for call in message.tool_calls]
    return "\n".join([str(message.text), *calls]).strip()
