"""Benchmarks are run by name, judged by bars.toml, and end with the exit code that says whether all bars were met."""

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from trimtab.agent.memory.store import Store
from trimtab.evals import bench
from trimtab.evals.bench import BENCHMARKS, comparison, repair, running
from trimtab.evals.bench.bars import Bar, bars
from trimtab.evals.bench.bookkeeping import Ratio
from trimtab.evals.bench.stores import filled, knobs
from trimtab.tools.errors import InputError

BARS = {
    "ratio": Bar("ratio", 2.0, "x", "of the baseline"),
    "time": Bar("time", 5.0, "ms", "of ours"),
}


@pytest.fixture
def own_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "bars", lambda: BARS)


@pytest.mark.usefixtures("own_bars")
@pytest.mark.parametrize(
    ("ours", "theirs", "bar", "met"),
    [
        (2.0, 1.0, "ratio", True),
        (2.1, 1.0, "ratio", False),
        (5.0, 1.0, "time", True),
        (5.1, 9.0, "time", False),
        (9.0, 1.0, "", True),
    ],
)
def test_a_bar_is_for_the_ratio_or_for_our_own_figure(ours: float, theirs: float, bar: str, met: bool) -> None:
    found = Ratio("a thing", ours, "another", theirs, bar)
    assert found.met == met
    assert ("MISSED" in str(found)) == (not met)
    assert (": met)" in str(found)) == (met and bool(bar))
    assert f"{ours:.4g} ms, another {theirs:.4g} ms, ratio {ours / theirs:.3g}" in str(found)


@pytest.mark.usefixtures("own_bars")
def test_a_time_is_not_judged_in_another_unit() -> None:
    with pytest.raises(ValueError, match="bar time is in ms, the benchmark in s"):
        assert Ratio("a thing", 1.0, "another", 1.0, "time", unit="s").met


@pytest.mark.parametrize(("ours", "code"), [(1.0, 0), (3.0, 1)])
@pytest.mark.usefixtures("own_bars")
def test_a_missed_bar_is_exit_code_1(
    ours: float, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run() -> Iterator[Ratio]:
        yield Ratio("a thing", ours, "another", 1.0, "ratio")
        yield Ratio("a last thing", 1.0, "another", 1.0, "ratio")

    monkeypatch.setattr(repair, "run", run)
    assert running.run_benchmarks(["repair"]) == code
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_an_unknown_benchmark_is_refused_before_any_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "run", lambda: pytest.fail("must not run"))
    with pytest.raises(InputError, match=r"no benchmark 'nonsense' .*there are: startup, "):
        running.run_benchmarks(["repair", "nonsense"])


def test_the_installed_program_lists_its_bars() -> None:
    program = Path(sys.executable).with_name("trimtab")
    said = subprocess.run([program, "bench", "--bars"], check=True, capture_output=True, text=True).stdout
    assert [line.split()[0] for line in said.splitlines()] == list(bars())
    wrong = subprocess.run([program, "bench", "nonsense"], capture_output=True, text=True)
    assert (wrong.returncode, wrong.stdout) == (2, "")


def test_every_benchmark_is_there_and_every_bar_is_somebodys() -> None:
    for name in BENCHMARKS:
        assert callable(import_module(f"trimtab.evals.bench.{name}").run)
    code = "".join(file.read_text() for file in Path(bench.__path__[0]).glob("*.py"))
    assert [name for name in bars() if f'"{name}"' not in code] == []


def test_a_filled_store_is_one_that_studies_would_have_filled(tmp_path: Path) -> None:
    store = Store(filled(tmp_path / "store.db", 3, 4, knobs))
    assert [(each.trials, each.state) for each in store.listing()] == [(4, "finished")] * 3
    assert [trial.number for trial in store.trials(store.study("small").id)] == [0, 1, 2, 3]
    store.close()
