"""What the tools do beside a client: the order of news, how long answers are, whom they ask, where files may be."""

import asyncio
from pathlib import Path
from types import SimpleNamespace

import mcp.types as mcp
import pytest
from mcp import Client, MCPError

from trimtab.agent.faces import worker
from trimtab.agent.faces.mcp import service as module
from trimtab.agent.faces.mcp.answers import Applied
from trimtab.agent.faces.mcp.caps import Caps
from trimtab.agent.faces.mcp.server import build
from trimtab.agent.faces.mcp.service import Service
from trimtab.agent.faces.worker import launch
from trimtab.agent.memory.store import Store
from trimtab.agent.run.proposals.opening import definition, start_study
from trimtab.agent.testing import make_study
from trimtab.agent.trials.candidate import Candidate
from trimtab.agent.trials.source import Source
from trimtab.agent.trials.trial import Trial
from trimtab.tools.errors import InputError


@pytest.fixture
def service(store: Store, tmp_path: Path) -> Service:
    return Service(store, store.shown, tmp_path)


def test_no_trial_is_missed_or_doubled_where_they_end_out_of_order(service: Service, tmp_path: Path) -> None:
    store, study = service.store, make_study(tmp_path)
    stored = start_study(store, study)
    run, _new = store.add_run(study.name, definition(study), str(tmp_path))
    store.beat_run(run.id, "running", stored.key)
    trials = [Trial(number, Source.of("random"), Candidate({"x": number / 10}), started=1.0) for number in range(16)]

    def end(*numbers: int) -> None:
        for number in numbers:
            trials[number].state, trials[number].metrics = "complete", {"loss": 1.0}
            store.finish_trial(stored.id, trials[number], 1.0)

    def news(since: int) -> tuple[list[int], int]:
        found = service._status(store.run(run.id), since)
        return [each.trial for each in found.trials], found.next

    for trial in trials:
        store.start_trial(stored.id, trial)
    assert news(0) == ([], 0)
    end(0, 2, 3)
    assert news(0) == ([0], 1)
    assert news(1) == ([], 1)
    end(1, 5)
    assert news(1) == ([1, 2, 3], 4)
    end(4, *range(6, 16))
    assert news(4) == ([*range(4, 16)], 16)
    assert news(0) == ([*range(12)], 12)
    assert news(99) == ([], 99)
    store.release(stored.id, "finished")


@pytest.mark.parametrize("name", ["/etc/passwd", "../x", "a/../../x", "link/x", "\0"])
def test_files_stay_below_the_folder(service: Service, tmp_path: Path, name: str) -> None:
    (tmp_path / "link").symlink_to("/tmp")
    with pytest.raises(InputError, match="outside"):
        service._inside(name)


def test_a_password_of_the_store_is_no_argument_of_a_process(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], dict[str, str]]] = []

    class Popen:
        def __init__(self, command: list[str], *, env: dict[str, str], **_how: object) -> None:
            seen.append((command, env))

    monkeypatch.setattr("subprocess.Popen", Popen)
    secret = "postgresql+psycopg://me:pa55word@host/db"
    launch(service.store, secret, make_study(tmp_path))
    module._verification("small-1", secret)
    assert len(seen) == 2
    for command, environment in seen:
        assert "pa55word" not in " ".join(command)
        assert environment["TRIMTAB_STORE"] == secret


