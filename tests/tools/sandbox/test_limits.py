"""Limits see every kind of memory and all that is written; with the kernel's groups where there are some, and without."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from trimtab.tools.sandbox import Limits, Outcome, Sandbox
from trimtab.tools.sandbox.resources import cgroups, usage
from trimtab.tools.sandbox.written import written

Attempt = Callable[..., Outcome]

CHUNK = "chunk = b'x' * (1 << 20)\n"
MEMORY = {
    "anonymous": "import mmap\nkept = []\nfor _ in range(4):\n"
    "    if os.fork() == 0:\n"
    "        own = bytearray(60 << 20); own[::4096] = b'x' * len(own[::4096]); time.sleep(60)\n"
    "time.sleep(60)",
    "shared": "import mmap\nkept = mmap.mmap(-1, 200 << 20)\n"
    "for at in range(0, 200 << 20, 1 << 20): kept[at:at + (1 << 20)] = chunk\ntime.sleep(60)",
    "memfd": "fd = os.memfd_create('x')\nfor _ in range(200): os.write(fd, chunk)\ntime.sleep(60)",
    "memfd without a descriptor": "import mmap\nfd = os.memfd_create('x')\nos.ftruncate(fd, 200 << 20)\n"
    "kept = mmap.mmap(fd, 200 << 20); os.close(fd); kept.__class__\n"
    "for at in range(0, 200 << 20, 1 << 20): kept[at:at + (1 << 20)] = chunk\ntime.sleep(60)",
    "two temporary folders": "for place in ('/dev/shm', '/tmp'):\n"
    "    with open(place + '/f', 'wb') as file:\n"
    "        for _ in range(70): file.write(chunk)\ntime.sleep(60)",
}


@pytest.fixture(params=["kernel", "polled"])
def watched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "polled":
        monkeypatch.setattr(usage, "make_group", lambda *_given: None)
    elif cgroups.find_place() is None:
        pytest.skip("control groups cannot be made here")
    return request.param


@pytest.mark.parametrize("kind", MEMORY)
def test_memory_of_every_kind_is_limited(attempt: Attempt, bubblewrap: Sandbox, watched: str, kind: str) -> None:
    small = Limits(memory=100 << 20, processes=50)
    outcome = attempt(bubblewrap, CHUNK + MEMORY[kind], limits=small)
    assert outcome.killed is not None, outcome
    assert outcome.killed.startswith("used more than 100 MiB of memory (limit memory: raise evaluation.limits.memory)")
    large = attempt(bubblewrap, CHUNK + MEMORY[kind].replace("60)", "1)"), limits=Limits(memory=600 << 20))
    assert large.killed is None, large


@pytest.mark.parametrize("kind", ["anonymous", "shared", "memfd", "memfd without a descriptor"])
def test_memory_is_limited_without_isolation(attempt: Attempt, process: Sandbox, watched: str, kind: str) -> None:
    outcome = attempt(process, CHUNK + MEMORY[kind], limits=Limits(memory=100 << 20, processes=50))
    assert "limit memory" in (outcome.killed or ""), outcome


def test_memory_that_processes_share_counts_once(attempt: Attempt, bubblewrap: Sandbox, watched: str) -> None:
    body = """
import mmap
shared = mmap.mmap(-1, 60 << 20)
shared[::4096] = b"x" * (60 << 8)
own = bytearray(60 << 20); own[::4096] = b"x" * (60 << 8)
for _ in range(6):
    if os.fork() == 0:
        shared[::4096]; own[::4096]; time.sleep(1.5); os._exit(0)
