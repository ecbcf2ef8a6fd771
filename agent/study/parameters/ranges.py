"""Parameters that are numbers between two ends."""

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from ....tools.expressions import Kind, Value
from .base import BaseParameter, read_number

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def _no_text(given: object) -> object:
    if isinstance(given, str | bool):
        raise ValueError(f"must be a number, not {given!r}")  # noqa: TRY004 (pydantic's way)
    return given


_Finite = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_no_text)]
_Int = Annotated[int, Field(ge=-(1 << 53), le=1 << 53), BeforeValidator(_no_text)]


class FloatParameter(BaseParameter):
    """A real number in [low, high]."""

    kind: ClassVar[Kind] = "number"
    type: Literal["float"] = Field(description="A number.")
    low: _Finite = Field(description="Smallest value.")
    high: _Finite = Field(description="Largest value.")
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
        """Return the nearest allowed value and why it differs from what was given ('' when it does not).

        What rounding left beside an end is the end: 1.0000000000000004e-06 is a low of 1e-06.
        """
        beside = 1e-12 * max(abs(self.low), abs(self.high))
        if type(given) is float and self.step is None and self.low + beside < given < self.high - beside:
            return given, ""  # nearly all of those that are read from the store
        number, why = read_number(given, self.unit)
        if number is None:
            return self.default, why
        value = _snap(number, self.low, self.high, self.step)
        for end in (self.low, self.high):
            if value != end and math.isclose(value, end, rel_tol=1e-12):
                return end, "rounding beside an end"
        return value, why if math.isclose(value, number, rel_tol=1e-12) else _why_moved(number, self)

    @property
    def size(self) -> float:
        """The number of values; infinite without a step."""
        if self.low == self.high:
            return 1
        return math.inf if self.step is None else _steps(self.low, self.high, self.step) + 1


class IntParameter(BaseParameter):
    """A whole number in [low, high]."""

    kind: ClassVar[Kind] = "number"
    type: Literal["int"] = Field(description="A whole number.")
    low: _Int = Field(description="Smallest value.")
    high: _Int = Field(description="Largest value.")
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
        if type(given) is int and self.step == 1 and self.low <= given <= self.high:
            return given, ""
        number, why = read_number(given, self.unit)
        if number is None:
            return self.default, why
        value = round(_snap(number, self.low, self.high, self.step))
        return value, why if value == number else _why_moved(number, self)

    @property
    def size(self) -> float:
        """The number of values."""
        return _steps(self.low, self.high, self.step) + 1


def _steps(low: float, high: float, step: float) -> int:
    return math.floor((high - low) / step + 1e-9)


def _snap(number: float, low: float, high: float, step: float | None) -> float:
    number = min(max(number, low), high)
    if step is not None:
        number = low + min(round((number - low) / step), _steps(low, high, step)) * step
        if isinstance(step, float):
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
    if why and not math.isclose(float(value), parameter.default, rel_tol=1e-12):
        raise ValueError(f"default = {parameter.default} is not allowed ({why}); the nearest value is {value}")


def _why_moved(number: float, parameter: FloatParameter | IntParameter) -> str:
    if number < parameter.low:
        return f"below low = {parameter.low}"
    if number > parameter.high:
        return f"above high = {parameter.high}"
    return f"snapped to step {parameter.step}"
