"""Takes this process's variables, keys among them, out of the place where other processes can read them.

The kernel shows the block of memory in which a process was given its environment as /proc/PID/environ, to every
process of the same user. The variables go on to exist, in ordinary memory: `os.environ`, `getenv` and the environment
of our children do not change.
"""

import ctypes
import os
from functools import cache
from pathlib import Path

_FIRST_FIELD_AFTER_NAME, _ENV_START, _ENV_END = 3, 50, 51  # numbered as in proc(5), /proc/PID/stat


@cache
def conceal() -> None:
    """Empty the block, once; every variable is set anew first, so that the C library keeps a copy of its own."""
    stat = Path("/proc/self/stat").read_text()
    fields = stat[stat.rindex(")") + 2 :].split()
    start, end = (int(fields[number - _FIRST_FIELD_AFTER_NAME]) for number in (_ENV_START, _ENV_END))
    if 0 < start < end:
        for name, value in os.environb.items():
            os.putenv(name, value)
        ctypes.memset(start, 0, end - start)
