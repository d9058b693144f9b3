#!/usr/bin/python3 -B
"""Shows that stream tables are correct after a process is killed, the server is stopped, refreshes are
cancelled, and the disk is full.

Sessions write and refresh continuously; then one process is killed with SIGKILL, the server is stopped, all
sessions are cancelled, or the catalog's folder is unusable. Afterwards a manager runs again without a
request, and every stream table, read plainly, equals its query.
"""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, as_soon_as_it_connects, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

MAINTAINED = {
    "totals": "SELECT k, count(*) AS n, sum(v) AS total FROM a GROUP BY k",
    "joined": "SELECT a.id, b.id AS b, a.v + b.v AS total FROM a JOIN b ON a.k = b.k WHERE b.id < 20",
    "outer_joined": "SELECT a.id, b.v FROM a LEFT JOIN b ON a.id = b.id",
    "extremes": "SELECT k, min(v) AS low, max(v) AS high FROM a GROUP BY k",
    "chained": "SELECT n, count(*) AS groups FROM totals GROUP BY n",
    "ranked": "SELECT id, k, v, rank() OVER (PARTITION BY k ORDER BY v, id) AS n FROM a",
    "first": "SELECT id, v FROM a ORDER BY v DESC, id LIMIT 7",
    "tested": "SELECT id, v IN (SELECT v FROM b) AS is_in FROM a WHERE EXISTS (SELECT FROM b WHERE b.k = a.k)",
    "valued": "SELECT id, (SELECT max(v) FROM b WHERE b.k = a.k) AS top FROM a WHERE v > (SELECT avg(v) FROM b)",
    "arrays": "SELECT k, array_agg(v ORDER BY v) AS vs, count(DISTINCT v) AS n FROM b GROUP BY ROLLUP (k)",
    "reached": "WITH RECURSIVE r AS (SELECT id, k FROM a WHERE id < 5 UNION SELECT b.id, b.k FROM r JOIN b ON b.id = r.k + 3) SELECT * FROM r",
    "common": "SELECT k FROM a INTERSECT ALL SELECT k FROM b",
    "last_of_all": "SELECT t.k, max(t.total) AS total, count(r.n) AS n FROM totals t LEFT JOIN ranked r USING (k) GROUP BY t.k",
}
AT_COMMIT = ("totals", "chained", "joined", "ranked", "valued")
server = Server()
db = Database(server.host)


class Load:
    """Sessions that write and refresh until the end of the block."""

    def __enter__(self):
        self.is_over = False
        self.threads = [threading.Thread(target=self.go, args=(number,)) for number in range(3)]
        for thread in self.threads:
            thread.start()
        time.sleep(0.3)

    def __exit__(self, *_):
        self.is_over = True
        for thread in self.threads:
            thread.join()

    def go(self, number):
        chooser = dice(number)
        while not self.is_over:
            try:
                cursor = db.connect().cursor()
                cursor.execute("SET client_min_messages = error")
                while not self.is_over:
                    cursor.execute("UPDATE a SET v = v + 1, k = (k + 1) %% 20 WHERE id %% 97 = %s", (chooser.randrange(97),))
                    cursor.execute("INSERT INTO b VALUES (%s, 1, 1) ON CONFLICT (id) DO UPDATE SET v = b.v + 1",
                                   (chooser.randrange(500),))
                    cursor.execute("SELECT pgtrickle.refresh_stream_table(%s)", (chooser.choice(list(MAINTAINED)),))
            except psycopg2.Error:
                time.sleep(0.02)


def check():
    db.session = as_soon_as_it_connects(db.connect)
    db.run("SET client_min_messages = error; SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error;"
           "SET pg_trickle.scan_refresh_timeout = '30s'")
    for name, query in MAINTAINED.items():
        rows = db.run(f"SELECT (SELECT count(*) FROM (({query}) EXCEPT ALL TABLE {name}) x), "
                      f"(SELECT count(*) FROM (TABLE {name} EXCEPT ALL ({query})) x)")
        assert rows == [(0, 0)], (name, rows)
    assert db.run("SELECT pgt_name, status FROM pgtrickle.pgt_stream_tables WHERE status <> 'ACTIVE'") == []
    db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager'", 1)
    db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle launcher'", 1)


def set_up():
    for table in "ab":
        db.run(f"CREATE TABLE {table} (id int PRIMARY KEY, k int, v int); CREATE INDEX ON {table} (k)")
        db.run(f"INSERT INTO {table} SELECT i, i % 20, i FROM generate_series(1, 400) i")
    for name, query in MAINTAINED.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1s', %s)", name, query, "IMMEDIATE" if name in AT_COMMIT else "DIFFERENTIAL")


def a_killed_process_leaves_the_truth():
    for kind in ("state = 'active' AND backend_type = 'client backend'", "backend_type = 'pg_trickle manager'"):
        with Load():
            db.session = as_soon_as_it_connects(db.connect)
            db.wait_for(f"SELECT count(*) > 0 FROM pg_stat_activity WHERE {kind} AND pid <> pg_backend_pid()", True)
            pids = db.run(f"SELECT pid FROM pg_stat_activity WHERE {kind} AND pid <> pg_backend_pid()")
            if pids:
                os.kill(pids[0][0], signal.SIGKILL)
        as_soon_as_it_connects(check)  # a session that connected before the server noticed the crash ends with it


def a_stopped_server_leaves_the_truth():
    with Load():
        server.call("stop")
        server.call("start")
    check()


def cancelled_refreshes_leave_the_truth():
    with Load():
        admin = db.connect("postgres")
        for _ in range(60):
            admin.cursor().execute("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                                   "AND (state = 'active' OR backend_type LIKE 'pg_trickle%')")
            time.sleep(0.02)
        admin.close()
    check()


def refreshes_that_time_out_leave_the_truth():
    for timeout_ms in (1, 2, 4, 8):
        for _ in range(10):
            db.run("UPDATE a SET v = v + 1")
            try:
                db.run(f"BEGIN; SET LOCAL statement_timeout = {timeout_ms}; SELECT pgtrickle.refresh_stream_table('chained'); COMMIT")
            except psycopg2.errors.QueryCanceled:
                db.run("ROLLBACK")
    check()


def a_catalog_that_cannot_be_opened_stops_nothing():
    folder = server.folder / "data" / "pg_trickle"
    modes = {path: path.stat().st_mode for path in (folder, *folder.iterdir())}
    try:
        for path in modes:
            path.chmod(0)
        with Load():
            pass
        check()
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    check()


def the_extension_goes_while_all_are_at_work():
    with Load():
        db.run("SET client_min_messages = error")
        while True:
            try:
                db.run("DROP EXTENSION pg_trickle CASCADE")
                break
            except psycopg2.errors.DeadlockDetected:  # a deadlock with a refresh, which is legitimate
                continue
    left = "SELECT count(*) FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'pg_trickle%'"
    assert db.value(left) == 0
    db.run("INSERT INTO a VALUES (1000, 1, 1)")
    db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager'", 0)


try:
    set_up()
    run_cases([a_killed_process_leaves_the_truth, a_stopped_server_leaves_the_truth, cancelled_refreshes_leave_the_truth,
               refreshes_that_time_out_leave_the_truth, a_catalog_that_cannot_be_opened_stops_nothing,
               the_extension_goes_while_all_are_at_work])
finally:
    server.destroy()
