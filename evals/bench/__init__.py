"""Benchmarks: each prints a ratio against a named baseline that was measured in the same run.

A new one is a module here with `run() -> Iterator[Ratio]`, its name in `BENCHMARKS`, and its bar in bars.toml.
"""

BENCHMARKS = (
    "startup",
    "parsing",
    "repair",
    "spawn",
    "code_trial",
    "durable_trial",
    "bookkeeping",
    "studies",
    "recall",
    "agents",
    "memory",
    "prompt_size",
    "busy_workers",
    "verdict",
    "samplers",
    "optimizers",
    "suggestion",
    "constrained",
    "strong_planner",
    "harm",
    "harness",
    "results",
    "screen",
    "keys",
)
