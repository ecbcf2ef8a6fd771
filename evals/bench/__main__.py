"""Runs the benchmarks that are named on the command line, else all; exits 1 when a bar is missed."""

import sys
from importlib import import_module

from . import BENCHMARKS


def main() -> int:
    """Print one line a comparison."""
    missed = 0
    for name in sys.argv[1:] or BENCHMARKS:
        for comparison in import_module(f".{name}", __package__).run():
            print(comparison, flush=True)
            missed += comparison.ratio > comparison.bar
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
