"""What samplers learn of trials with edited code, and whose code they go on from."""

from collections import Counter
from pathlib import Path

from trimtab.agent.study.sections import Study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.branches import Branches, branch_of, next_branch, seen_on
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial

X = {"type": "int", "low": 0, "high": 99, "default": 0}
FAST = '{"result": "fast", "edits": []}'
SLOW = '{"result": "slow", "edits": []}'


def study() -> Study:
    return make_study(parameters={"x": X}, forbidden=[], evaluation={"command": ["true", "{x}"]})


def trial(number: int, x: int, loss: float, patch: str | None = None, parent: int | None = None) -> Trial:
    source = Source("sampler", "random") if number else Source("default")
    return Trial(number, source, Candidate({"x": x}, patch), "complete", {"loss": loss}, parent=parent)


def test_the_effect_of_an_edit_is_divided_out_where_both_had_the_same_configuration() -> None:
    branches, trials = Branches(study()), [trial(0, 1, 10.0), trial(1, 1, 5.0, FAST), trial(2, 7, 4.0, FAST)]
    told = [branches.levelled(each, trials).metrics["loss"] for each in trials]
    assert told == [10.0, 10.0, 8.0]
    assert trials[2].metrics["loss"] == 4.0


def test_without_such_a_pair_its_parent_is_taken() -> None:
    branches, trials = Branches(study()), [trial(0, 1, 10.0), trial(1, 5, 2.0, FAST, parent=0), trial(2, 1, 3.0, FAST)]
    assert [branches.levelled(each, trials).metrics["loss"] for each in trials] == [10.0, 10.0, 15.0]
    later = trial(3, 9, 1.0, SLOW, parent=1)
    assert branches.levelled(later, [*trials, later]).metrics["loss"] == 10.0


def test_what_cannot_be_compared_stays_as_it_is() -> None:
    branches = Branches(study())
    failed = Trial(1, Source("planner"), Candidate({"x": 1}, FAST), "failed")
    assert branches.levelled(failed, [failed]) is failed
    alone = trial(1, 1, 5.0, FAST, parent=4)
    assert branches.levelled(alone, [alone]) is alone


def turns_of(second: float, spread: float) -> list[str]:
    """Return which branch has its turn for 20 trials, where the best of two is at 5 and nothing gets better."""
    trials = [trial(0, 1, 10.0), trial(1, 1, 5.0, FAST), trial(2, 2, 5.0 * spread, FAST), trial(3, 1, second, SLOW)]
    history, turns = History(study(), trials), []
    for number in range(4, 24):
        base = next_branch(history)
        assert base is not None
        turns.append(branch_of(base))
        found = trial(number, number, 5.0 * spread, base.candidate.patch)
        history.add(found)
        history.update(found)
    return turns


def test_a_branch_that_may_be_better_gets_its_turns_and_one_that_is_far_behind_none() -> None:
    near, behind, far = (Counter(turns_of(second, 2.0)) for second in (5.1, 6.0, 500.0))
    assert near["slow"] >= 6 and near["fast"] >= 6
    assert 1 <= behind["slow"] < near["slow"]
    assert far["slow"] == 0
    assert Counter(turns_of(8.0, 1.01)) == {"fast": 20}  # parameters do so little that they cannot make up for it


def test_the_trial_gone_on_from_is_the_best_of_its_branch() -> None:
    trials = [
        trial(0, 1, 10.0),
        trial(1, 1, 5.0, FAST),
        trial(2, 2, 9.0, FAST),
        trial(3, 1, 5.2, SLOW),
        trial(4, 2, 6.0, SLOW),
    ]
    history = History(study(), [*trials, *(trial(n, n, 9.0, FAST) for n in range(5, 12))])
    base = next_branch(history)
    assert base is not None and base.number == 3
    assert sorted(seen_on(history, SLOW).values()) == [3, 4]
    assert len(seen_on(history, None)) == 1
    assert next_branch(History(study())) is None


def test_with_branches_best_it_is_always_the_incumbent(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("x = 1\n")
    code = {"project": "src", "editable": ["a.py"], "branches": "best"}
    data = {
        "study": {"name": "s"},
        "parameters": {"x": X},
        "objectives": [{"metric": "loss", "direction": "minimize"}],
        "target": {"kind": "command", "command": "true {x} {code}", "code": code},
    }
    of = Study.model_validate(data)
    trials = [
        trial(0, 1, 10.0),
        trial(1, 1, 5.0, FAST),
        trial(2, 1, 5.001, SLOW),
        *(trial(n, n, 50.0, FAST) for n in range(3, 12)),
    ]
    base, other = next_branch(History(of, trials)), next_branch(History(study(), trials))
    assert base is not None and other is not None
    assert (base.number, other.number) == (1, 2)
