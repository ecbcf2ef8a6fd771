"""The size of every variant's prompt at 10,000 trials against 50 trials, tokens."""

import random
from collections.abc import Iterator

from langchain_core.messages.utils import count_tokens_approximately

from ...agent.budget import Ledger
from ...agent.optimizers.state import OptimizerState
from ...agent.planners.base import Context
from ...agent.planners.dialogue.answers import Collected
from ...agent.planners.dialogue.asking import first_messages
from ...agent.testing import make_study
from ...agent.trials.candidate import Candidate
from ...agent.trials.history import History
from ...agent.trials.source import Source
from ...agent.trials.trial import Trial
from ...prompts import load_variant, variant_names
from .comparison import Ratio


def run() -> Iterator[Ratio]:
    """Render each variant over both histories."""
    small, large = context_of(50), context_of(10_000)
    for name in variant_names():
        sizes = [_tokens(name, context) for context in (large, small)]
        what = f"prompt {name} at 10,000 trials"
        yield Ratio(what, sizes[0], "at 50 trials", sizes[1], "prompt-size", unit="tokens")


def context_of(count: int) -> Context:
    """Return a study with `count` trials, some failed."""
    study, rng = make_study(), random.Random(0)
    history = History(study)
    for number in range(count):
        trial = Trial(
            number, Source.of("default" if number == 0 else "tpe"), Candidate(study.space.sample(rng)), "complete"
        )
        if number % 9 == 8:
            trial.state, trial.reason = "failed", f"exit status {number}"
        else:
            trial.metrics = {"loss": rng.random()}
        history.add(trial)
        history.update(trial)
    state = OptimizerState("tpe", lines=tuple(f"{name}: mean 0.5, spread 0.1" for name in study.parameters))
    return Context(study, history, Ledger({"trials": 20_000})).now(state)


def _tokens(name: str, context: Context) -> float:
    variant = load_variant(name)
    messages = first_messages(variant, Collected(context, "bench"), "json_schema", variant.settings.proposals)
    return float(count_tokens_approximately(messages))
