"""Parameters that are settings of a system are looked up in its catalogue before anything is touched."""

import copy
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.study.file import load_study, parse_study
from trimtab.tools.errors import InputError

STUDY: dict[str, Any] = {
    "study": {"name": "s"},
    "target": {"kind": "postgresql"},
    "parameters": {"work_mem": {"type": "int", "low": 1, "high": 64, "default": 4, "unit": "MB"}},
    "objectives": [{"metric": "throughput", "direction": "maximize"}],
}


def told(folder: Path, change: dict[str, Any]) -> str:
    """Return what is said of a study; `change` is by dotted path."""
    data = copy.deepcopy(STUDY)
    for path, value in change.items():
        *tables, last = path.split(".")
        table = data
        for each in tables:
            table = table.setdefault(each, {})
        table[last] = value
    try:
        parse_study(data, folder / "study.toml")
    except InputError as error:
        return f"{error} {error.hint or ''}"
    return ""


def test_the_study_is_fine(tmp_path: Path) -> None:
    assert told(tmp_path, {}) == ""


FSYNC = {"parameters.fsync": {"type": "bool", "default": True}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"parameters.work_memm": {"type": "int", "low": 1, "high": 2, "default": 1}}, "did you mean 'work_mem'?"),
        (
            FSYNC,
            "parameters.fsync: is not tuned (durability: Whether writes reach the disk; off loses the database in a",
        ),
        (FSYNC, "set [target] allow = ['fsync']"),
        ({**FSYNC, "target.allow": ["fsync"]}, ""),
        ({"target.allow": ["work_men"]}, "'work_men' is no parameter; did you mean 'work_mem'?"),
        ({"parameters.work_mem.low": 0}, "0 MB is not what the server takes: 64 to 2.14748e+09 kB"),
        ({"parameters.work_mem.unit": ""}, "unit '' does not fit: work_mem has unit = 'kB'"),
        ({"parameters.work_mem.unit": "ms"}, "unit 'ms' does not fit"),
        ({"parameters.jit": {"type": "int", "low": 0, "high": 1, "default": 1}}, "'int', but jit is of type boolean"),
        ({"parameters.jit": {"type": "categorical", "choices": ["on", "off"], "default": "on"}}, "type = 'bool'"),
        (
            {"parameters.wal_compression": {"type": "categorical", "choices": ["off", "lz5"], "default": "off"}},
            "'lz5' is not one of pglz, lz4",
        ),
        ({"parameters.wal_compression": {"type": "bool", "default": True}}, ""),
        ({"parameters.huge_pages": {"type": "bool", "default": True}}, ""),
        ({"parameters.plan_cache_mode": {"type": "bool", "default": True}}, "True is not one of"),
        ({"parameters.my_extension.size": {"type": "int", "low": 1, "high": 2, "default": 1}}, "parameters"),
        ({"objectives": [{"metric": "tps", "direction": "maximize"}]}, "'tps' is not measured by this target"),
        ({"objectives": [{"metric": "troughput", "direction": "maximize"}]}, "did you mean 'throughput'?"),
        ({"constraints": [{"metric": "p99", "max": 4}]}, "it measures throughput, latency_mean_ms"),
        ({"target.workload": {"scripts": ["a.sql@2"]}}, "there is no a.sql beside the study file"),
        ({"target.workload": {"load": "l.sql"}}, "there is no l.sql beside the study file"),
        ({"target.workload": {"reset": "r.sql"}}, "there is no r.sql beside the study file"),
        ({"evaluation": {"workers": 2}}, ""),
        ({"evaluation": {"workers": 2}, "target.dsn": "host=h"}, "2 workers would change one server: only 1 can"),
        ({"fidelity": {"high": 9}}, "a postgresql target reports no intermediate values"),
        ({"study.system": "postgresq"}, "did you mean 'postgresql'?"),
    ],
)
def test_what_is_said(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    found = told(tmp_path, change)
    assert said in found if said else found == ""


def test_units_and_defaults_reach_the_target(root: Path) -> None:
    wording = load_study(root / "examples" / "postgresql" / "study.toml").wording
    assert (wording.settings["work_mem"].unit, wording.settings["work_mem"].default) == ("kB", 4096)
    assert wording.settings.keys() == load_study(root / "examples" / "postgresql" / "study.toml").parameters.keys()
    assert load_study(root / "examples" / "sqlite" / "study.toml").wording.settings == {}
