"""What samplers learn of trials with edited code, and whose code they go on from."""

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


def test_samplers_go_on_from_the_best_code_and_each_fifth_time_from_the_second_best() -> None:
    trials = [trial(0, 1, 10.0), trial(1, 1, 5.0, FAST), trial(2, 1, 7.0, SLOW)]
    history = History(study(), trials)
    turns = []
    for number in range(3, 9):
        base = next_branch(history)
        assert base is not None
        turns.append(branch_of(base))
        found = trial(number, number, 6.0, base.candidate.patch)
        history.add(found)
        history.update(found)
    assert turns == ["fast", "fast", "slow", "fast", "fast", "fast"]
    assert sorted(seen_on(history, SLOW).values()) == [2, 5]
    assert len(seen_on(history, None)) == 1
    assert next_branch(History(study())) is None
