"""What ships: the wheel holds the tree, documentation and code agree, nothing local leaks."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from trimtab.agent.faces.cli import app
from trimtab.agent.parts import EXECUTORS, PLANNERS, PRUNERS, SAMPLERS
from trimtab.tools.registry import TOOLS
from trimtab.tools.targets import TARGETS

SHIPPED = ("agent", "tools", "prompts", "evals")


def test_the_wheel_holds_every_file_of_the_tree(root: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    tracked = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.split()
    for name in tracked:
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((root / name).read_bytes())
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(tmp_path),
        str(copy),
    ]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    inside = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    expected = {f"trimtab/{name}" for name in tracked if name.startswith(tuple(f"{folder}/" for folder in SHIPPED))}
    assert inside == expected


@pytest.mark.parametrize("registry", [SAMPLERS, PLANNERS, PRUNERS, EXECUTORS, TARGETS, TOOLS], ids=lambda r: r.kind)
def test_every_registered_part_can_be_loaded(registry) -> None:
    for name in registry:
        assert registry[name] is not None


def test_every_command_is_in_the_readme(root: Path) -> None:
    readme = (root / "README.md").read_text()
    names = [command.name or command.callback.__name__ for command in app.registered_commands]
    for name in names:
        if name not in {"studies"}:
            assert f"trimtab {name}" in readme, name
    assert "studies" in (root / "CHANGELOG.md").read_text()


def test_the_code_in_contributing_works(root: Path, tmp_path: Path) -> None:
    """Every Python block that is a module is put into a copy of its folder's package and imported."""
    text = (root / "CONTRIBUTING.md").read_text()
    homes = {"halton": "agent/optimizers", "lucky": "agent/planners", "machine": "tools"}
    for name, home in homes.items():
        block = re.search(rf"`{home}/{name}\.py`.*?```python\n(.*?)```", text, re.DOTALL)
        assert block, name
        package = "trimtab." + home.replace("/", ".")
        code = re.sub(r"from \.\.(\w)", rf"from {package.rpartition('.')[0]}.\1", block[1])
        code = re.sub(r"from \.(\w)", rf"from {package}.\1", code)
        exec(compile(code, name, "exec"), {"__name__": f"contributed_{name}"})


def test_no_registry_address_is_committed(root: Path) -> None:
    text = (root / "requirements" / "constraints.txt").read_text()
    assert "://" not in text
    assert "--index" not in text
    assert all("--hash=sha256:" in block for block in text.replace("\\\n", " ").splitlines() if "==" in block)
