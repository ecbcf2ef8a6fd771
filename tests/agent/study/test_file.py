import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.agent.study.file import Problem, StudyFileError, load_study

GOOD = """
[study]
name = "good"
system = "sqlite"

[parameters.x]
type = "float"
low = 0.1
high = 10.0
default = 1.0

[parameters.mode]
type = "categorical"
choices = ["slow", "fast"]
default = "slow"

[parameters.burst]
type = "int"
low = 0
high = 10
default = 3
when = "mode == 'fast'"

[[forbidden]]
when = "mode == 'fast' and x > 5"
reason = "too hot"

[[objectives]]
metric = "loss"
direction = "minimize"

[[constraints]]
metric = "memory"
max = 10

[evaluation]
command = "true {x} {mode} {burst}"

[budget]
trials = 10
"""

# what is replaced, by what, the field that is named, and a word of the message
MISTAKES = [
    ("[study]", "[study", "", "not TOML"),
    ('name = "good"', 'name = "has blanks"', "study.name", "letters"),
    ('name = "good"', "", "study.name", "missing"),
    ('name = "good"', 'nam = "good"', "study.nam", "did you mean 'name'"),
    ('system = "sqlite"', 'system = "sqlit"', "study.system", "did you mean 'sqlite'"),
    ("[budget]", "[bugdet]", "bugdet", "did you mean 'budget'"),
    ('type = "float"', 'type = "flot"', "parameters.x.type", "did you mean 'float'"),
    ('type = "float"\n', "", "parameters.x.type", "missing"),
    ("low = 0.1", "low = 20.0", "parameters.x.low", "above high"),
    ("low = 0.1", 'low = "small"', "parameters.x.low", "number"),
    ("low = 0.1", 'low = "0.1"', "parameters.x.low", "must be a number, not '0.1'"),
    ("low = 0.1", "low = nan", "parameters.x.low", "finite"),
    ("low = 0.1", "low = -1\nlog = true", "parameters.x.log", "log"),
    ("low = 0.1", "low = 0.1\nlog = true\nstep = 0.1", "parameters.x.log", "exclude"),
    ("low = 0.1", "low = 0.1\nstep = 0.2", "parameters.x.high", "last such value"),
    ("low = 0.1", "low = 0.1\nstep = 0", "parameters.x.step", "greater"),
    ("low = 0.1", "low = 0.1\nminimum = 3", "parameters.x.minimum", "unknown field"),
    ("low = 0.1\n", "", "parameters.x.low", "missing"),
    ("default = 1.0", "default = 11.0", "parameters.x.default", "default"),
    ("default = 1.0", "", "parameters.x.default", "missing"),
    ('default = "slow"', 'default = "slwo"', "parameters.mode.default", "did you mean 'slow'"),
    ('choices = ["slow", "fast"]', "choices = []", "parameters.mode.choices", "at least 1"),
    ('choices = ["slow", "fast"]', 'choices = ["slow", "slow", "fast"]', "parameters.mode.choices", "repeats"),
    ('choices = ["slow", "fast"]', 'choices = ["slow", {a = 1}]', "parameters.mode.choices.1", "a list of these"),
    (
        'choices = ["slow", "fast"]',
        'choices = ["slow", "fast"]\njoin = ","',
        "parameters.mode.join",
        "no choice is one",
    ),
    (
        'choices = ["slow", "fast"]',
        'choices = ["slow", "fast", "it\'s"]\nsplit = true',
        "parameters.mode",
        "split into",
    ),
    ("default = 3", "default = 3.5", "parameters.burst.default", "integer"),
    ("when = \"mode == 'fast'\"", "when = \"moed == 'fast'\"", "parameters.burst.when", "did you mean 'mode'"),
    ("when = \"mode == 'fast'\"", "when = \"mode == 'fsat'\"", "parameters.burst.when", "did you mean 'fast'"),
    ("when = \"mode == 'fast'\"", 'when = "burst > 1"', "parameters.burst.when", "circle"),
    ("when = \"mode == 'fast'\"", 'when = "mode > 1"', "parameters.burst.when", "number"),
    ("when = \"mode == 'fast'\"", 'when = "x + 1"', "parameters.burst.when", "not a condition"),
    ("when = \"mode == 'fast'\"", "when = \"__import__('os')\"", "parameters.burst.when", "functions"),
    ("when = \"mode == 'fast'\"", 'when = "1 < 2"', "parameters.burst.when", "names no parameter"),
    ("when = \"mode == 'fast'\"", 'when = "mode =="', "parameters.burst.when", "not an expression"),
    ("[parameters.burst]", "[parameters.seed]", "parameters.seed", "meaning of its own"),
    ("[parameters.burst]", '[parameters."a b"]', "parameters.a b", "letters"),
    ("when = \"mode == 'fast' and x > 5\"", "when = \"mode == 'slow'\"", "forbidden.0.when", "default"),
    ("when = \"mode == 'fast' and x > 5\"", 'when = "y > 5"', "forbidden.0.when", "unknown parameter"),
    ('reason = "too hot"', "", "forbidden.0.reason", "missing"),
    ('direction = "minimize"', "", "objectives.0", "direction"),
    ('direction = "minimize"', 'direction = "minimise"', "objectives.0.direction", "minimize"),
    ('direction = "minimize"', 'direction = "minimize"\ntarget = 3', "objectives.0", "give one of"),
    ("max = 10", "", "constraints.0", "max"),
    ("max = 10", "max = 10\nmin = 20", "constraints.0", "above max"),
    ("max = 10", 'max = 10\n[[constraints]]\nmetric = "memory"\nmin = 1', "constraints.1.metric", "twice"),
    ('command = "true {x} {mode} {burst}"', "", "evaluation", "command"),
    ('command = "true {x} {mode} {burst}"', 'command = "true {x} {mode"', "evaluation.command", "expected"),
    ('command = "true {x} {mode} {burst}"', 'command = "true {x} {mod} {burst}"', "evaluation.command", "{mode}"),
    ('command = "true {x} {mode} {burst}"', 'command = "true {x} {mode}"', "evaluation.command", "burst"),
    ('command = "true {x} {mode} {burst}"', 'command = "no-such-program"', "evaluation.command", "not found"),
    ('command = "true {x} {mode} {burst}"', 'command = "true \'open"', "evaluation.command", "split"),
    ('command = "true {x} {mode} {burst}"', 'python = "module.function"', "evaluation", "module:function"),
    ('command = "true {x} {mode} {burst}"', 'python = "nowhere:main"', "evaluation.python", "nowhere.py"),
    ("[budget]", "timeout_s = -1\n[budget]", "evaluation.timeout_s", "greater than 0"),
    ("[budget]", "tuning_seeds = [101]\n[budget]", "evaluation", "both"),
    ("[budget]", "check_seeds = [5, 5]\n[budget]", "evaluation", "repeats a seed"),
    ("[budget]", "patterns = {loss = '('}\n[budget]", "evaluation", "regular expression"),
    ("[budget]", "patterns = {loss = 'x(.)'}\n[budget]", "evaluation.patterns", "memory"),
    ("[budget]", "pass_environment = ['OPENAI_API_KEY']\n[budget]", "evaluation", "key"),
    ("[budget]", "limits = {memory = 'plenty'}\n[budget]", "evaluation.limits.memory", "size"),
    ("trials = 10", "trials = 0", "budget.trials", "greater"),
    ("trials = 10", 'trials = "many"', "budget.trials", "integer"),
    ("trials = 10", 'trials = 10\n[sampler]\nname = "tpee"', "sampler.name", "did you mean 'tpe'"),
    ("trials = 10", 'trials = 10\n[planner]\nname = "modle"', "planner.name", "one of"),
    ("trials = 10", 'trials = 10\n[apply]\ntemplate = "{y}"', "apply.template", "{y}"),
    ("[[objectives]]", "[objectives]", "objectives", "list"),
]


