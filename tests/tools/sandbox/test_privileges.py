"""An evaluation has no privileges, whoever started trimtab, and cannot get any."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from trimtab.tools.sandbox import Outcome, Sandbox
from trimtab.tools.sandbox.privileges import NOBODY

from .conftest import Attack

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="about evaluations that root starts")

STATUS = """
status = dict(line.split(":\\t", 1) for line in Path("/proc/self/status").read_text().splitlines())
words = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Groups")
print(json.dumps({word: status[word].strip() for word in words} | {"uid": os.getresuid(), "gid": os.getresgid()}))
"""


def test_no_capability_is_left_not_even_to_be_gained(attack: Attack, bubblewrap: Sandbox) -> None:
    found = attack(bubblewrap, STATUS)
    assert {int(found[word], 16) for word in found if word.startswith("Cap")} == {0}
    assert found["NoNewPrivs"] == "1"


@as_root
def test_what_root_starts_runs_as_nobody(attack: Attack, bubblewrap: Sandbox) -> None:
    assert attack(None, STATUS)["uid"] == [0, 0, 0]
    found = attack(bubblewrap, STATUS)
    assert found["uid"] == found["gid"] == [NOBODY] * 3
    assert found["Groups"] == ""


MACHINE = """
settings = ("kernel/core_pattern", "vm/drop_caches", "kernel/modprobe", "kernel/hostname", "net/ipv4/ip_forward")
print(json.dumps({
    "settings": sum(works(lambda: os.close(os.open(f"/proc/sys/{name}", os.O_WRONLY))) for name in settings),
    "sysrq": works(lambda: os.close(os.open("/proc/sysrq-trigger", os.O_WRONLY))),
    "shadow": works(lambda: open("/etc/shadow").read(1)),
    "sys": works(lambda: os.close(os.open("/sys/kernel/mm/transparent_hugepage/enabled", os.O_WRONLY))),
}))
"""


@as_root
def test_settings_and_secrets_of_the_machine_are_out_of_reach(attack: Attack, bubblewrap: Sandbox) -> None:
    bare = attack(None, MACHINE)
    assert bare["settings"] > 0
    assert bare["shadow"]
    assert attack(bubblewrap, MACHINE) == {"settings": 0, "sysrq": False, "shadow": False, "sys": False}


NAMESPACES = """
NEWUSER, NEWNS = 0x10000000, 0x20000
def child(action):
    pid = os.fork()
    if pid == 0:
        os._exit(0 if works(action) else 1)
    return os.waitpid(pid, 0)[1] == 0
def in_new_user_namespace():
    return -1 if libc.unshare(NEWUSER | NEWNS) else libc.mount(b"none", b"/proc", b"tmpfs", 0, None)
print(json.dumps({
    "user namespace": child(lambda: libc.unshare(NEWUSER)),
    "mount in it": child(in_new_user_namespace),
    "clone": child(lambda: libc.syscall(56, NEWUSER | 17, 0, 0, 0, 0) if os.uname().machine == "x86_64" else -1),
    "open tree": child(lambda: libc.syscall(428, -100, b"/", 1)),
    "open file system": child(lambda: libc.syscall(430, b"tmpfs", 0)),
    "keyring": child(lambda: libc.syscall(250, 0, -3, 0) if os.uname().machine == "x86_64" else -1),
}))
"""


def test_there_are_no_namespaces_mounts_or_keyrings_to_go_on_from(attack: Attack, bubblewrap: Sandbox) -> None:
    assert any(attack(None, NAMESPACES).values())
    assert set(attack(bubblewrap, NAMESPACES).values()) == {False}


REMOUNT = """
REMOUNT, BIND, DETACH = 32, 4096, 2
print(json.dumps({
    "remount": libc.mount(b"none", b"/", None, REMOUNT | BIND, None),
    "unmount": min(libc.umount2(path.encode(), DETACH) for path in ("/tmp", "/run", "/home", "/proc", os.getcwd())),
    "write": works(lambda: open("/etc/trimtab-was-here", "w")),
}))
"""


def test_what_is_mounted_stays_as_it_is(attack: Attack, bubblewrap: Sandbox) -> None:
    found = attack(bubblewrap, REMOUNT)
    assert found == {"remount": -1, "unmount": -1, "write": False}
    assert not Path("/etc/trimtab-was-here").exists()


def test_programs_that_fork_and_thread_are_not_disturbed(attack: Attack, bubblewrap: Sandbox) -> None:
    body = """
