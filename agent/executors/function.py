"""Calls a function of this process: for `tune(objective, space)`, in scripts and notebooks. There is no sandbox."""

import asyncio
import inspect
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from ...tools.targets import Measurement, Watch
from ...tools.targets.reading.metrics import MetricsError, check_required
from .base import Job, Warmth

Objective = Callable[..., Any]
"""Takes a configuration, as one dictionary or as keyword arguments, and `seed` where it wants it; returns a number, or
numbers by name."""


class InProcess:
    """An executor that calls a function in a thread, one call at a time; what it raises is a failed evaluation."""

    workers = 1
    sandbox_name, sandbox_guarantees = "none", "a function of this process: nothing is isolated or limited"

    def __init__(self, function: Objective, names: Collection[str]) -> None:
        """`names` are those of the parameters, by which the style of the call is told."""
        self.function, self.by_name = function, takes_names(function, names)
        self._takes_seed = "seed" in accepted(function) and "seed" not in names
        self._warmth = Warmth()

    async def submit(self, job: Job, watch: Watch | None = None) -> Measurement:
        """Call the function."""
        return await self._warmth.measure(job, lambda _watch: asyncio.to_thread(self._call, job), watch)

    def _call(self, job: Job) -> Measurement:
        more = {"seed": job.seed} if self._takes_seed else {}
        configuration = dict(job.candidate.configuration)
        began = time.monotonic()
        try:
            found = self.function(**configuration, **more) if self.by_name else self.function(configuration, **more)
            metrics = _numbers(found, job.required)
            return Measurement(state="complete", metrics=metrics, duration_s=time.monotonic() - began)
        except Exception as error:  # noqa: BLE001  # a person's function may raise anything
            reason = str(error) if isinstance(error, MetricsError) else f"{type(error).__name__}: {error}"
            return Measurement(state="failed", reason=reason, duration_s=time.monotonic() - began)

    async def close(self) -> None:
        """Nothing to do."""


def accepted(function: Objective) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a function; none where they cannot be told."""
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}


def takes_names(function: Objective, names: Collection[str]) -> bool:
    """Return whether a function takes parameters by their names, instead of a dictionary."""
    parameters = accepted(function)
    return any(name in names or each.kind is each.VAR_KEYWORD for name, each in parameters.items())


def _numbers(found: Any, required: tuple[str, ...]) -> dict[str, float]:
    given = dict(found) if isinstance(found, Mapping) else {required[0]: found}
    try:
        return check_required({str(name): float(value) for name, value in given.items()}, required)
    except (TypeError, ValueError):
        raise MetricsError(f"the function returned {found!r:.100}: neither a number nor numbers by name") from None