time.sleep(2)
"""
    outcome = attempt(bubblewrap, body, limits=Limits(memory=300 << 20))
    assert (outcome.killed, outcome.exit_code) == (None, 0), outcome


def test_a_temporary_folder_is_no_larger_than_the_memory(attempt: Attempt, bubblewrap: Sandbox) -> None:
    body = CHUNK + "file = open('/dev/shm/f', 'wb')\nfor _ in range(120): file.write(chunk)"
    outcome = attempt(bubblewrap, body, limits=Limits(memory=100 << 20, file_size=1 << 30))
    assert outcome.exit_code != 0
    assert "No space left" in outcome.stderr or "limit memory" in (outcome.killed or "")


WRITTEN = {
    "many files of a moderate size": ("disk", "for n in range(9): open(f'f{n}', 'wb').write(chunk * 3)"),
    "a file that has no name": ("disk", "f = open('f', 'wb'); os.unlink('f')\nfor _ in range(30): f.write(chunk)"),
    "many names": ("files", "for n in range(300): open(f'f{n}', 'w')"),
    "folders in folders": ("files", "for n in range(300): os.mkdir('d' * 200); os.chdir('d' * 200)"),
    "names in memory": ("files", "for n in range(300): open(f'/tmp/f{n}', 'w')"),
    "in a folder closed to all": (
        "disk",
        "os.mkdir('d')\nfor n in range(9): open(f'd/f{n}', 'wb').write(chunk * 3)\nos.chmod('d', 0)",
    ),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_all_that_is_written_is_limited(attempt: Attempt, bubblewrap: Sandbox, name: str) -> None:
    limit, body = WRITTEN[name]
    limits = Limits(disk=20 << 20, files=200)
    outcome = attempt(bubblewrap, CHUNK + body + "\ntime.sleep(20)", limits=limits)
    assert outcome.killed is not None, outcome
    assert f"limit {limit}: raise evaluation.limits.{limit}" in outcome.killed
    assert outcome.duration_s < 19


@pytest.mark.parametrize("name", ["many files of a moderate size", "many names"])
def test_what_was_written_last_counts_too(attempt: Attempt, bubblewrap: Sandbox, name: str) -> None:
    limit, body = WRITTEN[name]
    outcome = attempt(bubblewrap, CHUNK + body, limits=Limits(disk=20 << 20, files=200))
    assert f"limit {limit}" in (outcome.killed or ""), outcome


def test_links_are_not_followed_and_sparse_files_are_what_they_take(tmp_path: Path) -> None:
    (tmp_path / "usr").symlink_to("/usr")
    (tmp_path / "loop").symlink_to(".")
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate(1 << 40)
    found = written(tmp_path, most_bytes=1 << 20, most_entries=100)
    assert found.entries == 3
    assert found.size < 1 << 20
    assert not found.hidden


def test_a_tree_deeper_than_paths_may_be_long_is_counted_whole(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(60):
        os.mkdir("d" * 200, dir_fd=folder)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = inner
    os.close(os.open("last", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.close(folder)
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert written(tmp_path, most_bytes=1 << 40, most_entries=1000).entries == 61
    assert written(tmp_path, most_bytes=1 << 40, most_entries=30).entries == 31
    assert len(list(Path("/proc/self/fd").iterdir())) == before
    assert written(tmp_path / "gone", most_bytes=1, most_entries=1).entries == 0


def test_no_group_is_left_behind(attempt: Attempt, bubblewrap: Sandbox) -> None:
    place = cgroups.find_place()
    if place is None:
        pytest.skip("control groups cannot be made here")
    attempt(bubblewrap, "time.sleep(.5)")
    cgroups._remove_all()
    assert [folder for folder in place.memory.iterdir() if folder.name.startswith(f"trimtab-{os.getpid()}-")] == []


def test_a_storm_of_forks_is_one_failed_evaluation(attempt: Attempt, bubblewrap: Sandbox, watched: str) -> None:
    body = "while True:\n    try: os.fork()\n    except OSError: pass"
    outcome = attempt(bubblewrap, body, limits=Limits(processes=30))
    assert "limit processes" in (outcome.killed or ""), outcome
    assert outcome.duration_s < 25
