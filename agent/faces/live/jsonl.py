"""One event a line as JSON, for scripts; the schema is `trimtab schema --events`."""

import sys

from ...events import Event


class JsonLines:
    """Prints each event as it happens."""

    def show(self, event: Event) -> None:
        """Print one event and flush, so that a reader sees it at once."""
        is_utf8 = (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
        sys.stdout.write(event.model_dump_json(ensure_ascii=not is_utf8) + "\n")
        sys.stdout.flush()

    def close(self) -> None:
        """Nothing to give back."""
