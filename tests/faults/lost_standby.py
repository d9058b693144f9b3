#!/usr/bin/python3 -B
"""Shows that no worker waits for a synchronous standby that is gone: sessions that do not wait for it either define and read
stream tables, while the commits of other writers wait, and after these have been canceled."""

import sys
import threading
import time
from contextlib import closing
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

server = Server()
db = Database(server.host)
QUERIES = {
    "by_schedule": ("SELECT k, sum(v) AS total FROM source GROUP BY k", "1s", "DIFFERENTIAL"),
    "on_change": ("SELECT id, v FROM source", "calculated", "DIFFERENTIAL"),
    "at_reads": ("SELECT count(*) AS n FROM source", "0s", "DIFFERENTIAL"),
    "above": ("SELECT max(total) AS most FROM by_schedule", "calculated", "AUTO"),
    "at_commit": ("SELECT k, count(*) AS n FROM source GROUP BY k", "calculated", "IMMEDIATE"),
    "in_full": ("SELECT k, count(*) AS n FROM source GROUP BY k", "1s", "FULL"),
}
WAITING = "SELECT count(*)::int FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND backend_type {}"


def lose_the_standby(level):
    for setting in ("synchronous_standby_names = 'lost'", f"synchronous_commit = {level}"):
        db.alter_system("SET " + setting)
    db.wait_for("SELECT setting FROM pg_settings WHERE name = 'synchronous_standby_names'", "lost")
    db.run("SET synchronous_commit = local")


def find_the_standby():
    for name in ("synchronous_standby_names", "synchronous_commit"):
        db.alter_system("RESET " + name)
    db.wait_for(WAITING.format("IS NOT NULL"), 0)


def all_are_right(names):
    """Reads without a failure, or a wait that ends at its limit."""
    for name in names:
        query = QUERIES[name][0]
        started_at = time.monotonic()
        different = db.run(f"(TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})")
        assert not different, (name, different)
        assert time.monotonic() - started_at < 20, name
    assert db.value(WAITING.format("~ 'pg_trickle'")) == 0


def write_and_wait():
    """The commit waits for the standby, and its changes are not visible."""
    with closing(db.connect()) as session:
        session.cursor().execute("UPDATE source SET v = v + 1000 WHERE k = 1; INSERT INTO source SELECT max(id) + 1, 1, 1 FROM source")


def no_refresh_waits_for_it(level):
    db.run("SET pg_trickle.on_stale = error; SET pg_trickle.scan_refresh_timeout = '30s'; SET pg_trickle.max_staleness = 0")
    db.run("SET statement_timeout = '60s'")
    lose_the_standby(level)
    writer = threading.Thread(target=write_and_wait)
    try:
        writer.start()
        db.wait_for(WAITING.format("= 'client backend'"), 1)
        all_are_right(set(QUERIES) - {"at_commit"})  # which the writer has locked
        db.run("CREATE TABLE IF NOT EXISTS another AS SELECT 1 AS id")
        db.run("SELECT pgtrickle.create_stream_table('later', 'SELECT id FROM another', '1s', initialize => false)")
        db.wait_for("SELECT is_populated FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'later'", True)
        db.run("DROP FOREIGN TABLE later")
        db.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        writer.join()
        for _ in range(2):
            all_are_right(QUERIES)
            db.run("UPDATE source SET v = v + 1 WHERE k = 2; INSERT INTO source SELECT max(id) + 1, 3, 3 FROM source")
    finally:
        find_the_standby()
    all_are_right(QUERIES)


def on():
    no_refresh_waits_for_it("on")


def remote_write():
    no_refresh_waits_for_it("remote_write")


def remote_apply():
    no_refresh_waits_for_it("remote_apply")


try:
    db.run("CREATE TABLE source (id int PRIMARY KEY, k int, v int); INSERT INTO source SELECT i, i % 5, i FROM generate_series(1, 100) i")
    for stream_table, definition in QUERIES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s, %s)", stream_table, *definition)
    run_cases([on, remote_write, remote_apply])
finally:
    server.destroy()
