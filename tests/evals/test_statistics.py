import math

import numpy as np

from trimtab.evals import statistics as stats

TASKS, SEEDS = 6, 5


def simulated(rng: np.random.Generator, effect: float = 0.0, arms: int = 2) -> dict[str, dict[str, np.ndarray]]:
    """Return regrets with a level per task, luck shared by the arms of a seed, and an effect of the last arm."""
    table: dict[str, dict[str, np.ndarray]] = {f"arm{index}": {} for index in range(arms)}
    for task in range(TASKS):
        level, shared = rng.uniform(0.05, 0.5), rng.gamma(2.0, 0.05, SEEDS)
        for index, arm in enumerate(table):
            own = rng.gamma(2.0, 0.05, SEEDS)
            table[arm][f"task{task}"] = level + shared + own + (effect if index == arms - 1 else 0.0)
    return table


def test_a_difference_that_is_not_there_is_found_as_often_as_stated() -> None:
    rng = np.random.default_rng(0)
    found = [stats.compare(simulated(rng), "arm0")[0].verdict != "no difference shown" for _ in range(400)]
    assert 0.02 <= np.mean(found) <= 0.08


def test_with_several_arms_the_family_is_protected() -> None:
    rng = np.random.default_rng(1)
    found = [
        any(each.verdict != "no difference shown" for each in stats.compare(simulated(rng, arms=5), "arm0"))
        for _ in range(400)
    ]
    assert np.mean(found) <= 0.08


def test_a_planted_difference_is_found_at_the_stated_power() -> None:
    rng = np.random.default_rng(2)
    seen = [stats.resolution(t["arm1"], t["arm0"]).smallest for t in (simulated(rng) for _ in range(50))]
    effect = float(np.mean(seen))  # what the suite says it finds with 80 % power
    found = [stats.compare(simulated(rng, effect), "arm0")[0].verdict == "worse" for _ in range(200)]
    assert 0.7 <= np.mean(found) <= 0.95


def test_the_number_of_missing_seeds_is_enough() -> None:
    rng = np.random.default_rng(3)
    table = simulated(rng)
    resolution = stats.resolution(table["arm1"], table["arm0"])
    assert resolution.seeds_for_5_percent is not None
    base = np.mean([values.mean() for values in table["arm0"].values()])
    scaled = resolution.smallest * math.sqrt(SEEDS / (SEEDS + resolution.seeds_for_5_percent))
    assert scaled <= 0.05 * base


def test_intervals_cover_the_truth() -> None:
    rng = np.random.default_rng(4)
    covered = 0
    for _ in range(200):
        table = {f"t{index}": rng.normal(1.0, 0.3, 10) for index in range(5)}
        interval = stats.mean(table)
        covered += interval.low <= 1.0 <= interval.high
    assert 0.88 <= covered / 200 <= 0.99


def test_known_values() -> None:
    assert stats.iqm(np.array([0.0, 1.0, 2.0, 100.0])) == 1.5
    better = {"t": np.array([0.0, 0.0, 0.0])}
    worse = {"t": np.array([1.0, 1.0, 1.0])}
    assert stats.probability_of_improvement(better, worse).value == 1.0
    assert stats.probability_of_improvement(worse, worse).value == 0.5
    assert stats.ranks({"a": better, "b": worse}) == {"a": 1.0, "b": 2.0}


def test_cliques_join_what_was_not_told_apart() -> None:
    rng = np.random.default_rng(5)
    table = simulated(rng, arms=2)
    table["far"] = {task: values + 1.0 for task, values in table["arm0"].items()}
    assert [sorted(group) for group in stats.cliques(table)] == [["arm0", "arm1"]]
