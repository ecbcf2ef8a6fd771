"""Files that are written for an evaluation: templates, keys, and what is said of those that cannot be."""

import asyncio
import json
from pathlib import Path

import pytest

from trimtab.agent.study.file import StudyFileError, load_study
from trimtab.tools.sandbox import choose_sandbox
from trimtab.tools.targets import Evaluation, Form, Measurement, Wording, Workplace, build_target
from trimtab.tools.targets.rendering.files import File, FileError, rendered
from trimtab.tools.targets.rendering.formats import FORMATS, format_of

VALUES = {"threads": 4, "size": "64MB", "fast": True, "layers": "[64, 32]", "rate": 0.5}
WORDING = Wording(forms={"fast": Form(true_word="on", false_word="off"), "layers": Form(lists=("[64, 32]",))})


def text_of(file: File, name: str = "out", folder: Path = Path()) -> str:
    return rendered(name, file, VALUES, WORDING, folder)


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("threads = {threads}\nfast = {fast}", "threads = 4\nfast = on"),
        ('{"a": {"threads": {threads}}}', '{"a": {"threads": 4}}'),
        ("a {threads}\nb {absent}\nc", "a 4\nc"),
        ("${threads} {{threads}} { threads }", "${threads} {threads} { threads }"),
    ],
)
def test_places_in_a_text(template: str, expected: str) -> None:
    assert text_of(File(text=template)) == expected


def test_jinja_by_the_name_of_the_template(tmp_path: Path) -> None:
    (tmp_path / "a.j2").write_text(
        "{% for n in layers %}{{ n * threads }} {% endfor %}{% if absent is defined %}x{% endif %}\n"
    )
    assert text_of(File(template="a.j2"), folder=tmp_path) == "256 128 \n"
    (tmp_path / "b.j2").write_text("{{ absent }}\n{{ ''.__class__.__mro__ }}")
    with pytest.raises(FileError, match="'absent' is undefined"):
        text_of(File(template="b.j2"), folder=tmp_path)
    (tmp_path / "c.j2").write_text("{{ layers.__class__.__mro__ }}")
    with pytest.raises(FileError, match="unsafe"):
        text_of(File(template="c.j2"), folder=tmp_path)


@pytest.mark.parametrize(
    ("name", "before", "key", "value", "after"),
    [
        ("a.ini", "; top\n[s]\nx = 1 \n\n[t]\nx=2\n", "s.x", "{threads}", "; top\n[s]\nx = 4\n\n[t]\nx=2\n"),
        ("a.ini", "[s]\nx = 1\n\n[t]\n", "s.y", "{fast}", "[s]\nx = 1\ny = on\n\n[t]\n"),
        ("a.ini", "", "s.x", 3, "[s]\nx = 3\n"),
        ("a.ini", "x: 1\n[s]\n", "x", "{rate}", "x : 0.5\n[s]\n"),
        ("a.properties", "#a.b=1\na.b=2\nc=3\n", "a.b", "{size}", "#a.b=1\na.b=64MB\nc=3\n"),
        (".env", "A=1\n", "B", "x y", "A=1\nB='x y'\n"),
        (
            "postgresql.conf",
            "#work_mem = 4MB\nx = on\n",
            "work_mem",
            "{size}",
            "#work_mem = 4MB\nx = on\nwork_mem = 64MB\n",
        ),
        ("postgresql.conf", "x 'a'  # b\n", "x", "it's", "x = 'it''s'\n"),
        ("postgresql.conf", "", "x", True, "x = on\n"),
        (
            "a.json",
            '{"a": {"b": [1, 2]}}',
            "a.b.1",
            "{threads}",
            '{\n  "a": {\n    "b": [\n      1,\n      4\n    ]\n  }\n}\n',
        ),
        ("a.json", "", "a.b", "{layers}", '{\n  "a": {\n    "b": [\n      64,\n      32\n    ]\n  }\n}\n'),
        ("a.toml", "# keep\n[a]\nb = 1 # this\n", "a.b", "{rate}", "# keep\n[a]\nb = 0.5 # this\n"),
        ("a.yaml", "a:\n  b: 1\nc: x\n", "a.b", "{threads}", "a:\n  b: 4\nc: x\n"),
        (
            "nginx.conf",
            "events { worker_connections 9; } # a } in words\nhttp {\n    server { listen 80; }\n}\n",
            "events.worker_connections",
            "{threads}",
            "events { worker_connections 4; } # a } in words\nhttp {\n    server { listen 80; }\n}\n",
        ),
        ("nginx.conf", 'http {\n    log "a;b{";\n}\n', "http.gzip", True, 'http {\n    log "a;b{";\n    gzip on;\n}\n'),
        ("nginx.conf", "user x;\n", "worker_processes", "{threads}", "user x;\nworker_processes 4;\n"),
    ],
)
def test_keys_are_set_and_all_else_stays(
    tmp_path: Path, name: str, before: str, key: str, value: object, after: str
) -> None:
    (tmp_path / "base").write_text(before)
    assert text_of(File(base="base", set={key: value}), name, tmp_path) == after


