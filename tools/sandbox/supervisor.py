"""Started before a command where bubblewrap is absent: sets its limits and outlives none of its descendants.

Usage: supervisor.py PARENT MEMORY FILE_SIZE -- COMMAND [ARG ...]. Standard library only. It makes itself the reaper of
orphans, so that a descendant which left the process group is still found, and asks the kernel for SIGTERM when
its own parent dies, so that killing trimtab ends the evaluation too. The command may gain no privileges, and has none
of root's beyond those over files and users: it could look into the memory of trimtab with them.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
import time

from descendants import descendants  # type: ignore[import-not-found]  # runs as a script, beside that file

_PR_SET_PDEATHSIG, _PR_CAPBSET_DROP, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 24, 36, 38
# chown, dac_override, fowner, fsetid, kill, setgid, setuid, net_bind_service
_KEPT_CAPABILITIES = {0, 1, 3, 4, 5, 6, 7, 10}


def main() -> int:
    """Run the command and return its exit status, 128 + signal when a signal ended it."""
    parent, memory, file_size, _separator, *argv = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: _kill_all_and_exit())
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):  # it died before the kernel was asked to tell us
        return 1
    child = os.fork()
    if child == 0:
        _confine(libc)
        _become(argv, int(memory), int(file_size))
    while True:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            _kill_all()
            return code if code >= 0 else 128 - code


def _confine(libc: ctypes.CDLL) -> None:
    for capability in range(64):  # those that root does not have, or the kernel does not know, are refused: no matter
        if capability not in _KEPT_CAPABILITIES:
            libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def _become(argv: list[str], memory: int, file_size: int) -> None:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for which, most in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_FSIZE, file_size), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(which)[1]
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (least, least))
    try:
        os.execvp(argv[0], argv)  # noqa: S606  # the command is the user's
    except OSError as error:
        sys.stderr.write(f"{argv[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(127)


def _kill_all() -> None:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        alive = list(descendants(os.getpid()))
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not alive:
            return
        time.sleep(0.001)


def _kill_all_and_exit() -> None:
    _kill_all()
    os._exit(143)


if __name__ == "__main__":
    sys.exit(main())
