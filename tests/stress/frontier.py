#!/usr/bin/python3 -B
"""Shows that every committed change reaches the stream tables once: 0 lost, 0 doubled.

Writers insert, update and delete in transactions with savepoints, rollbacks and two-phase commit; refreshers
refresh, alone or in the middle of transactions that write as well and may roll back. In the end no row may be
missing or twice. A full refresh would hide a loss, so there must have been none.

  frontier.py [--seconds N] [--writers N] [--refreshers N] [--seed N]
"""

import argparse
import os
import random
import sys
import threading
import time
import uuid
from pathlib import Path

import psycopg2
import psycopg2.errors

sys.path.append(str(Path(__file__).resolve().parents[1]))
from seeds import SEED  # noqa: E402: needs the path above

MAINTAINED = {
    "rows": "SELECT id, owner, val FROM src",
    "totals": "SELECT owner, count(*) AS n, sum(val) AS total FROM src GROUP BY owner",
    "even": "SELECT owner, total FROM totals WHERE n % 2 = 0",
}
OWNERS = 20


class StreamTables:
    """The stream tables of MAINTAINED, which are checked."""

    def create(self, cursor):
        cursor.execute("CREATE EXTENSION pg_trickle")
        for name, query in MAINTAINED.items():
            cursor.execute("SELECT pgtrickle.create_stream_table(%s, %s, '1s', %s)", (name, query, "IMMEDIATE" if name == "totals" else "DIFFERENTIAL"))

    def refresh(self, cursor, chooser):
        cursor.execute("SELECT pgtrickle.refresh_stream_table(%s)", (chooser.choice(list(MAINTAINED)),))

    def discard(self):
        """Discards the last state: the transaction of the last refresh was rolled back."""

    def keep(self):
        """Keeps the last state: the transaction was committed."""

    def faults(self, cursor):
        """Lists (description, count)."""
        found = []
        for name, query in MAINTAINED.items():
            cursor.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
            for what, left, right in (("lost", query, f"TABLE {name}"), ("doubled", f"TABLE {name}", query)):
                cursor.execute(f"SELECT count(*) FROM (({left}) EXCEPT ALL ({right})) AS missing")
                found.append((f"{name}: {what}", cursor.fetchone()[0]))
            cursor.execute("SELECT count(*) FROM pgtrickle.get_refresh_history(%s, 1000000) "
                           "WHERE action IN ('FULL', 'REINITIALIZE')", (name,))
            found.append((f"{name}: filled again by a full refresh", max(0, cursor.fetchone()[0] - 1)))
        return found


class Run:
    """Connections, the end of the run, and errors of threads."""

    def __init__(self, database, seconds, seed):
        self.database = database
        self.ends_at = time.monotonic() + seconds
        self.seed = seed
        self.counts = {}
        self.errors = []
        self.lock = threading.Lock()

    def connect(self):
        connection = psycopg2.connect(dbname=self.database)
        connection.autocommit = True
        return connection

    def goes_on(self):
        return time.monotonic() < self.ends_at and not self.errors

    def count(self, what):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + 1

    def thread(self, number, work, *arguments):
        def guarded():
            try:
                work(self, random.Random(self.seed * 1000 + number), *arguments)
            except Exception as error:  # pylint: disable=broad-except
                self.errors.append(f"{work.__name__}: {error!r}")
        thread = threading.Thread(target=guarded)
        thread.start()
        return thread


def change(cursor, chooser):
    """Runs one statement that changes some rows of src."""
    kind = chooser.random()
    owner, low = chooser.randrange(OWNERS), chooser.randrange(3000)
    if kind < 0.45:
        cursor.execute("INSERT INTO src (owner, val) SELECT %s, g FROM generate_series(1, %s) g",
                       (owner, chooser.choice((1, 1, 1, 3, 50))))
    elif kind < 0.75:
        cursor.execute("UPDATE src SET val = val + 1, owner = %s WHERE id BETWEEN %s AND %s",
                       (owner, low, low + chooser.randrange(4)))
    elif kind < 0.8:
        cursor.execute("UPDATE src SET unread = unread + 1 WHERE id BETWEEN %s AND %s", (low, low + 20))
    else:
        cursor.execute("DELETE FROM src WHERE id BETWEEN %s AND %s", (low, low + chooser.randrange(6)))


