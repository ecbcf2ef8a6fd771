"""What all dialogs have in common."""

from typing import TypeVar

from textual.await_complete import AwaitComplete
from textual.screen import ModalScreen

Answer = TypeVar("Answer")


class Dialog(ModalScreen[Answer]):
    """A dialog that takes no key before it is there, where it would act on what is not mounted yet, nor after it was
    answered, where it would close whatever is below it."""

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action may run now."""
        return self.is_mounted and self.is_current and super().check_action(action, parameters)

    def dismiss(self, result: Answer | None = None) -> AwaitComplete:
        """Close the dialog with its answer, once."""
        return super().dismiss(result) if self.is_current else AwaitComplete()
