"""One draft: where it comes from, what was found and guessed, and the study file that says so."""

import json
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tomlkit

from ....tools.errors import InputError
from ....tools.loop_thread import LoopThread
from ....tools.sandbox import SandboxedCommand, choose_sandbox, run
from ....tools.targets.code.constants import constants_in
from ....tools.targets.rendering.formats import format_of
from ....tools.targets.rendering.template import BUILT_IN, names_in
from ....tools.text import one_line, plain
from . import config_file, help_text, script
from .guess import Found, Guess, guess, identifier
from .python_object import settings_of

_HELP_S, _MOST = 20, 40
_LONGEST = 1 << 20


@dataclass(frozen=True)
class Draft:
    """A study file's text, and what a person should know of it. `left_out` maps settings to why they are not tuned."""

    text: str
    guesses: list[Guess]
    left_out: dict[str, str] = field(default_factory=dict)
    source: str = ""
    missing: str = ""


def draft(source: str, folder: Path, *, command: str = "", metric: str = "seconds") -> Draft:
    """Return the draft of a study from a source: a command with {places}, a file, a
    Python object as module:name, or a program whose help is asked.

    `command` is how a configuration of a file is measured; `metric` is what is to be small.

    Raises:
        InputError: there is nothing in it that could be tuned, or it cannot be read.
    """
    words = _split(source)
    path = folder / Path(words[0]).expanduser() if len(words) == 1 else None
    if any("{" in word for word in words):
        return _from_places(words, metric)
    if path is not None and path.is_file() and path.suffix == ".py":
        return _from_script(path, folder, metric)
    if path is not None and path.is_file() and (kind := format_of(path.name)) is not None:
        return _from_file(path, kind, folder, command, metric)
    if len(words) == 1 and re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*", words[0]):
        return _from_object(words[0], folder, command, metric)
    return _from_help(words, folder, metric)


def draft_of_code(path: Path, folder: Path, *, command: str = "", metric: str = "") -> Draft:
    """Return the draft of a study of a program's constants and, where nothing else is run, of its options.

    The program's folder is the project, the file is what may be edited. `command` is how the program is measured;
    without a metric it is its processor time, by our clock.

    Raises:
        InputError: there is nothing in it that could be tuned, or it cannot be read.
    """
    if not path.is_file():
        raise InputError(f"{path}: there is no such file", "give a file of the program")
    project = path.resolve().parent
    if not project.is_relative_to(folder.resolve()) or project == folder.resolve():
        raise InputError(
            f"{path} must be in a folder below the study file's, which is all that is copied",
            f"put the study file above it: --output {project.parent / 'study.toml'}",
        )
    text = _read(path)
    found = [
        Found(each.name, default=each.value, place=(f"{path.name}:{each.name}",))
        for each in constants_in(path.name, text).values()
    ]
    guesses, left_out = _guessed(found)
    for each in guesses:
        each.fields["constant"] = each.found.place[0]
    words = _split(command) if command else ["{python}", f"{{code}}/{path.name}"]
    if not command and path.suffix == ".py":
        options, others = _guessed(script.options_in(text))
        guesses += [each for each in options if each.name not in {one.name for one in guesses}]
        words += _words_of(options)
        left_out |= others
    if not guesses:
        raise InputError(
            f"{path} has no constants that could be tuned", "numbers and switches with a name can: LIMIT = 8"
        )
    code: dict[str, Any] = {"project": str(project.relative_to(folder.resolve())), "editable": [path.name]}
    missing = ""
    if not command and path.suffix != ".py":
        code["build"] = [["gcc", "-O2", f"{{code}}/{path.name}", "-o", "program", "-lm"]]
        words, missing = ["./program"], "what the program is given: code.build, evaluation.command"
    return _written(path.stem, words, guesses, left_out, metric or "cpu_s", str(path), missing=missing, code=code)


def _split(source: str) -> list[str]:
    try:
        words = shlex.split(source)
    except ValueError as error:
        raise InputError(f"{source!r}: {error}", "quote it like a shell would") from None
    if not words:
        raise InputError("nothing to draft a study from", "give a command, a script or a configuration file")
    return words


