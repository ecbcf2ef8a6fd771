"""The language-model planner: reads the study, the record and the optimizer's state, and proposes configurations.

Whatever fails ends in an event and an empty list: the optimizer goes on.
"""

import asyncio
import contextlib
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from ...prompts import Variant, VariantError, load_variant
from ...tools.errors import InputError
from .. import events
from ..models.choice import Choice, choose
from ..models.endpoint.facts import Facts, says_so
from ..models.local import LocalServerError
from ..models.metering.meter import (
    CallRecord,
    Meter,
    ModelBudgetError,
    ModelCallError,
    ModelPausedError,
    Thought,
    ThoughtSpentError,
)
from ..models.metering.metered import MeteredModel
from ..models.metering.prices import Price, price_of
from ..models.opened import OpenedModel, facts_of, load_code, meter_of
from ..models.recording import Recording, RecordingReader, RecordingWriter
from ..models.settings import Capability, ResolvedModel
from ..trials.proposal import Proposal
from .base import Context, Setup
from .code import draft_of, may_be_sent
from .dialogue.answers import Collected
from .dialogue.asking import ask_once
from .dialogue.tool_loop import ask_with_tools
from .llambo import CANDIDATES, ask_llambo
from .offline import known_proposals

_TEXTS = 2
"""After so many thoughts in a row that were answered in text although there were tools, tools are not offered again."""
_REFUSALS = 3
"""After so many refused thoughts in a row the model is not asked again in this run."""


def build(setup: Setup) -> "ModelPlanner":
    """Return the planner for the study's model, or for the recording that is replayed.

    Raises:
        InputError: there is no model, or it, its prompts or its prices cannot be used.
    """
    if setup.recording is not None:
        return ModelPlanner(setup, None)
    found = choice(setup)
    if found.model is None:
        raise InputError(f"planner 'model': {found.why_none}", "or use --planner offline")
    return ModelPlanner(setup, found.model)


def choice(setup: Setup) -> Choice:
    """Return the model that a study asks for; prompts that are no prompts are told before an endpoint is asked.

    Raises:
        InputError: the named prompts or the named model cannot be used.
    """
    if setup.study.planner.prompts != "auto":
        _load(setup.study.planner.prompts)
    return choose(setup.study.model)


