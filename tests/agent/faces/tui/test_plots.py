"""Plots show what there is, on a scale on which it can be seen."""

import pytest

from trimtab.agent.faces.effects import NOTHING, Effects, ends
from trimtab.agent.faces.tui.app import ChatApp
from trimtab.agent.faces.tui.widgets.curve import Marks, Scale, plot
from trimtab.agent.faces.tui.widgets.front import Front
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.source import DEFAULT, Source
from trimtab.agent.trials.trial import Trial


def test_far_results_are_on_a_logarithmic_scale_and_near_ones_are_not() -> None:
    assert Scale.of([0.1, 0.2, 37.0], 3.0, None).log
    assert not Scale.of([1.0, 1.2, 1.4], 1.5, None).log
    assert Scale.of([-90.0, -30.0, -2.0], -2.0, None).log, "also what is maximised"
    assert not Scale.of([-1.0, 0.5, 90.0], 90.0, None).log, "values of both signs have none"
    assert not Scale.of([0.0, 0.5, 90.0], 90.0, True).log
    assert not Scale.of([0.1, 37.0], 37.0, False).log, "the person's choice stands"


@pytest.mark.parametrize("losses", [[0.1, 0.2, 37.0], [1.0, 1.2, 1.4], [-90.0, -30.0, -2.0]])
def test_a_scale_and_its_labels_agree(losses: list[float]) -> None:
    scale = Scale.of(losses, losses[-1], None)
    for loss in losses:
        assert scale.loss_at(scale.share(loss)) == pytest.approx(loss)
    assert scale.share(min(losses)) > 0.9, "the best is near the bottom"


def test_failures_the_planner_and_the_check_have_marks() -> None:
    done = [(0, 4.0), (1, 3.0), (3, 1.0)]
    plain = plot(done, 4.0, 0.0, (60, 12), "loss").plain
    marked = plot(done, 4.0, 0.0, (60, 12), "loss", marks=Marks({1}, [2, 4], 1.1)).plain
    assert "✗" not in plain
    assert "◆" not in plain
    assert marked.count("✗") == 3, "two, and one in the legend"
    assert marked.count("◆") == 2
    assert "planner's" in marked
    assert marked.splitlines()[-1].endswith(" 4"), "a failure after the last result is on the axis"


def history(objectives: int = 1) -> History:
    goals = [{"metric": name, "direction": "minimize"} for name in ("a", "b")[:objectives]]
    found = History(make_study(objectives=goals))
    for number in range(12):
        x = -1 + number / 5.5
        trial = Trial(number, DEFAULT if number == 0 else Source.of("tpe"), Candidate({"x": x, "n": 4, "mode": "slow"}))
        trial.state, trial.metrics = "complete", {"a": abs(x - 0.5), "b": 2.0 - x}
        found.add(trial)
        found.update(trial)
    return found


def test_a_strip_is_high_where_results_are_good() -> None:
    found = Effects(history()).strip("x", 10)
    best = found.best
    assert best is not None
    assert found.cells[best] in "▇█"
    assert found.cells[0] == "▁"
    assert len(found.cells) == 10
    assert (
        Effects(history()).strip("mode", 20).cells.count(NOTHING) == len(history().study.parameters["mode"].choices) - 1
    )  # type: ignore[union-attr]
    assert Effects(History(make_study())).strip("x", 5).cells == NOTHING * 5


def test_the_good_range_holds_the_best_quarter() -> None:
    low, high = Effects(history()).good_range("x") or (0, 0)
    assert low < 0.5 < high
    assert high - low < 0.6
    assert Effects(history()).good_range("mode") is None
    assert Effects(history()).good_range("n") is None, "one value is no range"
    assert ends(make_study().parameters["x"]) == "-1 to 1"


async def test_the_front_of_several_objectives(app: ChatApp) -> None:
    several = history(2)
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.2)
        front = app.query_one(Front)
        front.show(several)
        assert "no front" not in str(front.render())
        app.query_one("#tabs").show_tab("tab-front")  # type: ignore[attr-defined]
        app.query_one("#tabs").active = "tab-front"  # type: ignore[attr-defined]
        await pilot.pause(0.3)
        shown = str(front.render())
        members = several.front()
        assert "b over a" in shown
        assert shown.count("●") + shown.count("★") >= len(members)
        assert all(f" {trial.number}  " in shown for trial in members[:3])
        front.show(history())
        assert "there is no front" in str(front.render())
