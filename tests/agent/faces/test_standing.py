"""The headline says what was gained, what is proven, and what comes next."""

from dataclasses import replace
from typing import Any

import pytest

from trimtab.agent.events import CheckResult
from trimtab.agent.faces.standing import Piece, Standing, headline, progress, proof, rail
from trimtab.agent.testing import make_study


def plain(pieces: list[Piece]) -> str:
    return "".join(words for words, _tone in pieces)


def check(**fields: Any) -> CheckResult:
    given = {"metric": "loss", "ratio": 2.0, "low": 1.8, "high": 2.25, "pairs": 10, "improved": True, "verdict": "v"}
    return CheckResult(**{**given, **fields})


NOW = Standing(make_study(budget={"trials": 40}), {"loss": 4.0}, {"loss": 2.0}, 18, 24, 0.16)


def test_before_anything_was_measured() -> None:
    assert plain(headline(Standing(NOW.study, {}, {}))) == "the default is measured first"
    assert plain(headline(Standing(NOW.study, {}, {}, trials=3))) == "nothing was complete yet"
    assert proof(Standing(NOW.study, {}, {})) == []
    assert progress(Standing(NOW.study, {}, {})) == "40 trials to come"


def test_the_default_against_the_incumbent() -> None:
    assert plain(headline(NOW)) == "loss  4 → 2  2x better"
    assert plain(headline(replace(NOW, best={"loss": 4.0}))) == "loss  4"
    assert progress(NOW) == "24 of 40 trials · best is trial 18, 5 without a gain · noise ±4 %"


def test_a_worse_objective_is_said_to_be_worse() -> None:
    objectives = [{"metric": "a", "direction": "minimize"}, {"metric": "b", "direction": "maximize"}]
    now = Standing(make_study(objectives=objectives), {"a": 4.0, "b": 4.0}, {"a": 2.0, "b": 1.0}, 1, 2)
    assert plain(headline(now)) == "a  4 → 2  2x better   b  4 → 1  4x worse"
    assert [tone for words, tone in headline(now) if "x " in words] == ["good", "bad"]


@pytest.mark.parametrize(("now", "said", "tone"), [
    (NOW, "not checked yet", "quiet"),
    (replace(NOW, over=True), "not checked", "quiet"),
    (replace(NOW, checks=[check()], over=True), "proven 2x (1.8 to 2.25)", "good"),
    (replace(NOW, checks=[check(improved=False)], over=True), "not proven", "bad"),
])  # fmt: skip
def test_what_is_proven(now: Standing, said: str, tone: str) -> None:
    assert proof(now) == [(said, tone)]


def test_the_rail_shows_what_is_over_what_goes_on_and_what_comes() -> None:
    search = {"search": 65.0, "check": 20.0, "ablation": 90.0}
    assert plain(rail(search, NOW)) == "▶ search 24/40 ~1 min 05 s  check ~20 s  what mattered ~1 min 30 s"
    assert plain(rail({"ablation": 50.0}, NOW, (17, 52))) == "✓ search  ✓ check  ▶ what mattered 17/52 ~50 s"
    assert plain(rail({}, replace(NOW, over=True))) == "✓ done"
