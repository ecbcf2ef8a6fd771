"""Keys do what people expect of a terminal application, and everything can be found by them."""

import asyncio
from types import SimpleNamespace

import pytest
from textual.pilot import Pilot
from textual.widgets import TabbedContent

from tests.agent.faces.tui.conftest import until
from trimtab.agent.chat.commands import COMMANDS
from trimtab.agent.chat.transcript import Transcript
from trimtab.agent.events import AblationStep, CheckResult, StudyFinished, TrialFinished, TrialStarted
from trimtab.agent.faces.tui.app import ChatApp
from trimtab.agent.faces.tui.completion import completions, known_words, matches, searched
from trimtab.agent.faces.tui.own_commands import OWN
from trimtab.agent.faces.tui.widgets.best import Best
from trimtab.agent.faces.tui.widgets.headline import Headline
from trimtab.agent.faces.tui.widgets.parameters import Parameters
from trimtab.agent.faces.tui.widgets.prompt import Prompt
from trimtab.agent.faces.tui.widgets.status import fitting
from trimtab.agent.faces.tui.widgets.study import TABS, log_line
from trimtab.agent.faces.tui.widgets.trials import TrialTable
from trimtab.agent.memory.store import Store


async def opened(pilot: Pilot[int], key: str) -> None:
    app = pilot.app
    assert isinstance(app, ChatApp)
    await until(pilot, lambda: app._loaded)
    app._command(f"/study {key}")
    await pilot.pause(0.2)


async def test_ctrl_c_stops_then_empties_then_leaves_when_pressed_twice(app: ChatApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app._loaded)
        line = app.query_one(Prompt).line
        await pilot.press(*"hello", "ctrl+c")
        assert line.value == ""
        assert app.is_running
        await pilot.press("ctrl+c")
        assert "Ctrl-C again leaves" in str([entry.text for entry in app.transcript.entries()])
        assert app.return_code is None
        await pilot.press("ctrl+c")
        await pilot.pause()
    assert app.return_code == 0


async def test_two_presses_far_apart_do_not_leave(app: ChatApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app._loaded)
        now = [0.0]
        app.leaving._clock = lambda: now[0]
        app.leaving._asked = -100.0
        await pilot.press("ctrl+c")
        now[0] = 10.0
        await pilot.press("ctrl+c")
        await pilot.pause()
        assert app.return_code is None


async def test_leaving_asks_once_while_a_study_runs(app: ChatApp, monkeypatch: pytest.MonkeyPatch) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app._loaded)
        monkeypatch.setattr(type(app.control), "running", property(lambda _self: True))
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert app.return_code is None
        assert "trimtab chat --continue and /start go on" in app.transcript.entries()[-1].text
        monkeypatch.setattr(type(app.control), "running", property(lambda _self: False))
        await pilot.press("ctrl+q")
        await pilot.pause()
    assert app.return_code == 0


async def test_ctrl_d_leaves_only_where_the_line_is_empty(app: ChatApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app._loaded)
        await pilot.press("x", "home", "ctrl+d")
        assert app.query_one(Prompt).line.value == ""
        assert app.return_code is None
        await pilot.press("ctrl+d")
        await pilot.pause(0.1)
    assert app.return_code == 0


async def test_the_prompt_grows_with_its_lines_and_sends_them_together(app: ChatApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app._loaded)
        line = app.query_one(Prompt).line
        low = line.size.height
        await pilot.press(*"/note", "space", *"a", "ctrl+j", *"b")
        await pilot.pause()
        assert line.value == "/note a\nb"
        assert line.size.height == low + 1
        await pilot.press("enter")
        await pilot.pause()
        assert app.transcript.entries()[0].text == "/note a\nb"


async def test_up_and_down_move_within_several_lines_and_then_through_what_was_sent(app: ChatApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app._loaded)
        prompt = app.query_one(Prompt)
        prompt.history = ["earlier"]
        prompt._at = 1
        await pilot.press("a", "ctrl+j", "b", "up")
        assert (prompt.line.value, prompt.line.cursor_location) == ("a\nb", (0, 1))
        await pilot.press("down")
        assert prompt.line.cursor_location == (1, 1)
        await pilot.press("up", "up")
        assert prompt.line.value == "earlier"


async def test_tab_leaves_the_prompt_where_there_is_nothing_to_complete(app: ChatApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app._loaded)
        await pilot.press("h", "i", "tab")
        await pilot.pause()
        assert app.query_one(Prompt).line.value == "hi"
        assert app.focused is not app.query_one(Prompt).line


