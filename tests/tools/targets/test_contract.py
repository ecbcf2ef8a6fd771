"""The targets that ship pass the contract of targets."""

from pathlib import Path

from trimtab.agent.testing import TargetContract
from trimtab.tools.sandbox import choose_sandbox
from trimtab.tools.targets import Evaluation, Target, Workplace, build_target

PROGRAM = """
import json, sys
x = float(sys.argv[1])
if x < 0:
    sys.exit("x is negative\\nand more")
print(json.dumps({"loss": x * x}))
"""
MODULE = """
def train(configuration, seed):
    if configuration["x"] < 0:
        raise ValueError("x is negative")
    return {"loss": configuration["x"] ** 2}
"""


def built(folder: Path, **fields: object) -> Target:
    return build_target(Evaluation(**fields), Workplace(choose_sandbox(), folder))


class TestCommand(TargetContract):
    good, bad, required = {"x": 0.5}, {"x": -0.5}, ("loss",)

    @staticmethod
    def build(folder: Path) -> Target:
        (folder / "program.py").write_text(PROGRAM)
        return built(folder, command=["{python}", "{study_dir}/program.py", "{x}"])


class TestPython(TargetContract):
    good, bad, required = {"x": 0.5}, {"x": -0.5}, ("loss",)

    @staticmethod
    def build(folder: Path) -> Target:
        (folder / "module.py").write_text(MODULE)
        return built(folder, python="module:train")
