"""The terminal interface in a real terminal: started, used, quit and resumed as a person would."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.memory.store import Store
from trimtab.agent.models.scripted import Reply, ScriptedEndpoint, answer, tool_call

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed"),
]
ROOT = Path(__file__).parents[2]
NUMBERS = count()
PROGRAM = Path(sys.executable).parent / "trimtab"
QUICK = """
[study]
name = "quick"
[parameters.x]
type = "float"
low = -1.0
high = 1.0
default = 0.9
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
command = ["{python}", "-c", "import json,sys; print(json.dumps(dict(loss=1 + abs(float(sys.argv[1])))))", "{x}"]
check_seeds = [101, 102, 103, 104, 105]
[budget]
trials = 12
[planner]
name = "none"
[check]
ablation = false
"""


class Terminal:
    """A tmux session of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, *words: str) -> str:
        done = subprocess.run(
            ["tmux", "-S", self.socket, *words], capture_output=True, text=True, timeout=30, check=False
        )
        return done.stdout

    def start(self, command: str, size: tuple[int, int]) -> None:
        self.socket = str(self.folder / f"tmux-{next(NUMBERS)}.sock")  # an old server may still be ending
        home = os.environ.get("TRIMTAB_TEST_DATA_HOME", str(Path.home() / ".local" / "share"))
        # LINES and COLUMNS: readline, in pytest's own process, sets them for whatever is started
        setup = f"-u LINES -u COLUMNS XDG_DATA_HOME={home} TRIMTAB_STORE=sqlite:///{self.folder}/store.db {command}"
        columns, rows = map(str, size)
        self.run("new-session", "-d", "-x", columns, "-y", rows, "-c", str(self.folder), f"env {setup}; sleep 1000")

    def keys(self, *keys: str) -> None:
        self.run("send-keys", *keys)

    def type(self, text: str) -> None:
        self.run("send-keys", "-l", text)
        time.sleep(0.3)
        self.keys("Enter")

    def screen(self) -> str:
        return self.run("capture-pane", "-p")

    def until(self, words: str, seconds: float = 90, *, gone: bool = False) -> str:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            shown = self.screen()
            if (words in shown) != gone:
                return shown
            time.sleep(0.2)
        raise AssertionError(f"{words!r} did not {'go' if gone else 'appear'}:\n{self.screen()}")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    found = Terminal(tmp_path)
    yield found
    found.run("kill-server")


def test_a_person_tunes_the_example_approves_refuses_quits_and_resumes(terminal: Terminal) -> None:
    example = terminal.folder / "sqlite"
    shutil.copytree(ROOT / "examples" / "sqlite", example)
    with (example / "study.toml").open("a", encoding="utf-8") as file:
        file.write("\n[check]\nablation = false\n")  # a minute that shows nothing here
    terminal.start(f"{PROGRAM} chat {example / 'study.toml'}", size=(80, 24))
    terminal.until("opened sqlite-orders")
    terminal.type("/mode ask")
    terminal.until("mode: ask")
    terminal.type("/budget trials=14")
    terminal.type("/start")
    terminal.until("Evaluate this configuration?")  # the catalogue's first profile
    terminal.keys("C-r")
    terminal.until("say why")
    terminal.keys("t", "o", "o", "Space", "l", "a", "r", "g", "e", "Enter")
    terminal.until("profile single_writer")
    terminal.until("Always, this study")
    terminal.keys("C-w")
    assert "refused: too large" in terminal.until("approved")
    terminal.until("check of seconds", seconds=900)
    terminal.keys("C-q")
    time.sleep(2)
    terminal.run("kill-server")
    terminal.start(f"{PROGRAM} chat --continue", size=(150, 80))  # the whole conversation
    terminal.until("refused: too large")
    terminal.until("opened sqlite-orders-1")


