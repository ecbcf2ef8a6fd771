"""Twenty honest ways to make the example faster: none is taken for a cheat, and none fails."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from trimtab.agent.memory.store import Store
from trimtab.tools.sandbox.choice import bubblewrap_problem

TRIMTAB = Path(sys.executable).with_name("trimtab")
pytestmark = [
    pytest.mark.skipif(bubblewrap_problem() is not None, reason="bubblewrap does not work here"),
    pytest.mark.services,  # two minutes
]

DISTANCES = {
    "memory of results": """
from functools import lru_cache


@lru_cache(maxsize=None)
def distance(one, other):
    if not one or not other:
        return len(one) + len(other)
    if one[-1] == other[-1]:
        return distance(one[:-1], other[:-1])
    return 1 + min(distance(one[:-1], other), distance(one, other[:-1]), distance(one[:-1], other[:-1]))
""",
    "a table of one row": """
def distance(one, other):
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, row[0] = row[0], at
        for to, there in enumerate(other, 1):
            before, row[to] = row[to], before if letter == there else 1 + min(before, row[to], row[to - 1])
    return row[-1]
""",
    "two rows": """
def distance(one, other):
    last = list(range(len(other) + 1))
    for at in range(1, len(one) + 1):
        now = [at]
        for to in range(1, len(other) + 1):
            now.append(min(last[to] + 1, now[to - 1] + 1, last[to - 1] + (one[at - 1] != other[to - 1])))
        last = now
    return last[-1]
""",
    "a whole matrix": """
def distance(one, other):
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for at in range(len(one) + 1):
        for to in range(len(other) + 1):
            if at == 0 or to == 0:
                table[at][to] = at + to
            else:
                same = table[at - 1][to - 1] + (one[at - 1] != other[to - 1])
                table[at][to] = min(same, table[at - 1][to] + 1, table[at][to - 1] + 1)
    return table[-1][-1]
""",
    "a dictionary of results": """
_KNOWN = {}


def distance(one, other):
    if not one or not other:
        return len(one) + len(other)
    if (one, other) not in _KNOWN:
        if one[-1] == other[-1]:
            found = distance(one[:-1], other[:-1])
        else:
            found = 1 + min(distance(one[:-1], other), distance(one, other[:-1]), distance(one[:-1], other[:-1]))
        _KNOWN[one, other] = found
    return _KNOWN[one, other]
""",
    "common ends first": """
def distance(one, other):
    while one and other and one[0] == other[0]:
        one, other = one[1:], other[1:]
    while one and other and one[-1] == other[-1]:
        one, other = one[:-1], other[:-1]
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, row[0] = row[0], at
        for to, there in enumerate(other, 1):
            before, row[to] = row[to], before if letter == there else 1 + min(before, row[to], row[to - 1])
    return row[-1]
""",
    "equal words at once": """
def distance(one, other):
    if one == other:
        return 0
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        last, row[0] = row[:], at
        for to, there in enumerate(other, 1):
            row[to] = last[to - 1] if letter == there else 1 + min(last[to - 1], last[to], row[to - 1])
    return row[-1]
""",
    "indices in place of slices": """
def distance(one, other):
    known = {}

    def upto(at, to):
        if at == 0 or to == 0:
            return at + to
        if (at, to) not in known:
            if one[at - 1] == other[to - 1]:
                known[at, to] = upto(at - 1, to - 1)
            else:
                known[at, to] = 1 + min(upto(at - 1, to), upto(at, to - 1), upto(at - 1, to - 1))
        return known[at, to]

    return upto(len(one), len(other))
""",
    "an array": """
from array import array


def distance(one, other):
    row = array("h", range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, row[0] = row[0], at
        for to, there in enumerate(other, 1):
            before, row[to] = row[to], before if letter == there else 1 + min(before, row[to], row[to - 1])
    return row[-1]
""",
    "the shorter word inside": """
def distance(one, other):
    if len(one) < len(other):
        one, other = other, one
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, 1):
        before, row[0] = row[0], at
        for to, there in enumerate(other, 1):
            before, row[to] = row[to], before if letter == there else 1 + min(before, row[to], row[to - 1])
    return row[-1]
""",
}
INDICES = {
    "sets of words": """
def index(words, size):
    found = {}
    for word in words:
        for start in range(len(word) - size + 1):
            found.setdefault(word[start : start + size], set()).add(word)
    return {part: sorted(there) for part, there in found.items()}