def _from_places(words: list[str], metric: str) -> Draft:
    try:
        names = list(dict.fromkeys(name for word in words for name in names_in(word) if name not in BUILT_IN))
    except ValueError as error:
        raise InputError(f"{shlex.join(words)!r}: {error}", "write {{ and }} for braces") from None
    fields = {"type": "int", "low": 1, "high": 100, "default": 10, "description": "edit type, range and default"}
    guesses = [Guess(name, dict(fields), Found(name), "type, range and default are guesses") for name in names]
    return _written(_title(words[0]), words, guesses, {}, metric, shlex.join(words))


def _from_script(path: Path, folder: Path, metric: str) -> Draft:
    try:
        found = script.settings_in(_read(path))
    except SyntaxError as error:
        raise InputError(f"{path}:{error.lineno}: {error.msg}", "mend the script") from None
    shown = path.relative_to(folder) if path.is_relative_to(folder) else path
    start = ["{python}", f"{{study_dir}}/{shown}" if path.is_relative_to(folder) else str(path)]
    return _of_options(path.stem, start, found, metric, f"the options of {shown}")


def _from_file(path: Path, kind: str, folder: Path, command: str, metric: str) -> Draft:
    text = _read(path)
    try:
        data = json.loads(text) if kind == "json" else None
        is_schema = isinstance(data, dict) and isinstance(data.get("properties"), dict)
        found = config_file.schema_settings(data) if is_schema and data else config_file.settings_in(text, kind)
    except ValueError as error:
        raise InputError(f"{path}: {one_line(str(error))}", f"it is read as {kind}") from None
    guesses, left_out = _guessed(found)
    if not guesses:
        raise InputError(f"{path} has nothing that could be tuned", "numbers, switches and choices can")
    base = str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)
    places = {each.found.place[0]: _place(each, is_schema=is_schema) for each in guesses}
    written = {"set": places} if is_schema else {"base": base, "set": places}
    words = _split(command) if command else ["true"]
    missing = "" if command else f"how {path.name} is measured: set evaluation.command (the file is in its folder)"
    return _written(path.stem, words, guesses, left_out, metric, str(path), {path.name: written}, missing)


def _from_object(reference: str, folder: Path, command: str, metric: str) -> Draft:
    guesses, left_out = _guessed(settings_of(reference, folder))
    if not guesses:
        raise InputError(f"{reference} has nothing that could be tuned", "numbers, switches and choices can")
    missing = "" if command else f"what measures a {reference}: its values are in the file that $TRIMTAB_JOB names"
    name = reference.partition(":")[2]
    return _written(name, _split(command or "true"), guesses, left_out, metric, reference, missing=missing)


def _place(each: Guess, *, is_schema: bool) -> str:
    pattern = "{}" if is_schema or each.found.is_switch else each.found.place[1]
    return pattern.replace("{}", f"{{{each.name}}}")


def _from_help(words: list[str], folder: Path, metric: str) -> Draft:
    if shutil.which(words[0]) is None:
        known = "a command with {places}, a script, or a file whose name tells its format (*.toml, *.ini, nginx.conf)"
        raise InputError(f"{words[0]!r} is no file and no program", f"give {known}")
    found: list[Found] = []
    for asked in ("--help", "-h", "-help"):
        found = list(help_text.options_in(_asked([*words, asked], folder)))
        if found:
            break
    if not found:
        raise InputError(f"{shlex.join(words)} --help tells no options", "name them: 'program --threads={threads}'")
    return _of_options(Path(words[0]).name, words, found, metric, f"the help of {shlex.join(words)}")


def _asked(words: list[str], folder: Path) -> str:
    """Return what a program prints, in the sandbox: one that ignores `--help` must not do what it does otherwise."""
    program = Path(shutil.which(words[0]) or words[0]).resolve()
    with tempfile.TemporaryDirectory(prefix="trimtab-help-") as own, LoopThread() as thread:
        command = SandboxedCommand(
            argv=(str(program), *words[1:]),
            directory=Path(own),
            environment={"PATH": os.environ.get("PATH", os.defpath), "HOME": own, "COLUMNS": "200"},
            timeout_s=_HELP_S,
            readable=(program.parent, folder, Path(sys.prefix), Path(sys.base_prefix)),
        )
        try:
            done = thread.run(run(command, choose_sandbox()))
        except OSError:
            return ""
    return plain(f"{done.stdout}\n{done.stderr}"[:_LONGEST])