def test_a_model_that_was_interrupted_and_killed_goes_on_with_the_conversation(terminal: Terminal) -> None:
    (terminal.folder / "quick.toml").write_text(QUICK)

    narrow = tool_call("narrow_range", {"parameter": "x", "low": -0.5, "high": 0.5})

    def reply(request: dict[str, Any]) -> Reply:
        said = [message for message in request["messages"] if message["role"] == "user"][-1]["content"]
        if request["messages"][-1]["role"] == "tool":
            return answer("It is done.")
        if "wait" in said:
            return tool_call("wait_for_study", {"until": "end", "seconds": 600})
        return narrow if "narrow" in said else answer("I see.")

    with ScriptedEndpoint(otherwise=reply) as endpoint:
        program = f"OPENAI_BASE_URL={endpoint.base_url} OPENAI_MODEL=scripted OPENAI_API_KEY=none {PROGRAM} chat"
        terminal.start(f"{program} quick.toml", size=(120, 40))
        terminal.until("opened quick")
        terminal.type("narrow it, please")
        terminal.until("It is done.")
        terminal.type("/budget 100000")
        terminal.type("/start")
        terminal.until("running")
        terminal.type("wait for the end")
        terminal.until("wait_for_study(")
        terminal.keys("Escape")
        terminal.until("✗ interrupted")
        terminal.run("kill-server")
        terminal.start(f"{program} --continue", size=(120, 40))
        terminal.until("opened quick-1")
        terminal.type("where were we?")
        terminal.until("I see.")
        told = endpoint.requests[-1]["messages"][1:]
    roles = [message["role"] for message in told]
    assert all(roles[at + 1] == "tool" for at, message in enumerate(told) if message.get("tool_calls"))
    assert all(before != after or before == "tool" for before, after in pairwise(roles))
    assert [message["content"] for message in told if message["role"] == "tool"][1] == "interrupted by the person"
    whole = "\n".join(str(message["content"]) for message in told)
    for words in (
        "narrow it, please",
        "x is searched from -0.5 to 0.5",
        "It is done.",
        "/budget 100000",
        "where were we?",
    ):
        assert words in whole, words


def test_a_killed_conversation_can_be_resumed(terminal: Terminal) -> None:
    terminal.start(f"{PROGRAM} chat --model none:none", size=(80, 24))
    terminal.until("Draft a study")
    terminal.keys("Escape")
    terminal.until("Draft a study", gone=True)
    terminal.type("/help")
    terminal.until("end; what was measured is stored")
    terminal.run("kill-server")
    terminal.start(f"{PROGRAM} chat --resume 1", size=(150, 45))
    terminal.until("/help")


def test_there_must_be_a_conversation_to_go_on_with(tmp_path: Path) -> None:
    environment = {**os.environ, "TRIMTAB_STORE": f"sqlite:///{tmp_path}/store.db"}
    for options in (["--continue"], ["--resume", "7"]):
        done = subprocess.run(
            [PROGRAM, "chat", *options], capture_output=True, text=True, timeout=60, check=False, env=environment
        )
        assert done.returncode == 2
        assert "no conversation" in done.stderr


def test_the_browser_version_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['textual_serve'] = None\n")  # not to be found
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [PROGRAM, "chat", "--web"], capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.returncode == 2
    assert "pip install 'trimtab[web]'" in done.stderr


@pytest.mark.skipif(find_spec("textual_serve") is None, reason="textual-serve is not installed")
def test_the_browser_version_wants_its_token(tmp_path: Path) -> None:
    environment = {**os.environ, "TRIMTAB_STORE": f"sqlite:///{tmp_path}/store.db"}
    command = [PROGRAM, "chat", "--web", "--port", str(free_port())]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as served:
        try:
            assert served.stdout is not None
            address = next(line for line in served.stdout if "token=" in line).split()[-1]
            bare, token = address[: address.index("/?")], address.partition("token=")[2]
            for url, status in ((f"{bare}/", 403), (f"{bare}/ws", 403), (address, 200)):
                assert answer_of(url) == status, url
            for odd in ("%C3%A9", "%ED%A0%80", "%00", "a" * 5000, token[:-1], token.upper()):
                assert answer_of(f"{bare}/?token={odd}") == 403, odd
            for headers, status in (
                ({"Origin": "http://evil.example"}, 403),
                ({"Origin": "null"}, 403),
                ({"Host": "evil.example"}, 403),
                ({"Origin": bare}, 200),
            ):
                assert answer_of(address, headers=headers) == status, headers
            upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
            upgrade["Sec-WebSocket-Key"] = "AAAAAAAAAAAAAAAAAAAAAA=="
            for origin in ("http://evil.example", bare.replace("127.0.0.1", "127.0.0.1.evil.example")):
                assert answer_of(f"{bare}/ws?token={token}", headers={**upgrade, "Origin": origin}) == 403, origin
        finally:
            served.terminate()
            _out, logged = served.communicate(timeout=60)
    assert token not in logged


