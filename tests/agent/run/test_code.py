"""A study whose program is edited: good, broken, malicious, duplicate and oversized edits, to the end and after kills."""

import contextlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent import events
from trimtab.agent.memory.store import Store
from trimtab.agent.planners.base import Setup
from trimtab.agent.run.session import Session
from trimtab.agent.study.file import StudyFileError, load_study
from trimtab.agent.study.sections import Study
from trimtab.agent.trials.branches import branch_of
from trimtab.tools.errors import InputError
from trimtab.tools.sandbox.choice import bubblewrap_problem
from trimtab.tools.targets.code.tunables import values_of

pytestmark = pytest.mark.skipif(bubblewrap_problem() is not None, reason="bubblewrap does not work here")

STUDY = """
[study]
name = "edited"

[parameters]
k = { type = "int", low = 1, high = 40, default = 1 }

[code]
project = "src"
editable = ["part.py"]
guard = "{python} check.py"
judge = "sh {study_dir}/judge.sh {output}"
output = ["out.txt"]
floor = 0.5
max_lines = 20

[evaluation]
command = "{python} {code}/main.py {k}"
check_seeds = [101, 102, 103, 104, 105, 106]

[planner]
name = "PLANNER"
ideas = "ideas.json"

[sampler]
name = "random"

[budget]
trials = 8

[[objectives]]
metric = "cost"
direction = "minimize"
"""
PART = "def cost(k):\n    # trimtab: begin core\n    value = 100.0 / k\n    # trimtab: end core\n    return value\n"
MAIN = "import sys\nfrom part import cost\nopen('out.txt', 'w').write(str(cost(int(sys.argv[1]))))\n"
GOOD = {"search": "value = 100.0 / k\n", "replace": "value = 10.0 / k\n"}


def idea(search: str, replace: str, **more: Any) -> dict[str, Any]:
    return {"edits": [{"file": "part.py", "search": search, "replace": replace}], **more}


