"""Asks a person at the terminal while a run waits: an interrupt is an answer too."""

import asyncio
import sys

import typer


async def yes(question: str, interrupted: asyncio.Event) -> bool:
    """Return whether the person says yes; an empty line, the end of input and an interrupt mean no."""
    loop = asyncio.get_running_loop()
    answered: asyncio.Future[str] = loop.create_future()
    typer.echo(f"{question} [y/N] ", nl=False, err=True)
    loop.add_reader(sys.stdin, lambda: answered.done() or answered.set_result(sys.stdin.readline()))
    waiting = asyncio.ensure_future(interrupted.wait())
    try:
        await asyncio.wait({answered, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        loop.remove_reader(sys.stdin)
        waiting.cancel()
    return answered.done() and answered.result().strip().lower() in {"y", "yes"}
