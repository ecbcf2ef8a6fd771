"""Rules of the study file about commands, and about the {places} in them, in the environment and in templates."""

import contextlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from ....tools.expressions import ExpressionError, parse
from ....tools.spelling import did_you_mean
from ....tools.targets.rendering.files import FileError, places_in
from ....tools.targets.rendering.template import BUILT_IN, OF_THE_EVALUATION, names_in
from ....tools.targets.rendering.wording import quoted_place
from ..sections import Study

Finding = tuple[tuple[str | int, ...], str]
Text = tuple[tuple[str | int, ...], str]

_SHELL_WORD = re.compile(  # a word that only a shell reads as something else
    r"[|;&]|\|\||&&|[012]?(?:>>?|<)(?:&\d|[^=].*)?|&>.*|~/.*|.*(?:`.*`|\$\(|\$\{?[A-Z_][A-Z0-9_]+).*|\$\{?[A-Za-z_]\w*\}?",
    re.DOTALL,
)
_SHELLS = {"sh", "bash", "dash", "zsh", "ksh", "fish", "busybox"}


def places(study: Study, _directory: Path) -> Iterator[Finding]:
    """Every place, wherever it stands, is filled by something."""
    values = [*study.parameters, *study.derived]
    known = known_places(study)
    template = [(("apply", "template"), study.apply.template)] if study.apply else []
    for texts, allowed in ((evaluated(study), known), (template, values)):
        for path, text in texts:
            try:
                unknown = sorted(set(names_in(text)) - set(allowed))
            except ValueError as error:
                yield path, f"{text[:80]!r}: {error}"
                continue
            for name in unknown:
                guess = did_you_mean(name, allowed, shown="{{{}}}".format)
                yield path, f"{{{name}}} is no parameter{guess}"


def files(study: Study, directory: Path) -> Iterator[Finding]:
    """The study's files can be written, and every place in them is filled by something."""
    known = known_places(study)
    for name, file in study.files.items():
        field = next((each for each in ("template", "base", "text") if getattr(file, each) is not None), "set")
        try:
            for place, line in places_in(name, file, directory):
                if place not in known:
                    where = f"{directory / file.template}:{line}: " if line and file.template else ""
                    guess = did_you_mean(place, known, shown="{{{}}}".format)
                    yield ("files", name, field if line else "set"), f"{where}{{{place}}} is no parameter{guess}"
        except FileError as error:
            where = f"{directory / file.template}:{error.line}: " if error.line and file.template else ""
            yield ("files", name, field), f"{where}{error}"
        except ValueError as error:
            yield ("files", name, "set"), str(error)


def known_places(study: Study) -> list[str]:
    """Return the names that may stand in the places of an evaluation."""
    fidelity = ["fidelity"] if study.fidelity else []
    code = ["code", *(["input"] if study.code.input else [])] if study.code else []
    return [*study.parameters, *study.derived, *BUILT_IN, *OF_THE_EVALUATION, *fidelity, *code]


def _in_files(study: Study, directory: Path) -> set[str]:
    found: set[str] = set()
    for name, file in study.files.items():
        with contextlib.suppress(ValueError):  # which `files` reports
            found |= {place for place, _line in places_in(name, file, directory)}
    return found


def evaluated(study: Study) -> list[Text]:
    """Return the texts that are filled in for an evaluation."""
    program, place = study.program, study.place_of("environment")
    command: list[Text] = [(study.place_of("command"), word) for word in program.command or []]
    variables = [((*place, variable), text) for variable, text in program.environment.items()]
    return [*command, *variables, *_of_service(study)]


def _of_service(study: Study) -> list[Text]:
    """Return the texts that are filled in when the server under test starts."""
    service = study.target.service if study.target is not None else None
    if service is None:
        return []
    words: list[Text] = [(("target", "service", "start"), word) for word in service.start]
    words += [(("target", "service", "environment", name), text) for name, text in service.environment.items()]
    words += [(("target", "service", "ready", "command"), word) for word in service.ready.command or []]
    return [*words, (("target", "service", "ready", "http"), service.ready.http or "")]


