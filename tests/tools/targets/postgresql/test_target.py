"""The target on a server that somebody else set up: what it refuses, what it undoes, what it leaves alone."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.somebodys_server import Somebodys, replica_of
from tests.tools.targets.postgresql.place import LOAD, target_on, tried
from trimtab.tools.errors import InputError, TrimtabError
from trimtab.tools.targets import TargetError
from trimtab.tools.targets.postgresql import undo
from trimtab.tools.targets.preparation.lifecycle import applied
from trimtab.tools.targets.rendering.wording import Tuned

BUFFERS = {"shared_buffers": Tuned(unit="MB", default=128)}


def one(error: BaseException) -> str:
    """Return an error's text, which is one line."""
    assert "\n" not in str(error)
    return str(error)


async def refused(server: Somebodys, folder: Path, settings: dict[str, Tuned] | None = None, **section: object) -> str:
    """Return why preparing fails; the server is as before."""
    before = server.state()
    target = target_on(server, folder, settings, **section)
    with pytest.raises(TrimtabError) as caught:
        await target.prepare()
    await target.restore()
    assert server.state() == before
    return one(caught.value)


async def test_what_is_written_is_in_effect(somebodys: Somebodys, tmp_path: Path) -> None:
    target = target_on(somebodys, tmp_path)
    await target.prepare()
    await target.apply(tried(work_mem=33))
    assert somebodys.ask("SHOW work_mem") == [("33MB",)]
    assert "work_mem = '33MB'" in somebodys.file.read_text()
    assert target.workplace.journal.path is not None
    assert target.workplace.journal.path.exists()
    await target.restore()
    assert somebodys.ask("SHOW work_mem") == [("5MB",)]
    assert not target.workplace.journal.path.exists()


async def test_a_default_that_is_not_what_the_server_has_is_told_once(somebodys: Somebodys, tmp_path: Path) -> None:
    settings = {"work_mem": Tuned(unit="MB", default=4), "random_page_cost": Tuned(unit="", default=1.7)}
    target = target_on(somebodys, tmp_path, settings)
    await target.prepare()
    await target.apply(tried(work_mem=4, random_page_cost=1.7))
    told = [(await target.measure(seed)).notice for seed in (1, 2)]
    assert told == ["the study's default is not what the server has now: work_mem = 4MB, the server has 5MB", ""]
    await target.restore()


async def test_a_value_that_the_server_refuses_leaves_it_as_it_was(somebodys: Somebodys, tmp_path: Path) -> None:
    settings = {"random_page_cost": Tuned(unit="", default=1.7), "plan_cache_mode": Tuned(unit="", default="auto")}
    target = target_on(somebodys, tmp_path, settings)
    await target.prepare()
    with pytest.raises(TargetError, match="plan_cache_mode"):
        await target.apply(tried(random_page_cost=2.5, plan_cache_mode="nonsense"))
    assert somebodys.ask("SHOW random_page_cost") == [("1.7",)]
    assert "2.5" not in somebodys.file.read_text()
    await target.restore()


async def test_a_server_out_of_reach(somebodys: Somebodys, tmp_path: Path) -> None:
    assert "No such file" in await refused(somebodys, tmp_path, dsn="host=/nowhere dbname=postgres")


async def test_a_dsn_that_is_none(somebodys: Somebodys, tmp_path: Path) -> None:
    assert "dsn: " in await refused(somebodys, tmp_path, dsn="host=a nonsense")


async def test_a_url_with_options_reaches_the_load_too(somebodys: Somebodys, tmp_path: Path) -> None:
    """What a DSN says holds for pgbench as for us: a search path, or which of several hosts is meant."""
    somebodys.ask("CREATE SCHEMA elsewhere")
    somebodys.ask("CREATE TABLE elsewhere.only_there AS SELECT 1 AS one")
    (tmp_path / "there.sql").write_text("SELECT one FROM only_there;\n")
    load = {**LOAD, "builtin": None, "scripts": ["there.sql"]}
    path = "-c%20search_path%3Delsewhere"
    dsn = f"postgresql://trimtab@/postgres?host={somebodys.folder}&options={path}&target_session_attrs=read-write"
    target = target_on(somebodys, tmp_path, dsn=dsn, workload=load)
    await target.prepare()
    await target.apply(tried(work_mem=33))
    found = await target.measure(1)
    assert found.state == "complete", found.reason
    await target.restore()


