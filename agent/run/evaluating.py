"""What evaluates a study, for a run or beside one; what it changes on this machine can be undone, also after a kill."""

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from ..executors.base import Executor, Site
from ..memory.store import Store
from ..memory.store.rows import StoredStudy
from ..parts import EXECUTORS
from ..study.sections import Study
from .attempts import StoredAttempts
from .journals import ASIDE, journal_of, undo_pending
from .out_of_sight import out_of_sight


def executor_of(store: Store, study: Study, key: str, stored: StoredStudy | None = None) -> Executor:
    """Return what evaluates a study: what its section `executor` names.

    Raises:
        InputError: what the study asks for is not there: the executor, the sandbox, the CPUs or the target.
    """
    return EXECUTORS[study.executor.kind].build(study.executor, site_of(store, study, key, stored))


def site_of(store: Store, study: Study, key: str, stored: StoredStudy | None = None) -> Site:
    """Return for what an executor is built. `stored` is the study that is run, None beside a run.

    What is to be undone on this machine is noted under `key`, beside the store; attempts on others are noted in it.
    """
    site = Site(study, out_of_sight(store), partial(journal_of, store, key, study))
    if stored is None:
        return site
    name = f"trimtab-{stored.key}-{stored.created.hex().removeprefix('0x').replace('.', '')}"  # of this store only
    return replace(site, attempts=StoredAttempts(store, stored.id), name=name)


def _unheard(_line: str) -> None:
    pass


@asynccontextmanager
async def evaluating(store: Store, study: Study, tell: Callable[[str], None] = _unheard) -> AsyncIterator[Executor]:
    """Yield what evaluates a study beside its runs: to try it, to plan, to verify. At the end the system is as before.

    What killed processes have left is undone first. `tell` gets a line about each thing that stays as somebody else
    left it.
    """
    async for undone in undo_pending(store, ""):
        if undone.trouble:
            tell(f"what {undone.study} changed before it was killed is not undone: {undone.trouble}")
    executor = executor_of(store, study, f"{ASIDE}{os.getpid()}")
    try:
        yield executor
    finally:
        try:
            await executor.close()
        finally:
            for line in getattr(executor, "left", ()):
                tell(line)
