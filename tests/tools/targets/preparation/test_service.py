"""A server under test: it is there when it is measured, started anew where a parameter needs it, and always ended."""

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.study.file import StudyFileError, load_study
from trimtab.tools.sandbox import choose_sandbox
from trimtab.tools.targets import Evaluation, Journal, Measurement, Target, Wording, Workplace, build_target
from trimtab.tools.targets.preparation.lifecycle import Bare, applied, measured
from trimtab.tools.targets.rendering.files import File
from trimtab.tools.targets.section import CommandSection, Service

SERVER = """
import http.server, os, pathlib, signal, sys
port, size, behaviour = int(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3]).read_text()
log = pathlib.Path(sys.argv[3]).with_name("starts")
with log.open("a") as out:
    out.write(f"{os.getpid()} {size}\\n")
if behaviour == "ends":
    sys.exit("bad size")
if behaviour == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if behaviour == "dies":
            os._exit(3)
        text = (size + " " + (open("app.ini").read() if os.path.exists("app.ini") else "")).encode()
        self.send_response(200)
        self.end_headers()
        self.wfile.write(text)
    def log_message(self, *words):
        pass
if behaviour != "silent":
    server = http.server.HTTPServer(("127.0.0.1", port), Handler)
    print("listening", flush=True)
    server.serve_forever()
else:
    import time
    time.sleep(60)
"""
CLIENT = """
import json, sys, urllib.request
try:
    text = urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[1]}/", timeout=5).read().decode()
except OSError as error:
    sys.exit(str(error))
print(json.dumps({"size": float(text.split()[0]), "mode": len(text.split())}))
"""
READY = {"port": "{port}", "within_s": 10}
Served = Callable[..., Target]


@pytest.fixture
def served(tmp_path: Path) -> Served:
    study = tmp_path / "study"
    study.mkdir()
    (study / "server.py").write_text(SERVER)
    (study / "client.py").write_text(CLIENT)
    (study / "behaviour").write_text("")

    def build(behaviour: str = "", files: dict[str, File] | None = None, **service: Any) -> Target:
        (study / "behaviour").write_text(behaviour)
        start = ["{python}", "{study_dir}/server.py", "{port}", "{size}", "{study_dir}/behaviour"]
        section = CommandSection(
            kind="command",
            command=["{python}", "{study_dir}/client.py", "{port}"],  # type: ignore[arg-type]
            service=Service.model_validate({"start": start, "ready": READY, "stop_s": 1, **service}),
        )
        journal = Journal(tmp_path / "journal" / "0.json", {})
        sandbox = choose_sandbox("bubblewrap")
        place = Workplace(sandbox, study, journal=journal, wording=Wording(files=files or {}))
        return build_target(Evaluation(), place, section)

    return build


def starts(tmp_path: Path) -> list[tuple[int, str]]:
    file = tmp_path / "study" / "starts"
    lines = file.read_text().splitlines() if file.exists() else []
    return [(int(line.split()[0]), line.split()[1]) for line in lines]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def ran(target: Target, *configurations: dict[str, Any]) -> list[Measurement]:
    async def all_of_them() -> list[Measurement]:
        found = []
        try:
            await target.prepare()
            for each in configurations:
                failed = await applied(target, Bare(each))
                found.append(failed or await measured(target, 1, None, ("size",), None))
        finally:
            await target.restore()
        return found

    return asyncio.run(all_of_them())


def test_it_is_measured_through_its_port_and_restarts_only_where_needed(served: Served, tmp_path: Path) -> None:
    found = ran(served(), {"size": 1, "load": 1}, {"size": 1, "load": 2}, {"size": 2, "load": 2})
    assert [each.metrics.get("size") for each in found] == [1, 1, 2], found
    assert [size for _pid, size in starts(tmp_path)] == ["1", "2"]
    assert not any(alive(pid) for pid, _size in starts(tmp_path))
    assert not (tmp_path / "journal").exists()


def test_restart_on_says_which_parameters(served: Served, tmp_path: Path) -> None:
    found = ran(served(restart_on=["load"]), {"size": 1, "load": 1}, {"size": 2, "load": 1}, {"size": 2, "load": 2})
    assert [each.metrics.get("size") for each in found] == [1, 1, 2]


def test_its_environment_is_read_when_it_starts(served: Served, tmp_path: Path) -> None:
    target = served(environment={"MODE": "{mode}"}, start=["sh", "-c", 'exec "$0" "$1" "$2" "$MODE" "$3"',
                    "{python}", "{study_dir}/server.py", "{port}", "{study_dir}/behaviour"])  # fmt: skip
    found = ran(target, {"mode": 3}, {"mode": 4})
    assert [each.metrics.get("size") for each in found] == [3, 4]


def test_its_files_are_written_where_it_runs(served: Served, tmp_path: Path) -> None:
    files = {"app.ini": File(text="mode {mode}")}
    found = ran(served(files=files), {"size": 1, "mode": "a b"}, {"size": 1, "mode": "c"})
    assert [each.metrics.get("mode") for each in found] == [4, 3]
    assert len(starts(tmp_path)) == 2


