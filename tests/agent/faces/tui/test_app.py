import asyncio
import json
import threading
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from textual import events
from textual.content import Content
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from tests.agent.faces.tui.conftest import until
from trimtab.agent.chat.approval import Approval
from trimtab.agent.chat.commands import COMMANDS
from trimtab.agent.chat.transcript import Transcript
from trimtab.agent.faces.tui.app import ChatApp
from trimtab.agent.faces.tui.completion import completions
from trimtab.agent.faces.tui.own_commands import OWN
from trimtab.agent.faces.tui.screens.approval import ApprovalScreen
from trimtab.agent.faces.tui.screens.permission import PermissionScreen
from trimtab.agent.faces.tui.screens.start import StartScreen
from trimtab.agent.faces.tui.screens.trial import TrialScreen
from trimtab.agent.faces.tui.themes import DARK
from trimtab.agent.faces.tui.widgets.answer import Answer
from trimtab.agent.faces.tui.widgets.best import Best
from trimtab.agent.faces.tui.widgets.curve import plot
from trimtab.agent.faces.tui.widgets.entries import Note, Said, ToolRow
from trimtab.agent.faces.tui.widgets.prompt import Prompt
from trimtab.agent.faces.tui.widgets.trials import TrialTable
from trimtab.agent.memory.store import Store
from trimtab.agent.memory.store.db import StoreError
from trimtab.agent.models.scripted import Reply, ScriptedEndpoint, answer, tool_call
from trimtab.agent.study.file import parse_study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.proposal import Accepted, Proposal
from trimtab.agent.trials.source import DEFAULT, Source
from trimtab.agent.trials.trial import Trial
from trimtab.tools.errors import InputError
from trimtab.tools.targets.code.edits import Edit, patch_of

STUDY = """
[study]
name = "quick"
[parameters.x]
type = "float"
low = -1.0
high = 1.0
default = 0.9
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
command = ["{python}", "-c", "import json,sys; print(json.dumps(dict(loss=1 + abs(float(sys.argv[1])))))", "{x}"]
check_seeds = [101, 102, 103, 104, 105]
[budget]
trials = 6
[planner]
name = "random-proposals"
[sampler]
name = "random"
[check]
ablation = false
"""


@pytest.fixture
def study_file(tmp_path: Path) -> Path:
    file = tmp_path / "quick.toml"
    file.write_text(STUDY)
    return file


async def send(pilot: Pilot[int], text: str) -> None:
    await until(pilot, lambda: pilot.app._loaded)  # type: ignore[attr-defined]
    line = pilot.app.query_one(Prompt).line
    line.value = text
    await pilot.pause()
    line.focus()
    await pilot.press("enter")
    await pilot.pause()


def spoken(app: ChatApp, before: int) -> list[tuple[str, str]]:
    """Return who said what, without the notices of a study that runs meanwhile."""
    return [(entry.role, entry.text) for entry in app.transcript.entries()[before:] if entry.role != "notice"]


def notes(app: ChatApp) -> str:
    return "\n".join(str(each.render()) for each in app.screen_stack[0].query(Note))


async def test_every_slash_command_answers_and_is_kept(app: ChatApp, tuned: str, tmp_path: Path) -> None:
    lines = {
        "study": f"/study {tuned}",
        "best": "/best",
        "why": "/why 3",
        "diff": "/diff 0 3",
        "cost": "/cost",
        "prompts": "/prompts",
        "model": "/model",
        "mode": "/mode ask",
        "budget": "/budget trials=20",
        "narrow": "/narrow x -0.6 0.6",
        "freeze": "/freeze mode=fast",
        "forbid": '/forbid "n > 60" "too large"',
        "save": f"/save {tmp_path / 'kept.toml'}",
        "apply": "/apply",
        "help": "/help",
        "trust": "/trust",
        "note": "/note memory is scarce",
        "pause": "/pause",
        "stop": "/stop",
        "try": "/try x=0.1",
        "start": "/start",
    }
    assert lines.keys() == COMMANDS.keys()
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause(0.2)
        for line in lines.values():
            before = len(app.transcript.entries())
            await send(pilot, line)
            asked, answer = spoken(app, before)
            assert asked == ("user", line), line
            assert answer[0] in {"command", "error"}, line
        for line in (
            "/theme",
            "/theme nord",
            f"/export {tmp_path / 'talk.md'}",
            "/resume",
            f"/report {tmp_path / 'page.html'}",
            f"/report {tmp_path / 'page.md'}",
        ):
            before = len(app.transcript.entries())
            await send(pilot, line)
            assert [role for role, _text in spoken(app, before)] == ["user", "command"], line
        assert app.theme == "nord"
        assert (tmp_path / "kept.toml").is_file()
        assert "<!doctype html>" in (tmp_path / "page.html").read_text()
        assert (tmp_path / "page.md").read_text().startswith("# ")
        await send(pilot, "/help")
        assert "| `/report [FILE]` |" in spoken(app, 0)[-1][1]
        assert "/best" in (tmp_path / "talk.md").read_text()
        assert "mode = " in (tmp_path / "talk.toml").read_text() or "[study]" in (tmp_path / "talk.toml").read_text()
        await send(pilot, "/quit")
        await pilot.pause(0.2)
    assert app.return_code == 0


