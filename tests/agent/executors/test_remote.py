"""Jobs on machines that vanish: none is lost, none counts twice, and no optimizer hears of it."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trimtab.agent.executors.base import Job, Site
from trimtab.agent.executors.engine import LostError
from trimtab.agent.executors.remote import RESUBMISSIONS, RemoteExecutor
from trimtab.agent.executors.simulated import Cluster, FaultyEngine, SimulatedEngine
from trimtab.agent.memory.store import Store
from trimtab.agent.run.attempts import StoredAttempts
from trimtab.agent.run.evaluating import site_of
from trimtab.agent.run.session import Session
from trimtab.agent.testing import ExecutorContract, contract_loss, make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.evals.bench.virtual_clock import run_virtual
from trimtab.tools.errors import TrimtabError
from trimtab.tools.targets import Measurement

BAD = {"delay": 0.05, "double": 0.2, "drop": 0.05, "kill": 0.1}


def computed(job: Job) -> tuple[float, Measurement]:
    """Take 0.2 s, and do what the contract's program does."""
    x = float(job.candidate.configuration["x"])
    if x > 0.9 and job.directory.name != "short":
        return 60.0, Measurement(state="complete", metrics={"loss": contract_loss(x)})
    try:
        return 0.2, Measurement(state="complete", metrics={"loss": contract_loss(x)})
    except ValueError as error:
        return 0.2, Measurement(state="failed", reason=str(error))


def spread(job: Job) -> tuple[float, Measurement]:
    """Take 0.1 to 1 s."""
    return 0.1 + (job.trial * 7 % 10) / 11, computed(job)[1]


class TestRemote(ExecutorContract):
    build = staticmethod(lambda study: RemoteExecutor(SimulatedEngine(Cluster(computed, 2)), Site(study)))
    has_targets = False


class Run:
    """A study of a folder, run on a cluster of 8 machines."""

    def __init__(
        self, folder: Path, compute: Callable[[Job], tuple[float, Measurement]] = computed, **budget: int
    ) -> None:
        self.folder = folder / "short"
        self.folder.mkdir()
        self.cluster = Cluster(compute, 8)
        self.study = make_study(
            self.folder,
            evaluation={
                "workers": 8,
                "check_seeds": [101, 102],
                "command": ["true", "{x}", "{n}", "{mode}", "{burst}"],
            },
            planner={"name": "none"},
            check={"race": 1, "ablation": False, "minimal": False},
            budget=budget,
        )
        self.store = Store(f"sqlite:///{self.folder / 'store.db'}", power_safe=False)

    def executor(self, session: Session, engine: Any = None) -> RemoteExecutor:
        stored = session.record.stored
        site = site_of(session.record.store, self.study, session.key, stored)
        return RemoteExecutor(engine or SimulatedEngine(self.cluster), site)

    def whole(self, engine: Any = None) -> list[Any]:
        async def run() -> list[Any]:
            session = Session.start(self.study, self.store)
            return [each async for each in session.run(self.executor(session, engine))]

        return run_virtual(run())

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.folder / "store.db") as connection:
            return connection.execute(query).fetchall()

    def states(self) -> Counter[str]:
        return Counter(state for (state,) in self.rows("select state from attempts"))


def test_500_evaluations_on_a_bad_line_are_each_counted_once(tmp_path: Path) -> None:
    run = Run(tmp_path, trials=500)
    engine = FaultyEngine(SimulatedEngine(run.cluster), BAD, seed=1)
    events = run.whole(engine)
    assert all(engine.met[fault] > 5 for fault in BAD)
    trials = run.store.trials(1)
    assert len(trials) == 500
    assert {trial.state for trial in trials} <= {"complete", "failed"}
    per_trial = run.rows("select trial, count(*) from evaluations where purpose = 'tune' group by trial")
    assert per_trial == [(number, 1) for number in range(500)]
    evaluations = run.rows("select count(*) from evaluations")[0][0]
    states = run.states()
    assert states["counted"] == evaluations
    assert states["running"] == 0
    assert states["lost"] + states["late"] == engine.met["drop"] + engine.met["delay"] + engine.met["kill"]
    assert 0 < states["late"] <= engine.met["delay"]
    assert not run.cluster.running
    assert events[-1].event == "study_finished"
    assert all(event.host for event in events if event.event == "evaluation_finished")


