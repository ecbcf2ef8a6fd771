"""A run in the foreground answers to the registry too: who has the store may see it, and pause or stop it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ..memory.store import Store
from ..memory.store.runs import Command, RunState
from .proposals.opening import definition
from .session import Session

BEAT_S, READ_S = 5.0, 0.4


@asynccontextmanager
async def attended(session: Session) -> AsyncIterator[None]:
    """Have a session in the registry of runs, and do what is asked of it, while the block runs."""
    store, study = session.record.store, session.study
    run, _new = store.add_run(study.name, definition(study), str(study.directory))
    store.beat_run(run.id, "running", session.key)
    attending = asyncio.create_task(_attend(session, store, run.id))
    try:
        yield
    finally:
        attending.cancel()
        await asyncio.gather(attending, return_exceptions=True)
        for command in store.commands(run.id, waiting=True):
            store.answer_command(run.id, command.number, {"error": "the run has ended"})
        store.beat_run(run.id, "ended", session.key)


async def _attend(session: Session, store: Store, run: str) -> None:
    said: RunState = "running"
    beaten = asyncio.get_running_loop().time()
    while True:
        await asyncio.sleep(READ_S)
        for command in store.commands(run, waiting=True):
            store.answer_command(run, command.number, _done(session, command))
        state: RunState = "stopping" if session.stopping else "paused" if session.paused else "running"
        now = asyncio.get_running_loop().time()
        if state != said or now - beaten >= BEAT_S:
            store.beat_run(run, state, session.key)
            said, beaten = state, now


def _done(session: Session, command: Command) -> dict[str, str]:
    """Do what is asked, and answer."""
    match command.verb:
        case "stop":
            session.stop()
            return {"done": "stopping after the evaluations under way; --resume goes on"}
        case "pause":
            session.pause()
            return {"done": "paused after the evaluations under way"}
        case "resume":
            session.unpause()
            return {"done": "going on"}
    return {"error": f"a run in a terminal does not take {command.verb!r}: start it with --detach, or in the chat"}
