"""A study that is looked at again and again is as it is in the store, whatever was read before."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from trimtab.agent.faces.mcp.looks import Looks
from trimtab.agent.memory.store import Store
from trimtab.agent.memory.store.rows import StoredStudy
from trimtab.agent.run.proposals.opening import definition, find_study, start_study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial


@pytest.fixture
def stored(store: Store, tmp_path: Path) -> Iterator[StoredStudy]:
    stored = start_study(store, make_study(tmp_path))
    yield stored
    store.release(stored.id, "finished")


def trial(number: int) -> Trial:
    return Trial(number, Source.of("random"), Candidate({"x": number / 100, "n": 3, "mode": "slow"}), started=1.0)


def end(store: Store, study_id: int, ended: Trial, loss: float) -> None:
    ended.state, ended.metrics = "complete", {"loss": loss}
    store.finish_trial(study_id, ended, 1.0)


def test_what_ended_since_is_seen_in_any_order(store: Store, stored: StoredStudy) -> None:
    looks, trials = Looks(store), [trial(number) for number in range(8)]
    for step, losses in enumerate(({0: 5.0}, {3: 2.0, 1: 3.0}, {2: 4.0, 4: 1.0}, {6: 9.0}, {5: 0.5, 7: 2.0})):
        for each in trials[step * 2 : step * 2 + 2]:
            store.start_trial(stored.id, each)
        for number, loss in losses.items():
            if number >= step * 2 + 2:
                continue
            end(store, stored.id, trials[number], loss)
        seen, true = looks.find(stored.key).history, find_study(store, stored.key).history
        assert seen.trials == true.trials
        assert seen.incumbent == true.incumbent
        assert seen.seen == true.seen


def test_what_had_ended_is_not_read_again(store: Store, stored: StoredStudy, monkeypatch: pytest.MonkeyPatch) -> None:
    looks, trials, read = Looks(store), [trial(number) for number in range(6)], []
    really = store.trials

    def noting(study_id: int, since: int = 0) -> list[Trial]:
        read.append(since)
        return really(study_id, since)

    monkeypatch.setattr(store, "trials", noting)
    for each in trials:
        store.start_trial(stored.id, each)
    for each in trials[:5]:
        end(store, stored.id, each, 1.0)
    looks.find(stored.key)
    assert len(looks.find(stored.key).history.finished) == 5
    end(store, stored.id, trials[5], 0.1)
    found = looks.find(stored.key)
    assert found.history.incumbent is not None
    assert found.history.incumbent.number == 5
    assert read == [0, 5, 5]


def test_a_changed_definition_and_trials_that_went_are_seen(store: Store, stored: StoredStudy) -> None:
    looks, study = Looks(store), find_study(store, stored.key).study
    store.start_trial(stored.id, trial(0))
    assert looks.find(stored.key).study.budget.trials == study.budget.trials
    more = study.model_copy(update={"budget": study.budget.model_copy(update={"trials": 99})})
    store.set_definition(stored.id, definition(more))
    assert looks.find(stored.key).study.budget.trials == 99
    with store._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM trials")
    assert looks.find(stored.key).history.trials == []
