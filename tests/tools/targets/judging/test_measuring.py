"""How an edited program is measured: guard, run and judge apart, by our clock."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from trimtab.tools.errors import TrimtabError
from trimtab.tools.sandbox import choose_sandbox
from trimtab.tools.sandbox.choice import UNSANDBOXED, bubblewrap_problem
from trimtab.tools.targets import Evaluation, Measurement, Workplace, build_target, isolation_of
from trimtab.tools.targets.code.edits import Edit, patch_of
from trimtab.tools.targets.code.project import Project
from trimtab.tools.targets.preparation.lifecycle import Bare
from trimtab.tools.targets.section import CommandSection

pytestmark = pytest.mark.skipif(bubblewrap_problem() is not None, reason="bubblewrap does not work here")

MAIN = """import sys
from part import answer
n = int(open(sys.argv[1] + "/n.txt").read())
print("score = 99")
found = str(answer(n))
open("out.txt", "w").write(found)
"""
PART = "def answer(n):\n    return n * 2\n"
CODE: dict[str, Any] = {
    "project": "src",
    "editable": ["part.py"],
    "guard": ["{python} test_part.py"],
    "input": ["sh", "-c", "echo $1 > $2/n.txt", "input", "{seed}", "{input}"],
    "judge": ["{python}", "{study_dir}/judge.py", "{input}", "{output}"],
    "output": ["out.txt"],
}
JUDGE = """import json, sys
n = int(open(sys.argv[1] + "/n.txt").read())
answer = int(open(sys.argv[2] + "/out.txt").read())
if answer != 2 * n:
    sys.exit(f"{answer} is not twice {n}")
