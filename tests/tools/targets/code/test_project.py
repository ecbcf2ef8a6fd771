"""The project: what is copied, what may be edited, and what never leaves."""

import subprocess
from pathlib import Path

import pytest

from trimtab.tools.errors import InputError
from trimtab.tools.targets.code.edits import Edit, EditError, patch_of
from trimtab.tools.targets.code.project import Project
from trimtab.tools.targets.code.section import CodeSection

KEY = "sk-" + "a1B2" * 8


def project(folder: Path, *editable: str, **fields: object) -> Project:
    given = {"project": "src", "editable": list(editable) or ["*.py"], **fields}
    return Project.read(CodeSection.model_validate(given), folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    source = tmp_path / "src"
    (source / "inner").mkdir(parents=True)
    (source / "a.py").write_text("x = 1\n")
    (source / "run.sh").write_text("true\n")
    (source / "run.sh").chmod(0o755)
    (source / "inner" / "b.py").write_text("y = 2\n")
    return tmp_path


def test_what_may_be_edited_is_named_by_paths_and_patterns(folder: Path) -> None:
    assert set(project(folder).editable) == {"a.py", "inner/b.py"}
    assert set(project(folder, "a.py").editable) == {"a.py"}
    assert project(folder, "a.py").files == ("a.py", "run.sh", "inner/b.py")


def test_secrets_ignored_files_and_links_are_neither_copied_nor_shown(folder: Path) -> None:
    source = folder / "src"
    for name in (".env", ".env.local", "server.pem", "id_rsa", "my-Secret.txt", "ignored.py"):
        (source / name).write_text("z = 3\n")
    (source / "keys.py").write_text(f"KEY = '{KEY}'\n")
    (source / "link.py").symlink_to("/etc/passwd")
    (source / "etc").symlink_to("/etc")
    (source / ".gitignore").write_text("ignored.py\n")
    found = project(folder)
    assert set(found.files) == {"a.py", "run.sh", "inner/b.py", ".gitignore"}
    assert found.left_out["ignored.py"] == ".gitignore names it"
    assert found.left_out["keys.py"] == "it holds what looks like a key"
    assert found.left_out["link.py"] == found.left_out["etc"] == "it is no plain file"
    assert found.left_out["my-Secret.txt"] == found.left_out[".env"] == "its name is that of a secret"
    with pytest.raises(InputError, match=r"names no file.*: it holds what looks like a key"):
        project(folder, "keys.py")
    with pytest.raises(EditError, match="there is no file"):
        found.text("ignored.py")
    with pytest.raises(EditError, match="there is no file"):
        found.text("../secret")


def test_gitignore_of_a_repository_counts_too(folder: Path) -> None:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    (folder / ".gitignore").write_text("*.log\n")
    (folder / "src" / "out.log").write_text("1")
    assert project(folder).left_out == {"out.log": ".gitignore names it"}


def test_a_copy_has_the_edit_and_the_project_does_not(folder: Path, tmp_path: Path) -> None:
    found = project(folder, "a.py")
    patch = patch_of([Edit("a.py", "x = 2\n", search="x = 1\n")], found.rules)
    copy = tmp_path / "copy"
    copy.mkdir()
    found.copy_to(copy, patch)
    assert (copy / "a.py").read_text() == "x = 2\n"
    assert (copy / "inner" / "b.py").read_text() == "y = 2\n"
    assert (copy / "run.sh").stat().st_mode & 0o777 == 0o755
    assert (folder / "src" / "a.py").read_text() == "x = 1\n"


def test_the_fingerprint_changes_with_any_file_and_its_name(folder: Path) -> None:
    before = project(folder).base
    assert project(folder).base == before
    (folder / "src" / "run.sh").write_text("false\n")
    changed = project(folder).base
    (folder / "src" / "run.sh").rename(folder / "src" / "go.sh")
    assert len({before, changed, project(folder).base}) == 3


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"project": "."}, "a folder of its own"),
        ({"project": "../src"}, "without '..'"),
        ({"project": "/src"}, "below its folder"),
        ({"editable": ["../a.py"]}, "without '..'"),
        ({"output": ["a/b"]}, "plain file name"),
        ({"output": ["stdout"]}, "plain file name"),
        ({"editable": []}, "at least 1"),
    ],
)
def test_a_section_that_reaches_outside_is_refused(given: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        CodeSection.model_validate({"project": "src", "editable": ["a.py"], **given})


def test_what_cannot_be_edited_is_told(folder: Path) -> None:
    (folder / "src" / "bin.py").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not UTF-8 text"):
        project(folder, "bin.py")
    (folder / "src" / "bin.py").write_text("# trimtab: begin a\n")
    with pytest.raises(InputError, match=r"bin\.py: region 'a' has no end"):
        project(folder, "bin.py")
    (folder / "src" / "bin.py").write_text("#" * 300_000)
    with pytest.raises(InputError, match="at most 262144"):
        project(folder, "bin.py")
    with pytest.raises(InputError, match=r"'c\.py' names no file"):
        project(folder, "c.py")
    with pytest.raises(InputError, match="there is no folder"):
        project(folder, project="none")
