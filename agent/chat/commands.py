"""Slash commands: one function each, with its usage and help. They work with and without a model."""

import json
import shlex
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...prompts import variant_names
from ...tools.errors import InputError
from ...tools.spelling import closest
from ...tools.text import plain
from ..models.endpoint.endpoints import shown
from ..study.apply import write
from . import looking
from .approval import MODES
from .steering import changing
from .steering.control import StudyControl
from .steering.drafts import draft_from_command


@dataclass(frozen=True)
class Command:
    """A slash command: how it is written, what it does, and the function; arguments are words."""

    usage: str
    help: str
    run: Callable[[StudyControl, list[str]], str]

    @property
    def name(self) -> str:
        """The word after the slash."""
        return self.usage.split()[0]


def parse_line(line: str) -> tuple[str, list[str]]:
    """Return the command's name and its words.

    Raises:
        InputError: quotes are not balanced.
    """
    try:
        words = shlex.split(line.lstrip("/"))
    except ValueError as error:
        raise InputError(f"{line!r}: {error}", "close the quotes") from None
    return (words[0] if words else "help"), words[1:]


def run_command(control: StudyControl, line: str) -> str:
    """Run a line that starts with a slash and return its answer.

    Raises:
        TrimtabError: in words, what cannot be done.
    """
    name, words = parse_line(line)
    command = COMMANDS.get(name)
    if command is None:
        guess = closest(name, COMMANDS)
        raise InputError(f"there is no command /{name}", f"did you mean /{guess}?" if guess else "/help lists them")
    return command.run(control, words)


def _study(control: StudyControl, words: list[str]) -> str:
    if not words:
        return looking.describe(control, plain)
    if words[0] == "new":
        text = draft_from_command(" ".join(shlex.quote(word) if " " in word else word for word in words[1:]))
        return control.draft(tomllib.loads(text))
    path = Path(words[0]).expanduser()
    return control.open_file(path) if path.suffix == ".toml" or path.exists() else control.open_stored(words[0])


def _try(control: StudyControl, words: list[str]) -> str:
    if not words:
        raise InputError("/try needs values", "for example /try threads=16 cache=lru")
    return control.try_configuration(_assignments(words))


def _why(control: StudyControl, words: list[str]) -> str:
    return looking.explain(control, _number(words, 0, "/why 12"))


def _diff(control: StudyControl, words: list[str]) -> str:
    return looking.compare(control, _number(words, 0, "/diff 3 12"), _number(words, 1, "/diff 3 12"))


def _note(control: StudyControl, words: list[str]) -> str:
    if not words:
        raise InputError("/note needs words", "for example /note memory is scarce on this machine")
    return control.note(" ".join(words))


def _budget(control: StudyControl, words: list[str]) -> str:
    known = {"trials", "wall_time_s", "calls", "dollars"}
    given = _assignments(words if "=" in "".join(words) else [f"trials={word}" for word in words])
    wrong = [name for name, value in given.items() if name not in known or not isinstance(value, int | float)]
    if not given or wrong:
        raise InputError(f"/budget: {wrong[0] if wrong else 'nothing'!r}", "for example /budget trials=80 dollars=0.5")
    return changing.set_budget(control, **given)


def _narrow(control: StudyControl, words: list[str]) -> str:
    if len(words) != 3:
        raise InputError("/narrow needs a parameter and two numbers", "for example /narrow threads 4 32")
    try:
        return changing.narrow(control, words[0], float(words[1]), float(words[2]))
    except ValueError:
        raise InputError(f"{words[1]!r} to {words[2]!r} is no range", "for example /narrow threads 4 32") from None


def _freeze(control: StudyControl, words: list[str]) -> str:
    given = _assignments(words)
    if len(given) != 1:
        raise InputError("/freeze needs one value", "for example /freeze journal_mode=WAL")
    [(name, value)] = given.items()
    return changing.freeze(control, name, value)


def _forbid(control: StudyControl, words: list[str]) -> str:
    if len(words) < 2:
        raise InputError("/forbid needs a condition and a reason", 'for example /forbid "threads > 32" "it deadlocks"')
    return changing.forbid(control, words[0], " ".join(words[1:]))


