"""The doctor tries what it says: everything holds under bubblewrap, and without it the gaps are found."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from trimtab.agent.faces.commands.doctor import lines, print_examination
from trimtab.tools.sandbox import Sandbox
from trimtab.tools.sandbox.doctor import examination
from trimtab.tools.sandbox.doctor.examination import Examination, Finding, examine
from trimtab.tools.sandbox.doctor.probes import ATTACKS, EXCESSES

ISOLATED = {"study", "system", "secret", "store", "processes", "port", "socket", "abstract"}


def test_everything_holds_by_default(bubblewrap: Sandbox) -> None:
    found = asyncio.run(examine(bubblewrap))
    assert [finding for finding in found.findings if not finding.held and finding.by_default] == []
    assert found.complete
    assert len(found.findings) == len(ATTACKS) + len(EXCESSES) + 2
    assert all(not finding.fix for finding in found.findings if finding.held)


def test_what_the_weaker_level_lets_through_is_found(process: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "bubblewrap_problem", lambda: "bwrap is not installed")
    found = asyncio.run(examine(process))
    gaps = {finding.name: finding for finding in found.findings if not finding.held}
    import os

    root_only = {"system"} if os.geteuid() != 0 else set()
    assert ISOLATED - root_only <= set(gaps)
    assert not {"keys", "privileges", "leftovers", "memory", "shared memory", "disk", "output", "time"} & set(gaps)
    assert "install bubblewrap" in gaps["port"].fix
    assert not found.complete
    said = "\n".join(lines(found))
    assert "bubblewrap, the default, is missing: bwrap is not installed" in said
    assert said.count("fix: install bubblewrap") >= len(ISOLATED - root_only)


def test_a_sandbox_that_cannot_be_tried_holds_nothing(bubblewrap: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "_INTRUDER", Path("/nowhere/intruder.py"))
    found = asyncio.run(examination._attacks(bubblewrap, ""))
    assert not any(finding.held for finding in found)
    assert all("could not be tried" in finding.detail for finding in found)


@pytest.mark.parametrize(
    ("problem", "fix"),
    [
        ("bwrap is not installed", "install bubblewrap (apt"),
        ("setpriv is not installed", "install util-linux"),
        ("bwrap is older than 0.5", "install bubblewrap"),
        ("bwrap does not work here: No permissions to create new namespace", "allow user namespaces"),
    ],
)
def test_every_problem_of_bubblewrap_has_its_fix(bubblewrap: Sandbox, problem: str, fix: str) -> None:
    assert examination._fix_of(problem).startswith(fix)


def made(**fields: object) -> Examination:
    findings = (Finding("a", "a holds", held=True, by_default=True), Finding(**{"name": "b", "said": "b", **fields}))
    return Examination("bubblewrap", "much", None, findings)


def test_only_what_is_promised_by_default_counts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for by_default, code in ((False, 0), (True, 1)):
        found = made(held=False, by_default=by_default, fix="do this")

        async def examined(found: Examination = found) -> Examination:
            return found

        monkeypatch.setattr("trimtab.agent.faces.commands.doctor.examine", examined)
        assert print_examination(as_json=False) == code
        shown = capsys.readouterr().out
        assert "GAP   b" in shown
        assert "fix: do this" in shown
        assert f"1 of 2 did not hold, {code} of them promised by default" in shown
        assert print_examination(as_json=True) == code
        told = json.loads(capsys.readouterr().out)
        assert (told["complete"], told["findings"][1]["fix"]) == (code == 0, "do this")


def test_the_installed_program_has_the_command(bubblewrap: Sandbox) -> None:
    program = Path(sys.executable).with_name("trimtab")
    done = subprocess.run([program, "doctor", "--json"], capture_output=True, text=True, timeout=120, check=False)
    told = json.loads(done.stdout)
    assert (done.returncode, told["complete"], told["sandbox"]) == (0, True, "bubblewrap"), told
