import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from trimtab.tools.sandbox import choose_sandbox
from trimtab.tools.sandbox.choice import bubblewrap_problem
from trimtab.tools.targets import Evaluation, Measurement, Workplace, build_target
from trimtab.tools.targets.scratch import remove_leftovers

ISOLATIONS = [
    "process",
    pytest.param(
        "bubblewrap",
        marks=pytest.mark.skipif(bubblewrap_problem() is not None, reason="bubblewrap does not work on this machine"),
    ),
]


@pytest.fixture(params=ISOLATIONS)
def isolation(request: pytest.FixtureRequest) -> str:
    return request.param


def measure(folder: Path, isolation: str, body: str, configuration: dict | None = None, **fields) -> Measurement:
    """Run a Python program as the target and return its measurement."""
    (folder / "program.py").write_text(body)
    settings = {"timeout_s": 20, **fields}
    evaluation = Evaluation(command=["{python}", "{study_dir}/program.py", "--x={x}"], isolation=isolation, **settings)
    target = build_target(evaluation, Workplace(choose_sandbox(isolation), folder))
    return asyncio.run(target.evaluate(configuration or {"x": 1}, seed=3, required=("loss",)))


def test_metrics_come_from_the_last_json_line(tmp_path: Path, isolation: str) -> None:
    body = 'import sys\nprint(\'{"loss": 9}\')\nprint(\'{"loss": 0.5, "other": 2, "name": "x"}\')\nprint(\'done\')'
    found = measure(tmp_path, isolation, body)
    assert (found.state, found.metrics) == ("complete", {"loss": 0.5, "other": 2.0})
    assert found.duration_s > 0


def test_metrics_come_from_a_file_or_from_patterns(tmp_path: Path, isolation: str) -> None:
    in_file = measure(tmp_path, isolation, "open('m.json', 'w').write('{\"loss\": 3}')", metrics_file="m.json")
    assert in_file.metrics == {"loss": 3.0}
    matched = measure(tmp_path, isolation, "print('loss: 1,234.5 ms')", patterns={"loss": r"loss: ([\d.,]+)"})
    assert matched.metrics == {"loss": 1234.5}


NASTY = {
    "hangs": ("import time; time.sleep(60)", "timeout"),
    "fails": ("raise ValueError('no such table')", "no such table"),
    "prints nothing": ("", "printed nothing"),
    "prints no JSON": ("print('hello')", "no JSON line"),
    "prints NaN": ("print('{\"loss\": NaN}')", "nan"),
    "prints infinity": ("print('{\"loss\": 1e999}')", "inf"),
    "lacks the metric": ("print('{\"los\": 1}')", "no metric 'loss'"),
    "floods stdout": ("while True: print('x' * 1000)", "limit output"),
    "floods stderr": ("import sys\nwhile True: sys.stderr.write('x' * 1000)", "limit output"),
    "eats memory": ("x = []\nwhile True: x.append(bytearray(10 ** 7))", "limit memory"),
    "forks": (
        "import os, time\nfor _ in range(60):\n    if os.fork() == 0:\n        time.sleep(30); os._exit(0)\ntime.sleep(30)",
        "limit processes",
    ),
    "writes a huge file": ("open('f', 'wb').write(bytes(40 << 20))", "File too large"),
    "deletes its directory": (
        "import shutil, os\nshutil.rmtree(os.getcwd())\nprint('{\"loss\": 1}')",
        "directory|busy|not permitted|denied",
    ),
    "kills itself": ("import os; os.kill(os.getpid(), 9)", "exit status"),
    "prints escapes": ("print('\\x1b[31mred\\x1b]0;title\\x07'); raise SystemExit('\\x1b[2Jbad')", "bad"),
}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_target_is_a_failed_measurement_with_a_reason(tmp_path: Path, isolation: str, name: str) -> None:
    import re

    body, reason = NASTY[name]
    limits = {"memory": "200 MiB", "processes": 20, "file_size": "20 MiB", "output": "1 MiB"}
    timeout = 1 if name == "hangs" else 20
    found = measure(tmp_path, isolation, body, limits=limits, timeout_s=timeout)
    assert found.state == "failed"
    assert found.metrics == {}
    assert found.reason is not None
    assert re.search(reason, found.reason, re.IGNORECASE), found.reason
    assert "\n" not in found.reason
    assert "\x1b" not in found.reason + found.log


