"""Calls one function in a process of its own. Standard library only; never imports trimtab.

Usage: python_worker.py STUDY_FOLDER MODULE:FUNCTION, with the job's file named in TRIMTAB_JOB.
"""

import importlib
import inspect
import json
import os
import sys
from pathlib import Path

_POSITIONAL = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
)


def main() -> None:
    """Call the function and write what it returned to trimtab-result.json, wherever it has gone meanwhile."""
    folder, reference = sys.argv[1:]
    job_file = Path(os.environ["TRIMTAB_JOB"]).absolute()
    job = json.loads(job_file.read_text(encoding="utf-8"))
    sys.path[0] = folder
    module, _, name = reference.partition(":")
    function = getattr(importlib.import_module(module), name)
    accepted = inspect.signature(function).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
    extra = {key: job[key] for key in ("seed", "fidelity") if takes_all or key in accepted}
    configuration = job["configuration"]
    by_name = [key for key in configuration if key in accepted]
    if by_name or not any(each.kind in _POSITIONAL for each in accepted.values()):
        given = configuration if takes_all else {key: configuration[key] for key in by_name}
        result = function(**{**extra, **given})
    else:
        result = function(configuration, **extra)
    if not isinstance(result, dict):
        result = {"return value": result}
    plain = {str(key): _number(str(key), value, reference) for key, value in result.items()}
    job_file.with_name("trimtab-result.json").write_text(json.dumps(plain), encoding="utf-8")


def _number(name: str, value: object, reference: str) -> float | bool:
    """Return a result as a number; truth values stay such, which are no metrics."""
    if type(value).__name__ in {"bool", "bool_"}:
        return bool(value)
    try:
        return float(value)  # type: ignore[arg-type]  # whatever a function returned
    except OverflowError:
        return float("inf")
    except (TypeError, ValueError):
        sys.exit(f"{reference} returned {value!r:.100} as {name!r}: that is not a number")


if __name__ == "__main__":
    main()
