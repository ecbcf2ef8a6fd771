import random

import pytest

from trimtab.agent.study import Study
from trimtab.agent.testing import small_study
from trimtab.evals.bench.samplers import regrets
from trimtab.evals.tables import load_table, table_names

DISTINCT = {
    "7z": 68_640,
    "LLVM": 1_024,
    "PostgreSQL": 864,
    "dconvert": 1_910,
    "exastencils": 86_058,
    "x264_encode": 1_152,
}


def test_the_tables_are_those_of_the_source() -> None:
    assert table_names() == sorted(DISTINCT)
    for name, count in DISTINCT.items():
        table = load_table(name)
        assert len(table.values) == count
        assert table.best < table.median


@pytest.mark.parametrize("name", sorted(DISTINCT))
def test_measured_configurations_give_their_own_value_and_others_the_nearest(name: str) -> None:
    table, rng = load_table(name), random.Random(0)
    for _ in range(5):
        row = rng.randrange(len(table.values))
        where = [round(at * (len(levels) - 1)) for at, levels in zip(table.points[row], table.levels, strict=True)]
        configuration = {o: levels[w] for o, levels, w in zip(table.options, table.levels, where, strict=True)}
        assert table.look_up(configuration) == table.values[row]
    study = Study.model_validate(
        small_study(parameters=table.parameters(), forbidden=[], evaluation={"command": ["true"]})
    )
    assert table.look_up(study.space.sample(rng)) in table.values


def test_regret_falls_with_trials() -> None:
    early, late = regrets("LLVM", "auto", 0)
    assert 0 <= late <= early < 1.5
