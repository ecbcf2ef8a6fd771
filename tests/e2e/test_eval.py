"""The evaluation harness as its user drives it, and its report in a browser."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e
CLEAR = """
name = "clear"
tasks = ["branin", "hartmann6"]
seeds = 8
trials = 25
reference = "random"
[arms.random]
sampler = "random"
[arms.auto]
sampler = "auto"
"""
STUDY = """
[study]
name = "reported"
[parameters.x]
type = "float"
low = 0.1
high = 1.0
default = 0.9
[parameters.y]
type = "bool"
default = false
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
command = "echo '{{\\"loss\\": {x}, \\"y\\": \\"{y}\\"}}'"
[planner]
name = "none"
[budget]
trials = 5
"""
TRIMTAB = str(Path(sys.executable).parent / "trimtab")


def trimtab(*words: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TRIMTAB, *map(str, words)], cwd=cwd, capture_output=True, text=True, timeout=240, check=False
    )


async def test_the_report_opens_in_a_browser_without_errors_or_requests(page: Any, tmp_path: Path) -> None:
    done = trimtab("eval", "run", "smoke", "--seeds", 2, "--trials", 12, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = tmp_path / "eval-results" / "smoke" / "report.html"
    assert str(report.relative_to(tmp_path)) in done.stdout
    await page.open(report.as_uri())
    for _ in range(100):
        if await page.evaluate("document.querySelectorAll('#cell tr').length") == 13:  # a heading and each trial
            break
        await page.evaluate("new Promise(done => setTimeout(done, 100))")
    assert await page.evaluate("document.querySelectorAll('#cell tr').length") == 13
    shown = await page.evaluate("document.body.innerText")
    assert "Arms against optuna-tpe" in shown
    assert page.errors == []
    assert page.requests == [report.as_uri()]


async def test_the_report_of_a_study_opens_too_and_filters(page: Any, tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text(STUDY)
    store = f"sqlite:///{tmp_path / 'store.db'}"
    for words in (("tune", "study.toml", "--store", store), ("report", "reported", "--store", store)):
        done = trimtab(*words, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    report = tmp_path / "reported-1.html"
    await page.open(report.as_uri())
    rows = "[...document.querySelectorAll('#trials tbody tr')].filter(row => !row.hidden).length"
    assert await page.evaluate(rows) == 5
    await page.evaluate(
        "(input => { input.value = 'default'; input.dispatchEvent(new Event('input')) })(document.getElementById('filter'))"
    )
    assert await page.evaluate(rows) == 1
    assert await page.evaluate("document.querySelectorAll('svg').length") >= 3
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert await page.evaluate(wide) == 0
    assert page.errors == []
    assert page.requests == [report.as_uri()]


def test_compare_fails_when_an_arm_is_worse(tmp_path: Path) -> None:
    (tmp_path / "clear.toml").write_text(CLEAR)
    done = trimtab("eval", "run", "clear.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    results = tmp_path / "eval-results" / "clear"
    worse = trimtab("eval", "compare", "auto", "random", "--results", results, cwd=tmp_path)
    assert worse.returncode == 1
    assert "random against auto: worse" in worse.stdout
    assert trimtab("eval", "compare", "random", "auto", "--results", results, cwd=tmp_path).returncode == 0
    assert trimtab("eval", "compare", results, results, cwd=tmp_path).returncode == 0
