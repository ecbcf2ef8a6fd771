"""What the sandbox caused is said as such, with the line to change; what it did not cause is not."""

import asyncio
from pathlib import Path

import pytest

from trimtab.agent.study.file import load_study
from trimtab.tools.sandbox import SandboxedCommand, choose_sandbox
from trimtab.tools.targets import Evaluation, Workplace, build_target
from trimtab.tools.targets.reading.causes import caused_by_sandbox


def cause(written: str, folder: Path = Path("/"), **how: object) -> str:
    return caused_by_sandbox(SandboxedCommand(("x",), folder / "work", {}, 1, **how), True, written)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("urlopen error [Errno 111] Connection refused", "evaluation.network = true, or"),
        ("connect to 127.0.0.1:6379: Connection refused", 'network = "host-loopback", ports = [6379]'),
        ("could not connect to localhost port 5432", "ports = [5432]"),
        ("curl: (6) Could not resolve host: example.org", "evaluation.network = true"),
        ("socket.gaierror: [Errno -3] Temporary failure in name resolution", "evaluation.network = true"),
        ("OSError: [Errno 30] Read-only file system: '/opt/x'", "{work_dir}"),
        ("ValueError: no good", ""),
        ("cannot open /usr/share/nothing: No such file or directory", ""),
    ],
)
def test_words_that_speak_for_the_sandbox(written: str, said: str) -> None:
    assert said in cause(written)
    assert bool(said) == bool(cause(written))
    assert caused_by_sandbox(SandboxedCommand(("x",), Path("/w"), {}, 1), False, written) == ""


def test_with_a_network_it_is_not_blamed() -> None:
    assert cause("Connection refused", network=True) == ""
    assert "ports = [1, 22]" in cause("127.0.0.1:22: Connection refused", ports=(1,))


def test_hidden_paths_are_those_that_are_there(tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    written = f"FileNotFoundError: [Errno 2] No such file or directory: '{data}'"
    assert cause(written) == ""
    data.touch()
    assert cause(written) == f"the sandbox hides {data}: name it in evaluation.readable"
    assert cause(written, readable=(tmp_path,)) == ""


@pytest.mark.parametrize(("readable", "state"), [(False, "failed"), (True, "complete")])
def test_an_evaluation_says_it(tmp_path: Path, readable: bool, state: str) -> None:
    outside, study = tmp_path / "outside", tmp_path / "study"
    outside.mkdir()
    study.mkdir()
    (outside / "data").write_text('{"loss": 1}')
    command = ["cat", str(outside / "data")]
    evaluation = Evaluation(command=command, readable=[outside] if readable else [], isolation="bubblewrap")
    target = build_target(evaluation, Workplace(choose_sandbox("bubblewrap"), study))

    async def once() -> object:
        await target.prepare()
        return await target.evaluate({}, seed=1, required=("loss",))  # type: ignore[attr-defined]

    found = asyncio.run(once())
    assert found.state == state  # type: ignore[attr-defined]
    assert ("name it in evaluation.readable" in str(found.reason)) == (state == "failed")  # type: ignore[attr-defined]


STUDY = """
[study]
name = "s"
[parameters.x]
type = "bool"
default = false
[[objectives]]
metric = "loss"
direction = "minimize"
[evaluation]
command = ["cat", "DATA", "{x}"]
"""


def test_check_warns_of_what_will_be_hidden(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from trimtab.agent.faces.commands.check import print_study

    study, data = tmp_path / "study", tmp_path / "data"
    study.mkdir()
    data.touch()
    for more, warned in (("", True), (f'readable = ["{data}"]\n', False), ('isolation = "process"\n', False)):
        (study / "s.toml").write_text(STUDY.replace("DATA", str(data)) + more)
        print_study(study / "s.toml")
        assert (f"hidden in the sandbox: {data}" in capsys.readouterr().out) == warned


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('network = "host-loopback"', "add ports"),
        ("ports = [80]", "ports go with"),
        ('network = "host-loopback"\nports = [0]', "greater than or equal to 1"),
        ('network = "loopback"', "network"),
    ],
)
def test_ports_go_with_their_network(tmp_path: Path, more: str, said: str) -> None:
    from trimtab.agent.study.file import StudyFileError

    (tmp_path / "s.toml").write_text(STUDY.replace("DATA", "x") + more)
    with pytest.raises(StudyFileError, match=said):
        load_study(tmp_path / "s.toml")
