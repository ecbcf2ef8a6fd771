"""The guard: python test_search.py"""

from search import distance, index, nearest

WORDS = ["house", "mouse", "horse", "spouse", "tree"]


def test_distance():
    assert distance("", "abc") == 3
    assert distance("house", "mouse") == 1
    assert distance("kitten", "sitting") == 3


def test_nearest():
    parts = index(WORDS, 2)
    assert nearest("hause", WORDS, parts, 2) == ["house"]
    assert nearest("xouse", WORDS, parts, 2) == ["house", "mouse"]
    assert nearest("zzzzzzzz", WORDS, parts, 2) == []


test_distance()
test_nearest()
