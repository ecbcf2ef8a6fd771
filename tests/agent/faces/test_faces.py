"""What people see of a run: the plain lines and the live region, from the same events."""

import asyncio
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from trimtab.agent import events
from trimtab.agent.faces.live.plain import PlainLines
from trimtab.agent.faces.live.progress import Progress
from trimtab.agent.faces.live.view import View
from trimtab.agent.faces.summary import summary_lines
from trimtab.agent.faces.words import seconds, sparkline
from trimtab.agent.memory.store import Store
from trimtab.agent.run.session import Session
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import FunctionExecutor, make_study


def run(study: Study, store: Store, resume: bool = False) -> list[events.Event]:
    def loss(configuration, seed):
        if float(configuration["x"]) > 0.8:
            raise ValueError("too hot")
        return {"loss": 1 + abs(float(configuration["x"])) + 0.001 * (seed % 3)}

    async def collect() -> list[events.Event]:
        session = Session.resume(study, store) if resume else Session.start(study, store)
        return [event async for event in session.run(FunctionExecutor(loss))]

    return asyncio.run(collect())


def test_plain_lines_tell_the_whole_story(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    study = make_study(budget={"trials": 20, "wall_time_s": 60, "dollars": 1})
    face = PlainLines(study)
    for event in run(study, store):
        face.show(event)
    out = capsys.readouterr().out
    assert "budget 20 trials, 60 s of search, 1 dollars" in out
    assert out.count("\ntrial ") == 20
    assert "failed" in out
    assert "too hot" in out
    assert "check of loss:" in out
    assert "how to apply it:" in out


def test_the_live_region_shows_bar_sparkline_and_running_trial(store: Store) -> None:
    study, screen = make_study(), io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, color_system=None)
    face = Progress(study, console, live=False)
    for event in run(study, store):
        face.show(event)
        if isinstance(event, events.TrialStarted) and event.trial == 5:
            console.print(face.frame())
    out = screen.getvalue()
    assert "search 5/10" in out
    assert "best so far" in out
    assert "trial 5 (random):" in out
    assert "about" in out
    assert "the configuration in use today" in out


def test_after_a_resume_the_gain_over_the_default_is_known(store: Store) -> None:
    run(make_study(), store)
    larger = make_study(budget={"trials": 12})
    view = View(larger)
    found = run(larger, store, resume=True)
    view.take(found[0])
    assert view.finished == 10
    assert view.gain() is not None


def test_events_survive_json(store: Store) -> None:
    from pydantic import TypeAdapter

    adapter = TypeAdapter(events.Event)
    for event in run(make_study(), store):
        assert adapter.validate_python(json.loads(event.model_dump_json())) == event


def test_a_study_without_result_says_where_to_look(store: Store, tmp_path: Path) -> None:
    def broken(_configuration, _seed):
        raise ValueError("no")

    async def collect() -> list[events.Event]:
        return [event async for event in Session.start(make_study(), store).run(FunctionExecutor(broken))]

    report = asyncio.run(collect())[-1]
    assert isinstance(report, events.StudyFinished)
    assert any("the default configuration itself failed" in line for line in summary_lines(make_study(), report))


def test_words() -> None:
    assert seconds(5.25) == "5.2 s"
    assert seconds(125) == "2 min 05 s"
    assert seconds(7300) == "2 h 01 min"
    assert sparkline([3, 2, 1], 10) == "█▅▁" or len(sparkline([3, 2, 1], 10)) == 3
    assert sparkline([], 10) == ""
