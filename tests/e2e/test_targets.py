"""Targets that change a system: the installed program with a kind of another package, and commands around a command."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e
TRIMTAB = str(Path(sys.executable).parent / "trimtab")

STUDY = """
[study]
name = "server"
[parameters.cache]
type = "int"
low = 1
high = 64
default = 16
[[objectives]]
metric = "latency"
direction = "minimize"
[target]
kind = "settings"
file = "server.json"
[budget]
trials = 12
[evaluation]
check_seeds = [101, 102, 103, 104, 105, 106, 107, 108]
warmup = 1
[planner]
name = "none"
[sampler]
name = "random"
[check]
ablation = false
"""
BEFORE = '{"cache": 16, "comment": "as the administrator left it"}'


def blocks(root: Path, kind: str) -> list[str]:
    """The code of CONTRIBUTING's section about targets."""
    section = (root / "CONTRIBUTING.md").read_text().split("\n## A target\n")[1].split("\n## ")[0]
    return re.findall(rf"```{kind}\n(.*?)```", section, re.DOTALL)


@pytest.fixture
def package(tmp_path: Path, root: Path) -> Path:
    """The package that CONTRIBUTING shows, as if it were installed."""
    folder = tmp_path / "site"
    (folder / "settings_target-1.0.dist-info").mkdir(parents=True)
    (folder / "settings_target.py").write_text(blocks(root, "python")[0])
    group, line = blocks(root, "toml")[0].strip().splitlines()
    assert group == '[project.entry-points."trimtab.targets"]'
    metadata = folder / "settings_target-1.0.dist-info"
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: settings-target\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[trimtab.targets]\n{line.replace(chr(34), '')}\n")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "study"
    place.mkdir()
    (place / "study.toml").write_text(STUDY)
    (place / "server.json").write_text(BEFORE)
    return place


def environment(package: Path | None, folder: Path) -> dict[str, str]:
    found = {**os.environ, "TRIMTAB_STORE": f"sqlite:///{folder / 'store.db'}"}
    return {**found, "PYTHONPATH": str(package)} if package is not None else found


def trimtab(package: Path | None, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TRIMTAB, *words], cwd=folder, env=environment(package, folder), capture_output=True, text=True, timeout=120
    )


