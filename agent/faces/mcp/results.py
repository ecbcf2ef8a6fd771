"""What an agent should know of a result beside its verdict, and which files may take one."""

import json
from pathlib import Path

from ...events import StudyFinished
from .. import words


def beside(report: StudyFinished) -> list[str]:
    """Return what stands beside a verdict, and what holds of the smaller configuration that apply writes."""
    lines = words.beside(report.check) if report.check is not None else []
    minimal = report.minimal
    if minimal is not None and minimal.accepted:
        told = [words.interval(each) for each in minimal.checks]
        lines.append(f"apply writes it without {', '.join(minimal.dropped)}: {'; '.join(told)}")
    return lines


def is_settings(path: Path) -> bool:
    """Whether a file may be replaced by settings: it is not there, empty, or settings itself."""
    try:
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return not text.strip() or isinstance(json.loads(text), dict)
    except (OSError, ValueError):
        return False
