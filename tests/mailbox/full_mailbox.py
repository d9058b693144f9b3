#!/usr/bin/python3 -B
"""Shows what happens to more stream tables, and to more locks, than shared memory has room for: the room of
dropped databases is reused, and stream tables without room are refreshed when due, not continuously.

Runs on a server of its own with room for 16 stream tables, and for some hundred locks.
"""

import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

SMALL = ["pg_trickle.max_stream_tables=16", "max_locks_per_transaction=10", "max_connections=10",
         "max_prepared_transactions=0", "max_wal_senders=0", "autovacuum_max_workers=1"]
server = Server()
server.call("start", *SMALL)


def filled(count, schedule):
    db = Database(server.host)
    db.run("CREATE TABLE source (id int PRIMARY KEY, value int); INSERT INTO source VALUES (1, 1)")
    for number in range(count):
        db.run(f"SELECT pgtrickle.create_stream_table('kept_{number}', 'SELECT id, value + {number} AS value FROM source', %s)",
               schedule)
    return db


def is_known_fresh(db, number):
    """Returns True if a read that may neither be stale nor wait returns an answer."""
    db.run("SET pg_trickle.max_staleness = 0; SET pg_trickle.scan_refresh_timeout = 0; SET pg_trickle.on_stale = error")
    try:
        db.run(f"SELECT value FROM kept_{number}")
        return True
    except Exception:  # noqa: BLE001: the error that on_stale requires
        return False


def a_dropped_database_gives_its_room_back():
    for _ in range(3):
        db = filled(12, "520w")
        deadline = time.monotonic() + 30
        while not all(is_known_fresh(db, number) for number in range(12)):
            assert time.monotonic() < deadline, "stream tables are not known although there is room"
            time.sleep(0.2)
        db.drop()


def those_without_room_are_not_refreshed_over_and_over():
    db = filled(40, "520w")
    refreshes = "SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE initiated_by = 'SCHEDULER'"
    db.wait_for("SELECT count(DISTINCT pgt_id) > 20 FROM pgtrickle.pgt_refresh_history WHERE initiated_by = 'SCHEDULER'", True)
    time.sleep(1)
    before = db.value(refreshes)
    time.sleep(2)
    ran = db.value(refreshes) - before
    assert ran <= 40, f"{ran} refreshes in 2 s, none of which was due"
    db.drop()


def one_that_gets_room_keeps_its_schedule():
    """Otherwise its dependent would be due because of changes that are not to be applied yet, over and over."""
    full, db = filled(60, "520w"), Database(server.host)
    db.run("CREATE TABLE source (value int)")
    db.run("SELECT pgtrickle.create_stream_table('kept_0', 'SELECT value FROM source', '520w')")
    db.run("SELECT pgtrickle.create_stream_table('kept_1', 'SELECT count(*) AS value FROM kept_0', '1s')")
    db.run("SET pg_trickle.max_staleness = '1h'; INSERT INTO source VALUES (1)")
    refreshes = "SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE pgt_id = 'kept_1'::regclass"
    db.wait_for(f"SELECT ({refreshes} AND initiated_by = 'SCHEDULER') >= 3", True)  # the manager has looked at the change of the source
    full.drop()
    ran, deadline = None, time.monotonic() + 30
    while ran != 0:
        assert time.monotonic() < deadline, "it is refreshed over and over although there is room"
        db.run("SELECT pgtrickle.refresh_stream_table('kept_0'); SELECT pgtrickle.refresh_stream_table('kept_1')")
        db.run("INSERT INTO source VALUES (1)")
        before = db.value(refreshes)
        time.sleep(3)
        ran = db.value(refreshes) - before
    db.drop()


def one_without_room_is_refreshed_when_due():
    db = filled(30, "1s")
    db.run("UPDATE source SET value = 7")
    db.run("SET pg_trickle.max_staleness = '1h'")
    for number in range(30):
        db.wait_for(f"SELECT value FROM kept_{number}", 7 + number)
    db.drop()


def a_manager_reads_more_definitions_than_it_could_lock():
    db = Database(server.host)
    db.run("SET pg_trickle.enabled = off")
    for number in range(60):
        db.run(f"CREATE TABLE source_{number} (a int)")
        views = [f"view_{number}_{i}" for i in range(20)]
        db.run("; ".join(f"CREATE VIEW {view} AS SELECT a FROM source_{number}" for view in views))
        query = " UNION ALL ".join(f"SELECT a FROM {view}" for view in views)
        db.run(f"SELECT pgtrickle.create_stream_table('kept_{number}', '{query}', '1s', 'FULL')")
    db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'pg_trickle manager'", 1)
    pid = db.manager_pid()
    db.run("SELECT pg_terminate_backend(%s)", pid)
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}", 0)
    db.run("INSERT INTO source_59 VALUES (1)")
    db.wait_for("SELECT count(*) FROM kept_59", 20)
    db.drop()


def touched_megabytes(*settings):
    """Returns how much of its shared memory the postmaster has touched after a start with these settings."""
    server.call("start", *SMALL, "huge_pages=off", *settings)
    db = Database(server.host)
    postmaster = (Path(db.value("SHOW data_directory")) / "postmaster.pid").read_text().split()[0]
    db.drop()
    touched_kb, is_shared = 0, False
    for line in Path(f"/proc/{postmaster}/smaps").read_text().splitlines():
        name, _, rest = line.partition(" ")
        if "-" in name and not name.endswith(":"):
            is_shared = "/dev/zero" in rest
        elif name == "Rss:" and is_shared:
            touched_kb += int(rest.split()[0])
    return touched_kb / 1024


def room_that_is_not_used_takes_no_memory():
    little = touched_megabytes("pg_trickle.mailbox_slots=64")
    assert 0 < little < 100, f"{little} MB"
    much = touched_megabytes("pg_trickle.mailbox_slots=1048576")
    assert much < little + 16, f"{much} MB instead of {little} MB: the counters alone have room for 256 MB"


try:
    run_cases([a_dropped_database_gives_its_room_back, those_without_room_are_not_refreshed_over_and_over,
               one_that_gets_room_keeps_its_schedule, one_without_room_is_refreshed_when_due, a_manager_reads_more_definitions_than_it_could_lock,
               room_that_is_not_used_takes_no_memory])
finally:
    server.destroy()
