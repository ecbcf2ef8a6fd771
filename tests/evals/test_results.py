"""Results of a suite, grouped once, against the same said cell by cell."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.evals import statistics
from trimtab.evals.cell import CellOutcome
from trimtab.evals.report import write_report
from trimtab.evals.report.summary import headline, summary_lines
from trimtab.evals.results import Results, load_results
from trimtab.tools.errors import InputError

ARMS, TASKS = ("a", "b", "c"), ("t1", "t2", "t3")
SUITE: dict[str, Any] = {
    "name": "small",
    "description": "for tests",
    "arms": {arm: {} for arm in ARMS},
    "budgets": [2],
    "trials": 4,
    "reference": "a",
}


def cell(arm: str, task: str, seed: int, curve: list[float]) -> CellOutcome:
    return CellOutcome(task=task, arm=arm, seed=seed, study=f"{arm}-{task}-{seed}", curve=curve, seconds=1.0)


CELLS = st.lists(
    st.tuples(st.sampled_from(ARMS), st.sampled_from(TASKS), st.integers(0, 3)),
    unique=True,
).flatmap(
    lambda ids: st.tuples(
        *(st.builds(cell, *map(st.just, each), st.lists(st.floats(0, 1), max_size=5)) for each in ids)
    )
)


@given(cells=CELLS, mark=st.sampled_from([1, 2, 4]))
def test_regrets_are_those_of_the_pairs_that_every_arm_has(cells: tuple[CellOutcome, ...], mark: int) -> None:
    results = Results(suite=SUITE, cells=list(cells))
    tasks = list(dict.fromkeys(each.task for each in cells))
    arms = [arm for arm in ARMS if any(each.arm == arm for each in cells)]
    of = {arm: [each for each in cells if each.arm == arm] for arm in arms}
    pairs = [
        (task, seed)
        for task in tasks
        for seed in range(4)
        if all(any((each.task, each.seed) == (task, seed) for each in of[arm]) for arm in arms)
    ]
    assert (results.tasks, results.arms, results.paired()) == (tasks, arms, pairs)
    found = {arm: {task: list(values) for task, values in by.items()} for arm, by in results.regrets(mark).items()}
    expected: dict[str, dict[str, list[float]]] = {arm: {} for arm in arms}
    for arm in arms:
        for task, seed in pairs:
            (curve,) = [each.curve for each in of[arm] if (each.task, each.seed) == (task, seed)]
            if curve:
                expected[arm].setdefault(task, []).append(curve[min(mark, len(curve)) - 1])
    assert found == expected
    for arm in arms:
        order = [(tasks.index(each.task), each.seed) for each in results.of(arm)]
        assert order == sorted(order)
        assert len(order) == len(of[arm])
        assert {each.seed for each in results.of(arm, "t1")} == {e.seed for e in of[arm] if e.task == "t1"}


def complete(seeds: int = 6) -> Results:
    rng = np.random.default_rng(0)
    cells = [
        cell(arm, task, seed, sorted(rng.random(4) * (0.2 if arm == "b" else 1.0), reverse=True))
        for seed in range(seeds)
        for task in TASKS
        for arm in reversed(ARMS)
    ]
    return Results(suite=SUITE, environment={"cpus": 2}, cells=cells)


def test_what_is_computed_from_results_is_that_of_the_statistics() -> None:
    results = complete()
    table = results.regrets(4)
    assert list(results.comparisons.values()) == statistics.compare(table, "a")
    assert results.means[2]["b"] == statistics.mean(results.regrets(2)["b"])
    assert results.regrets(4) is table  # a report asks for it again and again
    assert results.areas()["c"]["t2"][1] == pytest.approx(np.mean(results.of("c", "t2")[1].curve))


def test_a_report_of_loaded_results_is_that_of_the_results(tmp_path: Path) -> None:
    results = complete()
    results.write(tmp_path / "results.json")
    again = load_results(tmp_path)
    assert again == results
    page, text = write_report(again, tmp_path)
    assert "| `b` |" in text.read_text()
    assert "small" in page.read_text()
    assert any(line.startswith("  b ") for line in summary_lines(again))


def test_results_without_a_pair_are_reported_all_the_same(tmp_path: Path) -> None:
    results = Results(suite=SUITE, environment={}, cells=[cell("a", "t1", 0, [0.5]), cell("b", "t1", 1, [0.5])])
    assert headline(results) == ["No seed is complete for all arms: nothing can be compared yet."]


@pytest.mark.parametrize("text", ["", "{", '{"suite": {}}', "\x00", '{"suite": {}, "cells": [{"task": 1}]}'])
def test_what_holds_no_results_is_refused_in_words(text: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(InputError, match=r"results\.json holds no results of a suite"):
        load_results(tmp_path)
    (tmp_path / "results.json").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="holds no results"):
        load_results(tmp_path)


def test_the_chance_to_improve_is_the_share_of_pairs_with_ties_as_halves() -> None:
    found = statistics.probability_of_improvement({"t": np.array([0.0, 1.0, 2.0])}, {"t": np.array([1.0, 1.0, 3.0])})
    assert found.value == pytest.approx((3 + 2 * 0.5 + 1 + 1) / 9)
    assert found.low <= found.value <= found.high
    certain = statistics.probability_of_improvement({"t": np.zeros(5)}, {"t": np.ones(5)})
    assert (certain.value, certain.low, certain.high) == (1.0, 1.0, 1.0)
