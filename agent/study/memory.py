"""The section [memory] of a study file: what a study takes from past ones, and gives to later ones."""

from typing import Literal

from pydantic import Field

from .goals import Section

Use = Literal["on", "read-only", "off"]


class MemorySection(Section):
    """What a study takes from past studies, and gives to later ones."""

    use: Use = Field(
        "on", description="'on'; 'read-only': later studies learn nothing from this one; 'off': nor it from others."
    )
    shared: bool = Field(False, description="Learn also from studies of other projects (folders).")
    lottery: bool = Field(
        False, description="Let one study in ten run without memory, at random, so that its use can be told."
    )
