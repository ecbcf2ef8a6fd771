"""Drafts: what is read from each kind of source, and that what is written passes the check."""

import json
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.faces.commands.init import write_draft
from trimtab.agent.study.draft import draft
from trimtab.agent.study.file import load_study
from trimtab.agent.study.sections import Study
from trimtab.tools.errors import InputError

CODE = """
import argparse
from dataclasses import dataclass
LIMIT = 64
PATH = "x"
RANDOM_SEED = 3

@dataclass
class Index:
    width: int = 8

parser = argparse.ArgumentParser()
parser.add_argument("--batch", type=int, default=16)
print(parser.parse_args().batch * LIMIT * Index().width)
"""
ARGPARSE = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--lr", "-l", type=float, default=1e-3, help="learning rate (default: %(default)s)")
p.add_argument("--layers", type=int, default=4)
p.add_argument("--optimizer", choices=["sgd", "adam"], default="adam")
p.add_argument("--amp", action="store_true")
p.add_argument("--no-cache", action="store_false")
p.add_argument("--output", default="x")
p.add_argument("--text", default="hello")
p.add_argument("data")
"""
TYPER = """
import typer
from typing import Annotated
def main(depth: Annotated[int, typer.Option(help="how deep")] = 6, fast: bool = typer.Option(False), name: str = "x"): ...
"""
CLICK = """
import click
@click.command()
@click.option("--workers", default=2)
@click.option("--mode", type=click.Choice(["a", "b"]), default="b")
@click.option("--shout/--no-shout", default=False)
def main(workers, mode, shout): ...
"""
FIELDS = """
from dataclasses import dataclass
from typing import Literal
@dataclass
class Config:
    batch: int = 32
    loss: Literal["l1", "l2"] = "l2"
    momentum: float = 0.9
    where: str = "here"
"""
HELP = """Usage: tool [options]

Options:
  -t, --threads=N          number of threads (default: 4)
      --level {low,mid,high}  effort [default: mid]
  -f, --fast               skip checks
      --scan <A> <B>       from A to B
  -o, --output FILE        where to write
      --timeout <SECONDS>  seconds to wait,
                           at most. Default is 2.5
  -c NUM                   clients (default 50)
  -p <port>                where (default 6379)
  -h, --help               print this
