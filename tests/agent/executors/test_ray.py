"""Evaluations on a small Ray cluster of this machine: what Ray itself must do for us, behind `test_remote`."""

import asyncio
import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import pytest

from trimtab.agent.executors.base import Site
from trimtab.agent.executors.ray import KIND, RaySection
from trimtab.agent.executors.remote import RemoteExecutor
from trimtab.agent.executors.worker import bundles
from trimtab.agent.memory.store import Store
from trimtab.agent.run.session import Session
from trimtab.agent.study.file import load_study
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import ExecutorContract

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(find_spec("ray") is None, reason="the extra 'ray' is not installed"),
]

CLUSTER = """
import sys, time
import ray
ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False, configure_logging=False)
print(ray.get_runtime_context().gcs_address, flush=True)
sys.stdin.read()
"""
PROGRAM = """
import json, os, signal, sys, time
from pathlib import Path

x, folder, how = float(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
with (folder / "runs").open("a") as runs:
    runs.write(f"{sys.argv[1]}\\n")


def ancestors():
    pid = os.getpid()
    while pid > 1:
        yield pid
        pid = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")")[-1].split()[1])


if how == "kills" and not (folder / "killed").exists():
    (folder / "killed").touch()
    for pid in ancestors():
        if Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ray::"):
            os.kill(pid, signal.SIGKILL)
if how == "steps":
    for step in range(1, 10):
        print(json.dumps({"step": step, "loss": 1 + x * x}), flush=True)
        time.sleep(0.05)
time.sleep(0.2)
print(json.dumps({"step": 9, "loss": 1 + x * x}))
"""
STUDY = """
[study]
name = "rayed"
[parameters.x]
type = "float"
low = -1.0
high = 1.0
default = 0.5
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
command = ["{{python}}", "{{study_dir}}/program.py", "{{x}}", "{folder}", "{how}"]
isolation = "process"
check_seeds = [101, 102]
workers = 4
[budget]
trials = {trials}
[planner]
name = "none"
[sampler]
name = "random"
[check]
ablation = false
minimal = false
race = 1
[executor]
kind = "ray"
"""