@pytest.mark.parametrize(
    ("behaviour", "service", "said"),
    [
        ("ends", {}, "apply: service.start: exit status 1: bad size"),
        ("silent", {"ready": {**READY, "within_s": 0.5}}, "apply: service.ready: not after 0.5 s (within_s)"),
        ("dies", {}, "the service ended during the evaluation: exit status 3"),
        ("", {"start": ["no-such-program"]}, "apply: service.start: no-such-program: No such file"),
        ("", {"ready": {"log": "listening on", "within_s": 0.5}}, "apply: service.ready: not after 0.5 s"),
    ],
)
def test_its_failures_are_told_from_the_program_s(
    served: Served, tmp_path: Path, behaviour: str, service: dict[str, Any], said: str
) -> None:
    found = ran(served(behaviour, **service), {"size": 1})
    assert said in str(found[0].reason)
    assert found[0].state == "failed"
    assert not any(alive(pid) for pid, _size in starts(tmp_path))


@pytest.mark.parametrize(
    "ready",
    [
        {"http": "http://127.0.0.1:{port}/"},
        {"log": "^listening$"},
        {"command": ["{python}", "{study_dir}/client.py", "{port}"]},
        {"port": "{port}", "log": "listening"},
    ],
)
def test_every_way_to_be_ready(served: Served, ready: dict[str, Any]) -> None:
    assert ran(served(ready={**ready, "within_s": 10}), {"size": 5})[0].metrics["size"] == 5


def test_it_is_stopped_by_its_command_and_killed_where_that_does_not_help(served: Served, tmp_path: Path) -> None:
    ran(served("stubborn"), {"size": 1})
    ran(served(stop=["kill", "-9", "{pid}"], stop_s=30), {"size": 1})
    ran(served(stop=["false"]), {"size": 1})
    assert len(starts(tmp_path)) == 3
    assert not any(alive(pid) for pid, _size in starts(tmp_path))


def test_a_killed_run_s_server_is_ended_by_the_next_and_nobody_else_s(served: Served, tmp_path: Path) -> None:
    """As after kill -9: another process builds the target from the journal and restores it."""
    target = served()

    async def started() -> None:
        await target.prepare()
        await applied(target, Bare({"size": 1}))

    loop = asyncio.new_event_loop()
    loop.run_until_complete(started())
    (pid, _size) = starts(tmp_path)[0]
    assert alive(pid)
    noted = json.loads((tmp_path / "journal" / "0.json").read_text())["notes"]["service"]
    assert noted["pid"] == pid
    other = json.loads((tmp_path / "journal" / "0.json").read_text())
    other["notes"]["service"]["born"] = "1 another boot"
    (tmp_path / "journal" / "0.json").write_text(json.dumps(other))
    asyncio.run(served().restore())
    assert alive(pid), "a process that has the number by now is left alone"
    other["notes"]["service"]["born"] = noted["born"]
    (tmp_path / "journal").mkdir(exist_ok=True)
    (tmp_path / "journal" / "0.json").write_text(json.dumps(other))
    asyncio.run(served().restore())
    assert not alive(pid)
    assert not Path(noted["folder"]).exists()
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)
    loop.close()


def test_a_cancelled_start_leaves_no_server(served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "temporary"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    target = served("silent")

    async def cancelled() -> None:
        await target.prepare()
        starting = asyncio.create_task(target.apply(Bare({"size": 1})))
        while not starts(tmp_path):
            await asyncio.sleep(0.05)
        starting.cancel()
        await asyncio.wait({starting})
        await target.restore()

    asyncio.run(cancelled())
    assert not any(alive(pid) for pid, _size in starts(tmp_path))
    assert not list(own.glob("trimtab-service-*"))


STUDY = """
[study]
name = "s"
[parameters.size]
type = "int"
low = 1
high = 9
default = 1
[[objectives]]
metric = "loss"
direction = "minimize"
[service]
start = "server --size={size} --port={port}"
ready = { port = "{port}" }
[evaluation]
command = ["sh", "-c", "true"]
"""


def test_the_section_is_shorthand_for_the_target_s(tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(STUDY)
    study = load_study(tmp_path / "s.toml")
    assert study.target is not None
    assert study.target.service is not None
    assert study.target.service.start == ["server", "--size={size}", "--port={port}"]
    assert study.program.command == ["sh", "-c", "true"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{size}", "{siez}", "{siez} is no parameter; did you mean {size}?"),
        ('{ port = "{port}" }', "{}", "give port = NUMBER"),
        ('{ port = "{port}" }', '{ port = "80" }', "must be a number, or '{port}'"),
        ('{ port = "{port}" }', '{ log = "(" }', "log"),
        ("ready =", 'restart_on = ["siez"]\nready =', "'siez' is no parameter; did you mean 'size'?"),
        ("ready =", 'stop = "kill {pidd}"\nready =', "{pidd} is nothing that stop knows; did you mean {pid}?"),
        ('port = "{port}" }', "port = 80 }\n[evaluation]\nworkers = 2", "2 workers start a server each"),
        ("--size={size} ", "", ""),
    ],
)
def test_mistakes_are_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    (tmp_path / "s.toml").write_text(STUDY.replace(old, new).replace("workers = 2\n[evaluation]", "workers = 2"))
    if not said:
        load_study(tmp_path / "s.toml")
        return
    with pytest.raises(StudyFileError) as told:
        load_study(tmp_path / "s.toml")
    assert said in str(told.value)
