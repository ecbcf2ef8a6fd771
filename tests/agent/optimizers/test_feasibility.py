"""Where constraints hold: learned from how much they were broken, not only from whether."""

import numpy as np
import pytest

from trimtab.agent.optimizers.feasibility import Feasibility, probability_of, scaled
from trimtab.agent.optimizers.forest import Forest
from trimtab.agent.optimizers.kriging import GaussianProcess
from trimtab.evals.bench.constrained import TASKS, cell


def line(count: int) -> np.ndarray:
    return np.linspace(0, 1, count)[:, None]


@pytest.mark.parametrize("build", [lambda: GaussianProcess(1), lambda: Forest(0)], ids=["process", "forest"])
def test_the_border_is_found_between_the_points_that_were_measured(build) -> None:
    points = line(9)
    works = Feasibility(build).fit(points, [{"over": float(x - 0.6) * 100} for x in points[:, 0]])
    assert works is not None
    inside, outside = works(np.array([[0.3]]))[0], works(np.array([[0.9]]))[0]
    assert inside > 0.9
    assert outside < 0.1


def test_a_process_knows_how_far_the_border_is_and_a_point_beside_it_stays_possible() -> None:
    points = line(7)
    works = Feasibility(lambda: GaussianProcess(1)).fit(points, [{"over": float(x - 0.58)} for x in points[:, 0]])
    assert works is not None
    far, near, broken = works(np.array([[0.1], [0.57], [0.75]]))
    assert far > 0.95 > near > 0.02 > broken


def test_constraints_that_always_held_cost_nothing_and_all_others_count() -> None:
    points = line(6)
    assert Feasibility(lambda: GaussianProcess(1)).fit(points, [{"a": -1.0, "b": -2.0}] * 6) is None
    assert Feasibility(lambda: GaussianProcess(1)).fit(points, [{}] * 6) is None
    broken = [{"a": float(x - 0.5), "b": float(0.2 - x)} for x in points[:, 0]]
    works = Feasibility(lambda: GaussianProcess(1)).fit(points, broken)
    assert works is not None
    low, middle, high = works(np.array([[0.0], [0.35], [1.0]]))
    assert middle > 0.5 > max(low, high)


def test_scaling_keeps_the_sides_of_the_border() -> None:
    over = np.array([-3.0, -0.1, 0.0, 0.2, 1e9])
    values, border = scaled(over)
    assert list(np.sign(np.round(values - border, 12))) == [-1, -1, 0, 1, 1]
    assert values.std() == pytest.approx(1)
    assert scaled(np.zeros(3))[1] == 0.0


def test_what_crashed_is_avoided_and_never_quite_impossible() -> None:
    points = line(10)
    works = probability_of(points[:, 0] < 0.5, points, 0)
    assert works is not None
    good, bad = works(np.array([[0.1], [0.9]]))
    assert good > 0.8 > 0.2 > bad > 0
    assert probability_of(np.ones(10, bool), points, 0) is None
    nothing = probability_of(np.zeros(10, bool), points, 0)
    assert nothing is not None
    assert list(nothing(points)) == [1.0] * 10


def test_a_small_feasible_region_is_found_and_searched() -> None:
    number = next(index for index, task in enumerate(TASKS) if task.name == "gardner")
    assert max(cell(number, "kriging", seed)[1] for seed in (1, 2)) < 0.1


def test_what_was_stopped_before_it_told_of_a_constraint_says_nothing_of_it() -> None:
    points = np.linspace(0, 1, 8)[:, None]
    told = [{"over": float(x - 0.6) * 100} for x in points[:, 0]]
    all_told = Feasibility(lambda: GaussianProcess(1)).fit(points, told)
    stopped = np.vstack([np.array([[0.1], [0.9]]), points])
    some_told = Feasibility(lambda: GaussianProcess(1)).fit(stopped, [{}, {}, *told])
    assert all_told is not None
    assert some_told is not None
    at = np.array([[0.2], [0.5], [0.7]])
    assert some_told(at) == pytest.approx(all_told(at))
