"""Runs the default configuration of a draft once, in the sandbox, before anything is spent on a search."""

import asyncio

from ....tools.errors import TrimtabError
from ....tools.targets import Measurement
from ....tools.text import fenced
from ...executors.base import Job
from ...memory.store import Store
from ...run.evaluating import evaluating
from ...study.sections import Study
from ...trials.candidate import Candidate

_LONGEST_S = 60.0
_LAST_LINES = 5


async def measure_default(study: Study, store: Store) -> str:
    """Return, for a model, what one evaluation of the default gave or why it failed. Nothing is stored."""
    own_limit = study.evaluation.timeout_s <= _LONGEST_S
    try:
        async with asyncio.timeout(None if own_limit else _LONGEST_S):
            measured = await measure(study, store)
    except TimeoutError:
        return (
            f"the default was tried: it still ran after {_LONGEST_S:g} s and was ended, so an evaluation takes longer"
        )
    except TrimtabError as error:
        return f"the default could not be tried: {error}"
    took = f"in {measured.duration_s:.3g} s"
    if measured.state == "complete":
        numbers = " ".join(f"{name}={measured.metrics[name]:.5g}" for name in study.required_metrics)
        return f"the default was tried: {numbers} {took}"
    tail = " | ".join(measured.log.strip().splitlines()[-_LAST_LINES:])
    log = f"; its last lines: {fenced(tail)}" if tail else ""
    return f"the default FAILS {took}: {fenced(measured.reason or '')}{log}. Mend this before the study is started."


async def measure(study: Study, store: Store) -> Measurement:
    """Measure the default configuration once. Nothing is stored.

    Raises:
        TrimtabError: the system cannot be prepared.
    """
    job = Job.of(study, Candidate(study.space.default), study.evaluation.tuning_seeds[0], warmup=0)
    async with evaluating(store, study) as executor:
        return await executor.submit(job)
