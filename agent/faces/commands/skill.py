"""`trimtab skill install`: copies what agents are told of trimtab to where they look for it."""

from pathlib import Path

import typer

from ....prompts import skill_text
from ....tools.errors import InputError
from ...study.apply import difference, write

FOLDERS = {"claude-code": ".claude/skills", "codex": ".agents/skills"}
"""Where agents look for skills, below the home folder or a project's."""


def install(agent: str, folder: Path | None, *, project: bool) -> None:
    """Write the skill for an agent, of this user or of the project one is in, or below a folder.

    Raises:
        InputError: the agent is unknown, or the file cannot be written.
    """
    if folder is None and agent not in FOLDERS:
        raise InputError(f"--for {agent!r} is not one of {', '.join(FOLDERS)}", "or name its folder: --folder PATH")
    below = folder if folder is not None else (Path.cwd() if project else Path.home()) / FOLDERS[agent]
    file = below / "trimtab" / "SKILL.md"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{file.parent}: cannot be created: {error.strerror}", "name another --folder") from None
    text = skill_text()
    if not difference(file, text):
        typer.echo(f"{file} is up to date")
        return
    write(file, text)
    typer.echo(f"wrote {file}")
