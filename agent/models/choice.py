"""Which model a run uses: the one that is named, a configured endpoint, the embedded one, or none."""

import os
from importlib.util import find_spec
from pathlib import Path

from ...tools.errors import InputError
from .files import embedded_model
from .settings import ModelSection, ResolvedModel

DEFAULT_OPENAI_MODEL = "gpt-4.1-mini"


def resolve(section: ModelSection) -> ResolvedModel | None:
    """Return the model to use; None when `auto` finds neither an endpoint nor an embedded model.

    Raises:
        InputError: the named model cannot be used here.
    """
    if section.name == "auto":
        return _automatic(section)
    if section.name == "local":
        file = embedded_model()
        if file is None:
            raise InputError("model 'local' is not installed", "run: trimtab model pull")
        return _local(file, "asked for by name")
    if section.name.endswith(".gguf"):
        file = Path(section.name).expanduser()
        if not file.is_file():
            raise InputError(f"model file {section.name} does not exist", "name a GGUF file, or use 'local'")
        return _local(file.resolve(), "a model file asked for by name")
    provider, separator, name = section.name.partition(":")
    if not separator:
        provider, name = "openai", section.name
    base_url = section.base_url or (os.environ.get("OPENAI_BASE_URL") if provider == "openai" else None)
    return ResolvedModel(provider, name, "asked for by name", base_url)


def _automatic(section: ModelSection) -> ResolvedModel | None:
    base_url = section.base_url or os.environ.get("OPENAI_BASE_URL")
    named = os.environ.get("OPENAI_MODEL")
    if base_url:
        name = named or _first_model(base_url)
        if name is not None:
            return ResolvedModel("openai", name, f"the endpoint {base_url} is configured", base_url)
    elif os.environ.get("OPENAI_API_KEY"):
        return ResolvedModel("openai", named or DEFAULT_OPENAI_MODEL, "OPENAI_API_KEY is set")
    file = embedded_model()
    if file is not None and find_spec("xllamacpp") is not None:
        return _local(file, "no endpoint is configured, the embedded model is installed")
    return None


def _first_model(base_url: str) -> str | None:
    """Return the first model that an endpoint lists, None when it lists none or is not there."""
    from openai import OpenAI, OpenAIError

    try:
        client = OpenAI(base_url=base_url, api_key=os.environ.get("OPENAI_API_KEY") or "none", max_retries=0, timeout=5)
        return next((model.id for model in client.models.list()), None)
    except OpenAIError:
        return None


def why_none(section: ModelSection) -> str:
    """Return why `auto` found no model, and what to do about it."""
    base_url = section.base_url or os.environ.get("OPENAI_BASE_URL")
    if base_url:
        return f"the endpoint {base_url} lists no model: set OPENAI_MODEL or use --model"
    if find_spec("xllamacpp") is None:
        return "no endpoint is configured, and the extra 'local' is not installed"
    return "no endpoint is configured, and no embedded model: trimtab model pull"


def _local(file: Path, why: str) -> ResolvedModel:
    if find_spec("xllamacpp") is None:
        raise InputError("the embedded model needs xllamacpp", "pip install 'trimtab[local]'")
    return ResolvedModel("local", file.stem, why, gguf=str(file))
