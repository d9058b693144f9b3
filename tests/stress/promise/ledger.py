"""The record of commits and of the promised age of answers, with which readers compare each answer.

A *clock* is a writer's latest number, and an answer shows one clock of each writer. Times are those of this
machine's clock, which the server shares. A number is entered when its COMMIT has returned: it was visible
before.
"""

import bisect
import threading
import time


class Ledger:
    def __init__(self, writers):
        self.times = {writer: [0.0] for writer in range(writers)}
        self.numbers = {writer: [0] for writer in range(writers)}

    def enter(self, writer, number):
        # A concurrent look between the two finds a number for each time.
        self.numbers[writer].append(number)
        self.times[writer].append(time.time())

    def before(self, moment):
        """Returns the clocks of all transactions that were committed before the moment."""
        return {writer: self.numbers[writer][bisect.bisect_left(times, moment) - 1] for writer, times in self.times.items()}


class Promises:
    """The promised age of each stream table's answer by its own schedule, in seconds; none: no promise."""

    def __init__(self):
        self.lock = threading.Lock()
        self.limits_by_table = {}  # for each stream table: (since, seconds or none)

    def tell(self, name, seconds):
        with self.lock:
            self.limits_by_table.setdefault(name, []).append((time.time(), seconds))

    def weaken(self, name, seconds):
        """Until the next tell() either the old or the new promise applies."""
        with self.lock:
            limits = self.limits_by_table.setdefault(name, [(0.0, None)])
            limits.append((time.time(), weaker(limits[-1][1], seconds)))

    def within(self, name, begin, end):
        """Returns the weakest promise in force between the two moments."""
        with self.lock:
            limits = self.limits_by_table.get(name, [(0.0, None)])
            found = [seconds for since, seconds in limits if begin <= since <= end]
            before = [seconds for since, seconds in limits if since < begin]
        weakest = before[-1] if before else None
        for seconds in found:
            weakest = weaker(weakest, seconds)
        return weakest


def weaker(one, other):
    return None if one is None or other is None else max(one, other)


class Unions:
    """The moment since when the members of a diamond or refresh group are known to be of one state: a read of
    all of them that had to be fresh has begun after the last action that separates them. While anything is held, a
    session that has read exactly before may read them so again, fresh without a refresh."""

    def __init__(self, unions):
        self.members = unions
        self.lock = threading.Lock()
        self.parting = {name: 0 for name in unions}  # number of sessions that do so now
        self.parted_at = {name: time.time() for name in unions}
        self.joined_at = {name: 0.0 for name in unions}
        self.holds = 0
        self.held_at = 0.0

    def of(self, tables):
        """Returns the unions that have a member among these stream tables."""
        return [name for name, members in self.members.items() if set(members) & set(tables)]

    def begin_to_hold(self):
        with self.lock:
            self.holds += 1

    def have_held(self):
        with self.lock:
            self.holds -= 1
            self.held_at = time.time()

    def begin_to_part(self, tables):
        with self.lock:
            for name in self.of(tables):
                self.parting[name] += 1

    def have_parted(self, tables):
        with self.lock:
            for name in self.of(tables):
                self.parting[name] -= 1
                self.parted_at[name] = time.time()

    def have_been_read_fresh(self, tables, begun):
        with self.lock:
            for name, members in self.members.items():
                is_refreshed = not self.holds and begun > self.held_at
                if set(members) <= set(tables) and is_refreshed and not self.parting[name] and begun > self.parted_at[name]:
                    self.joined_at[name] = max(self.joined_at[name], time.time())

    def is_one(self, tables, begun):
        """Returns True if these have been of one state since the moment."""
        with self.lock:
            return any(set(tables) <= set(members) and not self.parting[name] and
                       self.parted_at[name] < self.joined_at[name] < begun
                       for name, members in self.members.items())
