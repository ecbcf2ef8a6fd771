"""Evaluations that try to hang, crash or mislead what measures them: one failed measurement each, with a reason."""

import asyncio
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.tools.sandbox import choose_sandbox
from trimtab.tools.sandbox.choice import bubblewrap_problem
from trimtab.tools.targets import Evaluation, Measurement, Workplace, build_target
from trimtab.tools.targets.base import LOG_LENGTH, LONGEST_REASON

ISOLATIONS = ["process"] if bubblewrap_problem() is not None else ["process", "bubblewrap"]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TMPDIR of one's own, in which nothing may be left."""
    found = tmp_path / "tmp"
    found.mkdir()
    found.chmod(0o1777)
    monkeypatch.setattr("tempfile.tempdir", str(found))
    return found


def measure(folder: Path, isolation: str, body: str, **fields: object) -> Measurement:
    """Run Python lines as the target, in a study's folder of its own."""
    study = folder / "study"
    study.mkdir()
    (study / "program.py").write_text(f"import json, os, sys\n{body}\n")
    command = {} if "python" in fields else {"command": ["{python}", "{study_dir}/program.py"]}
    evaluation = Evaluation.model_validate({**command, "isolation": isolation, "timeout_s": 60, **fields})
    target = build_target(evaluation, Workplace(choose_sandbox(isolation), study))
    return asyncio.run(target.evaluate({"x": 1}, seed=3, required=("loss",)))


FILES = {
    "a pipe": ("os.mkfifo('m.json')", "not a plain file"),
    "a socket": ("import socket\nsocket.socket(socket.AF_UNIX).bind('m.json')", "not a plain file"),
    "a folder": ("os.mkdir('m.json')", "not a plain file"),
    "a link to what never ends": ("os.symlink('/dev/zero', 'm.json')", "is a link"),
    "a link to a secret": ("os.symlink('/etc/shadow', 'm.json')", "is a link"),
    "a giant without content": ("open('m.json', 'w').truncate(1 << 28)", "larger than 4 MiB"),
    "depth": ("open('m.json', 'w').write('[' * 1000000)", "not JSON"),
    "a secret file": ("open('m.json', 'w').write('{\"loss\": 1}')\nos.chmod('m.json', 0)", None),
    "nothing": ("", "wrote no m.json"),
}


@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize("name", FILES)
def test_whatever_is_left_as_the_metrics_file(tmp_path: Path, place: Path, isolation: str, name: str) -> None:
    body, reason = FILES[name]
    found = measure(tmp_path, isolation, body, metrics_file="m.json")
    if reason is not None:
        assert found.state == "failed"
        assert reason in (found.reason or ""), found.reason
    assert list(place.iterdir()) == []


FOLDERS = {
    "a deep one": "for _ in range(1500): os.mkdir('d'); os.chdir('d')",
    "one that nobody may enter": "os.mkdir('d'); os.chmod('d', 0); os.chmod('.', 0)",
    "one without its job": "os.remove('trimtab.json')",
    "odd names": "for n in (b'\\xff', b'-rf', b'a\\nb', b' ', b'x' * 255): os.mkdir(n)",
    "many links": "for n in range(300): os.symlink('/', str(n)); os.link('trimtab.json', f'l{n}')",
}


@pytest.mark.parametrize("isolation", ISOLATIONS)
@pytest.mark.parametrize("name", FOLDERS)
def test_whatever_is_left_as_the_folder(tmp_path: Path, place: Path, isolation: str, name: str) -> None:
    found = measure(tmp_path, isolation, f"print('{{\"loss\": 1}}', flush=True)\n{FOLDERS[name]}")
    assert (found.state, found.metrics, found.notice) == ("complete", {"loss": 1.0}, ""), found
    assert list(place.iterdir()) == []


RESULTS = {
    "a text": ("'high'", r"program:f returned 'high' as 'return value': that is not a number"),
    "nothing": ("None", "returned None"),
    "a text among numbers": ("{'loss': 1, 'name': 'x'}", "returned 'x' as 'name'"),
    "a truth": ("True", "no metric 'loss'"),
    "a truth by name": ("{'loss': True}", "no metric 'loss'"),
    "no number": ("float('nan')", "metric 'loss' is nan"),
    "a long number": ("10 ** 5000", "metric 'loss' is inf"),
    "an end": ("os._exit(0)", "wrote no trimtab-result.json"),
    "a pipe": ("os.mkfifo('trimtab-result.json') or os._exit(0)", "not a plain file"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_whatever_a_function_returns(tmp_path: Path, name: str) -> None:
    result, reason = RESULTS[name]
    found = measure(tmp_path, "process", f"def f(configuration): return {result}", python="program:f")
    assert found.state == "failed"
    assert reason in (found.reason or ""), found.reason


def test_a_function_that_goes_elsewhere_is_still_heard(tmp_path: Path) -> None:
    body = "os.chdir('/')\ndef f(configuration):\n    os.chdir(os.path.dirname(__file__))\n    return configuration['x'] + 1"
    assert measure(tmp_path, "process", body, python="program:f").metrics == {"loss": 2.0}


def test_a_command_that_cannot_be_started_is_a_reason(tmp_path: Path) -> None:
    for command, reason in (
        (["/no/such/program"], "No such file"),
        (["echo", "a\0b"], "null character"),
        (["echo", "x" * 200_000], "list too long"),
    ):
        evaluation = Evaluation(command=command, isolation="process")
        target = build_target(evaluation, Workplace(choose_sandbox("process"), tmp_path))
        found = asyncio.run(target.evaluate({}, seed=1, required=("loss",)))
        assert found.state == "failed"
        assert reason in (found.reason or ""), found.reason


def test_no_room_for_the_folder_is_a_failed_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: object, **_kwargs: object) -> str:
        raise OSError(28, "No space left on device", "/tmp/trimtab")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    found = measure(tmp_path, "process", "print('{\"loss\": 1}')")
    assert (found.state, found.reason) == ("failed", "/tmp/trimtab: No space left on device")


def test_what_stays_behind_is_noticed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "program.py").write_text("print('{\"loss\": 1}')")
    evaluation = Evaluation(command=["{python}", "{study_dir}/program.py"], isolation="process")
    target = build_target(evaluation, Workplace(choose_sandbox("process"), tmp_path))
    rmdir = os.rmdir

    def refuse(*_args: object, **_kwargs: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "rmdir", refuse)
    stuck = asyncio.run(target.evaluate({}, seed=1, required=("loss",)))
    assert (stuck.state, "Operation not permitted" in stuck.notice) == ("complete", True)
    monkeypatch.setattr(os, "rmdir", rmdir)
    assert asyncio.run(target.evaluate({}, seed=1, required=("loss",))).notice == ""


@given(
    st.text(st.characters(exclude_categories=())),
    st.dictionaries(st.text(st.characters(exclude_categories=())), st.floats()),
)
def test_a_measurement_can_be_shown_and_stored_whoever_made_it(text: str, metrics: dict[str, float]) -> None:
    found = Measurement(state="failed", reason=text, log=text * 50, metrics=metrics)
    assert found.reason is not None
    assert found.reason.isprintable()
    assert len(found.reason) <= LONGEST_REASON
    assert len(found.log) <= LOG_LENGTH
    assert all(name.isprintable() for name in found.metrics)
    json.dumps(found.model_dump(), ensure_ascii=False).encode()
