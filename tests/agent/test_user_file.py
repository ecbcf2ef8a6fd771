"""The user's file: what it may say, its errors in one line, and that option, environment and study come before it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from trimtab.agent.memory.store import default_url
from trimtab.agent.models.choice import choose
from trimtab.agent.models.preferences import endpoint_of, preferred_model
from trimtab.agent.models.scripted import ScriptedEndpoint
from trimtab.agent.models.settings import ModelSection
from trimtab.agent.models.trust import UntrustedEndpointError, require_trust
from trimtab.agent.user_file import place, user_file
from trimtab.tools.errors import InputError

TRIMTAB = Path(sys.executable).with_name("trimtab")
MINE, THEIRS, OTHER = "http://127.0.0.1:1/v1", "http://127.0.0.1:2/v1", "http://127.0.0.1:3/v1"


def write(text: str) -> Path:
    file = place()
    assert file is not None
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint() as started:
        yield started


def test_it_lies_in_the_folder_of_configurations(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert place() == tmp_path / "config" / "trimtab" / "config.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert place() == tmp_path / ".config" / "trimtab" / "config.toml"
    monkeypatch.setenv("HOME", "relative")
    assert place() is None
    assert user_file().model is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model = ", "not TOML"),
        ("modle = 'local'", "modle: unknown field; did you mean 'model'"),
        ("api_key = 'x'", "api_key: unknown field.*keys stay in the environment"),
        ("trust = 'http://x'", "trust: Input should be a valid list, not 'http://x'"),
        ("store = 3", "store: Input should be a valid string, not '3'"),
        ("trust = ['']", r"trust\.0: String should have at least 1 character"),
        ("model = '\x00'", "not TOML"),
    ],
)
def test_a_mistake_is_one_line_that_names_file_field_and_value(text: str, message: str) -> None:
    file = write(text)
    with pytest.raises(InputError, match=f"{file}: {message}") as raised:
        user_file()
    assert "\n" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_told() -> None:
    file = write("model = 'local'")
    file.unlink()
    file.mkdir()
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        user_file()


def test_the_store_is_by_environment_then_by_file(monkeypatch: pytest.MonkeyPatch) -> None:
    assert default_url().endswith("data/trimtab/trimtab.db")
    write("store = 'sqlite:////elsewhere/s.db'")
    assert default_url() == "sqlite:////elsewhere/s.db"
    monkeypatch.setenv("TRIMTAB_STORE", "sqlite:////here/s.db")
    assert default_url() == "sqlite:////here/s.db"


def test_the_endpoint_is_by_environment_then_study_then_file(monkeypatch: pytest.MonkeyPatch) -> None:
    study, open_ = ModelSection(base_url=THEIRS), ModelSection()
    assert (endpoint_of(open_), endpoint_of(study)) == (None, THEIRS)
    write(f"endpoint = '{MINE}'")
    assert (endpoint_of(open_), endpoint_of(study)) == (MINE, THEIRS)
    assert endpoint_of(ModelSection(name="anthropic:x")) is None
    monkeypatch.setenv("OPENAI_BASE_URL", OTHER)
    assert (endpoint_of(open_), endpoint_of(study)) == (OTHER, THEIRS)
    monkeypatch.setenv("TRIMTAB_ENDPOINT", MINE)
    assert (endpoint_of(open_), endpoint_of(study)) == (MINE, MINE)
    require_trust(study)  # the study's endpoint is not used


def test_the_model_is_by_study_then_environment_then_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write("model = 'openai:mine'")
    assert preferred_model(ModelSection(name="local")).value == "local"
    found = preferred_model(ModelSection())
    assert found.value == "openai:mine"
    assert found.where == f"named in {place()}"
    assert preferred_model(ModelSection(base_url=THEIRS)).value is None  # a study's endpoint has its own models
    monkeypatch.setenv("OPENAI_MODEL", "x")
    assert preferred_model(ModelSection()).value is None


def test_a_run_uses_model_and_endpoint_of_the_file(endpoint: ScriptedEndpoint) -> None:
    write(f"model = 'mine'\nendpoint = '{endpoint.base_url}'")
    found = choose(ModelSection()).model
    assert found is not None
    assert (found.label, found.base_url, found.why) == ("openai:mine", endpoint.base_url, f"named in {place()}")


def test_what_the_file_trusts_is_not_asked_about() -> None:
    section = ModelSection(base_url=THEIRS)
    with pytest.raises(UntrustedEndpointError):
        require_trust(section)
    write(f"trust = ['{OTHER}', '{THEIRS}/']")
    require_trust(section)


STUDY = """
[study]
name = "s"
[parameters.x]
type = "float"
low = 0.0
high = 1.0
default = 0.5
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
command = ["{python}", "-c", "print('{{\\"loss\\": 1}}')", "{x}"]
[planner]
name = "model"
[model]
name = "STUDY_NAME"
retries = 0
[budget]
trials = 1
"""


@pytest.mark.parametrize(
    ("options", "environment", "named", "expected"),
    [
        (["--model", "flag"], {"TRIMTAB_MODEL": "environment"}, "study", "flag"),
        ([], {"TRIMTAB_MODEL": "environment"}, "study", "environment"),
        ([], {}, "study", "study"),
        ([], {}, "auto", "file"),
    ],
)
def test_options_come_before_environment_before_study_before_file(
    tmp_path: Path,
    endpoint: ScriptedEndpoint,
    options: list[str],
    environment: dict[str, str],
    named: str,
    expected: str,
) -> None:
    write(f"model = 'file'\nstore = 'sqlite:///{tmp_path}/mine.db'\nendpoint = '{endpoint.base_url}'")
    (tmp_path / "study.toml").write_text(STUDY.replace("STUDY_NAME", named))
    command = [TRIMTAB, "tune", tmp_path / "study.toml", "--json", *options]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=120
    )
    first = json.loads(done.stdout.splitlines()[0])
    assert f"openai:{expected}" in first["planner_reason"] + first["planner"], done.stderr
    assert (tmp_path / "mine.db").exists()


def test_an_endpoint_by_option_comes_before_the_study_s(tmp_path: Path, endpoint: ScriptedEndpoint) -> None:
    (tmp_path / "study.toml").write_text(STUDY.replace("retries = 0", f'retries = 0\nbase_url = "{THEIRS}"'))
    command = [TRIMTAB, "tune", tmp_path / "study.toml", "--json", "--store", f"sqlite:///{tmp_path}/s.db"]
    refused = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert refused.returncode == 2
    assert "which is not yours" in refused.stderr
    done = subprocess.run(
        [*command, "--endpoint", endpoint.base_url], capture_output=True, text=True, check=False, timeout=120
    )
    assert "openai:STUDY_NAME" in done.stdout.splitlines()[0], done.stderr


def test_the_doctor_tells_where_each_comes_from(capsys: pytest.CaptureFixture[str]) -> None:
    from trimtab.agent.faces.commands.preferences import lines

    assert "(not there)" in lines()[0]
    write(f"model = 'local'\nendpoint = 'http://me:secret@host/v1'\ntrust = ['{THEIRS}']")
    told = "\n".join(lines())
    assert f"model     local ({place()})" in told
    assert "endpoint  http://host/v1" in told
    assert f"trust     {THEIRS} ({place()})" in told
    assert "data/trimtab/trimtab.db (default)" in told
    assert "secret" not in told
