"""`trimtab restore`: undoes what a study changed before it was killed."""

import asyncio
from collections.abc import AsyncIterator

import typer

from ....tools.errors import TrimtabError
from ...memory.store import Store, default_url
from ...run.journals import ASIDE, Undone, forget, studies_of, undo_aside, undo_study


def restore(what: str, store_url: str | None, *, forgets: bool) -> None:
    """Undo what runs of a study, or on the server of a DSN, have left, or forget it.

    Raises:
        InputError: there is no such study, or a process runs it.
        TrimtabError: something could not be undone; the rest was.
    """
    store = Store(store_url or default_url())
    try:
        keys = studies_of(store, what) if "=" in what or "://" in what else [what]
        for key in keys:
            if key.startswith(ASIDE) and not forgets:
                _tell(key, asyncio.run(_all(undo_aside(store, key))))
            else:
                _restore_study(store, key, forgets=forgets)
        if not keys:
            typer.echo(f"{what}: nothing to restore")
    finally:
        store.close()


def _restore_study(store: Store, key: str, *, forgets: bool) -> None:
    stored = store.study(key)
    store.acquire(stored.id)
    try:
        if forgets:
            typer.echo(f"{stored.key}: {forget(store, stored.key)} forgotten, nothing was undone")
        else:
            _tell(stored.key, asyncio.run(_all(undo_study(store, stored.key))))
    finally:
        store.release(stored.id, "interrupted" if stored.state == "running" else stored.state)


async def _all(undoing: AsyncIterator[Undone]) -> list[Undone]:
    return [undone async for undone in undoing]


def _tell(key: str, found: list[Undone]) -> None:
    done = sum(not undone.trouble for undone in found)
    typer.echo(f"{key}: {done} restored" if found else f"{key} left nothing to restore")
    for line in (line for undone in found for line in undone.left):
        typer.echo(line)
    troubles = [undone.trouble for undone in found if undone.trouble]
    if troubles:
        raise TrimtabError(f"not restored: {'; '.join(troubles)}", f"mend that, or trimtab restore {key} --forget")
