#!/usr/bin/python3 -B
"""Measures the cost of capture for a writer: single-row UPDATEs and COPY, with and without capture.

The two tables are alike except for the stream table over one of them; measurements alternate.
"""

import io
import time

from measure import Database, cpu_s, create, median, row, scale

ROWS = scale(1_000_000)
UPDATES = 10_000
QUERY = "SELECT val % 100 AS grp, count(*) AS n, sum(val) AS total FROM {} GROUP BY val % 100"


def make_tables(cursor, constraint):
    for name in ("plain", "followed"):
        cursor.execute(f"CREATE TABLE {name} (id int {constraint}, val int, pad text)")
    create(cursor, "kept", QUERY.format("followed"))


def take_in(cursor):
    cursor.execute("SELECT pgtrickle.refresh_stream_table('kept')")


def update_cpu(cursor, name):
    """Returns the CPU seconds that the backend spends on single-row updates, each in its own transaction."""
    pid = [cursor.connection.get_backend_pid()]
    cursor.execute(f"PREPARE change_{name} AS UPDATE {name} SET val = val + 1 WHERE id = $1")
    started = cpu_s(pid)
    for number in range(UPDATES):
        cursor.execute(f"EXECUTE change_{name} ({number * 7919 % 100_000 + 1})")
    used = cpu_s(pid) - started
    cursor.execute(f"DEALLOCATE change_{name}")
    return used


def updates():
    with Database("updates") as cursor:
        make_tables(cursor, "PRIMARY KEY")
        for name in ("plain", "followed"):
            cursor.execute(f"INSERT INTO {name} SELECT g, g % 1000, repeat('x', 60) FROM generate_series(1, 100000) g")
        cursor.execute("VACUUM ANALYZE")
        take_in(cursor)
        plain, followed = [], []
        for _ in range(5):
            plain.append(update_cpu(cursor, "plain"))
            followed.append(update_cpu(cursor, "followed"))
            take_in(cursor)
        without, with_capture = (median(times) / UPDATES * 1e6 for times in (plain, followed))
        row("single-row UPDATE with capture / without, CPU of the backend",
            f"{with_capture:.1f} / {without:.1f} µs = {with_capture / without:.2f}", "≤ 1.5")


def copies(constraint, label, reach):
    data = "".join(f"{g}\t{g % 1000}\t{'x' * 60}\n" for g in range(ROWS))
    with Database("copy") as cursor:
        make_tables(cursor, constraint)
        plain, followed = [], []
        for _ in range(3):
            for name, times in (("plain", plain), ("followed", followed)):
                cursor.execute(f"TRUNCATE {name}")
                cursor.execute("CHECKPOINT")
                times.append(copy_ms(cursor, name, data))
            take_in(cursor)
        row(f"COPY of {ROWS:,} rows with capture / without, {label}",
            f"{median(followed):.0f} / {median(plain):.0f} ms = {median(followed) / median(plain):.2f}", reach)


def copy_ms(cursor, name, data):
    started = time.perf_counter()
    cursor.copy_expert(f"COPY {name} FROM STDIN", io.StringIO(data))
    return (time.perf_counter() - started) * 1e3


updates()
copies("PRIMARY KEY", "primary key", "≤ 1.4")
copies("", "no key", "≤ 2.1")
