"""The end of a test run sees what it should: see tests/ending.py."""

import os
import subprocess
import sys
from pathlib import Path

from tests import ending


def test_a_skip_needs_a_line_that_allows_it(tmp_path: Path) -> None:
    file = tmp_path / "allowed.txt"
    file.write_text("# why\n\ntests/a.py::test_gpu*: no accelerator: only in the lab\n")
    allowed = ending.allowed_skips(file)
    assert allowed == {"tests/a.py::test_gpu*": "no accelerator: only in the lab"}
    skipped = {"tests/a.py::test_gpu[0]": "no GPU", "tests/a.py::test_cpu": "no reason"}
    assert ending.unexpected(skipped, allowed) == ["tests/a.py::test_cpu: no reason"]


def test_a_process_that_outlives_the_run_is_found_and_ended() -> None:
    mark = f"mark-{os.getpid()}"
    code = "import time; time.sleep(600)"
    started = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, ending.MARK: mark})
    try:
        assert list(ending.leftover_processes(mark)) == [started.pid]
        assert ending.leftover_processes(f"{mark}0") == {}
        ending.end({started.pid: ""})
        assert started.wait(30) == -9
        assert ending.leftover_processes(mark) == {}
    finally:
        started.kill()


def test_working_folders_that_stay_are_found(tmp_path: Path) -> None:
    (tmp_path / "trimtab-1-x").mkdir()
    (tmp_path / "other").mkdir()
    assert ending.leftover_folders(tmp_path) == ["trimtab-1-x"]
