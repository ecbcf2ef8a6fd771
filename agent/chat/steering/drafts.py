"""A first study file from a command with {places}, for people to fill in."""

import re
import shlex

from ....tools.errors import InputError
from ....tools.targets.rendering.template import BUILT_IN, names_in
from ...study.toml_text import to_toml


def draft_from_command(command: str, metric: str = "seconds") -> str:
    """Return the text of a study file for a command; each {place} becomes a parameter with a range to be edited.

    Raises:
        InputError: the command names no parameter, or cannot be split into words.
    """
    try:
        words = shlex.split(command)
        names = list(dict.fromkeys(name for word in words for name in names_in(word) if name not in BUILT_IN))
    except ValueError as error:
        raise InputError(f"{command!r}: {error}", "quote it like a shell would") from None
    if not names:
        raise InputError(f"{command!r} names no parameter", "write places such as --threads={threads}")
    title = re.sub(r"[^A-Za-z0-9]+", "-", words[0].rpartition("/")[2].partition(".")[0]).strip("-") or "draft"
    return to_toml(
        {
            "study": {
                "name": title,
                "description": f"{words[0]}: say here what it is and what its workload looks like",
            },
            "parameters": {
                name: {
                    "type": "int",
                    "low": 1,
                    "high": 100,
                    "default": 10,
                    "description": "edit type, range and default",
                }
                for name in names
            },
            "objectives": [{"metric": metric, "direction": "minimize"}],
            "evaluation": {"command": words, "timeout_s": 60},
            "budget": {"trials": 30},
        }
    )