""",
    "append in place of a new list": """
def index(words, size):
    found = {}
    for word in words:
        for start in range(len(word) - size + 1):
            there = found.setdefault(word[start : start + size], [])
            if word not in there:
                there.append(word)
    return found
""",
    "each part of a word once": """
def index(words, size):
    found = {}
    for word in dict.fromkeys(words):
        for part in {word[start : start + size] for start in range(len(word) - size + 1)}:
            found.setdefault(part, []).append(word)
    return found
""",
    "a default dictionary": """
from collections import defaultdict


def index(words, size):
    found = defaultdict(dict)
    for word in words:
        for start in range(len(word) - size + 1):
            found[word[start : start + size]][word] = True
    return {part: list(there) for part, there in found.items()}
""",
    "no index where nobody looks": """
def index(words, size):
    return {}
""",
}
SEARCHES = {
    "each word once": """
def nearest(query, words, parts, size):
    near = [(distance(query, word), word) for word in dict.fromkeys(words) if abs(len(word) - len(query)) <= 2]
    near = [each for each in near if each[0] <= 2]
    least = min(near)[0] if near else 0
    return sorted({word for away, word in near if away == least})
""",
    "the very word first": """
def nearest(query, words, parts, size):
    if query in words:
        return [query]
    near = []
    for word in words:
        if abs(len(word) - len(query)) <= 2:
            away = distance(query, word)
            if away <= 2:
                near.append((away, word))
    least = min(near)[0] if near else 0
    return sorted({word for away, word in near if away == least})
""",
    "letters that differ": """
def nearest(query, words, parts, size):
    mine = set(query)
    near = []
    for word in words:
        if abs(len(word) - len(query)) <= 2 and len(mine.symmetric_difference(word)) <= 4:
            away = distance(query, word)
            if away <= 2:
                near.append((away, word))
    least = min(near)[0] if near else 0
    return sorted({word for away, word in near if away == least})
""",
    "the least so far": """
def nearest(query, words, parts, size):
    least, near = 2, set()
    for word in set(words):
        if abs(len(word) - len(query)) <= least:
            away = distance(query, word)
            if away < least:
                least, near = away, {word}
            elif away == least:
                near.add(word)
    return sorted(near)
""",
    "a word has one of the parts": """
def nearest(query, words, parts, size):
    if len(query) < 3 * size:
        there = set(words)
    else:
        there = {word for at in range(len(query) - size + 1) for word in parts.get(query[at : at + size], ())}
    near = [(distance(query, word), word) for word in there if abs(len(word) - len(query)) <= 2]
    least = min(min(near)[0], 2) if near else 0
    return sorted({word for away, word in near if away == least})
""",
}
EDITS = [
    (why, region, text)
    for region, given in (("distance", DISTANCES), ("index", INDICES), ("search", SEARCHES))
    for why, text in given.items()
]


def test_no_honest_speed_up_is_taken_for_a_cheat(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(root / "examples" / "code-python", folder)
    ideas = [
        {"rationale": why, "edits": [{"file": "search.py", "region": region, "replace": text.lstrip("\n")}]}
        for why, region, text in EDITS
    ]
    (folder / "ideas.json").write_text(json.dumps({"rounds": [ideas]}))
    text = (folder / "study.toml").read_text()
    text = text.replace("timeout_s = 20", "timeout_s = 60\nstop_slow = false")  # beside a good edit the others are slow
    text = text.replace("trials = 15", "trials = 21") + "\n[check]\nablation = false\nminimal = false\nrace = 1\n"
    (folder / "study.toml").write_text(f'{text}\n[planner]\nname = "recorded"\nideas = "ideas.json"\nshare = 1.0\n')
    environment = {**os.environ, "TRIMTAB_STORE": f"sqlite:///{tmp_path}/store.db"}
    done = subprocess.run(
        [str(TRIMTAB), "tune", "study.toml", "--json"],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(EDITS) == 20
    store = Store(f"sqlite:///{tmp_path}/store.db")
    trials = store.trials(store.studies()[0].id)
    store.close()
    edited = [trial for trial in trials if trial.candidate.patch]
    assert {trial.rationale for trial in edited} == {why for why, _region, _text in EDITS}, done.stdout[-2000:]
    assert {trial.rationale: trial.reason for trial in edited if trial.state != "complete"} == {}
    assert '"suspect"' not in done.stdout
