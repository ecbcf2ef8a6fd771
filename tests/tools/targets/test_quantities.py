"""Numbers as programs print them: read rightly or refused, never silently wrong."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.tools.targets.reading.quantities import QuantityError, read_number, unit_of


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-3", -3),
        ("+4e-3", 0.004),
        (" 1.5 ", 1.5),
        (".5", 0.5),
        ("5.", 5),
        ("812.00us", 812e-6),
        ("655.10µs", 655.1e-6),
        ("1.26ms", 0.00126),
        ("2.10s", 2.1),
        ("11.2 ms", 0.0112),
        ("2.589 [ms]", 0.002589),
        ("1m", 60),
        ("1.5 min", 90),
        ("2h", 7200),
        ("1:02:03.5", 3723.5),
        ("0:01.25", 1.25),
        ("90:00", 5400),
        ("-1:30", -90),
        ("1m2.5s", 62.5),
        ("1h3m2s", 3782),
        ("1.2k", 1200),
        ("3M", 3e6),
        ("12K req/s", 12000),
        ("9.36/s", 9.36),
        ("3 ops/ms", 3000),
        ("21.5 us/op", 21.5e-6),
        ("2Gi", 2 << 30),
        ("1.5 KiB", 1536),
        ("6.46MB", 6.46e6),
        ("26.5MiB/s", 26.5 * (1 << 20)),
        ("8 Mbit/s", 8e6),
        ("90.00%", 90),
        ("1,234.5", 1234.5),
        ("1,234,567", 1234567),
        ("12,180.0210", 12180.021),
        ("1 234 567", 1234567),
        ("1 234 567,5", 1234567.5),
        ("1'234.5", 1234.5),
        ("12_000", 12000),
        ("12,5", 12.5),
        ("0,655", 0.655),
        ("1234,567", 1234.567),
        ("1.234,56", 1234.56),
        ("1.234.567", 1234567),
        ("-1,5 ms", -0.0015),
    ],
)
def test_what_programs_print_is_read(text: str, value: float) -> None:
    assert read_number(text)[0] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is not a number"),
        ("abc", "is not a number"),
        ("--1", "is not a number"),
        ("0x10", "is not a number: 'x10' is no known unit"),
        ("12 apples", "'apples' is no known unit"),
        ("1,23,456", "is not a number"),
        ("1,2,3", "is not a number"),
        ("1.2.3", "is not a number"),
        ("1,234", "may be 1234 or 1.234: say decimal = "),
        ("1,234 ms", "may be 1234 or 1.234"),
        ("1" * 399 + "x", "is no known unit"),
        ("1:2:3:4", "no known unit"),
        ("1:99", "no known unit"),
    ],
)
def test_what_is_no_number_or_may_be_two_is_refused(text: str, why: str) -> None:
    with pytest.raises(QuantityError, match=why):
        read_number(text)


def test_a_file_says_what_the_text_does_not() -> None:
    assert read_number("1,234", decimal=".")[0] == 1234
    assert read_number("1,234", decimal=",")[0] == 1.234
    assert read_number("1.234", decimal=",")[0] == 1234
    assert read_number("1.234,5", decimal=",")[0] == 1234.5
    with pytest.raises(QuantityError, match="decimal comma"):
        read_number("1.5", decimal=",")
    with pytest.raises(QuantityError, match="is not a number"):
        read_number("12,5", decimal=".")


def test_a_number_is_given_in_the_unit_that_is_asked_for() -> None:
    assert read_number("812.00us", "ms")[0] == 0.812
    assert read_number("5", "ms")[0] == 5
    assert read_number("80", "s", printed_in="ns")[0] == pytest.approx(80e-9)
    assert read_number("12M", "MB")[0] == 12
    assert read_number("1.2k", "req/s")[0] == 1200
    for text, unit in (("5 MB", "ms"), ("5 ms", "MB"), ("5m", "MB"), ("5 %", "s")):
        with pytest.raises(QuantityError, match=f"is no number of {unit}"):
            read_number(text, unit)


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["", "ns", "us", "ms", "s", "KiB", "k", "%"]))
def test_any_plain_number_is_read_with_any_unit(value: float, unit: str) -> None:
    scale = (unit_of(unit) or unit_of("%")).scale if unit else 1.0  # type: ignore[union-attr]
    assert read_number(f"{value!r}{unit}")[0] == pytest.approx(value * scale, rel=1e-12, abs=1e-320)


@given(st.integers(0, 10**15), st.sampled_from([",", ".", " ", "'", "_", "\u202f"]), st.sampled_from([".", ","]))
def test_groups_of_thousands_are_the_number_or_refused(value: int, group: str, point: str) -> None:
    text = f"{value:,}".replace(",", group)
    for written, meant in ((text, value), (f"{text}{point}25", value + 0.25)):
        if group == point:
            continue
        try:
            found = read_number(written)[0]
        except QuantityError:
            continue
        one_dot = group == "." and written.count(".") == 1 and "," not in written
        assert found == pytest.approx(meant) or (one_dot and found == float(written))


@given(st.text(max_size=20))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    try:
        assert isinstance(read_number(text)[0], float)
    except QuantityError:
        return


def test_not_a_number_is_read_for_what_it_is() -> None:
    assert math.isnan(read_number("nan")[0])
    assert read_number("-inf")[0] == -math.inf
