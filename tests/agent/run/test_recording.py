"""A recording holds the measurements too: a replay repeats a run exactly, and nothing is asked or run."""

import asyncio
import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent import events
from trimtab.agent.memory.store import Store
from trimtab.agent.models.recording import RecordingMismatchError, RecordingReader, RecordingWriter, differing
from trimtab.agent.models.scripted import Reply, ScriptedEndpoint, answer
from trimtab.agent.planners.base import Setup
from trimtab.agent.planners.model import build
from trimtab.agent.run.session import Session
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.tools.errors import InputError, TrimtabError


def ideas(_request: dict[str, Any]) -> Reply:
    rng = random.Random(_request["messages"][-1]["content"])
    values = [{"x": rng.uniform(-1, 1), "n": rng.randint(1, 64), "mode": "slow"} for _ in range(3)]
    predicted = {"expected": 1.0, "low": 0.5, "high": 2.0}
    made = answer(json.dumps({"proposals": [{"values": each, "predicted": predicted} for each in values]}))
    return Reply(made.status, made.body, delay_s=0.02)


class Noisy(FunctionExecutor):
    """Never measures the same twice."""

    def __init__(self, workers: int = 1) -> None:
        self.noise = random.Random()
        super().__init__(self.measure, workers=workers, delay_s=0.01)

    def measure(self, configuration: Mapping[str, Any], _seed: int) -> dict[str, float]:
        if configuration["n"] == 13:
            raise ValueError("thirteen never works")
        return {"loss": 1 + abs(configuration["x"]) + self.noise.random()}


def run(store: Store, endpoint: ScriptedEndpoint, executor: Any, workers: int = 1, **how: Any) -> list[events.Event]:
    study = make_study(
        budget={"trials": 16},
        evaluation={"workers": workers},
        check={"ablation": False},
        study={"description": how.pop("description", "")},
        planner={"name": "model"},
        model={"name": "scripted", "base_url": endpoint.base_url, "capability": "json_schema"},
    )

    async def collect() -> list[events.Event]:
        session = Session.start(study, store, build(Setup(study, store, **how)))
        return [event async for event in session.run(executor)]

    return asyncio.run(collect())


def told(found: list[events.Event]) -> list[dict[str, Any]]:
    """Return what a run did, in order of its trials, without times and names; a thought that the end of the run cuts
    off is counted as it comes."""
    kinds = events.TrialStarted | events.TrialFinished | events.EvaluationFinished | events.StudyFinished
    timed = {"time", "study", "budget", "waited_s", "sandbox", "planner_reason", "calls", "problems"}
    rows = [each.model_dump(exclude=timed) for each in found if isinstance(each, kinds)]
    return sorted(rows, key=lambda row: (row.get("trial") if isinstance(row.get("trial"), int) else 99, row["event"]))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_replay_repeats_a_noisy_run_exactly_and_runs_nothing(store: Store, tmp_path: Path, workers: int) -> None:
    recording, again = tmp_path / "run.jsonl", Noisy(workers)
    with ScriptedEndpoint(otherwise=ideas) as endpoint:
        recorded = run(store, endpoint, Noisy(workers), workers, record=recording)
        sent = len(endpoint.requests)
        replayed = run(store, endpoint, again, workers, replay=recording)
        assert len(endpoint.requests) == sent
    assert again.jobs == []
    assert told(replayed) == told(recorded)
    assert any(each.source == "planner" for each in recorded if isinstance(each, events.TrialStarted))


def test_the_models_answers_alone_are_played_in_order_even_where_prompts_have_changed(
    store: Store, tmp_path: Path
) -> None:
    recording, again = tmp_path / "run.jsonl", Noisy()
    with ScriptedEndpoint(otherwise=ideas) as endpoint:
        recorded = run(store, endpoint, Noisy(), record=recording)
        sent = len(endpoint.requests)
        played = run(store, endpoint, again, replay_model=recording, description="told otherwise")
        assert len(endpoint.requests) == sent
    assert len(again.jobs) >= 16
    tried = [
        [e.configuration["x"] for e in found if isinstance(e, events.TrialStarted) and e.source == "planner"]
        for found in (recorded, played)
    ]
    assert tried[1][:2] == tried[0][:2]


def test_a_strict_replay_shows_the_words_that_differ(store: Store, tmp_path: Path) -> None:
    recording = tmp_path / "run.jsonl"
    with ScriptedEndpoint(otherwise=ideas) as endpoint:
        run(store, endpoint, Noisy(), record=recording, description="a small cache in front of a disk")
        with pytest.raises(RecordingMismatchError, match="recorded 'small', asked 'large'"):
            run(store, endpoint, Noisy(), replay=recording, description="a large cache in front of a disk")
    assert differing(["a", "b", "c", "d"], ["a", "b", "c", "d"]) == ""


def test_a_replay_of_another_study_says_which_measurement_is_missing(store: Store, tmp_path: Path) -> None:
    recording = tmp_path / "run.jsonl"
    with ScriptedEndpoint(otherwise=ideas) as endpoint:
        run(store, endpoint, Noisy(), record=recording)
        lines = recording.read_text().splitlines()
        measured = [line for line in lines if json.loads(line)["kind"] == "evaluation"]
        recording.write_text("\n".join(line for line in lines if line not in measured[1:]))
        with pytest.raises(TrimtabError, match="holds no measurement of"):
            run(store, endpoint, Noisy(), replay=recording)


def test_a_recording_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "run.jsonl").write_text("precious")
    with pytest.raises(InputError, match="it is there already"):
        RecordingWriter(tmp_path / "run.jsonl", {})
    assert (tmp_path / "run.jsonl").read_text() == "precious"


def test_an_older_recording_plays_as_the_model(tmp_path: Path) -> None:
    lines = [{"kind": "model", "format": 1, "provider": "openai", "name": "old", "capability": "text"}]
    lines += [
        {"kind": "call", "fingerprint": str(number), "occurrence": 0, "request": {"messages": []}, "response": number}
        for number in range(2)
    ]
    (tmp_path / "old.jsonl").write_text("\n".join(map(json.dumps, lines)))
    player = RecordingReader(tmp_path / "old.jsonl", calls_only=True)
    given = [player.find({"messages": [{"role": "user", "content": text}]}) for text in "abc"]
    assert [each and each["response"] for each in given] == [0, 1, None]
