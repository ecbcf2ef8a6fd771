"""`trimtab delete`: removes studies from the store, with everything that belongs to them."""

from pathlib import Path

import typer

from ....tools.errors import InputError
from ...memory.store import Store, default_url
from ...run.journals import journal_folder
from .apply import agrees_to


def delete_studies(keys: list[str], store_url: str | None, *, ask: bool) -> bool:
    """Delete studies by their keys, all or none of them; returns whether they are gone.

    Raises:
        InputError: there is no such study, a process runs one, or one still has to be restored.
    """
    store = Store(store_url or default_url())
    try:
        found = [store.study(key) for key in dict.fromkeys(keys)]
        for each in found:
            if each.key not in keys:
                raise InputError(f"{each.name!r} is a name, not a key", f"the newest of that name is {each.key}")
            if any((journal_folder(store) / each.key).glob("*.json")):
                raise InputError(f"{each.key} changed something that is not undone", f"trimtab restore {each.key}")
        trials = sum(len(store.trials(each.id)) for each in found)
        what = f"{', '.join(each.key for each in found)}: {trials} trials with their logs and model calls"
        if ask and not agrees_to(f"delete {what}?", what):
            return False
        before = _size(store)
        for each in found:
            store.acquire(each.id)
        for each in found:
            store.delete(each.id)
        store.compact()
        freed = f"; the store has {_size(store) / 1e6:.1f} MB, {max(0, before - _size(store)) / 1e6:.1f} less"
        typer.echo(f"deleted {what}{freed if before else ''}")
        return True
    finally:
        store.close()


def _size(store: Store) -> int:
    return sum(Path(file).stat().st_size for file in store.files if Path(file).exists())
