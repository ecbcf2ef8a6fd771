"""Stored definitions of other versions: compared by what they mean, and always readable."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from trimtab.agent.faces.cli import app
from trimtab.agent.memory.store import Store
from trimtab.agent.run.proposals.opening import definition, find_study, resume_study, start_study
from trimtab.agent.study import versions
from trimtab.agent.study.sections import Study
from trimtab.agent.study.stored import STAND_INS, read_definition
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import DEFAULT, Source
from trimtab.agent.trials.trial import Trial
from trimtab.tools.errors import InputError, TrimtabError

Rewrite = Callable[[dict[str, Any]], None]


def stored_as(store: Store, rewrite: Rewrite, version: int = 1, **sections: Any) -> Study:
    """Store a study with two trials, then rewrite its definition by hand, as another release may have written it."""
    study = make_study(**sections)
    stored = start_study(store, study)
    for number, source, loss in ((0, DEFAULT, 3.0), (1, Source("sampler", "tpe"), 1.0)):
        trial = Trial(number, source, Candidate({"x": loss / 10, "n": 3, "mode": "slow"}), started=1.0)
        store.start_trial(stored.id, trial)
        trial.state, trial.metrics = "complete", {"loss": loss}
        store.finish_trial(stored.id, trial, 1.0)
    store.release(stored.id, "interrupted")
    data = definition(study)
    rewrite(data)
    with sqlite3.connect(file_of(store)) as connection:
        connection.execute("update studies set definition = ?, definition_version = ?", [json.dumps(data), version])
    return study


def file_of(store: Store) -> str:
    return store.shown.removeprefix("sqlite:///")


def run_cli(*arguments: str) -> tuple[int, str]:
    """Run a command as its user does; return the exit code and all that was printed."""
    try:
        done = CliRunner().invoke(app, arguments, catch_exceptions=False)
    except TrimtabError as error:
        return error.exit_code, str(error)
    return done.exit_code, done.output


def without_defaults(data: dict[str, Any]) -> None:
    for section in ("check", "gate", "planner", "sampler", "model", "budget"):
        del data[section]
    for name in ("warmup", "timeout_s"):
        data["evaluation"].pop(name, None)
    del data["parameters"]["n"]["log"]
    data["parameters"]["n"]["log"] = True


def test_a_definition_of_before_a_field_had_a_name_means_its_default(store: Store) -> None:
    study = stored_as(store, without_defaults)
    assert resume_study(store, study).key == "small-1"
    assert store.study("small-1").definition == definition(study)


def test_a_field_that_a_later_definition_sets_otherwise_still_counts(store: Store) -> None:
    stored_as(store, without_defaults)
    with pytest.raises(InputError, match=r"cannot resume small-1: evaluation\.timeout_s changed"):
        resume_study(store, make_study(evaluation={"timeout_s": 1.0}))


def test_equal_meanings_may_be_written_differently(store: Store) -> None:
    def rewrite(data: dict[str, Any]) -> None:
        data["gate"] = "bandit"
        data["parameters"]["x"] |= {"low": -1, "high": 1}
        data["parameters"] = dict(reversed(data["parameters"].items()))

    assert resume_study(store, stored_as(store, rewrite)).key == "small-1"


def test_more_may_be_forbidden_on_resume_but_not_less(store: Store) -> None:
    more = [{"when": "mode == 'unsafe'", "reason": "it loses data"}, {"when": "n > 60", "reason": "too many"}]
    stored_as(store, lambda _data: None)
    assert resume_study(store, make_study(forbidden=more)).key == "small-1"
    store.release(1, "interrupted")
    with pytest.raises(InputError, match="forbidden changed"):
        resume_study(store, make_study(forbidden=[]))


def test_a_field_that_is_unknown_today_means_nothing(store: Store) -> None:
    def rewrite(data: dict[str, Any]) -> None:
        data["evaluation"]["nice"] = 5
        data["notes"] = ["of another release"]
        data["parameters"]["x"]["colour"] = "red"

    study = stored_as(store, rewrite)
    assert find_study(store, "small").left_out == ["parameters.x.colour", "notes", "evaluation.nice"]
    assert resume_study(store, study).key == "small-1"


def test_what_was_measured_and_cannot_be_read_today_is_not_compared(store: Store) -> None:
    study = stored_as(store, lambda data: data["evaluation"].update(timeout_s="a while"))
    with pytest.raises(InputError, match=r"cannot read evaluation\.timeout_s"):
        resume_study(store, study)


def test_what_may_change_anyway_may_also_be_unreadable(store: Store) -> None:
    study = stored_as(store, lambda data: data.update(sampler={"name": 7}, budget="much"))
    assert resume_study(store, study).key == "small-1"


def test_a_study_of_a_newer_release_is_shown_but_not_resumed(store: Store) -> None:
    study = stored_as(store, lambda data: data.update(target={"kind": "cassandra"}), version=versions.VERSION + 1)
    assert find_study(store, "small").left_out == ["target"]
    with pytest.raises(InputError, match=r"a newer trimtab wrote it \(update trimtab\)"):
        resume_study(store, study)


def renamed_step(data: dict[str, Any]) -> dict[str, Any]:
    """What a release that renamed `evaluation.run` to `evaluation.command`, and `limits`, would append."""
    evaluation = data.get("evaluation", {})
    if "run" in evaluation:
        evaluation["command"] = evaluation.pop("run")
    if "limits" in data:
        data["budget"] = data.pop("limits")
    return data


def test_upgrades_bring_renamed_fields_and_sections_up_to_date(
    store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def rewrite(data: dict[str, Any]) -> None:
        data["evaluation"]["run"] = data["evaluation"].pop("command")
        data["limits"] = data.pop("budget")

    study = stored_as(store, rewrite, version=versions.VERSION, budget={"trials": 7})
    monkeypatch.setattr(versions, "UPGRADES", [*versions.UPGRADES, renamed_step])
    found = find_study(store, "small")
    assert found.left_out == []
    assert found.study.evaluation.command == study.evaluation.command
    assert found.study.budget.trials == 7
    assert resume_study(store, study).key == "small-1"


def test_upgrades_run_from_the_stored_version_on_and_leave_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [lambda data, n=n: {**data, "done": [*data.get("done", []), n]} for n in (1, 2, 3)]
    monkeypatch.setattr(versions, "UPGRADES", steps)
    given = {"done": ["before"]}
    assert versions.upgraded(given, 2) == {"done": ["before", 2, 3]}
    assert versions.upgraded(given, 4) == given
    assert given == {"done": ["before"]}


def test_todays_version_is_stored_with_todays_definition(store: Store) -> None:
    start_study(store, make_study())
    assert store.study("small").definition_version == versions.VERSION


@pytest.mark.parametrize(
    ("rewrite", "still_has_an_incumbent"),
    [
        (lambda data: data["parameters"]["x"].update(type="permutation"), True),
        (lambda data: data["parameters"].clear(), True),
        (lambda data: data.pop("evaluation"), True),
        (lambda data: data["evaluation"].update(command=None, target="postgresql"), True),
        (lambda data: data["evaluation"].pop("command"), True),
        (lambda data: data.update(constraints="none", focus={"x": {}}, forbidden=[{"if": "x"}]), True),
        (lambda data: data["study"].update(name="not a name!"), True),
        (lambda data: data["objectives"][0].update(direction="min"), False),
        (lambda data: data.pop("objectives"), False),
        (lambda data: data.clear(), False),
    ],
)
def test_any_stored_study_is_shown_and_exported_and_its_trials_applied(
    rewrite: Rewrite, still_has_an_incumbent: bool, store: Store, tmp_path: Path
) -> None:
    stored_as(store, rewrite)
    code, said = run_cli("show", "small-1", "--store", store.shown, "--all")
    assert code == 0
    assert "note: small-1 was defined for another trimtab; left out: " in said
    assert "x=0.1" in said.replace(" ", "")
    assert ("incumbent: trial 1" in said) == still_has_an_incumbent
    assert run_cli("show", "small-1", "--trial", "1", "--store", store.shown)[0] == 0
    csv, whole, file = tmp_path / "t.csv", tmp_path / "t.json", tmp_path / "applied.json"
    assert run_cli("export", "small-1", "--csv", str(csv), "--json", str(whole), "--store", store.shown)[0] == 0
    assert "0.1" in csv.read_text().splitlines()[2].split(",")
    assert json.loads(whole.read_text())["trials"][1]["metrics"] == {"loss": 1.0}
    assert run_cli("apply", "small-1", str(file), "--trial", "1", "--yes", "--store", store.shown)[0] == 0
    assert json.loads(file.read_text()) == {"x": 0.1, "n": 3, "mode": "slow"}
    code, said = run_cli("export", "small-1", "--optuna", f"sqlite:///{tmp_path / 'o.db'}", "--store", store.shown)
    assert (code == 0) == still_has_an_incumbent
    assert code == 0 or "its objectives cannot be read" in said


def test_a_template_that_cannot_be_read_is_not_replaced_by_json(store: Store, tmp_path: Path) -> None:
    stored_as(store, lambda data: data.update(apply={"pattern": "x = {x}"}))
    code, said = run_cli("apply", "small-1", str(tmp_path / "f"), "--trial", "1", "--yes", "--store", store.shown)
    assert (code, (tmp_path / "f").exists()) == (2, False)
    assert "its [apply] cannot be read" in said


def test_there_is_a_stand_in_for_every_section_that_a_study_needs() -> None:
    needed = {name for name, field in Study.model_fields.items() if field.is_required()}
    assert needed == STAND_INS.keys()
    assert Study.model_validate(STAND_INS)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(data=st.data())
def test_whatever_stands_in_a_definition_it_is_read(data: st.DataObject) -> None:
    found = definition(
        make_study(fidelity={"high": 9}, constraints=[{"metric": "m", "max": 1.0}], apply={"template": ""})
    )
    for _ in range(data.draw(st.integers(1, 3))):
        inside: Any = found
        while True:
            place = data.draw(st.sampled_from(list(inside) if isinstance(inside, dict) else range(len(inside))))
            if isinstance(inside[place], dict | list) and inside[place] and data.draw(st.booleans()):
                inside = inside[place]
                continue
            inside[place] = data.draw(JSON)
            break
    reading = read_definition(found, versions.VERSION, Path("/somewhere"))
    assert reading.study.directory == Path("/somewhere")
    assert reading.study.space.default
