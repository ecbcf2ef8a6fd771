"""`trimtab chat`: opens a conversation, new or stored, and runs the application."""

import os
import sys
from typing import TYPE_CHECKING

from ....tools.errors import InputError

if TYPE_CHECKING:
    from ...chat.transcript import Transcript
    from ...memory.store import Store


def run_chat(study: str, *, resume: str | None, go_on: bool, model: str | None, store: str | None) -> int:
    """Run the application in this terminal and return the exit code.

    Raises:
        InputError: there is no such conversation, the store cannot be opened, or this is no terminal.
    """
    given = open_conversation(store, resume, go_on=go_on) if resume or go_on else None  # a mistake is told at once
    if not has_terminal():
        raise InputError("trimtab chat needs a terminal, for input and output", "in scripts: trimtab tune STUDY")
    from ..tui.app import ChatApp

    app = ChatApp(lambda: given or open_conversation(store, None, go_on=False), study=study, model=model)
    code = app.run()
    if app.failure is not None:
        raise app.failure
    if app.stored_key:
        left = f"trimtab chat --continue goes on with it, trimtab show {app.stored_key} tells what was found"
        sys.stdout.write(f"{app.stored_key}: {left}\n")
    return code or app.return_code or 0


def has_terminal() -> bool:
    """Whether a person can see and answer: in a terminal, or in the browser that textual-serve shows us to."""
    served = "TEXTUAL_DRIVER" in os.environ
    return served or all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))


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