async def test_a_role_without_rights(somebodys: Somebodys, tmp_path: Path) -> None:
    somebodys.ask("CREATE ROLE clerk LOGIN")
    said = await refused(somebodys, tmp_path, dsn=somebodys.dsn.replace("user=trimtab", "user=clerk"))
    assert "the role 'clerk' is no superuser" in said


async def test_a_read_only_server(somebodys: Somebodys, tmp_path: Path) -> None:
    somebodys.ask("ALTER SYSTEM SET default_transaction_read_only = on")
    somebodys.ask("SELECT pg_reload_conf()")
    assert "read-only" in await refused(somebodys, tmp_path)


async def test_a_standby_and_what_replicas_must_match(somebodys: Somebodys, tmp_path: Path) -> None:
    with replica_of(somebodys) as replica:
        assert "the server is a standby" in await refused(replica, tmp_path)
        settings = {"max_connections": Tuned(unit="", default=100)}
        said = await refused(somebodys, tmp_path, settings, allow=["max_connections"])
        assert "max_connections: 1 replicas must have at least the primary's value" in said
        target = target_on(somebodys, tmp_path)
        await target.prepare()
        await target.apply(tried(work_mem=33))
        assert somebodys.ask("SHOW work_mem") == [("33MB",)]
        await target.restore()


async def test_a_server_that_became_a_standby_is_left_alone(somebodys: Somebodys, tmp_path: Path) -> None:
    """After a failover the DSN may lead to what was the primary; what was noted there belongs to another history."""
    target = target_on(somebodys, tmp_path)
    await target.prepare()
    await target.apply(tried(work_mem=33))
    (somebodys.data / "standby.signal").touch()
    somebodys.control("restart")
    before = somebodys.file.read_bytes()
    with pytest.raises(TargetError, match="is a standby now: nothing was written"):
        await target.restore()
    assert somebodys.file.read_bytes() == before


async def test_a_change_that_waits_for_a_restart(somebodys: Somebodys, tmp_path: Path) -> None:
    somebodys.ask("ALTER SYSTEM SET max_connections = 77")
    somebodys.ask("SELECT pg_reload_conf()")
    until = time.monotonic() + 10
    while not somebodys.ask("SELECT 1 FROM pg_settings WHERE pending_restart"):
        assert time.monotonic() < until
    assert "max_connections: changed before, waiting for a restart" in await refused(somebodys, tmp_path)


async def test_no_tables_for_pgbenchs_own_scripts(somebodys: Somebodys, tmp_path: Path) -> None:
    somebodys.ask("CREATE DATABASE empty")
    said = await refused(somebodys, tmp_path, dsn=somebodys.dsn.replace("dbname=postgres", "dbname=empty"))
    assert "no tables of pgbench" in said


@pytest.mark.parametrize(
    ("name", "unit", "said"),
    [
        ("work_memm", "MB", "no such setting"),
        ("block_size", "", "fixed when the server is built"),
        ("work_mem", "", "the server counts in kB"),
        ("work_mem", "ms", "the server counts in kB"),
        ("checkpoint_timeout", "MB", "add unit = 'ms'"),
        ("seq_page_cost", "MB", "the server counts in numbers"),
    ],
)
async def test_parameters_that_fit_no_setting(
    somebodys: Somebodys, tmp_path: Path, name: str, unit: str, said: str
) -> None:
    settings = {name: Tuned(unit=unit, default=1)}
    target = target_on(somebodys, tmp_path, settings)
    with pytest.raises(InputError) as caught:
        await target.prepare()
    assert said in f"{one(caught.value)} {caught.value.hint}"


async def test_no_restart_without_consent(somebodys: Somebodys, tmp_path: Path) -> None:
    assert "restart = 'never'" in await refused(somebodys, tmp_path, BUFFERS, restart=None)


async def test_a_closed_window(somebodys: Somebodys, tmp_path: Path) -> None:
    target = target_on(somebodys, tmp_path, BUFFERS, restart="02:00-04:00")
    before = somebodys.state()
    target.power.clock = lambda: datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    await target.prepare()
    with pytest.raises(TargetError, match="the window 02:00-04:00 is closed"):
        await target.apply(tried(shared_buffers=64))
    target.power.clock = lambda: datetime(2026, 1, 1, 2, 30, tzinfo=UTC)
    await target.apply(tried(shared_buffers=64))
    assert somebodys.ask("SHOW shared_buffers") == [("64MB",)]
    target.power.clock = lambda: datetime(2026, 1, 1, 4, 0, tzinfo=UTC)
    await target.restore()
    assert somebodys.ask("SHOW shared_buffers") == [("64MB",)]
    assert "as before with the next restart" in target.workplace.journal.left[0]
    somebodys.control("restart")
    assert somebodys.state() == before


