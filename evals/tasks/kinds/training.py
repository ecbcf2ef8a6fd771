"""Live training: scikit-learn models on data sets that come with it, in the sandbox, after LLAMBO's Bayesmark tasks."""

from pathlib import Path

from ..card import Card
from ..task import Task


def build(card: Card, dataset: str) -> Task:
    """Return the task of training the card's `options.model` on a data set.

    The search sees five-fold cross-validation on the training part; the final check trains on it with seeds of its own
    and measures on a held-out part (Liu et al., ICLR 2024, appendix).
    """
    sections = {
        "study": {"name": f"{card.folder.name}-{dataset}", "description": f"{card.description} Data set: {dataset}."},
        "parameters": card.parameters,
        "objectives": [{"metric": card.metric, "direction": card.direction}],
        "evaluation": {
            "python": "train:evaluate",
            "environment": {"TASK_MODEL": card.options["model"], "TASK_DATA": dataset, "OMP_NUM_THREADS": "1"},
            "tuning_seeds": [1],
            "check_seeds": [101, 102, 103, 104, 105],
            "timeout_s": 120,
            "limits": {"memory": "4 GiB"},
        },
    }
    return Task(
        name=f"{card.folder.name}/{dataset}",
        card=card,
        sections=sections,
        best=card.best_known,
        typical=card.typical,
        directory=Path(__file__).parent,
    )
