"""`trimtab chat`: opens a conversation, new or stored, and runs the application."""

from ...tools.errors import InputError
from ..chat.transcript import Transcript
from ..memory.store import Store, default_url


def run_chat(
    study: str,
    *,
    resume: str | None,
    go_on: bool,
    model: str | None,
    store: str | None,
) -> int:
    """Run the application in this terminal and return the exit code.

    Raises:
        InputError: there is no such conversation.
    """
    opened = Store(store or default_url())
    transcript = Transcript.latest(opened) if go_on else Transcript(opened, resume) if resume else None
    if go_on and transcript is None:
        raise InputError("there is no conversation to go on with", "trimtab chat begins one")
    from .tui.app import ChatApp

    app = ChatApp(opened, transcript or Transcript(opened), study=study, model=model)
    try:
        return app.run() or app.return_code or 0
    finally:
        opened.close()
