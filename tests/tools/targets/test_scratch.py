"""Clean-up of what a hostile evaluation leaves: inside its folder only, whatever is in it."""

import asyncio
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from trimtab.tools.targets import scratch
from trimtab.tools.targets.scratch import fresh_directory, remove, remove_leftovers, working_directory


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TMPDIR of one's own, with the mode of /tmp."""
    found = tmp_path / "tmp"
    found.mkdir()
    found.chmod(0o1777)
    monkeypatch.setattr("tempfile.tempdir", str(found))
    return found


@pytest.fixture
def own(ordinary_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TMPDIR of an ordinary user."""
    monkeypatch.setattr("tempfile.tempdir", str(ordinary_folder))
    return ordinary_folder


def nest(folder: Path, depth: int) -> None:
    """Make folders in folders, deeper than a path can be long."""
    script = f"import os\nos.chdir({str(folder)!r})\nfor _ in range({depth}): os.mkdir('d'); os.chdir('d')"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_any_depth_is_removed_with_few_descriptors(place: Path) -> None:
    said: list[str] = []
    with fresh_directory(said.append) as directory:
        nest(directory, sys.getrecursionlimit() + 500)
        (directory / "d" / "beside").mkdir()
        (directory / "d" / "file").write_text("x")
    assert (list(place.iterdir()), said) == ([], [])


def test_links_are_removed_and_not_followed(own: Path) -> None:
    file, folder = own / "file", own / "folder"
    file.write_text("kept")
    file.chmod(0o640)
    folder.mkdir(mode=0o755)
    (folder / "kept").touch()
    with fresh_directory() as directory:
        for name, target in (("a", file), ("b", folder)):
            (directory / name).mkdir()
            (directory / name / "link").symlink_to(target)
            (directory / name).chmod(0o500)
        (directory / "top").symlink_to(folder)
    assert sorted(own.iterdir()) == [file, folder]
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert (folder / "kept").exists()


def test_no_mode_of_a_folder_keeps_it(own: Path) -> None:
    with fresh_directory() as directory:
        inner = directory / "a" / "b" / "c"
        inner.mkdir(parents=True)
        (inner / "file").touch()
        os.mkfifo(inner / "fifo")
        for folder in (inner, *inner.parents[:3]):
            folder.chmod(0)
    assert list(own.iterdir()) == []


def test_a_folder_that_is_gone_costs_its_parent_nothing(place: Path) -> None:
    said: list[str] = []
    with fresh_directory(said.append) as directory:
        directory.rmdir()
    assert stat.S_IMODE(place.stat().st_mode) == 0o1777
    assert said == []


def test_what_took_the_folders_place_is_not_entered(place: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").touch()
    said: list[str] = []
    with fresh_directory(said.append) as directory:
        directory.rename(tmp_path / "moved")
        directory.symlink_to(other)
    assert (list(place.iterdir()), said) == ([], [])
    with fresh_directory(said.append) as directory:
        directory.rename(tmp_path / "moved again")
        other.rename(directory)
    assert (directory / "kept").exists()
    assert len(said) == 1
    assert "another folder" in said[0]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_what_is_mounted_inside_is_left_and_reported(place: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    script = (
        "mount -t tmpfs none {other} && touch {other}/kept && mkdir -p {place}/{name}/a/b && touch {place}/{name}/c && "
        "mount --bind {other} {place}/{name}/a/b && {python} -c '{code}' && ls {other} {place}/{name}"
    )
    name = place_name(os.getpid(), "1")
    code = f"import tempfile; tempfile.tempdir = {str(place)!r}; from trimtab.tools.targets.scratch import remove_leftovers; remove_leftovers(print)"
    code = code.replace("'", '"')
    words = script.format(other=other, place=place, name=name, python=sys.executable, code=code)
    done = subprocess.run(["unshare", "--mount", "bash", "-c", words], capture_output=True, text=True)
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        pytest.skip("no mount namespaces here")
    assert done.returncode == 0, done.stderr
    said, *listed = done.stdout.splitlines()
    assert "could not be removed" in said
    assert "kept" in listed
    assert "c" not in listed


def test_removal_ends_in_time_and_says_so(place: Path) -> None:
    said: list[str] = []
    with fresh_directory() as directory:
        (directory / "file").touch()
        remove(directory, said.append, until=time.monotonic() - 1)
        assert directory.exists()
    assert len(said) == 1
    assert "too long" in said[0]


def place_name(pid: int, start: str, boot: str | None = None, host: str | None = None, space: str | None = None) -> str:
    mine = scratch._place()
    return f"trimtab-{host or mine[0]}{boot or mine[1]}{space or mine[2]}-{pid}-{start}-abcdefgh"


def test_leftovers_belong_to_a_process_of_one_host_boot_and_container(place: Path) -> None:
    me, started = os.getpid(), scratch._start(os.getpid())
    gone = [
        place_name(999_999_999, "5"),
        place_name(me, "1"),  # the number was given to another process
        place_name(me, started, boot="000000"),
        "trimtab-999999999-abcdefgh",  # of an older trimtab
    ]
    kept = [
        place_name(me, started),
        place_name(999_999_999, "5", host="000000"),
        place_name(999_999_999, "5", space="000000"),
        place_name(999_999_999, "5", host="000000", boot="000000"),
        "trimtab-999999999-abc",
        "trimtab-somebody",
        f"trimtab-{me}-abcdefgh",
        os.fsdecode(b"trimtab-\xff\n-1-2-abcdefgh"),
    ]
    for name in gone + kept:
        (place / name / "a").mkdir(parents=True)
    remove_leftovers()
    assert sorted(each.name for each in place.iterdir()) == sorted(kept)


def test_the_folder_of_a_killed_process_is_a_leftover_and_a_living_ones_is_not(place: Path) -> None:
    script = (
        "import sys, tempfile, time\n"
        f"tempfile.tempdir = {str(place)!r}\n"
        "from trimtab.tools.targets.scratch import fresh_directory\n"
        "with fresh_directory():\n    print('made', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        remove_leftovers()
        assert len(list(place.iterdir())) == 1
        process.send_signal(signal.SIGKILL)
    remove_leftovers()
    assert list(place.iterdir()) == []


def test_starts_at_the_same_time_remove_one_leftover_together(place: Path) -> None:
    said: list[str] = []
    folder = place / place_name(999_999_999, "5")
    for number in range(20):
        (folder / str(number) / "a" / "b" / "c").mkdir(parents=True)
        (folder / str(number) / "a" / "file").touch()
    together = [threading.Thread(target=remove_leftovers, args=(said.append,)) for _ in range(4)]
    for thread in together:
        thread.start()
    for thread in together:
        thread.join()
    assert (list(place.iterdir()), said) == ([], [])
    assert stat.S_IMODE(place.stat().st_mode) == 0o1777


async def test_removal_leaves_the_event_loop_free(monkeypatch: pytest.MonkeyPatch, place: Path) -> None:
    released = threading.Event()
    removing = scratch.remove

    def slow(*args: object, **kwargs: object) -> None:
        assert released.wait(30)
        removing(*args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(scratch, "remove", slow)

    async def use() -> None:
        async with working_directory():
            pass

    using = asyncio.create_task(use())
    await asyncio.sleep(0.01)
    assert not using.done()
    released.set()
    await using
    assert list(place.iterdir()) == []


async def test_a_cancelled_evaluation_does_not_leave_its_folder(place: Path) -> None:
    entered = asyncio.Event()

    async def use() -> None:
        async with working_directory():
            entered.set()
            await asyncio.sleep(60)

    using = asyncio.create_task(use())
    await entered.wait()
    using.cancel()
    await asyncio.gather(using, return_exceptions=True)
    assert list(place.iterdir()) == []
