"""The process of a detached run: `python -m trimtab.agent.faces.worker RUN`, with TRIMTAB_STORE."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from ...tools.errors import TrimtabError
from ...tools.own_environment import conceal
from ..chat.attending import Attendance
from ..chat.steering.background import Background
from ..chat.steering.control import StudyControl
from ..events import Event
from ..memory.store import Store, data_directory, default_url
from ..memory.store.runs import StoredRun
from ..run.proposals.opening import definition
from ..study.file import parse_study
from ..study.sections import Study
from .live.plain import PlainLines


def log_of(run: str) -> Path:
    """Return the file that a detached run writes what it says to."""
    return data_directory() / "runs" / f"{run}.log"


def launch(store: Store, url: str, study: Study, *, resume: str | None = None, request: str = "") -> StoredRun:
    """Start a study in a process of its own, which outlives this one; the same `request` is one run."""
    run, new = store.add_run(study.name, definition(study), str(study.directory), resume, request)
    if not new:
        return run
    log = log_of(run.id)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        subprocess.Popen(
            [sys.executable, "-m", __name__, run.id],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            cwd=study.directory,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "TRIMTAB_STORE": url},  # no argument: it may have a password
            start_new_session=True,
        )
    return run


def main(run_id: str) -> int:
    """Run to the end; return the exit code."""
    conceal()
    store = Store(default_url())
    run = store.run(run_id)
    store.beat_run(run.id, "starting")
    ended = threading.Event()
    trouble: list[str] = []
    study = parse_study(dict(run.definition), Path(run.directory) / "study.toml")
    face = PlainLines(study)
    background = Background()
    control = StudyControl(store, background)

    def heard(event: Event) -> None:
        face.show(event)

    def over(said: str) -> None:
        trouble.append(said)
        ended.set()

    control.on_event, control.on_end = heard, over
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda _number, _frame: control.stop())
    try:
        control.open_study(study, run.resume)
        control.start()
        attending = background.submit(Attendance(store, run.id, control).attend())
        while not ended.wait(0.5):  # in slices, so that signals are met
            if attending.done():
                break
        ended.wait(30)
        attending.result(timeout=10)
    except TrimtabError as error:
        trouble.append(str(error))
    finally:
        background.close()
        said = next((each for each in trouble if each), "")
        key = control.stored.key if control.stored is not None else ""
        store.beat_run(run.id, "failed" if said else "ended", key, said)
        store.close()
    if said:
        sys.stderr.write(f"error: {said}\n")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
