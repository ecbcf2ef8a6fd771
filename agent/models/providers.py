"""Builds a LangChain chat model. Its own retries are off: `metered` retries, at one level and counted."""

import os
from typing import Any

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel

from ...tools.errors import InputError
from .settings import ModelSection, ResolvedModel


def build(
    section: ModelSection, model: ResolvedModel, temperature: float, *, local: tuple[str, str] | None = None
) -> BaseChatModel:
    """Return the chat model; `local` is the (base URL, key) of a running embedded model.

    Raises:
        InputError: the provider's package or key is missing.
    """
    settings: dict[str, Any] = {
        "temperature": temperature if section.temperature is None else section.temperature,
        "timeout": section.timeout_s,
        "max_retries": 0,
    }
    provider = model.provider
    if local is not None:
        provider, settings["base_url"], settings["api_key"] = "openai", local[0], local[1]
    elif model.base_url is not None:
        settings["base_url"] = model.base_url
        settings["api_key"] = os.environ.get("OPENAI_API_KEY") or "none"
    if provider == "openai":
        settings["max_tokens"] = section.max_output_tokens
        settings["use_responses_api"] = False
    try:
        built: BaseChatModel = init_chat_model(model.name, model_provider=provider, **settings)
    except ImportError as error:
        raise InputError(f"model {model.label}: {error}", f"install LangChain's package for {provider}") from None
    except Exception as error:  # noqa: BLE001  # every provider has its own way to miss a key or refuse a name
        reason = " ".join(str(error).split())[:200]
        raise InputError(
            f"model {model.label} cannot be used: {reason}", "set its API key in the environment"
        ) from None
    return built
