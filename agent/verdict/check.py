"""The final check: incumbent and default measured again, in interleaved pairs, on seeds the search never saw."""

from collections.abc import AsyncIterator, Awaitable, Callable

from ...tools.targets import Measurement
from ..study.sections import Study
from ..trials.candidate import Candidate
from ..trials.trial import Trial
from .judgement import Pairs

Measure = Callable[[str, int, int, int, Candidate], Awaitable[Measurement]]
"""Measures (purpose, trial or step, position, seed, candidate), or returns what the store has of it."""


async def measure_pairs(study: Study, default: Trial, incumbent: Trial, measure: Measure) -> AsyncIterator[Pairs]:
    """Yield the pairs so far after each seed; who goes first alternates, so that drift favours neither."""
    pairs = Pairs([], [])
    purpose = f"check:{incumbent.number}"
    for position, seed in enumerate(study.evaluation.check_seeds):
        sides = [(default, pairs.default), (incumbent, pairs.incumbent)]
        for trial, measurements in sides if position % 2 == 0 else sides[::-1]:
            measurements.append(await measure(purpose, trial.number, position, seed, trial.candidate))
        yield pairs
