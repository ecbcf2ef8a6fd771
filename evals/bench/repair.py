"""Validation and repair of a proposal with 40 parameters, every value of it wrong, against a budget of 1 ms."""

from collections.abc import Iterator
from typing import Any

from ...agent.study.sections import Study
from ...agent.study.space import Space
from ...agent.testing import small_study
from ...agent.trials.proposal import Proposal, review
from ...agent.trials.source import Source
from .comparison import Comparison, median_ms


def run() -> Iterator[Comparison]:
    """Review one proposal many times."""
    space, values = wide_space()
    proposal = Proposal(values, Source("planner"))
    ours = median_ms(lambda: review(proposal, space, {}), runs=300)
    yield Comparison("review of a 40-parameter proposal", ours, "a budget of", 1.0, 1.0)


def wide_space() -> tuple[Space, dict[str, Any]]:
    """Return 10 each of floats, integers, categories and conditional integers, and values that all need repair."""
    parameters: dict[str, Any] = {}
    values: dict[str, Any] = {}
    for index in range(10):
        parameters[f"f{index}"] = {"type": "float", "low": 0.0, "high": 1.0, "step": 0.01, "default": 0.5}
        parameters[f"i{index}"] = {"type": "int", "low": 1, "high": 1000, "log": True, "default": 10}
        parameters[f"c{index}"] = {"type": "categorical", "choices": ["alpha", "beta", "gamma"], "default": "alpha"}
        when = f"c{index} == 'beta'"
        parameters[f"w{index}"] = {"type": "int", "low": 0, "high": 9, "default": 1, "when": when}
        values |= {f"f{index}": " 0.377 ", f"i{index}": 10**6, f"c{index}": "bta", f"w{index}": "7.5"}
    forbidden = [{"when": "c0 == 'beta' and c1 == 'beta' and f0 > 0.3", "reason": "for the benchmark"}]
    data = small_study(parameters=parameters, forbidden=forbidden, evaluation={"command": ["true"]})
    return Study.model_validate(data).space, values
