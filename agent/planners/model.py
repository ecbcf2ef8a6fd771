"""The language-model planner: reads the study, the record and the optimizer's state, and proposes configurations.

Whatever fails ends in an event and an empty list: the optimizer goes on.
"""

import asyncio
import contextlib
import json
from dataclasses import asdict, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from ...prompts import Variant, VariantError, load_variant
from ...tools.errors import InputError
from .. import events
from ..memory.recall import Recalled
from ..models.breaker import Breaker
from ..models.cassette import Cassette, Player, Recorder, redact
from ..models.choice import resolve, why_none
from ..models.local import LocalServer, LocalServerError, start_local
from ..models.metered import CallRecord, Meter, MeteredModel, ModelBudgetError, ModelCallError, ModelPausedError
from ..models.prices import Price, price_of
from ..models.probe import probe
from ..models.settings import Capability, ResolvedModel
from ..trials.proposal import Proposal
from .answers import Collected
from .asking import ask_once, ask_with_tools
from .base import Context, Setup
from .llambo import ask_llambo
from .offline import known_proposals


def build(setup: Setup) -> "ModelPlanner":
    """Return the planner for the study's model, or for the recording that is replayed.

    Raises:
        InputError: there is no model, or it, its prompts or its prices cannot be used.
    """
    if setup.replay is not None:
        return ModelPlanner(setup, None)
    resolved = resolve(setup.study.model)
    if resolved is None:
        raise InputError(f"planner 'model': {why_none(setup.study.model)}", "or use --planner offline")
    return ModelPlanner(setup, resolved)