def test_on_a_good_line_every_evaluation_runs_once(tmp_path: Path) -> None:
    run = Run(tmp_path, trials=40)
    run.whole()
    evaluations = run.rows("select count(*) from evaluations")[0][0]
    assert sum(run.cluster.ran.values()) == evaluations
    assert run.states() == {"counted": evaluations}
    assert {host.partition("-")[0] for (host,) in run.rows("select distinct host from evaluations")} == {"machine"}


class Cut(SimulatedEngine):
    """A line of a process that is killed: from then on it does nothing."""

    cut = False

    async def start(self, attempt: str, job: Job) -> None:
        if not self.cut:
            await super().start(attempt, job)

    async def cancel(self, attempt: str) -> None:
        if not self.cut:
            await super().cancel(attempt)

    async def forget(self, attempts: Any) -> None:
        if not self.cut:
            await super().forget(attempts)

    async def close(self) -> None:
        if not self.cut:
            await super().close()


@pytest.mark.parametrize("away_s", [0.01, 5.0])
def test_what_runs_when_the_coordinator_is_killed_is_collected_and_nothing_runs_twice(
    tmp_path: Path, away_s: float
) -> None:
    run = Run(tmp_path, spread, trials=60)

    async def both() -> tuple[int, list[Any]]:
        session, engine = Session.start(run.study, run.store), Cut(run.cluster)
        going, finished = session.run(run.executor(session, engine)), 0
        async for event in going:
            finished += event.event == "trial_finished"
            if finished == 20:
                break
        under_way = len(run.cluster.running)
        engine.cut = True
        engine.hang_up()
        with sqlite3.connect(run.folder / "store.db") as before, sqlite3.connect(run.folder / "copy.db") as copy:
            before.backup(copy)
            copy.execute("update studies set owner = null, lease = null")
        await going.aclose()
        await asyncio.sleep(away_s)
        run.store = Store(f"sqlite:///{run.folder / 'copy.db'}", power_safe=False)
        again = Session.resume(run.study, run.store)
        return under_way, [each async for each in again.run(run.executor(again))]

    under_way, events = run_virtual(both())
    assert under_way > 4
    assert events[-1].trials == 60
    evaluations = sum(len(run.store.evaluations(1, purpose)) for purpose in ("tune", *run.store.purposes(1)))
    assert sum(run.cluster.ran.values()) == evaluations
    assert {each.state for each in run.store.attempts(1)} == {"counted"}


def test_what_a_dead_cluster_ran_is_submitted_again_after_a_kill(tmp_path: Path) -> None:
    run = Run(tmp_path, trials=1)

    async def both() -> Measurement:
        session = Session.start(run.study, run.store)
        log = StoredAttempts(run.store, 1)
        job = Job.of(run.study, Candidate(run.study.space.default), 1)
        first = asyncio.create_task(run.executor(session, Cut(run.cluster)).submit(job))
        await asyncio.sleep(0.05)
        assert [each.number for each in log.running()] == [1]
        run.cluster = Cluster(computed, 8)
        found = await run.executor(session).submit(job)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        return found

    assert run_virtual(both()).attempt == 2


def test_a_trial_whose_machines_are_all_lost_says_nothing_of_its_configuration(tmp_path: Path) -> None:
    run = Run(tmp_path, trials=30)

    class Doomed(FaultyEngine):
        async def start(self, attempt: str, job: Job) -> None:
            self.faults = {"kill": 1.0 if job.trial == 7 and job.purpose == "tune" else 0.0}
            await super().start(attempt, job)

    told: list[int] = []

    async def go() -> list[Any]:
        session = Session.start(run.study, run.store)
        doomed = Doomed(SimulatedEngine(run.cluster), {}, most=RESUBMISSIONS + 1)
        finished = session.record.optimizer.finished
        session.record.optimizer.finished = lambda trial: (told.append(trial.number), finished(trial))[1]
        return [each async for each in session.run(run.executor(session, doomed))]

    events = run_virtual(go())
    trial = run.store.trials(1)[7]
    assert trial.state == "lost"
    assert "lost 3 times" in (trial.reason or "")
    assert sorted(told) == [number for number in range(30) if number != 7]
    assert [each.state for each in run.store.attempts(1) if each.trial == 7 and each.purpose == "tune"] == ["lost"] * 3
    assert events[-1].event == "study_finished"


