"""Conversations in the store: which one was used last."""

import time

import pytest

from trimtab.agent.chat.transcript import Transcript
from trimtab.agent.memory.store import Store


def test_the_latest_is_the_one_that_was_used_last(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Transcript.latest(store) is None
    now = time.time()
    ticks = iter(range(100))
    monkeypatch.setattr("trimtab.agent.memory.store.chats.time.time", lambda: now + next(ticks))
    first, second = Transcript(store), Transcript(store)
    assert [each["key"] for each in store.chats()] == [second.key, first.key]
    first.add("user", "once more")
    found = Transcript.latest(store)
    assert found is not None
    assert found.key == first.key
    assert [each["key"] for each in store.chats()] == [first.key, second.key]
