import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.models.scripted import ScriptedEndpoint, answer
from trimtab.evals.cell import Recordings, anonymous
from trimtab.evals.compare import compare_arms, compare_results
from trimtab.evals.report import html, write_report
from trimtab.evals.report.summary import headline, markdown
from trimtab.evals.results import Results, load_results
from trimtab.evals.runner import Caps, run_suite
from trimtab.evals.subset import subsets
from trimtab.evals.suite import Suite, load_suite, suite_names
from trimtab.evals.tasks import load_task
from trimtab.tools.errors import InputError


def small(**changes: Any) -> Suite:
    return Suite.model_validate(
        {
            "name": "small",
            "tasks": ["systems/LLVM", "cache_service"],
            "seeds": 2,
            "trials": 8,
            "budgets": [4],
            "reference": "random",
            "arms": {"random": {"sampler": "random"}, "tpe": {"sampler": "tpe"}},
            **changes,
        }
    )


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return run_suite(small(), tmp_path_factory.mktemp("small"), workers=2)


def curves(results: Results) -> dict[str, list[float]]:
    return {f"{cell.task} {cell.arm} {cell.seed}": cell.curve for cell in results.cells}


def test_every_shipped_suite_can_be_read_and_names_tasks_that_exist() -> None:
    assert suite_names() == ["ablation", "planners", "prompts", "samplers", "smoke", "systems"]
    for name in suite_names():
        assert load_suite(name).cells()


def test_a_suite_runs_every_cell_and_keeps_curves(results: Results, tmp_path: Path) -> None:
    assert len(results.cells) == 8
    assert results.missing == 0
    assert all(len(cell.curve) == 8 for cell in results.cells)
    assert all(a >= b for cell in results.cells for a, b in zip(cell.curve, cell.curve[1:], strict=False))
    starts = {(cell.task, cell.curve[0]) for cell in results.cells}
    assert len(starts) == 2  # the default comes first in every arm
    results.write(tmp_path / "results.json")
    assert load_results(tmp_path).cells == results.cells


def test_running_again_reads_what_is_there(results: Results, tmp_path: Path) -> None:
    first = run_suite(small(), tmp_path, workers=1)
    began = time.monotonic()
    again = run_suite(small(), tmp_path, workers=1)
    assert time.monotonic() - began < 5
    assert curves(again) == curves(first) == curves(results)
    assert [cell.study for cell in again.cells] == [cell.study for cell in first.cells]
    changed = run_suite(small(arms={"random": {"sampler": "random"}, "tpe": {"sampler": "qmc"}}), tmp_path, workers=1)
    mine = {cell.study for cell in changed.of("random")}
    assert mine == {cell.study for cell in first.of("random")}
    assert not {cell.study for cell in changed.of("tpe")} & {cell.study for cell in first.of("tpe")}