"""


def of(source: str, folder: Path, **how: str) -> tuple[Study, dict[str, str]]:
    drafted = draft(source, folder, **how)
    (folder / "study.toml").write_text(drafted.text)
    return load_study(folder / "study.toml"), drafted.left_out


def shown(study: Study) -> dict[str, Any]:
    return {
        name: getattr(each, "choices", None)
        or (each.default if each.type == "bool" else (each.low, each.default, each.high))  # type: ignore[union-attr]
        for name, each in study.parameters.items()
    }


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            ARGPARSE,
            {
                "lr": (1e-5, 1e-3, 0.1),
                "layers": (1, 4, 32),
                "optimizer": ["sgd", "adam"],
                "amp": False,
                "no_cache": True,
            },
        ),
        (TYPER, {"depth": (1, 6, 48), "fast": False}),
        (CLICK, {"workers": (1, 2, 16), "mode": ["a", "b"], "shout": False}),
        (FIELDS, {"batch": (4, 32, 256), "loss": ["l1", "l2"], "momentum": (0.0, 0.9, 1.0)}),
    ],
)
def test_scripts(tmp_path: Path, source: str, expected: dict[str, Any]) -> None:
    (tmp_path / "train.py").write_text(source)
    study, _left = of("train.py", tmp_path)
    assert shown(study) == expected
    assert (study.program.command or [])[:2] == ["{python}", "{study_dir}/train.py"]


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(ARGPARSE)
    study, left = of("train.py", tmp_path)
    assert left == {
        "--output": "says what or where, not how fast or how well",
        "--text": "its values are not known: a text, or nothing, is its default",
    }
    assert "# left out: --text" in study.text
    assert "# the range is a guess" in study.text
    assert study.parameters["lr"].description == "learning rate"


def test_a_program_s_help(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text(f"#!/bin/sh\n[ \"$2\" = --help ] && cat <<'END'\n{HELP}\nEND\n")
    tool.chmod(0o755)
    study, left = of(f"{tool} run", tmp_path)
    assert shown(study) == {
        "threads": (1, 4, 32),
        "level": ["low", "mid", "high"],
        "fast": False,
        "timeout": (2.5 / 8, 2.5, 20.0),
        "c": (6, 50, 400),
    }
    assert study.program.command == [
        str(tool), "run", "--threads", "{threads}", "{level}", "{fast}", "--timeout", "{timeout}", "-c", "{c}",
    ]  # fmt: skip
    assert set(left) == {"--scan", "--output", "--help", "port"}


@pytest.mark.parametrize(
    ("name", "text", "expected", "written"),
    [
        (
            "a.toml",
            '[pool]\nsize = 4\nfast = true\nname = "x"\n',
            {"pool_size": (1, 4, 32), "pool_fast": False},
            "size = 4",
        ),
        ("a.yaml", "pool:\n  size: 4\n  list: [1]\n", {"pool_size": (1, 4, 32)}, "size: 4"),
        ("a.json", '{"pool": {"size": 4}}', {"pool_size": (1, 4, 32)}, '"size": 4'),
        ("a.ini", "[pool]\nsize = 4\nmode = on\n", {"pool_size": (1, 4, 32), "pool_mode": True}, "mode = on"),
        ("a.properties", "pool.size=4\n", {"pool_size": (1, 4, 32)}, "pool.size=4"),
        (".env", "export POOL=4\nTOKEN=abc\n", {"POOL": (1, 4, 32)}, "POOL=4"),
        (
            "postgresql.conf",
            "#x = 1\nwork_mem = 64MB # mem\njit = off\n",
            {"work_mem": (8, 64, 512), "jit": False},
            "work_mem = 64MB",
        ),
        (
            "nginx.conf",
            "worker_processes 4;\nhttp { gzip on; server { listen 80; keepalive_timeout 65; } }\n",
            {"worker_processes": (1, 4, 32), "http_gzip": True, "http_server_keepalive_timeout": (8, 65, 520)},
            "keepalive_timeout 65;",
        ),
    ],
)
def test_configuration_files(tmp_path: Path, name: str, text: str, expected: dict[str, Any], written: str) -> None:
    """The default configuration writes the file as it was."""
    (tmp_path / name).write_text(text)
    study, _left = of(name, tmp_path, command="true")
    expected = {key: value if value is not False or key != "pool_fast" else True for key, value in expected.items()}
    assert shown(study) == expected
    values = study.wording.complete(study.space.default)
    assert written in study.wording.written(values, tmp_path)[name]


def test_a_schema_tells_bounds(tmp_path: Path) -> None:
    schema = {
        "properties": {
            "depth": {"type": "integer", "minimum": 2, "maximum": 9, "default": 3},
            "rate": {"type": "number", "default": 1},
            "kind": {"enum": ["a", "b"]},
            "on": {"type": "boolean"},
        }
    }
    (tmp_path / "schema.json").write_text(json.dumps(schema))
    study, _left = of("schema.json", tmp_path, command="true")
    assert shown(study) == {"depth": (2, 3, 9), "rate": (0.0, 1.0, 1.0), "kind": ["a", "b"], "on": False}


def test_python_objects(tmp_path: Path) -> None:
    (tmp_path / "mine_drafted.py").write_text(
        "from dataclasses import dataclass\nfrom pydantic import BaseModel, Field\n"
        "class Model(BaseModel):\n    size: int = Field(8, ge=1, le=20)\n"
        "@dataclass\nclass Data:\n    size: int = 8\n"
        "other = 1\n"
    )
    assert shown(of("mine_drafted:Model", tmp_path)[0]) == {"size": (1, 8, 20)}
    assert shown(of("mine_drafted:Data", tmp_path)[0]) == {"size": (1, 8, 64)}
    forest = shown(of("sklearn.ensemble:RandomForestClassifier", tmp_path)[0])
    assert forest["n_estimators"] == (12, 100, 800)
    assert set(forest["criterion"]) == {"gini", "entropy", "log_loss"}
    with pytest.raises(InputError, match="no pydantic model, dataclass or estimator"):
        draft("mine_drafted:other", tmp_path)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("no-such-program-here", "is no file and no program"),
        ("true", "nothing that could be tuned"),
        ("'", "quote it"),
        ("", "nothing to draft"),
        ("x {a-b}", "plain parameter name"),
        ("broken.py", "broken.py:1"),
        ("broken.json", "read as json"),
        ("empty.toml", "nothing that could be tuned"),
    ],
)
def test_sources_that_hold_nothing_are_one_line(tmp_path: Path, source: str, said: str) -> None:
    (tmp_path / "broken.py").write_text("def (")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "empty.toml").write_text('name = "x"')
    with pytest.raises(InputError) as told:
        draft(source, tmp_path)
    assert said in str(told.value)
    assert "\n" not in str(told.value)


def test_init_writes_tries_and_never_overwrites(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.py").write_text(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--n', type=int, default=4)\n"
        "print('{\"seconds\": %d}' % p.parse_args().n)\n"
    )
    (tmp_path / "made").mkdir()
    file = tmp_path / "study.toml"
    write_draft([str(tmp_path / "p.py")], file, command="", metric="seconds", tries=True)
    out = capsys.readouterr().out
    assert "n: 4 of 1, 32  (the range is a guess)" in out
    assert "the default was tried: seconds = 4" in out
    with pytest.raises(InputError, match="is there already"):
        write_draft([str(tmp_path / "p.py")], file, command="", metric="seconds", tries=False)


def drafted_from_code(folder: Path, **given: str) -> Study:
    (folder / "program").mkdir()
    (folder / "program" / "main.py").write_text(CODE)
    options: dict[str, Any] = {"command": "", "metric": "", **given}
    write_draft([], folder / "study.toml", tries=False, from_code=folder / "program" / "main.py", **options)
    return load_study(folder / "study.toml")


def test_from_code_constants_and_options_become_parameters(tmp_path: Path) -> None:
    study = drafted_from_code(tmp_path)
    assert study.code is not None and (str(study.code.project), study.code.editable) == ("program", ["main.py"])
    where = {name: each.constant for name, each in study.parameters.items()}
    assert where == {"LIMIT": "main.py:LIMIT", "Index_width": "main.py:Index.width", "batch": None}
    assert {name: each.default for name, each in study.parameters.items()} == {
        "LIMIT": 64,
        "Index_width": 8,
        "batch": 16,
    }
    assert study.program.command == ["{python}", "{code}/main.py", "--batch", "{batch}"]
    assert study.objectives[0].metric == "cpu_s"


def test_from_code_with_a_command_only_constants_are_tuned(tmp_path: Path) -> None:
    study = drafted_from_code(tmp_path, command="{python} {code}/main.py --batch 4", metric="wall_s")
    assert list(study.parameters) == ["LIMIT", "Index_width"]
    assert study.objectives[0].metric == "wall_s"


def test_from_code_a_c_program_is_built(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "a.c").write_text("#define TILE 16\nint main(void) { return TILE - 16; }\n")
    write_draft([], tmp_path / "s.toml", command="", metric="", tries=False, from_code=tmp_path / "p" / "a.c")
    study = load_study(tmp_path / "s.toml")
    assert study.parameters["TILE"].constant == "a.c:TILE"
    assert study.code is not None and study.code.build == [["gcc", "-O2", "{code}/a.c", "-o", "program", "-lm"]]
    assert study.program.command == ["./program"]


@pytest.mark.parametrize(
    ("file", "text", "why"),
    [
        ("main.py", CODE, "must be in a folder below the study file's"),
        ("p/a.py", "x = 1\n", "has no constants that could be tuned"),
        ("p/b.py", None, "there is no such file"),
    ],
)
def test_from_code_says_why_there_is_no_draft(tmp_path: Path, file: str, text: str | None, why: str) -> None:
    (tmp_path / "p").mkdir()
    if text is not None:
        (tmp_path / file).write_text(text)
    with pytest.raises(InputError, match=why):
        write_draft([], tmp_path / "study.toml", command="", metric="", tries=False, from_code=tmp_path / file)
    assert not (tmp_path / "study.toml").exists()


def test_a_source_and_a_program_are_one_too_many(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--from-code"):
        write_draft(["ls"], tmp_path / "s.toml", command="", metric="", tries=False, from_code=tmp_path / "a.py")
