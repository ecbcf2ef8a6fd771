"""What of a study's events is said in the conversation, as lines with a kind: note, good or bad."""

from typing import Literal

from ...events import Event, Notice, StudyFinished, TrialFinished
from ...study.sections import Study
from .. import words

Kind = Literal["note", "good", "bad"]


def notes_of(event: Event, study: Study) -> list[tuple[str, Kind]]:
    """Return the lines that an event is worth."""
    match event:
        case TrialFinished() if event.incumbent and event.trial > 0:
            goals = study.objectives
            reached = ", ".join(f"{g.metric} {words.number(event.metrics[g.metric], g.unit)}" for g in goals)
            return [(f"trial {event.trial} is the best so far: {reached}", "good")]
        case Notice() if event.kind == "hopeless":
            return [(f"{event.message}; /start goes on, /stop ends the run", "bad")]
        case StudyFinished():
            return _finished(event)
        case _:
            return []


def _finished(report: StudyFinished) -> list[tuple[str, Kind]]:
    checks = [f"check of {each.metric}: {words.interval(each)}: {each.verdict}" for each in report.checks]
    good = report.check is not None and report.check.improved
    kind: Kind = "good" if good else "bad"
    lines = [(line, kind) for line in (f"{report.trials} trials, stopped by {report.stopped_by}", *checks)]
    return [*lines, ("/apply FILE writes the configuration, /best shows it", "note")] if good else lines
