"""The kinds of parameter. Each knows its Optuna distribution, its JSON schema, and how to mend a value.

A new kind is a class here and its place in the union `Parameter`.
"""

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    model_validator,
)

from ...tools.expressions import Kind, Value
from ...tools.spelling import closest, did_you_mean

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

MAX_CHOICES = 1000
_Finite = Annotated[float, Field(allow_inf_nan=False)]
_Int = Annotated[int, Field(ge=-(1 << 53), le=1 << 53)]


def _of_one_kind(choices: object) -> object:
    if isinstance(choices, list) and len({isinstance(choice, str) for choice in choices}) > 1:
        raise ValueError("choices must be all text or all numbers")
    return choices


_Choices = Annotated[
    list[StrictStr | StrictInt | StrictFloat],
    Field(min_length=1, max_length=MAX_CHOICES),
    BeforeValidator(_of_one_kind),
]


class _Parameter(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: str = Field("", description="Unit of the values, for people and models.")
    description: str = Field("", description="What the parameter does.")
    when: str | None = Field(None, description="Expression over other parameters: active only when it is true.")


class FloatParameter(_Parameter):
    """A real number in [low, high]."""

    kind: ClassVar[Kind] = "number"
    type: Literal["float"]
    low: _Finite
    high: _Finite
    log: bool = Field(False, description="Search on a logarithmic scale.")
    step: float | None = Field(None, gt=0, allow_inf_nan=False, description="Values are low + k * step.")
    default: _Finite = Field(description="The value in use today; always tried first.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_range(self.low, self.high, self.step, self.log)
        _check_default(self)
        return self

    def distribution(self) -> "BaseDistribution":
        """Return Optuna's distribution."""
        from optuna.distributions import FloatDistribution

        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value."""
        return {"type": "number", "minimum": self.low, "maximum": self.high}

    def mend(self, given: object) -> tuple[Value, str]:
        """Return the nearest allowed value and why it differs from what was given ('' when it does not)."""
        number, why = _number(given, self.unit)
        if number is None:
            return self.default, why
        value = _snap(number, self.low, self.high, self.step)
        return value, why if math.isclose(value, number, rel_tol=1e-12) else _why_moved(number, self)

    @property
    def size(self) -> float:
        """The number of values; infinite without a step."""
        return math.inf if self.step is None else _steps(self.low, self.high, self.step) + 1


class IntParameter(_Parameter):
    """A whole number in [low, high]."""

    kind: ClassVar[Kind] = "number"
    type: Literal["int"]
    low: _Int
    high: _Int
    log: bool = Field(False, description="Search on a logarithmic scale.")
    step: int = Field(1, ge=1, description="Values are low + k * step.")
    default: _Int = Field(description="The value in use today; always tried first.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        _check_range(self.low, self.high, self.step, self.log)
        _check_default(self)
        return self

    def distribution(self) -> "BaseDistribution":
        """Return Optuna's distribution."""
        from optuna.distributions import IntDistribution

        return IntDistribution(self.low, self.high, log=self.log, step=self.step)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value."""
        return {"type": "integer", "minimum": self.low, "maximum": self.high}

    def mend(self, given: object) -> tuple[Value, str]:
        """Return the nearest allowed value and why it differs from what was given ('' when it does not)."""
        number, why = _number(given, self.unit)
        if number is None:
            return self.default, why
        value = round(_snap(number, self.low, self.high, self.step))
        return value, why if value == number else _why_moved(number, self)

    @property
    def size(self) -> float:
        """The number of values."""
        return _steps(self.low, self.high, self.step) + 1


class _ChoiceParameter(_Parameter):
    choices: _Choices
    default: StrictStr | StrictInt | StrictFloat = Field(description="The choice in use today; always tried first.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.choices)) < len(self.choices):
            raise ValueError("choices repeats a value")
        if any(isinstance(choice, float) and not math.isfinite(choice) for choice in self.choices):
            raise ValueError("choices must be finite")
        if self.default not in self.choices:
            guess = did_you_mean(str(self.default), map(str, self.choices))
            raise ValueError(f"default {self.default!r} is not one of choices{guess}")
        return self

    @property
    def kind(self) -> Kind:
        """What the values are, in expressions."""
        return "string" if isinstance(self.choices[0], str) else "number"

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value."""
        return {"enum": list(self.choices)}

    def mend(self, given: object) -> tuple[Value, str]:
        """Return the nearest choice and why it differs from what was given ('' when it does not)."""
        if not isinstance(given, bool):
            for choice in self.choices:
                if choice == given:
                    return choice, ""
        if self.kind == "number":
            number, why = _number(given, self.unit)
            if number is None:
                return self.default, why
            nearest = min(self.choices, key=lambda choice: abs(float(choice) - number))
            return nearest, "parsed" if nearest == number else "nearest choice"
        return _nearest_text(given, [str(choice) for choice in self.choices], str(self.default))

    @property
    def size(self) -> float:
        """The number of choices."""
        return len(self.choices)


class CategoricalParameter(_ChoiceParameter):
    """One of several choices without an order."""

    type: Literal["categorical"]

    def distribution(self) -> "BaseDistribution":
        """Return Optuna's distribution."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(list(self.choices))


class OrdinalParameter(_ChoiceParameter):
    """One of several choices in order; samplers see the position, and so the neighbours."""

    type: Literal["ordinal"]

    def distribution(self) -> "BaseDistribution":
        """Return Optuna's distribution, over positions in `choices`."""
        from optuna.distributions import IntDistribution

        return IntDistribution(0, len(self.choices) - 1)


class BoolParameter(_Parameter):
    """True or false."""

    kind: ClassVar[Kind] = "bool"
    type: Literal["bool"]
    default: StrictBool = Field(description="The value in use today; always tried first.")

    def distribution(self) -> "BaseDistribution":
        """Return Optuna's distribution."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution([False, True])

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value."""
        return {"type": "boolean"}

    def mend(self, given: object) -> tuple[Value, str]:
        """Return the meant value and why it differs from what was given ('' when it does not)."""
        if isinstance(given, bool):
            return given, ""
        word = str(given).strip().lower()
        if word in {"true", "on", "yes", "1", "1.0"}:
            return True, "parsed"
        if word in {"false", "off", "no", "0", "0.0"}:
            return False, "parsed"
        return self.default, f"{_short(given)} is not true or false: default"

    @property
    def size(self) -> float:
        """The number of values."""
        return 2


Parameter = Annotated[
    FloatParameter | IntParameter | CategoricalParameter | OrdinalParameter | BoolParameter,
    Field(discriminator="type"),
]


def _steps(low: float, high: float, step: float) -> int:
    return math.floor((high - low) / step + 1e-9)


def _snap(number: float, low: float, high: float, step: float | None) -> float:
    number = min(max(number, low), high)
    if step is not None:
        number = low + min(round((number - low) / step), _steps(low, high, step)) * step
        number = float(f"{number:.12g}")  # 0.1 + 2 * 0.1 is 0.3 to a person, and to a deduplicator
    return min(max(number, low), high)


def _check_range(low: float, high: float, step: float | None, log: bool) -> None:
    if low > high:
        raise ValueError(f"low = {low} is above high = {high}")
    if log and low <= 0:
        raise ValueError(f"log = true needs low above 0, not {low}")
    if log and step not in {None, 1}:
        raise ValueError("log and step exclude each other")
    if step is not None and (high - low) / step > 1e9:
        raise ValueError(f"step = {step} is too small for the range")
    if step is not None and not math.isclose(low + _steps(low, high, step) * step, high, rel_tol=1e-9, abs_tol=1e-12):
        best = low + _steps(low, high, step) * step
        raise ValueError(f"high = {high} is not low + k * step; the last such value is {best:.12g}")


def _check_default(parameter: FloatParameter | IntParameter) -> None:
    value, why = parameter.mend(parameter.default)
    if why:
        raise ValueError(f"default = {parameter.default} is not allowed ({why}); the nearest value is {value}")


def _why_moved(number: float, parameter: FloatParameter | IntParameter) -> str:
    if number < parameter.low:
        return f"below low = {parameter.low}"
    if number > parameter.high:
        return f"above high = {parameter.high}"
    return f"snapped to step {parameter.step}"


def read_number(given: object, unit: str) -> float | None:
    """Return the finite number that was given, as one or as text with its unit; None when there is none."""
    return _number(given, unit)[0]


def _number(given: object, unit: str) -> tuple[float | None, str]:
    """Read a number; (None, why) when there is none. The second part is 'parsed' when text was read."""
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        return None, f"{_short(given)} is not a number: default"
    text = str(given).strip()
    if isinstance(given, str):
        text = re.sub(r"(?<=\d)[,_](?=\d{3})", "", text)
        text = text.removesuffix(unit).strip() if unit else text
    try:
        number = float(text)
    except (ValueError, OverflowError):
        return None, f"{_short(given)} is not a number: default"
    if not math.isfinite(number):
        return None, f"{_short(given)} is not finite: default"
    return number, "parsed" if isinstance(given, str) else ""


def _nearest_text(given: object, choices: Sequence[str], default: str) -> tuple[str, str]:
    word = str(given).strip().strip("'\"")
    if isinstance(given, str | int | float):
        for choice in choices:
            if choice.casefold() == word.casefold():
                return choice, "parsed"
        near = closest(word.casefold(), [choice.casefold() for choice in choices])
        if near is not None:
            return next(choice for choice in choices if choice.casefold() == near), "nearest choice"
    return default, f"{_short(given)} is not one of the choices: default"


def _short(given: object) -> str:
    text = repr(given)
    return text if len(text) <= 40 else f"{text[:37]}..."
