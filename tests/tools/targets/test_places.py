"""What an evaluation gets: places, environment, job file, in the sandbox as it is."""

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest

from trimtab.tools.errors import InputError
from trimtab.tools.sandbox import choose_sandbox
from trimtab.tools.targets import Evaluation, Form, Measurement, Wording, Workplace, build_target
from trimtab.tools.targets.places import graphics_cards

PROGRAM = """
import json, os, sys
job = json.load(open(os.environ["TRIMTAB_JOB"]))
print(json.dumps({"argv": sys.argv[1:], "environment": dict(os.environ), "job": job}), file=open("seen.json", "w"))
os.system("cp seen.json " + os.environ["SEEN"])
print(json.dumps({"loss": 1}))
"""
CONFIGURATION = {"n": 4, "shape": "[64, 32]", "fast": True}
WORDING = Wording(
    forms={"shape": Form(lists=("[64, 32]",)), "fast": Form(true_word="--fast", false_word="", alone=True)},
    derived={"twice": "n * 2", "ratio": "8 / n"},
)


def seen(
    tmp_path: Path, words: str | list[str], fidelity: float | None = None, **how: Any
) -> tuple[Measurement, dict[str, Any]]:
    (tmp_path / "program.py").write_text(PROGRAM)
    workplace = Workplace(choose_sandbox("process"), tmp_path, wording=WORDING, worker=how.pop("worker", 0))
    environment = {"SEEN": str(tmp_path / "copy.json"), **how.pop("environment", {})}
    start = ["{python}", "{study_dir}/program.py"]
    command = f"{' '.join(start)} {words}" if isinstance(words, str) else [*start, *words]
    evaluation = Evaluation(command=command, environment=environment, isolation="process", **how)
    target = build_target(evaluation, workplace)

    async def once() -> Measurement:
        await target.prepare()
        return await target.evaluate(CONFIGURATION, seed=7, fidelity=fidelity, required=("loss",))

    found = asyncio.run(once())
    copy = tmp_path / "copy.json"
    return found, json.loads(copy.read_text()) if copy.exists() else {}


def test_places_are_filled_in_words_environment_and_job(tmp_path: Path) -> None:
    words = [
        "{n}",
        "{twice}",
        "--ratio={ratio}",
        "{fast}",
        "{shape}",
        "{worker}",
        "{seed}",
        "{fidelity}",
        "--x={absent}",
    ]
    environment = {"OMP_NUM_THREADS": "{n}", "PLACE": "{work_dir}/a", "ABSENT": "{absent}"}
    found, told = seen(tmp_path, words, 27.0, worker=3, environment=environment)
    assert found.state == "complete"
    assert told["argv"] == ["4", "8", "--ratio=2", "--fast", "[64, 32]", "3", "7", "27"]
    assert told["environment"]["OMP_NUM_THREADS"] == "4"
    assert told["environment"]["PLACE"] == told["environment"]["HOME"] + "/a"
    assert "ABSENT" not in told["environment"]
    configuration = {"n": 4, "shape": [64, 32], "fast": True, "twice": 8, "ratio": 2}
    assert told["job"] == {"configuration": configuration, "seed": 7, "fidelity": 27}
    assert "27.0" not in json.dumps(told["job"])


def test_numbers_are_printed_with_a_point_whatever_the_users_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    _found, told = seen(tmp_path, [])
    assert told["environment"]["LC_NUMERIC"] == "C"
    assert told["environment"]["LANG"] == "de_DE.UTF-8"
    assert "LC_ALL" not in told["environment"]


def test_a_shell_runs_where_it_is_asked_for(tmp_path: Path) -> None:
    found, told = seen(tmp_path, "{n} $((1 + 1)) {fast} {absent} {shape} | tail -1", shell=True)
    assert found.state == "complete"
    assert told["argv"] == ["4", "2", "--fast", "[64, 32]"]


def test_a_port_is_free_and_stays_while_it_is(tmp_path: Path) -> None:
    _found, told = seen(tmp_path, ["{port}"])
    with socket.socket() as server:
        server.bind(("127.0.0.1", int(told["argv"][0])))


def test_cards_are_shared_out_and_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4, 6")
    assert graphics_cards() == [4, 6]
    assert seen(tmp_path, ["{gpu}"], worker=3)[1]["argv"] == ["6"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    with pytest.raises(InputError, match="this machine shows none"):
        seen(tmp_path, ["{gpu}"])


def test_a_derived_value_without_a_value_fails_the_evaluation_with_a_reason(tmp_path: Path) -> None:
    wording = Wording(derived={"ratio": "8 / n"})
    evaluation = Evaluation(command=["true", "{ratio}"], isolation="process")
    target = build_target(evaluation, Workplace(choose_sandbox("process"), tmp_path, wording=wording))
    found = asyncio.run(target.evaluate({"n": 0}, seed=1))
    assert (found.state, found.reason) == ("failed", "derived value 8 / n has no value")
