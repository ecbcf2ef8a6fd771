"""The one place through which every call of a model goes: budget, breaker, recording, retries, and the bill.

It is a LangChain chat model around another one, so that agents and plain calls pass it alike. What an endpoint
refuses in a request is left out, and the same is asked again.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable

from ..endpoint.endings import ending_of
from ..endpoint.facts import refused_setting, wants_less
from ..endpoint.failures import Failure, classify
from ..endpoint.messages import as_chunk, describe_request, in_words, message_of, recorded, replayed
from ..endpoint.providers import Provider, Wire
from ..endpoint.streaming import Assembly
from ..recording import RecordingReader
from .meter import CallRecord, Meter, ModelCallError, ModelPausedError
from .usage import usage_of

_LONGEST_WAIT_S = 30.0
_LEAST_OUTPUT = 256
_BROKEN_OFF = Failure("cancelled", "the answer was broken off")


@dataclass
class _Streamed:
    """What became of one streamed call."""

    answer: AIMessage | Failure = _BROKEN_OFF
    said: bool = False


class MeteredModel(BaseChatModel):
    """A chat model whose every call is checked before and billed after; see `Meter`. A replay has no `inner`."""

    inner: Any = None
    meter: Any
    provider: Any = Provider("openai", "langchain_openai")

    @property
    def _llm_type(self) -> str:
        return "metered"

    def bind_tools(
        self, tools: Sequence[Any], *, tool_choice: str | None = None, **kwargs: Any
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Bind tools in one form for all providers, so that a recording replays whatever recorded it."""
        from langchain_core.utils.function_calling import convert_to_openai_tool

        bound: dict[str, Any] = {"tools": [convert_to_openai_tool(tool) for tool in tools]}
        return self.bind(**bound, **({"tool_choice": tool_choice} if tool_choice else {}), **kwargs)

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
        """Make one call with retries; `stop` and `run_manager` are LangChain's, and not used. The setting
        `output_limit` replaces the meter's for this call.

        Raises:
            ModelBudgetError, ModelPausedError, ThoughtSpentError: before anything is spent.
            ModelCallError: the call failed, after the retries where they make sense.
        """
        del stop, run_manager
        meter: Meter = self.meter
        wanted = int(kwargs.pop("output_limit", meter.output_limit))
        request = describe_request(meter.label, messages, kwargs)
        for attempt in range(meter.retries + 1):
            answer = await self._ask(messages, kwargs, request, attempt, wanted)
            if not isinstance(answer, Failure):
                meter.breaker.succeeded()
                return ChatResult(generations=[ChatGeneration(message=answer)])
            meter.breaker.failed(answer.retry_after_s)
            wait = answer.retry_after_s if answer.retry_after_s is not None else meter.backoff_s * 2**attempt
            if not answer.retriable or attempt == meter.retries or wait > _LONGEST_WAIT_S:
                raise ModelCallError(answer)
            if not meter.replays:
                await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    async def _ask(
        self, messages: list[BaseMessage], kwargs: dict[str, Any], request: dict[str, Any], attempt: int, wanted: int
    ) -> AIMessage | Failure:
        """Make one attempt, and again for each setting that the endpoint turns out to refuse."""
        meter: Meter = self.meter
        while True:
            limit = meter.allow(request, wanted)
            answer = await self._attempt(messages, kwargs, request, attempt, limit)
            if not isinstance(answer, Failure):
                return answer
            smaller = self._learn(answer, kwargs, limit)
            if smaller is None:
                return self._named(answer, kwargs)
            wanted = smaller

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
            ModelBudgetError, ModelPausedError, ThoughtSpentError: before anything is spent.
            ModelCallError: the call failed, or its answer is of no use.
        """
        del stop, run_manager
        meter: Meter = self.meter
        if self.inner is None:  # a replay has no pieces
            result = await self._agenerate(messages, **kwargs)
            whole = result.generations[0].message
            assert isinstance(whole, AIMessage)
            yield ChatGenerationChunk(message=as_chunk(whole))
            return
        wanted = int(kwargs.pop("output_limit", meter.output_limit))
        request = describe_request(meter.label, messages, kwargs)
        while True:
            limit, call = meter.allow(request, wanted), _Streamed()
            async with contextlib.aclosing(self._texts(messages, kwargs, request, limit, call)) as texts:
                async for text in texts:
                    yield ChatGenerationChunk(message=AIMessageChunk(content=text))
            failed = call.answer if isinstance(call.answer, Failure) and not call.said else None
            smaller = self._learn(failed, kwargs, limit, streams=True) if failed is not None else None
            if smaller is None:
                break
            wanted = smaller
        yield ChatGenerationChunk(message=as_chunk(self._useful(call.answer, kwargs, limit), text=False))

    async def _texts(
        self,
        messages: list[BaseMessage],
        kwargs: dict[str, Any],
        request: dict[str, Any],
        limit: int,
        call: "_Streamed",
    ) -> AsyncGenerator[str]:
        """Yield the text of one call as it comes; `call` gets its outcome, which is billed whatever it is."""
        began, assembly = time.monotonic(), Assembly()
        try:
            async with contextlib.aclosing(self._pieces(messages, kwargs, limit)) as pieces:
                async for piece in pieces:
                    message = piece.message
                    assert isinstance(message, AIMessageChunk)
                    if text := assembly.take(message, piece.generation_info or {}):
                        call.said = True
                        yield text
                    if assembly.full:
                        break
            if text := assembly.rest():
                yield text
            call.answer = assembly.message()
        except Exception as error:  # noqa: BLE001  # any provider's exception is a failed call
            call.answer = classify(error)
        finally:
            self._bill(call.answer, request, 0, time.monotonic() - began, limit)

    def _useful(self, answer: AIMessage | Failure, kwargs: dict[str, Any], limit: int) -> AIMessage:
        """Return a streamed answer.

        Raises:
            ModelCallError: it failed, or nothing in it can be used.
        """
        meter: Meter = self.meter
        if isinstance(answer, Failure):
            meter.breaker.failed(answer.retry_after_s)
            raise ModelCallError(self._named(answer, kwargs))
        meter.breaker.succeeded()
        ending = ending_of(answer, limit)
        if ending is not None and not (ending.code in {"refusal", "length"} and (answer.text or answer.tool_calls)):
            raise ModelCallError(Failure("invalid_response", ending.message))
        return answer

    async def _pieces(
        self, messages: list[BaseMessage], kwargs: dict[str, Any], limit: int
    ) -> AsyncGenerator[ChatGenerationChunk]:
        """Yield the pieces of an answer; only the time spent waiting for them counts, not what a reader takes."""
        meter: Meter = self.meter
        wire = Wire(self.provider, meter.facts)
        model, sent = wire.prepare(self.inner, kwargs, limit, meter.temperature)
        if self.provider.name == "openai":
            sent["stream_usage"] = "stream_options" not in meter.facts.refused
        left = meter.timeout_s
        async with contextlib.aclosing(model._astream(messages, **sent)) as stream:  # noqa: SLF001  # LangChain's way
            while True:
                began = time.monotonic()
                async with asyncio.timeout(left):
                    piece = await anext(stream, None)
                left = max(0.0, left - (time.monotonic() - began))
                if piece is None:
                    return
                yield piece

    async def _attempt(
        self, messages: list[BaseMessage], kwargs: dict[str, Any], request: dict[str, Any], attempt: int, limit: int
    ) -> AIMessage | Failure:
        """Make one attempt, and bill it whatever becomes of it."""
        meter: Meter = self.meter
        began = time.monotonic()
        answer: AIMessage | Failure = Failure("cancelled", "the run ended before the answer came")
        if isinstance(meter.recording, RecordingReader):
            answer = replayed(meter.recording.find(request))
            if isinstance(answer, Failure) and answer.kind == "paused":
                raise ModelPausedError(answer.message)
        try:
            if self.inner is not None:
                model, sent = Wire(self.provider, meter.facts).prepare(self.inner, kwargs, limit, meter.temperature)
                async with asyncio.timeout(meter.timeout_s):
                    answer = message_of(await model._agenerate(messages, **sent))  # noqa: SLF001  # LangChain's way
        except Exception as error:  # noqa: BLE001  # any provider's exception is a failed call
            answer = classify(error)
        finally:
            self._bill(answer, request, attempt, time.monotonic() - began, limit)
        return answer

    def _learn(self, failure: Failure, kwargs: dict[str, Any], limit: int, *, streams: bool = False) -> int | None:
        """Take in what an endpoint refuses; return the output limit to ask with again, None when nothing was learnt."""
        meter: Meter = self.meter
        if wants_less(failure) and limit // 2 >= _LEAST_OUTPUT:
            return limit // 2
        sent = Wire(self.provider, meter.facts).sent(kwargs, meter.temperature, streams=streams)
        setting = refused_setting(failure, sent)
        if setting is None or setting == "tools":
            return None
        meter.facts.refuse(setting)
        meter.say(f"{meter.label} refuses the setting {setting!r}: it is asked without it from now on")
        return limit

    def _named(self, failure: Failure, kwargs: dict[str, Any]) -> Failure:
        """Return a failure that says so where it is the tools that an endpoint refuses."""
        meter: Meter = self.meter
        sent = Wire(self.provider, meter.facts).sent(kwargs, meter.temperature)
        setting = refused_setting(failure, sent)
        return replace(failure, parameter="tools") if setting == "tools" else failure

    def _bill(
        self, answer: AIMessage | Failure, request: dict[str, Any], attempt: int, latency_s: float, limit: int
    ) -> None:
        """Write an attempt into ledger, recording and store."""
        meter: Meter = self.meter
        text = "" if isinstance(answer, Failure) else in_words(answer)
        used = usage_of(answer, request, text, limit)
        dollars = meter.spend(used)
        if isinstance(answer, Failure):
            kind, message = str(answer.kind), answer.message
            about = {"kind": kind, "message": message, "after": answer.retry_after_s, "parameter": answer.parameter}
            outcome: dict[str, Any] = {"failure": about}
        else:
            kind, message, outcome = "ok", used.doubt, {"response": recorded(answer)}
            if used.doubt:
                meter.say(f"{meter.label}: {used.doubt}")
        spent = {"input_tokens": used.input, "output_tokens": used.output, "latency_s": round(latency_s, 3)}
        meter.keep(request, {**outcome, **spent})
        meter.on_call(
            CallRecord(meter.label, kind, attempt, used.input, used.output, dollars, latency_s, message, request, text)
        )
