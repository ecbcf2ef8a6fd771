"""The targets that ship pass the contract of targets."""

from pathlib import Path

from trimtab.agent.testing import TargetContract
from trimtab.tools.targets import Evaluation, Target, Workplace, build_target
from trimtab.tools.targets.section import CommandSection

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


class TestCommand(TargetContract):
    good, bad, required = {"x": 0.5}, {"x": -0.5}, ("loss",)

    @staticmethod
    def build(workplace: Workplace) -> Target:
        (workplace.study_directory / "program.py").write_text(PROGRAM)
        return build_target(Evaluation(command=["{python}", "{study_dir}/program.py", "{x}"]), workplace)


class TestPython(TargetContract):
    good, bad, required = {"x": 0.5}, {"x": -0.5}, ("loss",)

    @staticmethod
    def build(workplace: Workplace) -> Target:
        (workplace.study_directory / "module.py").write_text(MODULE)
        return build_target(Evaluation(python="module:train"), workplace)


class TestWithHooks(TargetContract):
    """A command between commands of the target's own, which change a file and change it back."""

    good, bad, required = {"x": 0.5}, {"x": -0.5}, ("loss",)

    @staticmethod
    def build(workplace: Workplace) -> Target:
        folder = workplace.study_directory
        (folder / "program.py").write_text(PROGRAM)
        (folder / "state").touch()
        section = CommandSection(
            kind="command",
            command=["{python}", "{study_dir}/program.py", "{x}"],
            setup=["sh", "-c", "echo up > {study_dir}/state"],
            before=["sh", "-c", "echo {x} >> {study_dir}/state"],
            after=["sh", "-c", "echo after >> {study_dir}/state"],
            teardown=["sh", "-c", ": > {study_dir}/state"],
        )
        return build_target(Evaluation(), workplace, section)

    def state(self, folder: Path) -> object:
        return (folder / "state").read_text()
