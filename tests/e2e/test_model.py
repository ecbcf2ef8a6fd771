"""The embedded model, end to end: a real model behind a real endpoint, driven by the installed program."""

import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.models.files import FILE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(find_spec("xllamacpp") is None, reason="the extra 'local' is not installed"),
]
TRIMTAB = str(Path(sys.executable).parent / "trimtab")


@pytest.fixture(scope="session")
def data_home() -> Path:
    """The user's own data folder, with the embedded model in it, as `make install` leaves it."""
    home = Path(os.environ.get("TRIMTAB_TEST_DATA_HOME", Path.home() / ".local" / "share"))
    environment = {**os.environ, "XDG_DATA_HOME": str(home)}
    subprocess.run([TRIMTAB, "model", "pull"], check=True, env=environment, capture_output=True, timeout=300)
    assert (home / "trimtab" / "models" / FILE).is_file()
    return home


def trimtab(*words: object, cwd: Path, data_home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    full = {
        **os.environ,
        "TRIMTAB_STORE": f"sqlite:///{cwd / 'store.db'}",
        "XDG_DATA_HOME": str(data_home),
        **environment,
    }
    return subprocess.run(
        [TRIMTAB, *map(str, words)], cwd=cwd, env=full, capture_output=True, text=True, timeout=900, check=False
    )


def lines(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def local_servers() -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and b"local_server.py" in (entry / "cmdline").read_bytes():
                found.append(entry.name)
        except OSError:
            continue
    return found


def test_the_sqlite_example_with_the_embedded_model(tmp_path: Path, root: Path, data_home: Path) -> None:
    study = root / "examples" / "sqlite" / "study.toml"
    done = trimtab("tune", study, "--trials", 12, "--model", "local", "--json", cwd=tmp_path, data_home=data_home)
    assert done.returncode == 0, done.stderr
    found = lines(done.stdout)
    assert found[0]["planner"] == "model"
    assert "local:SmolLM2" in found[0]["planner_reason"]
    last = found[-1]
    assert last["event"] == "study_finished"
    assert last["trials"] == 12
    assert last["calls"].get("ok", 0) >= 1
    by_model = [e for e in found if e["event"] == "trial_started" and e["author"].startswith("local:")]
    assert by_model or last["problems"], last  # its ideas are tried, or refused and counted: it is a very small model
    assert "crashed" not in last["problems"]
    time.sleep(0.2)


def test_the_embedded_model_dies_with_the_run(tmp_path: Path, root: Path, data_home: Path) -> None:
    study = root / "examples" / "sqlite" / "study.toml"
    environment = {
        **os.environ,
        "TRIMTAB_STORE": f"sqlite:///{tmp_path / 'store.db'}",
        "XDG_DATA_HOME": str(data_home),
    }
    process = subprocess.Popen(
        [TRIMTAB, "tune", str(study), "--model", "local", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 60
    mine: list[str] = []
    while not mine and time.monotonic() < deadline:
        children = [pid for pid in local_servers() if parent_of(pid) == process.pid]
        mine = children
        time.sleep(0.05)
    assert mine
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while any(pid in local_servers() for pid in mine) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(pid in local_servers() for pid in mine)


def parent_of(pid: str) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return -1


def test_models_are_listed_pulled_and_removed(tmp_path: Path, data_home: Path) -> None:
    assert "SmolLM2" in trimtab("model", "list", cwd=tmp_path, data_home=data_home).stdout
    mine = tmp_path / "home"
    empty = trimtab("model", "list", cwd=tmp_path, data_home=mine)
    assert "trimtab model pull" in empty.stdout
    unknown = trimtab("model", "remove", "gpt", cwd=tmp_path, data_home=mine)
    assert (unknown.returncode, "no model file 'gpt'" in unknown.stderr) == (2, True)
    fake = mine / "trimtab" / "models" / "fake.gguf"
    fake.parent.mkdir(parents=True, exist_ok=True)
    fake.write_bytes(b"nothing")
    assert "fake" in trimtab("model", "list", cwd=tmp_path, data_home=mine).stdout
    assert trimtab("model", "remove", "fake", cwd=tmp_path, data_home=mine).returncode == 0
    assert not fake.exists()


def test_a_broken_model_file_hands_over_to_the_optimizer(tmp_path: Path, root: Path, data_home: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"no model at all")
    study = root / "examples" / "sqlite" / "study.toml"
    words = ["tune", study, "--trials", 4, "--model", tmp_path / "broken.gguf", "--json"]
    done = trimtab(*words, cwd=tmp_path, data_home=data_home)
    assert done.returncode == 0, done.stderr
    last = lines(done.stdout)[-1]
    assert last["trials"] == 4
    assert last["problems"].get("call_failed") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["tune", "STUDY", "--model", "none.gguf"], "does not exist"),
        (["tune", "STUDY", "--model", "local"], "trimtab model pull"),
        (["tune", "STUDY", "--planner", "model"], "trimtab model pull"),
        (["tune", "STUDY", "--model", "nonsense:x"], "nonsense"),
        (["tune", "STUDY", "--model", "openai:gpt-4o-mini", "--prompts", "best"], "no prompt variant 'best'"),
        (["tune", "STUDY", "--replay", "nowhere.jsonl"], "nowhere.jsonl"),
        (["prompts", "show", "best", "--study", "STUDY"], "no prompt variant"),
        (["prompts", "show", "terse", "--study", "nothing"], "no study"),
    ],
)
def test_what_cannot_be_used_is_said_at_once(tmp_path: Path, root: Path, words: list[str], message: str) -> None:
    study = str(root / "examples" / "sqlite" / "study.toml")
    given = [study if word == "STUDY" else word for word in words]
    done = (
        trimtab(*given, "--trials", 2, cwd=tmp_path, data_home=tmp_path / "empty")
        if words[0] == "tune"
        else trimtab(*given, cwd=tmp_path, data_home=tmp_path / "empty")
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_without_any_model_auto_says_why_and_uses_the_offline_planner(tmp_path: Path, root: Path) -> None:
    study = root / "examples" / "sqlite" / "study.toml"
    done = trimtab("tune", study, "--trials", 3, "--json", cwd=tmp_path, data_home=tmp_path / "empty")
    first = lines(done.stdout)[0]
    assert first["planner"] == "offline"
    assert "trimtab model pull" in first["planner_reason"]


def test_prompts_are_listed_and_shown_as_a_model_gets_them(tmp_path: Path, root: Path, data_home: Path) -> None:
    listed = trimtab("prompts", "list", cwd=tmp_path, data_home=data_home).stdout
    assert {"default", "direct", "llambo", "centaur", "terse"} <= set(listed.split())
    study = root / "examples" / "sqlite" / "study.toml"
    shown = trimtab("prompts", "show", "default", "--study", study, cwd=tmp_path, data_home=data_home)
    assert "journal_mode" in shown.stdout
    assert "tokens" in shown.stderr
