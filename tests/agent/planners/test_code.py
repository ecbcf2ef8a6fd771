"""How planners see and edit a program: drafts, the tools over them, mechanical edits, and what a model may be sent."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.models.choice import Choice
from trimtab.agent.models.scripted import ScriptedEndpoint, answer, tool_call
from trimtab.agent.models.settings import ResolvedModel
from trimtab.agent.planners.base import Context, Question, Setup
from trimtab.agent.planners.code import draft_of, may_be_sent, wants_source
from trimtab.agent.planners.desk import fill_desk
from trimtab.agent.planners.mechanical import mechanical_proposals
from trimtab.agent.planners.model import build
from trimtab.agent.study.file import load_study
from trimtab.agent.study.sections import Study
from trimtab.agent.testing import PlannerContract
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.history import History
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial
from trimtab.tools.registry import CODE_TOOLS, TOOLS
from trimtab.tools.targets.code.tunables import tunables_of

PART = '''"""Numbers."""


def fib(n):
    """Return a number of Fibonacci."""
    if n < 2:
        return n
    return fib(n - 1) + fib(n - 2)


def shout(n):
    print(n)
    return shout(n - 1) + shout(n - 2)


def once(n):
    return n + 1
'''
STUDY = """
[study]
name = "coded"
[parameters]
k = { type = "int", low = 1, high = 9, default = 1 }
[code]
project = "src"
editable = ["part.py"]
[evaluation]
command = "{python} {code}/part.py {k}"
[[objectives]]
metric = "wall_s"
direction = "minimize"
"""
EDIT = {"file": "part.py", "search": "    return n + 1\n", "replace": "    return 1 + n\n"}


def study(folder: Path, text: str = STUDY) -> Study:
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / "part.py").write_text(PART)
    (folder / "study.toml").write_text(text)
    return load_study(folder / "study.toml")


def context(of: Study) -> Context:
    found = PlannerContract().context()
    history = History(of)
    for number, patch in enumerate(
        (None, '{"result": "r", "edits": [{"file": "part.py", "search": "n + 1", "replace": "n + 2"}]}')
    ):
        trial = Trial(
            number, Source("planner"), Candidate({"k": 1 + number}, patch), "complete", {"wall_s": 9.0 - number}
        )
        history.add(trial)
        history.update(trial)
    return replace(found, study=of, history=history)


async def test_a_draft_is_read_edited_and_handed_in_through_the_tools(tmp_path: Path) -> None:
    of = context(study(tmp_path))
    draft = draft_of(of)
    assert draft is not None and draft.parent == 1
    desk = fill_desk(of, lambda _given: "", draft)

    async def use(name: str, **arguments: Any) -> str:
        return await TOOLS[name].call(desk, arguments)

    assert "n + 2" in await use("read", file="part.py", first=15)
    assert "there is no file" in await use("read", file="/etc/passwd")
    assert await use("diff") == "the draft changes nothing yet"
    refused = await use("edit", edits=[{"search": "return m", "replace": "x"}])
    assert refused.startswith("not done: edit 2: its search does not stand in part.py")
    again = await use("edit", edits=[{"search": "return m", "replace": "x"}])
    assert "give the whole region instead" in again
    assert "+    return n + 3" in await use("edit", edits=[{"search": "return n + 2", "replace": "return n + 3"}])
    assert "+    return n + 3" in await use("diff")
    patch, parent = draft.proposed("draft", None)
    assert parent == 1
    assert patch is not None and len(json.loads(patch)["edits"]) == 2
    assert draft.proposed(None, 0) == (None, 0)
    assert draft.proposed([], None)[0] == of.history.trials[1].candidate.patch
    assert "guard" in await use("guard")
    assert "-    return n + 1\n+    return n + 4" in await use(
        "edit", edits=[{"search": "return n + 1", "replace": "return n + 4"}], parent=0
    )
    assert "no finished trial '7'" in await use("edit", edits=[{"search": "x", "replace": "y"}], parent=7)


async def test_studies_without_code_have_no_editor() -> None:
    plain = PlannerContract().context()
    assert draft_of(plain) is None
    desk = fill_desk(plain, lambda _given: "")
    for name in CODE_TOOLS:
        arguments = {"file": "x", "edits": [], "name": "N", "low": 1, "high": 2}
        assert "no program that may be edited" in await TOOLS[name].call(desk, arguments)


def test_a_constant_power_of_a_c_program_needs_no_pow(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.c").write_text(
        "a = pow(r2, 1.5) + pow(r2,2);\nb = pow(x, 3.0);\nc = pow(x, 4) + pow(x + 1, 2) + powf(x, 2);\n"
    )
    found = mechanical_proposals(context(study(tmp_path, STUDY.replace("part.py", "a.c"))))
    texts = [json.loads(str(each.patch))["edits"][0]["replace"] for each in found]
    assert texts == ["a = (r2 * sqrt(r2)) + (r2 * r2);\n", "b = (x * x * x);\n"]


def test_mechanical_edits_are_for_functions_that_change_nothing_and_are_called_often(tmp_path: Path) -> None:
    found = mechanical_proposals(context(study(tmp_path)))
    assert [each.rationale for each in found] == ["mechanical: fib in part.py remembers its results (functools.cache)"]
    assert found[0].patch is not None and "@cache" in found[0].patch


@pytest.mark.parametrize(
    ("body", "is_pure"),
    [
        ("    found = []\n    found.append(n)\n    return f(n - 1) + f(n - 2)\n", True),
        ("    seen.append(n)\n    return f(n - 1) + f(n - 2)\n", False),
        ("    n[0] = 1\n    return f(n) + f(n)\n", False),
        ("    global x\n    return f(n) + f(n)\n", False),
        ("    yield f(n) + f(n)\n", False),
        ("    f(n - 1), f(n - 2)\n", False),
        ("    return random.random() + f(n) + f(n)\n", False),
    ],
)
def test_what_has_effects_is_not_cached(tmp_path: Path, body: str, is_pure: bool) -> None:
    of = study(tmp_path)
    (tmp_path / "src" / "part.py").write_text(f"def f(n):\n{body}")
    of = load_study(tmp_path / "study.toml")
    assert bool(mechanical_proposals(context(of))) == is_pure


@pytest.mark.parametrize(
    ("model", "send", "may"),
    [
        (ResolvedModel("local", "m", "", gguf="m.gguf"), False, True),
        (ResolvedModel("openai", "m", "", base_url="http://127.0.0.1:1/v1"), False, True),
        (ResolvedModel("openai", "m", "", base_url="http://localhost/v1"), False, True),
        (ResolvedModel("openai", "m", "", base_url="https://example.org/v1"), False, False),
        (ResolvedModel("openai", "m", "", base_url="http://127.0.0.1.example.org/v1"), False, False),
        (ResolvedModel("openai", "m", ""), False, False),
        (ResolvedModel("openai", "m", ""), True, True),
    ],
)
def test_the_source_goes_to_another_machine_only_when_the_study_says_so(
    tmp_path: Path, model: ResolvedModel, send: bool, may: bool
) -> None:
    text = STUDY.replace("[evaluation]", f"send = {str(send).lower()}\n[evaluation]")
    assert may_be_sent(study(tmp_path, text), model) == may
    assert not may_be_sent(PlannerContract().context().study, model)


def asked(folder: Path, endpoint: ScriptedEndpoint, **model: Any) -> Setup:
    of = study(folder)
    section = of.model.model_copy(update={"name": "scripted", "base_url": endpoint.base_url, **model})
    return Setup(of.model_copy(update={"model": section}).read_from(folder, ""))


async def test_a_model_reads_edits_and_proposes_by_tools(tmp_path: Path) -> None:
    replies = [
        tool_call("edit", {"edits": [EDIT], "parent": 0}),
        tool_call("propose", {"proposals": [{"edits": "draft", "rationale": "swap", "values": {"k": 3}}]}),
    ]
    with ScriptedEndpoint(replies) as endpoint:
        setup = asked(tmp_path, endpoint, capability="tools")
        planner = build(setup)
        of = replace(context(setup.study), question=Question("step", 1, look_around=True))
        found = await planner.propose(of, 1)
        await planner.close()
        first = endpoint.requests[0]
    offered = {each["function"]["name"] for each in first["tools"]}
    assert offered >= {"read", "edit", "diff", "guard", "propose"}
    system, task = (str(each["content"]) for each in first["messages"])
    assert "def fib(n)" in system and "may be edited too" in system
    assert "+    return n + 2" in task  # the best trial's code
    assert [(each.values["k"], each.parent) for each in found] == [(3, 0)]
    assert found[0].patch is not None and json.loads(found[0].patch)["edits"] == [EDIT]


async def test_a_model_without_tools_gives_edits_by_schema_and_mends_what_does_not_fit(tmp_path: Path) -> None:
    wrong = {"rationale": "r", "values": {"k": 2}, "edits": [{**EDIT, "search": "return n - 1", "region": ""}]}
    right = {"rationale": "r", "values": {"k": 2}, "edits": [{**EDIT, "search": "    return n + 2\n", "region": ""}]}
    replies = [answer(json.dumps({"proposals": [each]})) for each in (wrong, right)]
    with ScriptedEndpoint(replies) as endpoint:
        setup = asked(tmp_path, endpoint, capability="json_schema")
        planner = build(setup)
        found = await planner.propose(context(setup.study), 1)
        await planner.close()
        again = str(endpoint.requests[1]["messages"][-1]["content"])
    assert "its search does not stand in part.py" in again
    assert found[0].patch is not None and found[0].parent == 1


async def test_an_edit_by_a_model_that_may_not_see_the_source_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trimtab.agent.planners.model.may_be_sent", lambda *_: False)
    reply = answer(json.dumps({"proposals": [{"rationale": "r", "values": {"k": 2}, "edits": [EDIT]}]}))
    with ScriptedEndpoint([reply] * 3) as endpoint:
        setup = asked(tmp_path, endpoint, capability="json_schema")
        planner = build(setup)
        found = await planner.propose(context(setup.study), 1)
        await planner.close()
        sent = json.dumps(endpoint.requests)
    assert found == []
    assert "def fib" not in sent and "return n + 2" not in sent


def test_a_person_is_asked_only_about_models_on_other_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of, found = study(tmp_path), ResolvedModel("openai", "m", "", base_url="https://example.org/v1")
    monkeypatch.setattr("trimtab.agent.planners.code.choose", lambda _model: Choice(found, ""))
    assert wants_source(Setup(of))
    assert not wants_source(Setup(of.sending(True)))
    assert of.sending(True).code != of.code and of.sending(False).code == of.code
    offline = of.planner.model_copy(update={"name": "offline"})
    assert not wants_source(Setup(of.model_copy(update={"planner": offline})))
    assert not wants_source(Setup(PlannerContract().context().study))
    monkeypatch.setattr("trimtab.agent.planners.code.choose", lambda _model: Choice(None, "none"))
    assert not wants_source(Setup(of))


async def test_a_named_number_of_the_draft_is_proposed_as_a_parameter(tmp_path: Path) -> None:
    of = context(study(tmp_path))
    draft = draft_of(of)
    desk = fill_desk(of, lambda _given: "", draft)
    assert draft is not None
    early = await TOOLS["propose_parameter"].call(desk, {"name": "STEP", "low": 1, "high": 9})
    assert "part.py has no constant 'STEP'" in early
    edit = {"file": "part.py", "search": "    return n + 1\n", "replace": "    return n + STEP\n\n\nSTEP = 3\n"}
    await TOOLS["edit"].call(desk, {"edits": [edit], "parent": 0})
    assert "no bounds" in await TOOLS["propose_parameter"].call(desk, {"name": "STEP", "low": 4, "high": 9})
    said = await TOOLS["propose_parameter"].call(desk, {"name": "STEP", "low": 1, "high": 9})
    assert said.startswith("STEP = 3 will be tuned from 1 to 9 (whole numbers)")
    patch, parent = draft.proposed("draft", None)
    assert ([each.place for each in tunables_of(patch)], parent) == (["part.py:STEP"], 0)
    draft.patches = {**draft.patches, 2: patch}
    kept = {"file": "part.py", "search": "    print(n)\n", "replace": "    print(n, n)\n"}
    assert [each.place for each in tunables_of(draft.proposed([kept], 2)[0])] == ["part.py:STEP"]
    gone = {"file": "part.py", "search": "STEP = 3\n", "replace": "STEP = 3 * 1\n"}
    assert tunables_of(draft.proposed([gone], 2)[0]) == []


def test_without_a_model_a_named_number_is_tuned_unless_the_study_does_so(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "b.py").write_text("LIMIT = 8\nZERO = 0\nFAST = True\n")
    found = mechanical_proposals(context(study(tmp_path, STUDY.replace("part.py", "b.py"))))
    assert [each.rationale for each in found] == ["mechanical: LIMIT in b.py is tuned, at first twice as large"]
    (one,) = tunables_of(found[0].patch)
    assert (one.default, one.low, one.high, one.log) == (16, 1, 64, True)
    line = 'k = { type = "int", low = 1, high = 9, default = 8, constant = "b.py:LIMIT" }'
    known = STUDY.replace("part.py", "b.py").replace('k = { type = "int", low = 1, high = 9, default = 1 }', line)
    (tmp_path / "study.toml").write_text(known)
    assert mechanical_proposals(context(load_study(tmp_path / "study.toml"))) == []