@pytest.mark.skipif(find_spec("textual_serve") is None, reason="textual-serve is not installed")
@pytest.mark.parametrize("port", ["taken", "99999", "-1"])
def test_a_port_that_cannot_be_had_is_one_line(port: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        given = str(taken.getsockname()[1]) if port == "taken" else port
        done = run_chat(tmp_path, "--web", "--port", given)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: --port {given}: ")
    assert done.stderr.count("\n") == 1


def run_chat(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run `trimtab chat` without a terminal."""
    environment = {**os.environ, "TRIMTAB_STORE": f"sqlite:///{folder}/store.db"}
    return subprocess.run(
        [PROGRAM, "chat", *arguments], capture_output=True, text=True, timeout=120, check=False, env=environment
    )


@pytest.mark.parametrize("arguments", [(), ("quick.toml",), ("--model", "none:none")])
def test_without_a_terminal_it_refuses_in_one_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = run_chat(tmp_path, *arguments)
    assert done.returncode == 2
    assert done.stderr == (
        "error: trimtab chat needs a terminal, for input and output (in scripts: trimtab tune STUDY)\n"
    )
    assert done.stdout == ""


@pytest.mark.skipif(find_spec("textual_serve") is None, reason="textual-serve is not installed")
async def test_a_study_is_tuned_in_the_browser(page: Any, store: Store, tmp_path: Path) -> None:
    study = tmp_path / "quick.toml"
    study.write_text(QUICK)
    url = f"sqlite:///{tmp_path}/store.db"  # the same file that the fixture `store` has open
    command = [PROGRAM, "chat", str(study), "--web", "--port", str(free_port()), "--model", "none:none"]
    served = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, "TRIMTAB_STORE": url}
    )
    try:
        assert served.stdout is not None
        address = (await asyncio.wait_for(served.stdout.readline(), 60)).decode().split()[-1]
        await asyncio.to_thread(answer_of, address)
        await page.open(address)

        async def said(words: str) -> None:
            for _ in range(600):
                entries = [entry["text"] for chat in store.chats() for entry in store.chat_entries(chat["key"])]
                if any(words in entry for entry in entries):
                    return
                await asyncio.sleep(0.1)
            await page.screenshot(tmp_path / "browser.png")
            raise AssertionError(f"{words!r} was not said: {entries}; see {tmp_path / 'browser.png'}")

        await said("opened quick")
        await page.enter("/start")
        await said("check of loss")
        await asyncio.sleep(1)
        await page.screenshot(tmp_path / "browser.png")
        assert page.errors == []
        elsewhere = [url for url in page.requests if not url.startswith((address[: address.index("/?")], "data:"))]
        assert elsewhere == []
        if kept := os.environ.get("TRIMTAB_KEEP_SCREENSHOTS"):
            shutil.copy(tmp_path / "browser.png", kept)
    finally:
        served.terminate()
        await served.wait()


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


def answer_of(url: str, seconds: float = 60, headers: Mapping[str, str] | None = None) -> int:
    """Return the status of a page, once somebody listens there."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers or {})), timeout=20) as page:
                return int(page.status)
        except urllib.error.HTTPError as error:
            return error.code
        except urllib.error.URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
