"""Reading a study file with all its rules, against what TOML's and pydantic's parsers alone take for it."""

import tomllib
from collections.abc import Iterator

from ...agent.study.file import load_study
from ...agent.study.sections import Study
from .comparison import Comparison, interleaved_ms
from .startup import STUDY


def run() -> Iterator[Comparison]:
    """Time both in turn; the first call of each, which imports and reads entry points, does not count."""
    text = STUDY.read_text()
    ours, parsers = interleaved_ms(
        [lambda: load_study(STUDY), lambda: Study.model_validate(tomllib.loads(text))], runs=51
    )
    yield Comparison("reading a study file", ours, "tomllib and pydantic alone", parsers, 3.0)
