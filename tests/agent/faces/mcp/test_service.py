"""What the tools do beside a client: the order of news, how long answers are, whom they ask, where files may be."""

import asyncio
from pathlib import Path

import mcp.types as mcp
import pytest
from mcp import Client

from trimtab.agent.faces.mcp import service as module
from trimtab.agent.faces.mcp.answers import Applied
from trimtab.agent.faces.mcp.server import build
from trimtab.agent.faces.mcp.service import Service
from trimtab.agent.faces.worker import launch
from trimtab.agent.memory.store import Store
from trimtab.agent.run.proposals.opening import definition, start_study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial
from trimtab.tools.errors import InputError


@pytest.fixture
def service(store: Store, tmp_path: Path) -> Service:
    return Service(store, store.shown, tmp_path)


def test_no_trial_is_missed_or_doubled_where_they_end_out_of_order(service: Service, tmp_path: Path) -> None:
    store, study = service.store, make_study(tmp_path)
    stored = start_study(store, study)
    run, _new = store.add_run(study.name, definition(study), str(tmp_path))
    store.beat_run(run.id, "running", stored.key)
    trials = [Trial(number, Source.of("random"), Candidate({"x": number / 10}), started=1.0) for number in range(16)]

    def end(*numbers: int) -> None:
        for number in numbers:
            trials[number].state, trials[number].metrics = "complete", {"loss": 1.0}
            store.finish_trial(stored.id, trials[number], 1.0)

    def news(since: int) -> tuple[list[int], int]:
        found = service._status(store.run(run.id), since)
        return [each.trial for each in found.trials], found.next

    for trial in trials:
        store.start_trial(stored.id, trial)
    assert news(0) == ([], 0)
    end(0, 2, 3)
    assert news(0) == ([0], 1)
    assert news(1) == ([], 1)
    end(1, 5)
    assert news(1) == ([1, 2, 3], 4)
    end(4, *range(6, 16))
    assert news(4) == ([*range(4, 16)], 16)
    assert news(0) == ([*range(12)], 12)
    assert news(99) == ([], 99)
    store.release(stored.id, "finished")


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "link/x", "\0"])
def test_files_stay_below_the_folder(service: Service, tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to("/tmp")
    with pytest.raises(InputError, match="outside"):
        service._inside(name)


def test_a_password_of_the_store_is_no_argument_of_a_process(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], dict[str, str]]] = []

    class Popen:
        def __init__(self, command: list[str], *, env: dict[str, str], **_how: object) -> None:
            seen.append((command, env))

    monkeypatch.setattr("subprocess.Popen", Popen)
    secret = "postgresql+psycopg://me:pa55word@host/db"
    launch(service.store, secret, make_study(tmp_path))
    module._verification("small-1", secret)
    assert len(seen) == 2
    for command, environment in seen:
        assert "pa55word" not in " ".join(command)
        assert environment["TRIMTAB_STORE"] == secret


def test_answers_stay_short_with_many_parameters_and_failures(service: Service, tmp_path: Path) -> None:
    parameters = {f"a_parameter_{n}": {"type": "float", "low": 0, "high": 1, "default": 0.5} for n in range(40)}
    study = make_study(tmp_path, parameters=parameters, forbidden=[], evaluation={"command": ["true"]})
    store, stored = service.store, start_study(service.store, study)
    run, _new = store.add_run(study.name, definition(study), str(tmp_path))
    store.beat_run(run.id, "running", stored.key)
    for number in range(20):
        drawn = {name: number / 20 + index / 1e6 for index, name in enumerate(parameters)}
        trial = Trial(number, Source.of("random"), Candidate(drawn), started=1.0)
        store.start_trial(stored.id, trial)
        trial.state, trial.reason = ("failed", "boom " * 80) if number % 2 else ("complete", None)
        trial.metrics = {} if number % 2 else {"loss": 1.0}
        store.finish_trial(stored.id, trial, 1.0)
    seen, since = [], 0
    while len(seen) < 20:
        status = service._status(store.run(run.id), since)
        assert len(status.model_dump_json()) / 4 < 2000
        assert status.trials, "there is always something new"
        seen += [each.trial for each in status.trials]
        since = status.next
    assert seen == [*range(20)]
    failures = service.explain(run.id, "failures", None)
    assert len(failures.model_dump_json()) / 4 < 2000
    assert failures.lines[-1].startswith("trial 19: ")
    store.release(stored.id, "finished")


class Offering:
    """What the server asks of a service to apply."""

    wrote = 0

    def apply(self, run: str, file: str, confirm: bool) -> Applied:
        self.wrote += confirm
        return Applied(written=confirm, difference=f"+best of {run} in {file}", said="")


@pytest.mark.parametrize("mode", ["legacy", "auto"], ids=["sessions", "stateless"])
@pytest.mark.parametrize(("action", "write", "written"), [
    ("accept", True, True), ("accept", False, False), ("decline", True, False), ("cancel", True, False),
])  # fmt: skip
def test_a_file_is_written_once_the_person_behind_the_client_agreed(
    mode: str, action: str, write: bool, written: bool
) -> None:
    offering, asked = Offering(), []

    async def answer(_context: object, request: mcp.ElicitRequestFormParams) -> mcp.ElicitResult:
        asked.append(request.message)
        return mcp.ElicitResult(action=action, content={"write": write} if action == "accept" else None)

    async def act() -> None:
        async with Client(build(offering, allow_apply=False), mode=mode, elicitation_callback=answer) as client:
            shown = await client.call_tool("trimtab_apply", {"run": "r", "file": "f"})
            assert (shown.structured_content or {})["written"] is False
            assert asked == [], "nobody is asked about what is only shown"
            result = await client.call_tool("trimtab_apply", {"run": "r", "file": "f", "confirm": True})
            assert not result.is_error, result
            assert (result.structured_content or {})["written"] is written

    asyncio.run(act())
    assert asked == ["Write f?\n+best of r in f"]
    assert offering.wrote == written
