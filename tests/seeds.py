"""The source of randomness in tests: the seed SEED, which tests/run gives to all programs that it starts.

`make check` uses FIXED, so that it tries the same cases each time; a commit that changes FIXED makes it try
others. SEED=random and `make soak` draw a new one. As a program: prints the seed, for shell scripts. Names of
databases and the like need no seed.
"""

import os
import random

FIXED = 1


def chosen(by_default=FIXED):
    """Returns the seed given in the environment: a number, or a new one."""
    wanted = os.environ.get("SEED") or by_default
    return random.SystemRandom().randrange(1 << 20) if wanted == "random" else int(wanted)


SEED = chosen()


def dice(number=0):
    """Returns a generator of its own for each number, such as that of a thread."""
    return random.Random(SEED * 1000 + number)


if __name__ == "__main__":
    print(SEED)
