"""The verdict: what pairs prove, and what speaks for or against the incumbent whatever the objective says."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.agent.events import CheckResult
from trimtab.agent.faces import words
from trimtab.agent.testing import make_study
from trimtab.agent.verdict.judgement import Pairs, judge, nothing_to_check
from trimtab.tools.targets import Measurement

PROMISE: list[dict[str, Any]] = [{"metric": "p99", "max": 500.0}]


def ran(loss: float, seconds: float = 1.0, **metrics: float) -> Measurement:
    return Measurement(state="complete", metrics={"loss": loss, **metrics}, duration_s=seconds)


def crashed() -> Measurement:
    return Measurement(state="failed", reason="exit status 1")


def verdict(default: list[Measurement], incumbent: list[Measurement], **sections: Any) -> CheckResult:
    return judge(make_study(**sections), Pairs(default, incumbent))[0]


def noisy(level: float, count: int = 10, seed: int = 0) -> list[Measurement]:
    rng = random.Random(f"{level} {seed}")
    return [ran(level * rng.uniform(0.98, 1.02)) for _ in range(count)]


def test_a_gain_beyond_the_noise_is_an_improvement_with_its_interval() -> None:
    found = verdict(noisy(2.0), noisy(1.0))
    assert found.improved
    assert found.verdict.startswith("improved: the whole interval")
    assert found.low is not None and found.high is not None and found.ratio is not None
    assert 1.9 < found.low <= found.ratio <= found.high < 2.1
    assert (found.pairs, found.failed_pairs, found.notes) == (10, 0, [])
    assert found.default_median == pytest.approx(2.0, rel=0.02)
    assert found.incumbent_median == pytest.approx(1.0, rel=0.02)


def test_a_difference_within_the_noise_is_none_and_says_what_could_have_been_proved() -> None:
    found = verdict(noisy(1.0, seed=1), noisy(1.0, seed=2))
    assert not found.improved
    assert found.verdict == "no reliable improvement: the interval includes no change"
    assert found.smallest is not None
    assert 1.005 < found.smallest < 1.05
    assert any("could have proved" in line for line in words.beside(found))


def test_a_worse_incumbent_is_named_so() -> None:
    found = verdict(noisy(1.0), noisy(2.0))
    assert not found.improved
    assert "worse" in found.verdict


def test_five_pairs_that_all_agree_prove_nothing_and_six_do() -> None:
    few = verdict([ran(2.0)] * 5, [ran(1.0)] * 5)
    assert not few.improved
    assert "5 pairs can prove nothing" in few.verdict
    assert (few.low, few.high, few.smallest) == (None, None, None)
    assert words.interval(few) == "2.00x better in 5 pairs, too few for an interval"
    assert CheckResult.model_validate_json(few.model_dump_json()) == few
    assert verdict([ran(2.0)] * 6, [ran(1.0)] * 6).improved


def test_where_no_ratio_has_a_meaning_the_difference_decides() -> None:
    found = verdict([ran(1.0)] * 6, [ran(-1.0)] * 6)
    assert found.improved
    assert (found.ratio, found.difference) == (None, (2.0, 2.0, 2.0))
    assert verdict([ran(1.0)] * 5, [ran(-1.0)] * 5).difference is None


def test_one_failing_pair_in_ten_is_part_of_the_verdict_and_two_void_it() -> None:
    one = verdict(noisy(2.0), [*noisy(1.0, 9), crashed()])
    assert one.improved
    assert (one.pairs, one.failed_pairs) == (9, 1)
    assert "failed on the check seeds: default 0 of 10, incumbent 1 of 10" in one.notes
    two = verdict(noisy(2.0), [*noisy(1.0, 8), crashed(), crashed()])
    assert not two.improved
    assert "the incumbent failed on 2 of 10 check seeds" in two.verdict


def test_an_incumbent_may_fail_as_often_as_the_default() -> None:
    both = [crashed(), crashed()]
    assert verdict([*noisy(2.0, 8), *both], [*noisy(1.0, 8), *both]).improved


def test_a_default_that_fails_is_beaten_by_an_incumbent_that_does_not() -> None:
    found = verdict([crashed()] * 6, [ran(9.0)] * 6)
    assert found.improved
    assert "the default failed on 6 of 6 check seeds, the incumbent on 0" in found.verdict
    assert not verdict([crashed()] * 5, [ran(9.0)] * 5).improved
    assert not verdict([crashed()] * 6, [crashed()] * 6).improved
    mixed = verdict([crashed()] * 6 + [ran(1.0)] * 4, [ran(5.0)] * 10)
    assert mixed.improved
    assert "failed on 6 of 10" in mixed.verdict


def test_a_default_that_breaks_a_constraint_is_beaten_by_an_incumbent_that_keeps_it() -> None:
    slower = verdict([ran(1.0, p99=730.0)] * 10, [ran(2.0, p99=480.0)] * 10, constraints=PROMISE)
    assert slower.improved
    assert slower.verdict == "improved: the default breaks p99 <= 500: 730; the incumbent keeps it: 480"
    (constraint,) = slower.constraints
    assert (constraint.default_keeps, constraint.incumbent_keeps) == (False, True)
    assert constraint.incumbent == (480, 480, 480)
    assert "p99 <= 500: incumbent 480 (480 to 480)" in words.beside(slower)


def test_an_incumbent_that_breaks_a_constraint_is_never_an_improvement() -> None:
    found = verdict([ran(2.0, p99=480.0)] * 10, [ran(1.0, p99=510.0)] * 10, constraints=PROMISE)
    assert not found.improved
    assert "the incumbent breaks p99 <= 500 on the check seeds: 510" in found.verdict
    both = verdict([ran(2.0, p99=900.0)] * 10, [ran(1.0, p99=510.0)] * 10, constraints=PROMISE)
    assert not both.improved


def test_on_the_border_the_centre_decides_and_the_interval_is_shown() -> None:
    border = [ran(2.0, p99=500.0 + (-1) ** i * i) for i in range(10)]
    found = verdict([ran(1.0, p99=730.0)] * 10, border, constraints=PROMISE)
    assert found.improved
    assert found.constraints[0].incumbent_keeps is None
    assert any("to 504" in line or "to 503" in line for line in words.beside(found)), words.beside(found)
    beyond = [ran(2.0, p99=501.0 + (-1) ** i * i) for i in range(10)]
    assert not verdict([ran(1.0, p99=730.0)] * 10, beyond, constraints=PROMISE).improved


def test_a_drifting_machine_is_said() -> None:
    warming = [ran(1.0, seconds=1.0 + 0.1 * i) for i in range(10)]
    assert any("drifted" in note for note in verdict(warming, warming).notes)


def test_every_objective_has_its_verdict() -> None:
    objectives = [{"metric": "loss", "direction": "minimize"}, {"metric": "rate", "direction": "maximize"}]
    study = make_study(objectives=objectives)
    pairs = Pairs([ran(2.0, rate=5.0)] * 6, [ran(1.0, rate=4.0)] * 6)
    assert [(each.metric, each.improved) for each in judge(study, pairs)] == [("loss", True), ("rate", False)]
    assert [each.metric for each in nothing_to_check(study)] == ["loss", "rate"]


@given(st.lists(st.floats(0.5, 2.0), min_size=6, max_size=12), st.floats(0.5, 20))
def test_the_verdict_does_not_depend_on_the_unit(values: list[float], unit: float) -> None:
    base = [ran(1.0) for _ in values]
    one = verdict(base, [ran(value) for value in values])
    other = verdict([ran(unit) for _ in values], [ran(unit * value) for value in values])
    assert other.ratio == pytest.approx(one.ratio)
    assert (other.low, other.high) == pytest.approx((one.low, one.high))
