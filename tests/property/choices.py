"""The source of all randomness: a sequence of small numbers that can be replayed and simplified.

A generator calls `below(n)` for every decision, and 0 is the simplest choice. So a case is its sequence of
choices, and a shorter or smaller sequence is a simpler case of the same grammar: no other code needs to know
how to shrink a query. `span` marks the choices that produced one part, so that shrinking can drop the part or
replace it by one of its own parts with the same label.
"""
from contextlib import contextmanager


class Choices:
    def __init__(self, rng=None, replayed=()):
        self.rng, self.replayed = rng, replayed
        self.made, self.spans = [], []

    def below(self, limit):
        if limit <= 1:
            return 0
        at = len(self.made)
        if at < len(self.replayed):
            chosen = min(self.replayed[at], limit - 1)
        else:
            chosen = self.rng.randrange(limit) if self.rng else 0
        self.made.append(chosen)
        return chosen

    def chance(self, percent):
        return self.below(100) >= 100 - percent

    def pick(self, items):
        return items[self.below(len(items))]

    def weighted(self, *pairs):
        """Chooses one of the pairs (weight, item); the first is the simplest."""
        at = self.below(sum(weight for weight, _ in pairs))
        for weight, item in pairs:
            if at < weight:
                return item
            at -= weight
        raise AssertionError("unreachable")

    def some(self, items, least=0):
        """Returns a random part of the items, in random order; the first ones are the simplest."""
        left, chosen = list(items), []
        count = least + self.below(len(left) - least + 1) if len(left) > least else len(left)
        for _ in range(count):
            chosen.append(left.pop(self.below(len(left))))
        return chosen

    @contextmanager
    def span(self, label):
        started = len(self.made)
        yield
        self.spans.append((label, started, len(self.made)))


def simpler(made, spans):
    """Returns simpler sequences, the shortest first."""
    for label, start, end in sorted(spans, key=lambda span: span[1] - span[2]):
        yield made[:start] + [0] * (end - start) + made[end:]
        yield made[:start] + made[end:]
        yield made[:start] + [0] + made[end:]
        for other, inner_start, inner_end in spans:
            if other == label and start <= inner_start and inner_end <= end and (inner_start, inner_end) != (start, end):
                yield made[:start] + made[inner_start:inner_end] + made[end:]
    for at, value in enumerate(made):
        if value:
            yield made[:at] + [0] + made[at + 1:]
            yield made[:at] + made[at + 1:]
