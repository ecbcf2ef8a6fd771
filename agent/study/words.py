"""Values and configurations as short text."""

from ...tools.targets.template import as_text
from .space import Configuration


def words(configuration: Configuration) -> str:
    """Return a configuration as short text."""
    return " ".join(f"{name}={short(value)}" for name, value in configuration.items())


def short(value: object) -> str:
    """Return a value as short text: floats to five digits."""
    return f"{value:.5g}" if isinstance(value, float) else as_text(value)  # type: ignore[arg-type]