async def test_ctrl_r_finds_what_was_sent(app: ChatApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app._loaded)
        prompt = app.query_one(Prompt)
        prompt.history = ["/cost", "/best", "/mode ask"]
        await pilot.press("ctrl+r", *"oa")
        assert prompt.choices.option_count == 1
        await pilot.press("enter")
        assert prompt.line.value == "/mode ask"
        assert app.transcript.entries() == [], "it is taken, not sent"


async def test_what_is_typed_elsewhere_reaches_the_prompt_but_keys_of_the_table_do_not(
    app: ChatApp, tuned: str
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, tuned)
        app.query_one("Tabs").focus()
        await pilot.press("h", "i")
        assert app.query_one(Prompt).line.value == "hi"
        app.query_one(TrialTable).focus()
        await pilot.press("s")
        assert app.query_one(Prompt).line.value == "hi"
        assert app.query_one(TrialTable).order == "result"


async def test_alt_and_a_number_open_the_tabs(app: ChatApp, tuned: str) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot, tuned)
        for number, name in enumerate(TABS, 1):
            if name == "front":
                continue
            await pilot.press(f"alt+{number}")
            await pilot.pause()
            assert app.query_one("#tabs", TabbedContent).active == f"tab-{name}"
            assert app.query_one("#study").display, "also where there is room for one side only"


async def test_f1_shows_and_hides_the_keys_that_work_here(app: ChatApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app._loaded)
        await pilot.press("f1")
        await pilot.pause()
        assert app.screen.query("HelpPanel")
        await pilot.press("f1")
        await pilot.pause()
        assert not app.screen.query("HelpPanel")


async def test_the_check_and_the_ablation_are_seen_once_they_are_there(app: ChatApp, tuned: str) -> None:
    async with app.run_test(size=(160, 50)) as pilot:
        await opened(pilot, tuned)
        shown = app.query_one(Best)
        assert "interval" not in str(shown.render())
        check = CheckResult(
            metric="loss", ratio=2.0, low=1.8, high=2.2, pairs=10, improved=True, verdict="improved: it is",
            incumbent_median=1.1,
        )  # fmt: skip
        step = AblationStep(parameters={"x": (0.5, 0.0)}, ratio=1.9, low=1.7, high=2.1, matters=True)
        app.control.report = StudyFinished(
            study=tuned, trials=14, stopped_by="budget", best=None, default=None, check=check, checks=[check],
            ablation=[step], planner="none", sampler="random", sandbox="none",
        )  # fmt: skip
        app._refresh_study()  # as the next tick does, with no trial more
        await pilot.pause()
        with app.console.capture() as captured:
            app.console.print(shown.visual._renderable)  # type: ignore[attr-defined]
        assert "improved: it is" in captured.get()
        assert "1.90x (1.70 to 2.10) * helped" in str(app.query_one(Parameters).render())
        assert any("proven 2x" in str(each.render()) for each in app.query(Headline))


async def test_parameters_suggest_commands_and_run_none(app: ChatApp, tuned: str) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, tuned)
        app.action_tab("parameters")
        await pilot.pause(0.2)
        rows = app.query_one(Parameters)
        rows.cursor = rows.names().index("x")
        before = len(app.transcript.entries())
        await pilot.press("f")
        await pilot.pause()
        best = app.control.history.incumbent  # type: ignore[union-attr]
        assert best is not None
        assert app.query_one(Prompt).line.value == f"/freeze x={best.configuration['x']}"
        rows.focus()
        await pilot.press("n")
        await pilot.pause()
        assert app.query_one(Prompt).line.value.startswith("/narrow x ")
        assert len(app.transcript.entries()) == before


async def test_gains_that_follow_each_other_are_one_row(app: ChatApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app._loaded)
        for number in range(3):
            app.note(f"trial {number} is the best so far", "gain")
        app.note("something else")
        app.note("trial 9 is the best so far", "gain")
        await pilot.pause()
        rows = [str(each.render()) for each in app.talk.query("Note")]
        assert rows == ["✓ trial 2 is the best so far (3 gains)", "· something else", "✓ trial 9 is the best so far"]
        assert len(app.transcript.entries()) == 5, "all of them are kept"


async def test_the_table_stands_at_its_end_after_a_resize(app: ChatApp, tuned: str) -> None:
    async with app.run_test(size=(120, 20)) as pilot:
        await opened(pilot, tuned)
        table = app.query_one(TrialTable)
        for size in ((120, 60), (120, 18), (80, 24), (120, 20)):
            await pilot.resize_terminal(*size)
            await pilot.pause(0.1)
        assert table.cursor == 13
        assert table.scroll_offset.y == max(0, 14 - (table.size.height - 1))


