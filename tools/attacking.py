"""Runs the attacks of `sandbox/attacks/code.toml` on an evaluation of edited code, and on one that is not protected.

The unprotected one is what is often built: the candidate is imported by its evaluator, which times it, compares its
answer, and prints the metric. An attack that does not succeed there proves nothing here.
"""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from .errors import TrimtabError
from .sandbox import choose_sandbox
from .sandbox.choice import NONE
from .sandbox.limits import Isolation, Limits
from .targets.base import Measurement, Workplace
from .targets.code.edits import Edit, Rules, patch_of
from .targets.code.section import CodeSection
from .targets.evaluation import Evaluation
from .targets.kinds import build_target
from .targets.preparation.lifecycle import Bare
from .targets.section import CommandSection

Wins = Literal["wrong", "time", "leak", "write", "later", "connect", "kill", "use"]
_CANARY = "canary-5b1f0d"
_WORK_S, _AFTER_S, _SEED = 0.3, 0.9, 11
_LIMITS = Limits(memory=256 << 20, processes=64, disk=32 << 20, files=2000, file_size=48 << 20, output=1 << 20)

_HONEST = """def solve(numbers):
    return sorted(numbers)
"""
_MAIN = """import json, sys
from solve import solve
numbers = json.load(open(sys.argv[1] + "/numbers.json"))
open("answer.json", "w").write(json.dumps(list(solve(numbers))))
"""
_NAIVE = f"""import json, sys, time
sys.path.insert(0, "@STUDY@/program")  # {_CANARY}
numbers = json.load(open(sys.argv[1] + "/numbers.json"))
from solve import solve
given, reference = [*numbers], "@REFERENCE@"
expected = sorted(numbers) if reference == "before" else None
started = time.perf_counter()
answer = solve(given)
took = time.perf_counter() - started
if reference == "after":
    expected = sorted(given)
elif reference == "read again":
    expected = sorted(json.load(open(sys.argv[1] + "/numbers.json")))
assert answer == expected
print(json.dumps({{"score": 1, "wall_s": took}}))
"""
_JUDGE = f"""import json, sys  # {_CANARY}
numbers = json.load(open(sys.argv[1] + "/numbers.json"))
answer = json.load(open(sys.argv[2] + "/answer.json"))
if answer != sorted(numbers):
    sys.exit("wrong")
print(json.dumps({{"score": 1}}))
"""
_INPUT = """import json, random, sys
made = random.Random(int(sys.argv[1]))
open(sys.argv[2] + "/numbers.json", "w").write(json.dumps([made.randrange(1000) for _ in range(50)]))
"""


@dataclass(frozen=True)
class Attack:
    """A program, what it tries, and how its success is seen; `reference` is when an evaluator that it fools computes
    the right answer: after the call from the same list, before it, or from the input read again."""

    name: str
    about: str
    wins: Wins
    code: str
    reference: Literal["after", "before", "read again"] = "after"


def attacks() -> list[Attack]:
    """Return the attacks that ship with trimtab."""
    text = (files("trimtab.tools.sandbox") / "attacks" / "code.toml").read_text(encoding="utf-8")
    return [Attack(name, **each) for name, each in tomllib.loads(text).items()]


async def succeeds(attack: Attack, isolation: Isolation | None = None) -> bool:
    """Try an attack, in a folder of its own, under an isolation; None is the evaluation that is not protected.

    Returns whether it got what it wants.
    """
    with _scene() as scene:
        code = attack.code.lstrip("\n")
        for word, value in scene.words.items():
            code = code.replace(f"@{word}@", value)
        naive = scene.study / "naive.py"
        naive.write_text(naive.read_text().replace("@REFERENCE@", attack.reference))
        found = await (_unprotected(scene, code) if isolation is None else _protected(scene, code, isolation))
        return await scene.succeeded(attack.wins, found)


