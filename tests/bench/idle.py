#!/usr/bin/python3 -B
"""Measures an idle server with 200 stream tables: CPU of all its processes, and transactions that it runs."""

import time

from measure import Database, cpu_s, create, row, server_pids

TABLES = 200
SECONDS = 20


def transactions(cursor):
    cursor.execute("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
    return cursor.fetchone()[0]


def main():
    with Database("idle") as cursor:
        cursor.execute("CREATE TABLE source AS SELECT g AS id, g % 10 AS grp FROM generate_series(1, 1000) g")
        for number in range(TABLES):
            create(cursor, f"kept_{number}", f"SELECT grp, count(*) AS n FROM source WHERE id % {TABLES} <> {number} GROUP BY grp",
                   schedule="1s")
        cursor.execute("VACUUM ANALYZE")
        time.sleep(5)
        pids = server_pids(cursor)
        ran, used, started = transactions(cursor), cpu_s(pids), time.monotonic()
        time.sleep(SECONDS)
        percent = (cpu_s(pids) - used) / (time.monotonic() - started) * 100
        # a backend reports statistics with a delay; the two reads of this script are included
        ran = transactions(cursor) - ran
        row(f"idle server, {TABLES} stream tables of schedule 1s", f"{percent:.2f} % of a core, {ran} transactions in {SECONDS} s",
            "< 1 %, none but the two of the measurement")


main()
