"""The machine that this is, as a line of text: equal lines, comparable measurements."""

import os
import platform
from functools import cache
from pathlib import Path

from ...tools.text import one_line

_LONGEST = 200


@cache
def this_host() -> str:
    """Return name, processor, number of CPUs that this process may use, memory and kernel of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    cpus = len(os.sched_getaffinity(0))
    return one_line(
        f"{platform.node()}: {_processor()}, {cpus} CPUs, {memory:.0f} GiB, {platform.system()} {platform.release()}",
        _LONGEST,
    )


def _processor() -> str:
    """Return the processor's model; its architecture where the system does not tell."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.machine()
