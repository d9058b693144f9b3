"""Functions that the benchmarks share: connections, times of statements, CPU time of processes, and lines of
the table.

Ratios are computed within one run, from alternating or neighbouring measurements on one server.
"""

import os
import statistics
import time
from pathlib import Path

import psycopg2


def connect(database=None):
    connection = psycopg2.connect("" if database is None else f"dbname={database}")
    connection.autocommit = True
    return connection


class Database:
    """A new database with the extension, dropped at the end."""

    def __init__(self, name):
        self.name = f"bench_{name}"

    def __enter__(self):
        self.admin = connect()
        self.admin.cursor().execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")
        self.admin.cursor().execute(f"CREATE DATABASE {self.name}")
        self.connection = connect(self.name)
        cursor = self.connection.cursor()
        cursor.execute("SET client_min_messages = warning")
        cursor.execute("CREATE EXTENSION pg_trickle")
        cursor.execute("SET synchronous_commit = off")
        return cursor

    def __exit__(self, *_):
        self.connection.close()
        self.admin.cursor().execute(f"DROP DATABASE IF EXISTS {self.name} WITH (FORCE)")


def ms(cursor, statement, arguments=None):
    """Returns the milliseconds from sending a statement to receiving its result."""
    started = time.perf_counter()
    cursor.execute(statement, arguments)
    return (time.perf_counter() - started) * 1e3


def median(values):
    return statistics.median(values)


def cpu_s(pids):
    """Returns the CPU seconds of processes, in the scheduler's resolution of a nanosecond."""
    total = 0
    for pid in pids:
        try:
            total += int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])
        except FileNotFoundError:
            pass
    return total / 1e9


def server_pids(cursor):
    """Returns the postmaster and all its children."""
    cursor.execute("SHOW data_directory")
    postmaster = int((Path(cursor.fetchone()[0]) / "postmaster.pid").read_text().split()[0])
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [postmaster] + [int(pid) for pid in children]


def create(cursor, name, query, schedule="1h"):
    """Creates a stream table that only the test refreshes, unless the schedule requires more."""
    cursor.execute("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'DIFFERENTIAL')", (name, query, schedule))


def row(what, measured, reach):
    print(f"| {what} | {measured} | {reach} |", flush=True)


def scale(rows):
    """Returns the number of rows divided by BENCH_SHRINK, for trying the scripts out."""
    return max(1000, rows // int(os.environ.get("BENCH_SHRINK", 1)))
