"""Conversations with a scripted model over real HTTP: changes in one turn, interruptions, what a stored one knows."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langchain_openai.chat_models.base import _convert_message_to_dict

from trimtab.agent import events
from trimtab.agent.chat.approval import Request
from trimtab.agent.chat.attachments import attached
from trimtab.agent.chat.commands import run_command
from trimtab.agent.chat.conversation import Conversation, Ended, Happening, ToolAnswered, partner
from trimtab.agent.chat.messages import INTERRUPTED, LONGEST, acceptable, restored
from trimtab.agent.chat.steering.background import Background
from trimtab.agent.chat.steering.control import StudyControl
from trimtab.agent.chat.transcript import Entry
from trimtab.agent.models.scripted import Reply, ScriptedEndpoint, answer, tool_call
from trimtab.agent.models.settings import ModelSection

# What endpoints accept, as OpenAI and Anthropic document it

Message = dict[str, Any]


def openai_problems(messages: list[Message]) -> list[str]:
    """Return what the chat completions endpoint refuses in the messages of a request."""
    found: list[str] = []
    waiting: list[str] = []
    for at, message in enumerate(messages):
        role, calls = message["role"], message.get("tool_calls") or []
        if role == "tool":
            if message["tool_call_id"] not in waiting:
                found.append(f"{at}: an answer to no preceding call")
            else:
                waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            found.append(f"{at}: calls without an answer right after them: {waiting}")
        waiting = [call["id"] for call in calls]
        if len(set(waiting)) != len(waiting):
            found.append(f"{at}: two calls of one id")
        if role == "system" and at:
            found.append(f"{at}: a system message inside")
        if not str(message.get("content") or "").strip() and not calls:
            found.append(f"{at}: nothing is said")
    if waiting:
        found.append(f"end: calls without an answer: {waiting}")
    if messages[-1]["role"] not in {"user", "tool"}:
        found.append("end: nobody asks")
    return found


def anthropic_problems(messages: list[Message]) -> list[str]:
    """Return what the messages endpoint refuses: answers of tools are turns of the user there, and turns alternate."""
    turns: list[tuple[str, list[Message]]] = []
    for message in messages:
        if message["role"] == "system":
            continue
        role = "assistant" if message["role"] == "assistant" else "user"
        continues = turns and turns[-1][0] == role and turns[-1][1][-1]["role"] == "tool"  # results, then words
        if continues and role == "user":
            turns[-1][1].append(message)
        else:
            turns.append((role, [message]))
    found = [] if turns and turns[0][0] == "user" else ["the first turn is not the user's"]
    for (role, _before), (after, _now) in pairwise(turns):
        found += [f"two turns of the {role} in a row"] if role == after else []
    for (_role, before), (_after, now) in zip(turns, [*turns[1:], ("user", [])], strict=True):
        called = {call["id"] for message in before for call in message.get("tool_calls") or []}
        kinds = [message["role"] for message in now]
        answers = {message["tool_call_id"] for message in now if message["role"] == "tool"}
        if called != answers and (called or answers):
            found.append(f"calls {called} are answered by {answers}")
        if sorted(kinds, key=lambda kind: kind != "tool") != kinds:
            found.append("answers of tools come after words")
        found += [
            "an empty text" for m in before if not str(m.get("content") or "").strip() and not m.get("tool_calls")
        ]
    return found


def problems(messages: list[Message]) -> list[str]:
    """Return what either of them refuses."""
    return [*openai_problems(messages), *anthropic_problems(messages)]


def tool_calls(*calls: tuple[str, Any]) -> Reply:
    """Return a reply that calls several tools at once."""
    replies = [json.loads(tool_call(name, arguments).body) for name, arguments in calls]
    message = replies[0]["choices"][0]["message"]
    message["tool_calls"] = [each["choices"][0]["message"]["tool_calls"][0] for each in replies]
    for at, call in enumerate(message["tool_calls"]):
        call["id"] = f"{call['id']}-{at}"
    return Reply(body=json.dumps(replies[0]))


class Talk:
    """A conversation, what happened in it, and a turn at a time."""

    def __init__(self, control: StudyControl, base_url: str) -> None:
        self.happened: list[Happening] = []
        section = ModelSection(name="openai:scripted", base_url=base_url, capability="tools")
        self.conversation = Conversation(control, control.store, self.happened.append, section)
        self.control = control

    def begin(self, text: str) -> "Future[None]":
        return self.control.background.submit(self.conversation.say(text))

    def say(self, text: str) -> str:
        """Say something and return the trouble, '' when it was answered."""
        self.begin(text).result(timeout=120)
        last = self.happened[-1]
        assert isinstance(last, Ended)
        return last.trouble

    def answers(self) -> list[str]:
        return [each.text for each in self.happened if isinstance(each, ToolAnswered)]


Start = Callable[..., tuple[Talk, ScriptedEndpoint]]


@pytest.fixture
def start(control: StudyControl, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    opened: list[ScriptedEndpoint] = []

    def begin(*replies: Reply, otherwise: Callable[[Any], Reply] = lambda _request: answer("done")) -> Any:
        endpoint = ScriptedEndpoint(replies, otherwise=otherwise)
        opened.append(endpoint.__enter__())
        return Talk(control, endpoint.base_url), endpoint

    yield begin
    for endpoint in opened:
        assert all(problems(request["messages"]) == [] for request in endpoint.requests), endpoint.requests
        endpoint.__exit__()


# Several changes in one turn


def test_twenty_turns_of_parallel_changes_keep_them_all(control: StudyControl, start: Start) -> None:
    turns = []
    for at in range(20):
        turns += [
            tool_calls(
                ("freeze_parameter", {"parameter": "mode", "value": ["fast", "slow"][at % 2]}),
                ("narrow_range", {"parameter": "x", "low": -0.5, "high": 0.5 + at / 100}),
                ("forbid_region", {"when": f"x > 0.9{at:02}", "reason": f"rule {at}"}),
                ("set_budget", {"trials": 30 + at}),
                ("study_state", {}),
            ),
            answer("done"),
        ]
    talk, _endpoint = start(*turns)
    for at in range(20):
        assert talk.say(f"turn {at}") == ""
        study = control.study
        assert study is not None
        assert study.focus["mode"].values == [["fast", "slow"][at % 2]]
        assert study.focus["x"].high == 0.5 + at / 100
        assert [clause.reason for clause in study.forbidden] == [f"rule {each}" for each in range(at + 1)]
        assert study.budget.trials == 30 + at
        *changes, state = talk.answers()[-5:]
        assert f"2 parameters restricted and {at + 1} region" in changes[2]  # from the state after all before it
        assert f"rule {at}" in state
        assert f"trials {30 + at}" in state


@pytest.mark.usefixtures("evaluated")
def test_parallel_changes_of_a_running_study_are_those_of_its_run(
    control: StudyControl, start: Start, until: Any
) -> None:
    talk, _endpoint = start(
        tool_calls(
            ("start_study", {}),
            ("set_budget", {"trials": 9}),
            ("freeze_parameter", {"parameter": "mode", "value": "fast"}),
            ("forbid_region", {"when": "x > 0.5 and mode == 'fast'", "reason": "too hot"}),
            ("wait_for_study", {"until": "end", "seconds": 60}),
        ),
        answer("it is done"),
    )
    assert talk.say("go") == ""
    until(lambda: not control.running)
    assert control.session is not None
    assert len(control.session.record.history.trials) == 9
    assert all(t.configuration["mode"] == "fast" for t in control.session.record.history.trials[1:])
    assert control.session.study is control.study
    assert talk.answers()[-1].startswith("the run has ended")


def test_a_draft_and_a_look_at_it_in_one_turn_agree(control: StudyControl, start: Start) -> None:
    sections = {
        "study": {"name": "drafted"},
        "parameters": {"n": {"type": "int", "low": 1, "high": 9, "default": 3}},
        "objectives": [{"metric": "loss", "direction": "minimize"}],
        "constraints": [{"metric": "size", "max": 10}],
        "evaluation": {"command": ["{python}", "-c", 'print(\'{{"loss": {n}, "size": 2}}\')'], "timeout_s": 20},
        "budget": {"trials": 5},
    }
    talk, _endpoint = start(tool_calls(("draft_study", sections), ("study_state", {})), answer("look"))
    assert talk.say("draft it") == ""
    drafted, state = talk.answers()
    assert "the default was tried: loss=3 size=2" in drafted
    assert "Study drafted (ready)" in state
    assert "n: int 1 to 9, default 3" in state
    assert "keep size at most 10" in state
    assert control.stored is None


@pytest.mark.parametrize(
    ("sections", "words"),
    [
        ({"evaluation": {"command": "{python} -c 'import sys; sys.exit(\"<b>no such file</b>\")' {n}"}}, "FAILS"),
        ({"budgets": {"trials": 5}}, "did you mean 'budget'?"),
        ({"parameters": {"n": {"type": "int", "low": 9, "high": 1, "default": 3}}}, "not done: "),
    ],
)
def test_a_draft_that_cannot_work_says_why(start: Start, sections: dict[str, Any], words: str) -> None:
    whole = {
        "study": {"name": "drafted"},
        "parameters": {"n": {"type": "int", "low": 1, "high": 9, "default": 3}},
        "objectives": [{"metric": "loss", "direction": "minimize"}],
        "evaluation": {"command": ["true", "{n}"]},
        **sections,
    }
    talk, _endpoint = start(tool_calls(("draft_study", whole)), answer("look"))
    assert talk.say("draft it") == ""
    assert words in talk.answers()[0]
    assert "<b>" not in talk.answers()[0]


# Interruptions


def test_an_interrupted_tool_call_is_answered_and_the_model_is_told(
    control: StudyControl, start: Start, until: Any, evaluated: Any
) -> None:
    evaluated.delay_s = 600
    talk, endpoint = start(
        tool_calls(("start_study", {}), ("wait_for_study", {"until": "end", "seconds": 600}), ("best_trial", {})),
        answer("I see"),
    )
    turn = talk.begin("tune it")
    until(lambda: len(talk.answers()) == 1)
    turn.cancel()
    with pytest.raises(CancelledError):
        turn.result()
    until(lambda: isinstance(talk.happened[-1], Ended))
    assert talk.answers() == ["started quick: 6 trials in all", INTERRUPTED, INTERRUPTED]
    assert talk.say("what now?") == ""
    told = endpoint.requests[-1]["messages"]
    assert [message["content"] for message in told if message["role"] == "tool"] == talk.answers()
    assert "your answer was interrupted by the person" in told[-1]["content"]
    assert told[-1]["content"].endswith("what now?")


def test_what_was_said_before_an_interruption_is_kept(start: Start, until: Any) -> None:
    release = threading.Event()
    talk, endpoint = start(answer("first"), Reply(200, answer("late").body, delay_s=30), answer("third"))
    assert talk.say("one") == ""
    turn = talk.begin("two")
    until(lambda: len(endpoint.requests) == 2)
    turn.cancel()
    until(lambda: isinstance(talk.happened[-1], Ended) and turn.done())
    release.set()
    assert talk.say("three") == ""
    told = [message["content"] for message in endpoint.requests[2]["messages"][1:]]
    assert told[:2] == ["one", "first"]
    assert told[2].startswith("two")
    assert told[2].endswith("three")


def test_a_message_that_was_interrupted_before_its_turn_began_is_not_lost(start: Start, background: Background) -> None:
    talk, endpoint = start(answer("both"))
    talk.conversation.say("the first").close()
    assert talk.say("the second") == ""
    assert endpoint.requests[0]["messages"][-1]["content"] == "the first\n\nthe second"


def test_hints_keep_their_order_and_are_answered(start: Start, until: Any, control: StudyControl) -> None:
    talk, endpoint = start(Reply(200, answer("hm").body, delay_s=1.0), answer("yes, I did"), answer("later"))
    turn = talk.begin("start it")
    until(lambda: len(endpoint.requests) == 1)
    talk.conversation.hint("mind the memory")
    talk.conversation.tell("trial 3 is the best so far")
    talk.conversation.hint("did you start?")
    turn.result(timeout=60)
    last = endpoint.requests[1]["messages"][-1]["content"]
    assert last.startswith("mind the memory")
    assert last.endswith("did you start?")
    assert "trial 3 is the best so far" in last
    assert control.notes == ["mind the memory", "did you start?"]


@pytest.mark.parametrize("arguments", ["{not json", '["a list"]', '{"trials": 10'])
def test_calls_that_cannot_be_read_are_not_guessed_but_answered(
    control: StudyControl, start: Start, arguments: str
) -> None:
    talk, _endpoint = start(
        tool_calls(("set_budget", arguments), ("no_such_tool", {}), ("best_trial", "")), answer("I see")
    )
    assert talk.say("look") == ""
    unknown, read, unread = talk.answers()  # what cannot be read comes last
    assert unread == "not done: the arguments are no complete JSON object"
    assert "there is no tool 'no_such_tool'" in unknown
    assert read == "nothing has been measured yet"
    assert control.study is not None
    assert control.study.budget.trials == 6
    assert talk.say("again") == ""


def test_a_name_with_a_prefix_is_understood(start: Start) -> None:
    talk, _endpoint = start(tool_calls(("functions.best_trial", {})), answer("I see"))
    assert talk.say("look") == ""
    assert talk.answers() == ["nothing has been measured yet"]


def test_another_model_answers_from_the_next_message_on(start: Start, until: Any, monkeypatch: Any) -> None:
    talk, endpoint = start(Reply(200, tool_call("best_trial", {}).body, delay_s=1.0), answer("one"), answer("two"))
    turn = talk.begin("first")
    until(lambda: len(endpoint.requests) == 1)
    talk.conversation.reset(talk.conversation.section.model_copy(update={"name": "openai:another"}))
    turn.result(timeout=60)
    assert talk.happened[-1] == Ended("")
    assert talk.say("second") == ""
    assert [request["model"] for request in endpoint.requests] == ["scripted", "scripted", "another"]


def test_a_tool_loop_ends_in_words(start: Start) -> None:
    talk, endpoint = start(
        otherwise=lambda request: tool_call("explain_trial", {"number": 99}) if request.get("tools") else answer("so")
    )
    assert talk.say("look") == ""
    assert len(endpoint.requests) == 4  # three equal errors, then no more tools
    assert "tools" not in endpoint.requests[-1]


def test_an_empty_answer_is_said_and_does_not_stay(start: Start) -> None:
    talk, endpoint = start(answer("", finish="length"), answer("better"))
    assert "max_output_tokens" in talk.say("hello")
    assert talk.say("again") == ""
    assert endpoint.requests[1]["messages"][-1]["content"].startswith("hello")


# Who may


def test_a_policy_asks_about_tools_that_act_and_the_model_hears_the_refusal(
    control: StudyControl, start: Start, until: Any
) -> None:
    asked: list[Request] = []
    control.on_approval, control.mode = asked.append, "ask"  # type: ignore[assignment]
    talk, endpoint = start(
        tool_calls(("study_state", {}), ("set_budget", {"trials": 9}), ("set_budget", {"trials": 10})), answer("well")
    )
    turn = talk.begin("more trials")
    until(lambda: len(asked) == 1)
    assert (asked[0].tool, asked[0].arguments) == ("set_budget", {"trials": 9})
    asked[0].answer.set_result("that is too dear")
    until(lambda: len(asked) == 2)
    asked[1].answer.set_result("")
    turn.result(timeout=60)
    assert talk.answers()[1] == "not done: the person refused: that is too dear"
    assert talk.answers()[2].startswith("budget: trials 10")
    assert "too dear" in json.dumps(endpoint.requests[1]["messages"])


# What it costs


def test_calls_before_there_is_a_study_are_kept_and_become_the_study_s(
    control: StudyControl, start: Start, until: Any, evaluated: Any
) -> None:
    control.chat = "chat-7"
    evaluated.delay_s = 0.2  # the run must not be over before the model has spoken: then it would count no longer
    talk, endpoint = start(answer("hello"), tool_calls(("start_study", {})), answer("it runs"))
    assert talk.say("hi") == ""
    assert control.store.spent_in_chat("chat-7") == {
        "calls": 1, "input_tokens": 100, "output_tokens": 50, "dollars": 0.0,
    }  # fmt: skip
    assert "calls 1" in run_command(control, "/cost")
    assert talk.say("go") == ""
    until(lambda: not control.running)
    assert control.session is not None
    assert control.stored is not None
    spent = control.session.record.ledger.spent
    stored = control.store.spent_on_models(control.stored.id)
    assert {name: spent[name] for name in stored} == stored
    assert (stored["calls"], stored["input_tokens"]) == (3, 300)
    assert control.store.spent_in_chat("chat-7")["calls"] == 0
    requests = [json.loads(call["request"]) for call in control.store.model_calls(control.stored.id)]
    assert [request["messages"][-1]["content"] for request in requests][:2] == ["hi", "go"]
    assert len(endpoint.requests) == 3


def test_the_limits_of_the_study_hold_in_the_conversation_and_can_be_raised(
    control: StudyControl, start: Start
) -> None:
    talk, endpoint = start()
    run_command(control, "/budget calls=2")
    assert talk.say("one") == ""
    assert talk.say("two") == ""
    assert talk.say("three") == "the budget of 2 calls is spent; /budget raises it"
    assert len(endpoint.requests) == 2
    run_command(control, "/budget calls=3")
    assert talk.say("four") == ""
    assert endpoint.requests[2]["messages"][-1]["content"].endswith("four")


def test_a_run_counts_the_calls_of_the_conversation_as_they_happen(
    control: StudyControl, start: Start, until: Any, evaluated: Any
) -> None:
    heard: list[events.Event] = []
    control.on_event = heard.append
    run_command(control, "/budget 100000")
    run_command(control, "/start")
    until(lambda: control.live is not None)
    talk, _endpoint = start(Reply(200, answer("yes").body, delay_s=1.0))
    turn = talk.begin("are you there?")
    until(lambda: talk.conversation.messages != [])
    first = control.live
    run_command(control, "/freeze mode=fast")  # another session, with another ledger, while the call is under way
    turn.result(timeout=60)
    until(lambda: control.live is not None and control.live is not first)
    assert control.live is not None
    assert control.live.record.ledger.spent["calls"] == 1
    assert control.stored is not None
    assert control.store.spent_on_models(control.stored.id)["calls"] == 1
    assert [each.outcome for each in heard if isinstance(each, events.ModelCalled)] == ["ok"]
    run_command(control, "/stop")
    until(lambda: not control.running)


def test_dollars_that_cannot_be_counted_are_not_spent(control: StudyControl, start: Start) -> None:
    talk, endpoint = start()
    run_command(control, "/budget dollars=0.5")
    assert "price" in talk.say("one")
    assert endpoint.requests == []


@pytest.mark.parametrize(("name", "talks"), [("auto", False), ("local", True)])
def test_the_embedded_model_is_no_partner_unless_it_is_asked_for(
    name: str, talks: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "Small.gguf"
    file.touch()
    monkeypatch.setattr("trimtab.agent.models.choice.embedded_model", lambda: file)
    monkeypatch.setattr("trimtab.agent.models.choice.find_spec", lambda _name: object())
    found = partner(ModelSection(name=name))
    assert (found.model is not None) is talks
    assert talks or "too small to talk to" in found.why_none


# A stored conversation


def entry(role: Any, text: str, **data: Any) -> Entry:
    return Entry(role, text, data, 0.0)


def test_a_conversation_that_is_taken_up_is_known_to_the_model(start: Start) -> None:
    talk, endpoint = start(answer("as I said"))
    talk.conversation.restore(
        [
            entry("user", "make it faster", attached=["Contents of notes"]),
            entry("assistant", "I look first."),
            entry("tool", "12 trials match", name="history", arguments={"which": "best"}, failed=False),
            entry("user", "mind the memory", hint=True),
            entry("assistant", "It **is** faster."),
            entry("user", "/start"),
            entry("command", "started quick: 6 trials in all"),
            entry("notice", "trial 3 is the best so far: loss 1.2", kind="good"),
            entry("error", "interrupted"),
        ]
    )
    assert talk.say("why?") == ""
    told = endpoint.requests[0]["messages"][1:]
    assert [message["role"] for message in told] == ["user", "assistant", "tool", "user", "assistant", "user"]
    assert told[0]["content"] == "make it faster\n\nContents of notes"
    assert told[1]["content"] == "I look first."
    assert json.loads(told[1]["tool_calls"][0]["function"]["arguments"]) == {"which": "best"}
    assert told[2]["content"] == "12 trials match"
    for words in ("/start", "started quick", "trial 3 is the best", "interrupted", "why?"):
        assert words in told[-1]["content"]


def test_another_conversation_replaces_this_one(start: Start) -> None:
    talk, endpoint = start(answer("first"), answer("second"))
    assert talk.say("a secret of this conversation") == ""
    talk.conversation.restore([entry("user", "hello"), entry("assistant", "good day")])
    assert talk.say("and?") == ""
    assert [message["content"] for message in endpoint.requests[1]["messages"][1:]] == ["hello", "good day", "and?"]


texts = st.text("ab \n<>`", max_size=12)
entries = st.one_of(
    st.builds(entry, st.sampled_from(["user", "assistant", "notice", "command", "error"]), texts),
    st.builds(lambda text: entry("user", f"/{text}"), texts),
    st.builds(lambda text: entry("user", text, hint=True), texts),
    st.builds(
        lambda text, failed: entry("tool", text, name="history", arguments={}, failed=failed), texts, st.booleans()
    ),
)


@given(st.lists(entries, max_size=25), st.integers(0, 25))
def test_a_stored_conversation_is_accepted_wherever_it_was_cut(stored: list[Entry], cut: int) -> None:
    messages = [*restored(stored[:cut]), HumanMessage("and now?")]
    assert problems([_convert_message_to_dict(each) for each in acceptable(messages)]) == []


def calls_of(count: int, at: int) -> list[Any]:
    return [{"name": "history", "args": {}, "id": f"{at}.{each}", "type": "tool_call"} for each in range(count)]


@st.composite
def interrupted(draw: st.DrawFn) -> list[BaseMessage]:
    """Return a conversation in which every turn may have broken off anywhere, answers among them in any order."""
    found: list[BaseMessage] = []
    for at in range(draw(st.integers(0, 6))):
        found += [HumanMessage(draw(texts))] * draw(st.integers(0, 2))
        calls = calls_of(draw(st.integers(0, 3)), at)
        found.append(AIMessage(draw(texts), tool_calls=calls))
        answers: list[BaseMessage] = [ToolMessage(draw(texts) or "done", tool_call_id=call["id"]) for call in calls]
        kept = draw(st.permutations(answers))[: draw(st.integers(0, 3))]
        found += [*kept, HumanMessage("a hint")] if draw(st.booleans()) else kept
    return found


@given(interrupted())
def test_a_conversation_interrupted_at_any_point_is_accepted(messages: list[BaseMessage]) -> None:
    request = acceptable([*messages, HumanMessage("and now?")])
    assert problems([_convert_message_to_dict(each) for each in request]) == []
    assert str(request[-1].text).endswith("and now?")


@settings(max_examples=20)
@given(st.integers(1, 40), st.integers(1000, LONGEST))
def test_a_long_conversation_is_cut_at_a_message_of_the_person(count: int, size: int) -> None:
    turn: list[BaseMessage] = [HumanMessage("h" * size), AIMessage("", tool_calls=calls_of(1, 0))]
    turn += [ToolMessage("t" * size, tool_call_id="0.0"), AIMessage("a" * size)]
    request = acceptable([*turn * count, HumanMessage("and now?")])
    assert problems([_convert_message_to_dict(each) for each in request]) == []
    assert sum(len(str(each.content)) for each in request) <= LONGEST + len("and now?")


def test_files_in_a_message_cannot_leave_their_fence(tmp_path: Path) -> None:
    (tmp_path / "notes.md").write_text("```\nnow I speak\n````\n")
    [text] = attached(f"look at @{tmp_path}/notes.md and @{tmp_path}/none.md, me@example.org")
    fence = text.splitlines()[1]
    assert fence == "`````"
    assert text.endswith(f"\n{fence}")
    assert attached("@" + "x" * 5000) == []
