"""The installed program on PostgreSQL: a private cluster, a server that is there, kills, and the catalogue's lint."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.somebodys_server import Somebodys
from trimtab.tools.targets.scratch import remove_leftovers

TRIMTAB = Path(sys.executable).with_name("trimtab")
KILLS = int(os.environ.get("TRIMTAB_KILLS", "4"))
_STUDY = """
[study]
name = "server"
system = "postgresql"

[target]
kind = "postgresql"
{target}

[target.workload]
builtin = "simple-update"
scale = 1
clients = 2
warmup_s = 0
duration_s = 1

[parameters.work_mem]
type = "int"
low = 1
high = 64
log = true
default = 4
unit = "MB"

[parameters.shared_buffers]
type = "int"
low = 16
high = 256
default = 128
unit = "MB"

[parameters.random_page_cost]
type = "float"
low = 1.0
high = 4.0
default = 4.0

[[objectives]]
metric = "throughput"
direction = "maximize"

[evaluation]
check_seeds = [101, 102, 103, 104, 105, 106]

[check]
ablation = false

[planner]
name = "offline"

[budget]
trials = 4
"""


def study(folder: Path, target: str = "") -> Path:
    """Write a study file."""
    file = folder / "study.toml"
    file.write_text(_STUDY.format(target=target))
    return file


def environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "TRIMTAB_STORE": f"sqlite:///{folder}/store.db"}


def trimtab(folder: Path, *words: object) -> subprocess.CompletedProcess[str]:
    command = [str(TRIMTAB), *map(str, words)]
    return subprocess.run(
        command, cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=240, check=False
    )


@pytest.mark.usefixtures("installed_postgresql", "own_tmp")
def test_a_private_cluster_from_start_to_end(tmp_path: Path) -> None:
    done = trimtab(tmp_path, "tune", study(tmp_path), "--json")
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    trials = [each for each in events if each["event"] == "trial_finished"]
    assert [each["state"] for each in trials] == ["complete"] * 4
    assert events[-1]["check"]["pairs"] in {0, 6}  # 0 where nothing was faster than the default
    assert not [*Path(tempfile.gettempdir()).glob("trimtab-postgresql-*")]


def test_a_server_that_is_there_is_as_before(somebodys: Somebodys, tmp_path: Path) -> None:
    before = somebodys.state()
    done = trimtab(tmp_path, "tune", study(tmp_path, f'dsn = "{somebodys.dsn}"\nrestart = "always"'))
    assert done.returncode == 0, done.stderr
    assert "check" in done.stdout
    assert somebodys.state() == before


def test_a_dry_run_changes_nothing(somebodys: Somebodys, tmp_path: Path) -> None:
    before = somebodys.state()
    file = study(tmp_path, f'dsn = "{somebodys.dsn}"\nrestart = "always"')
    done = trimtab(tmp_path, "tune", file, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "PostgreSQL 15, 0 replicas" in done.stdout
    assert "work_mem: now 5MB (configuration file), needs a reload, risk: resource, https://" in done.stdout
    assert "shared_buffers: now 128MB (configuration file), needs a restart" in done.stdout
    assert """  ALTER SYSTEM SET "work_mem" = '4MB';""" in done.stdout
    assert "  restart, for shared_buffers" in done.stdout.partition("profile oltp:")[2]
    assert "restart, for" not in done.stdout.partition("default:")[2].partition("profile oltp:")[0]
    assert done.stdout.endswith("nothing was changed\n")
    assert somebodys.state() == before
    assert not (tmp_path / "store.db").exists()


@pytest.mark.parametrize("seed", range(KILLS))
def test_kill_9_at_a_random_moment(somebodys: Somebodys, tmp_path: Path, seed: int) -> None:
    before = somebodys.state()
    file = study(tmp_path, f'dsn = "{somebodys.dsn}"\nrestart = "always"')
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [TRIMTAB, "tune", file, "--trials", "50"], cwd=tmp_path, env=environment(tmp_path), stdout=out, stderr=out
        )
    time.sleep(1.5 + random.Random(seed).uniform(0, 6))
    process.send_signal(signal.SIGKILL)
    process.wait()
    if seed % 2:
        done = trimtab(tmp_path, "restore", somebodys.dsn)
        assert done.returncode == 0, done.stderr
    else:
        done = trimtab(tmp_path, "tune", file, "--resume", "--trials", "1")
        if "no study named" in done.stderr:  # on a busy machine it may die before there is a study
            done = trimtab(tmp_path, "tune", file, "--trials", "1")
        assert done.returncode in {0, 1}, done.stderr
    assert somebodys.state() == before
    remove_leftovers()


@pytest.mark.parametrize("seed", range(max(1, KILLS // 5)))
def test_a_persons_change_survives_a_kill(somebodys: Somebodys, tmp_path: Path, seed: int) -> None:
    file = study(tmp_path, f'dsn = "{somebodys.dsn}"\nrestart = "always"')
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [TRIMTAB, "tune", file, "--trials", "50"], cwd=tmp_path, env=environment(tmp_path), stdout=out, stderr=out
        )
    while "trial   1" not in (tmp_path / "out").read_text():
        assert process.poll() is None, (tmp_path / "out").read_text()
        time.sleep(0.05)
    time.sleep(random.Random(seed).uniform(0, 2))
    process.send_signal(signal.SIGKILL)
    process.wait()
    somebodys.await_ready()
    somebodys.ask("ALTER SYSTEM SET random_page_cost = 2.25")
    done = trimtab(tmp_path, "restore", "server")
    assert done.returncode == 0, done.stderr
    assert "random_page_cost: left as somebody else set it meanwhile ('2.25'; before the study '1.7')" in done.stdout
    assert somebodys.ask("SHOW random_page_cost") == [("2.25",)]
    assert somebodys.ask("SHOW work_mem") == [("5MB",)]
    remove_leftovers()


def test_a_second_study_on_a_server_is_refused_and_disturbs_nothing(somebodys: Somebodys, tmp_path: Path) -> None:
    before = somebodys.state()
    file = study(tmp_path, f'dsn = "{somebodys.dsn}"\nrestart = "always"')
    with (tmp_path / "out").open("w") as out:
        process = subprocess.Popen(
            [TRIMTAB, "tune", file, "--trials", "50"], cwd=tmp_path, env=environment(tmp_path), stdout=out, stderr=out
        )
    until = time.monotonic() + 60
    while "trial   3" not in (tmp_path / "out").read_text():  # the server was restarted by then
        assert time.monotonic() < until
        time.sleep(0.05)
    others = tmp_path / "others"
    others.mkdir()
    second = trimtab(others, "tune", file)
    while "connection is bad" in second.stderr and time.monotonic() < until + 60:  # it is being restarted
        second = trimtab(others, "tune", file)
    assert second.returncode in {1, 2}
    assert "another trimtab tunes this server now" in second.stderr
    process.send_signal(signal.SIGINT)
    process.wait(60)
    assert somebodys.state() == before
    assert trimtab(others, "check", file, "--run").returncode == 0
    assert somebodys.state() == before


@pytest.mark.parametrize("words", [["check", "--run"], ["plan", "--pairs", "20"]])
def test_a_kill_beside_any_run(somebodys: Somebodys, tmp_path: Path, words: list[str]) -> None:
    """`check --run` and the like change the server too; the next start of anything, or a restore by DSN, undoes it."""
    before = somebodys.state()
    file = study(tmp_path, f'dsn = "{somebodys.dsn}"\nrestart = "always"')
    command = [TRIMTAB, words[0], file, *words[1:]]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.DEVNULL)
    until = time.monotonic() + 30
    while somebodys.ask("SHOW work_mem") != [("4MB",)]:
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = trimtab(tmp_path, "restore", somebodys.dsn)
    assert done.returncode == 0, done.stderr
    assert "1 restored" in done.stdout
    assert somebodys.state() == before
    assert "nothing to restore" in trimtab(tmp_path, "restore", somebodys.dsn).stdout
    remove_leftovers()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ('dsn = "host=/nowhere dbname=x"', "No such file or directory"),
        ('dsn = "host=a nonsense"', "dsn"),
        ('dsn = "host=/tmp"\nbinaries = "/nowhere"', "target.binaries = '/nowhere'"),
    ],
)
@pytest.mark.usefixtures("installed_postgresql")
def test_servers_out_of_reach_are_one_line(tmp_path: Path, target: str, said: str) -> None:
    done = trimtab(tmp_path, "tune", study(tmp_path, f'{target}\nrestart = "always"'))
    assert done.returncode in {1, 2}
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 2


def test_the_catalogue_agrees_with_the_server(somebodys: Somebodys, tmp_path: Path) -> None:
    done = trimtab(tmp_path, "catalogue", "lint", "postgresql", "--dsn", somebodys.dsn)
    assert (done.returncode, done.stdout) == (0, "131 entries compared with postgresql 15: no differences\n")
    done = trimtab(tmp_path, "catalogue", "lint", "sqlite", "--dsn", somebodys.dsn)
    assert done.returncode == 2
    done = trimtab(tmp_path, "catalogue", "lint", "postgresql", "--dsn", "host=/nowhere")
    assert done.returncode == 1
    assert "No such file" in done.stderr


def test_the_catalogue_is_shown(tmp_path: Path) -> None:
    done = trimtab(tmp_path, "catalogue", "show", "postgresql")
    assert done.returncode == 0
    assert any(line.startswith("fsync ") and "not tuned: durability" in line for line in done.stdout.splitlines())
    found = json.loads(trimtab(tmp_path, "catalogue", "show", "postgresql", "--json").stdout)
    assert found["knobs"]["work_mem"]["unit"] == "kB"
    done = trimtab(tmp_path, "catalogue", "show", "postgres")
    assert (done.returncode, "did you mean 'postgresql'?" in done.stderr) == (2, True)