def test_no_process_outlives_its_evaluation(tmp_path: Path, isolation: str) -> None:
    marker = f"trimtab-test-{os.getpid()}-{time.time_ns()}"
    escape = (
        "import os, sys, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        f"    if os.fork() == 0: os.execv(sys.executable, [sys.executable, '-c', 'import time; time.sleep(60)', '{marker}'])\n"
        "    os._exit(0)\n"
        "time.sleep(0.3)\n"
        "print('{\"loss\": 1}')\n"
    )
    found = measure(tmp_path, isolation, escape)
    assert found.state == "complete"
    assert not processes_with(marker)


def processes_with(marker: str) -> list[str]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and marker in (entry / "cmdline").read_bytes().decode(errors="replace"):
                found.append(entry.name)
        except OSError:
            continue
    return found


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM])
def test_killing_the_run_kills_every_descendant(tmp_path: Path, isolation: str, by: signal.Signals) -> None:
    marker = f"trimtab-test-{os.getpid()}-{time.time_ns()}"
    (tmp_path / "program.py").write_text(
        "import subprocess, sys, time, os\n"
        "sleep = 'import time; time.sleep(60)'\n"
        "subprocess.Popen([sys.executable, '-c', sleep, sys.argv[1] + '-child'], start_new_session=True)\n"
        "time.sleep(60)\n"
    )
    runner = (
        "import asyncio, pathlib, signal, sys\n"
        "from trimtab.tools.sandbox import choose_sandbox\n"
        "from trimtab.tools.targets import Evaluation, Workplace, build_target\n"
        "signal.signal(signal.SIGTERM, lambda *a: sys.exit(1))\n"
        f"e = Evaluation(command=['{{python}}', '{{study_dir}}/program.py', '{marker}'], isolation='{isolation}')\n"
        f"w = Workplace(choose_sandbox('{isolation}'), pathlib.Path('{tmp_path}'))\n"
        "asyncio.run(build_target(e, w).evaluate({}, seed=1))\n"
    )

    async def start_and_kill() -> None:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", runner)
        await until(lambda: bool(processes_with(f"{marker}-child")))
        process.send_signal(by)
        await process.wait()
        await until(lambda: not [p for p in processes_with(marker) if p != str(process.pid)])

    asyncio.run(start_and_kill())
    remove_leftovers()


