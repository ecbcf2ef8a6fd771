"""Our own dark and light: every colour has a name for what it means, and enough contrast on all of our surfaces.

Text needs 4.5 against what it stands on, marks and lines 3 (WCAG 2.1, 1.4.3 and 1.4.11); a test computes both.
"""

from pathlib import Path

from textual.app import App
from textual.theme import Theme

from ...place import data_directory

TEXTS = ("text", "text-muted", "text-success", "text-warning", "text-error", "text-accent", "text-primary", "ask")
MARKS = ("best", "trial", "default", "noise", "failed", "planner", "text-disabled")
SURFACES = ("background", "surface", "panel")


def _theme(name: str, *, dark: bool, colours: dict[str, str]) -> Theme:
    named = {each: colours[each] for each in (*TEXTS, *MARKS)}
    return Theme(
        name=name,
        dark=dark,
        primary=colours["text-primary"],
        secondary=colours["trial"],
        accent=colours["text-accent"],
        warning=colours["text-warning"],
        error=colours["text-error"],
        success=colours["text-success"],
        foreground=colours["text"],
        background=colours["background"],
        surface=colours["surface"],
        panel=colours["panel"],
        boost=colours["boost"],
        variables={
            **named,
            "text-secondary": colours["trial"],
            "input-cursor-foreground": colours["background"],
            "input-cursor-background": colours["text"],
            "border": colours["text-primary"],
            "border-blurred": colours["panel"],
            "footer-key-foreground": colours["text-accent"],
            "footer-description-foreground": colours["text-muted"],
            "footer-background": colours["panel"],
            "button-color-foreground": colours["background"],
        },
    )


DARK = _theme(
    "trimtab-dark",
    dark=True,
    colours={
        "background": "#101418", "surface": "#171d23", "panel": "#222a33", "boost": "#1c232b",
        "text": "#e4e8ed", "text-muted": "#a7b1bd", "text-primary": "#86c5ff", "text-accent": "#e7bd6a",
        "text-success": "#6fd98f", "text-warning": "#f0c04d", "text-error": "#ff8f86", "ask": "#e9a1f2",
        "best": "#6fd98f", "trial": "#62b6e6", "default": "#e7bd6a", "noise": "#93835d", "failed": "#ff8f86",
        "planner": "#d79af0", "text-disabled": "#8b95a1",
    },
)  # fmt: skip
LIGHT = _theme(
    "trimtab-light",
    dark=False,
    colours={
        "background": "#fcfcfd", "surface": "#f2f4f6", "panel": "#e4e8ec", "boost": "#eceff2",
        "text": "#1a1f25", "text-muted": "#4b5561", "text-primary": "#0a558c", "text-accent": "#7a4a00",
        "text-success": "#0d6330", "text-warning": "#7d4b00", "text-error": "#a8201a", "ask": "#85208f",
        "best": "#0d6330", "trial": "#17689f", "default": "#8a5800", "noise": "#8c7c56", "failed": "#a8201a",
        "planner": "#85208f", "text-disabled": "#6f7985",
    },
)  # fmt: skip
THEMES = {each.name: each for each in (DARK, LIGHT)}


def palette_of(app: App[int]) -> dict[str, str]:
    """Return the colours of what is drawn by Rich, by name; under a foreign theme ours of its darkness."""
    return (DARK if app.current_theme.dark else LIGHT).variables


def _file() -> Path:
    return data_directory() / "theme"


def remembered() -> str:
    """Return the name of the theme that was chosen last, that of the dark one before."""
    try:
        return _file().read_text(encoding="utf-8").strip()[:80] or DARK.name
    except OSError:
        return DARK.name


def remember(name: str) -> None:
    """Keep a choice for the next time; where that is not possible it is for this time only."""
    try:
        _file().write_text(f"{name}\n", encoding="utf-8")
    except OSError:
        return
