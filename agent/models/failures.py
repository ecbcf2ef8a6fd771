"""How calls of a model fail, and what to do about each way. Works for every provider's exceptions."""

from dataclasses import dataclass
from typing import Any, Literal

FailureKind = Literal[
    "timeout",
    "rate_limited",
    "server_error",
    "unreachable",
    "denied",
    "bad_request",
    "invalid_response",
    "cancelled",
    "paused",
]
_RETRIABLE = {"timeout", "rate_limited", "server_error", "unreachable", "invalid_response"}
_BY_NAME: dict[str, FailureKind] = {
    "TimeoutError": "timeout",
    "APITimeoutError": "timeout",
    "ReadTimeout": "timeout",
    "ConnectTimeout": "timeout",
    "APIConnectionError": "unreachable",
    "ConnectError": "unreachable",
    "ConnectionError": "unreachable",
    "RemoteProtocolError": "unreachable",
}


@dataclass(frozen=True)
class Failure:
    """One failed call: its kind, a line about it, and how long the endpoint asked to wait (seconds)."""

    kind: FailureKind
    message: str
    retry_after_s: float | None = None

    @property
    def retriable(self) -> bool:
        """Whether the same call may succeed a little later."""
        return self.kind in _RETRIABLE


def classify(error: BaseException) -> Failure:
    """Return what kind of failure an exception is, from its status code or its type's name."""
    message = " ".join(str(error).split())[:300] or type(error).__name__
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        return Failure(_by_status(status), f"HTTP {status}: {message}", _retry_after(error))
    for kind in type(error).__mro__:
        if kind.__name__ in _BY_NAME:
            return Failure(_BY_NAME[kind.__name__], message)
    return Failure("invalid_response", f"{type(error).__name__}: {message}")


def _by_status(status: int) -> FailureKind:
    if status == 429:
        return "rate_limited"
    if status in {401, 403}:
        return "denied"
    if status == 408:
        return "timeout"
    return "server_error" if status >= 500 else "bad_request"


def _retry_after(error: BaseException) -> float | None:
    response: Any = getattr(error, "response", None)
    try:
        seconds = float(response.headers["retry-after"])
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return seconds if 0 <= seconds < 86_400 else None