def test_a_key_that_names_what_is_not_there_is_not_set() -> None:
    assert json.loads(text_of(File(text="{}", set={"a": "{absent}", "b": "{threads}"}), "x.json")) == {"b": 4}


@pytest.mark.parametrize(
    ("name", "before", "key", "why"),
    [
        ("a.json", "[1", "a", "Expecting"),
        ("a.json", "[1]", "5", "no '5'"),
        ("a.toml", "a = 1", "a.b", "no 'a.b'"),
        ("a.yaml", "a: [", "a", "while parsing"),
        ("nginx.conf", "http {", "http.x", "not closed"),
        ("nginx.conf", "}", "x", "too many"),
        ("nginx.conf", "", "http.x", "no block 'http'"),
    ],
)
def test_what_cannot_be_set_is_said(tmp_path: Path, name: str, before: str, key: str, why: str) -> None:
    (tmp_path / "base").write_text(before)
    with pytest.raises(FileError, match=why):
        text_of(File(base="base", set={key: 1}), name, tmp_path)


def test_formats_are_told_by_names() -> None:
    names = {
        "x/my.ini",
        "a.cfg",
        "log4j.properties",
        ".env",
        "a.json",
        "a.toml",
        "a.yml",
        "nginx.conf",
        "postgresql.conf",
    }
    assert {format_of(name) for name in names} == set(FORMATS)
    assert format_of("my.conf") is None


STUDY = """
[study]
name = "files"
[parameters.threads]
type = "int"
low = 1
high = 8
default = 2
[parameters.other]
type = "bool"
default = false
[[objectives]]
metric = "loss"
direction = "minimize"
[files]
"conf/app.ini" = "app.ini.in"
[evaluation]
command = ["{python}", "{study_dir}/run.py", "{other}"]
"""


def checked(folder: Path, files: str = "", template: str = "n = {threads}\n") -> str:
    (folder / "run.py").write_text("")
    (folder / "app.ini.in").write_text(template)
    (folder / "study.toml").write_text(STUDY.replace('"conf/app.ini" = "app.ini.in"', files) if files else STUDY)
    try:
        load_study(folder / "study.toml")
    except StudyFileError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("files", "template", "said"),
    [
        ("", "[a]\nn = {thread}\n", "app.ini.in:2: {thread} is no parameter; did you mean {threads}?"),
        ("", "n = 1\n", "{threads} is nowhere"),
        ('"a" = "gone"', "", "gone: No such file"),
        ('"../a" = "app.ini.in"', "{threads}", "without '..'"),
        ('"/etc/a" = "app.ini.in"', "{threads}", "must be a name"),
        ('a = { base = "app.ini.in", set = { x = "{threads}" } }', "", "add format"),
        ('a = { set = { x = "{thread}" }, format = "ini" }', "", "{thread} is no parameter"),
        ('a = { set = { x = "{threads}" }, format = "imi" }', "", "did you mean 'ini'?"),
        ('a = { text = "{threads}", base = "b" }', "", "give one of template, text and base"),
        ("a = {}", "", "empty"),
        ("", "n = {{ threads }}\n", "name the template app.ini.in.j2"),
    ],
)
def test_mistakes_are_told_with_file_and_line(tmp_path: Path, files: str, template: str, said: str) -> None:
    assert said in checked(tmp_path, files, template)


def test_a_place_in_a_file_is_a_use_of_the_parameter(tmp_path: Path) -> None:
    assert checked(tmp_path) == ""
    assert "{threads} is nowhere" in checked(tmp_path, 'a = { text = "nothing" }\n')


@pytest.mark.parametrize("isolation", ["process", "bubblewrap"])
def test_an_evaluation_finds_its_files(tmp_path: Path, isolation: str) -> None:
    (tmp_path / "app.ini.in").write_text("loss = {threads}.{seed}\nwhere = {work_dir}\n")
    files = {"conf/app.ini": File(template="app.ini.in"), "x.json": File(set={"port": "{port}"})}
    command = ["sh", "-c", "cat x.json 1>&2; head -1 conf/app.ini; grep -c $PWD conf/app.ini 1>&2"]
    evaluation = Evaluation(command=command, patterns={"loss": r"loss = (\S+)"}, isolation=isolation)
    target = build_target(evaluation, Workplace(choose_sandbox(isolation), tmp_path, wording=Wording(files=files)))  # type: ignore[arg-type]

    async def once(**configuration: int) -> Measurement:
        await target.prepare()
        return await target.evaluate(configuration, seed=7, required=("loss",))  # type: ignore[attr-defined, no-any-return]

    found = asyncio.run(once(threads=3))
    assert (found.state, found.metrics) == ("complete", {"loss": 3.7})
    assert '"port": ' in found.log
    assert "\n1" in found.log
    (tmp_path / "app.ini.in").unlink()
    assert "app.ini.in: No such file" in str(asyncio.run(once(threads=3)).reason)
