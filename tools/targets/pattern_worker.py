"""Finds the last match of regular expressions in a process of its own. Standard library only; never imports trimtab.

A pattern may take for ever on an unlucky text, and Python cannot be interrupted in it. Standard input is JSON
{"text": ..., "patterns": [...], "seconds": processor time}; each pattern answers with a line, a text or null.
"""

import json
import re
import resource
import sys
from collections import deque

_MEMORY = 2 << 30
_LONGEST = 1000
"""Characters of a match that can matter for a number."""


def main() -> None:
    """Answer each pattern in order, as long as the processor time lasts."""
    job = json.loads(sys.stdin.buffer.read())
    resource.setrlimit(resource.RLIMIT_CPU, (job["seconds"], job["seconds"]))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for pattern in job["patterns"]:
        last = next(iter(deque(re.finditer(pattern, job["text"]), maxlen=1)), None)
        sys.stdout.write(json.dumps(last and last[1] and last[1][:_LONGEST]) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
