"""What of a study's events is said in the conversation, as lines with a kind.

'gain' is a better incumbent: only the latest of those that follow each other stays on the screen.
"""

from typing import Literal

from ...events import Event, Notice, StudyFinished, TrialFinished
from ...study.sections import Study
from .. import words

Kind = Literal["note", "good", "bad", "gain"]


def notes_of(event: Event, study: Study) -> list[tuple[str, Kind]]:
    """Return the lines that an event is worth."""
    match event:
        case TrialFinished() if event.incumbent and event.trial > 0:
            goals = study.objectives
            reached = ", ".join(f"{g.metric} {words.number(event.metrics[g.metric], g.unit)}" for g in goals)
            return [(f"trial {event.trial} is the best so far: {reached}", "gain")]
        case Notice() if event.kind == "hopeless":
            return [(f"{event.message}; /start goes on, /stop ends the run", "bad")]
        case StudyFinished():
            return _finished(event)
        case _:
            return []


def _finished(report: StudyFinished) -> list[tuple[str, Kind]]:
    """Return the result: the verdict, what made the difference, and what can be done with it."""
    checks = [f"check of {each.metric}: {words.interval(each)}: {each.verdict}" for each in report.checks]
    good = report.check is not None and report.check.improved
    kind: Kind = "good" if good else "bad"
    lines = [(line, kind) for line in (f"{report.trials} trials, stopped by {report.stopped_by}", *checks)]
    for step in report.ablation:
        changed, effect = words.step(step)
        helped = step.ratio is not None and step.ratio > 1
        mark: Kind = ("good" if helped else "bad") if step.matters else "note"
        lines.append((f"{effect}  {changed}{'' if step.matters else ', no effect was told'}", mark))
    if report.minimal is not None:
        lines.append((f"without what was not seen to help: {report.minimal.verdict}", "note"))
    if good:
        lines.append(("/apply FILE writes it, /report FILE is the page for colleagues, /best shows it", "note"))
    elif report.best is not None:
        lines.append(("/budget trials=N and /start go on searching; /why NUMBER tells of one trial", "note"))
    return lines
