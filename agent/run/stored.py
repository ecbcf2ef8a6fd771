"""A stored study as a planner and its tools would see it, without running it: nothing is acquired or written."""

from ...tools.desk import Desk
from ..budget import Ledger
from ..memory.recollection import recollect
from ..memory.store import Store
from ..optimizers.state import describe
from ..planners.base import Context
from ..planners.desk import fill_desk
from .proposals.opening import asking, find_study
from .record import Record, limits_of


def context_of(store: Store, key: str) -> Context:
    """Return what a planner would see of a stored study as it stands, what the optimizer expects included.

    Raises:
        InputError: there is no such study.
    """
    found = find_study(store, key)
    study, stored = found.study, found.stored
    context = Context(
        study,
        found.history,
        Ledger(limits_of(study), {"trials": len(found.history.trials), **store.spent_on_models(stored.id)}),
        memory=recollect(store, study, asking(study, stored)),
        key=stored.key,
        study_id=stored.id,
    )
    state = describe(Record(study, store, stored).optimizer, found.history) if found.comparable else None
    return context.now(state)


def desk_of(store: Store, key: str) -> Desk:
    """Return the desk of a stored study, for tools that only look.

    Raises:
        InputError: there is no such study.
    """
    return fill_desk(context_of(store, key), lambda _given: "not taken: the study is not running here")
