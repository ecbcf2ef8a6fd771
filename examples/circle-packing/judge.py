"""Refuses every packing that is none, and prints the sum of the radii of one that is: judge.py OUTPUT

Nothing that the program says of itself is used, and nothing is rounded: floating-point numbers are fractions, and are
compared as such, so that a packing which is invalid by the last bit is invalid.
"""

import json
import math
import sys
from fractions import Fraction
from pathlib import Path

COUNT, LONGEST = 26, 20_000


def refuse(why):
    """End with the reason; the trial has failed."""
    sys.exit(f"no packing: {why}")


def named_once(pairs):
    """Return an object of the file; a name that stands twice could mean either."""
    names = [name for name, _value in pairs]
    if len(set(names)) != len(names):
        refuse("a name stands twice in an object")
    return dict(pairs)


def read(file):
    """Return what the file holds, as JSON has it."""
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        refuse(f"there is no {file.name}")
    if len(data) > LONGEST:
        refuse(f"{file.name} has {len(data)} bytes, more than {LONGEST}")
    try:
        return json.loads(data.decode(), object_pairs_hook=named_once)
    except (ValueError, RecursionError):
        refuse(f"{file.name} is no JSON")


def circle(number, given):
    """Return one circle as fractions."""
    if not isinstance(given, list) or len(given) != 3:
        refuse(f"circle {number} is not [x, y, radius]")
    for value in given:
        if type(value) not in (int, float):
            refuse(f"circle {number}: {value!r} is no number")
        if isinstance(value, float) and math.isnan(value):
            refuse(f"circle {number} holds a NaN")
        if isinstance(value, float) and math.isinf(value):
            refuse(f"circle {number} is infinite")
    x, y, radius = map(Fraction, given)
    if radius <= 0:
        refuse(f"circle {number}: its radius {float(radius):g} is not above 0")
    if x < radius or y < radius or x + radius > 1 or y + radius > 1:
        refuse(f"circle {number} is not inside of the square")
    return x, y, radius


def main():
    """Judge the file in the folder."""
    found = read(Path(sys.argv[1]) / "circles.json")
    if not isinstance(found, dict) or list(found) != ["circles"] or not isinstance(found["circles"], list):
        refuse('it is not {"circles": [...]}')
    if len(found["circles"]) != COUNT:
        refuse(f"{len(found['circles'])} circles instead of {COUNT}")
    circles = [circle(number, given) for number, given in enumerate(found["circles"])]
    for number, (x, y, radius) in enumerate(circles):
        for other, (a, b, size) in enumerate(circles[:number]):
            if (x - a) ** 2 + (y - b) ** 2 < (radius + size) ** 2:
                refuse(f"circles {other} and {number} overlap")
    print(json.dumps({"radii": float(sum(radius for _x, _y, radius in circles))}))


main()
