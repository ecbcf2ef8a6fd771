"""`trimtab skill install`: the skill is whole, and goes where an agent looks."""

import json
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from trimtab.agent.faces.commands.skill import install
from trimtab.agent.study.file import parse_study
from trimtab.prompts import skill_text, told_to_agents
from trimtab.tools.errors import InputError


def test_the_skill_has_a_name_and_says_when_to_use_it() -> None:
    head = re.match(r"---\nname: trimtab\ndescription: (?P<when>.+)\n---\n", skill_text())
    assert head is not None
    assert "Use when" in head["when"]
    assert len(head["when"]) <= 1024
    for verb in ("draft", "check", "start", "propose", "status", "control", "explain", "verify", "apply"):
        assert f"**{verb}**" in skill_text()
        assert verb in told_to_agents() or verb in {"control", "draft"}


def test_it_goes_where_the_agent_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    install("claude-code", None, project=False)
    install("codex", None, project=True)
    install("anything", tmp_path / "skills", project=False)
    for file in ("home/.claude/skills", ".agents/skills", "skills"):
        assert (tmp_path / file / "trimtab" / "SKILL.md").read_text() == skill_text()
    install("codex", None, project=True)
    assert "up to date" in capsys.readouterr().out
    with pytest.raises(InputError, match="claude-code, codex"):
        install("nobody", None, project=False)


def test_what_plugin_stores_read_points_to_the_skill_and_the_tools(root: Path) -> None:
    manifests = [json.loads((root / name / "plugin.json").read_text()) for name in (".claude-plugin", ".codex-plugin")]
    for each in manifests:
        assert (each["name"], each["version"]) == ("trimtab", version("trimtab"))
        assert (root / each["skills"] / "trimtab" / "SKILL.md").read_text() == skill_text()
        assert each["mcpServers"] == {"trimtab": {"command": "trimtab", "args": ["mcp"]}}
    for store in (".claude-plugin/marketplace.json", ".agents/plugins/marketplace.json"):
        (offered,) = json.loads((root / store).read_text())["plugins"]
        assert offered["name"] == "trimtab"
        source = offered["source"]
        assert (root / (source if isinstance(source, str) else source["path"])).resolve() == root


def test_the_study_that_the_skill_shows_is_one(tmp_path: Path) -> None:
    (tmp_path / "app.ini").write_text("[cache]\nsize = 8\n")
    (tmp_path / "bench.py").write_text("print(1)\n")
    (shown,) = re.findall(r"```toml\n(.*?)```", skill_text(), re.DOTALL)
    study = parse_study(tomllib.loads(shown), tmp_path / "study.toml", shown)
    assert study.files
    assert study.constraints
