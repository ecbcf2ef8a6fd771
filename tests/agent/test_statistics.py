"""Each procedure keeps what it promises: levels, coverage, power, under every kind of noise."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from trimtab.agent import statistics as ours
from trimtab.agent.study.goals import Objective

Noise = Callable[[np.random.Generator, int], np.ndarray]
"""Draws measurements of one system, two a pair, in the order of time."""


def normal(rng: np.random.Generator, pairs: int) -> np.ndarray:
    return rng.normal(0, 0.03, (pairs, 2))


def heavy_tailed(rng: np.random.Generator, pairs: int) -> np.ndarray:
    return 0.03 * rng.standard_t(2, (pairs, 2))


def skewed(rng: np.random.Generator, pairs: int) -> np.ndarray:
    return 0.03 * rng.lognormal(0, 1, (pairs, 2))


def bimodal(rng: np.random.Generator, pairs: int) -> np.ndarray:
    return rng.normal(0, 0.01, (pairs, 2)) + 0.3 * (rng.random((pairs, 2)) < 0.3)


def drifting(rng: np.random.Generator, pairs: int) -> np.ndarray:
    walk = np.cumsum(rng.normal(0, 0.02, 2 * pairs)) + np.linspace(0, rng.normal(0, 0.5), 2 * pairs)
    return (walk + rng.normal(0, 0.01, 2 * pairs)).reshape(pairs, 2)


NOISES = [normal, heavy_tailed, skewed, bimodal, drifting]


def apart(noise: Noise, rng: np.random.Generator, pairs: int) -> list[float]:
    """Return differences of two equal systems; who is measured first alternates."""
    measured = noise(rng, pairs)
    measured[1::2] = measured[1::2, ::-1]
    return list(measured[:, 0] - measured[:, 1])


@pytest.mark.parametrize("pairs", [6, 10, 20])
@pytest.mark.parametrize("noise", NOISES, ids=lambda each: each.__name__)
def test_two_equal_systems_are_told_apart_at_most_as_often_as_stated(noise: Noise, pairs: int) -> None:
    rng, runs = np.random.default_rng(pairs), 2000
    found = sum(ours.signed_rank(apart(noise, rng, pairs)).low > 0 for _ in range(runs))
    assert found / runs <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / runs)


@pytest.mark.parametrize("pairs", [6, 10, 20])
def test_the_interval_holds_the_true_centre_as_often_as_stated(pairs: int) -> None:
    rng, runs = np.random.default_rng(1), 2000
    held = 0
    for _ in range(runs):
        found = ours.signed_rank(list(rng.laplace(0.4, 1.0, pairs)))
        held += found.low <= 0.4 <= found.high
    assert 0.94 <= held / runs <= 0.985


@given(st.lists(st.floats(-100, 100).map(lambda v: round(v, 2)), min_size=6, max_size=25))
def test_the_interval_excludes_zero_exactly_when_the_test_rejects(values: list[float]) -> None:
    found = ours.signed_rank(values)
    assert (found.low > 0) == (ours.signed_rank_p(values) <= 0.025)
    assert (found.high < 0) == (ours.signed_rank_p([-value for value in values]) <= 0.025)
    assert found.low <= found.value <= found.high


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=25, unique=True), st.data())
def test_without_ties_the_p_value_is_the_known_one(magnitudes: list[int], data: st.DataObject) -> None:
    values = [float(m * data.draw(st.sampled_from([1, -1]))) for m in magnitudes]
    expected = scipy_stats.wilcoxon(values, alternative="greater", method="exact").pvalue
    assert ours.signed_rank_p(values) == pytest.approx(expected)


def test_the_distribution_of_many_pairs_is_as_good_as_normal() -> None:
    values = list(np.random.default_rng(0).normal(0.1, 1.0, 240))
    expected = scipy_stats.wilcoxon(values, alternative="greater", method="approx", correction=True).pvalue
    assert ours.signed_rank_p(values) == pytest.approx(expected, rel=1e-6)


def test_five_pairs_prove_nothing_and_six_that_agree_do() -> None:
    assert (ours.signed_rank([1.0] * 5).low, ours.signed_rank([1.0] * 5).high) == (-math.inf, math.inf)
    assert ours.signed_rank([1.0] * 6) == ours.Interval(1.0, 1.0, 1.0)
    assert ours.signed_rank([1.0] * 5 + [-0.1]).low == -0.1
    assert ours.signed_rank_p([]) == 1.0
    with pytest.raises(ValueError, match="no values"):
        ours.signed_rank([])


def test_a_gain_is_a_ratio_where_that_has_a_meaning_and_a_difference_elsewhere() -> None:
    seconds = Objective(metric="s", direction="minimize")
    found = ours.gain_ratio(seconds, [2.0] * 6, [1.0] * 6)
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((2, 2, 2))
    assert ours.gain_ratio(seconds, [2.0, -1.0], [1.0, 1.0]) is None
    assert ours.gain_ratio(seconds, [], []) is None
    assert ours.gain_difference(seconds, [2.0, -1.0], [1.0, -3.0]).value == 1.5


def test_the_stated_power_is_right_and_the_smallest_effect_has_it() -> None:
    rng, runs = np.random.default_rng(5), 2000
    spread = 0.03 * math.sqrt(2)
    found = [ours.signed_rank(list(rng.normal(math.log(1.05), spread, 10))).low > 0 for _ in range(runs)]
    assert np.mean(found) >= 0.8
    assert ours.power(math.log(1.05), spread, 10) == pytest.approx(np.mean(found), abs=0.03)
    assert ours.power(ours.smallest_effect(2.0, 12), 2.0, 12) == pytest.approx(0.8, abs=0.01)
    assert ours.smallest_effect(1.0, 5) == math.inf
    assert (ours.power(1.0, 1.0, 5), ours.power(1.0, 0.0, 6), ours.power(0.0, 0.0, 6)) == (0.0, 1.0, 0.0)


@pytest.mark.parametrize("noise", [normal, heavy_tailed, bimodal], ids=lambda each: each.__name__)
def test_contrasts_of_equal_rows_are_told_apart_at_most_as_often_as_stated(noise: Noise) -> None:
    rng, runs, rows = np.random.default_rng(7), 800, 6
    found = 0
    for _ in range(runs):
        table = [list(noise(rng, 5)[:, 0]) for _ in range(rows)]
        found += min(ours.holm([p for _, p in ours.block_contrasts(table)])) < 0.05
    assert found / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_contrasts_cancel_what_a_block_has_in_common_and_find_the_step() -> None:
    rng = np.random.default_rng(3)
    blocks = rng.normal(0, 1, 5)
    table = [list(level + blocks + rng.normal(0, 0.02, 5)) for level in (1.0, 1.0, 0.5, 0.5)]
    (none, p), (step, q), (also_none, r) = ours.block_contrasts(table)
    assert q < 0.001 < min(p, r)
    assert step.low < 0.5 < step.high
    assert max(abs(none.value), abs(also_none.value)) < 0.05
    assert [p for _, p in ours.block_contrasts([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]])] == [1.0, 0.0]
    with pytest.raises(ValueError, match="two rows"):
        ours.block_contrasts([[1.0, 2.0]])


def test_the_interval_of_a_contrast_covers_the_truth() -> None:
    rng, runs, held = np.random.default_rng(9), 1500, 0
    for _ in range(runs):
        table = [list(level + rng.normal(0, 0.1, 5)) for level in (1.0, 0.7, 0.7)]
        interval, _p = ours.block_contrasts(table)[0]
        held += interval.low <= 0.3 <= interval.high
    assert 0.93 <= held / runs <= 0.97


def test_a_trend_is_seen_and_noise_is_none() -> None:
    rng = np.random.default_rng(2)
    assert ours.trend([float(i) for i in range(10)]) < 0.001
    assert ours.trend([1.0] * 10) == ours.trend([1.0, 2.0, 3.0]) == 1.0
    assert np.mean([ours.trend(list(rng.normal(size=10))) < 0.05 for _ in range(400)]) <= 0.09


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values: list[float]) -> None:
    adjusted = ours.holm(p_values)
    assert all(a >= p for a, p in zip(adjusted, p_values, strict=True))
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    assert [adjusted[i] for i in order] == sorted(adjusted)
    assert ours.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


@pytest.mark.parametrize("count", [2, 6, 20])
def test_the_lower_bound_holds_its_level(count: int) -> None:
    rng = np.random.default_rng(count)
    below = sum(ours.lower_bound([rng.normal(1, 0.3) for _ in range(count)], 0.9) < 1 for _ in range(3000))
    assert below / 3000 == pytest.approx(0.9, abs=0.02)
    assert ours.lower_bound([2.0] * count, 0.9) == 2.0
    assert ours.lower_bound([2.0], 0.9) == -math.inf


def test_the_risk_of_no_gain_by_known_values() -> None:
    """Table 1 of Sellke, Bayarri & Berger (2001): p = .05 leaves .29, .01 leaves .11, .001 leaves .0184."""
    for p, risk in ((0.05, 0.289), (0.01, 0.111), (0.001, 0.0184), (0.5, 0.5), (1.0, 0.5), (0.0, 0.0)):
        assert ours.risk_of_none(p) == pytest.approx(risk, abs=0.001)


@pytest.mark.parametrize("effect", [0.5, 1.0, 2.0])
def test_the_stated_risk_is_not_too_small(effect: float) -> None:
    """Half of the changes give nothing; of those that are proved, no more than stated are none, within two points."""
    rng = np.random.default_rng(7)
    proved, none, stated = 0, 0, 0.0
    for _ in range(6000):
        true = effect * rng.integers(2)
        values = [rng.normal(true, 1.0) for _ in range(10)]
        p = ours.signed_rank_p(values)
        if p <= 0.025:
            proved, none, stated = proved + 1, none + (true == 0.0), stated + ours.risk_of_none(p)
    assert -0.06 < none / proved - stated / proved < 0.02
