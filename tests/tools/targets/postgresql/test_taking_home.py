"""A configuration in the forms in which a server elsewhere takes it, tried on a real one."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.postgresql import program
from tests.somebodys_server import Somebodys
from trimtab.tools.errors import InputError
from trimtab.tools.expressions import Value
from trimtab.tools.targets.postgresql.auto_conf import entries_of
from trimtab.tools.targets.postgresql.connection import ServerError
from trimtab.tools.targets.postgresql.section import PostgresqlSection
from trimtab.tools.targets.rendering.wording import Tuned

SETTINGS = {
    "shared_buffers": Tuned(unit="MB", default=128),
    "work_mem": Tuned(unit="MB", default=4),
    "jit": Tuned(unit="", default=True),
    "random_page_cost": Tuned(unit="", default=4.0),
    "wal_compression": Tuned(unit="", default="off"),
}
TUNED: dict[str, Value] = {
    "shared_buffers": 64,
    "work_mem": 4,
    "jit": False,
    "random_page_cost": 1.1,
    "wal_compression": "lz4",
}
PRIVATE = PostgresqlSection(kind="postgresql")


def psql(server: Somebodys, script: str) -> None:
    words = [program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", server.dsn]
    subprocess.run(words, input=script, text=True, check=True, capture_output=True)


def test_the_statements_bring_the_settings_and_the_way_back_undoes_them(somebodys: Somebodys) -> None:
    before = somebodys.state()
    section = PostgresqlSection(kind="postgresql", dsn=somebodys.dsn)
    back = section.taken_home("revert", TUNED, SETTINGS)
    script = section.taken_home("alter-system", TUNED, SETTINGS)
    assert "\"work_mem\" = '4MB';  -- the study's default\n" in script
    assert "\"jit\" = 'off';\n" in script
    assert "-- then restart the server, for shared_buffers\n" in script
    psql(somebodys, script)
    somebodys.control("restart", "-m", "fast")
    shown = [somebodys.ask(f"SHOW {name}")[0][0] for name in SETTINGS]
    assert shown == ["64MB", "4MB", "off", "1.1", "lz4"]
    with pytest.raises(InputError, match="has these settings already"):
        section.taken_home("revert", TUNED, SETTINGS)
    psql(somebodys, back)
    somebodys.control("restart", "-m", "fast")
    after = somebodys.state()
    assert entries_of(bytes(after.pop("file"))) == entries_of(bytes(before.pop("file")))  # type: ignore[call-overload]
    lines = {name: (row[0], row[1]) for name, row in before.items()}  # type: ignore[index]
    assert {name: (row[0], row[1]) for name, row in after.items()} == lines  # type: ignore[index]


def test_the_lines_of_the_file_are_read_by_a_server(somebodys: Somebodys) -> None:
    lines = PRIVATE.taken_home("auto-conf", TUNED, SETTINGS)
    with somebodys.file.open("a") as file:
        file.write(lines)
    somebodys.ask("SELECT pg_reload_conf()")
    assert somebodys.ask(
        "SELECT count(*) FROM pg_file_settings WHERE error IS NOT NULL AND name <> 'shared_buffers'"
    ) == [(0,)]
    assert somebodys.ask("SHOW random_page_cost") == [("1.1",)]
    assert "work_mem = '4MB'  # the study's default\n" in lines


def test_a_parameter_group_counts_as_the_server_does(somebodys: Somebodys) -> None:
    group = json.loads(PRIVATE.taken_home("parameter-group", TUNED, SETTINGS))
    assert {each["ParameterName"]: (each["ParameterValue"], each["ApplyMethod"]) for each in group["Parameters"]} == {
        "shared_buffers": ("8192", "pending-reboot"),
        "work_mem": ("4096", "immediate"),
        "jit": ("0", "immediate"),
        "random_page_cost": ("1.1", "immediate"),
        "wal_compression": ("lz4", "immediate"),
    }
    for each in group["Parameters"]:  # a number without a unit means to the server what it means here
        somebodys.ask(f"ALTER SYSTEM SET {each['ParameterName']} = '{each['ParameterValue']}'")
    somebodys.control("restart", "-m", "fast")
    assert somebodys.ask("SHOW shared_buffers") == [("64MB",)]
    assert somebodys.ask("SHOW work_mem") == [("4MB",)]


def test_a_request_has_at_most_twenty_parameters() -> None:
    settings = {f"x.y{n}": Tuned(unit="", default=0) for n in range(21)}
    documents = json.loads(PRIVATE.taken_home("parameter-group", dict.fromkeys(settings, 1), settings))
    assert [len(each["Parameters"]) for each in documents] == [20, 1]


def test_what_is_inactive_is_not_written_and_a_private_server_has_no_entries() -> None:
    script = PRIVATE.taken_home("revert", {"work_mem": 64}, SETTINGS)
    assert script == 'ALTER SYSTEM RESET "work_mem";\nSELECT pg_reload_conf();\n'


def test_a_way_back_needs_the_server(tmp_path: Path) -> None:
    section = PostgresqlSection(kind="postgresql", dsn=f"host={tmp_path}")
    with pytest.raises(ServerError, match="No such file"):
        section.taken_home("revert", TUNED, SETTINGS)