class ModelPlanner:
    """Asks a language model. `name` is 'model'; `label` says which one."""

    name = "model"

    def __init__(self, setup: Setup, resolved: ResolvedModel | None) -> None:
        """Check prompts and prices, and load the code; nothing is started or asked yet.

        Raises:
            InputError: the prompt variant, the recording or the prices cannot be used.
        """
        self.setup = setup
        self.done = False
        player = None
        if setup.recording is not None:
            player = RecordingReader(setup.recording, strict=setup.strict, calls_only=setup.replay is None)
        if player is not None:
            header = player.header
            resolved = ResolvedModel(header["provider"], header["name"], f"replayed from {setup.recording}")
        assert resolved is not None
        self.resolved = resolved
        section = setup.study.model
        self._shows_code = may_be_sent(setup.study, resolved)
        self.variant = choose_variant(setup.study.planner.prompts, resolved, code=self._shows_code)
        kept = setup.study.code is not None and not self._shows_code
        code = "; it does not get the source (code.send = true allows that)" if kept else ""
        self.why = f"{resolved.label}, {resolved.why}; prompts {self.variant.name}{code}"
        if player is not None:
            recorded = player.header.get("price")
            self.price = Price(*recorded) if recorded else None
        else:
            limited = setup.study.budget.dollars is not None
            self.price = price_of(section, resolved, dollars_limited=limited)
        self.recording: Recording | None = player or self._writer()
        if player is None:
            load_code()
        self._opened: OpenedModel | None = None
        self._warming: asyncio.Task[None] | None = None
        self._facts = self._known_facts()
        self._proven: set[Capability] = set()
        self._left: set[Capability] = set()
        if "tools" in self._ways() and player is None:
            import_module("sklearn.ensemble")  # what the tool analyse needs: not while an evaluation is timed
        self._texts = self._refused = 0

    @property
    def label(self) -> str:
        """The model."""
        return self.resolved.label

    def known(self, context: Context) -> list[Proposal]:
        """Return what the catalogue knows, where the study wants it; an embedded model is started meanwhile."""
        with contextlib.suppress(RuntimeError):  # asked without an event loop, it starts with the first question
            self._warming = asyncio.get_running_loop().create_task(self._warm_up(context))
        return known_proposals(context) if self.setup.study.planner.offline_first else []

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        """Return what the model answers; see `Planner.propose`."""
        settings = self.variant.settings
        n = min(n, settings.proposals)
        code = draft_of(context) if self._shows_code else None
        collected = Collected(context, self.label, CANDIDATES if settings.procedure == "llambo" else n, code)
        try:
            await self._think(context, collected, n)
        except ModelBudgetError as error:
            self.done = True
            collected.problem("budget", f"{error.message}; the optimizer goes on without the model")
        except ThoughtSpentError as error:
            collected.problem("thought_spent", error.message)
        except ModelPausedError as error:
            collected.problem("paused", error.message)
        except ModelCallError as error:
            collected.problem("call_failed", f"{error.failure.kind}: {error.failure.message}")
        except (LocalServerError, InputError) as error:
            self.done = True
            collected.problem("call_failed", f"the model cannot be used: {error}")
        except VariantError as error:
            self.done = True
            collected.problem("crashed", str(error))
        self._note(collected)
        return collected.proposals

    def _note(self, collected: Collected) -> None:
        """Remember how a thought ended, for the next one."""
        refused = not collected.proposals and bool({"refusal", "content_filter"} & set(collected.endings))
        self._refused = self._refused + 1 if refused else 0
        if self._refused == _REFUSALS:
            self.done = True
            self._say(collected.context, f"{_REFUSALS} thoughts in a row were refused: the model is not asked again")

    async def _warm_up(self, context: Context) -> None:
        """Start an embedded model while the first trials run, so that its first answer comes sooner."""
        if self.resolved.gguf is not None and not isinstance(self.recording, RecordingReader):
            with contextlib.suppress(LocalServerError):  # the first question meets it again, and reports it
                await self._ready(context)

    async def _think(self, context: Context, collected: Collected, n: int) -> None:
        """Have one thought. A way to ask that an endpoint does not take is left for the next one; that is no fact."""
        model = await self._ready(context)
        model.meter.thought = Thought(self.setup.study.model.thought_tokens)
        ways = self._ways()
        left: set[Capability] = set()
        for way in ways:
            try:
                await self._ask(model, collected, way, n)
            except ModelCallError as error:
                if error.failure.parameter == "tools":
                    self._facts.refuse("tools", lasting=says_so(error.failure))
                elif way in self._proven or way == ways[-1] or not _is_about_form(error):
                    raise
                left.add(way)
            else:
                self._proven.add(way)
                self._left |= left
                return

    def _ways(self) -> list[Capability]:
        """Return the ways to ask this model, best first, as far as is known."""
        shown, refused = self._facts.capability, self._facts.refused
        settings = self.variant.settings
        tools = settings.tools and settings.procedure == "propose" and self.setup.study.planner.tools
        offered: list[Capability] = ["tools"] if tools and "tools" not in refused and shown in {None, "tools"} else []
        ways: list[Capability] = [*offered, *(["json_schema"] if shown != "text" else []), "text"]  # type: ignore[list-item]  # its words
        return [way for way in ways if way not in self._left] or ["text"]

    async def _ask(self, model: MeteredModel, collected: Collected, way: Capability, n: int) -> None:
        settings, section = self.variant.settings, self.setup.study.model
        if settings.procedure == "llambo":
            await ask_llambo(model, self.variant, collected, way, n, section.retries)
        elif way == "tools":
            await ask_with_tools(model, self.variant, collected, n, section.thought_steps)
            in_text = bool(collected.proposals) and self._facts.capability is None
            self._texts = self._texts + 1 if in_text else 0
            if self._texts >= _TEXTS:
                self._facts.refuse("tools", lasting=False)
        else:
            await ask_once(model, self.variant, collected, way, n, section.retries)

    async def _ready(self, context: Context) -> MeteredModel:
        """Return the opened model; the first call opens it."""
        warming = self._warming
        if warming is not None and warming is not asyncio.current_task() and not warming.done():
            await asyncio.wait({warming})
        if self._opened is None:
            if isinstance(self.recording, RecordingWriter):
                facts = {"capability": self._facts.capability, "refused": sorted(self._facts.refused)}
                self.recording.describe(**facts, memory=asdict(context.memory))
            section, workers = self.setup.study.model, self.setup.study.evaluation.workers
            self._opened = OpenedModel(section, self.resolved, self._meter(context), workers=workers)
        return await self._opened.ready()

    def _meter(self, context: Context) -> Meter:
        meter = meter_of(
            self.setup.study.model,
            self.resolved,
            context.ledger,
            price=self.price,
            temperature=self.variant.settings.temperature,
            facts=self._facts,
            recording=self.recording,
        )
        meter.on_call = lambda call: self._called(context, call)
        meter.on_notice = lambda message: self._say(context, message)
        return meter

    def _say(self, context: Context, message: str) -> None:
        context.emit(events.Notice(study=context.key, kind="model", message=message))

    def _known_facts(self) -> Facts:
        """Return what is known of the endpoint; in a replay, what was known when it was recorded."""
        if isinstance(self.recording, RecordingReader):
            header = self.recording.header
            return Facts(header.get("capability"), set(header.get("refused", [])))
        return facts_of(self.setup.study.model, self.resolved, self.setup.store)

    def _called(self, context: Context, call: CallRecord) -> None:
        """Store a call the moment it ends, then announce it."""
        if self.setup.store is not None:
            self.setup.store.add_model_call(context.study_id, call.columns)
        context.emit(events.ModelCalled(study=context.key, budget=context.ledger.snapshot(), **call.fields))

    def _writer(self) -> RecordingWriter | None:
        """Start the recording that is asked for; it must be there before the first ideas arrive."""
        if self.setup.record is None:
            return None
        price = [self.price.input, self.price.output] if self.price is not None else None
        header = {"provider": self.resolved.provider, "name": self.resolved.name, "price": price}
        return RecordingWriter(self.setup.record, {**header, "prompts": self.variant.name})

    async def close(self) -> None:
        """End the embedded model's process."""
        warming = self._warming
        if warming is not None and not warming.done():
            warming.cancel()
            await asyncio.wait({warming})
        if self._opened is not None:
            await self._opened.close()


def choose_variant(name: str, model: ResolvedModel, *, code: bool = False) -> Variant:
    """Return the prompts to use; `auto` is terse for a small embedded model, `code` where it may edit, else default.

    Raises:
        InputError: there is no such variant, or it is broken.
    """
    if name == "auto":
        small = model.gguf is not None and Path(model.gguf).stat().st_size < 1 << 30
        name = "terse" if small else "code" if code else "default"
    return _load(name)


def _load(name: str) -> Variant:
    try:
        return load_variant(name)
    except VariantError as error:
        raise InputError(f"planner.prompts: {error}", "see trimtab prompts list") from None


def _is_about_form(error: ModelCallError) -> bool:
    """Whether an endpoint says only that it does not take such a request, and another form may do."""
    return error.failure.message.startswith(("HTTP 400", "HTTP 422"))
