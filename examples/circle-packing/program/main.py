"""Writes the circles, a little smaller than computed, as the judge allows no rounding: main.py ROWS STAGGER GROWTH"""

import json
import sys
from pathlib import Path

from pack import centres, radii

places = centres(int(sys.argv[1]), float(sys.argv[2]))
sizes = radii(places, float(sys.argv[3]))
circles = [[x, y, size - 1e-12] for (x, y), size in zip(places, sizes, strict=True)]
Path("circles.json").write_text(json.dumps({"circles": circles}))