import multiprocessing, threading
def double(x): return 2 * x
if __name__ == "__main__":
    thread = threading.Thread(target=lambda: None); thread.start(); thread.join()
    with multiprocessing.get_context("forkserver").Pool(2) as pool:
        print(json.dumps({"doubled": pool.map(double, [1, 2])}))
"""
    assert attack(bubblewrap, body) == {"doubled": [2, 4]}


def test_no_open_file_of_ours_comes_along(attack: Attack, bubblewrap: Sandbox, tmp_path: Path) -> None:
    body = "print(json.dumps({'open': sorted(map(int, os.listdir('/proc/self/fd')))}))"
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        found = attack(bubblewrap, body)["open"]
    assert [number for number in found if number > 2] == [3]  # the listing itself


def test_a_terminal_cannot_be_typed_into(attack: Attack, bubblewrap: Sandbox) -> None:
    body = """
import fcntl, pty, termios
first, second = pty.openpty()
print(json.dumps({"session": os.getsid(0) == os.getpid() or os.getsid(0) == 0 or os.getsid(0) > 0,
                  "typed": works(lambda: fcntl.ioctl(second, termios.TIOCSTI, b"x"))}))
"""
    assert attack(bubblewrap, body)["typed"] is False


@as_root
def test_a_private_study_folder_is_shown_whole(attack: Attack, bubblewrap: Sandbox, tmp_path: Path) -> None:
    study = tmp_path / "study"
    (study / "inner").mkdir(parents=True)
    (study / "inner" / "secret.txt").write_text("inner")
    (study / "run.sh").write_text("#!/bin/sh\necho ran\n")
    (study / "link").symlink_to("inner/secret.txt")
    (study / "open.txt").write_text("open")
    for path, mode in ((study / "inner" / "secret.txt", 0o600), (study / "run.sh", 0o700), (study / "inner", 0o700)):
        path.chmod(mode)
    study.chmod(0o700)
    body = """
study = Path(__file__).parent
print(json.dumps({
    "texts": [(study / name).read_text() for name in ("inner/secret.txt", "link", "open.txt")],
    "ran": subprocess.run([study / "run.sh"], capture_output=True, text=True).stdout.strip(),
    "names": sorted(path.name for path in study.iterdir()),
    "written": works(lambda: (study / "new").write_text("")) or works(lambda: (study / "inner/new").write_text("")),
}))
"""
    found = attack(bubblewrap, body)
    assert found["texts"] == ["inner", "inner", "open"]
    assert found["ran"] == "ran"
    assert found["names"] == ["attack.py", "inner", "link", "open.txt", "run.sh"]
    assert found["written"] is False
    assert stat.S_IMODE(study.stat().st_mode) == 0o700


@as_root
def test_too_many_private_files_are_an_error_with_a_way_out(
    attempt: Callable[..., Outcome], bubblewrap: Sandbox, tmp_path: Path
) -> None:
    from trimtab.tools.errors import InputError

    (tmp_path / "study").mkdir(exist_ok=True)
    for number in range(501):
        (tmp_path / "study" / f"{number}").touch(mode=0o600)
    before = len(list(Path("/proc/self/fd").iterdir()))
    with pytest.raises(InputError, match="can be read by root only") as caught:
        attempt(bubblewrap, "")
    assert "chmod -R o+rX" in str(caught.value)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


@as_root
def test_the_working_folder_is_the_evaluations_while_it_runs_and_ours_afterwards(
    attack: Attack, bubblewrap: Sandbox, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir(mode=0o700)
    (work / "job.json").write_text("{}")
    (work / "job.json").chmod(0o600)
    body = "print(json.dumps({'job': open('job.json').read(), 'made': open('made', 'w').write('x')}))"
    assert attack(bubblewrap, body) == {"job": "{}", "made": 1}
    assert (work.stat().st_uid, stat.S_IMODE(work.stat().st_mode)) == (0, 0o700)
    assert (work / "made").read_text() == "x"


@as_root
def test_private_folders_inside_what_is_hidden_stay_hidden(attack: Attack, bubblewrap: Sandbox, tmp_path: Path) -> None:
    """A study's folder that is shown may hold a store whose journals only their owner may read."""
    hidden = tmp_path / "study" / "store-journals"
    (hidden / "study-1").mkdir(parents=True)
    (hidden / "study-1" / "0.json").write_text("secret")
    (hidden / "study-1").chmod(0o700)
    body = f"print(json.dumps([str(each) for each in Path({str(hidden)!r}).rglob('*')]))"
    assert attack(None, body)
    assert attack(bubblewrap, body, hidden=(hidden,)) == []
