"""Prompt variants, one folder each: variant.toml and Jinja templates. No other folder holds prompt text.

A variant has `variant.toml` (description, lineage, settings) and the templates its procedure needs: `system.j2`,
`task.j2` and `retry.j2`, and for the procedure "llambo" also `candidates.j2` and `surrogate.j2`. A new one is a
folder here, or anywhere else when it is named by its path.
"""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from pydantic import BaseModel, ConfigDict, Field, ValidationError


class VariantError(ValueError):
    """A variant cannot be used; the message names it, the file and the fix."""


class Settings(BaseModel):
    """How a variant wants to be used: the contents of variant.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    lineage: str = Field(description="Where the idea comes from: a variant, a paper.")
    procedure: Literal["propose", "llambo"] = "propose"
    proposals: Annotated[int, Field(ge=1, le=20)] = 3
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    top: Annotated[int, Field(ge=0, le=50)] = 5
    recent: Annotated[int, Field(ge=0, le=50)] = 10
    failed: Annotated[int, Field(ge=0, le=20)] = 4
    rationale: Annotated[int, Field(ge=0, le=1000)] = Field(160, description="Longest rationale, characters; 0: none.")
    predict: bool = Field(True, description="Whether predictions are asked for.")
    tools: bool = Field(True, description="Whether tool-capable models get the tools, else everything in one prompt.")


@dataclass(frozen=True)
class Variant:
    """A set of prompts."""

    name: str
    folder: Path
    settings: Settings

    def render(self, template: str, **values: Any) -> str:  # templates decide what they use
        """Return a template filled in.

        Raises:
            VariantError: the template is missing, broken, or names a value that does not exist.
        """
        environment = Environment(  # noqa: S701  # prompts are plain text, not HTML
            loader=FileSystemLoader([self.folder, _home()]),  # a variant may include templates of others
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=False,
        )
        try:
            return environment.get_template(template).render(**values).strip() + "\n"
        except TemplateError as error:
            message = error.message or type(error).__name__
            raise VariantError(f"prompt variant {self.name!r}, {template}: {message}") from None


def told_to_agents() -> str:
    """Return what people's own agents are told of the tools that trimtab serves them."""
    return (_home() / "agents.j2").read_text(encoding="utf-8")


def skill_text() -> str:
    """Return the skill file for people's own agents."""
    return (_home() / "skills" / "trimtab" / "SKILL.md").read_text(encoding="utf-8")


def variant_names() -> list[str]:
    """Return the variants that ship with trimtab."""
    return sorted(folder.parent.name for folder in _home().glob("*/variant.toml"))


def load_variant(name: str) -> Variant:
    """Return a variant by its name, or by the path of its folder.

    Raises:
        VariantError: there is none, or its variant.toml is not valid.
    """
    folder = _home() / name if name in variant_names() else Path(name).expanduser()
    file = folder / "variant.toml"
    try:
        data = tomllib.loads(file.read_text(encoding="utf-8"))
        settings = Settings.model_validate(data)
    except OSError:
        known = ", ".join(variant_names())
        raise VariantError(f"no prompt variant {name!r}: one of {known}, or the path of a folder") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise VariantError(f"{file}: not TOML: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise VariantError(f"{file}: {field}: {first['msg']}") from None
    return Variant(folder.name, folder, settings)


def _home() -> Path:
    return Path(str(files(__name__)))
