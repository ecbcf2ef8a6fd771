"""Values and configurations as short text."""

from ...tools.targets.rendering.template import as_text
from ...tools.text import neutral_line, one_line
from .space import Configuration

_EXACT = 2**53


def words(configuration: Configuration) -> str:
    """Return a configuration as short text."""
    return " ".join(f"{one_line(name)}={short(value)}" for name, value in configuration.items())


def short(value: object) -> str:
    """Return a value as short text: integers exactly, other floats to five digits."""
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else f"{value:.5g}"
    return neutral_line(as_text(value))  # type: ignore[arg-type, no-any-return]  # a store may hold anything
