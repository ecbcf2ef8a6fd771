"""What an evaluation sees: not the homes, not what the caller hides, not the sockets of others; what it needs, yes."""

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from trimtab.tools.sandbox import Limits, Outcome, Sandbox, SandboxedCommand
from trimtab.tools.sandbox.mounts import mounts_of

from .conftest import Attack

READ = """
def read(path):
    try:
        return Path(path).read_text()
    except OSError:
        return None
print(json.dumps([read(path) for path in sys.argv[1:]]))
"""


def test_a_hidden_file_or_folder_is_gone_wherever_it_is(attack: Attack, bubblewrap: Sandbox, tmp_path: Path) -> None:
    study = tmp_path / "study"
    (study / "data").mkdir(parents=True)
    for path in (study / "store.db", study / "store.db-wal", study / "data" / "inner", study / "seen"):
        path.write_text("text")
    (study / "link.db").symlink_to("store.db")
    (study / "other-link").symlink_to("data/inner")
    names = ("store.db", "store.db-wal", "data/inner", "link.db", "other-link", "seen")
    paths = [str(study / name) for name in names]
    hidden = (study / "link.db", study / "store.db-wal", study / "data", study / "store.db-shm")
    assert attack(None, READ, *paths) == ["text"] * 6
    assert attack(bubblewrap, READ, *paths, hidden=hidden) == [None] * 5 + ["text"]


def test_a_shown_folder_inside_a_hidden_one_is_seen(attack: Attack, bubblewrap: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "data" / "shown").mkdir(parents=True)
    (tmp_path / "data" / "shown" / "file").write_text("text")
    (tmp_path / "data" / "secret").write_text("text")
    paths = [str(tmp_path / "data" / "shown" / "file"), str(tmp_path / "data" / "secret")]
    fields = {"hidden": (tmp_path / "data",), "readable": (tmp_path / "data" / "shown",)}
    assert attack(bubblewrap, READ, *paths, **fields) == ["text", None]


def test_a_link_that_is_itself_hidden_leads_to_what_is_shown(
    attack: Attack, bubblewrap: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "file").write_text("text")
    (tmp_path / "link").symlink_to("real")
    found = attack(bubblewrap, READ, str(tmp_path / "link" / "file"), readable=(tmp_path / "link",))
    assert found == ["text"]


def test_homes_and_what_runs_are_hidden_and_temporary_folders_are_its_own(
    attack: Attack, bubblewrap: Sandbox, tmp_path: Path
) -> None:
    (tmp_path / "ours").write_text("")
    body = """
places = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/home", "/root", "/dev", "/")
def write(place):
    try:
        Path(place, "new").write_text("x")
    except OSError:
        return False
    return True
print(json.dumps({"seen": sorted({*os.listdir("/run"), *os.listdir("/home")}),
                  "ours": Path(sys.argv[1]).exists(), "writable": [place for place in places if write(place)]}))
"""
    found = attack(bubblewrap, body, str(tmp_path / "ours"))
    assert found == {"seen": [], "ours": False, "writable": ["/tmp", "/var/tmp", "/dev/shm"]}


def test_the_home_that_the_environment_names_is_hidden(
    attack: Attack, bubblewrap: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: Path
) -> None:
    """Below a folder that is not hidden anyway."""
    above = Path("/opt") if root.is_relative_to("/tmp") else root / "build"
    place = above / f"home-{os.getpid()}"
    place.mkdir(parents=True)
    (place / "secret").write_text("text")
    try:
        assert attack(bubblewrap, READ, str(place / "secret")) == ["text"]
        monkeypatch.setenv("HOME", str(place))
        assert attack(bubblewrap, READ, str(place / "secret")) == [None]
    finally:
        (place / "secret").unlink()
        place.rmdir()


CONNECT = """
def connect(path):
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(5)
        if path.startswith("/"):  # such a path may be too long for a socket
            os.chdir(os.path.dirname(path))
        client.connect(os.path.basename(path))
print(json.dumps([works(lambda: connect(path)) for path in sys.argv[1:]]))
"""


def listen(path: str) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.path.relpath(path) if len(path) > 100 else path)
    if not path.startswith("\0"):
        os.chmod(path, 0o777)  # noqa: PTH101  # may be relative
    server.listen()
    return server


