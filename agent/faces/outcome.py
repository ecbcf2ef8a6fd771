"""Runs the command line, and turns whatever ends it into one line and an exit code: 2 bad input, 1 failed, 130 ended.

Also sees to it that the standard streams can be written: closed ones, other encodings, full disks.
"""

import contextlib
import errno
import os
import signal
import sys
from collections.abc import Callable, Iterator

from ...tools.errors import TrimtabError
from ...tools.text import one_line, plain

TRACEBACK = "TRIMTAB_TRACEBACK"
"""Environment variable: when set, an unexpected error is shown with where it happened."""


def run(program: Callable[[], object]) -> int:
    """Run `program` to its end and return the exit code; every error is one line on standard error."""
    open_streams()
    code = _code_of(program)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            code = code or 1
            _discard(stream.fileno())
        except OSError as error:
            code = code or _told(_words(error), 1)
            _discard(stream.fileno())
    return code


@contextlib.contextmanager
def no_interrupts() -> Iterator[None]:
    """Hold interrupts back for a moment; those that came take effect, as far as they still have one, after it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def open_streams() -> None:
    """Give closed standard streams the null device, and let what an encoding lacks be written as an escape."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:  # else the next file that is opened, such as the store, would get this number
            _discard(number)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def _code_of(program: Callable[[], object]) -> int:
    try:
        program()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else _told(str(ended.code), 1)
    except TrimtabError as error:
        for line in (str(error), *getattr(error, "__notes__", ())):
            _told(plain(line), error.exit_code)
        return error.exit_code
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # one more must not change how the program ends
        return _told("interrupted", 130, prefix="")
    except BrokenPipeError:  # the reader of a pipe, such as head, had enough
        return 1
    except OSError as error:
        return _told(_words(error), 1)
    except Exception as error:
        if TRACEBACK in os.environ:
            raise
        what = one_line(f"{type(error).__name__}: {error}")
        return _told(f"unexpected: {what} (this is a mistake of trimtab; {TRACEBACK}=1 shows where)", 1)
    return 0


def _words(error: OSError) -> str:
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    what = error.strerror or str(error) or type(error).__name__
    hint = " (make room: what was measured is in the store)" if error.errno in {errno.ENOSPC, errno.EDQUOT} else ""
    return one_line(f"{where}{what}{hint}")


def _told(message: str, code: int, prefix: str = "error: ") -> int:
    try:
        sys.stderr.write(f"{prefix}{message}\n")
    except OSError:
        _discard(2)
    return code


def _discard(number: int) -> None:
    """Let a file descriptor lead nowhere from now on."""
    null = os.open(os.devnull, os.O_RDWR)
    if null != number:
        os.dup2(null, number)
        os.close(null)
