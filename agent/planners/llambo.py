"""LLAMBO's procedure (Liu et al., ICLR 2024): zero-shot start, candidates for a target, the model as surrogate."""

from typing import Any

import numpy as np

from ...prompts import Variant
from ..models.endpoint.providers import response_format
from ..models.metering.metered import MeteredModel
from ..models.settings import Capability
from ..optimizers.bayes import expected_improvement
from ..study.words import words
from .dialogue.answers import Collected
from .dialogue.asking import PREDICTION_SCHEMA, ask_once, first_messages
from .dialogue.parsing import parse_predictions

CANDIDATES = 5
"""How many candidates a round asks for, of which the best by the model's own predictions are proposed."""
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
    more = {"target": f"{objective.wished(min(losses) - step):.5g}"}
    await ask_once(model, variant, collected, capability, CANDIDATES, retries, "candidates.j2", **more)
    if len(collected.proposals) > 1:
        await _rank(model, variant, collected, capability, n, min(losses))


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
    gains = np.array([best - objective.loss(expected) for expected, _low, _high in predictions])
    spreads = np.array([(high - low) / (2 * 1.645) for _expected, low, high in predictions])  # of a normal's 90 %
    order = np.argsort(-expected_improvement(gains, spreads))
    collected.proposals[:] = [collected.proposals[index] for index in order[:n]]


def _schema(count: int) -> dict[str, Any]:
    predictions = {"type": "array", "minItems": count, "maxItems": count, "items": PREDICTION_SCHEMA}
    return {"type": "object", "properties": {"predictions": predictions}, "required": ["predictions"]}
