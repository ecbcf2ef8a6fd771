"""Computes the same again, in another language, after the clock has stopped: judge.py INPUT OUTPUT

Flags and edits may change the order of a sum, but not what is computed: single precision is out.
"""

import json
import sys
from pathlib import Path

import numpy as np

MOST_OFF = 1e-9

first, *bodies = (Path(sys.argv[1]) / "bodies.txt").read_text().splitlines()
steps, dt = int(first.split()[1]), float(first.split()[2])
table = np.array([line.split() for line in bodies], dtype=float)
mass, place = table[:, 0], table[:, 1:].copy()
speed = np.zeros_like(place)
for _ in range(steps):
    apart = place[None, :, :] - place[:, None, :]
    pull = mass[None, :] / ((apart**2).sum(axis=2) + 0.05) ** 1.5
    speed += dt * (apart * pull[:, :, None]).sum(axis=1)
    place += dt * speed
try:
    found = np.loadtxt(Path(sys.argv[2]) / "positions.txt", ndmin=2)
except (OSError, ValueError) as error:
    sys.exit(f"no positions: {error}")
if found.shape != place.shape:
    sys.exit(f"positions of shape {found.shape} instead of {place.shape}")
off = float(np.abs(found - place).max())
if not off <= MOST_OFF:
    sys.exit(f"wrong: a body is {off:.3g} from where it must be")
print(json.dumps({"off": off}))
