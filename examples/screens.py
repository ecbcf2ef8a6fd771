"""Tunes the SQLite example in the terminal interface and saves what a person saw: python examples/screens.py FOLDER"""

import asyncio
import contextlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from trimtab.agent.chat.transcript import Transcript
from trimtab.agent.faces.tui.app import ChatApp
from trimtab.agent.faces.tui.screens.approval import ApprovalScreen
from trimtab.agent.memory.store import Store

STUDY = Path(__file__).parent / "sqlite" / "study.toml"
SIZE = (150, 42)


async def main(folder: Path) -> None:
    """Run the study once, approve its first proposals, and save three screens."""
    with tempfile.TemporaryDirectory() as scratch, contextlib.chdir(STUDY.parent):
        store = Store(f"sqlite:///{Path(scratch) / 'store.db'}")
        app = ChatApp(lambda: (store, Transcript(store)), study=STUDY.name)
        async with app.run_test(size=SIZE) as pilot:

            async def until(condition: Any) -> None:
                for _ in range(600):
                    if condition():
                        return
                    await asyncio.sleep(0.5)
                raise SystemExit("it did not happen in five minutes")

            def save(name: str) -> None:
                (folder / f"{name}.svg").write_text(app.export_screenshot(title="trimtab chat"), encoding="utf-8")

            await until(lambda: app.control.study is not None)
            app._command("/mode ask")  # noqa: SLF001
            app._command("/start")  # noqa: SLF001
            await until(lambda: isinstance(app.screen, ApprovalScreen) and app.screen.query("#approve"))
            await pilot.pause(0.5)
            save("chat-approval")
            await pilot.press("ctrl+w")
            await until(lambda: app.control.report is not None)
            app._command("/why 1")  # noqa: SLF001
            await pilot.pause(1)
            save("chat-study")
            app.query_one("TabbedContent").active = "tab-best"  # type: ignore[attr-defined]
            await pilot.pause(1)
            save("chat-best")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).resolve()))
