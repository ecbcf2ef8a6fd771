"""Reading a study file with all its rules, against what TOML's and pydantic's parsers alone take for it."""

import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

from ...agent.study.file import load_study
from ...agent.study.sections import Study
from .comparison import Ratio, interleaved_ms
from .startup import study_file


def run() -> Iterator[Ratio]:
    """Time both in turn; the first call of each, which imports and reads entry points, does not count."""
    with tempfile.TemporaryDirectory() as folder:
        file = study_file(Path(folder))
        text = file.read_text()
        ours, parsers = interleaved_ms(
            [lambda: load_study(file), lambda: Study.model_validate(tomllib.loads(text))], runs=51
        )
    yield Ratio("reading a study file", ours, "tomllib and pydantic alone", parsers, "read-study")
