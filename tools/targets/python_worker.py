"""Calls one function in a process of its own. Standard library only; never imports trimtab.

Usage: python_worker.py STUDY_FOLDER MODULE:FUNCTION, with the job's file named in TRIMTAB_JOB.
"""

import importlib
import inspect
import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Call the function and write what it returned to trimtab-result.json."""
    folder, reference = sys.argv[1:]
    sys.path[0] = folder
    module, _, name = reference.partition(":")
    function = getattr(importlib.import_module(module), name)
    job = json.loads(Path(os.environ["TRIMTAB_JOB"]).read_text())
    accepted = inspect.signature(function).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values())
    extra = {key: job[key] for key in ("seed", "fidelity") if takes_all or key in accepted}
    result = function(job["configuration"], **extra)
    if not isinstance(result, dict):
        result = {"return value": float(result)}
    plain = {str(key): value if isinstance(value, bool | int) else float(value) for key, value in result.items()}
    Path("trimtab-result.json").write_text(json.dumps(plain))


if __name__ == "__main__":
    main()
