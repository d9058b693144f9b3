#!/usr/bin/python3 -B
"""For each construct: a refresh after 1, 100 and 10,000 changed rows, at 100,000 and 1,000,000 rows, against REFRESH
MATERIALIZED VIEW of the same query in the same run; best times, and in brackets how much faster than that. BENCH_ONLY selects constructs by a part of their names."""
import os
import random

import psycopg2
from constructs import CONSTRUCTS, SETUP, change_of
from measure import Database, create, ms, row, scale

SIZES = [scale(100_000), scale(1_000_000)]
TIMES = {1: 30, 100: 6, 10_000: 2}  # how often each number of changed rows is measured


def missing_indexes(cursor):
    cursor.execute("SELECT value FROM pgtrickle.explain_st('kept') WHERE property = 'missing index'")
    return [value for (value,) in cursor.fetchall()]


def measure(cursor, query, n):
    """(ms by number of changed rows, ms of REFRESH MATERIALIZED VIEW)"""
    create(cursor, "kept", query)
    indexes = missing_indexes(cursor)
    for number, statement in enumerate(indexes):
        cursor.execute(statement.replace("CREATE INDEX ON", f"CREATE INDEX bench_{number} ON"))
    cursor.execute(f"CREATE MATERIALIZED VIEW plain AS {query}")
    times, numbers = {}, random.Random(1)
    for count, repetitions in TIMES.items():
        firsts = [numbers.randint(1, max(1, n // 10 - count)) for _ in range(3)]
        taken = []
        for turn in range(repetitions):
            cursor.execute(change_of(query).format(first=firsts[turn % 3], count=count))
            taken.append(ms(cursor, "SELECT pgtrickle.refresh_stream_table('kept')"))
        times[count] = min(taken[min(3, repetitions - 1):])
    plain = min(ms(cursor, "REFRESH MATERIALIZED VIEW plain") for _ in range(2))
    cursor.execute("SELECT count(*) FROM (TABLE kept EXCEPT ALL TABLE plain) x")
    assert cursor.fetchone()[0] == 0, "the stream table differs from the materialized view"
    return times, plain


def clean(cursor):
    cursor.execute("DROP MATERIALIZED VIEW IF EXISTS plain; DROP FOREIGN TABLE IF EXISTS kept")
    cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'bench\\_%'")
    for (name,) in cursor.fetchall():
        cursor.execute(f"DROP INDEX {name}")
    cursor.execute("VACUUM fact, link")


def main():
    only = os.environ.get("BENCH_ONLY", "")
    chosen = [construct for construct in CONSTRUCTS if only in construct[0]]
    found = {name: {} for name, *_ in chosen}
    for n in SIZES:
        with Database("constructs") as cursor:
            cursor.execute(SETUP.format(n=n))
            cursor.execute("VACUUM ANALYZE")
            for name, query, *_ in chosen:
                try:
                    found[name][n] = measure(cursor, query, n)
                except (psycopg2.Error, AssertionError) as error:
                    row(f"{name}, at {n:,} rows", str(error).splitlines()[0], "kept")
                clean(cursor)
    for name, _, *nature in chosen:
        if len(found[name]) == len(SIZES):
            (small, small_plain), (large, large_plain) = (found[name][n] for n in SIZES)
            row(name, "; ".join(f"{count:,}: {small[count]:.2f} / {large[count]:.2f} ms ({small_plain / small[count]:.1f}× / {large_plain / large[count]:.1f}×)"
                                for count in TIMES) + f"; 1 row grows {large[1] / small[1]:.2f}×", nature[0] if nature else "≤ 1.3× for 1 row")


main()
