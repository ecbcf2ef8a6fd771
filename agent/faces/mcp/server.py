"""The MCP server: the tools of `service`, over stdio or streamable HTTP on this machine."""

import hmac
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import Annotated, Any, Literal, TypeVar

import mcp.types as mcp
from mcp.server import MCPServer
from mcp.server.mcpserver import (
    AcceptedElicitation,
    Context,
    Elicit,
    ElicitationResult,
    Resolve,
)
from mcp.server.mcpserver.exceptions import ResourceNotFoundError, ToolError
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import BaseModel, ConfigDict, Field

from ....prompts import told_to_agents
from ....tools.errors import TrimtabError
from .answers import Answered, Applied, Checked, Drafted, Explained, Started, Status, Verified, short
from .service import Service

Answer = TypeVar("Answer")

_LOOKS = mcp.ToolAnnotations(read_only_hint=True, open_world_hint=False)
_ASKS = mcp.ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
_STARTS = mcp.ToolAnnotations(read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
_WRITES = mcp.ToolAnnotations(read_only_hint=False, destructive_hint=True, idempotent_hint=True, open_world_hint=False)

StudyText = Annotated[str, Field(description="TOML text, or a file's path.")]
RunId = Annotated[str, Field(max_length=120)]


class Idea(BaseModel):
    """A configuration to try. Parameters that are not named take their default."""

    model_config = ConfigDict(json_schema_extra=short)

    values: dict[str, bool | int | float | str]
    rationale: str = Field("", max_length=500)
    predicted: dict[str, dict[Literal["expected", "low", "high"], float]] = Field({}, description="By metric; 90 %.")


class Consent(BaseModel):
    """A person's answer."""

    write: bool = Field(description="Write the file?")


def build(service: Service, *, allow_apply: bool) -> MCPServer[Any]:
    """Return the server of a service; without `allow_apply` a person is asked before a file is written."""
    server: MCPServer[Any] = MCPServer(
        "trimtab", instructions=told_to_agents(), version=version("trimtab"), log_level="CRITICAL"
    )
    _add_studies(server, service)
    _add_runs(server, service)
    _add_results(server, service, allow_apply=allow_apply)

    @server.prompt("tune_this")
    def tune_this(what: str = "this system") -> str:
        """How to tune something with these tools."""
        return f"Tune {what} with trimtab.\n\n{told_to_agents()}"

    return server


def _add_studies(server: MCPServer[Any], service: Service) -> None:
    """Add the tools for studies that are not run yet."""

    @server.tool("trimtab_check", annotations=_LOOKS)
    def check(study: StudyText) -> Checked:
        """Check a study: its search space, or every mistake with its fix."""
        return service.check(study)

    @server.tool("trimtab_draft", annotations=_LOOKS)
    def draft(
        source: Annotated[str, Field(description="Command line, script or config file.")],
        command: Annotated[str, Field(description="How a file's values are measured.")] = "",
        metric: str = "seconds",
    ) -> Drafted:
        """Draft a study file; nothing is run or written."""
        return _told(lambda: service.draft(source, command, metric))


def _add_runs(server: MCPServer[Any], service: Service) -> None:
    """Add the tools for runs."""

    @server.tool("trimtab_start", annotations=_STARTS)
    def start(
        study: StudyText,
        request: Annotated[str, Field(description="Yours; the same one starts nothing twice.", max_length=120)],
        trials: Annotated[int | None, Field(description="Trials in all.")] = None,
        planner: Literal["client", "auto", "offline", "none"] = "client",
    ) -> Started:
        """Start a run, a process of its own that outlives you, and return at once. Planner client: propose at once."""
        return _told(lambda: service.start(study, trials, planner, request))

    @server.tool("trimtab_status", annotations=_LOOKS)
    async def status(
        ctx: Context[Any, Any],
        run: RunId,
        since: Annotated[int, Field(description="First unknown trial.", ge=0)] = 0,
        wait_s: Annotated[float, Field(description="Longest wait for news.", ge=0, le=20)] = 0,
    ) -> Status:
        """Where a run stands: new trials, the best, what became of your ideas, the verdict at the end."""
        found = await _awaited(lambda: service.status(run, since, wait_s))
        await ctx.report_progress(found.finished, found.budget)
        return found

    @server.tool("trimtab_propose", annotations=_ASKS)
    async def propose(run: RunId, ideas: Annotated[list[Idea], Field(min_length=1, max_length=20)]) -> Answered:
        """Hand in ideas, several at a time, best first; each is answered: accepted, repaired, or refused because."""
        return await _awaited(lambda: service.propose(run, [each.model_dump() for each in ideas]))

    @server.tool("trimtab_control", annotations=_ASKS)
    async def control(
        run: RunId,
        action: Literal["pause", "resume", "stop", "freeze", "narrow", "forbid", "budget", "note"],
        parameter: str = "",
        value: bool | int | float | str | None = None,
        low: float | None = None,
        high: float | None = None,
        when: Annotated[str, Field(description="For forbid: an expression.")] = "",
        reason: str = "",
        trials: int | None = None,
        text: str = "",
    ) -> Answered:
        """Pause, resume or stop; freeze parameter at value; narrow it to low..high; forbid when; lower the budget."""
        given = {
            "parameter": parameter, "value": value, "low": low, "high": high, "when": when, "reason": reason,
            "trials": trials, "text": text,
        }  # fmt: skip
        return await _awaited(lambda: service.control(run, action, given))


def _add_results(server: MCPServer[Any], service: Service, *, allow_apply: bool) -> None:
    """Add the tools for what came of a run."""

    @server.tool("trimtab_explain", annotations=_LOOKS)
    def explain(
        run: RunId, about: Literal["result", "failures", "trial"] = "result", trial: int | None = None
    ) -> Explained:
        """Why: the result with its ablation, failures, or a trial with the end of its log."""
        return _told(lambda: service.explain(run, about, trial))

    @server.tool("trimtab_verify", annotations=_ASKS)
    async def verify(
        run: RunId, again: Annotated[bool, Field(description="Measure the pairs anew.")] = False
    ) -> Verified:
        """The paired check on seeds that the search never saw. Claim no improvement without it."""
        return await _awaited(lambda: service.verify(run, again))

    async def agreed(ctx: Context[Any, Any], run: str, file: str, confirm: bool = False) -> Consent | Elicit[Consent]:
        """Ask the person behind the client about a file that is to be written, where it can ask one."""
        if allow_apply or not confirm or _told(lambda: service.may_write(file)):
            return Consent(write=confirm)
        capabilities = ctx.client_capabilities
        if capabilities is None or capabilities.elicitation is None:
            return Consent(write=False)
        shown = await _awaited(lambda: _later(lambda: service.apply(run, file, confirm=False)))
        return Elicit(f"Write {file}?\n{shown.difference}", Consent) if shown.difference else Consent(write=False)

    @server.tool("trimtab_apply", annotations=_WRITES)
    async def apply(
        run: RunId,
        file: str,
        consent: Annotated[ElicitationResult[Consent], Resolve(agreed)],
        confirm: bool = False,
    ) -> Applied:
        """Show what a file below the folder would become; with confirm, write it, after a person agreed."""
        if isinstance(consent, AcceptedElicitation) and consent.data.write:
            return await _awaited(lambda: _later(lambda: service.apply(run, file, confirm=True)))
        shown = await _awaited(lambda: _later(lambda: service.apply(run, file, confirm=False)))
        if not confirm or not shown.difference:
            return shown
        hint = "not written: nobody agreed (agents_write in config.toml, --allow-apply, or by hand: trimtab apply)"
        return Applied(written=False, difference=shown.difference, said=hint)

    _add_resources(server, service)


def _add_resources(server: MCPServer[Any], service: Service) -> None:
    """Add what a person may attach to a conversation."""

    @server.resource("trimtab://run/{run}/report", mime_type="text/markdown")
    def report(run: str) -> str:
        """The result of a run, in words."""
        return _told(lambda: "\n".join(service.explain(run, "result", None).lines), ResourceNotFoundError)

    @server.resource("trimtab://run/{run}/trials", mime_type="application/jsonl")
    def trials(run: str) -> str:
        """The trials of a run, one a line; of a long one the last."""
        return _told(lambda: "\n".join(service.trials(run)), ResourceNotFoundError)

    @server.resource("trimtab://run/{run}/log", mime_type="text/plain")
    def log(run: str) -> str:
        """The end of what a run said."""
        return _told(lambda: service.log(run), ResourceNotFoundError)


def _told(act: Callable[[], Answer], refused: type[Exception] = ToolError) -> Answer:
    try:
        return act()
    except TrimtabError as error:
        raise refused(str(error)[:2000]) from None


async def _awaited(act: Callable[[], Awaitable[Answer]]) -> Answer:
    try:
        return await act()
    except TrimtabError as error:
        raise ToolError(str(error)[:2000]) from None


async def _later(act: Callable[[], Answer]) -> Answer:
    return act()


def run_stdio(service: Service, *, allow_apply: bool) -> None:
    """Serve over standard input and output until they are closed."""
    build(service, allow_apply=allow_apply).run("stdio")


def http_app(service: Service, token: str, port: int, *, allow_apply: bool) -> Callable[..., Awaitable[None]]:
    """Return the application for streamable HTTP: on this machine's own hosts, for who has the token."""
    hosts = [f"127.0.0.1:{port}", f"localhost:{port}"]
    security = TransportSecuritySettings(allowed_hosts=hosts, allowed_origins=[f"http://{each}" for each in hosts])
    app = build(service, allow_apply=allow_apply).streamable_http_app(transport_security=security)

    async def guarded(scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, f"Bearer {token}".encode()):
                await send(
                    {"type": "http.response.start", "status": 401, "headers": [(b"content-type", b"text/plain")]}
                )
                await send({"type": "http.response.body", "body": b"a token is needed: Authorization: Bearer TOKEN\n"})
                return
        await app(scope, receive, send)

    return guarded
