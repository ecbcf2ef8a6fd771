"""One way to open a model, for the planner and the chat: its process or HTTP client, its meter, what is known of it.

A client belongs to an event loop: when a call comes from another one, there is a new client.
"""

import asyncio
from importlib import import_module
from typing import Any, Protocol

from ..budget import Ledger
from .choice import key_of
from .endpoint.facts import Facts
from .endpoint.providers import build, provider_named
from .local import LocalServer, start_local
from .metering.breaker import Breaker
from .metering.meter import Meter
from .metering.metered import MeteredModel
from .metering.prices import Price
from .recording import Recording
from .settings import Capability, ModelSection, ResolvedModel, output_limit


class KnownEndpoints(Protocol):
    """Where it is kept what endpoints have shown and what they refuse; the store is one."""

    def endpoint_facts(self, endpoint: str) -> tuple[Capability | None, frozenset[str]]:
        """Return what an endpoint has shown, and the settings that it refuses."""

    def keep_endpoint_facts(self, endpoint: str, capability: Capability | None, refused: frozenset[str]) -> None:
        """Remember them."""


def facts_of(section: ModelSection, model: ResolvedModel, known: KnownEndpoints | None) -> Facts:
    """Return what is known of a model's endpoint: what the study says, else what was learnt before."""
    if model.gguf is not None:
        return Facts(section.capability or "json_schema")  # enforced by grammar; small models answer tools with prose
    if known is None:
        return Facts(section.capability)
    capability, refused = known.endpoint_facts(model.endpoint)

    def changed(facts: Facts) -> None:
        shown = facts.capability if section.capability is None else capability
        known.keep_endpoint_facts(model.endpoint, shown, frozenset(facts.refused))

    return Facts(section.capability or capability, set(refused), changed)


def meter_of(
    section: ModelSection,
    model: ResolvedModel,
    ledger: Ledger,
    *,
    price: Price | None,
    temperature: float,
    facts: Facts,
    recording: Recording | None = None,
) -> Meter:
    """Return the meter of a model's calls, as a study's [model] section wants them; the caller sets who is told."""
    return Meter(
        label=model.label,
        ledger=ledger,
        price=price,
        recording=recording,
        retries=section.retries,
        timeout_s=section.timeout_s,
        backoff_s=section.backoff_s,
        output_limit=output_limit(section, model),
        temperature=temperature if section.temperature is None else section.temperature,
        breaker=Breaker(pause_s=section.pause_s),
        facts=facts,
    )


def load_code() -> None:
    """Import what a model needs, which takes a second or two: before a run, so that no measurement waits for it."""
    for name in (".endpoint.openai_chat", ".endpoint.http_client"):
        import_module(name, __package__)


class OpenedModel:
    """A model that can be called through `model`. Nothing is started before `ready`."""

    def __init__(self, section: ModelSection, resolved: ResolvedModel, meter: Meter, *, workers: int = 1) -> None:
        """Take what it needs; `workers` evaluations are left a CPU each by an embedded model."""
        self.section, self.resolved, self.workers = section, resolved, workers
        provider = "openai" if resolved.gguf is not None else resolved.provider
        self.model = MeteredModel(inner=None, meter=meter, provider=provider_named(provider))
        self._server: LocalServer | None = None
        self._client: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def meter(self) -> Meter:
        """What its calls are measured against."""
        meter: Meter = self.model.meter
        return meter

    async def ready(self) -> MeteredModel:
        """Return the model, opened for the running event loop.

        Raises:
            LocalServerError: the embedded model does not start.
            InputError: the provider's package is missing, or it refuses the model.
        """
        loop = asyncio.get_running_loop()
        if self.meter.replays or self._loop is loop:
            return self.model
        local = None
        if self.resolved.gguf is not None:
            self._server = self._server or await start_local(self.resolved.gguf, self.workers)
            local = (self._server.base_url, self._server.key)
        await self._close_client()
        http_client = await asyncio.to_thread(import_module, ".endpoint.http_client", __package__)
        self._client = http_client.new_client(self.section.timeout_s)
        key = key_of(self.resolved)
        self.model.inner = build(self.section, self.resolved, key=key, local=local, client=self._client)
        self._loop = loop
        return self.model

    async def close(self) -> None:
        """End the embedded model's process, and let go of connections."""
        server, self._server = self._server, None
        if server is not None:
            await server.close()
        await self._close_client()
        self._loop = None

    async def _close_client(self) -> None:
        """Close the client where that is possible: in the loop that opened it. A loop that ended took it along."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.aclose()
