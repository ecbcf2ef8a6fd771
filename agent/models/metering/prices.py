"""What a call costs: prices from the study, from the shipped table, or unknown."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files

from ....tools.errors import InputError
from ..settings import ModelSection, ResolvedModel


@dataclass(frozen=True)
class Price:
    """Dollars per million tokens."""

    input: float
    output: float

    def dollars(self, input_tokens: int, output_tokens: int) -> float:
        """Return the price of a call."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


def price_of(section: ModelSection, model: ResolvedModel, *, dollars_limited: bool) -> Price | None:
    """Return the price of a model; None when it is unknown and nothing depends on it.

    Raises:
        InputError: the study limits dollars, and the price is unknown.
    """
    if section.input_price is not None and section.output_price is not None:
        return Price(section.input_price, section.output_price)
    shipped = tomllib.loads(files(__package__ or "").joinpath("prices.toml").read_text(encoding="utf-8"))
    names = [name for name in shipped if model.label.startswith(name)] if model.base_url is None else []
    if names:
        return Price(**shipped[max(names, key=len)])
    if dollars_limited:
        message = f"budget.dollars is set, but the price of {model.label} is unknown"
        raise InputError(message, "set model.input_price and model.output_price, or limit tokens instead")
    return None