class ModelPlanner:
    """Asks a language model. `name` is 'model'; `label` says which one."""

    name = "model"

    def __init__(self, setup: Setup, resolved: ResolvedModel | None) -> None:
        """Check prompts and prices; nothing is started or asked yet.

        Raises:
            InputError: the prompt variant, the recording or the prices cannot be used.
        """
        self.setup = setup
        self.done = False
        player = Player(setup.replay, strict=setup.strict) if setup.replay is not None else None
        if player is not None:
            header = player.header
            resolved = ResolvedModel(header["provider"], header["name"], f"replayed from {setup.replay}")
        assert resolved is not None
        self.resolved = resolved
        section = setup.study.model
        self.variant = choose_variant(setup.study.planner.prompts, resolved)
        self.why = f"{resolved.label}, {resolved.why}; prompts {self.variant.name}"
        if player is not None:
            recorded = player.header.get("price")
            self.price = Price(*recorded) if recorded else None
        else:
            limited = setup.study.budget.dollars is not None
            self.price = price_of(section, resolved, dollars_limited=limited)
        self.cassette: Cassette | None = player or self._recorder()
        self._said_offline = not setup.study.planner.offline_first
        self._model: MeteredModel | None = None
        self._capability: Capability | None = None
        self._server: LocalServer | None = None
        self._warming: asyncio.Task[None] | None = None

    @property
    def label(self) -> str:
        """The model."""
        return self.resolved.label

    async def propose(self, context: Context, n: int) -> list[Proposal]:
        """Return what catalogue and memory know at first, then what the model answers; see `Planner.propose`."""
        del n
        if isinstance(self.cassette, Player):  # the store has moved on since the recording
            recalled = tuple(Recalled(**each) for each in self.cassette.header.get("recalled", []))
            context = replace(context, recalled=recalled)
        if not self._said_offline:
            self._said_offline = True
            known = known_proposals(context)
            if known:
                self._warming = asyncio.create_task(self._warm_up(context))
                return known
        collected = Collected(context, self.label)
        try:
            await self._ask(context, collected)
        except ModelBudgetError as error:
            self.done = True
            collected.problem("budget", f"{error.message}; the optimizer goes on without the model")
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
        return collected.proposals

    async def _warm_up(self, context: Context) -> None:
        """Start an embedded model while the first trials run, so that its first answer comes sooner."""
        if self.resolved.gguf is not None and not isinstance(self.cassette, Player):
            with contextlib.suppress(LocalServerError):  # the first question meets it again, and reports it
                await self._ready(context)

    async def _ask(self, context: Context, collected: Collected) -> None:
        model, capability = await self._ready(context)
        settings = self.variant.settings
        retries = self.setup.study.model.retries
        if settings.procedure == "llambo":
            await ask_llambo(model, self.variant, collected, _one_prompt(capability), settings.proposals, retries)
        elif capability == "tools" and settings.tools and self.setup.study.planner.tools:
            await ask_with_tools(model, self.variant, collected, settings.proposals, retries)
        else:
            answer = _one_prompt(capability)
            await ask_once(model, self.variant, collected, answer, settings.proposals, retries)

    async def _ready(self, context: Context) -> tuple[MeteredModel, Capability]:
        """Return the model and what it can do; the first call starts and probes it."""
        if self._warming is not None and self._warming is not asyncio.current_task():
            await self._warming
        if self._model is None:
            self._model = MeteredModel(inner=await self._build(), meter=self._meter(context))
        if self._capability is None:
            self._capability = await self._find_capability(self._model)
            if isinstance(self.cassette, Recorder):
                recalled = [asdict(each) for each in context.recalled]
                self.cassette.describe(capability=self._capability, recalled=recalled)
        self._model.meter.cassette = self.cassette
        return self._model, self._capability

    async def _build(self) -> Any:  # a LangChain chat model, None when replaying
        if isinstance(self.cassette, Player):
            return None
        providers = await asyncio.to_thread(import_module, "..models.providers", __package__)  # slow to import
        local = None
        if self.resolved.gguf is not None:
            self._server = await start_local(self.resolved.gguf, self.setup.study.evaluation.workers)
            local = (self._server.base_url, self._server.key)
        temperature = self.variant.settings.temperature
        return providers.build(self.setup.study.model, self.resolved, temperature, local=local)

    def _meter(self, context: Context) -> Meter:
        section = self.setup.study.model
        return Meter(
            label=self.label,
            ledger=context.ledger,
            price=self.price,
            retries=section.retries,
            timeout_s=section.timeout_s,
            backoff_s=section.backoff_s,
            breaker=Breaker(pause_s=section.pause_s),
            on_call=lambda call: self._called(context, call),
        )

    def _called(self, context: Context, call: CallRecord) -> None:
        """Store a call the moment it ends, then announce it."""
        if self.setup.store is not None:
            columns = {name: value for name, value in vars(call).items() if name not in {"request", "message"}}
            columns |= {"request": redact(json.dumps(call.request)), "response": redact(call.response)}
            self.setup.store.add_model_call(context.study_id, columns)
        fields = {name: value for name, value in vars(call).items() if name not in {"request", "response"}}
        fields["message"] = redact(call.message)
        context.emit(events.ModelCalled(study=context.key, budget=context.ledger.snapshot(), **fields))

    async def _find_capability(self, model: MeteredModel) -> Capability:
        if isinstance(self.cassette, Player):
            recorded: Capability = self.cassette.header["capability"]
            return recorded
        if self.setup.study.model.capability is not None:
            return self.setup.study.model.capability
        if self.resolved.gguf is not None:
            return "json_schema"  # enforced by grammar; small models answer tools with prose
        endpoint = f"{self.resolved.label} {self.resolved.base_url or ''}".strip()
        known = self.setup.store.capability(endpoint) if self.setup.store is not None else None
        if known is not None:
            return known
        found = await probe(model)
        if self.setup.store is not None:
            self.setup.store.set_capability(endpoint, found)
        return found

    def _recorder(self) -> Recorder | None:
        """Start the recording that is asked for; it must be there before the first ideas arrive."""
        if self.setup.record is None:
            return None
        price = [self.price.input, self.price.output] if self.price is not None else None
        header = {"provider": self.resolved.provider, "name": self.resolved.name, "price": price}
        return Recorder(self.setup.record, {**header, "prompts": self.variant.name})

    async def close(self) -> None:
        """End the embedded model's process."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.gather(self._warming, return_exceptions=True)
        if self._server is not None:
            await self._server.close()


def choose_variant(name: str, model: ResolvedModel) -> Variant:
    """Return the prompts to use; `auto` is terse for a small embedded model, else default.

    Raises:
        InputError: there is no such variant, or it is broken.
    """
    if name == "auto":
        small = model.gguf is not None and Path(model.gguf).stat().st_size < 1 << 30
        name = "terse" if small else "default"
    try:
        return load_variant(name)
    except VariantError as error:
        raise InputError(f"planner.prompts: {error}", "see trimtab prompts list") from None


def _one_prompt(capability: Capability) -> Capability:
    """Return how a model answers when it gets everything in one prompt."""
    return "json_schema" if capability == "tools" else capability
