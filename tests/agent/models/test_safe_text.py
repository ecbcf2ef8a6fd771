"""Keys and odd characters in what endpoints send."""

import base64
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.agent.models.endpoint.failures import classify
from trimtab.agent.models.safe_text import redact, remember_key, safe, safe_data

KEY = "zq-Hidden+Key/41-8f21c07b44d1e9aa"


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


QUOTED = {
    "as it is": KEY,
    "in capitals": KEY.upper(),
    "backwards": KEY[::-1],
    "for an address": "zq-Hidden%2BKey%2F41-8f21c07b44d1e9aa",
    "byte by byte for an address": "".join(f"%{byte:02X}" for byte in KEY.encode()),
    "in hexadecimal": KEY.encode().hex(),
    "in base64": base64.b64encode(KEY.encode()).decode(),
    "in base64 with its user": base64.b64encode(f"user:{KEY}".encode()).decode(),
    "in base64 as a header": base64.b64encode(f"Bearer {KEY}".encode()).decode(),
    "in base64 for an address": base64.urlsafe_b64encode(f"Bearer {KEY}".encode()).decode(),
    "its beginning": KEY[:14] + "...",
    "its end": "..." + KEY[-10:],
    "its middle": KEY[5:20],
}


@pytest.mark.parametrize("how", QUOTED)
def test_a_key_is_removed_however_it_is_quoted(how: str) -> None:
    found = redact(f"Incorrect API key provided: {QUOTED[how]} (401).")
    assert "[removed]" in found
    assert found.startswith("Incorrect API key provided: ")
    assert found.endswith(" (401).")
    longest = max(len(part) for part in found.replace("[removed]", "\0").split("\0"))
    assert longest <= len("Incorrect API key provided: ") + 12


def test_a_short_or_unset_key_takes_no_words_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none-needed")
    assert redact("no key is needed, and none-needed is one") == "no key is needed, and [removed] is one"
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    assert redact("none") == "none"


def test_a_remembered_key_is_removed_too() -> None:
    remember_key("a-key-that-is-nowhere-in-the-environment")
    assert redact("it is a-key-that-is-nowhere-in-the-environment!") == "it is [removed]!"


@given(st.text(alphabet=string.printable))
def test_text_without_a_key_stays(text: str) -> None:
    assert redact(text.replace("-", "")) == text.replace("-", "")


@given(st.text())
def test_safe_text_can_be_written_anywhere(text: str) -> None:
    found = safe(text)
    found.encode()
    assert "\x1b" not in found
    assert safe(found) == found


def test_data_is_safe_at_any_depth_and_bounded() -> None:
    deep: object = KEY
    for _ in range(3000):
        deep = [deep]
    found = safe_data({"a\ud800": [KEY, "\ud800", 1, None, True], "deep": deep, "long": list(range(10**5))})
    assert found["a\N{REPLACEMENT CHARACTER}"] == ["[removed]", "\N{REPLACEMENT CHARACTER}", 1, None, True]
    assert KEY not in str(found)
    assert len(found["long"]) <= 20_000


def test_an_error_that_quotes_the_key_is_told_without_it() -> None:
    class DeniedError(Exception):
        status_code = 401

    failure = classify(DeniedError(f"Incorrect API key provided: {KEY}"))
    assert (failure.kind, failure.message) == ("denied", "HTTP 401: Incorrect API key provided: [removed]")
