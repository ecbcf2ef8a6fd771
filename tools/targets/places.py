"""What stands in the places of one evaluation: the configuration, derived values, and what the worker has."""

import contextlib
import os
import re
import socket
import sys
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..expressions import Value
from .base import Workplace
from .evaluation import Evaluation
from .rendering.files import FileError, places_in
from .rendering.template import names_in
from .rendering.wording import quoted_place


class Places:
    """The places of a worker's commands; `values` is asked for at each evaluation."""

    def __init__(self, evaluation: Evaluation, workplace: Workplace) -> None:
        self.evaluation, self.workplace = evaluation, workplace
        texts = [*(evaluation.command or []), *evaluation.environment.values()]
        self._named = {name for text in texts for name in names_in(text)}
        self._named |= self.in_files
        self.port = workplace.port

    @cached_property
    def in_files(self) -> set[str]:
        """The names in the places of the study's files."""
        found: set[str] = set()
        for name, file in self.workplace.wording.files.items():
            with contextlib.suppress(FileError):  # said when it is to be written
                found |= {place for place, _line in places_in(name, file, self.workplace.study_directory)}
        return found

    def check(self) -> None:
        """Look for what the places need.

        Raises:
            InputError: this machine does not have it, or a value would not be safe where its place stands.
        """
        if "gpu" in self._named and not graphics_cards():
            raise InputError("{gpu} stands for a graphics card, and this machine shows none", "use {worker}")
        inside = quoted_place(" ".join(self.evaluation.command or [])) if self.evaluation.shell else None
        if inside is not None:
            raise InputError(f"{{{inside}}} stands inside quotes in the shell's command", "values are quoted anyway")

    def values(
        self, configuration: Mapping[str, Value], seed: int, fidelity: float | None, directory: Path
    ) -> dict[str, Value]:
        """Return the value of every place that has one.

        Raises:
            ArithmeticError: a derived value has none.
        """
        own: dict[str, Value] = {"worker": self.workplace.worker, "work_dir": str(directory)}
        own["trial"] = self.workplace.now.trial
        if self.workplace.port:
            own["port"] = self.workplace.port
        elif "port" in self._named:
            own["port"] = self.port = free_port(self.port)
        if "gpu" in self._named:
            cards = graphics_cards()
            own["gpu"] = cards[self.workplace.worker % len(cards)]
        given: dict[str, Value] = {"seed": seed, "python": sys.executable}
        given["study_dir"] = str(self.workplace.study_directory)
        if fidelity is not None:
            given["fidelity"] = whole(fidelity)
        return {**own, **self.workplace.wording.complete(configuration), **given}

    def job(self, values: Mapping[str, Value], configuration: Mapping[str, Value]) -> dict[str, Any]:
        """Return the configuration and its derived values as the evaluation's job file has them."""
        names = [*configuration, *(name for name in self.workplace.wording.derived if name in values)]
        return self.workplace.wording.plain({name: values[name] for name in names})

    def command(self, values: Mapping[str, Value]) -> list[str]:
        """Return the command line."""
        words, wording = self.evaluation.command or [], self.workplace.wording
        if self.evaluation.shell:
            return ["/bin/sh", "-c", wording.shell(words[0], values)]
        return wording.fill(words, values)

    def environment(self, values: Mapping[str, Value]) -> dict[str, str]:
        """Return the study's environment variables."""
        return self.workplace.wording.environment(self.evaluation.environment, values)

    def write_files(self, values: Mapping[str, Value], directory: Path) -> None:
        """Write the study's files into the folder of an evaluation.

        Raises:
            FileError: one cannot be written.
        """
        for name, text in self.workplace.wording.written(values, self.workplace.study_directory).items():
            file = directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")


def free_port(wanted: int = 0) -> int:
    """Return a port of the loopback interface that nobody uses: the one that is wanted, as long as it is free."""
    for port in (wanted, 0):
        with socket.socket() as tried:
            try:
                tried.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(tried.getsockname()[1])
    return wanted


def graphics_cards() -> list[Value]:
    """Return the numbers, or names, of the graphics cards that programs may use here."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [int(each) if each.isdigit() else each for each in visible.replace(" ", "").split(",") if each]
    found = (re.fullmatch(r"nvidia(\d+)", each.name) for each in Path("/dev").glob("nvidia*"))
    return sorted(int(each[1]) for each in found if each)


def whole(number: float) -> int | float:
    """Return a number as an integer where it is one, so that programs read it as such."""
    return int(number) if float(number).is_integer() else number