def changes_with_savepoints(cursor, chooser):
    for _ in range(chooser.choice((1, 1, 2, 4))):
        change(cursor, chooser)
        if chooser.random() < 0.4:
            cursor.execute("SAVEPOINT a")
            change(cursor, chooser)
            if chooser.random() < 0.3:
                cursor.execute("SAVEPOINT b")
                change(cursor, chooser)
            cursor.execute(chooser.choice(("ROLLBACK TO a", "RELEASE a")))


def write(run, chooser):
    connection = run.connect()
    cursor = connection.cursor()
    prepared = []
    while run.goes_on():
        try:
            cursor.execute("BEGIN")
            changes_with_savepoints(cursor, chooser)
            if chooser.random() < 0.2:
                time.sleep(chooser.random() * 0.02)  # a transaction of some duration
            end = chooser.random()
            if end < 0.15:
                cursor.execute("ROLLBACK")
            elif end < 0.3:
                name = uuid.uuid4().hex
                cursor.execute(f"PREPARE TRANSACTION '{name}'")
                prepared.append(name)
                run.count("prepared")
            else:
                cursor.execute("COMMIT")
            run.count("transactions")
        except (psycopg2.errors.DeadlockDetected, psycopg2.errors.LockNotAvailable):
            cursor.execute("ROLLBACK")
            run.count("deadlocks and timeouts")
        while prepared and (len(prepared) > 1 or chooser.random() < 0.5):
            cursor.execute(chooser.choice(("COMMIT", "COMMIT", "ROLLBACK")) + f" PREPARED '{prepared.pop(0)}'")
    for name in prepared:
        cursor.execute(f"COMMIT PREPARED '{name}'")
    connection.close()


def refresh(run, chooser, maintained):
    connection = run.connect()
    cursor = connection.cursor()
    while run.goes_on():
        try:
            cursor.execute("BEGIN")
            if chooser.random() < 0.5:
                changes_with_savepoints(cursor, chooser)
            maintained.refresh(cursor, chooser)
            if chooser.random() < 0.3:
                cursor.execute("SAVEPOINT r")
                change(cursor, chooser)
                cursor.execute("ROLLBACK TO r")
            if chooser.random() < 0.6:
                changes_with_savepoints(cursor, chooser)
            if chooser.random() < 0.3:
                maintained.refresh(cursor, chooser)
            if chooser.random() < 0.2:
                cursor.execute("ROLLBACK")
                maintained.discard()
            else:
                cursor.execute("COMMIT")
                maintained.keep()
            run.count("refreshing transactions")
        except (psycopg2.errors.DeadlockDetected, psycopg2.errors.LockNotAvailable):
            cursor.execute("ROLLBACK")
            maintained.discard()
            run.count("deadlocks and timeouts")
    connection.close()


def run_all(options, kinds):
    database = f"stress_frontier_{os.getpid()}"
    admin = psycopg2.connect("")
    admin.autocommit = True
    admin.cursor().execute(f"CREATE DATABASE {database}")
    try:
        # The wait for a lock is limited to this: a prepared transaction may hold it.
        admin.cursor().execute(f"ALTER DATABASE {database} SET lock_timeout = '300ms'")
        run = Run(database, options.seconds, options.seed)
        connection = run.connect()
        cursor = connection.cursor()
        cursor.execute("CREATE TABLE src (id bigserial PRIMARY KEY, owner int, val int, unread int DEFAULT 0)")
        cursor.execute("INSERT INTO src (owner, val) SELECT g % 20, g FROM generate_series(1, 2000) g")
        maintained = [kind() for kind in kinds]
        for one in maintained:
            one.create(cursor)
        threads = [run.thread(i, write) for i in range(options.writers)]
        threads += [run.thread(100 + i, refresh, maintained[i % len(maintained)]) for i in range(options.refreshers)]
        for thread in threads:
            thread.join()
        cursor.execute("SET lock_timeout = '30s'")
        faults = [fault for one in maintained for fault in one.faults(cursor)]
        connection.close()
    finally:
        admin.cursor().execute(f"DROP DATABASE {database} WITH (FORCE)")
    print(", ".join(f"{count} {what}" for what, count in sorted(run.counts.items())))
    for what, count in faults:
        print(f"{what}: {count}")
    for error in run.errors:
        print(error)
    is_good = not run.errors and not any(count for _, count in faults)
    print(f"{'ok' if is_good else 'not ok'} each stream table equals its query (seed {options.seed})")
    return 0 if is_good else 1


def parse():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("DURATION_S", "15")))
    parser.add_argument("--writers", type=int, default=6)
    parser.add_argument("--refreshers", type=int, default=3)
    parser.add_argument("--seed", type=int, default=SEED)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(run_all(parse(), [StreamTables]))