IDEAS = [
    [
        idea("value = 100.0 / k\n", "value = 10.0 / k\n", rationale="good"),
        idea("value = 100.0 / k\n", "value = (10.0/k)  # the same\n", rationale="a near-duplicate"),
        idea("value = 100.0 / k\n", "value = 10.0 /\n", rationale="broken"),
        idea("value = 999\n", "value = 1\n", rationale="it stands nowhere"),
        idea("def cost(k):", "def cost(k, j=0):", rationale="outside of the region"),
        idea("value = 100.0 / k\n", "value = 0\n" * 30, rationale="too large"),
        {"edits": [{"file": "check.py", "search": "x", "replace": "y"}], "rationale": "the guard itself"},
        idea("value = 100.0 / k\n", "value = -1.0\n", rationale="fails the guard"),
        idea("value = 100.0 / k\n", "value = 0.1 / k\n", rationale="forged: beyond the floor"),
    ]
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "study"
    (found / "src").mkdir(parents=True)
    (found / "src" / "part.py").write_text(PART)
    (found / "src" / "main.py").write_text(MAIN)
    (found / "src" / "check.py").write_text("from part import cost\nassert cost(1) > 0\n")
    (found / "judge.sh").write_text('read -r cost < $1/out.txt\necho "{\\"cost\\": $cost}"\n')
    (found / "ideas.json").write_text(json.dumps({"rounds": IDEAS}))
    return found


def load(folder: Path, planner: str = "recorded", **replaced: str) -> Study:
    text = STUDY.replace("PLANNER", planner)
    for before, after in replaced.items():
        assert before in text
        text = text.replace(before, after)
    (folder / "study.toml").write_text(text)
    return load_study(folder / "study.toml")


async def run(study: Study, store: Store, stop_after: int | None = None, *, resume: bool = False) -> list[events.Event]:
    session = Session.open(Setup(study, store), resume=resume)
    seen: list[events.Event] = []

    async with contextlib.aclosing(session.run()) as stream:
        async for event in stream:
            seen.append(event)
            if stop_after is not None and len(seen) > stop_after:
                break
    return seen


def contents(folder: Path) -> dict[str, bytes]:
    return {str(each.relative_to(folder)): each.read_bytes() for each in sorted(folder.rglob("*")) if each.is_file()}


async def test_the_good_edit_wins_each_other_is_refused_with_its_reason_and_nothing_is_touched(
    folder: Path, store: Store
) -> None:
    study, before = load(folder), contents(folder)
    seen = await run(study, store)
    assert contents(folder) == before
    report = seen[-1]
    assert isinstance(report, events.StudyFinished)
    assert report.best is not None and report.check is not None
    assert report.best.edit.startswith("an edit of part.py (1 lines")
    assert report.check.improved
    assert report.check.ratio == pytest.approx(10.0 * report.best.configuration["k"], rel=0.01)  # type: ignore[operator]
    problems = Counter(each.code for each in seen if isinstance(each, events.PlannerProblem))
    assert problems == {"bad_edit": 5, "duplicate": 1}
    reasons = {t.rationale: t.reason or "" for t in store.trials(1) if t.state == "failed"}
    assert reasons["fails the guard"].startswith("apply: guard '{python} check.py': exit status 1: AssertionError")
    assert reasons["forged: beyond the floor"].startswith("suspect: cost = 0.1 is beyond code.floor = 0.5")
    assert report.ablation[0].parameters == {"the code": ("as it was", "edited")}
    assert report.ablation[0].ratio == pytest.approx(10, rel=0.01)


RULES = """
[[approval.rules]]
tool = "edit"
path = "part.py"
max_lines = MOST
decide = "DECIDE"
reason = "small edits only"

[[approval.rules]]
tool = "propose"
decide = "allow"

[[objectives]]
"""


@pytest.mark.parametrize(
    ("most", "decide", "kept", "why"),
    [
        ("1", "allow", True, "allow edit part.py up to 1 lines: small edits only"),
        ("0", "allow", False, "refuse *: no rule allows it"),
        ("9", "ask", False, "ask edit part.py up to 9 lines: small edits only (nobody is here to be asked)"),
    ],
)
async def test_rules_decide_about_edits_where_nobody_is_asked_and_each_decision_is_an_event(
    folder: Path, store: Store, most: str, decide: str, kept: bool, why: str
) -> None:
    (folder / "ideas.json").write_text(json.dumps({"rounds": [IDEAS[0][:1]]}))
    rules = RULES.replace("MOST", most).replace("DECIDE", decide)
    seen = await run(load(folder, **{"\n[[objectives]]\n": rules}), store)
    assert any(trial.candidate.patch is not None for trial in store.trials(1)) is kept
    decided = [each for each in seen if isinstance(each, events.ApprovalDecided)]
    assert [(each.tool, each.by, each.reason, each.files) for each in decided] == [
        ("edit", "rule", why, {"part.py": 1})
    ]
    assert decided[0].decision == ("allow" if kept else "refuse")
    refused = [each.message for each in seen if isinstance(each, events.PlannerProblem) and each.code == "refused"]
    assert refused == ([] if kept else [f"a rule refused the edit of part.py with k=1: {why}"])


CONSTANT = """k = { type = "int", low = 1, high = 40, default = 1 }
scale = { type = "float", low = 1.0, high = 100.0, default = 100.0, constant = "part.py:SCALE" }
"""
SCALED = "SCALE = 100.0\n\n\ndef cost(k):\n    # trimtab: begin core\n    return SCALE / k\n    # trimtab: end core\n"


async def test_a_constant_of_the_program_is_a_parameter_with_and_without_an_edit(folder: Path, store: Store) -> None:
    (folder / "src" / "part.py").write_text(SCALED)
    edits = [idea("    return SCALE / k\n", "    return SCALE / k / 10\n", values={"k": 2, "scale": 50.0})]
    (folder / "ideas.json").write_text(json.dumps({"rounds": [edits]}))
    line = 'k = { type = "int", low = 1, high = 40, default = 1 }\n'
    before = contents(folder)
    await run(load(folder, **{line: CONSTANT, "floor = 0.5": "floor = 0.001"}), store)
    assert contents(folder) | {"study.toml": b""} == before | {"study.toml": b""}
    trials = [each for each in store.trials(1) if each.state == "complete"]
    for each in trials:
        there = each.configuration
        factor = 1 if each.candidate.patch is None else 10
        assert each.metrics["cost"] == pytest.approx(float(there["scale"]) / float(there["k"]) / factor)
    assert len({each.configuration["scale"] for each in trials}) > 3
    assert any(each.candidate.patch is not None for each in trials)


async def test_an_edit_that_takes_a_constant_out_fails_with_that_reason(folder: Path, store: Store) -> None:
    (folder / "src" / "part.py").write_text(
        SCALED.replace("def cost", "# trimtab: begin top\n# trimtab: end top\ndef cost")
    )
    text = (
        (folder / "src" / "part.py")
        .read_text()
        .replace("# trimtab: begin core\n", "")
        .replace("    # trimtab: end core\n", "")
    )
    (folder / "src" / "part.py").write_text(text.replace("# trimtab: begin top\n# trimtab: end top\n", ""))
    (folder / "ideas.json").write_text(
        json.dumps({"rounds": [[idea("SCALE = 100.0\n", "SCALE = 10.0 * 10\n", values={"k": 2})]]})
    )
    await run(load(folder, **{'k = { type = "int", low = 1, high = 40, default = 1 }\n': CONSTANT}), store)
    failed = [each.reason or "" for each in store.trials(1) if each.candidate.patch is not None and each.reason]
    assert failed and "part.py has no constant 'SCALE'" in failed[0]


@pytest.mark.parametrize(
    ("constant", "words"),
    [
        ("part.py:SCAEL", "part.py has no constant 'SCAEL'; did you mean 'SCALE'"),
        ("main.py:SCALE", "'main.py' is none of the files that may be edited: part.py"),
        ("part.py:HALF", "HALF is 0.5 in part.py, and the default of scale is 100.0"),
        ("SCALE", "'SCALE' is no FILE:NAME, such as part.py:LIMIT"),
    ],
)
def test_a_parameter_that_no_constant_has_is_a_mistake(folder: Path, constant: str, words: str) -> None:
    (folder / "src" / "part.py").write_text(f"HALF = 0.5\n{SCALED}")
    text = CONSTANT.replace("part.py:SCALE", constant)
    with pytest.raises(StudyFileError) as error:
        load(folder, **{'k = { type = "int", low = 1, high = 40, default = 1 }\n': text})
    assert words in str(error.value)


TUNED = {
    "edits": [
        {
            "file": "part.py",
            "region": "core",
            "replace": "    LIMIT\n    value = abs(LIMIT - 20) + 1 + 10.0 / k\n",
        },
        {"file": "part.py", "region": "names", "replace": "LIMIT = 5\n"},
    ],
    "rationale": "tuned",
}
NAMED = f"# trimtab: begin names\n# trimtab: end names\n{PART}"


@pytest.mark.parametrize("tuned", [True, False])
async def test_a_constant_of_an_edit_is_tuned_on_its_branch(folder: Path, store: Store, tuned: bool) -> None:
    (folder / "src" / "part.py").write_text(NAMED)
    bounds = {"tune": [{"name": "LIMIT", "low": 1, "high": 40}]} if tuned else {}
    (folder / "ideas.json").write_text(json.dumps({"rounds": [[{**TUNED, **bounds}]]}))
    study = load(
        folder, **{"trials = 8": "trials = 24", "high = 40": "high = 4", 'name = "random"': 'name = "kriging"'}
    )
    before = contents(folder)
    seen = await run(study, store)
    assert contents(folder) == before
    report = seen[-1]
    assert isinstance(report, events.StudyFinished) and report.best is not None
    edited = [each for each in store.trials(1) if each.candidate.patch is not None and each.state == "complete"]
    limits = {values_of(each.candidate.patch).get("part.py:LIMIT", 5) for each in edited}
    for each in edited:
        limit, k = values_of(each.candidate.patch).get("part.py:LIMIT", 5), each.configuration["k"]
        assert each.metrics["cost"] == pytest.approx(abs(int(limit) - 20) + 1 + 10 / int(k))
    if tuned:
        assert len(limits) > 5 and len({branch_of(each) for each in edited}) == 1
        assert report.best.metrics["cost"] < 6
        assert "LIMIT = " in report.best.edit
    else:
        assert limits == {5}
        assert report.best.metrics["cost"] > 16


@pytest.mark.parametrize(
    ("first", "again", "kept"), [("1", "1", True), ("1", "9", True), ("1", "60", False), ("40", "90", True)]
)
async def test_what_is_far_better_than_expected_is_measured_again_with_new_inputs(
    folder: Path, store: Store, first: str, again: str, kept: bool
) -> None:
    """The judge stands for a program that does well on the inputs of the search only."""
    (folder / "judge.sh").write_text(
        "read -r cost < $2/out.txt\n"
        f'if [ "$cost" = 7.0 ]; then if [ $1 -lt 1000 ]; then cost={first}; else cost={again}; fi; fi\n'
        'echo "{\\"cost\\": $cost}"\n'
    )
    special = [idea("value = 100.0 / k\n", "value = 7.0\n", rationale="special", values={"k": 1})]
    (folder / "ideas.json").write_text(json.dumps({"rounds": [special]}))
    study = load(folder, **{"judge.sh {output}": "judge.sh {seed} {output}", "trials = 8": "trials = 3"})
    await run(study, store)
    (found,) = [each for each in store.trials(1) if each.rationale == "special"]
    seeds = [each.seed for each in store.evaluations(1, "tune", found.number)]
    assert len(seeds) >= 2  # what looks better than the best is never believed on one measurement
    assert (seeds[1] > 1000) is (float(first) < 100 / 3)
    assert (found.state == "complete") is kept
    if not kept:
        assert found.reason == (
            "quarantined: cost = 1 was more than 3 times better than trial 0, and with new inputs it is 60"
        )


async def test_samplers_go_on_from_the_best_code_and_believe_nothing_by_one_measurement(
    folder: Path, store: Store
) -> None:
    await run(load(folder), store)
    sampled = [each for each in store.trials(1) if each.source.kind == "sampler"]
    assert any(each.candidate.patch is not None and each.parent for each in sampled)
    assert study_repeats(load(folder)) == 3


def study_repeats(study: Study) -> int | None:
    return study.evaluation.max_repeats


@pytest.mark.parametrize("stop_after", range(2, 26, 4))
async def test_after_a_stop_at_any_moment_it_ends_with_the_same_edit(
    folder: Path, store: Store, stop_after: int
) -> None:
    study, before = load(folder), contents(folder)
    await run(study, store, stop_after)
    seen = await run(study, store, resume=True)
    assert contents(folder) == before
    report = seen[-1]
    assert isinstance(report, events.StudyFinished)
    assert report.best is not None
    assert report.best.edit
    assert len(store.trials(1)) == 8


async def test_a_study_does_not_go_on_with_another_program(folder: Path, store: Store) -> None:
    await run(load(folder), store, 4)
    (folder / "src" / "main.py").write_text(MAIN + "# changed\n")
    with pytest.raises(InputError, match=r"target\.code changed since"):
        await run(load(folder), store, resume=True)


async def test_without_a_planner_of_edits_only_parameters_are_tuned(folder: Path, store: Store) -> None:
    await run(load(folder, "none"), store)
    assert all(each.candidate.patch is None for each in store.trials(1))


@pytest.mark.parametrize(
    ("replaced", "words"),
    [
        (
            {'"{python} {code}/main.py {k}"': '"{python} {study_dir}/src/main.py {k}"'},
            "{study_dir} is out of the sight",
        ),
        ({"main.py {k}": "main.py {k} {seed}"}, "{seed} must not be seen"),
        ({'judge = "sh {study_dir}/judge.sh {output}"\n': ""}, "'cost' must come from a judge"),
        ({"judge.sh {output}": "judge.sh {outptu}"}, "{outptu} is nothing that judge knows; did you mean '{output}'"),
        ({"{study_dir}/judge.sh": "{study_dir}/src/judge.sh"}, "is inside of code.project"),
        ({'["part.py"]': '["none.py"]'}, "'none.py' names no file"),
        ({"{python} check.py": "{pyton} check.py"}, "{pyton} is nothing that guard knows"),
        ({'"{python} {code}/main.py {k}"': '"true {k}"'}, "runs nothing of the edited copy"),
    ],
)
def test_a_study_file_that_would_let_a_program_see_its_judge_is_refused(
    folder: Path, replaced: dict[str, str], words: str
) -> None:
    with pytest.raises(StudyFileError) as error:
        load(folder, **replaced)
    assert words.replace("; did you mean '{output}'", "") in str(error.value)
