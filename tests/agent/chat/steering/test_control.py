import asyncio
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.agent.chat.approval import Approval
from trimtab.agent.chat.commands import COMMANDS, run_command
from trimtab.agent.chat.steering.background import Background
from trimtab.agent.chat.steering.control import StudyControl
from trimtab.agent.chat.steering.drafts import draft_from_command
from trimtab.agent.chat.transcript import Transcript
from trimtab.agent.events import MinimalConfiguration
from trimtab.agent.memory.store import Store
from trimtab.agent.study.file import load_study
from trimtab.agent.study.toml_text import to_toml
from trimtab.tools.errors import InputError, TrimtabError


def wait(control: StudyControl) -> None:
    until(lambda: not control.running)


def until(condition: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def say(control: StudyControl, line: str) -> str:
    return run_command(control, line)


def test_a_study_runs_from_commands_to_its_end(control: StudyControl) -> None:
    assert "ready" in say(control, "/study")
    assert "started quick" in say(control, "/start")
    wait(control)
    assert control.state == "finished"
    assert "trial" in say(control, "/best")
    assert "default" in say(control, "/why 0")
    assert "x:" in say(control, "/diff 0 1")
    assert "trials 6" in say(control, "/cost")


def test_pausing_trying_and_stopping(control: StudyControl) -> None:
    say(control, "/budget 300")
    say(control, "/start")
    until(lambda: control.history is not None and len(control.history.finished) >= 2)
    say(control, "/pause")
    until(lambda: control.state == "paused")
    assert "x=0.125" in say(control, "/try x=0.125 mode=fast")
    until(lambda: any(trial.source.kind == "person" for trial in control.history.finished))  # type: ignore[union-attr]
    asked = next(trial for trial in control.history.trials if trial.source.kind == "person")  # type: ignore[union-attr]
    assert asked.configuration == {"x": 0.125, "mode": "fast"}
    assert "not tried" in say(control, "/try x=0.125 mode=fast")
    say(control, "/stop")
    wait(control)
    assert control.state == "stopped"
    count = len(control.history.trials)  # type: ignore[union-attr]
    say(control, f"/budget {count + 2}")
    say(control, "/start")
    wait(control)
    assert len(control.history.trials) == count + 2  # type: ignore[union-attr]


def test_a_change_while_it_runs_goes_on_with_the_changed_study(control: StudyControl) -> None:
    say(control, "/budget 80")
    say(control, "/start")
    until(lambda: control.history is not None and len(control.history.finished) >= 3)
    assert "stays at" in say(control, "/freeze mode=fast")
    until(lambda: control.study is not None and control.session is not None and "mode" in control.session.study.focus)
    began = len(control.history.trials)  # type: ignore[union-attr]
    assert "searched from" in say(control, "/narrow x -0.5 0.5")
    until(lambda: control.session is not None and "x" in control.session.study.focus)
    say(control, '/forbid "x < -0.4" "it smokes"')
    wait(control)
    trials = control.history.trials  # type: ignore[union-attr]
    assert len(trials) == 80
    assert all(trial.configuration["mode"] == "fast" for trial in trials[began + 1 :])
    assert all(-0.4 <= float(trial.configuration["x"]) <= 0.5 for trial in trials[-40:])


def test_proposals_wait_for_a_person_and_a_refusal_reaches_the_planner(
    store: Store, background: Background, tmp_path: Path, quick: str
) -> None:
    (tmp_path / "a.toml").write_text(quick.replace('name = "none"', 'name = "random-proposals"'))
    asked: list[Approval] = []
    control = StudyControl(store, background, on_approval=asked.append, mode="ask")
    control.open_file(tmp_path / "a.toml")
    control.start()
    until(lambda: len(asked) >= 1)
    asked[0].answer.set_result("it costs too much memory")
    until(lambda: len(asked) >= 2)
    edited = {"x": 0.25, "mode": "fast"}
    asked[1].answer.set_result(edited)
    until(lambda: any(t.configuration == edited for t in control.history.trials))  # type: ignore[union-attr]
    control.always_allow()
    for approval in asked[2:]:
        approval.answer.set_result(approval.accepted.configuration)
    for _ in range(100):
        if not control.running:
            break
        for approval in asked:
            if not approval.answer.done():
                approval.answer.set_result(approval.accepted.configuration)
        time.sleep(0.05)
    assert control.session is not None
    assert any("it costs too much memory" in note for note in control.session.proposing.context.notes)
    refused = asked[0].accepted.configuration
    assert refused not in [trial.configuration for trial in control.history.trials]  # type: ignore[union-attr]
    assert control.report is not None and control.report.problems["refused"] == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("/strat", "did you mean /start"),
        ("/why x", "number of a trial"),
        ("/why 99", "no trial 99"),
        ("/try x", "is no assignment"),
        ("/try speed=3", "is no parameter"),
        ("/narrow x a b", "is no range"),
        ("/narrow y 1 2", "'y' is not one of x, mode"),
        ("/freeze mode", "is no assignment"),
        ("/forbid", "needs a condition"),
        ('/forbid "z > 1" because', "unknown parameter 'z'"),
        ("/budget dragons=3", "dragons"),
        ("/mode sometimes", "no mode"),
        ('/study "unclosed', "close the quotes"),
        ("/study nothing.toml", "cannot be read"),
        ("/study new ./bench", "is no file and no program"),
        ("/save /nowhere/at/all.toml", "cannot be written"),
    ],
)
def test_mistakes_are_answered_in_words(control: StudyControl, line: str, message: str) -> None:
    with pytest.raises(TrimtabError, match=message):
        say(control, line)


