"""The documentation is true: its blocks run, its options exist, the reference is that of the code, the site builds."""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from trimtab.agent.faces.cli import app
from trimtab.agent.study.sections import Study

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
RUN = [DOCS / "tutorial.md", *sorted((DOCS / "how-to").glob("*.md"))]
READ = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(DOCS.glob("*.md")),
    *sorted((DOCS / "how-to").glob("*.md")),
]
_BLOCK = re.compile(r'^```(?P<kind>[a-z]*)(?: title="(?P<title>[^"]+)")?\n(?P<text>.*?)^```$', re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the file that it is (''), and its text."""

    kind: str
    title: str
    text: str


def blocks(page: Path) -> list[Block]:
    return [Block(m["kind"], m["title"] or "", m["text"]) for m in _BLOCK.finditer(page.read_text())]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", RUN, ids=named)
def test_every_block_of_tutorial_and_how_tos_runs_in_order(page: Path, tmp_path: Path) -> None:
    """What has a title is written to that file, shell and Python run; only `console` shows what needs a network or key."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "TRIMTAB_STORE": f"sqlite:///{tmp_path}/store.db"}
    ran = 0
    for block in blocks(page):
        if block.title:
            (tmp_path / block.title).write_text(block.text)
        elif block.kind in {"sh", "python"}:
            command = (
                ["bash", "-euo", "pipefail", "-c", block.text]
                if block.kind == "sh"
                else [sys.executable, "-c", block.text]
            )
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=300
            )
            assert done.returncode == 0, f"{block.text}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
            ran += 1
        else:
            assert block.kind in {"console", "text"}, block
    assert ran


def test_the_tutorial_ends_with_a_proved_gain(tmp_path: Path) -> None:
    """Its study is what it says it is: a gain that the check proves, written and taken back."""
    files = {block.title: block.text for block in blocks(DOCS / "tutorial.md") if block.title}
    assert set(files) == {"pack.py", "study.toml"}
    study = tomllib.loads(files["study.toml"])
    assert Study.model_validate(study).objectives[0].metric == "seconds"


@pytest.mark.parametrize("page", READ, ids=named)
def test_options_and_sections_that_are_shown_exist(page: Path) -> None:
    for block in blocks(page):
        if block.kind == "toml":
            tomllib.loads(block.text)
        if block.kind in {"sh", "console"}:
            for words in _commands(block.text):
                _exists(words)


def _commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each call of trimtab."""
    for line in text.replace("\\\n", " ").splitlines():
        for part in re.split(r"[;|&]+", line):
            try:
                words = shlex.split(part.removeprefix("$ "), comments=True)
            except ValueError:
                continue
            while words and "=" in words[0]:
                words = words[1:]
            if words[:1] == ["trimtab"]:
                yield words[1:]


def _exists(words: list[str]) -> None:
    command: Any = get_command(app)
    rest = list(words)
    while hasattr(command, "commands"):
        if not rest or rest[0].startswith("-"):
            break
        assert rest[0] in command.commands, f"trimtab {' '.join(words)}: no command {rest[0]}"
        command = command.commands[rest.pop(0)]
    known = {name for each in command.params for name in (*each.opts, *each.secondary_opts)} | {"--help"}
    for word in rest:
        if word.startswith("--"):
            assert word.partition("=")[0] in known, f"trimtab {' '.join(words)}: no option {word}"


def generator() -> Any:
    spec = spec_from_file_location("generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_reference_is_that_of_the_code() -> None:
    pages = generator().pages()
    assert {each.name for each in (DOCS / "reference").iterdir()} == set(pages)
    stale = [name for name, text in pages.items() if (DOCS / "reference" / name).read_text() != text]
    assert not stale, f"{', '.join(stale)}: make reference"


def test_every_field_of_a_study_file_is_described() -> None:
    schema = Study.model_json_schema()
    bare = [
        f"{name}.{field}"
        for name, model in [("Study", schema), *schema["$defs"].items()]
        for field, each in model.get("properties", {}).items()
        if not each.get("description")
    ]
    assert bare == []


def test_every_page_is_in_the_site() -> None:
    text = (ROOT / "mkdocs.yml").read_text()
    listed = set(re.findall(r": ([\w/-]+\.md)$", text, re.MULTILINE))
    assert listed == {str(each.relative_to(DOCS)) for each in DOCS.rglob("*.md")}


@pytest.mark.skipif(find_spec("material") is None, reason="the extra docs is optional: pip install 'trimtab[docs]'")
def test_the_site_builds_without_a_network_and_its_links_lead_somewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **nowhere}, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stderr[-4000:]
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > len(list(DOCS.rglob("*.md")))
    for page in pages:
        loaded = re.findall(r'<(?:script|link|img)[^>]+(?:src|href)="(https?://[^"]+)"', page.read_text())
        assert [each for each in loaded if "canonical" not in each] == [], page
