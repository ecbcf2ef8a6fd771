"""Checks every answer against a reference of its own, after the clock has stopped: judge.py INPUT OUTPUT"""

import json
import sys
from pathlib import Path


def distance(one, other):
    """Return the edit distance, row by row."""
    before = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        now = [row]
        for column, there in enumerate(other, 1):
            now.append(min(before[column] + 1, now[-1] + 1, before[column - 1] + (letter != there)))
        before = now
    return before[-1]


folder, output = Path(sys.argv[1]), Path(sys.argv[2])
words = (folder / "words.txt").read_text().split()
answers = json.loads((output / "answers.json").read_text())
for query in (folder / "queries.txt").read_text().split():
    near = [(distance(query, word), word) for word in words]
    least = min(near)[0]
    wanted = sorted({word for away, word in near if away == least}) if least <= 2 else []
    if answers.get(query) != wanted:
        sys.exit(f"{query}: {answers.get(query)} instead of {wanted}")
print(json.dumps({"queries": len(answers)}))