def all_used(study: Study, directory: Path) -> Iterator[Finding]:
    """A parameter has some effect: it stands in a place, is part of what does, or decides about another one."""
    if study.program.command is None:
        return
    try:
        named = {name for _path, text in evaluated(study) for name in names_in(text)} | _in_files(study, directory)
        named |= {*study.wording.constants}
        conditions = {name for each in study.parameters.values() if each.when for name in parse(each.when).names}
        used = _with_derived(study, named | conditions)
    except (ValueError, ExpressionError):
        return  # which other rules report
    unused = [name for name in study.parameters if name not in used]
    if unused and named & {*study.parameters, *study.derived}:
        yield (
            study.place_of("command"),
            f"{{{unused[0]}}} is nowhere in it, so it would have no effect (or read them all from $TRIMTAB_JOB)",
        )


def _with_derived(study: Study, names: set[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += parse(study.derived[name]).names if name in study.derived else ()
    return found


def whole_words(study: Study, _directory: Path) -> Iterator[Finding]:
    """What may become no word or several stands alone."""
    whole = {name for name, form in study.wording.forms.items() if form.whole_word}
    for word in [] if study.program.shell else study.program.command or []:
        for name in sorted(_names(word) & whole):
            if word != f"{{{name}}}":
                yield (
                    study.place_of("command"),
                    f"{{{name}}} in {word!r} needs a word of its own: it has a flag, or is several words",
                )


def program(study: Study, directory: Path) -> Iterator[Finding]:
    """The program is there and may be run, and its files are looked for in the right folder."""
    words = study.program.command
    if words is None or study.program.shell:
        return
    for name in study.files:
        if (wrong := f"{{study_dir}}/{name}") in words:
            yield (
                study.place_of("command"),
                f"{wrong!r} is the file as it stands, without the trial's values: write {name}",
            )
    for word in words:
        if word.removeprefix("./") in study.files:
            continue  # it is written there before each evaluation
        if "{" not in word and not Path(word).is_absolute() and "." in word and (directory / word).is_file():
            yield study.place_of("command"), f"{word!r} runs in an empty directory: write {{study_dir}}/{word}"
    built = study.code is not None and study.code.build and words[0].startswith("./")
    named = words[0].replace("{study_dir}", str(directory))
    if built or "{" in named or shutil.which(named) is not None:
        return
    if Path(named).is_file():
        yield study.place_of("command"), f"the program {words[0]!r} may not be run: chmod +x {named}"
    else:
        yield study.place_of("command"), f"the program {words[0]!r} was not found"


def shell(study: Study, _directory: Path) -> Iterator[Finding]:
    """What only a shell understands goes with one, and values in its command are not quoted twice."""
    evaluation = study.program
    words = evaluation.command or []
    if evaluation.shell:
        inside = quoted_place(words[0]) if _names(words[0]) else None
        if inside is not None:
            yield (
                study.place_of("command"),
                f"{{{inside}}} stands inside quotes: values are quoted where they stand, so leave them out",
            )
    elif "shell" not in (study.target or study.evaluation).model_fields_set:
        for word in _without_own_shell(words):
            if _SHELL_WORD.fullmatch(word) and not _after_dollars(word) & study.parameters.keys():
                meant = "set shell = true (values are quoted), or shell = false to mean it"
                yield study.place_of("command"), f"{word!r} is passed as it stands, there is no shell: {meant}"


def _names(text: str) -> set[str]:
    try:
        return set(names_in(text))
    except ValueError:
        return set()


def _without_own_shell(words: list[str]) -> list[str]:
    """Return the words up to those that the command gives to a shell itself: `bash -c '...'`."""
    for at, word in enumerate(words):
        if re.fullmatch(r"-\w*c", word) and any(Path(each).name in _SHELLS for each in words[:at]):
            return words[:at]
    return words


def _after_dollars(word: str) -> set[str]:
    """Return the names in ${name}: a dollar sign before a place."""
    return set(re.findall(r"\$\{(\w+)\}", word))