async def test_a_value_with_which_it_does_not_start(somebodys: Somebodys, tmp_path: Path) -> None:
    settings = {"huge_pages": Tuned(unit="", default="try"), "huge_page_size": Tuned(unit="MB", default=0)}
    before = somebodys.state()
    target = target_on(somebodys, tmp_path, settings)
    await target.prepare()
    await target.apply(tried(huge_pages="off", huge_page_size=0))
    failed = await applied(target, tried(huge_pages="on", huge_page_size=1024))
    assert failed is not None
    assert re.match(r"apply: the server did not start: .*(huge|shared memory|size)", failed.reason or "")
    assert somebodys.ask("SHOW huge_pages") == [("off",)]
    found = await target.measure(1)
    assert found.state == "complete", found.reason
    await target.restore()
    assert somebodys.state() == before


async def test_what_a_role_overrides_is_no_measurement(somebodys: Somebodys, tmp_path: Path) -> None:
    somebodys.ask("ALTER ROLE trimtab SET work_mem = '7MB'")
    target = target_on(somebodys, tmp_path)
    await target.prepare()
    with pytest.raises(TargetError, match="not in effect: work_mem is 7MB, not 33MB, set by user"):
        await target.apply(tried(work_mem=33))
    await target.restore()


async def test_a_persons_change_of_a_tuned_setting_survives(somebodys: Somebodys, tmp_path: Path) -> None:
    settings = {"work_mem": Tuned(unit="MB", default=4), "seq_page_cost": Tuned(unit="", default=1.0)}
    target = target_on(somebodys, tmp_path, settings)
    await target.prepare()
    await target.apply(tried(work_mem=33, seq_page_cost=1.5))
    somebodys.ask("ALTER SYSTEM SET work_mem = '99MB'")
    with pytest.raises(TargetError, match="work_mem: changed by somebody else during the study \\('99MB'\\)"):
        await target.apply(tried(work_mem=34, seq_page_cost=1.5))
    await target.restore()
    assert somebodys.ask("SHOW work_mem") == [("99MB",)]
    assert somebodys.ask("SHOW seq_page_cost") == [("1",)]
    assert "seq_page_cost" not in somebodys.file.read_text()
    assert somebodys.ask("SHOW random_page_cost") == [("1.7",)]
    (left,) = target.workplace.journal.left
    assert left == "work_mem: left as somebody else set it meanwhile ('99MB'; before the study '5MB')"


@pytest.mark.parametrize(
    ("done", "name", "value"),
    [
        ("ALTER SYSTEM SET seq_page_cost = 3", "seq_page_cost", "3"),
        ("ALTER SYSTEM RESET random_page_cost", "random_page_cost", "4"),
        ("ALTER SYSTEM SET log_min_duration_statement = '9s'", "log_min_duration_statement", "9s"),
    ],
)
async def test_a_persons_change_of_another_setting_survives(
    somebodys: Somebodys, tmp_path: Path, done: str, name: str, value: str
) -> None:
    target = target_on(somebodys, tmp_path)
    await target.prepare()
    await target.apply(tried(work_mem=33))
    somebodys.ask(done)
    await target.apply(tried(work_mem=34))
    await target.restore()
    assert somebodys.ask(f"SHOW {name}") == [(value,)]
    assert somebodys.ask("SHOW work_mem") == [("5MB",)]
    assert name in target.workplace.journal.left[0]


