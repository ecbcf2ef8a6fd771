"""The HTTP client of one opened model: it belongs to one event loop, and reads no more of an answer than fits."""

from collections.abc import AsyncIterator
from typing import Any

from httpx2 import AsyncByteStream, Response
from openai import DefaultAsyncHttpxClient

_MOST_BYTES, _MOST_STREAMED, _MOST_COMPRESSED = 2 << 20, 64 << 20, 256 << 10


class AnswerTooLargeError(ValueError):
    """An endpoint sent more than any answer can be."""


class _Bounded(AsyncByteStream):
    def __init__(self, inner: Any, most: int) -> None:
        self.inner, self.left = inner, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self.inner:
            self.left -= len(part)
            if self.left < 0:
                raise AnswerTooLargeError("the answer is too large to be one")
            yield part

    async def aclose(self) -> None:
        await self.inner.aclose()


def new_client(timeout_s: float) -> DefaultAsyncHttpxClient:
    """Return a client for the running event loop; close it there."""
    return DefaultAsyncHttpxClient(timeout=timeout_s, event_hooks={"response": [_bound]})


async def _bound(response: Response) -> None:
    kind = response.headers.get("content-type", "")
    most = _MOST_STREAMED if kind.startswith("text/event-stream") else _MOST_BYTES
    response.stream = _Bounded(response.stream, _MOST_COMPRESSED if "content-encoding" in response.headers else most)
