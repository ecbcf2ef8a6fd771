import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel

from trimtab.agent.budget import Ledger
from trimtab.agent.optimizers.state import describe
from trimtab.agent.planners.base import Context
from trimtab.agent.planners.desk import fill_desk
from trimtab.agent.study.space import Configuration
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial
from trimtab.tools.desk import Desk
from trimtab.tools.errors import InputError
from trimtab.tools.registry import LONGEST_RESULT, NOT_DONE, TOOLS, tool


class Guessing:
    """An optimizer that expects the same of everything."""

    names = ["tpe"]  # noqa: RUF012  # what the interface asks for

    def forecast(self, configurations: Sequence[Configuration]) -> list[tuple[float, float, float]]:
        return [(0.5, 0.25, 0.75) for _ in configurations]

    def candidates(self, count: int) -> list[Configuration]:
        return [make_study().space.sample(random.Random(number)) for number in range(count)]


def desk(count: int, **sections: Any) -> Desk:
    """Return the desk of a study where x decides, mode 'fast' often fails, and n does not matter."""
    study, rng = make_study(study={"name": "small", "system": "sqlite"}, **sections), random.Random(0)
    history = History(study)
    for number in range(count):
        configuration = study.space.default if number == 0 else study.space.sample(rng)
        trial = Trial(
            number, Source.of("default" if number == 0 else "tpe"), Candidate(configuration), state="complete"
        )
        if configuration["mode"] == "fast" and rng.random() < 0.6:
            trial.state, trial.reason = "failed", "timeout"
        else:
            trial.metrics = {"loss": abs(float(configuration["x"])) + 0.01 * rng.random()}
        history.add(trial)
        history.update(trial)
    state = describe(Guessing(), history)
    return fill_desk(Context(study, history, Ledger({})).now(state), lambda given: f"got {len(given)}")


def call(name: str, on: Desk, **arguments: Any) -> str:
    return asyncio.run(TOOLS[name].call(on, arguments))


@pytest.mark.parametrize("count", [0, 1, 5, 60])
@pytest.mark.parametrize("name", list(TOOLS))
def test_every_tool_answers_in_bounded_text_at_any_time(name: str, count: int) -> None:
    arguments: dict[str, dict[str, Any]] = {
        "analyse": {"what": "importance"},
        "propose": {"proposals": [{"values": {"x": 1}}]},
    }
    text = call(name, desk(count), **arguments.get(name, {}))
    assert text
    assert len(text) <= LONGEST_RESULT + 20


def test_history_filters_and_is_bounded() -> None:
    on = desk(200)
    best = call("history", on, which="best", count=30).splitlines()
    assert len(best) == 31
    failed = call("history", on, which="failed", parameter="mode", value="fast")
    assert "timeout" in failed
    assert "0 trials match" in call("history", on, which="failed", parameter="mode", value="slow")


def test_importance_names_what_decides() -> None:
    lines = call("analyse", desk(120), what="importance").splitlines()
    assert lines[1].startswith("x:")


def test_sensitivity_says_where_the_best_trial_could_move() -> None:
    lines = call("analyse", desk(120), what="sensitivity").splitlines()
    assert lines[1].startswith("x: best at")


def test_failures_are_located() -> None:
    assert "mode=fast" in call("analyse", desk(120), what="failures")
    assert "none of" in call("analyse", desk(1), what="failures")


def test_a_surrogate_predicts_a_configuration_given_in_any_form() -> None:
    text = call("analyse", desk(120), what="predict", configuration={"x": "0.0", "n": 8, "mode": "slow"})
    assert float(text.split("about ")[1].split(",")[0]) < 0.25


@pytest.mark.parametrize("what", ["correlations", "convergence"])
def test_other_analyses(what: str) -> None:
    assert "loss" in call("analyse", desk(60), what=what) or "x:" in call("analyse", desk(60), what=what)


def test_wrong_arguments_are_an_answer_not_an_exception() -> None:
    assert call("analyse", desk(5), what="magic").startswith(f"{NOT_DONE}what: ")
    assert call("propose", desk(5), proposals="all of them").startswith(NOT_DONE)
    assert call("analyse", desk(5)) == f"{NOT_DONE}what: Field required"


def test_a_tool_is_described_as_endpoints_take_it() -> None:
    found = TOOLS["analyse"].schema
    assert found["type"] == "function"
    assert found["function"]["name"] == "analyse"
    assert found["function"]["description"].startswith("Analyse the trials")
    assert found["function"]["parameters"]["required"] == ["what"]


class Noise(BaseModel):
    """How loud."""

    times: int


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (InputError("no such knob", "try another"), "no such knob (try another)"),
        (KeyError("x"), "noisy failed: KeyError: 'x'"),
    ],
)
def test_what_a_tool_raises_is_an_answer_and_long_answers_are_cut(raised: Exception, words: str) -> None:
    @tool(Noise)
    async def noisy(_on: str, arguments: Noise) -> str:
        """Make noise."""
        if arguments.times < 0:
            raise raised
        return "a" * arguments.times

    assert asyncio.run(noisy.call("", {"times": -1})) == f"{NOT_DONE}{words}"
    assert asyncio.run(noisy.call("", {"times": LONGEST_RESULT})) == "a" * LONGEST_RESULT
    assert asyncio.run(noisy.call("", {"times": LONGEST_RESULT + 1})) == "a" * LONGEST_RESULT + "\n(cut off)"
    assert (noisy.name, noisy.description) == ("noisy", "Make noise.")


def test_consult_knows_the_catalogue() -> None:
    assert "page_size" in call("consult", desk(1))
    assert "sqlite.org" in call("consult", desk(1), knob="page_size")
    assert "not in the catalogue" in call("consult", desk(1), knob="nothing")
