"""Puts a recording beside the executor of a run: what it measures is recorded, or repeated."""

from ..executors.base import Executor
from ..executors.recorded import RecordingExecutor, ReplayingExecutor
from ..memory.recollection import Recollection
from ..models.order import Order
from ..models.recording import Recording, RecordingReader, RecordingWriter


def repeated(recording: Recording | None) -> Executor | None:
    """Return an executor that repeats a recording's measurements, None where it holds none or stands for the model."""
    if not isinstance(recording, RecordingReader) or recording.calls_only or not recording.evaluations:
        return None
    workers = int(recording.header.get("executor", {}).get("workers", 1))
    return ReplayingExecutor(recording.evaluations, recording.order or Order(), workers, f"--replay {recording.file}")


def remembered(recording: Recording | None) -> Recollection | None:
    """Return what memory had for a recorded run, None where none is repeated: the store has moved on since."""
    return Recollection.of(recording.header.get("memory", {})) if isinstance(recording, RecordingReader) else None


def recorded(recording: Recording | None, executor: Executor) -> Executor:
    """Return the executor, made to record where a recording is being made."""
    return RecordingExecutor(executor, recording) if isinstance(recording, RecordingWriter) else executor
