"""Asks a person at the terminal while a run waits: an interrupt is an answer too."""

import asyncio
import sys
from typing import Any

import typer


async def yes(question: str, interrupted: asyncio.Event) -> bool:
    """Return whether the person says yes; an empty line, the end of input and an interrupt mean no."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        if not answered.done():
            answered.set_result(sys.stdin.readline())

    typer.echo(f"{question} [y/N] ", nl=False, err=True)
    loop.add_reader(sys.stdin, read)
    waiting = asyncio.ensure_future(interrupted.wait())
    both: set[asyncio.Future[Any]] = {answered, waiting}
    try:
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    finally:
        loop.remove_reader(sys.stdin)
        waiting.cancel()
    return answered.done() and answered.result().strip().lower() in {"y", "yes"}
