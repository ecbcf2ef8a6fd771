"""Says of a failed evaluation what the sandbox caused, with the line of the study file to change."""

import re
from collections.abc import Iterator
from pathlib import Path

from ...sandbox import SandboxedCommand
from ...sandbox.mounts import hides

_NO_NETWORK = re.compile(
    r"[Cc]onnection refused|ECONNREFUSED|ENETUNREACH|[Nn]etwork is unreachable|[Nn]o route to host|ENOTFOUND|EAI_AGAIN"
    r"|[Nn]ame or service not known|[Tt]emporary failure in name resolution|[Cc]ould ?n[o']t resolve|[Uu]nknown host"
    r"|[Cc]ould ?n[o']t connect|[Cc]an ?(?:not|'t) connect|[Ff]ailed to connect|NameResolutionError"
    r"|UnknownHostException"
)
_PORT = re.compile(r"(?:127\.0\.0\.1|localhost|\[?::1\]?)[\"']?(?:[:,]\s*|\s+port\s+)(?:port=)?(\d{2,5})\b")
_NOT_THERE = re.compile(r"[Nn]o such file or directory|ENOENT|[Nn]ot found|FileNotFound|does not exist|[Cc]annot open")
_PATH = re.compile(r"(?<![\w./])/[^\s'\":;,()\[\]<>|]+")
_READ_ONLY = re.compile(r"[Rr]ead-only file system|EROFS")
_MOST_PATHS = 20


def caused_by_sandbox(command: SandboxedCommand, isolated: bool, written: str) -> str:
    """Return what the sandbox had to do with a failure, by what the program wrote; '' where nothing speaks for it."""
    if not isolated:
        return ""
    if not command.network and _NO_NETWORK.search(written):
        return _network(command, written)
    hidden = next(_hidden(command, written), None) if _NOT_THERE.search(written) else None
    if hidden is not None:
        return f"the sandbox hides {hidden}: name it in evaluation.readable"
    if _READ_ONLY.search(written):
        return "only its own folder, {work_dir}, and /tmp may be written"
    return ""


def _network(command: SandboxedCommand, written: str) -> str:
    ports = [int(port) for port in _PORT.findall(written) if int(port) not in command.ports]
    if ports or (command.ports and not re.search("resol", written)):
        wanted = f"ports = [{', '.join(map(str, dict.fromkeys([*command.ports, *ports])))}]"
        if ports:
            return f'no network in the sandbox: evaluation.network = "host-loopback", {wanted}, reaches this machine\'s'
        return f"the sandbox reaches only {wanted} of this machine"
    return 'no network in the sandbox: evaluation.network = true, or "host-loopback" with ports = [...]'


def _hidden(command: SandboxedCommand, written: str) -> Iterator[Path]:
    """Yield paths in the text that are there on this machine, and not in the sandbox."""
    shown = (*command.readable, *command.sockets, command.directory)
    for text in dict.fromkeys(_PATH.findall(written)[-_MOST_PATHS:]):
        path = Path(text.rstrip("."))
        if hides(path) and path.exists() and not any(path.is_relative_to(each) for each in shown):
            yield path
