"""Applying writes exactly what was shown, and changes nothing else about a file."""

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.agent.study.apply import difference, write
from trimtab.agent.study.replace import replace_text
from trimtab.tools.errors import InputError

NOBODY = 65534


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "service.conf"
    found.write_text("old\n")
    return found


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o4711])
def test_the_mode_stays(file: Path, mode: int) -> None:
    file.chmod(mode)
    replace_text(file, "new\n")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new\n", mode)


def test_a_new_file_has_the_mode_of_new_files(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        replace_text(tmp_path / "new", "new\n")
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_owner_stays(file: Path) -> None:
    os.chown(file, NOBODY, NOBODY)
    replace_text(file, "new\n")
    assert (file.stat().st_uid, file.stat().st_gid) == (NOBODY, NOBODY)


def test_a_symlink_stays_and_its_target_is_written(file: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / "link"
    link.symlink_to("../service.conf")
    replace_text(link, "new\n")
    assert (link.readlink(), file.read_text()) == (Path("../service.conf"), "new\n")
    dangling = tmp_path / "dangling"
    dangling.symlink_to("later.conf")
    replace_text(dangling, "new\n")
    assert (dangling.is_symlink(), (tmp_path / "later.conf").read_text()) == (True, "new\n")


def test_other_names_of_a_file_stay(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    os.link(file, other)
    replace_text(file, "new\n")
    assert (other.read_text(), file.samefile(other)) == ("new\n", True)


def test_attributes_stay(file: Path) -> None:
    try:
        os.setxattr(file, "user.origin", b"template")
    except OSError:
        pytest.skip("this file system has no attributes")
    replace_text(file, "new\n")
    assert os.getxattr(file, "user.origin") == b"template"


def test_a_device_and_a_pipe_are_written_and_not_replaced(tmp_path: Path) -> None:
    replace_text(Path("/dev/null"), "new\n")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    replace_text(pipe, "new\n")
    reader.join()
    assert read == ["new\n"]
    assert pipe.is_fifo()


@pytest.fixture
def unprivileged(ordinary_folder: Path) -> Path:
    """A file of an ordinary user."""
    found = ordinary_folder / "service.conf"
    found.write_text("old\n")
    return found


def test_a_read_only_file_is_refused(unprivileged: Path) -> None:
    unprivileged.chmod(0o444)
    with pytest.raises(InputError, match=r"service\.conf: cannot be written: it is read-only"):
        write(unprivileged, "new\n")
    assert unprivileged.read_text() == "old\n"


def test_a_file_in_a_folder_that_may_not_be_changed_is_written(unprivileged: Path) -> None:
    unprivileged.parent.chmod(0o555)
    try:
        write(unprivileged, "new\n")
        assert unprivileged.read_text() == "new\n"
        with pytest.raises(InputError, match="cannot be written"):
            write(unprivileged.with_name("another"), "new\n")
    finally:
        unprivileged.parent.chmod(0o755)


@pytest.mark.parametrize("name", ["folder", "no/such/place", "x" * 300, "loop"])
def test_what_cannot_be_written_is_said_and_nothing_is_left(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / name, "new\n")
    assert sorted(tmp_path.iterdir()) == before


def test_a_full_disk_leaves_the_old_file(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"):
        write(file, "new\n")
    assert (file.read_text(), [each.name for each in file.parent.iterdir()]) == ("old\n", ["service.conf"])


LINES = st.lists(st.sampled_from(["a", "b", "", "\r", "\x1b[2J", "\t", "é"]), max_size=6).map("\n".join)


@given(LINES, LINES)
def test_the_difference_is_empty_only_when_nothing_changes(
    tmp_path_factory: pytest.TempPathFactory, old: str, new: str
) -> None:
    file = tmp_path_factory.mktemp("difference") / "file"
    file.write_bytes(old.encode())
    found = difference(file, new)
    assert (found == "") == (old == new)
    assert all(each.isprintable() or each == "\n" for each in found)


def test_the_difference_shows_every_character(file: Path) -> None:
    file.write_bytes(b"a\r\nb\x1b[1m\nc")
    found = difference(file, "a\nb\nc\n").splitlines()[3:]
    assert found == ["-a\\r", "-b\\x1b[1m", "-c", "\\ no newline at the end", "+a", "+b", "+c"]


def test_what_is_no_text_is_not_compared(file: Path) -> None:
    file.write_bytes(b"\xff\x00")
    with pytest.raises(InputError, match="cannot be read"):
        difference(file, "new\n")
    os.truncate(file, 5 << 20)
    with pytest.raises(InputError, match="larger than 4 MiB"):
        difference(file, "new\n")
