"""The incumbent and the Pareto front, against the definitions written out in full."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.agent.study.sections import Study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial

METRICS = ("a", "b", "c")
FEW = st.sampled_from([-1.0, 0.0, -0.0, 1.0, 2.5, 1e300])  # so that ties and duplicates are common


def objectives(count: int) -> list[dict[str, Any]]:
    ways = ("minimize", "maximize", "minimize")
    return [{"metric": METRICS[index], "direction": ways[index]} for index in range(count)]


def finished(number: int, row: Sequence[float], state: Any = "complete", mode: str = "slow") -> Trial:
    trial = Trial(number, Source("sampler", "random"), Candidate({"x": 0.0, "n": 1, "mode": mode}), state=state)
    trial.metrics = {**dict(zip(METRICS, row, strict=False)), "joules": row[-1]}
    return trial


def front_by_definition(study: Study, trials: list[Trial]) -> list[Trial]:
    def point(trial: Trial) -> tuple[float, ...]:
        return study.losses(trial.metrics) + ((trial.metrics["joules"],) if study.cost else ())

    def dominates(one: Trial, other: Trial) -> bool:
        pairs = list(zip(point(one), point(other), strict=True))
        return all(a <= b for a, b in pairs) and any(a < b for a, b in pairs)

    members = [each for each in trials if not any(dominates(other, each) for other in trials)]
    return sorted(members, key=lambda each: (point(each), each.number))


def compromise_by_definition(study: Study, front: list[Trial]) -> Trial:
    losses = [study.losses(each.metrics) for each in front]

    def rank(mine: tuple[float, ...]) -> int:
        return sum(sum(other[goal] < mine[goal] for other in losses) for goal in range(len(mine)))

    return min(front, key=lambda each: (rank(study.losses(each.metrics)), each.number))


@given(data=st.data(), goals=st.integers(2, 3), cost=st.booleans())
def test_front_and_incumbent_of_several_objectives_are_those_of_the_definitions(
    data: st.DataObject, goals: int, cost: bool
) -> None:
    study = make_study(objectives=objectives(goals), **({"cost": {"metric": "joules"}} if cost else {}))
    rows = data.draw(st.lists(st.tuples(*[FEW] * (goals + 1)), min_size=1, max_size=25))
    states = data.draw(st.lists(st.sampled_from(["complete", "complete", "failed", "infeasible"]), min_size=25))
    history, counted, incumbent = History(study), list[Trial](), None
    trials = [finished(number, row, states[number]) for number, row in enumerate(rows)]
    for trial in trials:
        history.add(trial)
    for trial in data.draw(st.permutations(trials)):  # workers end in any order
        improved = history.update(trial)
        counted += [trial] if trial.state == "complete" else []
        front = front_by_definition(study, counted)
        before, incumbent = incumbent, compromise_by_definition(study, front) if front else None
        assert history.front() == front
        assert history.incumbent is incumbent
        assert improved == (incumbent is not before)


@given(rows=st.lists(st.tuples(FEW, FEW), min_size=1, max_size=12), cost=st.booleans())
def test_one_objective_has_the_earliest_best_as_incumbent(rows: list[tuple[float, float]], cost: bool) -> None:
    study = make_study(objectives=objectives(1), **({"cost": {"metric": "joules"}} if cost else {}))
    trials = [finished(number, row) for number, row in enumerate(rows)]
    history = History(study, trials)
    assert history.front() == front_by_definition(study, trials)
    assert history.incumbent is min(trials, key=lambda each: each.metrics["a"])


def test_what_a_person_forbade_is_neither_incumbent_nor_on_the_front() -> None:
    study = make_study(objectives=objectives(2))  # which forbids mode == 'unsafe'
    trials = [finished(0, (1.0, 1.0)), finished(1, (0.0, 2.0), mode="unsafe"), finished(2, (2.0, 2.0))]
    history = History(study, trials)
    assert history.front() == [trials[0], trials[2]]
    single = History(make_study(objectives=objectives(1)), trials)
    assert (single.front(), single.incumbent) == ([trials[0]], trials[0])


def test_a_snapshot_stays_while_the_study_goes_on() -> None:
    history = History(make_study(objectives=objectives(2)), [finished(0, (1.0, 1.0))])
    before = history.snapshot()
    history.add(better := finished(1, (0.0, 2.0)))
    history.update(better)
    assert [each.number for each in before.front()] == [0]
    assert [each.number for each in history.front()] == [1]


@pytest.mark.parametrize("goals", [1, 2])
def test_nothing_complete_is_no_front(goals: int) -> None:
    history = History(make_study(objectives=objectives(goals)), [finished(0, (1.0, 1.0), "failed")])
    assert (history.front(), history.incumbent) == ([], None)
