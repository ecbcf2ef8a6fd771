"""Writes words and queries from a seed, which the program never sees: make_input.py SEED FOLDER"""

import random
import sys
from pathlib import Path

seed, folder = int(sys.argv[1]), Path(sys.argv[2])
made = random.Random(seed)
letters = "aeiourstln"
words = sorted({"".join(made.choices(letters, k=made.randint(3, 5))) for _ in range(500)})
queries = []
for word in made.choices(words, k=24):
    at = made.randrange(len(word))
    queries.append(word[:at] + made.choice(letters) + word[at + 1 :])
(folder / "words.txt").write_text("\n".join(words))
(folder / "queries.txt").write_text("\n".join(queries))
