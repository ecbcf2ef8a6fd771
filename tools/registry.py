"""Tools: one definition each serves the planner, the chat and the help text, and one path calls it.

A tool is an async function of what it works on (a desk, for those of the planner) and of a pydantic argument model;
its docstring tells a model what it does.
A new one is a module here and one line in `TOOLS`, or an entry point in the group `trimtab.tools`.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from .desk import Desk
from .errors import TrimtabError
from .plugins import Registry

On = TypeVar("On")
Arguments = TypeVar("Arguments", bound=BaseModel)

LONGEST_RESULT = 6000
NOT_DONE = "not done: "
CODE_TOOLS = ("read", "edit", "diff", "guard", "propose_parameter")
"""The tools for studies whose program may be edited."""


@dataclass(frozen=True)
class Tool(Generic[On]):
    """A tool: its name, what it does in words, its arguments, and the function of what it works on."""

    name: str
    description: str
    arguments: type[BaseModel]
    run: Callable[[On, Any], Awaitable[str]]

    async def call(self, on: On, arguments: Mapping[str, Any]) -> str:
        """Run the tool and return its answer, cut off at `LONGEST_RESULT`.

        Whatever goes wrong is an answer too, one that starts with `NOT_DONE`: who called may mend it.
        """
        try:
            answer = await self.run(on, self.arguments.model_validate(dict(arguments)))
        except ValidationError as error:
            answer = f"{NOT_DONE}{_in_words(error)}"
        except TrimtabError as error:
            answer = f"{NOT_DONE}{error}"
        except Exception as error:  # noqa: BLE001  # a tool may be anybody's; it must not end a conversation
            answer = f"{NOT_DONE}{self.name} failed: {type(error).__name__}: {error}"
        return answer if len(answer) <= LONGEST_RESULT else f"{answer[:LONGEST_RESULT]}\n(cut off)"

    @property
    def schema(self) -> dict[str, Any]:
        """The tool as OpenAI describes functions, which LangChain's models take too."""
        about = {"name": self.name, "description": self.description, "parameters": self.arguments.model_json_schema()}
        return {"type": "function", "function": about}


TOOLS: Registry[Tool[Desk]] = Registry(
    "tool",
    "trimtab.tools",
    {
        name: f"trimtab.tools.{name}:{name}"
        for name in ("history", "analyse", "optimizer_state", "recall", "consult", *CODE_TOOLS, "propose")
    },
)


def _in_words(error: ValidationError) -> str:
    """Return what is wrong with a tool's arguments, for the model that gave them."""
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:5])


def tool(arguments: type[Arguments]) -> Callable[[Callable[[On, Arguments], Awaitable[str]]], Tool[On]]:
    """Make a tool of a function; its name and docstring are the tool's."""

    def make(function: Callable[[On, Arguments], Awaitable[str]]) -> Tool[On]:
        return Tool(function.__name__, inspect.cleandoc(function.__doc__ or ""), arguments, function)

    return make