def test_sockets_are_reachable_only_where_the_target_says_so(
    attack: Attack, bubblewrap: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, declared = tmp_path / "study", tmp_path / "declared"
    (study / "run").mkdir(parents=True)
    declared.mkdir()
    monkeypatch.chdir(study / "run")
    paths = [str(study / "s"), str(study / "run" / "relative"), str(declared / "s")]
    with listen(paths[0]), listen("relative"), listen(paths[2]):
        assert attack(None, CONNECT, *paths) == [True, True, True]
        assert attack(bubblewrap, CONNECT, *paths) == [False, False, False]
        assert attack(bubblewrap, CONNECT, *paths, sockets=(declared,)) == [False, False, True]
        assert attack(bubblewrap, CONNECT, *paths, sockets=(study / "run",)) == [False, True, False]
        assert attack(bubblewrap, CONNECT, *paths, network=True) == [True, True, False]


def test_sockets_of_other_folders_and_abstract_ones_are_out_of_reach(
    attack: Attack, bubblewrap: Sandbox, root: Path
) -> None:
    name = f"s-{os.getpid()}"
    visible = root / "build" / name
    visible.parent.mkdir(exist_ok=True)
    paths = (str(visible), f"\0{name}")
    body = CONNECT.replace("sys.argv[1:]", repr(paths))
    try:
        with listen(paths[0]), listen(paths[1]):
            assert attack(None, body) == [True, True]
            assert attack(bubblewrap, body) == [False, False]
    finally:
        visible.unlink()


def test_an_evaluation_may_use_sockets_of_its_own(attack: Attack, bubblewrap: Sandbox) -> None:
    body = """
server = socket.socket(socket.AF_UNIX); server.bind("own"); server.listen()
client = socket.socket(socket.AF_UNIX)
print(json.dumps({"own": client.connect("own") is None}))
"""
    assert attack(bubblewrap, body) == {"own": True}


def test_the_folders_of_other_evaluations_are_hidden(attack: Attack, bubblewrap: Sandbox, root: Path) -> None:
    """Also when temporary files are kept elsewhere."""
    place = root / "build" / f"tmp-{os.getpid()}"
    (place / "other").mkdir(parents=True)
    try:
        assert attack(None, f"print(json.dumps(os.listdir({str(place)!r})))") == ["other"]
        (place / "work").mkdir()
        body = f"print(json.dumps(os.listdir({str(place)!r})))"
        assert attack(bubblewrap, body, directory=place / "work") == ["work"]
    finally:
        for name in ("work", "other", ""):
            (place / name).rmdir()


def test_names_are_resolved_where_the_network_is_allowed(tmp_path: Path) -> None:
    command = SandboxedCommand(("true",), tmp_path, {}, timeout_s=1, network=True)
    mounts = mounts_of(command)
    mounts.close()
    assert str(Path("/etc/resolv.conf").resolve()) in mounts.flags


def test_an_older_bubblewrap_gets_no_sizes(tmp_path: Path) -> None:
    command = SandboxedCommand(("true",), tmp_path, {}, timeout_s=1, limits=Limits(memory=12345678))
    assert mounts_of(command).flags.count("12345678") == 3
    assert "--size" not in mounts_of(command, can_size=False).flags


STUDY = """
[study]
name = "curious"
[parameters.x]
type = "int"
low = 0
high = 9
default = 0
[[objectives]]
metric = "y"
direction = "minimize"
[evaluation]
command = ["{{python}}", "{{study_dir}}/t.py", "--x={{x}}"]
tuning_seeds = [1]
check_seeds = [424242]
{more}
[check]
ablation = false
"""

CURIOUS = """
import json, os
from pathlib import Path
study = Path(__file__).parent
found = {"y": 1, "seeds": 0, "store": 0}
for place in (study, study / "sub"):
    for name in os.listdir(place):
        try:
            data = (place / name).read_bytes()
        except OSError:
            continue
        found["seeds"] += b"424242" in data and name != "t.py"
        found["store"] += data.startswith((b"SQLite format", b"\\x37\\x7f\\x06"))
print(json.dumps(found))
"""


@pytest.mark.parametrize("place", ["store.db", "sub/my store.db"])
def test_neither_store_nor_check_seeds_are_shown_with_the_study(
    tmp_path: Path, bubblewrap: Sandbox, place: str
) -> None:
    assert curious(tmp_path, bubblewrap, place, "") == [{"y": 1, "seeds": 0, "store": 0}]


def test_a_study_file_is_shown_when_the_study_says_so(tmp_path: Path, bubblewrap: Sandbox) -> None:
    found = curious(tmp_path, bubblewrap, "store.db", 'readable = ["study.toml"]')
    assert found == [{"y": 1, "seeds": 1, "store": 0}]


def curious(tmp_path: Path, _needed: Sandbox, place: str, more: str) -> list[dict[str, float]]:
    """Run a study whose evaluation looks for the store and the seeds, and return what it found."""
    import subprocess

    study = tmp_path / "study"
    (study / "sub").mkdir(parents=True)
    (study / "study.toml").write_text(STUDY.format(more=more))
    (study / "t.py").write_text(CURIOUS)
    argv = [Path(sys.executable).with_name("trimtab"), "tune", study / "study.toml", "--trials", "1", "--json"]
    store = f"sqlite:///{study / place}"
    done = subprocess.run(
        [*argv, "--planner", "none", "--store", store], capture_output=True, text=True, timeout=120, check=False
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert any(line["event"] == "trial_finished" for line in lines), done
    return [line["metrics"] for line in lines if line["event"] == "trial_finished"]


def test_what_the_study_names_is_shown(attempt: Callable[..., Outcome], bubblewrap: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "named").write_text("text")
    outcome = attempt(bubblewrap, READ, str(tmp_path / "named"), readable=(tmp_path / "named", tmp_path / "missing"))
    assert json.loads(outcome.stdout) == ["text"]
