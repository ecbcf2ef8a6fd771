"""Drives the installed program as its users do: real processes, a real store, real signals."""

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from trimtab.agent.events import Event

pytestmark = pytest.mark.e2e
TRIMTAB = str(Path(sys.executable).parent / "trimtab")

STUDY = """
[study]
name = "quick"
[parameters.x]
type = "float"
low = -1.0
high = 1.0
default = 1.0
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
command = ["{python}", "{study_dir}/program.py", "{x}", "{seed}"]
workers = 2
timeout_s = 10
[budget]
trials = 12
[check]
ablation = false
"""

PROGRAM = """
import json, sys, time
x, seed = float(sys.argv[1]), int(sys.argv[2])
time.sleep(0.02)
print(json.dumps({"loss": 1 + x * x + 0.001 * (seed % 5)}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "study.toml").write_text(STUDY)
    (tmp_path / "program.py").write_text(PROGRAM)
    return tmp_path


def trimtab(*words: object, cwd: Path, **kwargs: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "TRIMTAB_STORE": f"sqlite:///{cwd / 'store.db'}"}
    return subprocess.run(
        [TRIMTAB, *map(str, words)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=900, **kwargs
    )


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_the_contract_for_scripts_on_the_sqlite_example(tmp_path: Path, root: Path) -> None:
    study = root / "examples" / "sqlite" / "study.toml"
    store = f"sqlite:///{tmp_path / 'sqlite.db'}"
    done = trimtab("tune", study, "--trials", 15, "--json", "--store", store, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = lines(done.stdout)
    for line in found:
        assert {"event", "study", "time", "schema_version"} <= line.keys()
        TypeAdapter(Event).validate_python(line)
    trials = [line for line in found if line["event"] == "trial_finished"]
    assert len(trials) == 15
    assert trials[0]["source"] == "default"
    assert {"trial", "source", "configuration", "metrics", "state", "duration_s"} <= trials[0].keys()
    assert {"default", "planner", "kriging"} <= {trial["source"] for trial in trials}
    assert not any(trial["configuration"]["synchronous"] == "OFF" for trial in trials)
    last = found[-1]
    assert last["event"] == "study_finished"
    assert last["trials"] == 15
    assert {"trial", "configuration", "metrics"} <= last["best"].keys()
    assert last["default"]["metrics"]["seconds"] > 0
    assert last["check"]["pairs"] == 10
    assert last["check"]["low"] > 1, "the example has head-room, and the check must see it"
    assert last["check"]["low"] <= last["check"]["ratio"] <= last["check"]["high"]
    assert last["ablation"]


def test_a_person_reads_plain_lines_in_a_pipe_and_gets_the_result_from_the_store(folder: Path) -> None:
    done = trimtab("tune", "study.toml", "--apply", "tuned.json", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "trial   0 default" in done.stdout
    assert "check of loss" in done.stdout
    shown = trimtab("show", "quick", cwd=folder)
    assert "incumbent: trial" in shown.stdout
    assert "quick-1" in trimtab("studies", cwd=folder).stdout
    assert "seed 1" in trimtab("show", "quick-1", "--trial", 0, cwd=folder).stdout
    applied = json.loads((folder / "tuned.json").read_text())
    assert set(applied) == {"x"}
    exported = trimtab("export", "quick", "--csv", "-", cwd=folder).stdout.splitlines()
    assert exported[0].startswith("trial,source,state,x,loss")
    assert len(exported) == 13
    assert len(json.loads(trimtab("export", "quick", "--json", "-", cwd=folder).stdout)["trials"]) == 12
    optuna_url = f"sqlite:///{folder / 'optuna.db'}"
    assert trimtab("export", "quick", "--optuna", optuna_url, cwd=folder).returncode == 0
    import optuna

    assert len(optuna.load_study(study_name="quick-1", storage=optuna_url).trials) == 12
    again = trimtab("export", "quick", "--optuna", optuna_url, cwd=folder)
    assert (again.returncode, "already" in again.stderr) == (2, True)


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "TRIMTAB_STORE": f"sqlite:///{folder / 'store.db'}"}
    command = [TRIMTAB, "tune", "study.toml", "--json", *words]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def kill_and_resume_until_done(folder: Path, kills: int, rng: random.Random) -> tuple[set[int], list[dict[str, Any]]]:
    """Kill a run `kills` times at random moments; return the trials seen finished and the last run's events."""
    seen: set[int] = set()
    for attempt in range(kills + 1):
        process = start(folder, *(["--resume"] if (folder / "store.db").exists() else []))
        last = attempt == kills
        assert process.stdout is not None
        wanted, events = rng.randrange(1, 14), []
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] == "trial_finished":
                assert events[-1]["trial"] not in seen, "a finished trial was run again"
                seen.add(events[-1]["trial"])
            if not last and len(events) == wanted:
                time.sleep(rng.random() * 0.05)
                process.kill()
                break
        for line in process.stdout:  # what was printed before the kill counts as seen
            event = json.loads(line) if line.endswith("\n") else {"event": ""}
            if event["event"] == "trial_finished":
                seen.add(event["trial"])
        process.wait(timeout=60)
        process.stdout.close()
        assert process.stderr is not None
        process.stderr.close()
    return seen, events


