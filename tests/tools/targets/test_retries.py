"""Failures that may pass: run again as often as the study says, counted, and no others."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from trimtab.tools.sandbox import choose_sandbox
from trimtab.tools.targets import Evaluation, Measurement, Workplace, build_target
from trimtab.tools.targets.base import Candidate

PROGRAM = """
import pathlib, sys
tries = pathlib.Path(sys.argv[1])
done = int(tries.read_text()) if tries.exists() else 0
tries.write_text(str(done + 1))
if done < int(sys.argv[2]):
    print("connection reset by peer", file=sys.stderr)
    sys.exit(75)
print('{"loss": 1}')
"""


class Plain:
    """A candidate that changes nothing."""

    patch, key = None, ""

    def __init__(self) -> None:
        self.configuration: dict[str, Any] = {}


def tried(folder: Path, failures: int, **how: Any) -> tuple[Measurement, int]:
    (folder / "p.py").write_text(PROGRAM)
    command = ["{python}", "{study_dir}/p.py", str(folder / "tries"), str(failures)]
    evaluation = Evaluation(command=command, isolation="process", **how)
    target = build_target(evaluation, Workplace(choose_sandbox("process"), folder))

    async def once() -> Measurement:
        candidate: Candidate = Plain()
        await target.prepare()
        await target.apply(candidate)
        return await target.measure(1, required=("loss",))

    found = asyncio.run(once())
    return found, int((folder / "tries").read_text())


@pytest.mark.parametrize(
    ("failures", "how", "state", "runs"),
    [
        (1, {}, "failed", 1),
        (1, {"retries": 2, "retry_on": [75]}, "complete", 2),
        (2, {"retries": 2, "retry_on": ["connection reset"]}, "complete", 3),
        (3, {"retries": 2, "retry_on": [75]}, "failed", 3),
        (1, {"retries": 2, "retry_on": [7]}, "failed", 1),
        (1, {"retries": 2, "retry_on": [76, "disk full"]}, "failed", 1),
    ],
)
def test_only_what_is_declared_is_run_again(
    tmp_path: Path, failures: int, how: dict[str, Any], state: str, runs: int
) -> None:
    found, tries = tried(tmp_path, failures, **how)
    assert (found.state, tries, found.retries) == (state, runs, runs - 1)
    assert found.log.count("run again after: exit status 75: connection reset by peer") == runs - 1
