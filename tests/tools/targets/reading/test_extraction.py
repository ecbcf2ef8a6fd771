"""Metrics out of streams, files, JSON and CSV; when one is not there, the message says what is."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.tools.targets import Evaluation, Wording
from trimtab.tools.targets.reading.documents import numbers_in, values_at
from trimtab.tools.targets.reading.extraction import Written, read_metrics
from trimtab.tools.targets.reading.metrics import MetricsError, documents_in
from trimtab.tools.targets.reading.spec import taken

NOWHERE = Path("/nonexistent")


def read(
    out: str = "", err: str = "", *required: str, folder: Path = NOWHERE, wording: Wording | None = None, **how: Any
) -> dict[str, float]:
    evaluation = Evaluation(command=["true"], **how)
    return asyncio.run(read_metrics(evaluation, Written(out, err, folder), required, wording or Wording()))


def problem(out: str = "", err: str = "", *required: str, **how: Any) -> str:
    with pytest.raises(MetricsError) as caught:
        read(out, err, *required, **how)
    assert "\n" not in str(caught.value)
    return str(caught.value)


PRETTY = json.dumps({"results": [{"mean": 0.5, "times": [1, 2]}], "a.b": {"c": 3}, "latency": "1.26 ms"}, indent=2)


def test_json_is_read_by_dotted_path_and_index_wherever_it_stands() -> None:
    log = "[info] starting {not json}\n"
    for out in (PRETTY, f"{log}{PRETTY}\ndone\n", f"10 %\r100 %\rresult: {PRETTY} ok", f"{log}{PRETTY}\n[1, 2]\n"):
        found = read(out, "", "results.0.mean", "results[-1].times[1]", "a.b.c", "latency")
        assert found["results.0.mean"] == 0.5
        assert found["results[-1].times[1]"] == 2
        assert found["a.b.c"] == 3
        assert found["latency"] == 0.00126


def test_the_last_json_that_has_the_metrics_counts() -> None:
    out = '{"loss": 3}\n{"loss": 2, "step": 2}\n{"done": 1}\n'
    assert read(out, "", "loss") == {"loss": 2, "step": 2}
    assert read(out + '{"loss": 1}', "", "loss") == {"loss": 1}
    assert read(out) == {"done": 1}
    assert "given twice" in problem('{"loss": 3}\n{"loss": 2, "loss": 1}', "", "loss")


def test_json_on_standard_error_is_read_where_there_is_none_on_standard_output() -> None:
    assert read("starting\n", '{"loss": 1}', "loss") == {"loss": 1}
    assert read('{"loss": 2}', '{"loss": 1}', "loss") == {"loss": 2}


def test_a_file_is_read_by_path(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text(PRETTY)
    assert read("", "", "results.0.mean", folder=tmp_path, metrics_file="r.json")["results.0.mean"] == 0.5
    said = problem("", "", "result.0.mean", folder=tmp_path, metrics_file="r.json")
    assert said.startswith("no metric 'result.0.mean' in the output (numbers it has: a.b.c, results.0.mean, ")
    assert said.endswith("did you mean 'results.0.mean'?")
    assert "did you mean 'results.0.mean'?" in problem("", "", "mean", folder=tmp_path, metrics_file="r.json")
    assert problem("", "", "x", folder=tmp_path, metrics_file="no.json") == "wrote no no.json"


@pytest.mark.parametrize(
    ("out", "err", "said"),
    [
        ("", "", "printed nothing on standard output"),
        ("{'loss': 1.0}", "", "single quotes, so it is none (print json.dumps(...))"),
        ("epoch 3\nloss: 0.25\n", "", r"read it with patterns = { loss = 'loss\W+(\S+)' }"),
        ("hello\nworld\n", "", "printed no JSON line; the last line is 'world'"),
        ("", "boom\n", "printed nothing on standard output; the last line is 'boom'"),
    ],
)
def test_without_json_the_nearest_reading_is_told(out: str, err: str, said: str) -> None:
    assert said in problem(out, err, "loss")


def test_patterns_look_at_both_streams_or_at_one() -> None:
    pattern = {"y": r"y=(\S+)"}
    assert read("y=1\n", "y=2\n", "y", patterns=pattern) == {"y": 1}
    assert read("", "y=2\n", "y", patterns=pattern) == {"y": 2}
    assert read("y=1\n", "y=2\n", "y", metrics={"y": {"pattern": r"y=(\S+)", "stream": "stderr"}}) == {"y": 2}
    said = problem("why = 3\nY: 4\n", "", "y", patterns={"y": r"total why=(\d+)"})
    assert said == "output does not match patterns.y; the nearest line is 'why = 3'"
    assert "is not a number" in problem("y=high", "", "y", patterns=pattern)
    assert read("y=1\n", "", "y", patterns={**pattern, "other": r"z=(\d)"}) == {"y": 1}


@pytest.mark.parametrize(
    ("take", "value"),
    [
        ("last", 2),
        ("first", 4),
        ("mean", 3),
        ("median", 3),
        ("min", 1),
        ("max", 5),
        ("sum", 12),
        ("count", 4),
        ("p50", 3),
        ("p90", 4.7),
    ],
)
def test_several_matches_become_one_number(take: str, value: float) -> None:
    out = "".join(f"t={each}\n" for each in (4, 1, 5, 2))
    assert read(out, "", "t", metrics={"t": {"pattern": r"t=(\d)", "take": take}})["t"] == pytest.approx(value)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(0, 99))
def test_a_percentile_lies_between_its_neighbours(values: list[float], share: float) -> None:
    found = taken(values, f"p{share:.1f}")
    below = sum(each < found for each in values)
    above = sum(each > found for each in values)
    assert min(values) <= found <= max(values)
    assert below <= share / 100 * (len(values) - 1) + 1
    assert above <= (1 - share / 100) * (len(values) - 1) + 1


CSV = 'starting\n"test","rps","ms"\n"SET","21739.13","2.045"\n"GET","26666.67","1.650"\n\nbye, all\n'


def test_columns_of_csv() -> None:
    assert read(CSV, "", "rps", metrics={"rps": {"column": "rps"}}) == {"rps": 26666.67}
    of_set = {"column": "ms", "where": {"test": "SET"}, "printed_in": "ms"}
    assert read(CSV, "", "t", metrics={"t": of_set})["t"] == pytest.approx(0.002045)
    assert read("a;b\n1,5;2\n2,5;3\n", "", "a", metrics={"a": {"column": "a", "take": "sum"}}) == {"a": 4}
    assert "no row of CSV has a column 'x' (columns:" in problem(CSV, "", "x", metrics={"x": {"column": "x"}})


def test_files_and_ways_of_readings(tmp_path: Path) -> None:
    (tmp_path / "runs.json").write_text('[{"ms": 3, "unit": "ms"}, {"ms": 5, "unit": "us"}]')
    every = {"path": "*.ms", "unit_path": "*.unit", "file": "runs.json", "take": "sum"}
    assert read("", "", "t", folder=tmp_path, metrics={"t": every})["t"] == pytest.approx(0.003005)
    wrong = {"path": "*.seconds", "file": "runs.json"}
    assert "JSON has nothing at '*.seconds' (numbers it has: 0.0.ms, " in problem(
        "", "", "t", folder=tmp_path, metrics={"t": wrong}
    )


def test_units_of_the_study_file_are_kept_and_bounds_need_one() -> None:
    pattern, out = {"p99": r"p99 (\S+)"}, "p99 730.5us"
    assert read(out, "", "p99", patterns=pattern)["p99"] == pytest.approx(730.5e-6)
    assert read(out, "", "p99", patterns=pattern, wording=Wording(units={"p99": "ms"})) == {"p99": 0.7305}
    assert "its bound has no unit" in problem(out, "", "p99", patterns=pattern, wording=Wording(absolute=("p99",)))
    assert read("p99 0.7", "", "p99", patterns=pattern, wording=Wording(absolute=("p99",))) == {"p99": 0.7}


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"metrics": {"y": {}}}, "give one of pattern"),
        ({"metrics": {"y": {"pattern": "(x)", "path": "y"}}}, "give one of pattern"),
        ({"metrics": {"y": {"pattern": "x"}}}, "has no group"),
        ({"metrics": {"y": {"pattern": "("}}}, "not a regular expression"),
        ({"metrics": {"y": {"path": "a", "take": "best"}}}, "is not one of last"),
        ({"metrics": {"y": {"path": "a", "unit": "apples"}}}, "no known unit"),
        ({"metrics": {"y": {"path": "a", "file": "../a"}}}, "plain file name"),
        ({"metrics": {"y": {"path": "a", "file": "a", "stream": "stdout"}}}, "exclude"),
        ({"metrics": {"y": {"path": "a", "where": {"b": "c"}}}}, "where goes with column"),
        ({"metrics": {"y": {"path": "a"}}, "patterns": {"y": "(x)"}}, "in both"),
    ],
)
def test_a_reading_that_means_nothing_is_refused(how: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Evaluation(command=["true"], **how)


json_values = st.recursive(
    st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5) | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("ab.c", min_size=1, max_size=3), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), json_values, max_size=3), st.text("[]{}\n ab:", max_size=20)
)
def test_any_json_is_found_behind_anything_and_all_its_numbers_by_their_ways(data: dict[str, Any], noise: str) -> None:
    for indent in (None, 2):
        found = documents_in(f"{noise}\n{json.dumps(data, indent=indent)}\n")
        if not noise.strip(" \nab:"):
            assert found[-1:] == [json.loads(json.dumps(data), parse_int=float)]
    for way in numbers_in(json.loads(json.dumps(data), parse_int=float)):
        if "." not in "".join(data):
            assert values_at(data, way)


def test_much_text_with_many_brackets_is_read_in_bounded_work() -> None:
    for text in ("[" * 300_000, "{" * 300_000, '[{"a": ' * 100_000, "[1, " * 200_000, '{"a" ' * 200_000):
        assert documents_in(text) == []
    assert documents_in("[info] x\n{not json}\n[1,\n" * 2000 + '{"y": 1}') == [{"y": 1.0}]


def test_a_unit_that_changes_behind_the_number_is_noticed() -> None:
    evaluation = Evaluation(command=["true"], patterns={"t": r"mean: ([\d.]+)"})
    seen: dict[str, str] = {}

    def once(out: str) -> dict[str, float]:
        return asyncio.run(read_metrics(evaluation, Written(out, "", NOWHERE), ("t",), Wording(), seen))

    assert once("mean: 11.2 ms") == {"t": 11.2}
    assert once("mean: 12.5 ms") == {"t": 12.5}
    with pytest.raises(
        MetricsError, match=r"patterns.t finds numbers before 'ms' and 's': put the unit into the group"
    ):
        once("mean: 1.2 s")
    assert once("mean: 13 ms") == {"t": 13}
