"""Models at endpoints, as the installed program meets them: strange ones, missing ones, ones that quote the key."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.models.scripted import ScriptedEndpoint, answer, failure

pytestmark = pytest.mark.e2e
TRIMTAB = str(Path(sys.executable).parent / "trimtab")
KEY = "zq-planted-0123456789abcdef"
NOWHERE = "http://127.0.0.1:9/v1"


@pytest.fixture
def study(tmp_path: Path) -> Callable[..., Path]:
    """A function that writes a study; `more` are further lines."""

    def write(more: str = "") -> Path:
        (tmp_path / "t.py").write_text("import sys\nprint('{\"y\": %s}' % sys.argv[1])\n")
        file = tmp_path / "study.toml"
        file.write_text(f"""
[study]
name = "small"
[parameters.x]
type = "int"
low = 0
high = 99
default = 9
[[objectives]]
metric = "y"
direction = "minimize"
[evaluation]
command = ["{{python}}", "{{study_dir}}/t.py", "{{x}}"]
tuning_seeds = [1]
check_seeds = [101]
[check]
ablation = false
[budget]
trials = 3
{more}
""")
        return file

    return write


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    ideas = iter(range(1, 90))

    def idea(_request: dict[str, Any]) -> Any:
        return answer(json.dumps({"proposals": [{"values": {"x": next(ideas)}}]}))

    with ScriptedEndpoint(otherwise=idea) as started:
        yield started


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    mine = {"TRIMTAB_STORE": f"sqlite:///{tmp_path / 'store.db'}", "XDG_DATA_HOME": str(tmp_path / "mine")}
    return {**os.environ, **mine, **more}


def tune(file: Path, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TRIMTAB, "tune", str(file), *options],
        env=environment(file.parent, **more),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def strange(endpoint: ScriptedEndpoint) -> str:
    return f'[model]\nname = "scripted"\nbase_url = "{endpoint.base_url}"\ncapability = "json_schema"\n'


def test_a_script_sends_nothing_to_an_endpoint_that_only_the_study_names(
    study: Callable[..., Path], endpoint: ScriptedEndpoint
) -> None:
    file = study(strange(endpoint))
    refused = tune(file, OPENAI_API_KEY=KEY)
    assert refused.returncode == 2
    assert "--trust-endpoint" in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert endpoint.keys == []
    assert tune(file, "--trust-endpoint", OPENAI_API_KEY=KEY).returncode == 0
    assert KEY in endpoint.keys
    asked = len(endpoint.keys)
    assert tune(file, OPENAI_API_KEY=KEY).returncode == 0, "it was trusted before"
    assert len(endpoint.keys) > asked


@pytest.mark.parametrize(("said", "code"), [("n", 2), ("y", 0)])
def test_at_a_terminal_the_person_is_asked_about_a_strange_endpoint(
    study: Callable[..., Path], endpoint: ScriptedEndpoint, said: str, code: int
) -> None:
    file = study(strange(endpoint))
    outer, inner = pty.openpty()
    process = subprocess.Popen(
        [TRIMTAB, "tune", str(file)],
        env=environment(file.parent, OPENAI_API_KEY=KEY, TERM="dumb"),
        stdin=inner,
        stdout=inner,
        stderr=inner,
    )
    os.close(inner)
    shown = b""
    while b"Use it from now on?" not in shown:
        shown += os.read(outer, 4096)
    assert endpoint.keys == []
    os.write(outer, f"{said}\n".encode())
    try:
        while part := os.read(outer, 4096):
            shown += part
    except OSError:
        pass  # the terminal is closed at the end
    assert process.wait(240) == code, shown.decode()
    os.close(outer)
    assert bool(endpoint.keys) == (said == "y")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("openai:gpt-4.1-mini", "needs a key (set OPENAI_API_KEY in the environment)"),
        ("foo:bar", "no provider 'foo'"),
    ],
)
def test_a_model_asked_for_by_name_that_cannot_work_fails_before_the_first_trial(
    study: Callable[..., Path], model: str, words: str
) -> None:
    file = study()
    done = tune(file, "--model", model)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stdout == ""
    assert len(done.stderr.strip().splitlines()) == 1
    listed = subprocess.run(
        [TRIMTAB, "studies"], env=environment(file.parent), capture_output=True, text=True, check=True, timeout=60
    )
    assert "small" not in listed.stdout


def test_an_endpoint_that_is_not_there_fails_a_named_model_and_is_told_of_otherwise(study: Callable[..., Path]) -> None:
    file = study()
    named = tune(file, "--model", "big", OPENAI_BASE_URL=NOWHERE)
    assert named.returncode == 2
    assert f"{NOWHERE}: it cannot be reached" in named.stderr
    unnamed = tune(file, OPENAI_BASE_URL=NOWHERE)
    assert unnamed.returncode == 0
    assert f"the endpoint {NOWHERE} was not used: it cannot be reached" in unnamed.stdout
    assert "no endpoint is configured" not in unnamed.stdout


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_key_that_an_endpoint_quotes_is_written_nowhere(study: Callable[..., Path], options: tuple[str, ...]) -> None:
    file = study('[model]\nname = "scripted"\nbackoff_s = 0\n[planner]\noffline_first = false\n')
    denied = failure(401, message=f"Incorrect API key provided: {KEY}, that is {KEY[:14]}... or {KEY.encode().hex()}")
    with ScriptedEndpoint(otherwise=lambda _request: denied) as endpoint:
        recording = file.parent / "recording.jsonl"
        done = tune(file, *options, "--record", str(recording), OPENAI_BASE_URL=endpoint.base_url, OPENAI_API_KEY=KEY)
    assert done.returncode == 0
    assert "[removed]" in done.stdout
    written = [each.read_bytes() for each in file.parent.rglob("*") if each.is_file() and each != file]
    for text in (done.stdout.encode(), done.stderr.encode(), *written):
        for quoted in (KEY, KEY[:14], KEY.encode().hex()):
            assert quoted.encode() not in text


def test_the_code_of_a_model_is_loaded_before_the_first_evaluation(
    study: Callable[..., Path], endpoint: ScriptedEndpoint
) -> None:
    script = """
import sys
from trimtab.agent.planners.base import Setup
from trimtab.agent.planners.model import build
from trimtab.agent.study.file import load_study
build(Setup(load_study(sys.argv[1])))
assert {"langchain_openai", "openai", "httpx2"} <= set(sys.modules)
"""
    file = study('[model]\nname = "scripted"\n')
    full = environment(file.parent, OPENAI_BASE_URL=endpoint.base_url)
    subprocess.run([sys.executable, "-c", script, str(file)], env=full, check=True, timeout=120)
