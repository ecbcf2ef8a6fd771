"""A job on the machine that it was sent to: in the unpacked folder, and what that machine cannot do is no result."""

from pathlib import Path

import pytest

from trimtab.agent.executors import worker
from trimtab.agent.executors.base import Job
from trimtab.agent.executors.bundle import Bundle, pack
from trimtab.agent.executors.worker import UnfitError, run_job
from trimtab.agent.trials.candidate import Candidate
from trimtab.tools.targets import Evaluation


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "bundles", lambda: tmp_path / "bundles")


def job_in(folder: Path, **said: object) -> tuple[Job, Bundle]:
    folder.mkdir()
    (folder / "answer").write_text('{"loss": 42}')
    evaluation = Evaluation.model_validate(
        {"command": ["cat", "{study_dir}/answer"], "isolation": "process", "workers": 9} | said
    )
    job = Job(evaluation=evaluation, directory=Path("/nowhere"), candidate=Candidate({}), seed=1, required=("loss",))
    return Job.model_validate_json(job.model_dump_json()), pack(folder)


async def test_the_folder_that_was_sent_is_the_study_folder(tmp_path: Path) -> None:
    found = await run_job(*job_in(tmp_path / "study"))
    assert (found.state, found.metrics) == ("complete", {"loss": 42.0})
    assert found.host


async def test_a_weaker_sandbox_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("trimtab.tools.sandbox.choice.bubblewrap_problem", lambda: "there is no bubblewrap")
    job, bundle = job_in(tmp_path / "study", isolation="auto", command=["/bin/cat", "{study_dir}/answer"])
    assert "weaker sandbox" in (await run_job(job, bundle)).notice


async def test_a_machine_without_room_or_sandbox_has_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job, bundle = job_in(tmp_path / "study")
    (tmp_path / "bundles").write_text("no folder can be made here")
    with pytest.raises(UnfitError):
        await run_job(job, bundle)
    monkeypatch.setattr(worker, "bundles", lambda: tmp_path / "others")
    monkeypatch.setattr("trimtab.tools.sandbox.choice.bubblewrap_problem", lambda: "there is no bubblewrap")
    strict, bundle = job_in(tmp_path / "strict", isolation="strict")
    with pytest.raises(UnfitError, match="there is no bubblewrap"):
        await run_job(strict, bundle)


async def test_what_the_program_does_is_a_result(tmp_path: Path) -> None:
    found = await run_job(*job_in(tmp_path / "study", command=["false"]))
    assert found.state == "failed"
