from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.faces.commands.studies import print_studies
from trimtab.agent.memory.store import Store
from trimtab.agent.run.proposals.opening import start_study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import DEFAULT
from trimtab.agent.trials.trial import Trial

IMPROVED = {"improved": True, "ratio": 1.5, "verdict": "improved"}
UNCHANGED = {"improved": False, "ratio": 1.01, "verdict": "no reliable improvement"}


def studied(store: Store, tmp_path: Path, name: str, trials: int, check: dict[str, Any] | None) -> None:
    stored = start_study(store, make_study(tmp_path, study={"name": name}))
    for number in range(trials):
        store.start_trial(stored.id, Trial(number, DEFAULT, Candidate({"x": 0.0}), started=1.0))
    if check is not None:
        store.set_result(stored.id, {"check": check})
    store.release(stored.id, "finished" if check else "interrupted")


def test_studies_are_listed_newest_first_with_their_trials_and_checks(
    store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    studied(store, tmp_path, "first", 3, IMPROVED)
    studied(store, tmp_path, "second-and-long", 12, UNCHANGED)
    studied(store, tmp_path, "third", 0, None)
    print_studies(store.shown)
    head, *lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert head == ["study", "state", "trials", "started", "check"]
    assert [[*line[:3], " ".join(line[5:])] for line in lines] == [
        ["third-1", "interrupted", "0", ""],
        ["second-and-long-1", "finished", "12", "no reliable improvement"],
        ["first-1", "finished", "3", "1.50x"],
    ]


def test_an_empty_store_says_so(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    print_studies(store.shown)
    assert capsys.readouterr().out == f"no studies in {store.shown}\n"
