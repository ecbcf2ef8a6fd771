"""Every planner that ships passes the contract of planners."""

import pytest

from trimtab.agent.planners import auto, model, none, offline
from trimtab.agent.planners.base import Planner, Setup
from trimtab.agent.testing import PlannerContract, make_study

NOWHERE = {"name": "nobody", "base_url": "http://127.0.0.1:9/v1", "retries": 0, "backoff_s": 0.0, "capability": "text"}


class TestNone(PlannerContract):
    build = staticmethod(none.build)


class TestOffline(PlannerContract):
    build = staticmethod(offline.build)


class _AtAnEndpoint(PlannerContract):
    @pytest.fixture(autouse=True)
    def _key(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENAI_API_KEY", "none")


class TestAuto(_AtAnEndpoint):
    @staticmethod
    def build(_setup: Setup) -> Planner:
        return auto.build(Setup(make_study(model=NOWHERE)))


class TestModel(_AtAnEndpoint):
    @staticmethod
    def build(_setup: Setup) -> Planner:
        return model.build(Setup(make_study(model=NOWHERE)))
