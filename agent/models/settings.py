"""The `[model]` section of a study file, and the resolved model of a run."""

from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Capability = Literal["tools", "json_schema", "text"]
"""What an endpoint can do: call tools, else answer by a JSON schema, else plain text."""

_EMBEDDED_OUTPUT = 1500


class ModelSection(BaseModel):
    """The language model of the planner, and how it is called."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    name: str = Field(
        "auto", description="'auto', 'local', a path of a GGUF file, PROVIDER:NAME, or a name at base_url."
    )
    base_url: str | None = Field(None, description="An OpenAI-compatible endpoint [OPENAI_BASE_URL].")
    temperature: float | None = Field(None, ge=0, le=2, description="Sampling temperature; the variant's by default.")
    timeout_s: float = Field(120.0, gt=0, le=3600, description="Seconds one call may take.")
    retries: int = Field(2, ge=0, le=10, description="Further attempts after a failed call, and after a bad answer.")
    backoff_s: float = Field(0.5, ge=0, le=60, description="Wait before a failed call is retried; doubles each time.")
    pause_s: float = Field(
        5.0, ge=0, le=3600, description="Rest for an endpoint that keeps failing; doubles each time."
    )
    max_output_tokens: int = Field(
        8000, ge=16, le=100_000, description="Tokens of one answer, reasoning included; 1500 for an embedded model."
    )
    thought_tokens: int = Field(
        60_000, ge=500, description="Tokens of one thought of the planner: all its calls, input and output."
    )
    thought_steps: int = Field(8, ge=2, le=50, description="Calls of one thought with tools; the last must propose.")
    capability: Capability | None = Field(None, description="What the endpoint can do; found out by use if not given.")
    input_price: float | None = Field(None, ge=0, description="Dollars per million input tokens.")
    output_price: float | None = Field(None, ge=0, description="Dollars per million output tokens.")


def output_limit(section: ModelSection, model: "ResolvedModel") -> int:
    """Return the tokens of one answer: a small embedded model that does not stop is stopped sooner by default."""
    if model.gguf is not None and "max_output_tokens" not in section.model_fields_set:
        return min(_EMBEDDED_OUTPUT, section.max_output_tokens)
    return section.max_output_tokens


@dataclass(frozen=True)
class ResolvedModel:
    """The model of a run: provider and name as LangChain knows them, where it is, and why it was chosen."""

    provider: str
    name: str
    why: str
    base_url: str | None = None
    gguf: str | None = None

    @property
    def endpoint(self) -> str:
        """What facts about the model's endpoint are kept under."""
        return f"{self.label} {self.base_url or ''}".strip()

    @property
    def label(self) -> str:
        """The model in a few words, as reports and the store show it."""
        return f"{self.provider}:{self.name}"
