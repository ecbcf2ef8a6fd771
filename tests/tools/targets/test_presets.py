"""Every preset reads a report that its program printed; see `samples/SOURCE.md`."""

import asyncio
import shutil
from pathlib import Path

import pytest

from trimtab.tools.targets import Evaluation, Wording
from trimtab.tools.targets.reading.extraction import Written, read_metrics
from trimtab.tools.targets.reading.metrics import MetricsError
from trimtab.tools.targets.reading.presets import load_preset
from trimtab.tools.targets.reading.spec import preset_names

SAMPLES = Path(__file__).parent / "samples"
EXPECTED: dict[str, dict[str, float]] = {
    "ab": {
        "requests_s": 1544.95,
        "latency_mean_s": 0.002589,
        "latency_p95_s": 0.009,
        "latency_max_s": 0.01,
        "failed": 0,
    },
    "fio": {
        "read_iops": 4099.173554,
        "read_bytes_s": 16790214,
        "write_latency_p99_s": 9.92e-06,
        "read_latency_mean_s": 0.000229095530242,
    },
    "google-benchmark": {"real_time_s": 119.61143394233500e-9, "bytes_per_second": 90422905413.578247},
    "hyperfine": {"mean_s": 0.0112235228, "median_s": 0.011217893, "max_s": 0.011259804},
    "jmh": {"score": 21.516e-6, "score_error": 0.443e-6, "score_p99": 21.689e-6},
    "k6": {
        "requests_s": 9.361276,
        "latency_mean_s": 0.04836,
        "latency_min_s": 812.4e-6,
        "latency_max_s": 1.2,
        "latency_p95_s": 0.09217,
        "failed_percent": 1.42,
    },
    "perf-stat": {"elapsed_s": 0.001822931, "page_faults": 88, "context_switches": 0, "task_clock_s": 0.00107},
    "pgbench": {
        "tps": 444.811559,
        "latency_mean_s": 0.004486,
        "latency_stddev_s": 0.004895,
        "failed": 0,
        "transactions": 888,
    },
    "pytest-benchmark": {"mean_s": 1.0383e-05, "ops": 96305.4},
    "redis-benchmark": {"rps": 26666.67, "latency_p99_s": 0.010151, "latency_mean_s": 0.00165},
    "time": {"peak_bytes": 1792 * 1024, "elapsed_s": 0, "cpu_percent": 100, "user_s": 0},
    "wrk": {
        "requests_s": 1597.32,
        "latency_mean_s": 0.00291,
        "latency_max_s": 0.02077,
        "latency_p50_s": 0.00186,
        "latency_p99_s": 0.01263,
        "transfer_bytes_s": 6.46e6,
    },
}


def test_every_preset_has_a_report() -> None:
    assert list(EXPECTED) == preset_names()


@pytest.mark.parametrize("name", EXPECTED)
def test_a_preset_reads_its_programs_report(name: str, tmp_path: Path) -> None:
    (sample,) = SAMPLES.glob(f"{name}.*")
    preset = load_preset(name)
    files = {reading.file for reading in preset.metrics.values() if reading.file}
    streams = {reading.stream for reading in preset.metrics.values()}
    for file in files:
        shutil.copy(sample, tmp_path / file)
    text = "" if files else sample.read_text()
    written = Written("", text, tmp_path) if "stderr" in streams else Written(text, "some progress\n", tmp_path)
    evaluation = Evaluation(command=["true"], preset=name)
    found = asyncio.run(read_metrics(evaluation, written, tuple(EXPECTED[name]), Wording()))
    assert {metric: found[metric] for metric in EXPECTED[name]} == pytest.approx(EXPECTED[name], rel=1e-4)
    assert preset.description
    assert preset.call


def test_what_a_preset_does_not_find_is_told(tmp_path: Path) -> None:
    evaluation = Evaluation(command=["true"], preset="wrk")
    written = Written("Running 2s test\n  Requests: 12\n", "", tmp_path)
    with pytest.raises(MetricsError, match=r"does not match patterns\.requests_s; the nearest line is 'Requests: 12'"):
        asyncio.run(read_metrics(evaluation, written, ("requests_s",), Wording()))


def test_an_unknown_preset_is_guessed_and_own_readings_come_first(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no preset 'hyprfine'; did you mean 'hyperfine'"):
        Evaluation(command=["true"], preset="hyprfine")
    evaluation = Evaluation(command=["true"], preset="wrk", patterns={"requests_s": r"Requests: (\d+)"})
    written = Written("  Requests: 12\n", "", tmp_path)
    assert asyncio.run(read_metrics(evaluation, written, ("requests_s",), Wording())) == {"requests_s": 12}
