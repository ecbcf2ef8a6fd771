"""Six tasks whose best point lies on, or near, a border that a constraint draws.

Four are standard problems of constrained optimization, two are simple models of systems, with switches and integers.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ...tools.expressions import Value


@dataclass(frozen=True)
class ConstrainedTask:
    """A task: its parameters and constraints as a study has them, and what a configuration measures.

    `best` is the smallest loss that keeps all constraints, `usual` that of a typical feasible point.
    """

    name: str
    parameters: dict[str, dict[str, Any]]
    constraints: list[dict[str, Any]]
    measure: Callable[[Mapping[str, Value]], dict[str, float]]
    best: float
    usual: float


def _number(low: float, high: float, default: float) -> dict[str, Any]:
    return {"type": "float", "low": low, "high": high, "default": default}


def _gardner(c: Mapping[str, Any]) -> dict[str, float]:
    """Gardner et al., ICML 2014, second simulation: one small feasible region."""
    x, y = c["x"], c["y"]
    return {"loss": math.sin(x) + y, "g": math.sin(x) * math.sin(y)}


def _gramacy(c: Mapping[str, Any]) -> dict[str, float]:
    """Gramacy et al., Technometrics 2016: a linear objective, two nonlinear borders."""
    x, y = c["x"], c["y"]
    wave = 0.5 * math.sin(2 * math.pi * (x * x - 2 * y))
    return {"loss": x + y, "a": 1.5 - x - 2 * y - wave, "b": x * x + y * y - 1.5}


def _spring(c: Mapping[str, Any]) -> dict[str, float]:
    """Weight of a tension spring (Belegundu 1982): four constraints on deflection, stress, frequency, diameter."""
    wire, coil, turns = c["wire"], c["coil"], c["turns"]
    stress = (4 * coil**2 - wire * coil) / (12566 * (coil * wire**3 - wire**4)) + 1 / (5108 * wire**2) - 1
    return {
        "loss": (turns + 2) * coil * wire**2,
        "deflection": 1 - coil**3 * turns / (71785 * wire**4),
        "stress": stress,
        "frequency": 1 - 140.45 * wire / (coil**2 * turns),
        "diameter": (wire + coil) / 1.5 - 1,
    }


def _vessel(c: Mapping[str, Any]) -> dict[str, float]:
    """Cost of a pressure vessel (Sandgren 1990): thickness in sixteenths of an inch."""
    shell, head, r, length = 0.0625 * c["shell"], 0.0625 * c["head"], c["radius"], c["length"]
    cost = 0.6224 * shell * r * length + 1.7781 * head * r * r + 3.1661 * shell**2 * length + 19.84 * shell**2 * r
    volume = math.pi * r * r * length + 4 / 3 * math.pi * r**3
    return {"loss": cost, "a": 0.0193 * r - shell, "b": 0.00954 * r - head, "volume": 1296000 - volume}


def _server(c: Mapping[str, Any]) -> dict[str, float]:
    """Requests a second of a batching server under a promise for its 99th percentile and a limit of memory."""
    workers, batch = c["workers"], c["batch"]
    speed = {"none": 1.0, "lru": 1.3, "arc": 1.35}[c["cache"]]
    busy = workers / (workers + 6)
    rate = 900 * speed * busy * batch**0.45 * (1.12 if c["pin"] else 1.0)
    wait = c["wait_ms"] * (1 - math.exp(-batch / 8))
    p99 = 12 + wait + 2.1 * batch + 4000 * busy * (1.25 if c["pin"] else 1.0) / (20 + 60 / workers)
    memory = 180 * workers + 4 * batch * workers + {"none": 0, "lru": 700, "arc": 1400}[c["cache"]]
    return {"loss": -rate * (1 - 0.3 * math.exp(-c["wait_ms"] / 6)), "p99_ms": p99, "memory_mb": memory}


def _compiler(c: Mapping[str, Any]) -> dict[str, float]:
    """Run time of a program whose binary must stay small: switches that trade size for speed."""
    level = {"O1": 1.0, "O2": 0.78, "O3": 0.74}[c["level"]]
    size = {"O1": 410, "O2": 480, "O3": 610}[c["level"]]
    unroll = c["unroll"] if c["level"] != "O1" else 0
    seconds = level * (1 - 0.018 * unroll + 0.0011 * unroll**2) * (0.88 if c["lto"] else 1.0)
    seconds *= (
        (0.93 if c["vectorize"] else 1.0)
        * (0.97 if c["frame"] else 1.0)
        * (1 - 0.05 * c["inline"] / (c["inline"] + 60))
    )
    size = size * (0.94 if c["lto"] else 1.0) + 9 * unroll + 0.35 * c["inline"] + (45 if c["vectorize"] else 0)
    return {"loss": seconds * 10, "size_kb": size}


_SERVER: dict[str, dict[str, Any]] = {
    "workers": {"type": "int", "low": 1, "high": 32, "default": 4},
    "batch": {"type": "int", "low": 1, "high": 64, "log": True, "default": 8},
    "wait_ms": _number(0.0, 50.0, 5.0),
    "cache": {"type": "categorical", "choices": ["none", "lru", "arc"], "default": "none"},
    "pin": {"type": "bool", "default": False},
}
_COMPILER: dict[str, dict[str, Any]] = {
    "level": {"type": "ordinal", "choices": ["O1", "O2", "O3"], "default": "O1"},
    "unroll": {"type": "int", "low": 0, "high": 16, "default": 0},
    "inline": {"type": "int", "low": 0, "high": 400, "default": 0},
    "lto": {"type": "bool", "default": False},
    "vectorize": {"type": "bool", "default": False},
    "frame": {"type": "bool", "default": False},
}


def _at_most(**bounds: float) -> list[dict[str, Any]]:
    return [{"metric": metric, "max": bound} for metric, bound in bounds.items()]


TASKS = [
    ConstrainedTask(
        "gardner", {"x": _number(0, 6, 3), "y": _number(0, 6, 3)}, _at_most(g=-0.95), _gardner, 0.2532, 0.84
    ),
    ConstrainedTask(
        "gramacy", {"x": _number(0, 1, 0.9), "y": _number(0, 1, 0.9)}, _at_most(a=0.0, b=0.0), _gramacy, 0.5998, 1.3
    ),
    ConstrainedTask(
        "spring",
        {"wire": _number(0.05, 0.2, 0.1), "coil": _number(0.25, 1.3, 0.6), "turns": _number(2, 15, 8)},
        _at_most(deflection=0.0, stress=0.0, frequency=0.0, diameter=0.0),
        _spring,
        0.012666,
        0.06,
    ),
    ConstrainedTask(
        "vessel",
        {
            "shell": {"type": "int", "low": 1, "high": 32, "default": 24},
            "head": {"type": "int", "low": 1, "high": 32, "default": 16},
            "radius": _number(20, 80, 60),
            "length": _number(20, 200, 100),
        },
        _at_most(a=0.0, b=0.0, volume=0.0),
        _vessel,
        6059.7,
        16000.0,
    ),
    ConstrainedTask("server", _SERVER, _at_most(p99_ms=150.0, memory_mb=4000.0), _server, -2640.0, -917.0),
    ConstrainedTask("compiler", _COMPILER, _at_most(size_kb=560.0), _compiler, 5.67, 8.43),
]
