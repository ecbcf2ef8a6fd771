"""Recall: the best of the most similar studies, against its definition written out in full."""

import itertools
import json
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.agent.memory.recall import recall
from trimtab.agent.memory.store import Store
from trimtab.agent.memory.store.profiles import Profile, Similar
from trimtab.agent.memory.store.rows import StoredStudy
from trimtab.agent.run.proposals.opening import definition
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import make_study, small_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial

KNOBS: dict[str, dict[str, Any]] = {
    "a": {"type": "int", "low": 1, "high": 9, "default": 1},
    "b": {"type": "int", "low": 1, "high": 9, "default": 1, "unit": "MB"},
    "c": {"type": "float", "low": 0, "high": 1, "default": 0.5},
    "d": {"type": "bool", "default": True},
    "e": {"type": "categorical", "choices": ["x", "y"], "default": "x"},
}


def study_with(names: list[str], system: str | None = None, metric: str = "loss", name: str = "small") -> Study:
    sections = small_study(
        study={"name": name, **({"system": system} if system else {})},
        parameters={each: KNOBS[each] for each in names},
        forbidden=[],
        objectives=[{"metric": metric, "direction": "minimize"}],
        evaluation={"command": ["true"]},
    )
    return Study.model_validate(sections)  # systems need no catalogue here


def added(store: Store, study: Study) -> StoredStudy:
    return store.create_study(study.name, definition(study), "/", Profile.of(study), {})


def measured(store: Store, study: Study, *losses: float, state: Any = "complete") -> str:
    stored = added(store, study)
    for number, loss in enumerate(losses):
        trial = Trial(
            number, Source("sampler", "tpe"), Candidate({**study.space.default, "a": number + 1}), started=1.0
        )
        store.start_trial(stored.id, trial)
        trial.state, trial.metrics = state, {study.objectives[0].metric: loss}
        store.finish_trial(stored.id, trial, 1.0)
    store.release(stored.id, "finished")
    return stored.key


def similarity_by_definition(one: Study, other: Study) -> float:
    """Shared parameters over all; 0.8 of it when the systems may differ; 0 when the objectives differ."""
    if [each.identity for each in one.objectives] != [each.identity for each in other.objectives]:
        return 0.0
    mine, theirs = ({(name, p.type, p.unit) for name, p in each.parameters.items()} for each in (one, other))
    overlap = len(mine & theirs) / len(mine | theirs)
    return overlap if one.study.system is not None and one.study.system == other.study.system else 0.8 * overlap


STUDIES = st.builds(
    study_with,
    st.lists(st.sampled_from(sorted(KNOBS)), min_size=1, unique=True),
    st.sampled_from([None, "sqlite", "postgresql"]),
    st.sampled_from(["loss", "other"]),
)


@settings(max_examples=40)
@given(others=st.lists(STUDIES, max_size=25), mine=STUDIES, at_least=st.sampled_from([0.0, 0.4, 0.8]), data=st.data())
def test_similar_studies_come_by_similarity_then_age(
    others: list[Study], mine: Study, at_least: float, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(f"sqlite:///{folder}/store.db", power_safe=False)
        there = [(added(store, each), similarity_by_definition(mine, each)) for each in others]
        excluded = data.draw(st.sampled_from([None, *(stored.key for stored, _score in there)]))
        expected = sorted(
            ((-score, -stored.id, stored.key) for stored, score in there if score > 0 and score >= at_least),
        )
        found = list(store.similar(Profile.of(mine), at_least, excluded))
        store.close()
    wanted = [Similar(-number, key, -score) for score, number, key in expected if key != excluded]
    assert found == wanted


def test_recall_returns_the_best_of_each_of_the_most_similar(store: Store) -> None:
    mine = study_with(["a", "b", "c"])
    measured(store, study_with(["a", "b"]), 3.0, 1.0, 2.0)
    measured(store, mine, 9.0, 8.0)
    measured(store, mine, 6.0, 7.0)
    measured(store, study_with(["a", "b", "c"], metric="other"), 0.1)
    measured(store, study_with(["a", "d", "e"]), 0.1)
    found = recall(store, mine)
    assert [(each.key, dict(each.metrics)["loss"]) for each in found] == [
        ("small-3", 6.0),
        ("small-2", 8.0),
        ("small-1", 1.0),
    ]
    assert found[2].configuration["a"] == 2
    assert [each.key for each in recall(store, mine, exclude="small-3", limit=1)] == ["small-2"]


def test_studies_without_a_usable_trial_are_passed_over_however_many_there_are(store: Store) -> None:
    mine = study_with(["a", "b"])
    measured(store, mine, 5.0)
    for _ in range(45):
        measured(store, mine)
    measured(store, mine, 1.0, state="failed")
    measured(store, mine, 1.0, state="infeasible")
    assert [each.key for each in recall(store, mine)] == ["small-1"]


def test_recall_judges_by_the_asking_study(store: Store) -> None:
    measured(store, make_study(), 3.0, 2.0, 1.0)
    strict = make_study(constraints=[{"metric": "memory", "max": 1.0}])
    assert recall(store, strict) == []  # nobody measured its memory


def test_studies_of_before_profiles_are_recalled_after_the_migration(tmp_path: Path) -> None:
    url, mine = f"sqlite:///{tmp_path / 'store.db'}", study_with(["a", "b"], "sqlite")
    store = Store(url)
    measured(store, mine, 5.0)
    store.close()
    with sqlite3.connect(tmp_path / "store.db") as connection:
        old = {"system": "sqlite", "parameters": ["a:int:", "b:int:MB"], "objectives": [["loss", "minimize", None]]}
        connection.execute("update studies set traits = ?", [json.dumps(old, sort_keys=True)])
        connection.execute("drop table profiles")
        connection.execute("drop table profile_traits")
        connection.execute("drop index ix_studies_profile_id")
        connection.execute("alter table studies drop column profile_id")
        connection.execute("update trimtab_meta set version = 4")
    store = Store(url)
    measured(store, mine, 6.0)
    assert [(each.key, each.similarity) for each in recall(store, mine)] == [("small-2", 1.0), ("small-1", 1.0)]


def test_names_types_and_units_tell_parameters_apart() -> None:
    kinds = [{"type": "int", "low": 1, "high": 9, "default": 1}, {"type": "float", "low": 1, "high": 9, "default": 1}]
    knobs = [{**kind, "unit": unit} for kind, unit in itertools.product(kinds, ["", "MB"])]
    studies = [
        make_study(parameters={name: knob}, forbidden=[], evaluation={"command": ["true"]})
        for name in "xy"
        for knob in knobs
    ]
    assert len({Profile.of(each).traits for each in studies}) == len(studies)
