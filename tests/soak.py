"""A soak: studies of a system with state, disturbed in every way, until each has ended as it should.

`make soak` runs it for ten minutes; a seed names each round, so that `--round N` repeats one. A round is one study of
`TRIALS` trials on a server whose settings are a file: its `setup` changes the file, its `teardown` brings it back. It is
started, disturbed and resumed until it ends. Then nothing may be lost, doubled or left behind.
"""

import argparse
import collections
import json
import os
import pty
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests import ending
from trimtab.agent.models.scripted import ScriptedEndpoint

TRIALS, REPEATS, DISTURBANCES = 10, 2, 3
TRIMTAB = Path(sys.executable).with_name("trimtab")
BEFORE = "buffers = 128\nmade by hand\n"

STUDY = """
[study]
name = "soak"

[parameters.x]
type = "float"
low = 0.0
high = 1.0
default = 0.5

[[objectives]]
metric = "loss"
direction = "minimize"

[target]
kind = "command"
command = ["{python}", "{study_dir}/work.py", "{x}", "{seed}"]
setup = ["{python}", "{study_dir}/server.py", "setup"]
teardown = ["{python}", "{study_dir}/server.py", "teardown"]

[evaluation]
repeats = 2
tuning_seeds = [1, 2]
check_seeds = [11, 12, 13, 14, 15, 16]
timeout_s = 60

[check]
ablation = false

[sampler]
name = "random"

[budget]
trials = 10
give_up = false
"""

WORK = """
import json, sys, time
time.sleep(0.05)
print(json.dumps({"loss": float(sys.argv[1]) + 1e-3 * int(sys.argv[2])}))
"""

SERVER = """
import sys
from pathlib import Path
settings, saved = Path(__file__).with_name("settings.conf"), Path(__file__).with_name("settings.saved")
if sys.argv[1] == "setup":
    if not saved.exists():
        saved.write_text(settings.read_text())
    settings.write_text("tuned by a study\\n")
elif saved.exists():
    settings.write_text(saved.read_text())
    saved.unlink()
"""


@dataclass
class Tally:
    """What all rounds found."""

    rounds: int = 0
    runs: int = 0
    disturbed: collections.Counter[str] = field(default_factory=collections.Counter)
    faults: list[str] = field(default_factory=list)


@dataclass
class Round:
    """One study with its folder, store and environment."""

    number: int
    folder: Path
    rng: random.Random
    store: Path
    environment: dict[str, str]
    events: list[dict[str, Any]] = field(default_factory=list)

    def command(self, *more: str) -> list[str]:
        """Return the command that starts or resumes the study."""
        resume = ["--resume"] if self.started() else []
        return [str(TRIMTAB), "tune", str(self.folder / "study.toml"), "--json", *resume, *more]

    @property
    def finished(self) -> bool:
        """Whether a run has said that the study is finished: its owner is about to leave, and another may come."""
        return any(each.get("event") == "study_finished" for each in self.events)

    def started(self) -> bool:
        """Whether the store has the study."""
        return self.rows("select count(*) from studies", 0) > 0

    def rows(self, query: str, missing: int) -> int:
        """Return one number from the store, `missing` where there is no store yet."""
        try:
            with sqlite3.connect(f"file:{self.store}?mode=ro", uri=True, timeout=30) as connection:
                return int(connection.execute(query).fetchone()[0])
        except sqlite3.OperationalError:
            return missing

    @contextmanager
    def running(self, *more: str, **how: Any) -> Iterator[subprocess.Popen[str]]:
        """Run the program; what it prints is kept as events."""
        with subprocess.Popen(
            self.command(*more),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self.environment,
            **how,
        ) as process:
            assert process.stdout is not None
            reader = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
            reader.start()
            yield process
            process.wait(120)
            reader.join(30)

    def _read(self, lines: Any) -> None:
        for line in lines:
            try:
                self.events.append(json.loads(line))
            except ValueError:  # cut off by a kill
                continue


