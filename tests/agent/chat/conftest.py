"""A small study that runs real evaluations, and what waits for it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trimtab.agent.chat.steering.background import Background
from trimtab.agent.chat.steering.control import StudyControl
from trimtab.agent.memory.store import Store
from trimtab.agent.testing import FunctionExecutor

QUICK = """
[study]
name = "quick"
[parameters.x]
type = "float"
low = -1.0
high = 1.0
default = 0.9
[parameters.mode]
type = "categorical"
choices = ["slow", "fast"]
default = "slow"
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
command = ["{python}", "-c", "import json,sys; print(json.dumps(dict(loss=1 + abs(float(sys.argv[1])))))", "{x}", "{mode}"]
check_seeds = [101, 102, 103, 104, 105]
[budget]
trials = 6
[planner]
name = "none"
[sampler]
name = "random"
[check]
ablation = false
"""


Wait = Callable[[Callable[[], bool]], None]


@pytest.fixture
def quick() -> str:
    """The text of the study file."""
    return QUICK


@pytest.fixture
def until() -> Wait:
    """Wait until something is so."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 120
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.01)

    return wait


@pytest.fixture
def background() -> Iterator[Background]:
    found = Background()
    yield found
    found.close()


@pytest.fixture
def control(store: Store, background: Background, tmp_path: Path) -> StudyControl:
    (tmp_path / "quick.toml").write_text(QUICK)
    control = StudyControl(store, background)
    control.open_file(tmp_path / "quick.toml")
    return control


@pytest.fixture
def evaluated(monkeypatch: pytest.MonkeyPatch) -> FunctionExecutor:
    """Evaluate in this process, at once, whatever the study's command is."""
    executor = FunctionExecutor(lambda configuration, _seed: {"loss": 1 + abs(float(configuration["x"]))})
    monkeypatch.setattr("trimtab.agent.executors.local.LocalExecutor", lambda *_arguments, **_options: executor)
    return executor
