"""Parameters that are one of several given values, in text, numbers, yes or no, or lists of these.

A choice that is a list is known everywhere by its JSON text, "[64, 32]": an expression may compare it with the list, a
command gets that text or the joined values, a Python function and the job's file get the list.
"""

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, StrictBool, model_validator

from ....tools.expressions import Kind, Value
from ....tools.spelling import closest, did_you_mean
from ....tools.targets.rendering.wording import Form
from .base import BaseParameter, read_number, shortened

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

MAX_CHOICES = 1000
_TRUE, _FALSE = {"true", "on", "yes", "1", "1.0"}, {"false", "off", "no", "0", "0.0"}


class ListText(str):
    """The JSON text of a choice that the study file gives as a list."""

    __slots__ = ()


def _known(choice: object) -> Value:
    """Return a choice of the file as it is known everywhere."""
    if isinstance(choice, list):
        try:
            return ListText(json.dumps(choice, allow_nan=False, ensure_ascii=False))
        except (TypeError, ValueError, RecursionError):
            raise ValueError(f"{shortened(choice)} is not a list of text, numbers, true and false") from None
    if isinstance(choice, float) and not math.isfinite(choice):
        raise ValueError("choices must be finite")
    if not isinstance(choice, bool | int | float | str):
        raise ValueError(f"{shortened(choice)} is not text, a number, true, false, or a list of these")  # noqa: TRY004
    return choice


def _written(choice: Value) -> object:
    return json.loads(choice) if isinstance(choice, ListText) else choice


_Choice = Annotated[
    Value,
    PlainValidator(_known, json_schema_input_type=Value | list[Any]),
    PlainSerializer(_written, return_type=Any),
]


def _one_word(flag: str) -> str:
    if flag.split() != [flag]:
        raise ValueError(f"{flag!r} is not one word")
    return flag


_Flag = Annotated[str, AfterValidator(_one_word)]


