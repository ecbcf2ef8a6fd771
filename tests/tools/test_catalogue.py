import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from trimtab.agent.study.file import load_study
from trimtab.tools.catalogue import Knob, catalogue_names, load_catalogue, machine_facts
from trimtab.tools.expressions import parse


@pytest.mark.parametrize("name", catalogue_names())
def test_every_recommended_value_is_of_a_documented_knob_and_can_be_computed(name: str) -> None:
    catalogue = load_catalogue(name)
    assert catalogue.system == name
    for profile in catalogue.profiles.values():
        for knob, text in profile.values.items():
            assert catalogue.knobs[knob].source.startswith("https://")
            assert parse(text).names <= machine_facts().keys()
            assert parse(text)({"memory": 8 << 30, "cores": 4}) is not None


def test_recommendations_follow_the_machine_and_the_units(root) -> None:
    catalogue = load_catalogue("sqlite")
    units = {name: p.unit for name, p in load_study(root / "examples/sqlite/study.toml").parameters.items()}
    small = catalogue.recommend("server", units, {"memory": 256 << 20, "cores": 1})
    large = catalogue.recommend("server", units, {"memory": 64 << 30, "cores": 32})
    assert small["cache_kib"] == 32768
    assert large["cache_kib"] == 65536
    assert "cache_kib" not in catalogue.recommend("server", {"cache_kib": "pages"}, {"memory": 1 << 30, "cores": 1})


def test_values_are_converted_to_the_studys_unit() -> None:
    catalogue, machine = load_catalogue("postgresql"), {"memory": 16 << 30, "cores": 4}
    found = catalogue.recommend(
        "oltp", {"shared_buffers": "GB", "work_mem": "kB", "jit": "", "max_wal_size": "s"}, machine
    )
    assert (found["shared_buffers"], found["jit"]) == (4, False)
    assert catalogue.recommend("oltp", {"work_mem": "MB"}, machine)["work_mem"] * 1024 == found["work_mem"]
    assert "max_wal_size" not in found


@pytest.mark.parametrize("memory", [512 << 20, 8 << 30, 512 << 30])
def test_what_is_searched_is_inside_the_servers_bounds_on_every_machine(memory: int) -> None:
    machine = {"memory": memory, "cores": 2}
    searched = 0
    for name, knob in load_catalogue("postgresql").knobs.items():
        found = knob.range_on(machine)
        assert found is None or not knob.excluded, name
        if found is not None:
            searched += 1
            assert knob.minimum is not None
            assert knob.maximum is not None
            assert knob.minimum <= found[0] < found[1] <= knob.maximum, name
            assert found[1] < 1e8, name
    assert searched >= 55


def test_what_endangers_data_is_never_searched() -> None:
    knobs = load_catalogue("postgresql").knobs
    assert len([knob for knob in knobs.values() if not knob.excluded]) >= 60
    for name, knob in knobs.items():
        assert not knob.excluded or knob.search is None, name
        assert knob.risk not in {"durability", "replication"} or knob.excluded, name
    for name in ("fsync", "full_page_writes", "synchronous_commit", "wal_level", "max_connections", "autovacuum"):
        assert knobs[name].excluded, name


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"default": "maybe"}, "not one of choices"),
        ({"type": "integer", "choices": [], "default": 9, "maximum": 5}, "not between minimum and maximum"),
        ({"sane": "disks * 2"}, "'disks', which is none of cores, memory"),
    ],
)
def test_entries_that_contradict_themselves(change: dict[str, object], said: str) -> None:
    entry = {"description": "d", "source": "https://x", "default": "on", "choices": ["on", "off"], **change}
    with pytest.raises(ValidationError, match=said):
        Knob.model_validate(entry)


@pytest.mark.parametrize(("limit", "found"), [("1048576\n", 1 << 20), ("max\n", None), (None, None)])
def test_memory_is_that_of_the_control_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str | None, found: int | None
) -> None:
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    file = tmp_path / "memory.max"
    if limit is not None:
        file.write_text(limit)
    monkeypatch.setattr("trimtab.tools.catalogue._CGROUP_LIMIT", file)
    assert machine_facts()["memory"] == (found or whole)