def test_answers_stay_short_with_many_parameters_and_failures(service: Service, tmp_path: Path) -> None:
    parameters = {f"a_parameter_{n}": {"type": "float", "low": 0, "high": 1, "default": 0.5} for n in range(40)}
    study = make_study(tmp_path, parameters=parameters, forbidden=[], evaluation={"command": ["true"]})
    store, stored = service.store, start_study(service.store, study)
    run, _new = store.add_run(study.name, definition(study), str(tmp_path))
    store.beat_run(run.id, "running", stored.key)
    for number in range(20):
        drawn = {name: number / 20 + index / 1e6 for index, name in enumerate(parameters)}
        trial = Trial(number, Source.of("random"), Candidate(drawn), started=1.0)
        store.start_trial(stored.id, trial)
        trial.state, trial.reason = ("failed", "boom " * 80) if number % 2 else ("complete", None)
        trial.metrics = {} if number % 2 else {"loss": 1.0}
        store.finish_trial(stored.id, trial, 1.0)
    seen, since = [], 0
    while len(seen) < 20:
        status = service._status(store.run(run.id), since)
        assert len(status.model_dump_json()) / 4 < 2000
        assert status.trials, "there is always something new"
        seen += [each.trial for each in status.trials]
        since = status.next
    assert seen == [*range(20)]
    failures = service.explain(run.id, "failures", None)
    assert len(failures.model_dump_json()) / 4 < 2000
    assert failures.lines[-1].startswith("trial 19: ")
    store.release(stored.id, "finished")


class Offering:
    """What the server asks of a service to apply."""

    wrote = 0

    def may_write(self, file: str) -> bool:
        return file == "policy"

    def apply(self, run: str, file: str, confirm: bool) -> Applied:
        self.wrote += confirm
        return Applied(written=confirm, difference=f"+best of {run} in {file}", said="")


@pytest.mark.parametrize("mode", ["legacy", "auto"], ids=["sessions", "stateless"])
@pytest.mark.parametrize(("action", "write", "written"), [
    ("accept", True, True), ("accept", False, False), ("decline", True, False), ("cancel", True, False),
])  # fmt: skip
def test_a_file_is_written_once_the_person_behind_the_client_agreed(
    mode: str, action: str, write: bool, written: bool
) -> None:
    offering, asked = Offering(), []

    async def answer(_context: object, request: mcp.ElicitRequestFormParams) -> mcp.ElicitResult:
        asked.append(request.message)
        return mcp.ElicitResult(action=action, content={"write": write} if action == "accept" else None)

    async def act() -> None:
        async with Client(build(offering, allow_apply=False), mode=mode, elicitation_callback=answer) as client:
            shown = await client.call_tool("trimtab_apply", {"run": "r", "file": "f"})
            assert (shown.structured_content or {})["written"] is False
            assert asked == [], "nobody is asked about what is only shown"
            result = await client.call_tool("trimtab_apply", {"run": "r", "file": "f", "confirm": True})
            assert not result.is_error, result
            assert (result.structured_content or {})["written"] is written

    asyncio.run(act())
    assert asked == ["Write f?\n+best of r in f"]
    assert offering.wrote == written


