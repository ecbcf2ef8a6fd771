"""The base of every error a person can act on. Subclasses live beside the code that raises them."""


class TrimtabError(Exception):
    """Something went wrong that is told to the user in one line, without a traceback.

    `hint` says how to mend it. `exit_code` is the process's exit status: 1 for a failed run.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message


class InputError(TrimtabError):
    """What the user gave (a file, an option, a name) cannot be used: exit code 2."""

    exit_code = 2