class _ChoiceParameter(BaseParameter):
    choices: list[_Choice] = Field(min_length=1, max_length=MAX_CHOICES, description="The values.")
    default: _Choice = Field(description="The choice in use today; always tried first.")
    flag: _Flag | None = Field(
        None, description="Word before the value, such as '--level' or '--level='; both are left out for the choice ''."
    )
    split: bool = Field(False, description="A choice is several words, split like a shell does: '-O3 -flto'.")
    join: str | None = Field(None, description="What goes between the values of a choice that is a list; else JSON.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(set(self.choices)) < len(self.choices):
            raise ValueError("choices repeats a value")
        if not _is_among(self.default, self.choices):
            guess = did_you_mean(str(self.default), map(str, self.choices))
            raise ValueError(f"default {self.default!r} is not one of choices{guess}")
        if self.join is not None and not self.lists:
            raise ValueError("join goes between the values of lists, and no choice is one")
        for choice in self.choices if self.split else ():
            try:
                self.form.words(choice)
            except ValueError as error:
                raise ValueError(f"{choice!r} cannot be split into words: {error}") from None
        return self

    @property
    def kind(self) -> Kind:
        """What the values are, in expressions."""
        kinds = {_kind_of(choice) for choice in self.choices}
        return kinds.pop() if len(kinds) == 1 else "mixed"

    @property
    def lists(self) -> tuple[str, ...]:
        """The choices that are lists."""
        return tuple(choice for choice in self.choices if isinstance(choice, ListText))

    @property
    def form(self) -> Form:
        """How its values are written into commands and files."""
        return Form(flag=self.flag, split=self.split, join=self.join, lists=self.lists)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON schema of a value."""
        return {"enum": [_written(choice) for choice in self.choices]}

    def mend(self, given: object) -> tuple[Value, str]:
        """Return the nearest choice and why it differs from what was given ('' when it does not)."""
        if isinstance(given, list | tuple):
            text = json.dumps(given, ensure_ascii=False, default=str)
            near = text if text in self.choices else self.default
            return near, "" if near == text else f"{shortened(given)} is not one of the choices: default"
        for choice in self.choices:
            if choice == given and isinstance(choice, bool) is isinstance(given, bool):
                return choice, ""
        texts = [choice for choice in self.choices if isinstance(choice, str)]
        numbers = [each for each in self.choices if isinstance(each, int | float) and not isinstance(each, bool)]
        if numbers:
            number, why = read_number(given, self.unit)
            if number is not None:
                nearest = min(numbers, key=lambda choice: abs(float(choice) - number))
                return nearest, "parsed" if nearest == number else "nearest choice"
            if not texts:
                return self.default, why
        return self._nearest_word(given, texts)

    def _nearest_word(self, given: object, texts: Sequence[str]) -> tuple[Value, str]:
        word = str(given).strip().strip("'\"").casefold()
        if isinstance(given, str | int | float):
            for choice in texts:
                if choice.casefold() == word:
                    return choice, "parsed"
            for value, words in ((True, _TRUE), (False, _FALSE)):
                if word in words and _is_among(value, self.choices):
                    return value, "parsed"
            near = closest(word, [choice.casefold() for choice in texts])
            if near is not None:
                return next(choice for choice in texts if choice.casefold() == near), "nearest choice"
        return self.default, f"{shortened(given)} is not one of the choices: default"

    @property
    def size(self) -> float:
        """The number of choices."""
        return len(self.choices)


class CategoricalParameter(_ChoiceParameter):
    """One of several choices without an order."""

    type: Literal["categorical"] = Field(description="Choices of no order.")

    def distribution(self) -> "BaseDistribution":
        """Return Optuna's distribution."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution([str(each) if isinstance(each, ListText) else each for each in self.choices])


class OrdinalParameter(_ChoiceParameter):
    """One of several choices in order; samplers see the position, and so the neighbours."""

    type: Literal["ordinal"] = Field(description="Numbers to choose from, in order.")

    def distribution(self) -> "BaseDistribution":
        """Return Optuna's distribution, over positions in `choices`."""
        from optuna.distributions import IntDistribution

        return IntDistribution(0, len(self.choices) - 1)


class BoolParameter(BaseParameter):
    """True or false."""

    kind: ClassVar[Kind] = "bool"
    type: Literal["bool"] = Field(description="On or off.")
    default: StrictBool = Field(description="The value in use today; always tried first.")
    flag: _Flag | None = Field(None, description="A switch such as '--delta': there when true, left out when false.")
    true_word: str = Field("true", description="How true is written: 'on', 'yes', '1', '+x'.")
    false_word: str = Field("false", description="How false is written: 'off', 'no', '0', '-x', or '' to leave it out.")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.flag is not None and (self.true_word, self.false_word) != ("true", "false"):
            raise ValueError("flag is there or not: true_word and false_word go without it")
        if self.true_word == self.false_word:
            raise ValueError(f"true_word and false_word are both {self.true_word!r}: nothing could be told apart")
        return self

    @property
    def form(self) -> Form:
        """How its values are written into commands and files."""
        if self.flag is not None:
            return Form(true_word=self.flag, false_word="", alone=True)
        return Form(true_word=self.true_word, false_word=self.false_word)

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
        own = {self.true_word.lower(): True, self.false_word.lower(): False}
        if word in own or word in _TRUE | _FALSE:
            return own.get(word, word in _TRUE), "parsed"
        return self.default, f"{shortened(given)} is not true or false: default"

    @property
    def size(self) -> float:
        """The number of values."""
        return 2


def _kind_of(choice: Value) -> Kind:
    return "bool" if isinstance(choice, bool) else "string" if isinstance(choice, str) else "number"


def _is_among(value: Value, choices: Sequence[Value]) -> bool:
    return any(each == value and isinstance(each, bool) is isinstance(value, bool) for each in choices)
