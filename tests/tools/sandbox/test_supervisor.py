"""Without isolation an evaluation may stop or kill what supervises it: it ends nevertheless, with all it has started."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from trimtab.tools.sandbox import Outcome, Sandbox, SandboxedCommand, run
from trimtab.tools.sandbox.resources.adoption import file_size_limit

LEAVE = """
def leave_a_child():
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            for descriptor in (0, 1, 2):
                os.close(descriptor)
            os.execve(sys.executable, [sys.executable, "-c", "import time; time.sleep(60)", sys.argv[1]], {})
        os._exit(0)
"""
KILL = "leave_a_child(); time.sleep(.3); os.kill(os.getppid(), 9); time.sleep(60)"
STOP = "leave_a_child(); time.sleep(.3); os.kill(os.getppid(), 19); time.sleep(60)"


def alive(marker: str) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return found


@pytest.mark.parametrize(("body", "said"), [(KILL, None), (STOP, "stopped the process that supervises it")])
def test_what_the_supervisor_lost_is_found(
    attempt: Callable[..., Outcome], process: Sandbox, body: str, said: str | None
) -> None:
    marker = f"marker-{os.getpid()}-{time.time_ns()}"
    outcome = attempt(process, LEAVE + body, marker)
    assert alive(marker) == []
    assert outcome.exit_code == -9
    assert said is None or said in (outcome.killed or "")
    assert outcome.duration_s < 20


def test_one_that_loses_its_supervisor_disturbs_no_other(process: Sandbox, tmp_path: Path) -> None:
    attacker, victim = (
        "import os, time; os.kill(os.getppid(), 9); time.sleep(60)",
        "import time; time.sleep(2); print(7)",
    )

    async def both() -> list[Outcome]:
        commands = [
            SandboxedCommand((sys.executable, "-c", body), tmp_path, {}, timeout_s=30) for body in (victim, attacker)
        ]
        return await asyncio.gather(*(run(command, process) for command in commands))

    bystander = subprocess.Popen(["sleep", "60"])
    quiet, loud = asyncio.run(both())
    assert (quiet.exit_code, quiet.stdout) == (0, "7\n")
    assert loud.exit_code == -9
    assert bystander.poll() is None
    bystander.kill()
    bystander.wait()


def test_we_adopt_orphans_only_while_an_evaluation_needs_it(attempt: Callable[..., Outcome], process: Sandbox) -> None:
    import ctypes

    found = ctypes.c_int(-1)
    attempt(process, "")
    ctypes.CDLL(None).prctl(37, ctypes.byref(found), 0, 0, 0)
    assert found.value == 0
    assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 1


def test_an_evaluation_is_known_by_a_limit_below_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    import resource

    monkeypatch.setattr(resource, "getrlimit", lambda _which: (500, 500))
    assert (file_size_limit(1000), file_size_limit(100)) == (499, 100)
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert file_size_limit(1000) == 1000


PEEK = """
def peek(pid, name):
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
found, pid, memory = b"", os.getppid(), []
while pid > 1 and len(memory) < 3:
    status = dict(line.split(":\\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    found += peek(pid, "environ")
    memory.append(works(lambda: open(f"/proc/{pid}/mem", "rb").close()))
    if pid == int(sys.argv[1]):
        break
    pid = int(status["PPid"])
print(json.dumps({"key": b"sk-planted" in found, "memory": memory[-1], "depth": len(memory)}))
"""


def test_keys_of_ours_cannot_be_read(tmp_path: Path) -> None:
    """Canary first: before `conceal`, the same program reads the key."""
    from .conftest import BEGIN

    (tmp_path / "peek.py").write_text(BEGIN + PEEK)
    program = (
        "import asyncio, os, pathlib, subprocess, sys\n"
        "from trimtab.tools.sandbox import SandboxedCommand, choose_sandbox, run\n"
        f"argv = (sys.executable, {str(tmp_path / 'peek.py')!r}, str(os.getpid()))\n"
        "print(subprocess.run(argv, capture_output=True, text=True).stdout)\n"
        f"c = SandboxedCommand(argv, pathlib.Path({str(tmp_path)!r}), {{}}, timeout_s=30)\n"
        "print(asyncio.run(run(c, choose_sandbox('process'))).stdout)\n"
        "print(os.environ['MY_KEY'])\n"
        "print(subprocess.run(['sh', '-c', 'echo $MY_KEY'], capture_output=True, text=True).stdout)\n"
    )
    environment = {**os.environ, "MY_KEY": "sk-planted"}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60)
    bare, guarded, ours, inherited = filter(None, done.stdout.splitlines())
    assert json.loads(bare)["key"] is True
    assert json.loads(guarded)["key"] is False
    assert json.loads(guarded)["memory"] is False
    assert (ours, inherited) == ("sk-planted", "sk-planted")


def test_an_evaluation_gains_no_privileges(attempt: Callable[..., Outcome], process: Sandbox) -> None:
    outcome = attempt(process, "print(Path('/proc/self/status').read_text())")
    status = dict(line.split(":\t", 1) for line in outcome.stdout.splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    sys_ptrace, sys_admin, sys_resource = 1 << 19, 1 << 21, 1 << 24
    assert int(status["CapBnd"], 16) & (sys_ptrace | sys_admin | sys_resource) == 0 or os.geteuid() != 0


def test_the_end_of_the_loop_ends_what_was_just_being_started(process: Sandbox, tmp_path: Path) -> None:
    marker = f"marker-{os.getpid()}-{time.time_ns()}"
    command = SandboxedCommand(
        (sys.executable, "-c", "import time; time.sleep(60)", marker), tmp_path, {}, timeout_s=30
    )

    async def leave_after(seconds: float) -> None:
        task = asyncio.create_task(run(command, process))
        await asyncio.sleep(seconds)
        assert not task.done()

    began = time.monotonic()
    for step in range(20):
        asyncio.run(leave_after(step * 0.002))
    assert time.monotonic() - began < 25
    assert alive(marker) == []