def test_the_mode_never_leaves_the_status() -> None:
    parts = [
        ("a-study running", ""),
        (" ASK ", ""),
        ("thinking, Esc interrupts", ""),
        ("trials ▰▰ 9/40", ""),
        ("x", ""),
    ]
    assert fitting(parts, 200) == parts
    for room in range(5, 80):
        kept = fitting(parts, room)
        assert kept[:2] == parts[:2]
        assert kept[2:] == [each for each in parts[2:] if each in kept[2:]], "in order, each whole"
    assert ("trials ▰▰ 9/40", "") in fitting(parts, 40), "what is long is left out, what fits is not"


def test_log_lines_end_in_what_they_say() -> None:
    started = TrialStarted(study="s", trial=3, source="tpe", configuration={})
    finished = TrialFinished(
        study="s", trial=3, source="tpe", configuration={}, state="complete", metrics={}, duration_s=1, incumbent=False,
        budget={},
    )  # fmt: skip
    assert log_line(started) == "trial 3 by tpe"
    assert log_line(finished) == "trial 3: complete"


def test_commands_are_found_by_some_of_their_letters() -> None:
    assert [whole for whole, _ in completions("/mo")][:2] == ["/mode ", "/model "]
    assert "/forbid " in [whole for whole, _ in completions("/fbd")]
    offered = {whole.strip() for letter in "abcdefghijklmnopqrstuvwxyz" for whole, _ in completions(f"/{letter}")}
    known = {f"/{name}" for name in COMMANDS} | {f"/{usage.partition(' ')[0]}" for usage, _what in OWN}
    assert {"/quit", "/theme", "/resume", "/export"} <= known
    assert offered <= known
    assert completions("/quit") == []
    assert matches("ask", "/mode ask")
    assert not matches("ksa", "/mode ask")
    assert [whole for whole, _ in searched("b", ["/best", "/cost", "/budget trials=3", "/best"])] == [
        "/best", "/budget trials=3",
    ]  # fmt: skip


async def test_arguments_of_commands_are_completed(app: ChatApp, tuned: str) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, tuned)
        known = known_words(app.control)
        assert [whole for whole, _ in completions("/freeze mo", known)] == ["/freeze mode="]
        values = [whole for whole, _ in completions("/try x=0 mode=", known)]
        assert values
        assert all(each.startswith("/try x=0 mode=") for each in values)
        assert completions("/narrow n 3 ", known) == []
        assert [whole for whole, _ in completions("/why 13", known)] == ["/why 13"]
        assert app.query_one(Prompt).known == known
    assert known_words(SimpleNamespace(study=None)) == {}  # type: ignore[arg-type]


async def test_a_long_run_calls_the_person_back(app: ChatApp, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    now = [0.0]
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app._loaded)
        app.following._call_back, app.following._clock = said.append, lambda: now[0]
        end = StudyFinished(
            study="s-1", trials=1, stopped_by="budget", best=None, default=None, check=None, planner="", sampler="",
            sandbox="",
        )  # fmt: skip
        app.following.take(end, app.control)
        assert said == []
        now[0] = 60.0
        app.following.take(end, app.control)
        assert said == ["s-1: no result"]


async def test_where_nothing_changed_nothing_is_drawn(
    app: ChatApp, tuned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, tuned)
        await pilot.pause(0.5)
        drawn: list[object] = []
        for kind in (Headline, Best, Parameters, TrialTable):
            monkeypatch.setattr(kind, "refresh", lambda self, *_a, **_k: drawn.append(self))
        for _ in range(10):
            app._tick()
        await asyncio.sleep(0)
        assert drawn == []


async def test_who_leaves_is_told_the_study_and_nothing_is_opened_to_tell(
    store: Store, tuned: str, app: ChatApp
) -> None:
    opened_times: list[int] = []

    def opening() -> tuple[Store, Transcript]:
        opened_times.append(1)
        return store, Transcript(store)

    early = ChatApp(opening, greet=False)
    assert early.stored_key == ""
    assert opened_times == []
    async with app.run_test(size=(120, 40)) as pilot:
        await opened(pilot, tuned)
        assert app.stored_key == tuned


async def test_a_line_of_the_history_stays_without_a_list_over_it(app: ChatApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app._loaded)
        prompt = app.query_one(Prompt)
        prompt.history, prompt._at = ["/mo", "/cost"], 2
        await pilot.press("up", "up")
        await pilot.pause(0.2)
        assert prompt.line.value == "/mo"
        assert not prompt.choices.has_class("-open"), "the next key goes on through the history"
        await pilot.press("d")
        assert prompt.choices.has_class("-open")
