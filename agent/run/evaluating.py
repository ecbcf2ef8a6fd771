"""What evaluates on this machine, for a run or beside one; what it changes can be undone, also after a kill."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

from ..executors.local import LocalExecutor
from ..memory.store import Store
from ..study.sections import Study
from .journals import ASIDE, journal_of, undo_pending
from .out_of_sight import out_of_sight


def local_executor(store: Store, study: Study, key: str) -> LocalExecutor:
    """Return what evaluates a study on this machine; it notes under `key`, beside the store, what it will have to undo.

    Raises:
        InputError: the sandbox, the CPUs or the target that the study asks for are not there.
    """
    where = (study.evaluation, study.directory, out_of_sight(store), study.wording)
    return LocalExecutor(*where, target=study.target, journal=partial(journal_of, store, key, study))


def _unheard(_line: str) -> None:
    pass


@asynccontextmanager
async def evaluating(
    store: Store, study: Study, tell: Callable[[str], None] = _unheard
) -> AsyncIterator[LocalExecutor]:
    """Yield what evaluates a study beside its runs: to try it, to plan, to verify. At the end the system is as before.

    What killed processes have left is undone first. `tell` gets a line about each thing that stays as somebody else
    left it.
    """
    async for undone in undo_pending(store, ""):
        if undone.trouble:
            tell(f"what {undone.study} changed before it was killed is not undone: {undone.trouble}")
    executor = local_executor(store, study, f"{ASIDE}{os.getpid()}")
    try:
        yield executor
    finally:
        try:
            await executor.close()
        finally:
            for line in executor.left:
                tell(line)
