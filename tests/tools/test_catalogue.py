import pytest

from trimtab.agent.study.file import load_study
from trimtab.tools.catalogue import catalogue_names, load_catalogue, machine_facts
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
