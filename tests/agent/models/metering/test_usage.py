"""Usage that endpoints report, true or not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from trimtab.agent.budget import Ledger
from trimtab.agent.memory.store import Store
from trimtab.agent.models.endpoint.failures import Failure
from trimtab.agent.models.metering.usage import usage_of
from trimtab.agent.run.proposals.opening import start_study
from trimtab.agent.testing import make_study

REQUEST = {"messages": [{"role": "human", "content": "x" * 4000}], "settings": {"tools": ["y" * 4000]}}


def used(given: tuple[Any, Any] | None, text: str = "z" * 400, limit: int = 1000) -> tuple[int, int, str]:
    message = AIMessage("")
    if given is not None:
        message.usage_metadata = {"input_tokens": given[0], "output_tokens": given[1], "total_tokens": 0}
    found = usage_of(message, REQUEST, text, limit)
    return found.input, found.output, found.doubt


def test_plausible_figures_are_taken() -> None:
    assert used((2100, 3900)) == (2100, 3900, "")


@pytest.mark.parametrize("figure", [0, -1, -(10**6), 2**63 - 1, 10**19, 10**25])
def test_an_absurd_figure_is_estimated_and_said(figure: int) -> None:
    inside, outside, doubt = used((figure, 10))
    assert (inside // 100, outside) == (20, 10)
    assert f"input tokens reported as {figure}" in doubt
    inside, outside, doubt = used((2100, figure))
    assert (inside, outside) == (2100, 101)
    assert f"output tokens reported as {figure}" in doubt


def test_missing_figures_are_estimated_with_the_schemas() -> None:
    inside, _outside, doubt = used(None)
    assert inside >= 2000
    assert "no usage" in doubt


@given(st.integers(), st.integers())
def test_whatever_is_reported_a_call_costs_something_bounded(inside: int, outside: int) -> None:
    found = used((inside, outside))
    assert 0 < found[0] < 100_000
    assert 0 <= found[1] < 10_000


@pytest.mark.parametrize(("kind", "costs"), [("timeout", True), ("cancelled", True), ("server_error", False)])
def test_a_failed_call_costs_its_input_where_it_was_sent(kind: Any, costs: bool) -> None:
    assert (usage_of(Failure(kind, ""), REQUEST, "", 10).input > 0) == costs


@given(st.lists(st.floats(allow_nan=True, allow_infinity=False)))
def test_a_ledger_never_shrinks(amounts: list[float]) -> None:
    ledger, before = Ledger({}, {}), 0.0
    for amount in amounts:
        ledger.spend("dollars", amount)
        assert ledger.spent["dollars"] >= before
        before = ledger.spent["dollars"]


def test_a_study_with_absurd_figures_in_the_store_can_be_resumed(store: Store) -> None:
    stored = start_study(store, make_study())
    call = {"model": "m", "outcome": "ok", "attempt": 0, "input_tokens": 2**63 - 1, "output_tokens": 1}
    for _ in range(3):
        store.add_model_call(stored.id, {**call, "dollars": None, "latency_s": 0.1, "request": "", "response": ""})
    assert store.spent_on_models(stored.id)["input_tokens"] == pytest.approx(3 * 2.0**63)
