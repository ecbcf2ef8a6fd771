"""A page in a headless browser, driven over Chromium's DevTools protocol."""

import asyncio
import base64
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1500,900",
    "--remote-debugging-port=0",
]


class Page:
    """One tab. `requests` are the addresses it asked for, `errors` what its scripts and console complained about."""

    def __init__(self, socket: Any) -> None:
        self.socket, self.requests, self.errors = socket, list[str](), list[str]()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._loaded = asyncio.Event()
        self._listening = asyncio.create_task(self._listen())

    async def call(self, method: str, **parameters: Any) -> Any:
        number = len(self._answers)
        self._answers[number] = asyncio.get_running_loop().create_future()
        await self.socket.send_json({"id": number, "method": method, "params": parameters})
        return await asyncio.wait_for(self._answers[number], 60)

    async def open(self, url: str) -> None:
        """Go to `url`, and wait until it has been read to its end: its scripts have run."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.call(f"{domain}.enable")
        self._loaded.clear()
        await self.call("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded.wait(), 60)

    async def evaluate(self, script: str) -> Any:
        answer = await self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    async def enter(self, text: str) -> None:
        """Type a line into the terminal of the page and press Enter."""
        await self.evaluate("document.querySelector('textarea').focus()")
        await self.call("Input.insertText", text=text)
        await asyncio.sleep(0.3)
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
        await self.call("Input.dispatchKeyEvent", type="keyDown", **key)
        await self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    async def screenshot(self, file: Path, **options: Any) -> None:
        answer = await self.call("Page.captureScreenshot", format="png", **options)
        file.write_bytes(base64.b64decode(answer["data"]))

    async def _listen(self) -> None:
        async for message in self.socket:
            said = message.json()
            match said.get("method"):
                case None:
                    self._answers[said["id"]].set_result(said.get("result"))
                case "Page.loadEventFired":
                    self._loaded.set()
                case "Network.requestWillBeSent":
                    self.requests.append(said["params"]["request"]["url"])
                case "Runtime.exceptionThrown":
                    self.errors.append(str(said["params"]["exceptionDetails"]))
                case "Log.entryAdded" if said["params"]["entry"]["level"] == "error":
                    self.errors.append(said["params"]["entry"]["text"])

    async def close(self) -> None:
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("Chromium is not installed")
    import aiohttp

    browser = await asyncio.create_subprocess_exec(
        program, *FLAGS, f"--user-data-dir={tmp_path / 'chromium'}", stderr=asyncio.subprocess.PIPE, limit=1 << 20
    )
    try:
        assert browser.stderr is not None
        found = None
        while found is None:
            line = await asyncio.wait_for(browser.stderr.readline(), 60)
            assert line, "Chromium ended at once"
            found = re.search(rb"DevTools listening on ws://([^/]+)/", line)
        base = f"http://{found[1].decode()}"
        async with aiohttp.ClientSession() as session:
            async with session.put(f"{base}/json/new?about:blank") as answer:
                address = (await answer.json())["webSocketDebuggerUrl"]
            async with session.ws_connect(address, max_msg_size=1 << 28) as socket:
                opened = Page(socket)
                yield opened
                await opened.close()
    finally:
        browser.terminate()
        await browser.wait()
