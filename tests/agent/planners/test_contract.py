"""Every planner that ships passes the contract of planners."""

from collections.abc import Iterator

import pytest

from trimtab.agent.models.scripted import ScriptedEndpoint, failure
from trimtab.agent.planners import auto, model, none, offline
from trimtab.agent.planners.base import Planner, Setup
from trimtab.agent.testing import PlannerContract, make_study


class TestNone(PlannerContract):
    build = staticmethod(none.build)


class TestOffline(PlannerContract):
    build = staticmethod(offline.build)


class _AtAnEndpoint(PlannerContract):
    """The endpoint is there, and fails at every call."""

    setup: Setup

    @pytest.fixture(autouse=True)
    def _endpoint(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        monkeypatch.setenv("OPENAI_API_KEY", "none")
        with ScriptedEndpoint(otherwise=lambda _request: failure(500)) as endpoint:
            failing = {"name": "nobody", "base_url": endpoint.base_url, "retries": 0, "backoff_s": 0.0}
            type(self).setup = Setup(make_study(model={**failing, "capability": "text"}))
            yield


class TestAuto(_AtAnEndpoint):
    @classmethod
    def build(cls, _setup: Setup) -> Planner:
        return auto.build(cls.setup)


class TestModel(_AtAnEndpoint):
    @classmethod
    def build(cls, _setup: Setup) -> Planner:
        return model.build(cls.setup)
