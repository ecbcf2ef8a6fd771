"""Places 26 circles in the unit square: rows of centres, and radii that fit them. Valid, and far from the best."""

from math import hypot

COUNT = 26


# trimtab: begin centres
def centres(rows, stagger):
    """Return the centres: rows of nearly equal length, every second one moved sideways."""
    places = []
    for row in range(rows):
        count = COUNT // rows + (row < COUNT % rows)
        for column in range(count):
            moved = stagger * (row % 2 - 0.5)
            places.append(((column + 0.5 + moved) / count, (row + 0.5) / rows))
    return places


# trimtab: end centres


# trimtab: begin radii
def radii(places, growth):
    """Return the radii: one that fits everywhere, and a share of the room that is left to each."""
    points = [0.0] * len(places)
    apart = min(room(number, places, points) for number in range(len(places)))
    sizes = [apart / 2] * len(places)
    for number in range(len(places)):
        sizes[number] += growth * (room(number, places, sizes) - sizes[number])
    return sizes


# trimtab: end radii


def room(number, places, sizes):
    """Return the largest radius of a circle that touches neither the others nor the sides."""
    x, y = places[number]
    others = (hypot(x - a, y - b) - sizes[each] for each, (a, b) in enumerate(places) if each != number)
    return min(x, 1 - x, y, 1 - y, *others)
