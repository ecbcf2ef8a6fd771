"""Which model is used, what is said about those that are not, and whom a study may send to."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from trimtab.agent.models.choice import choose
from trimtab.agent.models.endpoint.endpoints import ask_for_models, normal, shown
from trimtab.agent.models.scripted import ScriptedEndpoint
from trimtab.agent.models.settings import ModelSection
from trimtab.agent.models.trust import UntrustedEndpointError, is_trusted, require_trust
from trimtab.tools.errors import InputError

NOWHERE = "http://127.0.0.1:9/v1"


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with ScriptedEndpoint() as started:
        yield started


@pytest.fixture(autouse=True)
def _no_embedded_model(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_MODEL", "ANTHROPIC_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def test_auto_takes_the_first_model_that_the_users_endpoint_lists(
    endpoint: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint.models = ("big", "small")
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
    found = choose(ModelSection()).model
    assert found is not None
    assert (found.label, found.base_url) == ("openai:big", endpoint.base_url)
    assert endpoint.base_url in found.why
    monkeypatch.setenv("OPENAI_MODEL", "small")
    named = choose(ModelSection()).model
    assert named is not None
    assert named.name == "small"


def test_none_is_no_model_whatever_is_configured(endpoint: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint.models = ("big",)
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
    found = choose(ModelSection(name="none"))
    assert found.model is None
    assert found.why_none.startswith("no model: 'none'")
    assert endpoint.requests == []


@pytest.mark.parametrize("key", [None, "sk-0123456789abcdefghij"])
def test_auto_says_which_endpoint_was_tried_and_why_it_was_not_used(
    endpoint: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch, key: str | None
) -> None:
    if key:
        monkeypatch.setenv("OPENAI_API_KEY", key)
    monkeypatch.setenv("OPENAI_BASE_URL", NOWHERE)
    found = choose(ModelSection())
    assert found.model is None
    assert f"the endpoint {NOWHERE} was not used: it cannot be reached" in found.why_none
    assert "no endpoint is configured" not in found.why_none
    endpoint.models = ()
    monkeypatch.setenv("OPENAI_BASE_URL", endpoint.base_url)
    assert "it lists no model: set OPENAI_MODEL" in choose(ModelSection()).why_none


def test_the_embedded_model_says_so_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("xllamacpp")
    models = tmp_path / "data" / "trimtab" / "models"
    models.mkdir(parents=True)
    (models / "small.gguf").write_bytes(b"")
    monkeypatch.setenv("OPENAI_BASE_URL", NOWHERE)
    found = choose(ModelSection()).model
    assert found is not None
    assert found.provider == "local"
    assert f"the endpoint {NOWHERE} was not used" in found.why
    monkeypatch.delenv("OPENAI_BASE_URL")
    again = choose(ModelSection()).model
    assert again is not None
    assert "no endpoint is configured" in again.why


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("openai:gpt-4.1-mini", "needs a key (set OPENAI_API_KEY"),
        ("gpt-4.1-mini", "needs a key"),
        ("foo:bar", "no provider 'foo' (known: openai, anthropic"),
        ("none.gguf", "does not exist"),
        ("local", "trimtab model pull"),
    ],
)
def test_a_named_model_that_cannot_work_is_told_in_one_line(name: str, words: str) -> None:
    with pytest.raises(InputError) as error:
        choose(ModelSection(name=name))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_a_named_model_whose_package_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-0123456789abcdef")
    monkeypatch.setattr("trimtab.agent.models.choice.find_spec", lambda _name: None)
    with pytest.raises(
        InputError, match=r"needs the package langchain_anthropic \(pip install 'trimtab\[anthropic\]'\)"
    ):
        choose(ModelSection(name="anthropic:claude-sonnet-4"))


def test_a_named_model_that_is_not_there_is_told() -> None:
    with pytest.raises(InputError, match=f"model openai:big at {NOWHERE}: it cannot be reached"):
        choose(ModelSection(name="big", base_url=NOWHERE))
    with pytest.raises(InputError, match="is no address"):
        choose(ModelSection(name="big", base_url="localhost:8000"))


def test_an_endpoint_that_lists_nothing_may_still_work(endpoint: ScriptedEndpoint) -> None:
    endpoint.models = ()
    found = choose(ModelSection(name="big", base_url=endpoint.base_url)).model
    assert found is not None
    assert found.why == "asked for by name"


def test_the_list_of_models_is_asked_for_with_the_key_and_is_no_request(endpoint: ScriptedEndpoint) -> None:
    assert ask_for_models(endpoint.base_url, "sk-0123456789abcdefghij").models == ("scripted",)
    assert endpoint.keys == ["sk-0123456789abcdefghij"]
    assert endpoint.requests == []


def test_a_key_does_not_follow_a_redirect(endpoint: ScriptedEndpoint) -> None:
    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("location", f"{endpoint.base_url}/models")
            self.end_headers()

        def log_message(self, *_args: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        found = ask_for_models(f"http://127.0.0.1:{server.server_address[1]}/v1", "sk-0123456789abcdefghij")
    assert (found.trouble, found.models) == ("", ())
    assert endpoint.keys == []


def test_addresses_have_one_form() -> None:
    assert normal("HTTPS://Api.Example.com/v1/") == normal("https://api.example.com:443/v1")
    assert normal("http://a/v1") != normal("http://a/v2")
    assert "secret" not in shown("https://user:secret@example.com/v1")
    for wrong in ("", "ftp://x", "x", "http://", "http://a:b", "http://[", "\ud800"):
        with pytest.raises(InputError):
            normal(wrong)


def test_a_strange_endpoint_is_asked_about_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section, asked = ModelSection(base_url="http://elsewhere.example/v1"), list[str]()

    def yes(about: str) -> bool:
        asked.append(about)
        return True

    with pytest.raises(UntrustedEndpointError, match=r"elsewhere.example.*--trust-endpoint"):
        require_trust(section)
    with pytest.raises(UntrustedEndpointError):
        require_trust(section, ask=lambda _about: False)
    require_trust(section, ask=yes)
    require_trust(section, ask=yes)
    require_trust(section)
    assert len(asked) == 1
    assert json.loads((tmp_path / "data" / "trimtab" / "trusted-endpoints.json").read_text()) == [
        "http://elsewhere.example:80/v1"
    ]
    with pytest.raises(UntrustedEndpointError):
        require_trust(ModelSection(base_url="http://elsewhere.example/other"))


def test_the_users_own_endpoint_needs_no_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://mine.example/v1/")
    require_trust(ModelSection(base_url="http://mine.example:80/v1"))
    require_trust(ModelSection())
    assert not is_trusted("http://mine.example:81/v1")


@pytest.mark.parametrize("held", ["", "[", "{}", "[1, null]", "\ud800"])
def test_a_damaged_list_of_trusted_endpoints_trusts_nobody(tmp_path: Path, held: str) -> None:
    file = tmp_path / "data" / "trimtab" / "trusted-endpoints.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(held.encode(errors="surrogatepass"))
    section = ModelSection(base_url="http://elsewhere.example/v1")
    with pytest.raises(UntrustedEndpointError):
        require_trust(section)
    require_trust(section, given=True)
    require_trust(section)
