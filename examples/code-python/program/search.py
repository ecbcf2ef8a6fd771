"""Finds words in a text that are spelt nearly as the ones asked for. Correct, and slow."""


# trimtab: begin distance
def distance(one, other):
    """Return how many letters have to be changed, put in or left out."""
    if not one or not other:
        return len(one) + len(other)
    if one[-1] == other[-1]:
        return distance(one[:-1], other[:-1])
    return 1 + min(distance(one[:-1], other), distance(one, other[:-1]), distance(one[:-1], other[:-1]))


# trimtab: end distance


# trimtab: begin index
def index(words, size):
    """Return the words by the parts of `size` letters that they have."""
    found = {}
    for word in words:
        for start in range(len(word) - size + 1):
            part = word[start : start + size]
            if part not in found:
                found[part] = []
            if word not in found[part]:
                found[part] = found[part] + [word]
    return found


# trimtab: end index


# trimtab: begin search
def nearest(query, words, parts, size):  # noqa: ARG001  # parts could leave words out
    """Return the nearest words, at most two letters away, in the order of the alphabet."""
    near = []
    for word in words:
        if abs(len(word) - len(query)) <= 2:
            away = distance(query, word)
            if away <= 2:
                near.append((away, word))
    least = min(near)[0] if near else 0
    return sorted({word for away, word in near if away == least})


# trimtab: end search
