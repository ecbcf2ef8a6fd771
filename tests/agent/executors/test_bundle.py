"""A study's folder as data: named by its content, the same everywhere, without what no evaluation may see."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trimtab.agent.executors.bundle import Bundle, pack, unpacked
from trimtab.tools.errors import InputError


def folder(place: Path) -> Path:
    (place / "inner").mkdir(parents=True)
    (place / "program.py").write_text("print(1)")
    (place / "inner" / "run.sh").write_text("echo 1")
    (place / "inner" / "run.sh").chmod(0o755)
    (place / "link").symlink_to("program.py")
    return place


def test_equal_folders_have_equal_bundles_and_a_change_makes_another(tmp_path: Path) -> None:
    one, two = folder(tmp_path / "one"), folder(tmp_path / "two")
    os.utime(two / "program.py", (1, 1))
    assert pack(one) == pack(two)
    (two / "program.py").write_text("print(2)")
    assert pack(one).digest != pack(two).digest


def test_what_is_unpacked_is_what_was_packed(tmp_path: Path) -> None:
    bundle = pack(folder(tmp_path / "study"))
    found = unpacked(bundle, tmp_path / "worker")
    assert found == tmp_path / "worker" / bundle.digest
    assert (found / "link").read_text() == "print(1)"
    assert (found / "inner" / "run.sh").stat().st_mode & 0o777 == 0o755
    assert pack(found) == bundle


def test_secrets_and_what_is_not_needed_stay_here(tmp_path: Path) -> None:
    study = folder(tmp_path / "study")
    for name in ("store.db", "weights.bin", "__pycache__"):
        (study / name).write_text("x")
    bundle = pack(study, hidden=[study / "store.db", study / "inner"], leave_out=["*.bin"])
    assert sorted(each.name for each in unpacked(bundle, tmp_path / "worker").iterdir()) == ["link", "program.py"]


def test_a_folder_that_is_too_large_is_refused_by_the_name_of_a_file(tmp_path: Path) -> None:
    study = folder(tmp_path / "study")
    (study / "weights.bin").write_bytes(bytes(1 << 20))
    with pytest.raises(InputError, match=r"larger than 0\.5 MiB, at weights\.bin.*leave_out"):
        pack(study, most_mib=0.5)


def test_many_processes_unpack_at_once_and_leave_nothing_else(tmp_path: Path) -> None:
    bundle = pack(folder(tmp_path / "study"))
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(lambda _: unpacked(bundle, tmp_path / "worker"), range(32)))
    assert [each.name for each in (tmp_path / "worker").iterdir()] == [bundle.digest]
    assert len(found) == 1


def test_damaged_data_is_refused(tmp_path: Path) -> None:
    bundle = pack(folder(tmp_path / "study"))
    with pytest.raises(ValueError, match="did not arrive"):
        unpacked(Bundle(bundle.digest, bundle.data[:-1]), tmp_path / "worker")
    assert not (tmp_path / "worker").exists()


def test_what_nobody_has_used_for_long_makes_room(tmp_path: Path) -> None:
    study, root = folder(tmp_path / "study"), tmp_path / "worker"
    old = unpacked(pack(study), root)
    (study / "program.py").write_text("print(2)")
    used = pack(study)
    os.utime(unpacked(used, root), (1, 1))
    os.utime(old, (1, 1))
    unpacked(used, root)
    (study / "program.py").write_text("print(3)")
    new = unpacked(pack(study), root)
    assert {each.name for each in root.iterdir()} == {used.digest, new.name}
