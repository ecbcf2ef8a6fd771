"""Tries what this machine isolates and limits: the default sandbox is attacked, and every limit exceeded."""

import json
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from .. import bubblewrap
from ..choice import bubblewrap_problem, choose_sandbox
from ..limits import Limits
from ..process import Outcome, Sandbox, SandboxedCommand, run
from ..resources import cgroups
from .probes import ATTACKS, EXCESSES, Attack, Excess

_INTRUDER = Path(__file__).with_name("intruder.py")
_TIMEOUT_S = 10.0
_USER_NAMESPACES = (
    "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 (Debian) or "
    "kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu); in a container, add the capability SYS_ADMIN"
)


@dataclass(frozen=True)
class Finding:
    """One thing that was tried. `by_default` is whether trimtab promises it by default; `fix` is empty when it held."""

    name: str
    said: str
    held: bool
    by_default: bool
    fix: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Examination:
    """All that was found. `problem` is why bubblewrap does not work, None when it does."""

    sandbox: str
    guarantees: str
    problem: str | None
    findings: tuple[Finding, ...]

    @property
    def complete(self) -> bool:
        """Whether everything that is promised by default holds here."""
        return self.problem is None and all(finding.held for finding in self.findings if finding.by_default)

    def as_json(self) -> dict[str, object]:
        """Return it as plain data."""
        return {**asdict(self), "findings": [asdict(finding) for finding in self.findings], "complete": self.complete}


@dataclass(frozen=True)
class Bait:
    """What there is to reach: a file each in a folder like the study's, beside it and of the store, a process, and
    whoever listens on a port, on a socket in the study's folder and on an abstract one."""

    study: str
    secret: str
    store: str
    process: int
    port: int
    socket: str
    abstract: str


async def examine(sandbox: Sandbox | None = None) -> Examination:
    """Try the sandbox that 'auto' chooses, or another one; takes some seconds."""
    problem = bubblewrap_problem()
    sandbox = sandbox or choose_sandbox()
    isolation_fix = "" if problem is None else _fix_of(problem)
    found = [*await _attacks(sandbox, isolation_fix), *await _excesses(sandbox), await _leftovers(sandbox), _groups()]
    return Examination(sandbox.name, sandbox.guarantees, problem, tuple(found))


async def _attacks(sandbox: Sandbox, isolation_fix: str) -> list[Finding]:
    with _bait() as bait:
        command = _command((str(_INTRUDER), json.dumps(asdict(bait))), Path(bait.secret).parent, Limits())
        outcome = await run(command, sandbox)
    try:
        reached = json.loads(outcome.stdout)
    except json.JSONDecodeError:
        reached = {}
    detail = "" if reached else f"could not be tried: {(outcome.killed or outcome.stderr)[-200:].strip()}"
    return [_finding(attack, bool(reached.get(attack.name, True)), isolation_fix, detail) for attack in ATTACKS]


def _finding(attack: Attack, reached: bool, isolation_fix: str, detail: str) -> Finding:
    fix = (isolation_fix or f"needs {attack.needs}") if reached else ""
    return Finding(attack.name, attack.said, not reached, attack.by_default, fix, detail)


async def _excesses(sandbox: Sandbox) -> list[Finding]:
    found = []
    for excess in EXCESSES:
        outcome = await _in_fresh_folder(("-c", excess.program), sandbox, Limits(**excess.limits), _time_for(excess))
        held = excess.ended_by in (outcome.killed or "")
        detail = "" if held else f"ended with status {outcome.exit_code}: {outcome.killed or outcome.stderr[-200:]}"
        fix = "" if held else "please report this, with the output of trimtab doctor --json"
        found.append(Finding(excess.name, excess.said, held, excess.by_default, fix, detail.strip()))
    return found


def _time_for(excess: Excess) -> float:
    return 0.5 if excess.ended_by == "timeout" else _TIMEOUT_S


async def _leftovers(sandbox: Sandbox) -> Finding:
    """Try to leave a process behind."""
    marker = f"trimtab-doctor-{secrets.token_hex(8)}"
    sleep = f"os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(20)', {marker!r}])"
    program = (
        f"import os, sys, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: {sleep}\n    os._exit(0)"
    )
    await _in_fresh_folder(("-c", program + "\ntime.sleep(0.3)"), sandbox, Limits(), _TIMEOUT_S)
    left = any(marker.encode() in _command_line(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    fix = "please report this, with the output of trimtab doctor --json" if left else ""
    return Finding("leftovers", "no process outlives its evaluation", not left, by_default=True, fix=fix)


def _groups() -> Finding:
    place = cgroups.find_place()
    if place is not None:
        said = f"memory and processes are limited by the kernel (control groups, version {place.version})"
        return Finding("kernel limits", said, held=True, by_default=False)
    return Finding(
        "kernel limits",
        "memory and processes are limited by the kernel",
        held=False,
        by_default=False,
        fix="start trimtab with systemd-run --user --scope, or where /sys/fs/cgroup can be written",
        detail="trimtab looks every 50 ms instead",
    )


@contextmanager
def _bait() -> Iterator[Bait]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trimtab-doctor-")))
        study = folder / "study"
        study.mkdir()
        (folder / "work").mkdir()
        for path in (folder / "secret", study / "store.db"):
            path.write_text("secret")
        name = f"trimtab-doctor-{secrets.token_hex(8)}"
        listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        stack.enter_context(_listening(f"/proc/self/fd/{_open(study, stack)}/socket"))
        (study / "socket").chmod(0o777)
        stack.enter_context(_listening(f"\0{name}"))
        yield Bait(
            study=str(study),
            secret=str(folder / "secret"),
            store=str(study / "store.db"),
            process=os.getpid(),
            port=listening.getsockname()[1],
            socket=str(study / "socket"),
            abstract=name,
        )


def _open(folder: Path, stack: ExitStack) -> int:
    """Return an open folder: a path through it is short enough for a socket."""
    number = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    stack.callback(os.close, number)
    return number


def _listening(address: str) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(address)
    server.listen()
    return server


async def _in_fresh_folder(arguments: tuple[str, ...], sandbox: Sandbox, limits: Limits, timeout_s: float) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="trimtab-doctor-") as name:
        (Path(name) / "work").mkdir()
        return await run(_command(arguments, Path(name), limits, timeout_s), sandbox)


def _command(
    arguments: tuple[str, ...], folder: Path, limits: Limits, timeout_s: float = _TIMEOUT_S
) -> SandboxedCommand:
    study = folder / "study"
    return SandboxedCommand(
        (sys.executable, *arguments),
        folder / "work",
        {"PATH": os.environ.get("PATH", os.defpath)},
        timeout_s=timeout_s,
        limits=limits,
        readable=(study, _INTRUDER, Path(sys.prefix), Path(sys.base_prefix)),
        hidden=(study / "store.db",),
    )


def _command_line(process: Path) -> bytes:
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def _fix_of(problem: str) -> str:
    if "not installed" in problem or "older" in problem:
        what = "util-linux" if "setpriv" in problem else "bubblewrap"
        return f"install {what} (apt install {what}, dnf install {what})"
    return _USER_NAMESPACES if bubblewrap.missing() is None else "install bubblewrap"
