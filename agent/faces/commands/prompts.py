"""`trimtab prompts`: the variants, and exactly what a model would get."""

from pathlib import Path

import typer
from langchain_core.messages.utils import count_tokens_approximately

from ....prompts import VariantError, load_variant, variant_names
from ....tools.errors import InputError
from ...budget import Ledger
from ...memory.recollection import Asking, recollect
from ...memory.store import Store, default_url
from ...memory.store.project import project_of
from ...models.settings import Capability
from ...optimizers.mirror import Optimizer
from ...optimizers.state import describe
from ...planners.base import Context, Question
from ...planners.dialogue.answers import Collected
from ...planners.dialogue.asking import first_messages
from ...run.proposals.pace import OPENING_IDEAS
from ...run.stored import context_of as stored_context
from ...study.file import load_study
from ...trials.history import History

_ANSWERS: dict[str, Capability] = {"tools": "tools", "json_schema": "json_schema", "text": "text"}


def print_variants() -> None:
    """List the shipped variants with what they are for."""
    for name in variant_names():
        settings = load_variant(name).settings
        typer.echo(f"{name:<10} {settings.description}\n{'':<10} {settings.lineage}")


def print_prompt(variant_name: str, study: str, answer: str, store_url: str | None) -> None:
    """Print the messages of the next thought about a study, and their size.

    Raises:
        InputError: there is no such variant, study or way to answer.
    """
    if answer not in _ANSWERS:
        raise InputError(f"--answer {answer!r} is not one of {', '.join(_ANSWERS)}", "try json_schema")
    try:
        variant = load_variant(variant_name)
        collected = Collected(context_of(study, store_url), "shown")
        messages = first_messages(variant, collected, _ANSWERS[answer], variant.settings.proposals)
    except VariantError as error:
        raise InputError(str(error), "see trimtab prompts list") from None
    for message in messages:
        typer.echo(f"--- {message.type}\n{message.text}")
    typer.echo(f"--- about {count_tokens_approximately(messages)} tokens", err=True)


def context_of(study: str, store_url: str | None) -> Context:
    """Return what a planner would see of a study file before its start, or of a stored study as it stands."""
    store = Store(store_url or default_url())
    if not (study.endswith(".toml") or Path(study).is_file()):
        return stored_context(store, study)
    loaded = load_study(study)
    history, optimizer = History(loaded), Optimizer(loaded)
    project = None if loaded.memory.shared else project_of(loaded.directory)
    memory = recollect(store, loaded, Asking(project=project, reads=loaded.memory.use != "off"))
    context = Context(loaded, history, Ledger({"trials": loaded.budget.trials}), memory)
    return context.now(describe(optimizer, history), Question("opening", OPENING_IDEAS))