def test_the_good_file_is_fine(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(GOOD)
    study = load_study(file, {"budget": {"trials": 15}})
    assert study.budget.trials == 15
    assert study.directory == tmp_path


@pytest.mark.parametrize(("old", "new", "field", "word"), MISTAKES, ids=[f"{m[2]}-{m[3]}"[:40] for m in MISTAKES])
def test_each_mistake_gives_one_clear_message(tmp_path: Path, old: str, new: str, field: str, word: str) -> None:
    assert old in GOOD
    file = tmp_path / "study.toml"
    file.write_text(GOOD.replace(old, new, 1))
    with pytest.raises(StudyFileError) as caught:
        load_study(file)
    problem, *others = sorted(caught.value.problems, key=lambda each: each.field != field)
    assert problem.field == field
    if field.startswith("parameters.") and "{burst}" in str(caught.value):  # a renamed parameter is missed elsewhere
        others = [other for other in others if other.field != "evaluation.command"]
    assert others == []
    assert word in problem.message
    assert problem.file == file
    assert "\n" not in problem.message
    assert 1 <= problem.line <= file.read_text().count("\n") + 1


def test_every_mistake_is_reported_at_once_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(GOOD.replace("low = 0.1", 'low = "a"').replace("trials = 10", "trials = 0"))
    with pytest.raises(StudyFileError) as caught:
        load_study(file)
    lines = file.read_text().splitlines()
    named = {problem.field: lines[problem.line - 1] for problem in caught.value.problems}
    assert named == {"parameters.x.low": 'low = "a"', "budget.trials": "trials = 0"}


@pytest.mark.parametrize(
    "content", [b"\xff\xfe", b"x = " + b"[" * 50_000, b"x = 1" + b"0" * 5000, b"\x00", b"[" * 1000, b""]
)
def test_garbage_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "study.toml"
    file.write_bytes(content)
    with pytest.raises(StudyFileError):
        load_study(file)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyFileError, match="folder"):
        load_study(tmp_path)
    with pytest.raises(StudyFileError, match=r"none.toml: cannot be read"):
        load_study(tmp_path / "none.toml")
    (tmp_path / "study.yaml").write_text("study:\n  name: x\n")
    with pytest.raises(StudyFileError, match="a study file is TOML, not YAML"):
        load_study(tmp_path / "study.yaml")