def check_store(folder: Path, trials: int) -> None:
    with sqlite3.connect(folder / "store.db") as connection:
        rows = connection.execute("select number, state from trials order by number").fetchall()
        assert [number for number, _ in rows] == list(range(trials))
        assert {state for _, state in rows} == {"complete"}
        tuned = connection.execute("select trial from evaluations where purpose = 'tune' order by trial").fetchall()
        assert [trial for (trial,) in tuned] == list(range(trials))
        assert connection.execute("select count(*) from studies").fetchone() == (1,)


@pytest.mark.parametrize("seed", range(int(os.environ.get("TRIMTAB_KILLS", "5"))))
def test_kill_9_loses_and_doubles_no_finished_evaluation(folder: Path, seed: int) -> None:
    seen, events = kill_and_resume_until_done(folder, 1, random.Random(seed))
    assert events[-1]["event"] == "study_finished"
    assert events[-1]["trials"] == 12
    assert seen <= set(range(12))
    check_store(folder, 12)


@pytest.fixture
def slow(folder: Path) -> Path:
    (folder / "program.py").write_text(PROGRAM.replace("0.02", "1.0"))
    return folder


def wait_for(process: subprocess.Popen[str], event: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == event:
            return


def test_the_first_interrupt_finishes_what_runs_and_the_second_ends_at_once(slow: Path) -> None:
    process = start(slow)
    wait_for(process, "trial_started")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "again" in err
    events = [json.loads(line)["event"] for line in out.splitlines()]
    assert events[-1] == "study_interrupted"
    assert "trial_finished" in events

    (slow / "program.py").write_text(PROGRAM.replace("0.02", "9.0"))
    process = start(slow, "--resume")
    wait_for(process, "trial_started")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - began < 7, "it waited for the evaluation"


def test_sigterm_ends_at_once_and_the_study_can_be_resumed(slow: Path) -> None:
    process = start(slow)
    wait_for(process, "trial_started")
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 130
    (slow / "program.py").write_text(PROGRAM)
    assert trimtab("tune", "study.toml", "--resume", cwd=slow).returncode == 0


def test_two_runs_of_one_study_at_a_time_are_refused(slow: Path) -> None:
    process = start(slow)
    wait_for(process, "trial_started")
    second = trimtab("tune", "study.toml", "--resume", cwd=slow)
    process.kill()
    process.communicate()
    assert second.returncode == 2
    assert "is being run by process" in second.stderr


NASTY = """
import json, os, shutil, sys, time
x = float(sys.argv[1])
kind = int((x + 1) * 4)
if x != 1.0:
    if kind == 0: time.sleep(60)
    if kind == 1:
        while True: print("x" * 10000)
    if kind == 2: print('{"loss": NaN}'); sys.exit()
    if kind == 3: sys.exit()
    if kind == 4: held = [bytearray(10**7) for _ in range(1000)]
    if kind == 5: shutil.rmtree(os.getcwd())
    if kind == 6:
        for _ in range(80):
            if os.fork() == 0: time.sleep(30)
        time.sleep(30)
print(json.dumps({"loss": x}))
"""


def test_nasty_trials_cost_one_trial_each_with_a_reason_and_the_run_goes_on(folder: Path) -> None:
    (folder / "program.py").write_text(NASTY)
    limits = '[evaluation.limits]\nmemory = "200 MiB"\nprocesses = 20\noutput = "1 MiB"\n'
    text = STUDY.replace("timeout_s = 10", "timeout_s = 2").replace("[budget]", f"{limits}[budget]")
    (folder / "study.toml").write_text(text)
    done = trimtab("tune", "study.toml", "--trials", 30, "--sampler", "qmc", "--planner", "none", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    trials = [line for line in lines(done.stdout) if line["event"] == "trial_finished"]
    assert len(trials) == 30
    reasons = " | ".join(trial["reason"] for trial in trials if trial["state"] == "failed")
    for word in ("timeout", "limit output", "nan", "printed nothing", "limit memory", "limit processes"):
        assert word in reasons
    assert "complete" in {trial["state"] for trial in trials}


def test_a_study_whose_every_trial_fails_exits_1(folder: Path) -> None:
    (folder / "program.py").write_text("raise SystemExit('out of tea')")
    done = trimtab("tune", "study.toml", "--trials", 3, cwd=folder)
    assert done.returncode == 1
    assert "out of tea" in done.stdout
    assert "no trial was complete" in done.stdout


BAD_INPUT = [
    (["tune", "nowhere.toml"], "cannot be read"),
    (["check", "broken.toml"], "broken.toml:3"),
    (["tune", "study.toml", "--sampler", "best"], "not one of"),
    (["tune", "study.toml", "--trials", "0"], "budget.trials"),
    (["tune", "study.toml", "--trials", "many"], "valid integer"),
    (["tune", "study.toml", "--store", "nonsense"], "store"),
    (["tune", "study.toml", "--store", "oracle9://x/y"], "store"),
    (["tune", "study.toml", "--store", "sqlite:////proc/no/store.db"], "store"),
    (["tune", "study.toml", "--store", "sqlite:///broken.toml"], "store"),
    (["tune", "study.toml", "--resume"], "no study named"),
    (["show", "nothing"], "no study 'nothing'"),
    (["export", "nothing"], "nothing to export"),
    (["apply", "nothing", "file"], "no study"),
    (["frobnicate"], "frobnicate"),
]


@pytest.mark.parametrize(("words", "message"), BAD_INPUT, ids=[" ".join(words) for words, _ in BAD_INPUT])
def test_bad_input_ends_in_one_clear_message_and_exit_code_2(folder: Path, words: list[str], message: str) -> None:
    (folder / "broken.toml").write_text("[study]\nname = 'x\n")
    done = trimtab(*words, cwd=folder)
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_help_loads_nothing_heavy(tmp_path: Path) -> None:
    code = (
        "import sys\nsys.argv = ['trimtab', '--help']\n"
        "from trimtab.agent.faces.cli import app\n"
        "try: app()\nexcept SystemExit: pass\n"
        "heavy = ['optuna', 'langchain', 'langchain_core', 'openai', 'textual', 'sqlalchemy', 'sklearn', 'scipy',"
        " 'numpy', 'pydantic']\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_schemas_are_json_and_accept_what_trimtab_writes(folder: Path) -> None:
    study = json.loads(trimtab("schema", cwd=folder).stdout)
    assert study["additionalProperties"] is False
    assert {"study", "parameters", "objectives", "evaluation"} <= study["properties"].keys()
    assert "directory" not in study["properties"]
    events = json.loads(trimtab("schema", "--events", cwd=folder).stdout)
    assert "study_finished" in events["discriminator"]["mapping"]


def test_check_prints_the_space_as_a_table(folder: Path, root: Path) -> None:
    done = trimtab("check", root / "examples" / "sqlite" / "study.toml", cwd=folder)
    assert done.returncode == 0
    assert "journal_mode == 'WAL'" in done.stdout.replace("\n", " ") or "wal_autocheck" in done.stdout
    assert "the study file is fine" in done.stdout