async def test_mistakes_are_shown_and_nothing_breaks(app: ChatApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        for line in ("/strat", "/why", "/theme nope", '/study "open', "/study nothing.toml", "/resume 99", "/start"):
            await send(pilot, line)
        roles = [entry.role for entry in app.transcript.entries()]
        assert roles == ["user", "error"] * 7
        assert "did you mean /start" in notes(app)


async def test_the_palette_has_every_command_with_its_brackets(app: ChatApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app._loaded)
        titles = [Content.from_markup(each.title).plain for each in app.get_system_commands(app.screen)]
    wanted = [*(command.usage for command in COMMANDS.values()), *(usage for usage, _what in OWN)]
    assert [f"/{usage}" for usage in wanted if f"/{usage}" not in titles] == []
    assert any("[" in usage for usage in wanted)


async def test_a_worse_objective_is_never_shown_as_a_gain(app: ChatApp, monkeypatch: pytest.MonkeyPatch) -> None:
    objectives = [{"metric": "seconds", "direction": "minimize"}, {"metric": "hits", "direction": "maximize"},
                  {"metric": "mib", "direction": "minimize"}]  # fmt: skip
    history = History(make_study(objectives=objectives))
    for number, values in enumerate(((5.0, 10.0, 56.0), (1.0, 30.0, 71.0))):
        trial = Trial(number, DEFAULT if number == 0 else Source.of("tpe"), Candidate({"x": number / 2}), "complete")
        trial.metrics = dict(zip(("seconds", "hits", "mib"), values, strict=True))
        history.add(trial)
        history.update(trial)
    history.incumbent = history.trials[1]
    shown: list[Table] = []
    monkeypatch.setattr(Best, "update", lambda _self, table: shown.append(table))
    async with app.run_test(size=(120, 40)):
        app.query_one(Best).show(SimpleNamespace(history=history, report=None))  # type: ignore[arg-type]
    good, bad = DARK.variables["best"], DARK.variables["failed"]
    cells = list(shown[-1].columns[2].cells)[:3]
    assert [(str(cell), str(cell.style)) for cell in cells if isinstance(cell, Text)] == [
        ("1", f"bold {good}"), ("30", f"bold {good}"), ("71 worse", f"bold {bad}"),
    ]  # fmt: skip


@pytest.mark.parametrize("last", [1, 9, 99, 199, 12_345])
def test_no_line_of_the_plot_is_wider_than_the_plot(last: int) -> None:
    done = [(0, 5.0), (last // 2, 3.0), (last, 1.0)]
    for width in (20, 57, 120):
        lines = plot(done, 4.0, 0.1, (width, 12), "loss").plain.splitlines()[1:]
        assert max(map(len, lines)) <= width, lines


async def test_the_layout_follows_a_resize_at_once(app: ChatApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app._loaded)
        for width, height, narrow, low in ((60, 20, True, True), (120, 40, False, False), (80, 24, True, True)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            screen = app.screen_stack[0]
            assert (screen.has_class("-narrow"), screen.has_class("-low")) == (narrow, low), (width, height)


async def test_completion_history_and_files(app: ChatApp, tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("x")
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause(0.2)
        await pilot.press("/", "w")
        assert app.query_one(OptionList).has_class("-open")
        await pilot.press("tab")
        assert app.query_one(Prompt).line.value == "/why "
        app.query_one(Prompt).line.value = ""
        await send(pilot, "/cost")
        await send(pilot, "/best")
        await pilot.press("up", "up")
        assert app.query_one(Prompt).line.value == "/cost"
        await pilot.press("down")
        assert app.query_one(Prompt).line.value == "/best"
    assert ("look at @notes.md ", "notes.md") in completions("look at @not")
    assert completions("mail@example") == []


async def test_what_is_typed_ahead_or_pasted_is_sent_line_by_line(app: ChatApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await until(pilot, lambda: app._loaded)
        before = len(app.transcript.entries())
        for key in ["slash", *"mode", "tab", *"ask", "enter", *"/cost", "enter"]:  # without waiting in between
            app.post_message(events.Key(key, "/" if key == "slash" else key if len(key) == 1 else None))
        await until(pilot, lambda: len(app.transcript.entries()) == before + 4)
        assert [text for role, text in spoken(app, before) if role == "user"] == ["/mode ask", "/cost"]
        app.post_message(events.Paste("one\ntwo"))
        await until(pilot, lambda: app.query_one(Prompt).line.value == "one\ntwo")


async def test_a_study_runs_and_its_trials_can_be_sorted_filtered_and_opened(app: ChatApp, study_file: Path) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await send(pilot, f"/study {study_file}")
        await send(pilot, "/start")
        await until(pilot, lambda: app.control.state == "finished")
        await until(pilot, lambda: "check of loss" in notes(app))
        table = app.query_one(TrialTable)
        assert len(table._rows) == 6
        table.focus()
        await pilot.press("s")
        assert table.order == "result"
        losses = [trial.metrics["loss"] for trial in table._rows]
        assert losses == sorted(losses)
        await pilot.press("s", "s", "f", "f")
        assert table.only != "all"
        table.only = "all"
        table._refill()
        await pilot.press("home", "enter")
        await pilot.pause(0.2)
        assert isinstance(app.screen, TrialScreen)
        await pilot.press("escape")
        assert app.transcript.study_key == "quick-1"


async def test_approving_editing_and_refusing(app: ChatApp, study_file: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.press("shift+tab")
        assert app.control.mode == "ask"
        await send(pilot, f"/study {study_file}")
        await send(pilot, "/budget 400")
        await send(pilot, "/start")
        await until(pilot, lambda: isinstance(app.screen, ApprovalScreen) and app.screen.is_mounted)
        await pilot.press("ctrl+r")  # without a reason it asks for one
        assert isinstance(app.screen, ApprovalScreen)
        await pilot.press(*"no", "enter")
        await until(pilot, lambda: "refused: no" in notes(app))
        await until(pilot, lambda: isinstance(app.screen, ApprovalScreen))
        await until(pilot, lambda: bool(app.screen.query("#value-x")))
        app.screen.query_one("#value-x", Input).value = "7"
        await pilot.press("ctrl+a")
        await pilot.pause(0.1)
        assert isinstance(app.screen, ApprovalScreen)  # 7 is out of range: it was moved, and is shown again
        app.screen.query_one("#value-x", Input).value = "0.125"
        await pilot.press("ctrl+a")
        await until(pilot, lambda: "approved with changes" in notes(app))
        history = app.control.history
        assert history is not None
        await until(pilot, lambda: any(trial.configuration == {"x": 0.125} for trial in history.trials))
        if not isinstance(app.screen, ApprovalScreen):
            await send(pilot, "/stop")


async def test_an_edit_is_shown_as_a_diff_beside_the_parameters(
    app: ChatApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("def f(x):\n    return x + 1\n")
    data = {
        "study": {"name": "edited"},
        "parameters": {"k": {"type": "int", "low": 1, "high": 9, "default": 1}},
        "objectives": [{"metric": "wall_s", "direction": "minimize"}],
        "target": {
            "kind": "command",
            "command": "{python} {code}/a.py {k}",
            "code": {"project": "src", "editable": ["a.py"]},
        },
    }
    study = parse_study(data, tmp_path / "study.toml")
    assert study.project is not None
    patch = patch_of([Edit("a.py", "    return x + 2  # \u202e\n", search="    return x + 1\n")], study.project.rules)
    accepted = Accepted(Candidate({"k": 2}, patch), Proposal({"k": 2}, Source("planner"), patch=patch))
    async with app.run_test(size=(120, 40)) as pilot:
        await pilot.pause()
        screen = ApprovalScreen(accepted, study, study.space.default)
        app.push_screen(screen)
        await until(pilot, lambda: screen.is_mounted and bool(screen.query("#diff")))
        shown = screen.query_one("#diff Static", Static).content
        assert isinstance(shown, Syntax)
        assert shown.lexer is not None and "Diff" in shown.lexer.name
        assert "-    return x + 1\n+    return x + 2  # \\u202e\n" in shown.code  # what would hide is seen
        assert screen.query("#value-k")
        await pilot.pause(0.2)
        assert screen.query_one("#approve").region.bottom <= 40


async def test_always_also_answers_proposals_that_already_wait(app: ChatApp, tuned: str) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, f"/study {tuned}")
        await send(pilot, "/mode ask")
        configuration = {"x": 0.25, "n": 8, "mode": "slow"}
        waiting = [
            Approval(Accepted(Candidate(configuration), Proposal(configuration, Source("planner"))), Future())
            for _each in range(3)
        ]
        app.decisions.waiting.extend(waiting)
        await until(pilot, lambda: isinstance(app.screen, ApprovalScreen) and bool(app.screen.query("#approve")))
        await pilot.press("ctrl+w")
        await until(pilot, lambda: all(each.answer.done() for each in waiting))
        assert [each.answer.result() for each in waiting] == [configuration] * 3
        assert not isinstance(app.screen, ApprovalScreen)


@pytest.mark.parametrize("name", ["approval", "permission", "trial", "start"])
async def test_keys_typed_before_a_dialog_is_there_do_not_act_on_it(app: ChatApp, tuned: str, name: str) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, f"/study {tuned}")
        assert app.control.study is not None
        configuration = {"x": 0.25, "n": 8, "mode": "slow"}
        accepted = Accepted(Candidate(configuration), Proposal(configuration, Source("planner")))
        screen: Any = {
            "approval": lambda: ApprovalScreen(accepted, app.control.study, {}),
            "permission": lambda: PermissionScreen("set_budget", {"trials": 9}),
            "trial": lambda: TrialScreen(app.control, 3),
            "start": lambda: StartScreen([]),
        }[name]()
        keys = list(screen._bindings.key_to_bindings)
        actions = [each.action for bindings in screen._bindings.key_to_bindings.values() for each in bindings]
        assert actions
        for action in actions:
            await app.run_action(action, default_namespace=screen)  # as a key does, before anything is mounted
        app.push_screen(screen)
        for key in keys:
            app.post_message(events.Key(key, None))
        await until(pilot, lambda: screen.is_mounted)
        await pilot.pause(0.2)
        assert app.is_running
        assert app.screen_stack[0].query(Prompt)  # a second key closed nothing below the dialog


def test_keys_typed_before_the_first_screen_is_there_do_nothing(app: ChatApp) -> None:
    actions = [binding.action for binding in app.BINDINGS]
    assert [action for action in actions if app.check_action(action, ())] == ["quit"]


async def test_an_approval_whose_run_has_ended_closes_itself(app: ChatApp, tuned: str) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, f"/study {tuned}")
        await send(pilot, "/mode ask")
        configuration = {"x": 0.25, "n": 8, "mode": "slow"}
        accepted = Accepted(Candidate(configuration), Proposal(configuration, Source("planner")))
        gone, next_one = Approval(accepted, Future()), Approval(accepted, Future())
        app.decisions.waiting.extend([gone, next_one])
        await until(pilot, lambda: isinstance(app.screen, ApprovalScreen) and app.screen.is_mounted)
        first = app.screen
        gone.answer.cancel()
        await until(pilot, lambda: app.screen is not first and isinstance(app.screen, ApprovalScreen))
        assert "nobody waits for this answer" in notes(app)
        await until(pilot, lambda: app.screen.is_mounted)
        await pilot.press("ctrl+a")
        await until(pilot, next_one.answer.done)


async def test_a_tool_of_the_model_is_asked_about_in_mode_ask(app: ChatApp, tuned: str, endpoint: Any) -> None:
    calls = [tool_call("set_budget", {"trials": 20}), tool_call("set_budget", {"trials": 30}), answer("done")]
    with endpoint(*calls):
        async with app.run_test(size=(120, 40)) as pilot:
            await send(pilot, f"/study {tuned}")
            await send(pilot, "/mode ask")
            await send(pilot, "more trials, please")
            await until(pilot, lambda: isinstance(app.screen, PermissionScreen) and app.screen.is_mounted)
            app.screen.query_one("#reason", Input).value = "too many"
            await pilot.press("ctrl+r")
            await until(pilot, lambda: "set_budget: refused (too many)" in notes(app))
            assert app.control.study is not None
            assert app.control.study.budget.trials == 14
            await until(pilot, lambda: isinstance(app.screen, PermissionScreen) and app.screen.is_mounted)
            await pilot.press("ctrl+w")
            await until(pilot, lambda: not app.thinking)
            assert app.control.study.budget.trials == 30
            assert app.control.decision("set_budget").decide == "allow"


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, store: Store) -> Any:
    def start(*replies: Reply) -> ScriptedEndpoint:
        endpoint = ScriptedEndpoint(replies, otherwise=lambda _request: answer("done"))
        monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
        monkeypatch.setenv("OPENAI_MODEL", "scripted")
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        store.keep_endpoint_facts(f"openai:scripted {endpoint.base_url}", "tools", frozenset())
        return endpoint

    return start


async def test_a_model_uses_tools_and_streams_its_answer(app: ChatApp, tuned: str, endpoint: Any) -> None:
    text = "# Best\n\n" + "word " * 400
    calls = [tool_call("best_trial", {}), tool_call("explain_trial", {"number": 99}), answer(text)]
    with endpoint(*calls) as served:
        async with app.run_test(size=(120, 40)) as pilot:
            await send(pilot, f"/study {tuned}")
            await send(pilot, "what is best?")
            await until(pilot, lambda: bool(app.query(Answer)) and not app.thinking)
            await pilot.pause(0.3)
            rows = list(app.query(ToolRow))
            assert [row.tool for row in rows] == ["best_trial", "explain_trial"]
            assert rows[1].has_class("-failed")
            rows[0].action_unfold()
            assert app.query_one(Answer).text.strip() == text.strip()
        roles = [entry.role for entry in app.transcript.entries()]
        assert roles[-4:] == ["user", "tool", "tool", "assistant"]
        assert "There is no study" not in json.dumps(served.requests[0])
        assert served.requests[0]["stream"] is True


async def test_an_answer_can_be_interrupted_and_hints_reach_the_next_turn(
    app: ChatApp, tuned: str, endpoint: Any
) -> None:
    slow = tool_call("best_trial", {})
    late = Reply(200, answer("late").body, delay_s=5.0)
    replies = [Reply(slow.status, slow.body, delay_s=1.0), answer("with the hint"), late]
    with endpoint(*replies) as served:
        async with app.run_test(size=(120, 40)) as pilot:
            await send(pilot, f"/study {tuned}")
            await send(pilot, "look")
            await until(pilot, lambda: len(served.requests) == 1)
            await send(pilot, "mind the memory")
            assert any(each.has_class("-hint") for each in app.query(Said))
            await until(pilot, lambda: not app.thinking)
            assert "mind the memory" in json.dumps(served.requests[1])
            await send(pilot, "and now")
            await until(pilot, lambda: app.thinking)
            await send(pilot, f"/resume {app.transcript.key}")
            assert "an answer is under way" in notes(app)
            await pilot.press("escape")
            await until(pilot, lambda: not app.thinking)
            await until(pilot, lambda: app.transcript.entries()[-1].role in {"error", "assistant"})


async def test_a_failing_model_is_reported_and_commands_go_on(app: ChatApp, endpoint: Any, tuned: str) -> None:
    with endpoint(*[Reply(401, '{"error": {"message": "bad key sk-abcdefghijkl"}}')] * 3):
        async with app.run_test(size=(120, 40)) as pilot:
            await send(pilot, "hello")
            await until(pilot, lambda: app.transcript.entries()[-1].role == "error")
            assert "sk-abcdefghijkl" not in notes(app)
            await send(pilot, f"/study {tuned}")
            assert "13" in app.transcript.entries()[-1].text or "14" in app.transcript.entries()[-1].text


async def test_without_a_model_it_says_what_to_do(app: ChatApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await send(pilot, "hello")
        await until(pilot, lambda: app.transcript.entries()[-1].role == "error")
        assert "there is no model" in notes(app)


async def test_nothing_that_is_typed_ends_the_program(app: ChatApp, tuned: str, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, f"/study {tuned}")
        for line in (f"/export {tmp_path}/none/talk.md", f"/export {tmp_path}/folder", "/study /proc/self/mem"):
            await send(pilot, line)
            assert app.transcript.entries()[-1].role == "error", line
        assert app.is_running


async def test_a_store_that_takes_nothing_more_is_said_once_and_the_program_goes_on(
    app: ChatApp, tuned: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, f"/study {tuned}")

        def full(*_arguments: Any) -> None:
            raise StoreError("database or disk is full")

        monkeypatch.setattr(app.transcript.store, "add_chat_entry", full)
        await send(pilot, "/best")
        await send(pilot, "/cost")
        assert notes(app).count("not stored any more: database or disk is full") == 1
        assert "trials 14 of 14" in notes(app)


async def test_lines_typed_while_it_loads_are_taken_in_order_and_need_no_greeting(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("trimtab.agent.models.choice.embedded_model", lambda: None)
    ready = threading.Event()

    def opened() -> Any:
        assert ready.wait(60)
        return store, Transcript(store)

    app = ChatApp(opened)
    async with app.run_test(size=(120, 40)) as pilot:
        for line in ("/mode ask", "/cost", "/mode auto"):
            app.query_one(Prompt).line.value = line
            await pilot.press("enter")
        ready.set()
        await until(pilot, lambda: app._loaded and len(app.transcript.entries()) == 6)
        assert [text for role, text in spoken(app, 0) if role == "user"] == ["/mode ask", "/cost", "/mode auto"]
        await pilot.pause(0.3)
        assert len(app.screen_stack) == 1


async def test_a_store_that_cannot_be_opened_is_a_failure_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened() -> Any:
        raise InputError("store x cannot be opened", "see --store")

    app = ChatApp(opened)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.failure is not None)
    assert str(app.failure) == "store x cannot be opened (see --store)"
    assert app.return_code == 2


async def test_quitting_says_what_becomes_of_a_run(app: ChatApp, study_file: Path) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, f"/study {study_file}")
        await send(pilot, "/budget 4000")
        await send(pilot, "/start")
        await until(pilot, lambda: bool(app.control.history and len(app.control.history.finished) > 1))
        await send(pilot, "/quit")
        await pilot.pause(0.2)
    assert "an evaluation under way is ended" in app.transcript.entries()[-1].text
    again = app.control.store.study("quick-1")
    assert again.state == "interrupted"


async def test_a_conversation_that_is_taken_up_in_place_is_the_one_the_model_knows(
    app: ChatApp, store: Store, endpoint: Any
) -> None:
    earlier = Transcript(store)
    earlier.add("user", "what did we say about memory?")
    earlier.add("assistant", "That it is scarce.")
    with endpoint(answer("good day"), answer("as we said")) as served:
        async with app.run_test(size=(120, 40)) as pilot:
            await send(pilot, "hello")
            await until(pilot, lambda: not app.thinking)
            await send(pilot, f"/resume {earlier.key}")
            await send(pilot, "and now?")
            await until(pilot, lambda: len(served.requests) == 2 and not app.thinking)
    told = [message["content"] for message in served.requests[1]["messages"][1:]]
    assert told[:2] == ["what did we say about memory?", "That it is scarce."]
    assert told[2].endswith("and now?")
    assert not any("hello" in each for each in told)


async def test_a_conversation_is_taken_up_with_its_study(app: ChatApp, tuned: str, store: Store) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await send(pilot, f"/study {tuned}")
        await send(pilot, "/why 5")
    again = ChatApp(lambda: (store, Transcript(store, app.transcript.key)))
    async with again.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: again.control.study is not None)
        assert [str(each.render()) for each in again.query(Said)][:2] == [f"/study {tuned}", "/why 5"]


async def test_narrow_terminals_show_one_side_at_a_time(app: ChatApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause(0.2)
        assert not app.query_one("#study").display
        await pilot.press("f2")
        await pilot.pause(0.1)
        assert app.query_one("#study").display
        assert not app.query_one("#talk").display


async def test_the_screen_answers_while_a_long_answer_arrives(app: ChatApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        answer_widget = Answer()
        app.talk.add(answer_widget)
        await pilot.pause()
        for number in range(300):
            answer_widget.feed(f"line {number} of **many**\n\n")
        answer_widget.flush()
        await asyncio.sleep(0)
        await pilot.pause(0.2)
        assert answer_widget.size.height >= 600