def killed(package: Path | None, folder: Path, finished: int, *words: str) -> None:
    """Run until so many trials have finished, wait a moment of chance, and kill."""
    with subprocess.Popen(
        [TRIMTAB, "tune", "study.toml", "--json", *words],
        cwd=folder,
        env=environment(package, folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "trial_finished":
                finished -= 1
            if finished <= 0:
                break
        time.sleep(random.Random(finished).uniform(0, 0.02))
        process.send_signal(signal.SIGKILL)


def events(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_target_that_contributing_shows_passes_its_contract_test(package: Path, root: Path, tmp_path: Path) -> None:
    (package / "test_settings.py").write_text(blocks(root, "python")[1])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", "test_settings.py"],
        cwd=package,
        env={**environment(package, tmp_path), "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout
    assert "6 passed" in done.stdout


def test_a_study_file_names_a_kind_of_another_package(package: Path, folder: Path) -> None:
    assert trimtab(package, folder, "check", "study.toml").returncode == 0
    done = trimtab(package, folder, "tune", "study.toml", "--json")
    assert done.returncode == 0, done.stderr
    report = events(done)[-1]
    assert report["trials"] == 12
    assert report["check"]["improved"]
    assert (folder / "server.json").read_text() == BEFORE
    without = trimtab(None, folder, "check", "study.toml")
    assert without.returncode == 2
    assert "kind = 'settings' is not one of 'command', 'python'" in without.stderr
    shown = trimtab(None, folder, "show", "server")  # what is stored stays readable without the package
    assert shown.returncode == 0
    assert "left out: target" in shown.stderr


@pytest.mark.parametrize("finished", [1, 4, 8])
def test_after_a_kill_the_next_run_restores_first(package: Path, folder: Path, finished: int) -> None:
    killed(package, folder, finished)
    assert (folder / "server.json").read_text() != BEFORE
    done = trimtab(package, folder, "tune", "study.toml", "--resume", "--json")
    assert done.returncode == 0, done.stderr
    found = events(done)
    assert [e["message"] for e in found if e["event"] == "notice" and e["kind"] == "restored"] == [
        "restored what server-1 had changed before it was killed"
    ]
    assert found[-1]["trials"] == 12
    assert (folder / "server.json").read_text() == BEFORE
    assert not list((folder / "store.db-journals").rglob("*.json"))


def test_after_a_kill_a_command_restores(package: Path, folder: Path) -> None:
    killed(package, folder, 2)
    assert (folder / "server.json").read_text() != BEFORE
    done = trimtab(package, folder, "restore", "server")
    assert (done.returncode, done.stdout) == (0, "server-1: 1 restored\n"), done.stderr
    assert (folder / "server.json").read_text() == BEFORE
    assert trimtab(package, folder, "restore", "server-1").stdout == "server-1 left nothing to restore\n"
    assert trimtab(package, folder, "restore", "other").returncode == 2
    killed(package, folder, 3, "--resume")
    assert trimtab(None, folder, "restore", "server").returncode == 1, "its package is not there"
    assert "1 forgotten" in trimtab(None, folder, "restore", "server", "--forget").stdout


COMMANDS = """
[target]
kind = "command"
command = ["{python}", "{study_dir}/program.py", "{cache}"]
setup = ["sh", "-c", "echo setup {worker} >> {study_dir}/log"]
before = ["sh", "-c", "echo before {cache} >> {study_dir}/log"]
after = ["sh", "-c", "echo after >> {study_dir}/log"]
[target.teardown]
command = ["sh", "-c", "echo teardown {worker} >> {study_dir}/log"]
timeout_s = 20
"""
PROGRAM = """
import json, sys, time
time.sleep(0.02)
print(json.dumps({"latency": 1 + abs(int(sys.argv[1]) - 48) / 64}))
"""


@pytest.fixture
def commands(folder: Path) -> Path:
    study = STUDY.replace('[target]\nkind = "settings"\nfile = "server.json"\n', COMMANDS)
    (folder / "study.toml").write_text(study.replace("[evaluation]", "[evaluation]\nworkers = 2"))
    (folder / "program.py").write_text(PROGRAM)
    return folder


def test_commands_of_the_target_run_around_every_evaluation_and_are_announced(commands: Path) -> None:
    done = trimtab(None, commands, "tune", "study.toml")
    assert done.returncode == 0, done.stderr
    assert "outside the sandbox, as you: target.setup, target.before, target.after, target.teardown" in done.stdout
    log = (commands / "log").read_text().splitlines()
    assert sorted(line for line in log if "setup" in line) == ["setup 0", "setup 1"]
    assert sorted(log[-2:]) == ["teardown 0", "teardown 1"]
    assert sum("before" in line for line in log) == sum("after" in line for line in log) > 12


def test_after_a_kill_another_study_of_the_store_tears_down(commands: Path) -> None:
    killed(None, commands, 3)
    text = (commands / "study.toml").read_text()
    (commands / "other.toml").write_text(text.replace('name = "server"', 'name = "other"'))
    assert "teardown" not in (commands / "log").read_text()
    done = trimtab(None, commands, "tune", "other.toml", "--trials", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("restored what server-1 had changed before it was killed") == 2
    assert (commands / "log").read_text().count("teardown") == 4


def test_an_interrupted_run_restores_at_once(package: Path, folder: Path) -> None:
    with subprocess.Popen(
        [TRIMTAB, "tune", "study.toml", "--json"],
        cwd=folder,
        env=environment(package, folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if json.loads(line)["event"] == "trial_finished":
                break
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            time.sleep(0.01)
        process.stdout.read()
        assert process.wait(60) == 130
    assert (folder / "server.json").read_text() == BEFORE
