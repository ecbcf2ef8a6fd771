"""Finds matches of regular expressions in a process of its own. Standard library only; never imports trimtab.

A pattern may take for ever on an unlucky text, and Python cannot be interrupted in it. Standard input is JSON
{"text": ..., "patterns": [[pattern, how many of the last matches], ...], "seconds": processor time}; each pattern
answers with a line: a list of [group 1, what stands before the match, what stands after it]. Where a match goes on
before or after its group, these are empty: the pattern says itself what stands there.
"""

import json
import re
import resource
import sys
from collections import deque

_MEMORY = 2 << 30
_AROUND = 16
_LONGEST = 1000
"""Characters of a match that can matter for a number."""


def main() -> None:
    """Answer each pattern in order, as long as the processor time lasts."""
    job = json.loads(sys.stdin.buffer.read())
    resource.setrlimit(resource.RLIMIT_CPU, (job["seconds"], job["seconds"]))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    text = job["text"]
    for pattern, most in job["patterns"]:
        found = deque((_around(text, each) for each in re.finditer(pattern, text) if each[1] is not None), maxlen=most)
        sys.stdout.write(json.dumps(list(found)) + "\n")
        sys.stdout.flush()


def _around(text: str, match: re.Match[str]) -> tuple[str, str, str]:
    start, end = match.span(1)
    before = text[max(start - _AROUND, 0) : start] if start == match.start() else ""
    after = text[end : end + _AROUND] if end == match.end() else ""
    return match[1][:_LONGEST], before, after


if __name__ == "__main__":
    main()
