"""Attacks on an evaluation of edited code: each succeeds where nothing protects it, and none under 'strict'."""

from pathlib import Path

import pytest

from trimtab.tools.attacking import attacks, succeeds
from trimtab.tools.sandbox.choice import bubblewrap_problem

strict = pytest.mark.skipif(bubblewrap_problem() is not None, reason="bubblewrap does not work here")


def test_there_are_fifty_kinds_and_more() -> None:
    found = attacks()
    assert len({each.name for each in found}) == len(found) >= 50
    assert {each.wins for each in found} == {"wrong", "time", "leak", "write", "later", "connect", "kill", "use"}


@strict
@pytest.mark.parametrize("attack", attacks(), ids=lambda each: each.name)
async def test_it_succeeds_without_protection_and_is_contained(attack) -> None:  # type: ignore[no-untyped-def]
    assert await succeeds(attack)
    assert not await succeeds(attack, "strict")


async def test_what_a_process_group_lets_through_is_what_the_page_says(root: Path) -> None:
    page = (root / "docs" / "code.md").read_text()
    for attack in attacks():
        if attack.name in {"holdout", "write-outside", "tcp", "signal-outside", "forged-line", "patched-timer"}:
            got = await succeeds(attack, "process")
            assert got == (f"`{attack.name}`" in page), attack.name