@pytest.mark.e2e
def test_a_killed_suite_gives_the_numbers_of_an_uninterrupted_one(results: Results, tmp_path: Path) -> None:
    suite = tmp_path / "suite.toml"
    data = small().model_dump(mode="json")
    arms = "".join(f"[arms.{name}]\nsampler = {json.dumps(arm['sampler'])}\n" for name, arm in data["arms"].items())
    suite.write_text(
        f'name = "small"\ntasks = {json.dumps(data["tasks"])}\nseeds = 2\ntrials = 8\nbudgets = [4]\n'
        f'reference = "random"\n{arms}'
    )
    command = [str(Path(sys.executable).parent / "trimtab"), "eval", "run", str(suite), "--out", str(tmp_path / "out")]
    with subprocess.Popen([*command, "--workers", "1"], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as first:
        database = tmp_path / "out" / "cells.db"
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and (not database.exists() or _trials(database) < 12):
            time.sleep(0.05)
        first.send_signal(signal.SIGKILL)
    done = subprocess.run([*command, "--workers", "2"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert curves(load_results(tmp_path / "out")) == curves(results)
    assert "mean normalised regret after 8 trials" in done.stdout


def _trials(database: Path) -> int:
    import sqlite3

    try:
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            return int(connection.execute("select count(*) from trials").fetchone()[0])
    except sqlite3.Error:
        return 0


def test_the_report_is_one_page_without_requests(results: Results, tmp_path: Path) -> None:
    page, text = write_report(results, tmp_path)
    content = page.read_text()
    assert not re.search(r"(?:src|href)\s*=|@import|url\(|fetch\(", content)
    assert all(f"{arm}" in content for arm in results.arms)
    assert "against reference" in text.read_text()
    assert headline(results)
    assert markdown(results) == text.read_text()


def test_names_are_escaped_in_the_page(results: Results) -> None:
    changed = results.model_copy(deep=True)
    changed.suite["description"] = "<script>alert(1)</script>"
    assert "<script>alert(1)" not in html(changed)


def planted(results: Results, arm: str, effect: float) -> Results:
    """Return results with many seeds in which an arm is worse by a constant."""
    cells = []
    for seed in range(20):
        for cell in results.cells:
            shifted = effect if cell.arm == arm else 0.0
            noise = 0.01 * ((seed * 7 + len(cell.task)) % 5)
            cells.append(cell.model_copy(update={"seed": seed, "curve": [v + shifted + noise for v in cell.curve]}))
    unique = {(cell.task, cell.arm, cell.seed): cell for cell in cells}
    return results.model_copy(update={"cells": list(unique.values())})


def test_compare_tells_worse_from_equal(results: Results) -> None:
    base, worse = planted(results, "tpe", 0.0), planted(results, "tpe", 0.3)
    found = {each.name: each.comparison.verdict for each in compare_results(base, worse)}
    assert found == {"random": "no difference shown", "tpe": "worse"}
    assert {each.comparison.verdict for each in compare_results(worse, base)} == {"no difference shown", "better"}
    with pytest.raises(InputError, match="no arm 'nobody'"):
        compare_arms(base, "random", "nobody")


def test_subsets_grow_until_they_rank_like_the_whole(results: Results) -> None:
    found = subsets(planted(results, "tpe", 0.3))
    assert found[-1].tau == pytest.approx(1.0)
    assert len(found) <= 2
    assert found[-1].same_best > 0.9


def model_suite(endpoint: ScriptedEndpoint, **changes: Any) -> Suite:
    model = {"name": "scripted", "base_url": endpoint.base_url, "capability": "json_schema", "backoff_s": 0.01}
    model |= {"input_price": 1.0, "output_price": 1.0}
    arms = {"random": {"sampler": "random"}, "model": {"planner": "model", "model": model, "sampler": "random"}}
    return small(tasks=["cache_service"], arms=arms, **changes)


def proposing(_request: Any) -> Any:
    values = {"threads": 16, "cache": "arc", "cache_mb": 1024}
    return answer(json.dumps({"proposals": [{"values": values, "rationale": "known"}]}))


def test_a_model_arm_waits_for_its_model_and_its_behaviour_is_counted(tmp_path: Path) -> None:
    with ScriptedEndpoint(otherwise=proposing) as endpoint:
        found = run_suite(model_suite(endpoint), tmp_path / "a", workers=1)
        asked = len(endpoint.requests)
        mine = found.of("model")
        assert all(cell.curve[-1] < 0.01 for cell in mine)
        assert all(cell.proposals["tried"] >= 1 for cell in mine)
        assert sum(cell.calls for cell in mine) == asked
        assert all(cell.proposals.get("duplicate", 0) >= 1 for cell in mine)
        recorded = run_suite(
            model_suite(endpoint), tmp_path / "b", workers=1, recordings=Recordings(record=tmp_path / "recordings")
        )
        again = len(endpoint.requests)
        replayed = run_suite(
            model_suite(endpoint), tmp_path / "c", workers=1, recordings=Recordings(replay=tmp_path / "recordings")
        )
        assert len(endpoint.requests) == again
        assert curves(replayed) == curves(recorded)


def test_a_cap_over_the_suite_stops_model_cells_and_says_so(tmp_path: Path) -> None:
    with ScriptedEndpoint(otherwise=proposing) as endpoint:
        found = run_suite(model_suite(endpoint, seeds=6), tmp_path, workers=1, caps=Caps(tokens=400))
    assert found.missing > 0
    assert "cap" in found.stopped_by
    assert len(found.of("random")) == 6
    assert sum(cell.tokens for cell in found.cells) < 2000


def test_strict_results_do_not_count_what_filled_in_for_a_failing_model(tmp_path: Path) -> None:
    from trimtab.agent.models.scripted import Reply

    with ScriptedEndpoint(otherwise=lambda _request: Reply(500, {"error": "down"})) as endpoint:
        found = run_suite(model_suite(endpoint, strict=True), tmp_path, workers=1)
    for cell in found.of("model"):
        assert cell.problem
        assert cell.fallbacks >= 1
    loose = {(c.task, c.seed): c.curve[-1] for c in found.of("random")}
    strict = {(c.task, c.seed): c.curve[-1] for c in found.of("model")}
    assert sum(strict.values()) > sum(loose.values())


def test_anonymous_tasks_keep_their_values_and_lose_their_names() -> None:
    task = load_task("cache_service")
    hidden = anonymous(task)
    assert list(hidden.sections["parameters"]) == ["p1", "p2", "p3"]
    assert hidden.sections["parameters"]["p3"]["when"] == "p2 != 'none'"
    assert hidden.truth is not None and task.truth is not None
    assert hidden.truth({"p1": 16, "p2": "arc", "p3": 1024}) == task.truth(
        {"threads": 16, "cache": "arc", "cache_mb": 1024}
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": "rndom"}, "did you mean 'random'"),
        ({"budgets": [99]}, "99 is not between 1 and trials"),
        ({"arms": {"random": {"sampler": "random", "ablate": ["everything"]}}}, "ablate"),
    ],
)
def test_mistakes_in_a_suite_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        small(**change)


def test_an_arm_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cache_service, arm random, seed 0.*sampler"):
        run_suite(small(tasks=["cache_service"], arms={"random": {"sampler": "nope"}}), tmp_path, workers=1)
