"""A stored study as a planner and its tools would see it, without running it: nothing is acquired or written."""

from ...tools.desk import Desk
from ..budget import Ledger
from ..memory.recall import recall
from ..memory.store import Store
from ..optimizers.mirror import SpaceExhaustedError
from ..optimizers.state import OptimizerState, describe
from ..planners.base import Context
from ..planners.desk import fill_desk
from .opening import find_study
from .record import Record, limits_of


def context_of(store: Store, key: str) -> Context:
    """Return what a planner would see of a stored study as it stands, the optimizer's next suggestion included.

    Raises:
        InputError: there is no such study.
    """
    found = find_study(store, key)
    study, stored = found.study, found.stored
    context = Context(
        study,
        found.history,
        Ledger(limits_of(study), {"trials": len(found.history.trials), **store.spent_on_models(stored.id)}),
        recalled=tuple(recall(store, study, exclude=stored.key)) if study.planner.recall else (),
        key=stored.key,
        study_id=stored.id,
    )
    return context.now(_optimizer_state(Record(study, store, stored)) if found.comparable else None)


def _optimizer_state(record: Record) -> OptimizerState | None:
    try:
        suggestion = record.optimizer.peek(record.history.seen)
    except SpaceExhaustedError:
        return None
    return describe(record.optimizer.name, suggestion, record.history)


def desk_of(store: Store, key: str) -> Desk:
    """Return the desk of a stored study, for tools that only look.

    Raises:
        InputError: there is no such study.
    """
    return fill_desk(context_of(store, key), lambda _given: "not taken: the study is not running here")
