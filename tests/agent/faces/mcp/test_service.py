"""What the tools do beside a client: the order of news, and where files may be."""

from pathlib import Path

import pytest

from trimtab.agent.faces.mcp import service as module
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