print(json.dumps({"score": n}))
"""


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "main.py").write_text(MAIN)
    (folder / "src" / "part.py").write_text(PART)
    (folder / "src" / "test_part.py").write_text("from part import answer\nassert answer(1) == 2, 'one'\n")
    (folder / "judge.py").write_text(JUDGE)
    return folder


def measure(study: Path, edits: list[Edit] | None = None, seed: int = 5, **code: Any) -> Measurement:
    section = CommandSection.model_validate(
        {"kind": "command", "command": "{python} {code}/main.py {input}", "code": {**CODE, **code}}
    )
    assert section.code is not None
    patch = patch_of(edits, Project.read(section.code, study).rules) if edits else None
    evaluation = Evaluation(timeout_s=30)
    place = Workplace(choose_sandbox(isolation_of(evaluation, section)), study)

    async def run() -> Measurement:
        target = build_target(evaluation, place, section)
        try:
            await target.prepare()
            await target.apply(Bare({}, patch))
            return await target.measure(seed, required=("score", "wall_s", "cpu_s"))
        except TrimtabError as error:
            return Measurement(state="failed", reason=str(error))
        finally:
            await target.restore()

    return asyncio.run(run())


def test_metrics_are_the_judges_and_the_clocks_never_what_the_program_prints(study: Path) -> None:
    found = measure(study)
    assert found.state == "complete", found
    assert found.metrics["score"] == 5
    assert 0 < found.metrics["cpu_s"] <= found.metrics["wall_s"] + 0.05
    assert "score = 99" in found.log


def test_a_wrong_answer_has_failed_whatever_its_speed(study: Path) -> None:
    found = measure(study, [Edit("part.py", "    return 2 if n == 1 else 0\n", search="    return n * 2\n")])
    assert (found.state, found.reason) == ("failed", "judge: exit status 1: 0 is not twice 5")


def test_an_edit_that_does_not_pass_the_guard_is_not_measured(study: Path) -> None:
    found = measure(study, [Edit("part.py", "    return n * 3\n", search="    return n * 2\n")])
    assert found.reason is not None
    assert found.reason.startswith("guard '{python} test_part.py': exit status 1: AssertionError: one")


def test_a_project_that_does_not_pass_its_own_guard_is_told_before_anything_is_measured(study: Path) -> None:
    (study / "src" / "part.py").write_text("def answer(n):\n    return 7\n")
    assert "guard" in str(measure(study).reason)


def test_an_honest_edit_is_measured_and_the_project_is_as_it_was(study: Path) -> None:
    found = measure(study, [Edit("part.py", "    return n + n\n", search="    return n * 2\n")])
    assert found.state == "complete"
    assert (study / "src" / "part.py").read_text() == PART
    assert sorted(each.name for each in (study / "src").iterdir()) == ["main.py", "part.py", "test_part.py"]


def test_a_build_comes_before_the_clock_and_without_the_input(study: Path) -> None:
    script = study / "src" / "build.sh"
    script.write_text("sleep 0.5; ls -d $1 > seen.txt 2>&1; true\n")
    found = measure(study, build=["sh {code}/build.sh {work_dir}"])
    assert found.state == "complete"
    assert found.metrics["wall_s"] < 0.5
    assert measure(study, build="false").reason == "build: exit status 1"


def test_a_project_that_changed_since_the_study_began_is_refused(study: Path) -> None:
    found = measure(study, base="0" * 64)
    assert "is no longer what it was when the study began" in str(found.reason)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "    import os\n    os.symlink('/etc/passwd', 'out.txt')\n    os._exit(0)\n",
            "output out.txt: it is no plain file",
        ),
        ("    import os\n    os.mkfifo('out.txt')\n    os._exit(0)\n", "output out.txt: it is no plain file"),
        ("    import os\n    os.mkdir('out.txt')\n    os._exit(0)\n", "output out.txt: it is no plain file"),
        ("    import os\n    os._exit(0)\n", "judge: exit status 1: FileNotFoundError"),
        ("    raise ValueError('no')\n", "exit status 1: ValueError: no"),
    ],
)
def test_an_output_that_is_none_has_failed(study: Path, body: str, words: str) -> None:
    found = measure(study, [Edit("part.py", body, search="    return n * 2\n")], guard=[])
    assert str(found.reason).startswith(words)


HONEST = [
    "    return n + n\n",
    "    return n << 1\n",
    "    return 2 * n\n",
    "    return sum((n, n))\n",
    "    return int(n * 2.0)\n",
    "    total = n\n    total += n\n    return total\n",
    "    return [n, n].__len__() * n\n",
    "    import functools\n    return functools.reduce(int.__add__, [n, n])\n",
    "    import math\n    return math.prod((2, n))\n",
    "    import operator\n    return operator.mul(n, 2)\n",
    "    return (lambda m: m + m)(n)\n",
    "    known = {0: 0}\n    return known.get(n, n * 2)\n",
    "    from concurrent.futures import ThreadPoolExecutor as P\n    return sum(P(2).map(int, [n, n]))\n",
    "    import itertools\n    return sum(itertools.repeat(n, 2))\n",
    "    try:\n        return n * 2\n    finally:\n        pass\n",
    "    import subprocess\n    return int(subprocess.run(['expr', str(n), '*', '2'], capture_output=True).stdout)\n",
    "    import tempfile\n    with tempfile.TemporaryFile() as file:\n        file.write(b'x')\n    return n * 2\n",
    "    import array\n    return sum(array.array('l', [n, n]))\n",
    "    return eval('n * 2')\n",
    "    print('done', n)\n    return n * 2\n",
]


@pytest.mark.parametrize("body", HONEST)
def test_real_edits_raise_no_false_alarm(study: Path, body: str) -> None:
    found = measure(study, [Edit("part.py", body, search="    return n * 2\n")])
    assert found.state == "complete", found.reason


def test_edited_code_never_falls_below_strict_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    code = CommandSection.model_validate({"kind": "command", "command": "true {code}", "code": CODE})
    bare = CommandSection(kind="command", command=["true"])
    assert isolation_of(Evaluation(), code) == "strict"
    assert isolation_of(Evaluation(), bare) == "auto"
    assert isolation_of(Evaluation(isolation="process"), code) == "process"
    monkeypatch.setattr("trimtab.tools.sandbox.choice.bubblewrap_problem", lambda: "bwrap is not installed")
    with pytest.raises(TrimtabError, match=r"bwrap is not installed \(sudo apt-get install bubblewrap"):
        choose_sandbox("strict")
    monkeypatch.delenv(UNSANDBOXED, raising=False)
    with pytest.raises(TrimtabError, match="--allow-unsandboxed"):
        choose_sandbox("none")
    monkeypatch.setenv(UNSANDBOXED, "1")
    assert choose_sandbox("none").name == "none"
