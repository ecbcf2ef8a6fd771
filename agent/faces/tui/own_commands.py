"""The slash commands of the application itself, and how a line with a slash is run: always to an answer in words."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from textual.app import SystemCommand

from ....tools.errors import TrimtabError

if TYPE_CHECKING:
    from .app import ChatApp

_MOST = 10
OWN = (
    ("report [FILE]", "write the study as one page to send to colleagues; a name that ends in .md: Markdown"),
    ("export [FILE]", "write the conversation, and the study file that repeats it"),
    ("resume [ID]", "list the conversations, or go on with one"),
    ("theme [NAME]", "light or dark, or a theme by name"),
    ("quit", "end; what was measured is stored"),
)
"""The application's own commands: usage and help."""


def run_line(app: "ChatApp", line: str) -> tuple[str, Literal["command", "error"]]:
    """Run a line that starts with a slash; return the answer, and whether it is one or a mistake."""
    from ...chat.commands import parse_line, run_command

    try:
        name, arguments = parse_line(line)
        own = {"quit": _quit, "theme": _theme, "resume": _resume, "export": _export, "report": _report}
        if name in own:
            return own[name](app, arguments), "command"
        answer = run_command(app.control, line.replace(" @", " ") if name == "study" else line)
        if name == "model" and arguments:
            app.use_model(arguments[0])
        if name == "help":
            answer = "\n".join([answer, *(f"| `/{usage}` | {what} |" for usage, what in OWN)])
    except TrimtabError as error:
        return str(error), "error"
    except Exception as error:  # noqa: BLE001  # nothing that is typed may end the program
        return f"that went wrong: {type(error).__name__}: {error}", "error"
    return answer, "command"


async def welcome(app: "ChatApp", model: str) -> None:
    """Offer ways to begin, and begin in the one that is chosen."""
    from .screens.start import StartScreen, doctor

    findings = await asyncio.to_thread(doctor, model, app.conversation.why_none)
    chosen = await app.push_screen_wait(StartScreen(findings))
    if not chosen or chosen == "-":
        return
    if chosen.endswith((" ", "@")):
        app.suggest(chosen)
    else:
        app.send(chosen)
        app.note("/start runs it; F2 shows the study on a narrow terminal; /help lists the commands")


def palette(app: "ChatApp") -> Iterator[SystemCommand]:
    """Yield every slash command as the palette shows it; choosing one that takes words puts it into the prompt."""
    from ...chat.commands import COMMANDS

    for usage, what in (*((command.usage, command.help) for command in COMMANDS.values()), *OWN):
        name, space, _words = usage.partition(" ")
        chosen = partial(app.suggest, f"/{name} ") if space else partial(app.send, f"/{name}")
        yield SystemCommand(_literal(f"/{usage}"), _literal(what), chosen)


def _literal(text: str) -> str:
    """Return text whose brackets the palette shows, instead of taking them for markup."""
    return text.replace("[", "\\[")


def _quit(app: "ChatApp", _words: list[str]) -> str:
    app.call_later(app.exit, 0)
    if app.control.running:
        return (
            "good bye: what was measured is stored, an evaluation under way is ended; "
            "trimtab chat --continue and /start go on"
        )
    return "good bye"


def _theme(app: "ChatApp", given: list[str]) -> str:
    if given and given[0] not in app.available_themes:
        raise TrimtabError(f"there is no theme {given[0]!r}", f"there are: {', '.join(sorted(app.available_themes))}")
    if given:
        app.choose_theme(given[0])
    else:
        app.action_toggle_theme()
    return f"theme: {app.theme}"


def _resume(app: "ChatApp", given: list[str]) -> str:
    from ...chat.transcript import Transcript

    if not given:
        found = [f"- `{chat['key']}  {chat['study'] or ''}`" for chat in app.store.chats()[:_MOST]]
        return "stored conversations, newest first:\n\n" + "\n".join(found)
    if app.thinking:
        raise TrimtabError("an answer is under way", "Escape interrupts it")
    transcript = Transcript(app.store, given[0])
    paused = "; its study is paused: /start goes on" if app.control.running else ""
    app.control.pause()
    app.take_up(transcript)
    if transcript.study_key and not app.control.running:
        return app.control.open_stored(transcript.study_key)
    return f"this is {transcript.key}{paused}"


def _export(app: "ChatApp", given: list[str]) -> str:
    from ...chat.looking import as_toml
    from ...study.apply import write

    file = Path(given[0]).expanduser() if given else Path.cwd() / f"{app.transcript.key}.md"
    text, script = app.transcript.as_markdown(), file.with_suffix(".toml")
    if app.control.study is None:
        write(file, text)
        return f"wrote {file}"
    write(script, as_toml(app.control))
    write(file, f"{text}\nTo repeat it: `trimtab tune {script.name}`\n")
    return f"wrote {file} and {script}"


def _report(app: "ChatApp", given: list[str]) -> str:
    from ...run.proposals.opening import find_study
    from ...study.apply import write
    from ..report import markdown, page

    stored = app.control.stored
    if stored is None:
        raise TrimtabError("nothing has been measured yet", "/start first")
    file = Path(given[0]).expanduser() if given else Path.cwd() / f"{stored.key}.html"
    build = markdown if file.suffix == ".md" else page
    write(file, build(app.store, find_study(app.store, stored.key)))
    return f"wrote {file}"
