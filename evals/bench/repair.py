"""Validation and repair of a proposal with 40 parameters, every value of it wrong, against pydantic's validation.

Both get the same JSON text. Pydantic's model has the same ranges and choices; it says what is wrong and mends nothing.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError, create_model

from ...agent.study.sections import Study
from ...agent.study.space import Space
from ...agent.testing import small_study
from ...agent.trials.proposal import Proposal, review
from ...agent.trials.source import Source
from .comparison import Ratio, interleaved_ms


def run() -> Iterator[Ratio]:
    """Time both in turn."""
    space, values = wide_space()
    text, model, source = json.dumps(values), model_of(space), Source("planner")

    def refuse() -> None:
        with suppress(ValidationError):
            model.model_validate_json(text)

    ours, pydantic = interleaved_ms([lambda: review(Proposal(json.loads(text), source), space, {}), refuse], runs=300)
    yield Ratio("review of a 40-parameter proposal", ours, "pydantic refusing it", pydantic, "review")


def model_of(space: Space) -> type[BaseModel]:
    """Return a pydantic model of a configuration without its conditions."""
    fields: dict[str, Any] = {}
    for name, each in space.parameters.items():
        if each.type == "categorical":
            kind: Any = Literal[tuple(each.choices)]
        elif each.type in {"float", "int"}:
            number = float if each.type == "float" else int
            kind = Annotated[number, Field(ge=each.low, le=each.high)]
        fields[name] = (kind | None, None) if name in space.conditions else (kind, ...)
    return create_model("Configuration", **fields)


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
