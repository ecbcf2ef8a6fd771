"""Puts a recording beside the executor of a run: what it measures is recorded, or repeated."""

from ..executors.base import Executor
from ..executors.taped import RecordingExecutor, ReplayingExecutor
from ..models.order import Order
from ..models.recording import Cassette, Player, Recorder


def repeated(tape: Cassette | None) -> Executor | None:
    """Return an executor that repeats a recording's measurements, None where it holds none or stands for the model."""
    if not isinstance(tape, Player) or tape.calls_only or not tape.evaluations:
        return None
    workers = int(tape.header.get("executor", {}).get("workers", 1))
    return ReplayingExecutor(tape.evaluations, tape.order or Order(), workers, f"--replay {tape.file}")


def recorded(tape: Cassette | None, executor: Executor) -> Executor:
    """Return the executor, made to record where a recording is being made."""
    return RecordingExecutor(executor, tape) if isinstance(tape, Recorder) else executor
