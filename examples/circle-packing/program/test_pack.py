"""The guard: python test_pack.py"""

from math import hypot

from pack import COUNT, centres, radii

for rows, stagger, growth in ((5, 0.0, 0.0), (3, 0.9, 1.0), (8, 0.5, 0.5)):
    places = centres(rows, stagger)
    sizes = radii(places, growth)
    assert len(places) == len(sizes) == COUNT
    circles = [(x, y, size) for (x, y), size in zip(places, sizes, strict=True)]
    for number, (x, y, size) in enumerate(circles):
        assert size > 0
        assert min(x, y, 1 - x, 1 - y) - size > -1e-9
        assert all(hypot(x - a, y - b) - size - other > -1e-9 for a, b, other in circles[:number])
