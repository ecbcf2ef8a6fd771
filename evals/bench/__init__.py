"""Benchmarks: each prints a ratio against a named baseline that was measured in the same run.

A new one is a module here with `run() -> Iterator[Comparison]`, and its name in `BENCHMARKS`.
"""

BENCHMARKS = (
    "startup",
    "parsing",
    "repair",
    "spawn",
    "durable_trial",
    "prompt_size",
    "busy_workers",
    "samplers",
    "suggestion",
    "constrained",
    "gate",
    "harness",
    "screen",
)
