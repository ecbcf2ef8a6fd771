"""Where evaluations run is said in the study file, and a job is data that can travel there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from trimtab.agent.executors.base import Job, Kind, Site
from trimtab.agent.memory.store import Store
from trimtab.agent.parts import EXECUTORS
from trimtab.agent.run.session import Session
from trimtab.agent.study.executor import ExecutorSection
from trimtab.agent.study.file import StudyFileError
from trimtab.agent.testing import FunctionExecutor, make_study
from trimtab.agent.trials.candidate import Candidate


class DeskSection(ExecutorSection):
    """Of the kind of these tests."""

    offset: float = 0.0


def at_the_desk(section: DeskSection, site: Site) -> FunctionExecutor:
    sites.append(site)
    return FunctionExecutor(lambda values, _seed: {"loss": float(values["x"]) + section.offset}, workers=3)


KIND = Kind(DeskSection, at_the_desk)
sites: list[Site] = []


@pytest.fixture
def desk() -> Iterator[None]:
    known = EXECUTORS.built_in
    EXECUTORS.built_in = {**known, "desk": f"{__name__}:KIND"}
    yield
    EXECUTORS.built_in = known
    sites.clear()


async def test_a_run_evaluates_where_the_study_says(store: Store, desk: None, tmp_path: Path) -> None:
    study = make_study(tmp_path, executor={"kind": "desk", "offset": 5}, budget={"trials": 3})
    events = [each async for each in Session.start(study, store).run()]
    assert events[0].workers == 3
    assert events[-1].default.metrics["loss"] == 5.5
    (site,) = sites
    assert site.study is study
    assert set(store.files) <= set(site.hidden)


async def test_a_study_may_go_on_elsewhere(store: Store, desk: None, tmp_path: Path) -> None:
    first = make_study(tmp_path, executor="desk", budget={"trials": 2})
    assert [each async for each in Session.start(first, store).run()]
    more = make_study(tmp_path, executor={"kind": "desk", "offset": 1}, budget={"trials": 3})
    events = [each async for each in Session.resume(more, store).run()]
    assert events[-1].trials == 3


def test_without_a_word_it_is_this_machine() -> None:
    assert make_study().executor.kind == "local"
    assert make_study(executor="local").executor == make_study().executor


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "executor: missing: add kind = one of 'local'"),
        ({"kind": "lokal"}, "kind = 'lokal' is not one of 'local'.*did you mean 'local'"),
        ({"kind": "local", "cpus": 2}, "executor.cpus: unknown field: remove it"),
        (7, "executor: must be a .*, not 7|executor: input should be .*, not 7"),
    ],
)
def test_mistakes_are_named(section: object, said: str) -> None:
    with pytest.raises(StudyFileError, match=said):
        make_study(executor=section)


def test_one_machine_has_only_so_many_workers(desk: None) -> None:
    with pytest.raises(StudyFileError, match=r"evaluation\.workers: is 300: local has at most 256"):
        make_study(evaluation={"workers": 300})
    assert make_study(executor="desk", evaluation={"workers": 300}).evaluation.workers == 300


def test_a_job_is_the_same_after_a_journey(tmp_path: Path) -> None:
    study = make_study(
        tmp_path,
        target={"kind": "command", "command": ["true", "{x}", "{n}", "{mode}", "{burst}"], "setup": "true"},
        evaluation={"limits": {"memory": "1 GiB"}, "warmup": 2},
    )
    candidate = Candidate({"x": 1.0, "n": 8, "mode": "slow"}, "a patch")
    job = Job.of(study, candidate, 1 << 60, trial=3, position=1, purpose="check:3", hidden=(tmp_path / "s.db",))
    back = Job.model_validate_json(job.model_dump_json())
    assert back == job
    assert back.candidate.key == job.candidate.key
    assert [type(value) for value in back.candidate.configuration.values()] == [float, int, str]
    assert (back.target, back.evaluation, back.wording) == (study.target, study.evaluation, study.wording)


def test_what_contributing_shows_is_an_executor(root: Path) -> None:
    """Its code, as it stands there, passes the contract that `test_executors` runs on ours."""
    section = (root / "CONTRIBUTING.md").read_text().split("\n## An executor\n")[1].split("\n## ")[0]
    found: dict[str, object] = {}
    exec(section.split("```python\n")[1].split("```")[0], found)
    site = Site(make_study(root))
    executor = found["KIND"].build(found["SerialSection"](kind="serial"), site)
    assert executor.workers == 1
