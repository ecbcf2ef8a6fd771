"""`trimtab report`: a stored study as one page."""

from pathlib import Path
from typing import Literal

import typer

from ....tools.errors import InputError
from ...memory.store import Store, default_url
from ...study.replace import replace_text
from ..report import markdown, page
from .show import open_found


def write_report(key: str, store_url: str | None, file: Path | None, kind: Literal["html", "md"]) -> None:
    """Write the page, here and named after the study where no file is given; '-' is standard output.

    Raises:
        InputError: there is no such study, or the file cannot be written.
    """
    store = Store(store_url or default_url())
    found = open_found(store, key)
    text = (page if kind == "html" else markdown)(store, found)
    if str(file) == "-":
        typer.echo(text, nl=False)
        return
    target = file or Path(f"{found.stored.key}.{kind}")
    try:
        replace_text(target, text)
    except OSError as error:
        raise InputError(f"{target}: cannot be written: {error.strerror}", "name another with --output") from None
    typer.echo(f"wrote {target}")
