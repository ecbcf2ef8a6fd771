"""Builds LangChain chat models, and translates a call into what each provider takes.

Their own retries are off: `metered` retries, at one level and counted. Facts about providers are in providers.toml.
"""

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from ....tools.errors import InputError
from ..settings import ModelSection, ResolvedModel
from .facts import Facts


@dataclass(frozen=True)
class Provider:
    """What one provider's chat model calls things; see providers.toml."""

    name: str
    package: str
    limit: str = "max_tokens"
    schema: str = "none"
    key: str | None = None
    extra: str | None = None
    address: str | None = None
    settings: Mapping[str, Any] = field(default_factory=lambda: {"max_retries": 0})


def provider_named(name: str) -> Provider:
    """Return what is known of a provider; of one that is not in the table, what most have in common."""
    return Provider(name, **_table().get(name, {"package": f"langchain_{name}"}))


def known_providers() -> list[str]:
    """Return the providers in the table."""
    return list(_table())


@cache
def _table() -> dict[str, dict[str, Any]]:
    return tomllib.loads(files(__package__ or "").joinpath("providers.toml").read_text(encoding="utf-8"))


def build(
    section: ModelSection,
    model: ResolvedModel,
    *,
    key: str | None = None,
    local: tuple[str, str] | None = None,
    client: Any = None,
) -> Any:
    """Return the chat model; `local` is the (base URL, key) of a running embedded model, `client` an HTTP client of
    the event loop that will call it.

    Raises:
        InputError: the provider's package is missing, or it refuses the model's name or key.
    """
    if model.provider == "openai" or local is not None:
        from .openai_chat import OpenAIChat

        url, secret = local or (model.base_url, key or "none")
        return OpenAIChat(
            model=model.name,
            base_url=url,
            api_key=secret,
            use_responses_api=False,
            http_async_client=client,
            timeout=section.timeout_s,
            max_retries=0,
        )
    from langchain.chat_models import init_chat_model

    provider = provider_named(model.provider)
    settings = {"timeout": math.ceil(section.timeout_s), **provider.settings}
    settings |= {"base_url": model.base_url} if model.base_url is not None else {}
    try:
        built = init_chat_model(model.name, model_provider=model.provider, **settings)
    except ImportError:
        raise InputError(f"model {model.label} needs the package {provider.package}", install_hint(provider)) from None
    except Exception as error:  # noqa: BLE001  # every provider has its own way to miss a key or refuse a name
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"model {model.label} cannot be used: {reason}", "see the provider's documentation") from None
    return _with_own_client(built, client)


def _with_own_client(model: Any, client: Any) -> Any:
    """Return a model that calls through our client, where its class shares one client between all event loops."""
    shared = getattr(model, "_async_client", None)
    if type(model).__module__.startswith("langchain_anthropic") and shared is not None:
        model.__dict__["_async_client"] = shared.copy(http_client=client)  # a cached property
    return model


def install_hint(provider: Provider) -> str:
    """Return how to get a provider's package."""
    what = f"trimtab[{provider.extra}]" if provider.extra else provider.package.replace("_", "-")
    return f"pip install '{what}'"


@dataclass(frozen=True)
class Wire:
    """Translates one call for one provider."""

    provider: Provider
    facts: Facts

    def sent(self, settings: dict[str, Any], temperature: float | None, *, streams: bool = False) -> set[str]:
        """Return the names of the settings that a call will carry, as endpoints complain about them."""
        names = {"tools", "tool_choice", "response_format"} & {name for name, value in settings.items() if value}
        names |= {name for name in [self.facts.limit_name] if name}
        names |= {"temperature"} if temperature is not None else set()
        names |= {"stream_options"} if streams else set()
        return names - self.facts.refused

    def prepare(
        self, model: Any, settings: dict[str, Any], limit: int, temperature: float | None
    ) -> tuple[Any, dict[str, Any]]:
        """Return the model to call and the settings to call it with; what the endpoint refuses is left out."""
        fields, refused = type(model).model_fields, self.facts.refused
        update: dict[str, Any] = {}
        if "temperature" in fields:
            update["temperature"] = None if "temperature" in refused else temperature
        given = {name: value for name, value in settings.items() if name not in refused}
        tools, choice, schema = (given.pop(name, None) for name in ("tools", "tool_choice", "response_format"))
        if tools:
            given |= _bound(model, tools, choice)
        if self.provider.schema == "response_format":  # an OpenAI-compatible endpoint
            given |= self._openai(schema, limit)
        else:
            given |= _SCHEMAS[self.provider.schema](schema) if schema else {}
            update |= {self.provider.limit: limit} if self.provider.limit in fields else {}
        return model.model_copy(update=update), given

    def _openai(self, schema: Any, limit: int) -> dict[str, Any]:
        """Return output limit and schema. In the body they are taken as they are, whatever the SDK makes of them."""
        body = {"response_format": schema} if schema else {}
        name = self.facts.limit_name
        extra = {**body, **({name: limit} if name else {})}
        return {"extra_body": extra} if extra else {}


_SCHEMAS: dict[str, Callable[[Any], dict[str, Any]]] = {
    "none": lambda _schema: {},
    "format": lambda schema: {"format": schema["json_schema"]["schema"]},
    "mime": lambda schema: {
        "response_mime_type": "application/json",
        "response_json_schema": schema["json_schema"]["schema"],
    },
}


def _bound(model: Any, tools: Any, choice: Any) -> dict[str, Any]:
    """Return tools in a provider's own form; without the choice where it knows none."""
    try:
        return dict(model.bind_tools(tools, **({"tool_choice": choice} if choice else {})).kwargs)
    except (TypeError, ValueError):
        return dict(model.bind_tools(tools).kwargs)


def response_format(schema: dict[str, object]) -> dict[str, object]:
    """Return the setting that binds an answer to a JSON schema, as OpenAI-compatible endpoints take it."""
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
