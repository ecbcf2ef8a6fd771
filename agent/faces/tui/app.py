"""The application: a conversation on the left, the study on the right, and the keys that hold them together."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on, work
from textual.app import SystemCommand
from textual.binding import Binding
from textual.screen import Screen

from ....tools.errors import TrimtabError
from .completion import known_words
from .decisions import Decisions
from .following import Following
from .frame import Frame
from .leaving import Leaving
from .widgets.entries import Note, Said
from .widgets.headline import Headline
from .widgets.parameters import Parameters
from .widgets.prompt import Prompt
from .widgets.status import Status
from .widgets.study import StudyPane
from .widgets.talk import Talk
from .widgets.trials import TrialTable

if TYPE_CHECKING:  # what is heavy is loaded after the first paint
    from ...chat.conversation import Conversation, Happening
    from ...chat.steering.background import Background
    from ...chat.steering.control import StudyControl
    from ...chat.transcript import Transcript
    from ...events import Event
    from ...memory.store import Store
_TICK_S, _PER_TICK = 0.1, 200


class ChatApp(Frame):
    """`trimtab chat`. `failure` is why it could not begin, None when it could."""

    BINDINGS: ClassVar = [
        Binding("escape", "interrupt", "Interrupt", show=False),
        Binding("ctrl+c", "break", "Stop", show=False, priority=True),
        Binding("shift+tab", "cycle_mode", "Mode", priority=True),
        Binding("f3", "pause", "Pause/Go on"),
        Binding("ctrl+q", "quit", "Quit", priority=True),
    ]

    def __init__(
        self,
        opened: "Callable[[], tuple[Store, Transcript]]",
        *,
        study: str = "",
        model: str | None = None,
        greet: bool = True,
    ) -> None:
        """`opened` gives the store and the conversation; it is called after the first paint."""
        super().__init__()
        self.opened, self.first, self.model, self.greet = opened, study, model, greet
        self.failure: TrimtabError | None = None
        self.decisions = Decisions(self, self)
        self.following = Following(self.call_back)
        self.leaving = Leaving(self)
        self._events: deque[Event] = deque()
        self._happenings: deque[Happening] = deque()
        self._notes: deque[str] = deque()
        self._ends: deque[str] = deque()
        self._typed: deque[str] = deque()
        self._turn: Future[None] | None = None
        self._label = ""
        self._loaded = False
        self._kept = True

    @cached_property
    def _open(self) -> "tuple[Store, Transcript]":
        return self.opened()

    @property
    def store(self) -> "Store":
        """The store of studies and conversations."""
        return self._open[0]

    @cached_property
    def transcript(self) -> "Transcript":
        """The conversation as it is kept."""
        return self._open[1]

    @cached_property
    def background(self) -> "Background":
        """The loop in which search and model run."""
        from ...chat.steering.background import Background

        return Background()

    @cached_property
    def control(self) -> "StudyControl":
        """The study of the conversation."""
        from ...chat.attending import keep_in_registry
        from ...chat.steering.control import StudyControl

        control = StudyControl(
            self.store,
            self.background,
            on_event=self._events.append,
            on_approval=self.decisions.waiting.append,
            on_end=self._ends.append,
            on_note=self._notes.append,
            chat=self.transcript.key,
            overrides={"model": {"name": self.model}} if self.model else {},
        )
        keep_in_registry(control)
        return control

    @property
    def stored_key(self) -> str:
        """The key of the stored study at hand, '' where there is none; nothing is opened to tell."""
        stored = self.control.stored if "control" in self.__dict__ else None
        return stored.key if stored is not None else ""

    @cached_property
    def conversation(self) -> "Conversation":
        """The talk with a model."""
        from ...chat.conversation import Conversation
        from ...models.settings import ModelSection

        section = ModelSection(name=self.model) if self.model else ModelSection()
        return Conversation(self.control, self.store, self._happenings.append, section)

    def on_mount(self) -> None:
        """Paint first, then load what is heavy."""
        self.dress()
        self.set_interval(_TICK_S, self._tick)
        self.query_one(Prompt).line.focus()
        self.call_after_refresh(self._begin)

    @work
    async def _begin(self) -> None:
        try:
            resolved = await asyncio.to_thread(lambda: self.conversation.model)
            entries = await asyncio.to_thread(self.transcript.entries)
        except TrimtabError as error:
            self.failure = error
            self.exit(return_code=error.exit_code)
            return
        self.query_one(Prompt).history += [entry.text for entry in entries if entry.role == "user"]
        for entry in entries:
            self.talk.replay(entry)
        self.conversation.restore(entries)
        self._label = resolved.label if resolved is not None else "no model"
        self._loaded = True
        self._refresh_study(force=True)
        known = self.first or self.transcript.study_key
        if known:
            self._command(f"/study {known}")
        greeted = self.greet and not entries and not known and not self._typed
        self._take_typed()
        if greeted:
            from .own_commands import welcome

            await welcome(self, self._label if resolved is not None else "")

    # The conversation

    @on(Prompt.Sent)
    def _sent(self, event: Prompt.Sent) -> None:
        self.send(event.text)

    def send(self, text: str) -> None:
        """Take in a line as if it had been typed."""
        self._typed.append(text)
        self._take_typed()

    def _take_typed(self) -> None:
        """Take in what was typed, in its order; while things are being loaded it waits."""
        while self._loaded and self._typed:
            text = self._typed.popleft()
            if text.startswith("/"):
                self._command(text)
            elif self.thinking:
                self.talk.add(Said(text, hint=True))
                self._keep("user", text, hint=True)
                self.conversation.hint(text)
                self.talk.add(Note("a hint: it is read at the next turn"))
            else:
                self._ask(text)

    def _ask(self, text: str) -> None:
        from ...chat.attachments import attached

        files = attached(text)
        self.talk.add(Said(text))
        self._keep("user", text, **({"attached": files} if files else {}))
        self._turn = self.background.submit(self.conversation.say("\n\n".join([text, *files])))

    @property
    def thinking(self) -> bool:
        """Whether the model is at work on an answer."""
        return self._turn is not None and not self._turn.done()

    def _command(self, line: str) -> None:
        from .own_commands import run_line

        self.talk.add(Said(line))
        self._keep("user", line)
        answer, role = run_line(self, line)
        self._say(answer, role)
        self.conversation.tell(f"the person typed {line}: {answer}")
        self._refresh_study(force=True)

    def use_model(self, name: str) -> None:
        """Talk to another model from the next message on."""
        from ...models.settings import ModelSection

        self.conversation.reset(ModelSection(name=name))
        self._label = name

    def take_up(self, transcript: "Transcript") -> None:
        """Go on with another stored conversation, which the model then knows in place of this one."""
        self.transcript, self.control.chat = transcript, transcript.key
        entries = transcript.entries()
        self.talk.remove_children()
        for entry in entries:
            self.talk.replay(entry)
        self.conversation.restore(entries)

    def _say(self, text: str, role: Any) -> None:
        """Add an answer of ours to the conversation."""
        self._keep(role, text)
        self.talk.say(text, role)

    def note(self, text: str, kind: str = "note") -> None:
        """Say what happened, to the person and to the model."""
        if kind == "gain":
            self.talk.gain(text)
        else:
            self.talk.add(Note(text, kind))
        self._keep("notice", text, kind="good" if kind == "gain" else kind)
        self.conversation.tell(text)

    def suggest(self, line: str) -> None:
        """Put a line into the prompt, to be sent or changed."""
        self.query_one(Prompt).complete(line)

    def _keep(self, role: Any, text: str, **data: Any) -> None:
        """Store an entry of the conversation; where that is not possible, say so once and go on."""
        try:
            self.transcript.add(role, text, **data)
            self._kept = True
        except TrimtabError as error:
            if self._kept:
                self.talk.add(Note(f"this conversation is not stored any more: {error}", "error"))
            self._kept = False

    def _happened(self, happening: "Happening") -> None:
        from ...chat.conversation import Ended, Piece, ToolAnswered, ToolCalled

        if not isinstance(happening, Piece):
            self._end_answer()
        match happening:
            case Piece(text):
                self.talk.piece(text)
            case ToolCalled(call, name, arguments):
                self.talk.tool_called(call, name, arguments)
            case ToolAnswered(call, text, failed):
                row = self.talk.tool_answered(call, text, failed=failed)
                if row is not None:
                    self._keep("tool", text, name=row.tool, arguments=row.arguments, failed=failed)
                self._refresh_study(force=True)
            case Ended(trouble):
                if trouble:
                    self._say(trouble, "error")

    def _end_answer(self) -> None:
        text = self.talk.end_answer()
        if text:
            self._keep("assistant", text)

    # The study

    def _tick(self) -> None:
        """Take in what the background has done; a bounded amount at a time."""
        if not (self._loaded and self._awake() and self.query(Status)):  # the screen is being built, or taken down
            return
        for _ in range(min(_PER_TICK, len(self._happenings))):
            self._happened(self._happenings.popleft())
        for _ in range(min(_PER_TICK, len(self._events))):
            self._show(self._events.popleft())
        while self._notes:
            self.note(self._notes.popleft(), "bad")
        while self._ends:
            if trouble := self._ends.popleft():
                self._say(trouble, "error")
                self.conversation.tell(trouble)
        self.decisions.look()
        if self.pace.due():
            self._refresh_study()

    def _awake(self) -> bool:
        waits = self._happenings or self._events or self._notes or self._ends or self.decisions.open
        return self.pace.awake(busy=bool(waits) or self.thinking or self.control.running)

    def _show(self, event: "Event") -> None:
        from ...events import TrialStarted
        from .notes import notes_of

        self.query_one(StudyPane).log_event(event)
        self.following.take(event, self.control)
        if self.control.study is not None:
            for text, kind in notes_of(event, self.control.study):
                self.note(text, kind)
        if isinstance(event, TrialStarted) and event.trial == 0:
            self._keep_study()

    def _keep_study(self) -> None:
        if self.control.stored is not None:
            with contextlib.suppress(TrimtabError):  # a store that takes nothing has been spoken of already
                self.transcript.set_study(self.control.stored.key, self.control.mode)

    def _refresh_study(self, *, force: bool = False) -> None:
        asked = self.decisions.asking
        self.query_one(Status).show(self.control, self._label, thinking=self.thinking, asked=asked)
        self.query_one(StudyPane).show(self.control, force=force)
        if force:
            self.query_one(Prompt).known = known_words(self.control)
        now, view = self.following.standing(self.control), self.following.of(self.control)
        for headline in self.query(Headline):
            headline.show(now, view)

    @on(Parameters.Suggested)
    def _suggested(self, event: Parameters.Suggested) -> None:
        self.suggest(event.line)

    @on(TrialTable.Opened)
    def _trial_chosen(self, event: TrialTable.Opened) -> None:
        from .screens.trial import TrialScreen

        self.push_screen(TrialScreen(self.control, event.number))

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action may run now: none of ours while the first screen is still being built."""
        there = bool(self._screen_stack) and bool(self.query(Status))
        return (there or action == "quit") and super().check_action(action, parameters)

    def action_interrupt(self) -> None:
        """Stop the answer under way."""
        if self.thinking and self._turn is not None:
            self._turn.cancel()

    def action_cycle_mode(self) -> None:
        """Change who approves: ask, edits only, auto."""
        from ...chat.approval import MODES

        self.control.mode = MODES[(MODES.index(self.control.mode) + 1) % len(MODES)]
        self._refresh_study(force=True)

    def action_pause(self) -> None:
        """Pause the search, or go on."""
        run = self.control.run
        goes = run is not None and self.control.running and not run.paused and not run.stopping
        self.send("/pause" if goes else "/start")

    def watch_theme(self) -> None:
        """Draw again what has a colour of the theme in it."""
        if self._loaded and self.query(Status):
            self.query_one(Status).refresh()
            self._refresh_study(force=True)

    async def action_quit(self) -> None:
        """Leave: what was measured is stored, an evaluation under way is ended and repeated later."""
        self.leaving.leave()

    def action_break(self) -> None:
        """Stop what is under way, as Ctrl-C does everywhere."""
        self.leaving.stop()

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Offer every slash command in the palette."""
        from .own_commands import palette

        yield from super().get_system_commands(screen)
        yield from palette(self)

    def on_unmount(self) -> None:
        """End the search and the model with the program; what was measured is stored."""
        if "control" not in self.__dict__:
            return
        self._keep_study()
        text = self.talk.end_answer() if self.query(Talk) else ""
        if text:
            with contextlib.suppress(TrimtabError):
                self.transcript.add("assistant", text)
        with contextlib.suppress(TimeoutError):
            self.background.submit(self.conversation.close()).result(timeout=10)
        self.background.close()
