"""One trial of a program that may be edited, without an edit, against the same program as a plain command."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...agent.study.file import parse_study
from ...agent.study.sections import Study
from ...agent.trials.candidate import Candidate
from ...tools.sandbox import choose_sandbox
from ...tools.targets import Workplace, build_target
from .comparison import Ratio, interleaved_ms


def run() -> Iterator[Ratio]:
    """Time both in turn; nothing where bubblewrap does not work."""
    sandbox = choose_sandbox()
    if sandbox.name != "bubblewrap":
        return
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
        place = Path(folder)
        (place / "program").mkdir()
        (place / "program" / "main.sh").write_text('echo "{\\"wall_s\\": 1}"\n')
        code = {"project": "program", "editable": ["main.sh"]}
        studies = [
            _study(place, {"command": "sh {code}/main.sh {k}", "code": code}),
            _study(place, {"command": "sh {study_dir}/program/main.sh {k}"}),
        ]
        targets = [
            build_target(each.evaluation, Workplace(sandbox, place, wording=each.wording), each.target)
            for each in studies
        ]
        loop = runner.get_loop()
        for target in targets:
            loop.run_until_complete(target.prepare())

        async def trial(index: int) -> None:
            target = targets[index]
            await target.apply(Candidate({"k": 1}))
            found = await target.measure(seed=1, required=("wall_s",))
            assert found.state == "complete", found.reason

        ours, plain = interleaved_ms(
            [lambda: loop.run_until_complete(trial(0)), lambda: loop.run_until_complete(trial(1))], runs=51
        )
        for target in targets:
            loop.run_until_complete(target.restore())
    yield Ratio("a code trial without an edit, beyond a plain one", ours - plain, "a plain trial", plain, "code-trial")


def _study(place: Path, target: dict[str, object]) -> Study:
    data = {
        "study": {"name": "bench"},
        "parameters": {"k": {"type": "int", "low": 1, "high": 9, "default": 1}},
        "objectives": [{"metric": "wall_s", "direction": "minimize"}],
        "target": {"kind": "command", **target},
    }
    return parse_study(data, place / "study.toml")