def test_a_failure_of_the_configuration_is_a_result_at_once(tmp_path: Path) -> None:
    run = Run(tmp_path, lambda _job: (0.1, Measurement(state="failed", reason="exit code 3")), trials=1)
    run.whole()
    assert [trial.reason for trial in run.store.trials(1)] == ["exit code 3"]
    assert run.states() == {"counted": 1}


def test_in_the_check_what_is_lost_ends_the_run_and_is_no_result(tmp_path: Path) -> None:
    run = Run(tmp_path, trials=10)

    class Doomed(FaultyEngine):
        async def start(self, attempt: str, job: Job) -> None:
            self.faults = {"kill": 1.0 if job.purpose != "tune" else 0.0}
            await super().start(attempt, job)

    with pytest.raises(LostError, match=r"lost 3 times, the last time: nothing was heard.*--resume"):
        run.whole(Doomed(SimulatedEngine(run.cluster), {}, most=3))
    assert run.rows("select count(*) from evaluations where purpose <> 'tune'") == [(0,)]


def test_an_attempt_is_noted_before_anything_can_run(tmp_path: Path) -> None:
    run, seen = Run(tmp_path, trials=5), list[bool]()

    class Looking(SimulatedEngine):
        async def start(self, attempt: str, job: Job) -> None:
            names = [each.named(attempt.split("/")[0]) for each in run.store.attempts(1, "running")]
            seen.append(attempt in names)
            await super().start(attempt, job)

    run.whole(Looking(run.cluster))
    assert seen
    assert all(seen)


def test_a_late_result_is_kept_and_not_counted(tmp_path: Path) -> None:
    run = Run(tmp_path, trials=20)
    engine = FaultyEngine(SimulatedEngine(run.cluster), {"delay": 0.5}, delay_s=80.0, most=1)
    run.whole(engine)
    late = run.rows("select trial, number, measurement from attempts where state = 'late' and purpose = 'tune'")
    assert late
    for trial, number, measurement in late:
        assert number == 1
        assert Measurement.model_validate_json(measurement).metrics or "failed" in measurement
        counted = f"select number from attempts where trial = {trial} and state = 'counted' and purpose = 'tune'"
        assert run.rows(counted) == [(2,)]


def test_an_engine_that_is_gone_ends_the_run_in_a_line_and_nothing_measured_is_lost(tmp_path: Path) -> None:
    run = Run(tmp_path, trials=40)

    class Breaking(SimulatedEngine):
        async def news(self) -> Any:
            found = await super().news()
            if sum(run.cluster.ran.values()) > 12:
                raise TrimtabError("the cluster cannot be reached")
            return found

    with pytest.raises(TrimtabError, match="cannot be reached"):
        run.whole(Breaking(run.cluster))
    assert sum(trial.state != "running" for trial in run.store.trials(1)) >= 8

    async def resumed() -> list[Any]:
        session = Session.resume(run.study, run.store)
        return [each async for each in session.run(run.executor(session))]

    assert run_virtual(resumed())[-1].trials == 40


def test_a_watch_sees_reports_and_its_verdict_reaches_the_engine() -> None:
    stopped: list[str] = []

    async def go() -> Measurement:
        cluster = Cluster(lambda _job: (3.0, Measurement(state="pruned", metrics={"loss": 2.0})), 1)

        class Reporting(SimulatedEngine):
            async def start(self, attempt: str, job: Job) -> None:
                from trimtab.agent.executors.engine import News

                await super().start(attempt, job)
                for step in (1, 2, 3):
                    cluster.tell(News(attempt, "report", metrics={"step": step}))

            async def stop(self, attempt: str) -> None:
                stopped.append(attempt)

        study = make_study()
        executor = RemoteExecutor(Reporting(cluster), Site(study, name="s"))
        seen: list[Any] = []
        job = Job.of(study, Candidate({"x": 0.1}), 4)
        found = await executor.submit(job, lambda metrics: (seen.append(metrics["step"]), metrics["step"] == 2)[1])
        await executor.close()
        assert seen == [1, 2]
        return found

    assert run_virtual(go()).state == "pruned"
    assert stopped == ["s/tune/0/0/4/1"]
