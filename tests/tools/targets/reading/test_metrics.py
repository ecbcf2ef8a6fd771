"""Reading what a hostile evaluation wrote: within bounds, without waiting, and with a reason in one line."""

import contextlib
import json
import math
import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.tools.targets.reading.metrics import (
    MetricsError,
    check_required,
    from_json_file,
    from_last_json_line,
    of_json_line,
    of_watched_line,
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "m.json"


def test_a_plain_file_is_read_whatever_its_encoding_is(file: Path) -> None:
    for start in (b"", b"\xef\xbb\xbf"):
        file.write_bytes(start + b'{"y": 1, "bad \xff": 2, "text": "x"}')
        assert from_json_file(file) == {"y": 1.0, "bad \ufffd": 2.0}


def socket_at(path: Path) -> None:
    os.chdir(path.parent)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)


NO_FILES = {
    "nothing": (lambda _path: None, "wrote no m.json"),
    "fifo": (os.mkfifo, "not a plain file"),
    "socket": (socket_at, "not a plain file"),
    "folder": (Path.mkdir, "not a plain file"),
    "link": (lambda path: path.symlink_to("/etc/hostname"), "is a link"),
    "link to itself": (lambda path: path.symlink_to(path), "is a link"),
    "link to a device": (lambda path: path.symlink_to("/dev/zero"), "is a link"),
    "sparse": (lambda path: path.touch() or os.truncate(path, 1 << 40), "larger than 4 MiB"),
    "just too large": (lambda path: path.write_bytes(b" " * ((4 << 20) + 1)), "larger than 4 MiB"),
    "empty": (Path.touch, "is not JSON"),
    "binary": (lambda path: path.write_bytes(bytes(range(256))), "is not JSON"),
    "deep": (lambda path: path.write_text("[" * 1_000_000), "is not JSON"),
    "deep object": (lambda path: path.write_text('{"a":' * 500_000), "is not JSON"),
    "list": (lambda path: path.write_text("[1]"), "not a JSON object"),
    "twice": (lambda path: path.write_text('{"y": 1, "y": 2}'), "'y' is given twice"),
    "crowd": (lambda path: path.write_text(json.dumps({str(n): n for n in range(1001)})), "more than 1000"),
}


@pytest.mark.parametrize("name", NO_FILES)
def test_what_is_no_metrics_file_is_refused_with_a_reason(
    file: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    make, reason = NO_FILES[name]
    make(file)
    with pytest.raises(MetricsError, match=reason) as caught:
        from_json_file(file)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make devices")
def test_a_device_is_refused(file: Path) -> None:
    try:
        os.mknod(file, 0o20666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("devices cannot be made here")
    with pytest.raises(MetricsError, match=r"not a plain file|cannot be read"):
        from_json_file(file)


def test_numbers_of_any_length_are_read() -> None:
    digits = "9" * 10_000
    found = from_last_json_line(f'{{"a": {digits}, "b": -{digits}, "c": 0.{digits}, "d": 1e999, "e": 12}}')
    assert found == {"a": math.inf, "b": -math.inf, "c": 1.0, "d": math.inf, "e": 12.0}


def test_true_is_no_one() -> None:
    assert of_json_line('{"y": true, "z": false, "n": null, "x": 1}') == {"x": 1.0}
    with pytest.raises(MetricsError, match=r"no metric 'y' in the output \(numbers it has: x\)"):
        check_required({"x": 1.0}, ("y",))


def test_names_that_cannot_be_shown_are_no_metrics() -> None:
    line = json.dumps({"\x1b[31m": 1, "": 2, "x" * 201: 3, "a\nb": 4, "\ud800": 5, "ok": 6})
    assert of_json_line(line) == {"ok": 6.0}


def test_the_message_about_a_missing_metric_is_a_bounded_line() -> None:
    with pytest.raises(MetricsError) as caught:
        check_required({f"{n} {'x' * 190}": 1.0 for n in range(1000)}, ("y",))
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-1e999"])
def test_a_required_metric_is_finite(value: str) -> None:
    with pytest.raises(MetricsError, match="metric 'y' is"):
        check_required(from_last_json_line(f'{{"y": {value}}}'), ("y",))
    assert of_watched_line(f'{{"y": {value}, "z": 1}}') == {"z": 1.0}


def test_progress_bars_and_separators_end_no_line_of_json() -> None:
    assert from_last_json_line('10 %\r{"y": 1}\r100 %') == {"y": 1.0}
    assert from_last_json_line('{"y": 1, "s": "a\u2028b"}') == {"y": 1.0}


def test_a_watched_line_that_is_unusable_is_passed_over() -> None:
    assert of_watched_line('{"y": 1, "y": 2}') == {}
    assert of_watched_line('{"y": 1, "pad": "%s"}' % ("x" * 70_000)) == {}
    assert of_watched_line("[1]") == {}


@given(st.text(st.characters(exclude_categories=())) | st.binary().map(lambda data: data.decode(errors="replace")))
def test_any_output_has_metrics_or_a_reason(text: str) -> None:
    for output in (text, "{" + text + "}", f'{{"y": {text}}}'):
        with contextlib.suppress(MetricsError):
            assert all(isinstance(value, float) for value in (from_last_json_line(output) or {}).values())
        of_watched_line(output)


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=())), st.floats() | st.integers() | st.booleans() | st.text()
    )
)
def test_the_numbers_of_any_object_are_read(data: dict[str, object]) -> None:
    found = of_json_line(json.dumps(data))
    assert found is not None
    for name, value in found.items():
        given_value = data[name]
        assert not isinstance(given_value, bool | str)
        assert math.isnan(value) or math.isinf(value) or value == float(given_value)