async def test_a_server_whose_files_are_out_of_reach(
    somebodys: Somebodys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = somebodys.state()
    monkeypatch.setattr(undo, "is_at_hand", lambda *_: False)
    target = target_on(somebodys, tmp_path)
    await target.prepare()
    await target.apply(tried(work_mem=33))
    await target.restore()
    assert somebodys.state() == before


async def test_more_memory_than_there_is(somebodys: Somebodys, tmp_path: Path) -> None:
    target = target_on(somebodys, tmp_path)
    await target.prepare()
    with pytest.raises(TargetError, match=r"may need .* MB of .* MB .*: not tried"):
        await target.apply(tried(work_mem=1 << 20))
    assert somebodys.ask("SHOW work_mem") == [("5MB",)]
    await target.restore()


async def test_an_inactive_setting_is_as_before(somebodys: Somebodys, tmp_path: Path) -> None:
    settings = {"work_mem": Tuned(unit="MB", default=4), "random_page_cost": Tuned(unit="", default=None)}
    target = target_on(somebodys, tmp_path, settings)
    await target.prepare()
    await target.apply(tried(work_mem=33, random_page_cost=2.5))
    assert somebodys.ask("SHOW random_page_cost") == [("2.5",)]
    await target.apply(tried(work_mem=33))
    assert somebodys.ask("SHOW random_page_cost") == [("1.7",)]
    await target.restore()


_SLOW = "SELECT pg_sleep(CASE current_setting('work_mem') WHEN '64MB' THEN 0.4 ELSE 0.02 END);\n"


@pytest.mark.parametrize("knows_the_default", [True, False])
async def test_too_slow_a_configuration_is_stopped_and_undone_at_once(
    somebodys: Somebodys, tmp_path: Path, knows_the_default: bool
) -> None:
    (tmp_path / "slow.sql").write_text(_SLOW)
    load = {"scripts": ["slow.sql"], "clients": 1, "warmup_s": 0, "duration_s": 12}
    target = target_on(somebodys, tmp_path, workload={**load, "duration_s": 12})
    await target.prepare()
    target.section = target.section.model_copy(
        update={"workload": target.section.workload.model_copy(update={"duration_s": 2.0})}
    )
    if knows_the_default:
        await target.apply(tried(work_mem=4))
        assert (await target.measure(1)).state == "complete"
    await target.apply(tried(work_mem=64))
    target.section = target.section.model_copy(
        update={"workload": target.section.workload.model_copy(update={"duration_s": 6.0})}
    )
    began = time.monotonic()
    found = await target.measure(1)
    assert (found.state, time.monotonic() - began < 15) == ("failed", True)
    assert re.search(r"stopped after [23] s: latency 4\d\d ms, the default's is 2\d\.?\d* ms", found.reason or "")
    assert somebodys.ask("SHOW work_mem") == [("4MB",)]
    await target.restore()
    assert somebodys.ask("SHOW work_mem") == [("5MB",)]


async def test_the_guard_of_latency_has_an_off_switch(somebodys: Somebodys, tmp_path: Path) -> None:
    (tmp_path / "slow.sql").write_text(_SLOW)
    load = {"scripts": ["slow.sql"], "clients": 1, "warmup_s": 0, "duration_s": 3}
    target = target_on(somebodys, tmp_path, workload=load, guard={"latency_factor": 0})
    await target.prepare()
    for value in (4, 64):
        await target.apply(tried(work_mem=value))
        assert (await target.measure(1)).state == "complete"
    await target.restore()


async def test_a_script_that_fails(somebodys: Somebodys, tmp_path: Path) -> None:
    (tmp_path / "bad.sql").write_text("SELECT nothing_there;\n")
    target = target_on(somebodys, tmp_path, workload={**LOAD, "builtin": None, "scripts": ["bad.sql"]})
    await target.prepare()
    await target.apply(tried(work_mem=4))
    found = await target.measure(1)
    assert found.state == "failed"
    assert 'column "nothing_there" does not exist' in (found.reason or "") + found.log
    await target.restore()


async def test_a_server_that_dies_is_started_again_as_it_was(somebodys: Somebodys, tmp_path: Path) -> None:
    before = somebodys.state()
    target = target_on(somebodys, tmp_path)
    await target.prepare()
    await target.apply(tried(work_mem=33))
    somebodys.kill()
    found = await target.measure(1)
    assert found.state == "failed"
    assert found.reason
    await target_on(somebodys, tmp_path).restore()
    assert somebodys.state() == before


async def test_another_server_is_left_alone(somebodys: Somebodys, tmp_path: Path) -> None:
    target = target_on(somebodys, tmp_path)
    await target.prepare()
    await target.apply(tried(work_mem=33))
    journal = target.workplace.journal
    other = {**journal.notes["server"], "identifier": "1"}
    journal.replace("server", other)
    with pytest.raises(TargetError, match="another server answers now"):
        await target.restore()
    assert somebodys.ask("SHOW work_mem") == [("33MB",)]
