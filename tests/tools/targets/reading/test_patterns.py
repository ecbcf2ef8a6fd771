"""A user's regular expressions over long or unlucky output: the last match, or a reason, in bounded time."""

import asyncio
from pathlib import Path

import pytest

from trimtab.tools.sandbox import choose_sandbox
from trimtab.tools.targets import Evaluation, Workplace, build_target
from trimtab.tools.targets.reading import patterns
from trimtab.tools.targets.reading.metrics import MetricsError
from trimtab.tools.targets.reading.patterns import matches

UNLUCKY = "a" * 60 + "b"


async def found(text: str, *patterns: str, several: bool = False) -> list[list[str]]:
    each_found = await matches(text, [(f"patterns.y{n}", each, several) for n, each in enumerate(patterns)])
    return [[f"{match.text}|{match.apart}".removesuffix("|") for match in each] for each in each_found]


async def test_the_last_match_of_each_pattern_counts_with_its_unit() -> None:
    text = "loss: 3\nqps 10\nloss: 1,234.5 ms\n" + "x" * 3_000_000
    assert await found(text, r"loss: ([\d.,]+)", r"qps (\d+)", r"none (\d)") == [["1,234.5|ms"], ["10"], []]
    assert await found(text, r"loss: ([\d.,]+)", several=True) == [["3", "1,234.5|ms"]]
    assert await found("loss", r"loss( \d+)?") == [[]]


@pytest.mark.parametrize(
    ("text", "pattern", "number"),
    [
        ("t=812us,", r"t=(\d+)", "812us"),
        ("t=812 us,", r"t=(\d+)", "812|us"),
        ("t=5m", r"t=(\d+)", "5m"),
        ("t=5 m", r"t=(\d+)", "5"),
        ("t=12 apples", r"t=(\d+)", "12"),
        ("t=12mississippi", r"t=(\d+)", "12"),
        ("t=812us", r"t=(\d+)us", "812"),
        ("t=-3", r"t=(-?\d+)", "-3"),
        ("12.5 MiB/s", r"([\d.]+)", "12.5|MiB"),
    ],
)
async def test_a_unit_right_after_the_number_belongs_to_it_and_one_behind_a_blank_is_told(
    text: str, pattern: str, number: str
) -> None:
    assert await found(text, pattern) == [[number]]


@pytest.mark.parametrize(
    ("text", "pattern", "cut"),
    [
        ("n: 1,234", r"n: (\d+)", "'1' out of '1,234'"),
        ("n: 12.5", r"n: (\d+)", "'12' out of '12.5'"),
        ("n: 1:30", r"n: (\d+)", "'1' out of '1:30'"),
        ("n: 5e3", r"n: (\d+)", "'5' out of '5e3'"),
        ("1,234 ms", r"(\d+) ms", "'234' out of '1,234'"),
        ("n: -5", r"(\d+)", "'5' out of '-5'"),
    ],
)
async def test_half_a_number_is_refused(text: str, pattern: str, cut: str) -> None:
    with pytest.raises(MetricsError, match=f"patterns.y0 cut {cut}: match the whole number"):
        await found(text, pattern)


async def test_a_pattern_that_never_ends_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "PROCESSOR_S", 1)
    with pytest.raises(MetricsError, match=r"patterns\.y1 needs more than 1 s"):
        await found(f"7 {UNLUCKY}", r"(\d)", r"(a+)+$")


async def test_the_event_loop_is_free_meanwhile_and_a_cancellation_ends_it() -> None:
    matching = asyncio.create_task(found(UNLUCKY, r"(a+)+$"))
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert not matching.done()
    matching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await matching


def test_an_evaluation_with_such_a_pattern_fails_with_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "PROCESSOR_S", 1)
    evaluation = Evaluation(command=["echo", UNLUCKY], patterns={"y": r"(a+)+$"}, isolation="process")
    target = build_target(evaluation, Workplace(choose_sandbox("process"), tmp_path))
    found = asyncio.run(target.evaluate({}, seed=1, required=("y",)))
    assert found.state == "failed"
    assert "simplify it" in (found.reason or "")
