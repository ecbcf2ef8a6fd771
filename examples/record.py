"""Runs a study with the live face and saves what a person saw as an SVG: python examples/record.py STUDY FILE.svg"""

import asyncio
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from trimtab.agent import Session, load_study
from trimtab.agent.faces.live.progress import Progress
from trimtab.agent.memory.store import Store


async def record(study_file: str, svg: str) -> None:
    """Run the study in a store of its own and write the recording."""
    study = load_study(study_file)
    console = Console(record=True, force_terminal=True, width=120, file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        session = Session.start(study, Store(f"sqlite:///{Path(folder) / 'store.db'}"))
        face = Progress(study, console, live=False)
        async for event in session.run():
            face.show(event)
            if event.event == "trial_started" and event.trial == study.budget.trials * 3 // 4:
                console.print(face.frame())  # what is on the screen while it runs
        face.close()
    console.save_svg(svg, title=f"trimtab tune {study_file}")


if __name__ == "__main__":
    asyncio.run(record(*sys.argv[1:]))
