"""The comparison of optimizers: a split that holds, and numbers that say who is ahead."""

import math
from itertools import product

import numpy as np
import pytest

from trimtab.evals.bench.optimizers import compared, geometric, measured, peers, tables
from trimtab.tools.errors import InputError


def test_no_table_is_on_both_sides_of_the_split() -> None:
    choose, report = set(tables("choose")), set(tables("report"))
    assert not choose & report
    assert {"systems/7z", "systems_more/mongodb", "health/ClosedIssues11"} <= choose
    assert {"systems/exastencils", "systems_more/vp9", "health/ClosedPRs11"} <= report


def test_tables_and_peers_are_cut_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TABLES", "systems/*,*/vp9")
    monkeypatch.setenv("PEERS", "random,forest")
    assert tables("report") == ["systems/dconvert", "systems/exastencils", "systems/x264_encode", "systems_more/vp9"]
    assert peers() == ["forest", "random"]
    with pytest.raises(InputError, match="one of: choose, report"):
        tables("both")
    monkeypatch.setenv("TABLES", "nothing")
    with pytest.raises(InputError, match="names no table"):
        tables("report")


def test_a_ratio_has_an_interval_over_tables_and_seeds() -> None:
    theirs = np.random.default_rng(0).random((6, 5)) + 0.1
    half = (theirs + 0.002) / 2 - 0.002
    assert geometric(half, theirs) == pytest.approx((0.5, 0.5, 0.5))
    uneven = half.copy()
    uneven[0] = theirs[0] * 20  # one table decides nothing alone, but widens the interval
    ratio, low, high = geometric(uneven, theirs)
    assert low < ratio < high
    assert ratio == pytest.approx(math.exp(np.mean(np.log((uneven + 0.002) / (theirs + 0.002)))))


def test_losses_are_shown_and_miss_their_bar() -> None:
    found = {"auto": np.full((2, 3, 1), 0.2), "optuna-tpe": np.full((2, 3, 1), 0.1), "random": np.full((2, 3, 1), 0.4)}
    lines = list(compared(found, ["one", "two"], [50], "auto"))
    judged = {(each.what.split(" of ")[0], each.baseline): each.met for each in lines if each.bar}
    assert judged == {
        ("mean regret", "optuna-tpe"): False,
        ("mean regret", "random"): True,
        ("ratio", "random"): False,  # .51 is more than .27
    }
    assert [(each.baseline, each.ratio) for each in lines[-2:]] == [("optuna-tpe", pytest.approx(2))] * 2


def test_runs_are_read_at_each_budget_and_repeat() -> None:
    first, again = (measured(["systems/LLVM"], ("auto", "random"), [0, 1], (3, 6)) for _ in range(2))
    for name, seed in product(first, range(2)):
        early, late = first[name][0, seed]
        assert late <= early
        assert np.array_equal(first[name], again[name])