@contextmanager
def patch_environment(**variables: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster that ends with the tests."""
    command = [sys.executable, "-c", CLUSTER]
    with (
        patch_environment(RAY_AUTH_MODE="token"),  # as a cluster of this machine has it
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run,
    ):
        assert run.stdin is not None
        assert run.stdout is not None
        yield run.stdout.readline().strip()
        run.stdin.close()
        run.wait(60)
    shutil.rmtree(bundles(), ignore_errors=True)


def study_in(folder: Path, how: str, trials: int, address: str = "", more: str = "") -> Study:
    (folder / "program.py").write_text(PROGRAM)
    text = STUDY.format(folder=folder, how=how, trials=trials) + (f'address = "{address}"\n' if address else "") + more
    (folder / "study.toml").write_text(text)
    return load_study(folder / "study.toml")


async def run(study: Study, folder: Path) -> list[Any]:
    session = Session.start(study, Store(f"sqlite:///{folder / 'store.db'}"))
    return [each async for each in session.run()]


def states(folder: Path) -> list[str]:
    with sqlite3.connect(folder / "store.db") as connection:
        return [state for (state,) in connection.execute("select state from attempts order by id")]


class TestRay(ExecutorContract):
    has_targets = False
    address: ClassVar[str]

    @pytest.fixture(autouse=True)
    def _there(self, cluster: str) -> None:
        type(self).address = cluster

    @staticmethod
    def build(study: Study) -> RemoteExecutor:
        executor = KIND.build(RaySection(kind="ray", address=TestRay.address), Site(study))
        assert isinstance(executor, RemoteExecutor)
        return executor


async def test_a_worker_that_is_killed_costs_an_attempt_and_no_trial(cluster: str, tmp_path: Path) -> None:
    events = await run(study_in(tmp_path, "kills", 6, cluster), tmp_path)
    assert events[-1].event == "study_finished"
    trials = Store(f"sqlite:///{tmp_path / 'store.db'}").trials(1)
    assert [trial.state for trial in trials] == ["complete"] * 6
    assert sorted(set(states(tmp_path))) == ["counted", "lost"]
    assert states(tmp_path).count("lost") == 1
    assert all(each.host for each in events if each.event == "evaluation_finished")


def test_what_runs_when_trimtab_is_killed_is_collected_and_runs_once(cluster: str, tmp_path: Path) -> None:
    study_in(tmp_path, "sleeps", 24, cluster)
    tune = [sys.executable, "-m", "trimtab.agent.faces.cli", "tune", str(tmp_path / "study.toml"), "--json"]
    tune += ["--store", f"sqlite:///{tmp_path / 'store.db'}"]
    with subprocess.Popen(tune, stdout=subprocess.PIPE, text=True) as killed:
        assert killed.stdout is not None
        finished = 0
        for line in killed.stdout:
            finished += '"trial_finished"' in line
            if finished == 8:
                break
        killed.send_signal(signal.SIGKILL)
    assert "running" in states(tmp_path)
    again = subprocess.run([*tune, "--resume"], capture_output=True, text=True, check=False, timeout=120)
    assert again.returncode == 0, again.stderr
    assert set(states(tmp_path)) == {"counted"}
    assert len((tmp_path / "runs").read_text().split()) == len(states(tmp_path)) >= 24


async def test_reports_come_home_and_a_stop_gets_there(cluster: str, tmp_path: Path) -> None:
    fidelity = "[fidelity]\nhigh = 9\nlow = 1\npruner = 'median'\n"
    study = study_in(tmp_path, "steps", 16, cluster, more=fidelity)
    events = await run(study, tmp_path)
    assert sum(each.event == "intermediate_value" for each in events) > 20
    assert "pruned" in {each.state for each in events if each.event == "trial_finished"}


def children() -> set[int]:
    """The numbers of all processes that this one has started."""
    found, new = {os.getpid()}, True
    while new:
        new = False
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                parent = int((folder / "stat").read_text().rsplit(")")[-1].split()[1])
                if parent in found and int(folder.name) not in found:
                    found.add(int(folder.name))
                    new = True
    return found


def environments(known: Collection[int]) -> list[bytes]:
    """The environments of those processes, without those that were known before."""
    found = []
    for pid in children() - set(known):
        with contextlib.suppress(OSError):
            found.append(Path(f"/proc/{pid}/environ").read_bytes())
    return found


async def test_a_cluster_of_this_machine_knows_no_key_and_ends_with_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = children()
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-a-test")
    session = Session.start(study_in(tmp_path, "sleeps", 2), Store(f"sqlite:///{tmp_path / 'store.db'}"))
    seen = [environments(before) async for event in session.run() if event.event == "evaluation_finished"]
    assert len(seen) == 2
    assert any(b"RAY_" in each for each in seen[0])
    assert not any(b"sk-of-a-test" in each for some in seen for each in some)
    deadline = time.monotonic() + 20
    while any(b"RAY_" in each for each in environments(before)) and time.monotonic() < deadline:
        await asyncio.sleep(0.2)
    assert not any(b"RAY_" in each for each in environments(before))
    assert os.environ["OPENAI_API_KEY"] == "sk-of-a-test"
    import ray

    assert not ray.is_initialized()


async def test_an_address_without_a_cluster_is_told_in_a_line(tmp_path: Path) -> None:
    from trimtab.tools.errors import TrimtabError

    began = time.monotonic()
    with pytest.raises(TrimtabError, match=r"no Ray cluster at 127\.0\.0\.1:1.*executor\.address"):
        await run(study_in(tmp_path, "sleeps", 2, "127.0.0.1:1"), tmp_path)
    assert time.monotonic() - began < 60