def begins_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have runs added to the registry without their process."""
    monkeypatch.setattr(worker, "subprocess", SimpleNamespace(Popen=lambda *_a, **_k: None, DEVNULL=-3))


def asked(budget: dict[str, object]) -> str:
    return ASKS.replace("[budget]\n", "[budget]\n" + "".join(f"{name} = {value}\n" for name, value in budget.items()))


ASKS = """
[study]
name = "capped"
[parameters]
x = { type = "float", low = 0, high = 1, default = 0.5 }
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
command = ["echo", "{x}"]
[budget]
trials = 20
"""


@pytest.mark.parametrize(("budget", "caps", "said"), [
    ({}, Caps(trials=19), "trials = 20"),
    ({"dollars": 2.0}, Caps(dollars=1.5), "budget.dollars = 2 is more than the person allowed, 1.5"),
    ({"wall_time_s": 7300}, Caps(hours=2), "budget.wall_time_s = 7300 is more than the person allowed, 7200"),
])  # fmt: skip
def test_a_run_that_asks_for_more_than_the_person_allowed_is_refused(
    service: Service, budget: dict[str, object], caps: Caps, said: str
) -> None:
    service.caps = caps
    with pytest.raises(InputError, match=said):
        service.start(asked(budget), None, "client", "x")
    assert service.store.runs() == []


@pytest.mark.parametrize(("budget", "kept"), [
    ({}, {"trials": 20, "wall_time_s": 7200, "dollars": 1.5}),
    ({"dollars": 1.5, "wall_time_s": 7200}, {"trials": 20, "wall_time_s": 7200, "dollars": 1.5}),
    ({"dollars": 0.0}, {"trials": 20, "wall_time_s": 7200, "dollars": 0.0}),
])  # fmt: skip
def test_what_a_budget_leaves_open_is_what_the_person_allowed(
    service: Service, monkeypatch: pytest.MonkeyPatch, budget: dict[str, object], kept: dict[str, float]
) -> None:
    begins_nothing(monkeypatch)
    service.caps = Caps(trials=20, hours=2, dollars=1.5)
    run = service.start(asked(budget), None, "client", "x").run
    given = service.store.run(run).definition["budget"]
    assert {name: given.get(name) for name in kept} == kept


def over(service: Service, tmp_path: Path, directory: Path) -> tuple[str, str]:
    """Return a run that is over and its study, which has one trial."""
    store, study = service.store, make_study(tmp_path)
    stored = start_study(store, study)
    run, _new = store.add_run(study.name, definition(study), str(directory))
    first = Trial(0, Source.of("default"), Candidate(study.space.default), started=1.0)
    store.start_trial(stored.id, first)
    first.state, first.metrics = "complete", {"loss": 2.0}
    store.finish_trial(stored.id, first, 1.0)
    store.release(stored.id, "interrupted")
    store.beat_run(run.id, "ended", stored.key)
    return run.id, stored.key


def test_a_run_that_is_over_goes_on_as_another_one(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begins_nothing(monkeypatch)
    run, key = over(service, tmp_path, tmp_path)
    said = asyncio.run(service.control(run, "resume", {})).said
    again = asyncio.run(service.control(run, "resume", {})).said
    assert said == again, "asked twice, it is one run"
    other = service.store.run(said.split()[0])
    assert (other.id != run, other.resume, said) == (True, key, f"{other.id} goes on with {key}")
    with pytest.raises(InputError, match="is over"):
        asyncio.run(service.control(run, "pause", {}))


def test_a_run_of_another_folder_is_not_gone_on_with(service: Service, tmp_path: Path) -> None:
    run, _key = over(service, tmp_path, Path("/"))
    with pytest.raises(InputError, match="was started elsewhere"):
        asyncio.run(service.control(run, "resume", {}))
    assert len(service.store.runs()) == 1


def test_what_became_of_ideas_is_known_once_the_run_is_over(service: Service, tmp_path: Path) -> None:
    run, _key = over(service, tmp_path, tmp_path)
    number = service.store.add_command(run, "propose", {"ideas": []}, "an agent")
    fates = [{"idea": 1, "state": "complete", "trial": 3}, {"idea": 2, "state": "waiting for its turn"}]
    service.store.answer_command(run, number, {"ideas": fates})
    status = asyncio.run(service.status(run, 0, 0.0))
    assert status.ideas == [fates[0], {"idea": 2, "state": "not tried", "reason": "the run is over"}]


def test_resources_have_the_trials_and_the_log(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "data_directory", lambda: tmp_path / "data")
    run, _key = over(service, tmp_path, tmp_path)

    async def read(name: str) -> str:
        async with Client(build(service, allow_apply=False)) as client:
            found = await client.read_resource(f"trimtab://run/{run}/{name}")
        return str(found.contents[0].text)  # type: ignore[union-attr]

    assert '"metrics":{"loss":2.0}' in asyncio.run(read("trials"))
    with pytest.RaisesGroup(pytest.RaisesExc(MCPError, match="has no log"), flatten_subgroups=True):
        asyncio.run(read("log"))
    module.log_of(run).parent.mkdir(parents=True)
    module.log_of(run).write_text("x" * 30_000 + "\x1b[2J``` the end")
    log = asyncio.run(read("log"))
    assert log.startswith("````")
    assert "the end" in log
    assert "\x1b" not in log
    assert len(log) < 21_000


def test_a_file_that_the_persons_policy_names_is_written_without_asking() -> None:
    offering = Offering()

    async def act(file: str) -> bool:
        async with Client(build(offering, allow_apply=False), mode="legacy") as client:
            result = await client.call_tool("trimtab_apply", {"run": "r", "file": file, "confirm": True})
            return bool((result.structured_content or {})["written"])

    assert asyncio.run(act("policy"))
    assert not asyncio.run(act("other")), "this client cannot ask, so nobody agreed"
    assert offering.wrote == 1


@pytest.mark.parametrize(("patterns", "file", "may"), [
    ([], "best.json", False),
    (["best.json"], "best.json", True),
    (["best.json"], "deep/best.json", True),
    (["best-*.json"], "best-1.json", True),
    (["best-*.json"], "best.json", False),
    (["{folder}/*.conf"], "x.conf", True),
    (["{folder}/*.conf"], "deep/x.conf", False),
    (["/elsewhere/*.conf"], "x.conf", False),
])  # fmt: skip
def test_the_policy_names_files_by_name_or_path(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patterns: list[str], file: str, may: bool
) -> None:
    config = tmp_path / "home" / "trimtab" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f"agents_write = {[each.format(folder=tmp_path.resolve()) for each in patterns]}\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    assert service.may_write(file) is may


def test_a_policy_for_files_elsewhere_does_not_open_them(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "user_file", lambda: SimpleNamespace(agents_write=["*"]))
    with pytest.raises(InputError, match="outside"):
        service.may_write("/etc/passwd")


def finished(service: Service, tmp_path: Path) -> str:
    """Return a run that is over, with a proved result."""
    run, key = over(service, tmp_path, tmp_path)
    check = {"metric": "loss", "ratio": 2.0, "low": 1.8, "high": 2.2, "pairs": 10, "improved": True, "verdict": "improved",
             "notes": ["size <= 300 is not proved"]}  # fmt: skip
    best = {"trial": 0, "configuration": dict(make_study(tmp_path).space.default), "metrics": {"loss": 2.0}}
    result = {"study": key, "trials": 1, "stopped_by": "budget", "best": best, "default": None, "check": check,
              "checks": [check], "planner": "client", "sampler": "random", "sandbox": "none"}  # fmt: skip
    store = service.store
    store.acquire(store.study(key).id)
    store.set_result(store.study(key).id, result)
    store.release(store.study(key).id, "finished")
    return run


@pytest.mark.parametrize(("text", "may"), [
    (None, True), ("", True), ('{"x": 1}', True), ("print('a program')", False), ("[1, 2]", False),
])  # fmt: skip
def test_settings_never_take_the_place_of_a_program(
    service: Service, tmp_path: Path, text: str | None, may: bool
) -> None:
    run = finished(service, tmp_path)
    if text is not None:
        (tmp_path / "out").write_text(text)
    if may:
        assert service.apply(run, "out", confirm=False).difference.startswith("---")
    else:
        with pytest.raises(InputError, match="name a new file"):
            service.apply(run, "out", confirm=True)
        assert (tmp_path / "out").read_text() == text


def test_what_stands_beside_a_verdict_is_said(service: Service, tmp_path: Path) -> None:
    verified = asyncio.run(service.verify(finished(service, tmp_path), again=False))
    assert verified.improved
    assert "size <= 300 is not proved" in verified.said


def test_what_is_not_over_is_not_said_to_be_unproved(service: Service, tmp_path: Path) -> None:
    run, key = over(service, tmp_path, tmp_path)
    assert asyncio.run(service.verify(run, again=False)).said == "no improvement was proved"
    service.store.beat_run(run, "running", key)
    assert asyncio.run(service.verify(run, again=False)).said == "the run has not ended, it is at its search"
    with pytest.raises(InputError, match="has not ended"):
        service.apply(run, "x.json", confirm=False)


def test_an_unknown_run_is_answered_with_those_that_there_are(service: Service, tmp_path: Path) -> None:
    run, _key = over(service, tmp_path, tmp_path)
    with pytest.raises(InputError, match=f"no run 'nobody'.*{run} .*ended"):
        service.explain("nobody", "result", None)