async def until(condition, seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


def test_the_environment_is_scrubbed(tmp_path: Path, isolation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-planted")
    monkeypatch.setenv("SOME_SETTING", "passed")
    body = (
        "import os, json\n"
        "text = json.dumps(dict(os.environ))\n"
        "print(json.dumps({'loss': int('planted' in text), 'passed': int(os.environ.get('SOME_SETTING') == 'passed'),"
        " 'set': int(os.environ['GREETING'] == 'hi'), 'home': int(os.environ['HOME'] == os.getcwd())}))"
    )
    fields = {"environment": {"GREETING": "hi"}, "pass_environment": ["SOME_SETTING"]}
    found = measure(tmp_path, isolation, body, **fields)
    assert found.metrics == {"loss": 0.0, "passed": 1.0, "set": 1.0, "home": 1.0}, found


@pytest.mark.skipif(bubblewrap_problem() is not None, reason="bubblewrap does not work on this machine")
def test_bubblewrap_hides_home_and_network_and_protects_files(tmp_path: Path) -> None:
    body = (
        "import json, os, pathlib, socket\n"
        "def works(action):\n"
        "    try: action()\n"
        "    except OSError: return 0\n"
        "    return 1\n"
        "here = pathlib.Path(__file__).parent\n"
        f"home = pathlib.Path({str(Path.home())!r})\n"
        "print(json.dumps({'loss': 0,\n"
        "  'writes study': works(lambda: (here / 'new').write_text('x')),\n"
        "  'writes etc': works(lambda: open('/etc/trimtab', 'w')),\n"
        "  'writes own': works(lambda: open('own', 'w')),\n"
        "  'network': works(lambda: socket.create_connection(('127.0.0.1', %d), 1)),\n"
        "  'interfaces': len([n for _, n in socket.if_nameindex() if n != 'lo']),\n"
        "  'other tmp': len([p for p in os.listdir('/tmp') if p.startswith('pytest')]) if not str(here).startswith('/tmp') else 0,\n"
        "  'home': len(list(home.iterdir())) if home.is_dir() else 0 }))"
    )
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        found = measure(tmp_path, "bubblewrap", body % server.getsockname()[1])
    assert found.metrics.pop("home") <= 3, found
    assert found.metrics == {
        "loss": 0, "writes study": 0, "writes etc": 0, "writes own": 1, "network": 0, "interfaces": 0, "other tmp": 0,
    }, found  # fmt: skip


def test_a_python_function_runs_in_another_process(tmp_path: Path, isolation: str) -> None:
    (tmp_path / "model.py").write_text(
        "import os\n"
        "def train(configuration, seed):\n"
        "    print('noise on stdout')\n"
        "    return {'loss': configuration['x'] + seed, 'pid': os.getpid(), 'file': __file__.endswith('model.py')}\n"
        "def number(configuration): return configuration['x'] * 2\n"
        "def broken(configuration): raise RuntimeError('boom')\n"
    )

    def run(name: str) -> Measurement:
        evaluation = Evaluation(python=f"model:{name}", isolation=isolation)
        target = build_target(evaluation, Workplace(choose_sandbox(isolation), tmp_path))
        return asyncio.run(target.evaluate({"x": 1.5}, seed=3, required=("loss",)))

    trained = run("train")
    assert trained.metrics["loss"] == 4.5, trained
    assert trained.metrics["pid"] != os.getpid()
    assert run("number").metrics == {"loss": 3.0}
    assert "boom" in (run("broken").reason or "")


def test_words_that_name_an_inactive_parameter_are_left_out(tmp_path: Path) -> None:
    evaluation = Evaluation(command=["run", "--x={x}", "--burst={burst}", "{{literal}}", "{on}"])
    target = build_target(evaluation, Workplace(choose_sandbox("process"), tmp_path))
    assert target.argv({"x": 0.1, "on": True}) == ["run", "--x=0.1", "{literal}", "true"]


def test_pinned_workers_get_cpus_of_their_own(tmp_path: Path, isolation: str) -> None:
    cpu = min(os.sched_getaffinity(0))
    (tmp_path / "program.py").write_text("import os; print('{\"loss\": %d}' % sorted(os.sched_getaffinity(0))[0])")
    evaluation = Evaluation(command=["{python}", "{study_dir}/program.py"], isolation=isolation)
    target = build_target(evaluation, Workplace(choose_sandbox(isolation), tmp_path, cpus=(cpu,)))
    assert asyncio.run(target.evaluate({}, seed=1, required=("loss",))).metrics == {"loss": float(cpu)}


def test_an_evaluation_can_be_cancelled_at_any_moment(tmp_path: Path, isolation: str) -> None:
    (tmp_path / "program.py").write_text("import time; time.sleep(60)")
    evaluation = Evaluation(command=["{python}", "{study_dir}/program.py"], isolation=isolation, timeout_s=50)
    target = build_target(evaluation, Workplace(choose_sandbox(isolation), tmp_path))

    async def cancel_after(seconds: float) -> None:
        task = asyncio.create_task(target.evaluate({"x": 1}, seed=3, required=("loss",)))
        await asyncio.sleep(seconds)
        task.cancel()
        async with asyncio.timeout(10):
            await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    async def all_of_them() -> None:
        for step in range(60):
            await cancel_after(step * 0.0002)

    asyncio.run(all_of_them())
    running = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and mentions(entry, tmp_path)]
    assert running == []


def mentions(process: Path, folder: Path) -> bool:
    try:
        return str(folder / "program.py").encode() in (process / "cmdline").read_bytes()
    except OSError:
        return False