Disturbance = Callable[[Round], None]


def _signals(*numbers: int) -> Disturbance:
    """Return a disturbance that sends signals, one after the other, at a random moment."""

    def disturb(this: Round) -> None:
        with this.running(start_new_session=True) as process:
            time.sleep(this.rng.uniform(0.2, 4.0))
            for number in numbers:
                if process.poll() is None:
                    process.send_signal(number)
                    time.sleep(this.rng.uniform(0.0, 0.3))

    return disturb


def _closed_terminal(this: Round) -> None:
    """Close the terminal under a run."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [word for word in this.command() if word != "--json"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=this.environment,
        start_new_session=True,
    )
    os.close(slave)
    drained = threading.Thread(target=_drain, args=(master,), daemon=True)
    drained.start()
    time.sleep(this.rng.uniform(1.0, 4.0))
    os.close(master)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGHUP)  # as a terminal does to its session
    process.wait(120)


def _drain(master: int) -> None:
    try:
        while os.read(master, 65536):
            pass
    except OSError:
        return


def _two_owners(this: Round) -> None:
    """Start the study a second time while it runs: the second must be refused."""
    with this.running() as process:
        deadline = time.monotonic() + 60
        while not this.started() and time.monotonic() < deadline:
            time.sleep(0.05)
        second = subprocess.run(
            [str(TRIMTAB), "tune", str(this.folder / "study.toml"), "--json", "--resume"],
            capture_output=True,
            text=True,
            env=this.environment,
            timeout=120,
            check=False,
        )
        if process.poll() is None and second.returncode != 2 and not this.finished:
            raise AssertionError(f"a second owner was let in: exit {second.returncode}: {second.stderr[-300:]}")
        if process.poll() is None:
            process.send_signal(signal.SIGINT)


def _full_disk(this: Round) -> None:
    """Let the program write no file beyond what the store already has."""
    limit = max(200_000, this.store.stat().st_size if this.store.exists() else 0) + this.rng.randrange(20_000)
    with this.running(preexec_fn=lambda: _no_larger_files(limit)) as process:
        deadline = time.monotonic() + this.rng.uniform(2.0, 6.0)
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)


def _no_larger_files(limit: int) -> None:
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write beyond it fails, as on a full disk
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def _dying_endpoint(this: Round) -> None:
    """Ask a model whose endpoint goes away in the middle."""

    with ExitStack() as run:
        with ScriptedEndpoint() as endpoint:
            this.environment |= {"OPENAI_BASE_URL": endpoint.base_url, "OPENAI_API_KEY": "none-needed"}
            process = run.enter_context(this.running("--model", "openai:scripted"))
            time.sleep(this.rng.uniform(1.0, 4.0))
        time.sleep(this.rng.uniform(0.0, 2.0))
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY"):
        del this.environment[name]


DISTURBED: dict[str, Disturbance] = {
    "kill -9": _signals(signal.SIGKILL),
    "Ctrl-C": _signals(signal.SIGINT),
    "three Ctrl-C": _signals(signal.SIGINT, signal.SIGINT, signal.SIGINT),
    "SIGTERM": _signals(signal.SIGTERM),
    "closed terminal": _closed_terminal,
    "two owners": _two_owners,
    "full disk": _full_disk,
    "dying endpoint": _dying_endpoint,
}


def prepared(number: int, folder: Path, mark: str) -> Round:
    """Return a round with its study written."""
    rng = random.Random(number)
    for name, text in (("study.toml", STUDY), ("work.py", WORK), ("server.py", SERVER), ("settings.conf", BEFORE)):
        (folder / name).write_text(text)
    scratch = folder / "tmp"
    scratch.mkdir()
    scratch.chmod(0o755)
    folder.chmod(0o755)
    environment = {
        **os.environ,
        ending.MARK: mark,
        "TMPDIR": str(scratch),
        "XDG_DATA_HOME": str(folder / "data"),
        "TRIMTAB_STORE": f"sqlite:///{folder / 'store.db'}",
    }
    for name in ("OPENAI_BASE_URL", "OPENAI_API_KEY"):
        environment.pop(name, None)
    return Round(number, folder, rng, folder / "store.db", environment)


def played(this: Round, tally: Tally) -> None:
    """Disturb the study a few times, then let it end, and look at what came of it."""
    for name in this.rng.choices(list(DISTURBED), k=DISTURBANCES):
        tally.disturbed[name] += 1
        tally.runs += 1
        DISTURBED[name](this)
    done = None
    for _attempt in range(3):  # what was killed a moment ago may still hold its lease for one
        tally.runs += 1
        done = subprocess.run(
            this.command("--planner", "none"),
            capture_output=True,
            text=True,
            env=this.environment,
            timeout=300,
            check=False,
        )
        this.events += [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode == 0:
            break
        time.sleep(1)
    assert done is not None
    tally.faults += [f"round {this.number}: {fault}" for fault in faults(this, done)]


def faults(this: Round, done: "subprocess.CompletedProcess[str]") -> Iterator[str]:
    """Yield everything that is not as it should be after the last run."""
    if done.returncode != 0:
        yield f"the last run ended with {done.returncode}: {done.stderr.strip()[-300:]}"
        return
    trials = this.rows("select count(*) from trials", -1)
    if trials != TRIALS:
        yield f"{trials} trials instead of {TRIALS}"
    measured = this.rows("select count(*) from evaluations where purpose = 'tune'", -1)
    if measured != TRIALS * REPEATS:
        yield f"{measured} evaluations of the search instead of {TRIALS * REPEATS}"
    doubled = (
        "select count(*) from (select 1 from evaluations group by purpose, trial, position, seed having count(*) > 1)"
    )
    if twice := this.rows(doubled, -1):
        yield f"{twice} evaluations are stored twice"
    if broken := this.rows("select count(*) from trials where state <> 'complete'", -1):
        yield f"{broken} trials are not complete"
    told = collections.Counter(
        (each["trial"], each["position"]) for each in this.events if each["event"] == "evaluation_finished"
    )
    if again := [which for which, count in told.items() if count > 1]:
        yield f"announced twice: {again[:3]}"
    if this.rows("select count(*) from studies where owner is not null or state <> 'finished'", -1):
        yield "the study is still owned, or not finished"
    if (this.folder / "settings.conf").read_text() != BEFORE or (this.folder / "settings.saved").exists():
        yield "the system's settings are not as before"
    if left := ending.leftover_folders(this.folder / "tmp"):
        yield f"left behind: {left[:3]}"
    processes = ending.settled(this.environment[ending.MARK])
    ending.end(processes)
    for number, command in processes.items():
        yield f"left behind: process {number} {command}"


def main() -> int:
    """Run rounds until the time is over; return 1 when anything was not as it should be."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--minutes", type=float, default=10.0)
    arguments.add_argument("--round", type=int, help="repeat this one alone")
    given = arguments.parse_args()
    tally, until = Tally(), time.monotonic() + 60 * given.minutes
    first = given.round if given.round is not None else int(time.time())
    while tally.rounds == 0 or (given.round is None and time.monotonic() < until):
        number = first + tally.rounds
        with tempfile.TemporaryDirectory(prefix="soak-", ignore_cleanup_errors=True) as folder:
            try:
                played(prepared(number, Path(folder), f"soak-{os.getpid()}-{number}"), tally)
            except (AssertionError, subprocess.TimeoutExpired) as error:
                tally.faults.append(f"round {number}: {error}")
        tally.rounds += 1
    for fault in tally.faults:
        print(fault)
    disturbed = ", ".join(f"{count} x {name}" for name, count in sorted(tally.disturbed.items()))
    print(f"{tally.rounds} rounds, {tally.runs} runs: {disturbed}")
    print(f"{len(tally.faults)} faults" if tally.faults else "nothing lost, doubled or left behind")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
