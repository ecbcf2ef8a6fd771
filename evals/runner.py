"""Runs the cells of a suite: several at a time, from where an earlier run ended, and within caps."""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

from ..agent.memory.store import Store
from ..agent.run.environment import describe_environment
from .cell import CellOutcome, Recordings, outcome, run_one
from .results import Results
from .suite import Cell, Suite
from .tasks import load_task

_LOOKS_S = 0.5


@dataclass
class Caps:
    """What the models of a whole suite may spend; None is no limit."""

    dollars: float | None = None
    tokens: float | None = None


@dataclass
class SuiteProgress:
    """How far a suite is: cells done and in all, seconds left at the pace so far, and what was spent."""

    done: int
    total: int
    found: int
    eta_s: float | None
    dollars: float
    tokens: int
    last: CellOutcome | None = None


@dataclass
class _Spending:
    caps: Caps
    dollars: float = 0.0
    tokens: int = 0
    reserved: dict[Future[CellOutcome], dict[str, float]] = field(default_factory=dict)

    def limits(self, slots: int) -> dict[str, float] | None:
        """Return what the next model cell may spend: its share of what is left; None when nothing is."""
        found = {}
        for name, cap, spent in (
            ("dollars", self.caps.dollars, self.dollars),
            ("tokens", self.caps.tokens, self.tokens),
        ):
            if cap is None:
                continue
            held = sum(each.get(name, 0.0) for each in self.reserved.values())
            left = (cap - spent - held) / max(1, slots)
            if left <= 0:
                return None
            found[name] = left
        return found


def run_suite(
    suite: Suite,
    folder: Path,
    *,
    workers: int,
    recordings: Recordings | None = None,
    caps: Caps | None = None,
    on_progress: Callable[[SuiteProgress], None] = lambda _progress: None,
) -> Results:
    """Run what is missing of a suite and return all results; `folder` holds the store and gets results.json.

    A cell that an earlier run finished is read from the store; one that it did not finish runs from its start, so that
    the numbers are those of an uninterrupted run.

    Raises:
        InputError: an arm or a task cannot be used here.
    """
    folder.mkdir(parents=True, exist_ok=True)
    url = f"sqlite:///{folder.resolve() / 'cells.db'}"
    store, began, recordings = Store(url, power_safe=False), time.time(), recordings or Recordings()
    cells, environment = suite.cells(), dict(describe_environment(folder))
    done = {cell.study_name: found for cell in cells if (found := _finished(cell, store)) is not None}
    spending = _Spending(caps or Caps())
    for each in done.values():
        spending.dollars += each.dollars
        spending.tokens += each.tokens
    found_before = len(done)
    on_progress(SuiteProgress(len(done), len(cells), found_before, None, spending.dollars, spending.tokens))
    if recordings.record is not None:
        recordings.record.mkdir(parents=True, exist_ok=True)
    try:
        waiting = [cell for cell in cells if cell.study_name not in done]
        for cell, each in _run(waiting, url, recordings, spending, workers):
            done[cell.study_name] = each
            ran = len(done) - found_before
            eta = (time.time() - began) / ran * (len(cells) - len(done))
            progress = SuiteProgress(len(done), len(cells), found_before, eta, spending.dollars, spending.tokens, each)
            on_progress(progress)
    finally:
        stopped_by = "the cap on spending" if spending.limits(1) is None else "an interruption"
        results = Results(
            suite=suite.model_dump(mode="json"),
            environment=environment,
            store=store.shown,
            started=began,
            seconds=time.time() - began,
            missing=len(cells) - len(done),
            stopped_by=stopped_by if len(done) < len(cells) else "",
            cells=[done[cell.study_name] for cell in cells if cell.study_name in done],
        )
        results.write(folder / "results.json")
        store.close()
    return results


def _run(
    waiting: list[Cell], url: str, recordings: Recordings, spending: _Spending, workers: int
) -> Iterator[tuple[Cell, CellOutcome]]:
    running: dict[Future[CellOutcome], Cell] = {}
    pool = ProcessPoolExecutor(max(1, workers), mp_context=get_context("spawn"), initializer=_begin_worker)
    queue = list(reversed(waiting))
    try:
        while queue or running:
            while queue and len(running) < workers:
                limits = spending.limits(workers - len(running)) if queue[-1].arm.uses_model else {}
                if limits is None:
                    queue.pop()  # nothing is left for models; cells without one still run
                    continue
                cell = queue.pop()
                future = pool.submit(run_one, cell, url, recordings, _as_budget(limits))
                running[future] = cell
                spending.reserved[future] = limits
            if not running:
                return
            ready, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ready:
                cell = running.pop(future)
                del spending.reserved[future]
                each = future.result()
                spending.dollars += each.dollars
                spending.tokens += each.tokens
                yield cell, each
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list((pool._processes or {}).values()):  # noqa: SLF001  # a pool has no way to end running calls
            with contextlib.suppress(ProcessLookupError, AttributeError):
                process.terminate()


def _as_budget(limits: dict[str, float]) -> dict[str, float]:
    """Return a cell's share of the caps as a study's budget; tokens are limited where they are answered and asked."""
    found = {"dollars": limits["dollars"]} if "dollars" in limits else {}
    if "tokens" in limits:
        found |= {"input_tokens": int(0.8 * limits["tokens"]), "output_tokens": int(0.2 * limits["tokens"])}
    return found


def _begin_worker() -> None:
    """Prepare a worker: one thread for numbers, and an end when the process that it works for is gone."""
    _one_thread()
    threading.Thread(target=_end_with, args=[os.getppid()], name="trimtab-parent", daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process soon after its parent; the pool's own pipes stay open among the workers and tell nothing."""
    while os.getppid() == parent:
        time.sleep(_LOOKS_S)
    os._exit(1)


def _one_thread() -> None:
    """Keep numerical libraries to one thread a process: cells run side by side."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")


def _finished(cell: Cell, store: Store) -> CellOutcome | None:
    for stored in store.studies(cell.study_name):
        if stored.state == "finished" and stored.result:
            finished = store.trials(stored.id)
            seconds = (finished[-1].finished or stored.created) - stored.created if finished else 0.0
            return outcome(cell, load_task(cell.task), store, stored.key, seconds)
    return None
