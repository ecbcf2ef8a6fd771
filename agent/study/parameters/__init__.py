"""The kinds of parameter. Each knows its Optuna distribution, its JSON schema, how to mend a value and to write it.

A new kind is a class like those of `ranges` and `choices`, and its place in the union `Parameter`.
"""

from typing import Annotated

from pydantic import Field

from .base import ExpressionText
from .choices import BoolParameter, CategoricalParameter, OrdinalParameter
from .ranges import FloatParameter, IntParameter

__all__ = [
    "BoolParameter",
    "CategoricalParameter",
    "ExpressionText",
    "FloatParameter",
    "IntParameter",
    "OrdinalParameter",
    "Parameter",
]

Parameter = Annotated[
    FloatParameter | IntParameter | CategoricalParameter | OrdinalParameter | BoolParameter,
    Field(discriminator="type"),
]
