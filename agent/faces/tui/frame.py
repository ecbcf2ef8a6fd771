"""The frame of the application: what stands where, its themes, and the keys that change only what is seen."""

from typing import ClassVar

from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.geometry import Size
from textual.widgets import Footer

from ....tools.text import one_line
from .pace import Pace
from .themes import DARK, LIGHT, THEMES, remember, remembered
from .widgets.headline import Headline
from .widgets.prompt import Prompt
from .widgets.status import Status
from .widgets.study import TABS, StudyPane
from .widgets.talk import Talk
from .widgets.trials import TrialTable

_NARROW, _LOW = 110, 36


class Frame(App[int]):
    """A conversation beside a study, with a prompt, a status line, and the keys at the foot."""

    CSS_PATH = "app.tcss"
    TITLE = "trimtab"
    BINDINGS: ClassVar = [
        Binding("f2", "toggle_study", "Chat/Study"),
        Binding("f1", "help", "Help"),
        Binding("ctrl+t", "toggle_theme", "Theme", show=False),
        *[Binding(f"alt+{number}", f"tab('{name}')", name, show=False) for number, name in enumerate(TABS, 1)],
    ]

    def __init__(self) -> None:
        super().__init__()
        self.pace = Pace()

    def compose(self) -> ComposeResult:
        """Lay out conversation and study."""
        with Horizontal(id="body"):
            with Vertical(id="talk"):
                yield Talk()
                yield Prompt()
            yield StudyPane()
        yield Headline(row=True)
        yield Status()
        yield Footer(compact=True)

    @property
    def talk(self) -> Talk:
        """The conversation as it is seen."""
        return self.query_one(Talk)

    def dress(self) -> None:
        """Put on the theme that was chosen last, and fit the size."""
        for each in THEMES.values():
            self.register_theme(each)
        chosen = remembered()
        self.theme = chosen if chosen in self.available_themes else DARK.name
        self._fit(self.size)

    async def on_event(self, event: events.Event) -> None:
        """Take in an event; a key that arrives when the screens are taken down already is nobody's."""
        if isinstance(event, events.Key):
            self.pace.key()
        if self._screen_stack or not isinstance(event, events.Key):
            await super().on_event(event)

    def on_resize(self, event: events.Resize) -> None:
        """Show one side at a time where there is no room for two, and no plot below the trials where that is low."""
        self._fit(event.size)  # ours is still the one from before

    def _fit(self, size: Size) -> None:
        self.screen_stack[0].set_class(size.width < _NARROW, "-narrow")
        self.screen_stack[0].set_class(size.height < _LOW, "-low")

    def on_key(self, event: events.Key) -> None:
        """Let what is typed where nothing takes it reach the prompt."""
        if not event.is_printable or not event.character or len(self.screen_stack) > 1 or not self.query(Prompt):
            return
        line = self.query_one(Prompt).line
        if self.focused is not line and event.key not in self.active_bindings:
            self.screen_stack[0].remove_class("-study")
            line.focus()
            line.insert(event.character)
            event.stop()

    def action_toggle_study(self) -> None:
        """Show the study, or the conversation, where there is no room for both."""
        self.screen_stack[0].toggle_class("-study")
        study = self.screen_stack[0].has_class("-study")
        (self.query_one(TrialTable) if study else self.query_one(Prompt).line).focus()

    def action_toggle_theme(self) -> None:
        """Switch between light and dark."""
        self.choose_theme(LIGHT.name if self.current_theme.dark else DARK.name)

    def choose_theme(self, name: str) -> None:
        """Use a theme, also the next time."""
        self.theme = name
        remember(name)

    def action_tab(self, name: str) -> None:
        """Show a tab of the study, where there is room for one side only in place of the conversation."""
        screen = self.screen_stack[0]
        screen.set_class(True, "-study")
        self.query_one(StudyPane).open_tab(name)

    def action_help(self) -> None:
        """Show, or hide, the keys that work here."""
        if self.screen.query("HelpPanel"):
            self.action_hide_help_panel()
        else:
            self.action_show_help_panel()

    def call_back(self, words: str) -> None:
        """Call the person back to this terminal: its bell, and a notification where it knows them (OSC 9)."""
        self.bell()
        if self._driver is not None and not self.is_headless:
            self._driver.write(f"\x1b]9;trimtab: {one_line(words, 200)}\x07")