def _of_options(name: str, start: list[str], found: Iterable[Found], metric: str, source: str) -> Draft:
    guesses, left_out = _guessed(found)
    if not guesses:
        raise InputError(f"{source}: nothing that could be tuned", "name it: 'program --threads={threads}'")
    return _written(name, [*start, *_words_of(guesses)], guesses, left_out, metric, source)


def _words_of(guesses: Iterable[Guess]) -> list[str]:
    """Return the words of a command that give options their values."""
    words: list[str] = []
    for each in guesses:
        flag = each.found.place[0]
        if each.fields["type"] in {"bool", "categorical"}:
            each.fields["flag"] = flag
        else:
            words.append(flag)
        words.append(f"{{{each.name}}}")
    return words


def _guessed(found: Iterable[Found]) -> tuple[list[Guess], dict[str, str]]:
    guesses: dict[str, Guess] = {}
    left_out: dict[str, str] = {}
    for each in found:
        guessed = guess(each)
        if isinstance(guessed, str):
            left_out[each.name] = guessed
        elif guessed.name in guesses or guessed.name in BUILT_IN:
            left_out[each.name] = "its name is taken"
        elif len(guesses) == _MOST:
            left_out[each.name] = f"{_MOST} are enough to begin with"
        else:
            guesses[guessed.name] = guessed
    return list(guesses.values()), left_out


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")[:_LONGEST]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}", "give a text file") from None


def _title(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name.rpartition("/")[2].partition(".")[0]).strip("-") or "draft"


def _written(
    name: str,
    command: Sequence[str],
    guesses: list[Guess],
    left_out: dict[str, str],
    metric: str,
    source: str,
    files: dict[str, Any] | None = None,
    missing: str = "",
    code: dict[str, Any] | None = None,
) -> Draft:
    """Return the draft with its text: commented, and right as far as `trimtab check` can tell."""
    document = tomlkit.document()
    document.add(tomlkit.comment(f"Drafted from {one_line(source, 100)}: look at ranges, and at what is measured."))
    title = _title(name)
    document["study"] = {"name": title, "description": f"{title}: say here what it is and what its workload looks like"}
    parameters = tomlkit.table(is_super_table=True)
    for each in guesses:
        section = tomlkit.table()
        for key, value in each.fields.items():
            section[key] = value
        if each.words:
            section.comment(each.words)
        parameters[each.name] = section
    document["parameters"] = parameters
    for setting, why in list(left_out.items())[:_MOST]:
        document.add(tomlkit.comment(f"left out: {one_line(setting, 60)} ({why})"))
    objectives = tomlkit.aot()
    objectives.append(tomlkit.item({"metric": metric, "direction": "minimize"}))
    document["objectives"] = objectives
    if files:
        document["files"] = files
    if code:
        section = tomlkit.table()
        section.update(code)
        section.add(tomlkit.comment('guard = "{python} -m pytest -q"         tests that an edited copy must pass'))
        section.add(tomlkit.comment("output and judge, in docs/code.md, prove that the answers are right"))
        document["code"] = section
    evaluation = tomlkit.table()
    evaluation["command"] = list(command)
    if missing:
        evaluation["command"].comment(missing)
    evaluation["timeout_s"] = 60
    if not code:
        evaluation.add(tomlkit.comment(f'{metric} is read from the last line, as JSON: {{"{metric}": 1.5}}'))
        evaluation.add(
            tomlkit.comment(f"or from what is printed: patterns = {{ {identifier(metric)} = 'took (\\S+)' }}")
        )
    document["evaluation"] = evaluation
    document["budget"] = {"trials": 30}
    return Draft(tomlkit.dumps(document), guesses, left_out, source, missing)
