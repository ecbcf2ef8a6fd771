"""The target's own commands: when they run, and how their failures are told."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from trimtab.tools.sandbox import choose_sandbox
from trimtab.tools.targets import Evaluation, Journal, Measurement, Target, TargetError, Workplace, build_target
from trimtab.tools.targets.preparation.lifecycle import Bare
from trimtab.tools.targets.section import CommandSection, Hook

PROGRAM = (
    "import json, sys; x = float(sys.argv[1]); print(json.dumps(dict(loss=x)) if x >= 0 else sys.exit('negative'))"
)


def said(words: str) -> list[str]:
    return ["sh", "-c", f"echo {words} >> {{study_dir}}/log"]


def place(folder: Path, worker: int = 0) -> Workplace:
    return Workplace(choose_sandbox(), folder, worker=worker, journal=Journal(folder / "journal" / f"{worker}.json"))


def built(workplace: Workplace, **hooks: Any) -> Target:
    command = ["{python}", "-c", PROGRAM, "{x}"]
    hooks = {name: hook if isinstance(hook, Hook) else Hook(command=hook) for name, hook in hooks.items()}
    return build_target(Evaluation(), workplace, CommandSection(kind="command", command=command, **hooks))


def log(folder: Path) -> list[str]:
    file = folder / "log"
    return file.read_text().splitlines() if file.exists() else []


async def once(target: Target, x: float = 0.5, seed: int = 7) -> Measurement:
    await target.apply(Bare({"x": x}))
    return await target.measure(seed, required=("loss",))


async def test_they_run_in_their_order_and_know_what_they_are_about(tmp_path: Path) -> None:
    target = built(
        place(tmp_path, worker=3),
        setup=said("setup {worker}"),
        before=said("before {x} {seed}"),
        after=said("after {x}"),
        teardown=said("teardown {worker}"),
    )
    await target.prepare()
    assert (await once(target)).state == "complete"
    assert (await target.measure(8)).state == "complete"
    assert (await once(target, -0.5)).reason == "exit status 1: negative"
    await target.restore()
    await target.restore()
    measured = ["before 0.5 7", "after 0.5", "before 0.5 8", "after 0.5", "before -0.5 7", "after -0.5"]
    assert log(tmp_path) == ["setup 3", *measured, "teardown 3"]


async def test_a_setup_that_fails_says_so_and_is_torn_down(tmp_path: Path) -> None:
    failing = ["sh", "-c", "echo no such server >&2; exit 3"]
    target = built(place(tmp_path), setup=failing, teardown=said("teardown"))
    with pytest.raises(TargetError, match=r"target\.setup: exit status 3: no such server"):
        await target.prepare()
    await target.restore()
    assert log(tmp_path) == ["teardown"]
    assert "no such server" in (tmp_path / "journal" / "0.setup.log").read_text()


@pytest.mark.parametrize(("hook", "seen"), [("before", []), ("after", ["before"])])
async def test_a_command_that_fails_around_an_evaluation_is_told_apart(
    tmp_path: Path, hook: str, seen: list[str]
) -> None:
    hooks = {"before": said("before"), hook: ["sh", "-c", "echo gone; echo why >&2; exit 1"]}
    target = built(place(tmp_path), **hooks)
    await target.prepare()
    found = await once(target)
    assert (found.state, found.phase, found.metrics) == ("failed", hook, {})
    assert found.reason == f"{hook}: target.{hook}: exit status 1: why"
    assert "gone" in found.log
    assert log(tmp_path) == seen


async def test_the_program_s_own_failure_is_told_rather_than_that_of_after(tmp_path: Path) -> None:
    target = built(place(tmp_path), after=["false"])
    await target.prepare()
    assert (await once(target, -1)).reason == "exit status 1: negative"


async def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    hanging = Hook(command=["sh", "-c", "sleep 3600 & echo $! > {study_dir}/pid; wait"], timeout_s=0.5)
    target = built(place(tmp_path), setup=hanging)
    with pytest.raises(TargetError, match=r"target\.setup: still running after 0\.5 s"):
        await target.prepare()
    assert await gone(int((tmp_path / "pid").read_text()))


async def test_what_setup_leaves_running_lives_on(tmp_path: Path) -> None:
    target = built(
        place(tmp_path),
        setup=["sh", "-c", "sleep 3600 & echo $! > {study_dir}/pid"],
        teardown=["sh", "-c", "kill $(cat {study_dir}/pid)"],
    )
    async with asyncio.timeout(60):
        await target.prepare()
        pid = int((tmp_path / "pid").read_text())
        assert (await once(target)).state == "complete"
        os.kill(pid, 0)
        await target.restore()
    assert await gone(pid)


async def gone(pid: int) -> bool:
    for _ in range(500):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        await asyncio.sleep(0.01)
    return False


async def test_after_runs_although_its_evaluation_is_cancelled(tmp_path: Path) -> None:
    section = CommandSection(kind="command", command=["sleep", "60"], before=said("before"), after=said("after"))
    target = build_target(Evaluation(), place(tmp_path), section)
    await target.prepare()
    await target.apply(Bare({}))
    running = asyncio.ensure_future(target.measure(1))
    while log(tmp_path) != ["before"]:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert log(tmp_path) == ["before", "after"]


async def test_keys_do_not_reach_them_and_their_folder_is_the_study_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("PGHOST", "here")
    target = built(place(tmp_path), setup=["sh", "-c", "env > seen"])
    await target.prepare()
    seen = (tmp_path / "seen").read_text()
    assert "sk-secret" not in seen
    assert "PGHOST=here" in seen


async def test_a_program_that_is_not_there_is_an_error_in_words(tmp_path: Path) -> None:
    target = built(place(tmp_path), setup=["no-such-program"])
    with pytest.raises(TargetError, match=r"target\.setup: no-such-program: No such file"):
        await target.prepare()


async def test_a_teardown_that_fails_is_tried_again(tmp_path: Path) -> None:
    target = built(place(tmp_path), teardown=["sh", "-c", "test -e {study_dir}/ready"])
    await target.prepare()
    with pytest.raises(TargetError, match="teardown"):
        await target.restore()
    (tmp_path / "ready").touch()
    await target.restore()
    assert Journal(tmp_path / "journal" / "0.json").notes == {}
