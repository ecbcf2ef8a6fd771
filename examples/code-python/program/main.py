"""Reads words and queries, writes the nearest words of each query: main.py INPUT SIZE BATCH."""

import json
import sys
from pathlib import Path

from search import index, nearest


def main():
    folder, size, batch = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    words = (folder / "words.txt").read_text().split()
    queries = (folder / "queries.txt").read_text().split()
    answers = {}
    for start in range(0, len(queries), batch):
        parts = index(words, size)
        for query in queries[start : start + batch]:
            answers[query] = nearest(query, words, parts, size)
    Path("answers.json").write_text(json.dumps(answers))


main()
