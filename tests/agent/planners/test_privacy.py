"""What docs/privacy.md promises of the words that a model gets."""

import getpass
import os
import socket
from pathlib import Path

import pytest

from trimtab.agent.faces.commands.prompts import print_prompt

_STUDY = """
[study]
name = "quiet"
description = "A program of ours."

[parameters.x]
type = "int"
low = 0
high = 9
default = 0

[[objectives]]
metric = "loss"
direction = "minimize"

[evaluation]
command = "{{python}} {{study_dir}}/program.py {{x}}"
pass_environment = ["OUR_SETTING"]
environment = {{ LEVEL = "{{x}}", TOKEN_FILE = "/etc/our-token" }}
readable = ["{folder}/elsewhere"]
"""


@pytest.mark.parametrize("variant", ["default", "terse", "direct", "centaur", "llambo"])
@pytest.mark.parametrize("answer", ["tools", "json_schema", "text"])
def test_no_names_paths_or_environment_reach_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], variant: str, answer: str
) -> None:
    monkeypatch.setenv("OUR_SETTING", "the-value-of-our-setting")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "program.py").write_text("print('the text of the program')")
    (tmp_path / "study.toml").write_text(_STUDY.format(folder=tmp_path))
    print_prompt(variant, str(tmp_path / "study.toml"), answer, f"sqlite:///{tmp_path}/store.db")
    said = capsys.readouterr().out
    assert "loss" in said
    assert " CPUs, " in said or variant not in {"default"}
    secrets = [str(tmp_path), str(Path.home()), "OUR_SETTING", "the-value-of-our-setting", "our-token", "the text of"]
    secrets += [socket.gethostname()] if len(socket.gethostname()) > 3 else []
    secrets += [getpass.getuser()] if getpass.getuser() != "root" else []
    for each in secrets:
        assert each not in said
    assert os.getcwd() not in said  # noqa: PTH109
