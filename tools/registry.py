"""The planner's tools: one definition each gives the LangChain tool and the help text.

A tool is an async function of a desk and a pydantic argument model, whose docstring tells a model what it does.
A new one is a module here and one line in `TOOLS`, or an entry point in the group `trimtab.tools`.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel

from .desk import Desk
from .plugins import Registry

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

Arguments = TypeVar("Arguments", bound=BaseModel)

LONGEST_RESULT = 6000


@dataclass(frozen=True)
class Tool:
    """A tool: its name, what it does in words, its arguments, and the function."""

    name: str
    description: str
    arguments: type[BaseModel]
    run: Callable[[Desk, Any], Awaitable[str]]

    def bind(self, desk: Desk) -> "BaseTool":
        """Return the LangChain tool for one desk."""
        from langchain_core.tools import StructuredTool

        async def call(**kwargs: Any) -> str:
            result = await self.run(desk, self.arguments(**kwargs))
            return result if len(result) <= LONGEST_RESULT else f"{result[:LONGEST_RESULT]}\n(cut off)"

        return StructuredTool.from_function(
            coroutine=call,
            name=self.name,
            description=self.description,
            args_schema=self.arguments,
            handle_validation_error=_in_words,
        )


TOOLS: Registry[Tool] = Registry(
    "tool",
    "trimtab.tools",
    {
        name: f"trimtab.tools.{name}:{name}"
        for name in ("history", "analyse", "optimizer_state", "recall", "consult", "propose")
    },
)


def _in_words(error: Any) -> str:  # pydantic's error, of whichever version LangChain uses
    """Return what is wrong with a tool's arguments, for the model that gave them."""
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:5])


def tool(arguments: type[Arguments]) -> Callable[[Callable[[Desk, Arguments], Awaitable[str]]], Tool]:
    """Make a tool of a function; its name and docstring are the tool's."""

    def make(function: Callable[[Desk, Arguments], Awaitable[str]]) -> Tool:
        return Tool(function.__name__, inspect.cleandoc(function.__doc__ or ""), arguments, function)

    return make
