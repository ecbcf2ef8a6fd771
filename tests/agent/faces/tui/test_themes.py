"""Every colour of ours can be read on every surface of ours; the choice is kept."""

from itertools import product

import pytest
from textual.color import Color

from trimtab.agent.faces.tui.app import ChatApp
from trimtab.agent.faces.tui.themes import DARK, LIGHT, MARKS, SURFACES, TEXTS, THEMES, remembered
from trimtab.agent.faces.tui.widgets.curve import COLOURS
from trimtab.agent.faces.tui.widgets.headline import Headline


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, 1 to 21 (WCAG 2.1)."""

    def luminance(colour: Color) -> float:
        parts = [part / 255 for part in colour.rgb]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(Color.parse(one)), luminance(Color.parse(other))), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_what_the_standard_says() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", [DARK, LIGHT], ids=lambda theme: theme.name)
@pytest.mark.parametrize(("names", "least"), [(TEXTS, 4.5), (MARKS, 3.0)], ids=["text", "marks"])
def test_what_is_written_and_drawn_stands_out(theme, names: tuple[str, ...], least: float) -> None:  # type: ignore[no-untyped-def]
    surfaces = {name: getattr(theme, name) for name in (*SURFACES, "boost")}
    weak = {
        (name, surface): round(contrast(theme.variables[name], surfaces[surface]), 2)
        for name, surface in product(names, surfaces)
        if contrast(theme.variables[name], surfaces[surface]) < least
    }
    assert weak == {}


def test_a_plot_finds_its_colours_in_both_themes() -> None:
    for theme in THEMES.values():
        assert set(COLOURS) <= set(theme.variables)


async def test_the_chosen_theme_is_kept(app: ChatApp) -> None:
    async with app.run_test() as pilot:
        assert app.theme == DARK.name == remembered()
        await pilot.press("ctrl+t")
        assert app.theme == LIGHT.name == remembered()
        app.choose_theme("nord")
    assert remembered() == "nord"


async def test_a_kept_theme_that_is_gone_is_replaced(app: ChatApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trimtab.agent.faces.tui.frame.remembered", lambda: "gone")
    async with app.run_test():
        assert app.theme == DARK.name


async def test_the_headline_follows_the_theme(app: ChatApp, tuned: str) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        while not app._loaded:
            await pilot.pause(0.05)
        app._command(f"/study {tuned}")
        headline = app.query(Headline).first()
        for theme, other in ((LIGHT, DARK), (DARK, LIGHT)):
            await pilot.press("ctrl+t")
            await pilot.pause()
            drawn = str(headline._shown.spans if headline._shown is not None else "")
            assert theme.variables["best"] in drawn
            assert other.variables["best"] not in drawn
