"""Writes bodies from a seed, which the program never sees: make_input.py SEED FOLDER"""

import random
import sys
from pathlib import Path

made = random.Random(int(sys.argv[1]))
lines = ["512 25 0.002"]
lines += [
    " ".join(f"{made.uniform(0.5, 1.5) if k == 0 else made.random() * 4:.12f}" for k in range(4)) for _ in range(512)
]
(Path(sys.argv[2]) / "bodies.txt").write_text("\n".join(lines) + "\n")
