import json
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.planners.base import Context, Setup
from trimtab.agent.planners.recorded import RecordedPlanner, build
from trimtab.agent.testing import PlannerContract, make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial
from trimtab.tools.errors import InputError

ROUNDS = [
    [
        {"values": {"x": 0.1, "n": 8, "mode": "slow"}, "rationale": "first", "predicted": [1, 0.5, 2], "measured": 1.1},
        {"values": {"x": 0.2, "n": 8, "mode": "slow"}},
    ],
    [{"values": {"x": 0.3, "n": 8, "mode": "slow"}, "rationale": "second"}],
]


def planner(folder: Path, rounds: Any = ROUNDS) -> RecordedPlanner:
    (folder / "ideas.json").write_text(json.dumps({"description": "for people", "rounds": rounds}))
    return build(Setup(make_study(folder, planner={"name": "recorded", "ideas": "ideas.json"})))


class TestRecorded(PlannerContract):
    @pytest.fixture(autouse=True)
    def _file(self, tmp_path: Path) -> None:
        type(self).build = staticmethod(lambda _setup: planner(tmp_path))


async def test_it_plays_a_round_a_question_and_is_done_after_the_last(tmp_path: Path) -> None:
    played, context = planner(tmp_path), PlannerContract().context()
    rounds = []
    while not played.done:
        rounds.append(await played.propose(context, 1))
    assert [[each.values["x"] for each in ideas] for ideas in rounds] == [[0.1, 0.2], [0.3]]
    assert rounds[0][0].predicted == {"loss": (1, 0.5, 2)}
    assert rounds[0][0].source == Source("planner", "recorded")
    assert await played.propose(context, 1) == []


async def test_a_round_that_was_tried_is_passed_over(tmp_path: Path) -> None:
    context: Context = PlannerContract().context()
    for number, x in enumerate((0.1, 0.2)):
        context.history.add(Trial(number, Source("planner"), Candidate({"x": x, "n": 8, "mode": "slow"})))
    assert [each.rationale for each in await planner(tmp_path).propose(context, 3)] == ["second"]


@pytest.mark.parametrize(
    ("ideas", "text", "told"),
    [
        ("", "", "needs planner.ideas"),
        ("none.json", "", "none.json: No such file"),
        ("ideas.json", "[]", "ideas.json"),
        ("ideas.json", '{"rounds": []}', "rounds"),
        ("ideas.json", '{"rounds": [[{"rationale": "no values"}]]}', "rounds.0.0: missing: give values"),
    ],
)
def test_mistakes_name_the_file_and_the_field(tmp_path: Path, ideas: str, text: str, told: str) -> None:
    if text:
        (tmp_path / "ideas.json").write_text(text)
    with pytest.raises(InputError, match=told):
        build(Setup(make_study(tmp_path, planner={"name": "recorded", "ideas": ideas})))
