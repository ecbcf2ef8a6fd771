"""What all kinds of parameter have in common, and how numbers in words are read."""

import math
import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ....tools.expressions import ExpressionError, parse
from ....tools.targets.rendering.wording import Form


def readable_expression(text: str) -> str:
    """Return the text of an expression; refuse what is none.

    Raises:
        ValueError: it is none.
    """
    try:
        parse(text)
    except ExpressionError as error:
        raise ValueError(f"{error} in {text[:80]!r}") from None
    return text


ExpressionText = Annotated[str, AfterValidator(readable_expression)]


class BaseParameter(BaseModel):
    """The fields of every parameter."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: str = Field("", description="Unit of the values, for people and models.")
    description: str = Field("", description="What the parameter does.")
    when: ExpressionText | None = Field(
        None, description="Expression over other parameters: active only when it is true."
    )

    constant: str | None = Field(
        None,
        description="FILE:NAME of a constant in the program under [code], which has the value where it is measured.",
    )

    @property
    def form(self) -> Form:
        """How its values are written into commands and files."""
        return Form()


def read_number(given: object, unit: str) -> tuple[float | None, str]:
    """Read a number; (None, why) when there is none. The second part is 'parsed' when text was read."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None, f"{shortened(given)} is not a number: default"
    text = given
    if isinstance(text, str):
        text = re.sub(r"(?<=\d)[,_](?=\d{3})", "", text.strip())
        text = text.removesuffix(unit).strip() if unit else text
    try:
        number = float(text)
    except (ValueError, OverflowError):
        return None, f"{shortened(given)} is not a number: default"
    if not math.isfinite(number):
        return None, f"{shortened(given)} is not finite: default"
    return number, "parsed" if isinstance(given, str) else ""


def shortened(given: object) -> str:
    """Return what somebody gave as it is written in messages."""
    text = repr(given)
    return text if len(text) <= 40 else f"{text[:37]}..."
