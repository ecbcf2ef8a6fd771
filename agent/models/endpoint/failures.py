"""How calls of a model fail, and what to do about each way. Works for every provider's exceptions."""

from dataclasses import dataclass
from typing import Any, Literal

from ..safe_text import safe

FailureKind = Literal[
    "timeout",
    "rate_limited",
    "server_error",
    "unreachable",
    "denied",
    "bad_request",
    "invalid_response",
    "too_large",
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
_LONGEST_MESSAGE = 300


@dataclass(frozen=True)
class Failure:
    """One failed call: its kind, a line about it, and how long the endpoint asked to wait (seconds).

    `parameter` is the setting of the request that the endpoint complains about, where it names one by itself. The line
    holds no key, also where the endpoint quotes it.
    """

    kind: FailureKind
    message: str
    retry_after_s: float | None = None
    parameter: str = ""

    @property
    def retriable(self) -> bool:
        """Whether the same call may succeed a little later."""
        return self.kind in _RETRIABLE


def classify(error: BaseException) -> Failure:
    """Return what kind of failure an exception is, from its status code or its type's name."""
    message = " ".join(safe(str(error)[: 4 * _LONGEST_MESSAGE]).split())[:_LONGEST_MESSAGE] or type(error).__name__
    status = next((found for found in map(_status, _causes(error)) if found is not None), None)
    if status is not None:
        parameter = safe(str(getattr(error, "param", None) or ""), 60)
        return Failure(_by_status(status), f"HTTP {status}: {message}", _retry_after(error), parameter)
    if any(type(cause).__name__ == "AnswerTooLargeError" for cause in _causes(error)):
        return Failure("too_large", "the endpoint sent more than any answer can be")
    for kind in type(error).__mro__:
        if kind.__name__ in _BY_NAME:
            return Failure(_BY_NAME[kind.__name__], _with_cause(message, error))
    return Failure("invalid_response", f"{type(error).__name__}: {message}")


def _causes(error: BaseException) -> list[BaseException]:
    """Return an exception and what lies right behind it."""
    return [cause for cause in (error, error.__cause__, error.__context__) if cause is not None]


def _status(error: BaseException) -> int | None:
    """Return the HTTP status of an exception, under the names that providers' packages give it."""
    response = getattr(error, "response", None)
    metadata = response.get("ResponseMetadata") if isinstance(response, dict) else None
    found = [getattr(error, "status_code", None), getattr(error, "code", None)]
    found += [metadata.get("HTTPStatusCode")] if isinstance(metadata, dict) else []
    return next((status for status in found if type(status) is int and 400 <= status < 600), None)


def _with_cause(message: str, error: BaseException) -> str:
    """Return a message that says more than 'Connection error.' where something lies behind it."""
    cause = safe(str(error.__cause__ or ""), _LONGEST_MESSAGE)
    return f"{message} ({' '.join(cause.split())})" if cause and cause not in message else message


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
