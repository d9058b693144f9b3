#!/usr/bin/python3 -B
"""Measures refreshes of one changed row of a global aggregate while an old snapshot is open.

No version of its one row can be pruned, nor of its row in pgt_state. The number of versions matters, not the
age of the snapshot: ten minutes of a refresh each 100 ms are 6,000.
"""

import os

from measure import Database, connect, cpu_s, create, median, ms, row

STEPS = [int(step) for step in os.environ.get("BENCH_VERSIONS", "0,1000,6000,20000").split(",")]


def refresh_costs(cursor, pid, count):
    """Returns medians of time, and mean CPU time of the backend, in ms for each refresh."""
    times, used = [], 0
    for _ in range(count):
        cursor.execute("UPDATE source SET amount = amount + 1 WHERE id = 7")
        before = cpu_s([pid])
        times.append(ms(cursor, "SELECT pgtrickle.refresh_stream_table('total')"))
        used += cpu_s([pid]) - before
    return median(times or [0]), used / max(count, 1) * 1e3


def main():
    with Database("snapshot") as cursor:
        cursor.execute("CREATE TABLE source (id int PRIMARY KEY, amount bigint)")
        cursor.execute("INSERT INTO source SELECT g, g FROM generate_series(1, 1000) g")
        create(cursor, "total", "SELECT count(*) AS n, sum(amount) AS amount FROM source")
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
        refresh_costs(cursor, pid, 200)
        without = refresh_costs(cursor, pid, 200)
        old = connect(cursor.connection.info.dbname)
        old.autocommit = False
        old.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM source")
        measured, versions = [], 0
        for step in STEPS:
            refresh_costs(cursor, pid, max(0, step - versions))
            versions = max(step, versions)
            measured.append((versions, refresh_costs(cursor, pid, 200)))
            versions += 200
        old.rollback()
        row("1-row refresh of a global aggregate under an old snapshot that keeps N versions of its row, against none",
            f"none: {without[0]:.2f} ms ({without[1]:.2f} CPU); " + "; ".join(
                f"N = {n:,}: {time:.2f} ms ({cpu:.2f} CPU)" for n, (time, cpu) in measured), "measured, bounded or explained")


main()
