"""`trimtab chat`: opens a conversation, new or stored, and runs the application."""

from typing import TYPE_CHECKING

from ....tools.errors import InputError

if TYPE_CHECKING:
    from ...chat.transcript import Transcript
    from ...memory.store import Store


def run_chat(study: str, *, resume: str | None, go_on: bool, model: str | None, store: str | None) -> int:
    """Run the application in this terminal and return the exit code.

    Raises:
        InputError: there is no such conversation.
    """
    from ..tui.app import ChatApp

    given = open_conversation(store, resume, go_on=go_on) if resume or go_on else None  # a mistake is told at once
    app = ChatApp(lambda: given or open_conversation(store, None, go_on=False), study=study, model=model)
    return app.run() or app.return_code or 0


def open_conversation(url: str | None, key: str | None, *, go_on: bool) -> "tuple[Store, Transcript]":
    """Return the store and a conversation: the one of a key, the latest, or a new one.

    Raises:
        InputError: there is none.
    """
    from ...chat.transcript import Transcript
    from ...memory.store import Store, default_url

    store = Store(url or default_url())
    found = Transcript.latest(store) if go_on else Transcript(store, key)
    if found is None:
        raise InputError("there is no conversation to go on with", "trimtab chat begins one")
    return store, found
