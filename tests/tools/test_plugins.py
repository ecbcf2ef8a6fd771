"""Parts of other packages: found by name, read once, and never able to end a run with a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trimtab.agent.parts import SAMPLERS
from trimtab.agent.testing import make_study
from trimtab.tools import plugins
from trimtab.tools.errors import InputError
from trimtab.tools.plugins import Registry

ENTRIES = """\
[trimtab.samplers]
halton = plugged:build
random = plugged:build
broken = plugged:nothing
absent = no_such_module:build
"""
STUDY = """\
import sys
from trimtab.agent.parts import SAMPLERS
from trimtab.tools.errors import InputError
from trimtab.agent.testing import make_study

print(make_study(sampler={"name": "halton"}).sampler.name, "halton" in SAMPLERS, len(SAMPLERS) == len(list(SAMPLERS)))
print(SAMPLERS["halton"].__module__, SAMPLERS["random"].__module__)
for name in ("broken", "absent"):
    try:
        SAMPLERS[name]
    except InputError as error:
        print(error)
"""


def test_another_package_adds_a_sampler_that_a_study_names(tmp_path: Path) -> None:
    (tmp_path / "plugged.py").write_text("def build(setting):\n    return None\n")
    information = tmp_path / "plugged-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(ENTRIES)
    found = subprocess.run(
        [sys.executable, "-c", STUDY],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.splitlines() == [
        "halton True True",
        "plugged trimtab.agent.optimizers.random",
        "sampler 'broken' cannot be loaded: module 'plugged' has no attribute 'nothing' (reinstall plugged)",
        "sampler 'absent' cannot be loaded: No module named 'no_such_module' (reinstall plugged)",
    ]


def test_what_is_unknown_is_refused_with_what_there_is() -> None:
    registry: Registry[object] = Registry("thing", "trimtab.things", {"one": "math:pi", "two": "math:e"})
    assert registry["one"] == pytest.approx(3.14159, abs=1e-5)
    assert dict(registry).keys() == {"one", "two"}
    assert "three" not in registry
    with pytest.raises(InputError, match=r"unknown thing 'three' \(one of: one, two\)"):
        registry["three"]


def test_entry_points_are_read_once_in_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading them takes tens of milliseconds, and a study's rules ask several registries several times."""
    names = list(SAMPLERS)
    monkeypatch.setattr(plugins, "entry_points", lambda: pytest.fail("read again"))
    make_study()
    assert list(Registry("sampler", "trimtab.samplers", SAMPLERS.built_in)) == names
