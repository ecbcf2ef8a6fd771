"""The store on SQLite and on PostgreSQL."""

from pathlib import Path

import pytest

from trimtab.agent.testing import StoreContract


class TestSQLite(StoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return f"sqlite:///{tmp_path / 'store.db'}"


class TestPostgreSQL(StoreContract):
    @pytest.fixture
    def url(self, postgresql: str) -> str:
        return postgresql
