"""LLAMBO's procedure (Liu et al., ICLR 2024): zero-shot start, candidates for a target, the model as surrogate."""

import math
from statistics import NormalDist
from typing import Any

from ...prompts import Variant
from ..models.metered import MeteredModel
from ..models.probe import response_format
from ..models.settings import Capability
from ..optimizer_state import words
from .answers import Collected
from .asking import ask_once, first_messages
from .parsing import parse_predictions

_CANDIDATES = 5
_REACH = 0.1
"""How far beyond the best value candidates are asked for, as a share of the observed range (alpha in the paper)."""


async def ask_llambo(
    model: MeteredModel, variant: Variant, collected: Collected, capability: Capability, n: int, retries: int
) -> None:
    """Fill `collected` with the proposals of one round."""
    history = collected.context.history
    complete = [trial for trial in history.trials if trial.state == "complete"]
    if len(complete) < 2:
        await ask_once(model, variant, collected, capability, n, retries)
        return
    objective = history.study.objectives[0]
    values = [trial.metrics[objective.metric] for trial in complete]
    losses = [objective.loss(value) for value in values]
    step = _REACH * ((max(losses) - min(losses)) or abs(min(losses)) or 1.0)
    target = objective.target if objective.target is not None else _target(objective.direction, min(losses) - step)
    more = {"target": f"{target:.5g}"}
    await ask_once(model, variant, collected, capability, _CANDIDATES, retries, "candidates.j2", **more)
    if len(collected.proposals) > 1:
        await _rank(model, variant, collected, capability, n, min(losses))


def _target(direction: str | None, loss: float) -> float:
    return -loss if direction == "maximize" else loss


async def _rank(
    model: MeteredModel, variant: Variant, collected: Collected, capability: Capability, n: int, best: float
) -> None:
    """Keep the candidates with the largest expected improvement by the model's own predictions."""
    study = collected.context.study
    lines = [words(study.space.repair(proposal.values).configuration) for proposal in collected.proposals]
    messages = first_messages(variant, collected, capability, n, "surrogate.j2", candidates=lines)
    schema = _schema(len(lines))
    asked = model if capability == "text" else model.bind(response_format=response_format(schema))
    answer = await asked.ainvoke(messages)
    predictions = parse_predictions(str(answer.text))
    if len(predictions) != len(lines):
        collected.problem("wrong_shape", f"{len(predictions)} predictions for {len(lines)} candidates")
        del collected.proposals[n:]
        return
    objective = study.objectives[0]
    scored = []
    for proposal, (expected, low, high) in zip(collected.proposals, predictions, strict=True):
        spread = max((high - low) / (2 * 1.645), 1e-12)  # a 90 % interval of a normal distribution
        scored.append((expected_improvement(best - objective.loss(expected), spread), proposal))
    scored.sort(key=lambda pair: -pair[0])
    collected.proposals[:] = [proposal for _score, proposal in scored[:n]]


def expected_improvement(gain: float, spread: float) -> float:
    """Return the expected improvement for an expected gain with a normal spread (Jones et al., 1998)."""
    z = gain / spread
    if not math.isfinite(z):
        return max(0.0, gain)
    return gain * NormalDist().cdf(z) + spread * NormalDist().pdf(z)


def _schema(count: int) -> dict[str, Any]:
    number = {"type": "number"}
    entry = {
        "type": "object",
        "properties": {"expected": number, "low": number, "high": number},
        "required": ["expected", "low", "high"],
        "additionalProperties": False,
    }
    predictions = {"type": "array", "minItems": count, "maxItems": count, "items": entry}
    return {"type": "object", "properties": {"predictions": predictions}, "required": ["predictions"]}
