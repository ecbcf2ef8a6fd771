"""A user's regular expressions over long or unlucky output: the last match, or a reason, in bounded time."""

import asyncio
from pathlib import Path

import pytest

from trimtab.tools.sandbox import choose_sandbox
from trimtab.tools.targets import Evaluation, Workplace, build_target, patterns
from trimtab.tools.targets.metrics import MetricsError
from trimtab.tools.targets.patterns import from_patterns

UNLUCKY = "a" * 60 + "b"


async def test_the_last_match_of_each_pattern_counts() -> None:
    text = "loss: 3\nqps 10\nloss: 1,234.5 ms\n" + "x" * 3_000_000
    assert await from_patterns(text, {"loss": r"loss: ([\d.,]+)", "qps": r"qps (\d+)"}) == {"loss": 1234.5, "qps": 10.0}


@pytest.mark.parametrize(
    ("pattern", "text", "reason"),
    [
        (r"loss (\d+)", "none", "output does not match patterns.y"),
        (r"loss (\w+)", "loss high", "'high', which is not a number"),
        (r"loss( \d+)?", "loss", "output does not match patterns.y"),
        (r"loss (.+)", "loss \x1b[31m\ud800", "which is not a number"),
    ],
)
async def test_what_is_no_number_is_a_reason(pattern: str, text: str, reason: str) -> None:
    with pytest.raises(MetricsError, match=reason) as caught:
        await from_patterns(text, {"y": pattern})
    assert str(caught.value).isprintable()


async def test_a_pattern_that_never_ends_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patterns, "PROCESSOR_S", 1)
    with pytest.raises(MetricsError, match=r"patterns\.slow needs more than 1 s"):
        await from_patterns(f"7 {UNLUCKY}", {"quick": r"(\d)", "slow": r"(a+)+$"})


async def test_the_event_loop_is_free_meanwhile_and_a_cancellation_ends_it() -> None:
    matching = asyncio.create_task(from_patterns(UNLUCKY, {"slow": r"(a+)+$"}))
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