def _model(control: StudyControl, words: list[str]) -> str:
    if words:
        return changing.set_model(control, words[0])
    section = control.study.model.name if control.study is not None else "auto"
    return f"model: {control.overrides.get('model', {}).get('name', section)}; /model NAME changes it"


def _trust(control: StudyControl, _words: list[str]) -> str:
    from ..models.trust import require_trust

    section = control.known_study().model
    if section.base_url is None:
        return "the study names no endpoint of its own"
    require_trust(section, given=True)
    return f"the endpoint {shown(section.base_url)} may be used from now on"


def _prompts(control: StudyControl, words: list[str]) -> str:
    if words:
        return changing.set_prompts(control, words[0])
    return f"prompt variants: {', '.join(variant_names())}; /prompts NAME changes it"


def _save(control: StudyControl, words: list[str]) -> str:
    file = Path(words[0]).expanduser() if words else Path.cwd() / f"{control.study.name if control.study else ''}.toml"
    if file.exists():
        raise InputError(f"{file} exists", "name another file")
    write(file, looking.as_toml(control))
    return f"wrote {file}; trimtab tune {file} runs it"


def _apply(control: StudyControl, words: list[str]) -> str:
    text = looking.applied(control)
    if not words:
        return f"```\n{text}```"
    write(Path(words[0]).expanduser(), text)
    return f"wrote {words[0]}"


def _mode(control: StudyControl, words: list[str]) -> str:
    if words:
        if words[0] not in MODES:
            raise InputError(f"there is no mode {words[0]!r}", f"one of: {', '.join(MODES)}")
        control.mode = words[0]
    else:
        control.mode = MODES[(MODES.index(control.mode) + 1) % len(MODES)]
    return f"mode: {control.mode}"


def _help(_control: StudyControl, _words: list[str]) -> str:
    return "\n".join(["| command | |", "|---|---|", *(f"| `/{c.usage}` | {c.help} |" for c in COMMANDS.values())])


def _number(words: list[str], index: int, example: str) -> int:
    if len(words) <= index or not words[index].isdigit():
        raise InputError("the number of a trial is missing", f"for example {example}")
    return int(words[index])


def _assignments(words: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals:
            raise InputError(f"{word!r} is no assignment", "write name=value")
        try:
            found[name] = json.loads(text)
        except json.JSONDecodeError:
            found[name] = text
    return found


_ALL = (
    Command("study [FILE, KEY, new COMMAND]", "show, open or draft a study", _study),
    Command("start", "start the search, or go on", lambda control, _words: control.start()),
    Command("pause", "start no further trial", lambda control, _words: control.pause()),
    Command("stop", "end the run after the evaluations under way", lambda control, _words: control.stop()),
    Command("best", "the incumbent against the default", lambda control, _words: looking.best(control)),
    Command("try NAME=VALUE ...", "evaluate this next, the rest as in the incumbent", _try),
    Command("why TRIAL", "where a trial came from and what became of it", _why),
    Command("diff TRIAL TRIAL", "how two trials differ", _diff),
    Command("note TEXT", "tell the planner something", _note),
    Command("budget [NAME=]NUMBER ...", "change trials, wall_time_s, calls or dollars", _budget),
    Command("narrow NAME LOW HIGH", "search a parameter in this range only", _narrow),
    Command("freeze NAME=VALUE", "keep a parameter at a value", _freeze),
    Command("forbid CONDITION REASON", "never evaluate this region", _forbid),
    Command("model [NAME]", "show or change the model", _model),
    Command("trust", "let the endpoint that the study names get the study and your key", _trust),
    Command("prompts [NAME]", "show or change the prompt variant", _prompts),
    Command("mode [ask, edits, auto]", "who approves proposals (Shift+Tab)", _mode),
    Command("cost", "what was spent", lambda control, _words: looking.cost(control)),
    Command("save [FILE]", "write the study file", _save),
    Command("apply [FILE]", "show or write the best configuration: of a result what was checked", _apply),
    Command("help", "these commands", _help),
)
COMMANDS: dict[str, Command] = {command.name: command for command in _ALL}
