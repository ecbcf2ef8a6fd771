import pytest

from trimtab.tools.targets.code.constants import constants_in, with_constants
from trimtab.tools.targets.code.edits import EditError

PYTHON = '''"""Words: größer."""
LIMIT = 64  # of them
RATE: float = -0.5
FAST = True; DEEP = False
NAME = "x"
TWICE = 1
lower = 3


class Index:
    width: int = 8
    name: str = "i"
    other = 3

    def search(self, LOCAL=5):
        INNER = 4
        return INNER


TWICE = 2
A = B = 7
'''
C = '#define TILE 16 // ö\n#  define RATE (-1.5e3)\n#define NAME "x"\n#define F(x) (x)\n#define SUM 1 + 2\nint TILE2 = 3;\n'


def test_constants_are_named_numbers_and_switches_that_are_set_once() -> None:
    found = {name: each.value for name, each in constants_in("a.py", PYTHON).items()}
    assert found == {"LIMIT": 64, "RATE": -0.5, "FAST": True, "DEEP": False, "Index.width": 8}
    assert {name: each.value for name, each in constants_in("a.c", C).items()} == {"TILE": 16, "RATE": -1500.0}
    assert constants_in("a.txt", PYTHON) == {} == constants_in("a.py", "LIMIT = (")


def test_nothing_but_the_literal_is_replaced() -> None:
    given = {
        "a.py:LIMIT": 8,
        "a.py:RATE": 2.5,
        "a.py:DEEP": True,
        "a.py:Index.width": 100,
        "a.c:TILE": 4,
        "a.c:RATE": -2.0,
    }
    texts = with_constants({"a.py": PYTHON, "a.c": C, "b.py": "X = 1\n"}, given)
    expected = PYTHON.replace("LIMIT = 64", "LIMIT = 8").replace("-0.5", "2.5").replace("DEEP = False", "DEEP = True")
    assert texts["a.py"] == expected.replace("width: int = 8", "width: int = 100")
    assert texts["a.c"] == C.replace("16", "4").replace("(-1.5e3)", "(-2.0)")
    assert texts["b.py"] == "X = 1\n"


@pytest.mark.parametrize("place", ["a.py:NONE", "a.py:TWICE", "c.py:LIMIT"])
def test_a_constant_that_is_not_there_is_told(place: str) -> None:
    with pytest.raises(EditError, match="has no constant"):
        with_constants({"a.py": PYTHON}, {place: 3})
