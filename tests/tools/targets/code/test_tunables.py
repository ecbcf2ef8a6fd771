import json

import pytest

from trimtab.agent.trials.candidate import branch, identity
from trimtab.tools.targets.code.edits import Edit, EditError, Rules, apply, edits_of, patch_of
from trimtab.tools.targets.code.tunables import at, tunable, tunables_of, values_of, with_tunables

TEXT = "RATE = 0.5\n\n\ndef f(x):\n    return x * RATE\n"
RULES = Rules({"a.py": TEXT}, 3, 200)
EDITS = [
    Edit("a.py", "LIMIT = 16\nRATE = 0.5\n", search="RATE = 0.5\n"),
    Edit("a.py", "    return x * RATE + LIMIT\n", search="    return x * RATE\n"),
]


def tuned() -> str:
    texts = apply(EDITS, RULES.files)
    found = with_tunables(
        patch_of(EDITS, RULES),
        [tunable(texts, "a.py:LIMIT", 1, 64, log=True), tunable(texts, "a.py:RATE", 0, 1, log=False)],
    )
    assert found is not None
    return found


def test_a_value_is_one_more_exact_edit_and_its_branch_stays() -> None:
    base = tuned()
    assert values_of(base) == {"a.py:LIMIT": 16, "a.py:RATE": 0.5}
    moved = at(base, {"a.py:LIMIT": 32, "a.py:RATE": 0.25}, RULES)
    again = at(str(moved), {"a.py:LIMIT": 16, "a.py:RATE": 0.5}, RULES)
    assert moved is not None and again is not None
    text = apply(edits_of(moved), RULES.files)["a.py"]
    assert text == "LIMIT = 32\nRATE = 0.25\n\n\ndef f(x):\n    return x * RATE + LIMIT\n"
    assert (
        len(edits_of(moved)) == 4 and len(edits_of(again)) == 2
    )  # from the branch's own edits, not from the last value
    assert identity(moved) != identity(base) == identity(again)
    assert branch(moved) == branch(base) == identity(base)
    assert values_of(moved) == {"a.py:LIMIT": 32, "a.py:RATE": 0.25}
    assert tunables_of(moved) == tunables_of(base)


def test_a_constant_of_whole_numbers_stays_whole() -> None:
    limit, rate = tunables_of(tuned())
    assert (limit.whole, limit.log, limit.default) == (True, True, 16)
    assert (rate.whole, rate.name) == (False, "RATE")


@pytest.mark.parametrize(
    ("place", "low", "high", "log", "why"),
    [
        ("a.py:NONE", 1, 2, False, "has no constant"),
        ("a.py:RATE", 1, 2, False, "no bounds of RATE"),
        ("a.py:RATE", 2, 1, False, "no bounds of RATE"),
        ("a.py:RATE", 0, 1, True, "logarithmic"),
        ("a.py:FAST", 0, 1, False, "is a switch"),
    ],
)
def test_bounds_that_do_not_fit_are_refused(place: str, low: float, high: float, log: bool, why: str) -> None:
    with pytest.raises(EditError, match=why):
        tunable({"a.py": TEXT + "FAST = True\n"}, place, low, high, log=log)


def test_a_patch_without_constants_has_no_parameters() -> None:
    patch = patch_of(EDITS, RULES)
    assert with_tunables(patch, []) == patch
    assert tunables_of(patch) == tunables_of(None) == []
    assert branch(patch) == json.loads(str(patch))["result"] and branch(None) == ""