def test_without_a_study_commands_say_so(store: Store, background: Background) -> None:
    control = StudyControl(store, background)
    for line in ("/start", "/try x=1", "/forbid a b", "/apply"):
        with pytest.raises(InputError):
            say(control, line)
    assert "no study" in say(control, "/study")


def test_apply_shows_what_was_checked(control: StudyControl) -> None:
    say(control, "/start")
    wait(control)
    assert control.report is not None
    assert control.report.best is not None
    whole = control.report.best.configuration
    assert f'"x": {whole["x"]}' in say(control, "/apply")
    less = MinimalConfiguration(configuration={**whole, "x": 0.25}, dropped={}, accepted=True, verdict="as good")
    control.report = control.report.model_copy(update={"minimal": less})
    assert '"x": 0.25' in say(control, "/apply")


def test_what_is_saved_can_be_run_again(control: StudyControl, tmp_path: Path) -> None:
    say(control, "/freeze mode=fast")
    say(control, '/forbid "x > 0.95" "too \\"hot\\""')
    say(control, f"/save {tmp_path / 'again.toml'}")
    again = load_study(tmp_path / "again.toml")
    assert control.study is not None
    assert again.model_dump() == control.study.model_dump()


def test_a_command_becomes_a_study() -> None:
    data = tomllib.loads(draft_from_command("./bench.sh --threads={threads} --cache {cache} --seed={seed}"))
    assert list(data["parameters"]) == ["threads", "cache"]
    assert data["study"]["name"] == "bench"


plain = st.recursive(
    st.one_of(
        st.text(max_size=20),
        st.integers(-(10**9), 10**9),
        st.floats(allow_nan=False, allow_infinity=False),
        st.booleans(),
    ),
    lambda inner: st.one_of(
        st.lists(st.integers(), max_size=4),
        st.dictionaries(st.text("abcdef_- .é\"'", min_size=1, max_size=8), inner, max_size=4),
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abcdef_- .", min_size=1, max_size=8), plain, max_size=5))
def test_toml_that_is_written_reads_back(data: dict[str, Any]) -> None:
    assert tomllib.loads(to_toml(data)) == data


def test_lists_of_tables_read_back() -> None:
    data = {"a": [{"b": 1, "c": {"d": [1, 2]}}, {"b": 2}], "e": {"f": {"g": "h"}}}
    assert tomllib.loads(to_toml(data)) == data


def test_every_command_is_in_the_help(control: StudyControl) -> None:
    shown = say(control, "/help")
    assert all(f"`/{command.usage}`" in shown for command in COMMANDS.values())


def test_conversations_are_stored_found_and_exported(store: Store) -> None:
    transcript = Transcript(store)
    transcript.add("user", "make it faster")
    transcript.add("tool", "12 trials match", name="history", arguments={"which": "best"}, failed=False)
    transcript.add("assistant", "It **is** faster.")
    transcript.set_study("small-1", "ask")
    again = Transcript(store, transcript.key.removeprefix("chat-"))
    assert [entry.role for entry in again.entries()] == ["user", "tool", "assistant"]
    text = again.as_markdown()
    assert "make it faster" in text and "`history(" in text and "trimtab show small-1" in text
    latest = Transcript.latest(store)
    assert latest is not None and latest.key == transcript.key
    with pytest.raises(InputError, match="no conversation '99'"):
        Transcript(store, "99")


def test_an_endpoint_that_a_study_names_is_used_once_the_person_trusts_it(
    control: StudyControl, tmp_path: Path, quick: str
) -> None:
    ends: list[str] = []
    control.on_end = ends.append
    named = (
        quick.replace('name = "none"', 'name = "model"') + '[model]\nname = "m"\nbase_url = "http://127.0.0.1:9/v1"\n'
    )
    (tmp_path / "named.toml").write_text(named)
    assert "names no endpoint" in say(control, "/trust")
    control.open_file(tmp_path / "named.toml")
    for words in ("/trust allows it", "127.0.0.1:9"):
        say(control, "/start")
        wait(control)
        until(lambda words=words: words in ends[-1] if ends else False)
        assert control.store.studies() == []
        if words.startswith("/trust"):
            assert "may be used" in say(control, "/trust")
    assert "/trust" not in ends[-1]


async def test_waiting_that_is_cancelled_as_something_happens_ends(store: Store) -> None:
    control = StudyControl(store, Background())
    waiting = asyncio.create_task(control.happens(600))
    await asyncio.sleep(0)
    control.wake()
    waiting.cancel()  # in the same moment
    with pytest.raises(asyncio.CancelledError):
        await waiting
    control.background.close()


@pytest.mark.parametrize(
    "target", [{"setup": "true"}, {"teardown": {"command": "true"}}, {"kind": "postgresql"}, {"kind": ["command"]}]
)
def test_a_draft_brings_nothing_that_works_outside_the_sandbox(
    control: StudyControl, tmp_path: Path, target: dict[str, Any]
) -> None:
    sections = tomllib.loads((tmp_path / "quick.toml").read_text())
    fields = {"kind": "command", "command": sections["evaluation"].pop("command")}
    assert "drafted" in control.draft({**sections, "target": fields})
    with pytest.raises(InputError, match=r"may not have target\.(setup|teardown|kind)"):
        control.draft({**sections, "target": {**fields, **target}})