def problems_of(file: Path) -> list[Problem]:
    try:
        load_study(file)
    except StudyFileError as error:
        return error.problems
    return []


PIECES = GOOD.splitlines()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_mutation_loads_or_explains(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    lines = list(PIECES)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(lines) - 1))
        choice = data.draw(st.sampled_from(["delete", "junk", "swap", "value"]))
        if choice == "delete" and len(lines) > 1:
            del lines[at]
        elif choice == "junk":
            lines.insert(at, data.draw(st.text(max_size=30)))
        elif choice == "swap":
            lines[at] = data.draw(st.sampled_from(PIECES))
        else:
            value = data.draw(st.sampled_from(["1", "-1", "true", "''", "[]", "{}", "nan", "1e999", "[[1]]", "{a=1}"]))
            lines[at] = f"{lines[at].partition('=')[0]}= {value}"
    file = tmp_path_factory.mktemp("mutation") / "study.toml"
    file.write_text("\n".join(lines), encoding="utf-8", errors="replace")
    problems = problems_of(file)
    assert all(problem.message and problem.line >= 1 for problem in problems)


def test_examples_are_fine(root: Path) -> None:
    examples = list((root / "examples").glob("*/study.toml"))
    assert examples
    for example in examples:
        study = load_study(example)
        assert tomllib.loads(example.read_text())["study"]["name"] == study.name