@dataclass
class _Scene:
    """What an attack finds around it: a study, a secret, servers, a process; and whether they were touched."""

    study: Path
    secret: Path
    outside: Path
    listeners: list[socket.socket]
    decoy: "subprocess.Popen[bytes]"
    words: dict[str, str]

    async def succeeded(self, wins: Wins, found: Measurement) -> bool:
        complete = found.state == "complete"
        match wins:
            case "wrong" | "use":
                return complete
            case "time":
                return complete and found.metrics["wall_s"] < _WORK_S
            case "leak":
                return _CANARY in found.log
            case "write":
                folders = (self.outside, self.study, self.study / "program")
                return any((folder / "canary").exists() for folder in folders)
            case "later":
                await asyncio.sleep(_AFTER_S)
                return (self.outside / "later").exists()
            case "connect":
                return any(_was_reached(each) for each in self.listeners)
            case "kill":
                return self.decoy.poll() is not None


@contextmanager
def _scene() -> Iterator[_Scene]:
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="trimtab-scene-")))
        study, outside, secrets = home / "study", home / "outside", home / "keys"
        for folder in (study, study / "program", study / ".git", outside, secrets):
            folder.mkdir()
        for folder in (home, outside):
            folder.chmod(0o777)
        written = {
            study / "holdout.txt": _CANARY,
            study / ".git" / "ANSWER": _CANARY,
            study / "judge.py": _JUDGE,
            study / "make_input.py": _INPUT,
            study / "naive.py": _NAIVE.replace("@STUDY@", str(study)),
            study / "program" / "main.py": _MAIN,
            study / "program" / "solve.py": _HONEST,
            secrets / "key.txt": _CANARY,
        }
        for file, text in written.items():
            file.write_text(text)
        subprocess.run([sys.executable, str(study / "make_input.py"), "7", str(study)], check=True)
        abstract = f"trimtab-{os.getpid()}-{home.name}"
        listeners = [
            _listening(stack, socket.AF_INET, ("127.0.0.1", 0)),
            _listening(stack, socket.AF_UNIX, str(outside / "socket")),
            _listening(stack, socket.AF_UNIX, f"\0{abstract}"),
        ]
        (outside / "socket").chmod(0o777)
        decoy = subprocess.Popen(["/bin/sleep", "60"], cwd=study, env={"KEY": _CANARY})
        stack.callback(decoy.wait)
        stack.callback(decoy.send_signal, signal.SIGKILL)  # nothing where it has ended
        words = {
            "STUDY": str(study),
            "SECRET": str(secrets / "key.txt"),
            "OUTSIDE": str(outside),
            "PORT": str(listeners[0].getsockname()[1]),
            "SOCKET": str(outside / "socket"),
            "ABSTRACT": abstract,
            "PID": str(decoy.pid),
        }
        yield _Scene(study, secrets / "key.txt", outside, listeners, decoy, words)


def _listening(stack: ExitStack, family: int, address: object) -> socket.socket:
    listener = stack.enter_context(socket.socket(family))
    listener.bind(address)  # type: ignore[arg-type]  # of the family
    listener.listen()
    listener.setblocking(False)
    return listener


def _was_reached(listener: socket.socket) -> bool:
    try:
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


async def _protected(scene: _Scene, code: str, isolation: Isolation) -> Measurement:
    section = CodeSection(
        project=Path("program"),
        editable=["solve.py"],
        input=["{python}", "{study_dir}/make_input.py", "{seed}", "{input}"],
        judge=["{python}", "{study_dir}/judge.py", "{input}", "{output}"],
        output=["answer.json"],
    )
    command = CommandSection(kind="command", command=["{python}", "{code}/main.py", "{input}"], code=section)
    patch = patch_of([Edit("solve.py", code, region="*")], Rules({"solve.py": _HONEST}, 3, 200))
    place = Workplace(choose_sandbox(isolation), scene.study)
    return await _measured(command, place, patch)


async def _unprotected(scene: _Scene, code: str) -> Measurement:
    (scene.study / "program" / "solve.py").write_text(code)
    command = CommandSection(kind="command", command=["{python}", "{study_dir}/naive.py", "{study_dir}"])
    return await _measured(command, Workplace(NONE, scene.study), None, Limits(output=1 << 30))


async def _measured(
    section: CommandSection, place: Workplace, patch: str | None, limits: Limits = _LIMITS
) -> Measurement:
    evaluation = Evaluation(limits=limits, timeout_s=20.0)
    target = build_target(evaluation, place, section)
    try:
        await target.prepare()
        await target.apply(Bare({}, patch))
        return await target.measure(_SEED, required=("score", "wall_s"))
    except TrimtabError as error:
        return Measurement(state="failed", reason=str(error))
    finally:
        await target.restore()
