"""Whatever ends the command line: one line, an exit code, no traceback."""

import sys

import pytest
import typer

from trimtab.agent.faces.outcome import TRACEBACK, run
from trimtab.tools.errors import InputError, TrimtabError


def raises(error: BaseException) -> int:
    def program() -> None:
        raise error

    return run(program)


ENDS = {
    "input": (InputError("bad \x1b[31mname", "use another"), 2, "error: bad name (use another)"),
    "failure": (TrimtabError("it failed"), 1, "error: it failed"),
    "interrupt": (KeyboardInterrupt(), 130, "interrupted"),
    "pipe": (BrokenPipeError(32, "Broken pipe"), 1, ""),
    "full disk": (OSError(28, "No space left on device"), 1, "error: No space left on device (make room"),
    "file": (PermissionError(13, "Permission denied", "/a\nb"), 1, "error: /a b: Permission denied"),
    "file of bytes": (FileNotFoundError(2, "No such file", b"/\xff"), 1, "error: /\ufffd: No such file"),
    "wordless": (TimeoutError(), 1, "error: TimeoutError"),
    "mistake": (KeyError("x\x1b"), 1, "error: unexpected: KeyError: 'x\\x1b' (this is a mistake of trimtab"),
    "recursion": (RecursionError("maximum recursion depth exceeded"), 1, "error: unexpected: RecursionError"),
    "exit": (typer.Exit(3), 1, "error: unexpected"),  # Typer itself turns it into the next
    "system exit": (SystemExit(3), 3, ""),
    "exit with words": (SystemExit("words"), 1, "error: words"),
    "plain exit": (SystemExit(), 0, ""),
}


@pytest.mark.parametrize("name", ENDS)
def test_every_end_is_one_line_and_a_code(
    name: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TRACEBACK, raising=False)
    error, code, said = ENDS[name]
    assert raises(error) == code
    written = capfd.readouterr().err
    assert written.startswith(said)
    assert written.count("\n") == bool(said)
    assert "\x1b" not in written


def test_a_success_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(lambda: sys.stdout.write("found\n")) == 0
    assert capfd.readouterr() == ("found\n", "")


def test_who_looks_for_a_mistake_gets_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TRACEBACK, "1")
    with pytest.raises(KeyError):
        raises(KeyError("x"))
