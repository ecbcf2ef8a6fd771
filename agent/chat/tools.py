"""Study control as tools of a model: the same methods that the slash commands call."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from ...tools.errors import TrimtabError
from ...tools.registry import LONGEST_RESULT, TOOLS
from ..planners.desk import fill_desk
from .control import StudyControl

_STUDY_TOOLS = ("history", "analyse", "optimizer_state", "recall", "consult")


def control_tools(control: StudyControl) -> list[Any]:
    """Return LangChain tools for a study control; what cannot be done is answered in words, never raised."""
    from langchain_core.tools import StructuredTool

    methods: dict[str, Callable[..., str]] = {
        "study_state": control.describe,
        "draft_study": control.draft,
        "start_study": control.start,
        "pause_study": control.pause,
        "stop_study": control.stop,
        "set_budget": control.set_budget,
        "try_configuration": control.try_configuration,
        "explain_trial": control.explain,
        "compare_trials": control.compare,
        "narrow_range": control.narrow,
        "freeze_parameter": control.freeze,
        "forbid_region": control.forbid,
        "best_trial": control.best,
    }
    own = [StructuredTool.from_function(_in_words(method), name=name) for name, method in methods.items()]
    return own + [_study_tool(control, name) for name in _STUDY_TOOLS]


def _in_words(function: Callable[..., str]) -> Callable[..., str]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> str:
        try:
            return function(*args, **kwargs)
        except TrimtabError as error:
            return f"not done: {error}"

    call.__signature__ = inspect.signature(function)  # type: ignore[attr-defined]
    return call


def _study_tool(control: StudyControl, name: str) -> Any:  # a LangChain tool
    """Return a tool of the planner that looks at the study as it is when it is called."""
    from langchain_core.tools import StructuredTool

    tool = TOOLS[name]

    async def call(**kwargs: Any) -> str:
        session = control.session
        if session is None:
            return "not done: no study has been started"
        desk = fill_desk(session.proposing.context.now(None), lambda _given: "use try_configuration")
        result: str = await tool.run(desk, tool.arguments(**kwargs))
        return result[:LONGEST_RESULT]

    return StructuredTool.from_function(
        coroutine=call, name=name, description=tool.description, args_schema=tool.arguments
    )
