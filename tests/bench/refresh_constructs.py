#!/usr/bin/python3 -B
"""Measures a refresh of each construct after 1, 100 and 10,000 changed rows, at 100,000 and 1,000,000 rows,
against REFRESH MATERIALIZED VIEW of the same query in the same run.

The times are best times, and in brackets the factor to REFRESH MATERIALIZED VIEW. The growth of one row's
refresh is that of its CPU time in the backend; the rows of sources and arrangements that it reads are counted
as well, as other load on the machine affects times. BENCH_ONLY selects constructs by a part of their names."""
import os
import random
from contextlib import ExitStack

import psycopg2
from constructs import CONSTRUCTS, SETUP, change_of
from measure import Database, cpu_s, create, ms, row, scale

SIZES = [scale(100_000), scale(1_000_000)]
TIMES = {1: 30, 100: 6, 10_000: 2}  # how often each number of changed rows is measured


READS = """SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_all_tables
    WHERE schemaname IN ('public', 'pg_trickle_storage')"""


def missing_indexes(cursor):
    cursor.execute("SELECT value FROM pgtrickle.explain_st('kept') WHERE property = 'missing index'")
    return [value for (value,) in cursor.fetchall()]


def rows_read(cursor, change):
    """Returns the rows of sources and arrangements that the refresh of one changed row reads."""
    cursor.execute("BEGIN; " + change)
    counts = []
    for refresh in ("SELECT", "SELECT pgtrickle.refresh_stream_table('kept')"):
        cursor.execute(refresh)
        cursor.execute(READS)
        counts.append(cursor.fetchone()[0])
    cursor.execute("COMMIT")
    return counts[1] - counts[0]


def measure(cursor, query, n):
    """Returns (ms by number of changed rows, ms of REFRESH MATERIALIZED VIEW; for one changed row: CPU
    seconds, rows read)."""
    create(cursor, "kept", query)
    indexes = missing_indexes(cursor)
    for number, statement in enumerate(indexes):
        cursor.execute(statement.replace("CREATE INDEX ON", f"CREATE INDEX bench_{number} ON"))
    cursor.execute(f"CREATE MATERIALIZED VIEW plain AS {query}")
    times, numbers, backend = {}, random.Random(1), [cursor.connection.get_backend_pid()]
    for count, repetitions in TIMES.items():
        firsts = [numbers.randint(1, max(1, n // 10 - count)) for _ in range(3)]
        taken, computed = [], []
        for turn in range(repetitions):
            cursor.execute(change_of(query).format(first=firsts[turn % 3], count=count))
            before = cpu_s(backend)
            taken.append(ms(cursor, "SELECT pgtrickle.refresh_stream_table('kept')"))
            computed.append(cpu_s(backend) - before)
        times[count] = min(taken[min(3, repetitions - 1):])
        if count == 1:
            cpu = min(computed)
            read = rows_read(cursor, change_of(query).format(first=firsts[0], count=1))
    plain = min(ms(cursor, "REFRESH MATERIALIZED VIEW plain") for _ in range(2))
    cursor.execute("SELECT count(*) FROM ((TABLE kept EXCEPT ALL TABLE plain) UNION ALL (TABLE plain EXCEPT ALL TABLE kept)) x")
    assert cursor.fetchone()[0] == 0, "the stream table differs from the materialized view"
    return times, plain, cpu, read


def clean(cursor):
    cursor.execute("DROP MATERIALIZED VIEW IF EXISTS plain; DROP FOREIGN TABLE IF EXISTS kept")
    cursor.execute("SELECT indexname FROM pg_indexes WHERE indexname LIKE 'bench\\_%'")
    for (name,) in cursor.fetchall():
        cursor.execute(f"DROP INDEX {name}")
    cursor.execute("VACUUM fact, link")


def show(name, measured, reach):
    (small, small_plain, small_cpu, small_read), (large, large_plain, large_cpu, large_read) = measured
    times = (f"{count:,}: {small[count]:.2f} / {large[count]:.2f} ms ({small_plain / small[count]:.1f}× / {large_plain / large[count]:.1f}×)"
             for count in TIMES)
    row(name, "; ".join(times) + f"; 1 row grows {large_cpu / small_cpu:.2f}×, and reads {small_read:,} / {large_read:,} rows", reach)


def main():
    only = os.environ.get("BENCH_ONLY", "")
    with ExitStack() as databases:
        cursors = {n: databases.enter_context(Database(f"constructs_{n}")) for n in SIZES}
        for n, cursor in cursors.items():
            cursor.execute(SETUP.format(n=n))
            cursor.execute("VACUUM ANALYZE")
        for name, query, *nature in CONSTRUCTS:
            if only not in name:
                continue
            measured = []
            for n, cursor in cursors.items():
                try:
                    measured.append(measure(cursor, query, n))
                except (psycopg2.Error, AssertionError) as error:
                    row(f"{name}, at {n:,} rows", str(error).splitlines()[0], "kept")
                clean(cursor)
            if len(measured) == len(SIZES):
                show(name, measured, nature[0] if nature else "≤ 1.3× for 1 row")


main()
