#!/usr/bin/python3 -B
"""Shows that stream tables over unlogged sources are empty after a crash, which empties these sources."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, as_soon_as_it_connects, run_cases  # noqa: E402: needs the path above

server = Server()
db = Database(server.host)
MAINTAINED = {
    "rows": "SELECT id, v FROM fleeting",
    "joined": "SELECT l.id, f.v FROM lasting l LEFT JOIN fleeting f ON f.id = l.id",
    "chained": "SELECT count(*) AS n FROM rows",
    "of_sheets": "SELECT id FROM sheets",
    "fully": "SELECT sum(v) AS s FROM fleeting",
    "groups": "SELECT id % 3 AS k, count(*) AS n, sum(v) AS s FROM fleeting GROUP BY 1",
}
# Pending changes are looked for in other ways by a scan, a look-up, groups, a join and a partitioned source. Queries over
# the view wait for its lock when they are planned.
OVER_VIEW = {
    "seen": "SELECT id, v FROM shown",
    "seen_joined": "SELECT l.id, f.v FROM lasting l LEFT JOIN shown f ON f.id = l.id",
    "seen_groups": "SELECT id % 3 AS k, count(*) AS n, sum(v) AS s FROM shown GROUP BY 1",
    "seen_sheets": "SELECT id FROM shown_sheets",
}
READS = ["SELECT count(*) FROM seen", "SELECT count(*) FROM seen WHERE id = 3", "SELECT count(*) FROM seen_groups",
         "SELECT count(*) FROM seen_groups WHERE k = 1", "SELECT count(v) FROM seen_joined",
         "SELECT count(v) FROM seen_joined WHERE id = 3", "SELECT count(*) FROM seen_sheets WHERE id > 11",
         "SELECT count(*) FROM seen_sheets WHERE id = 12"]


def set_up():
    db.run("CREATE UNLOGGED TABLE fleeting (id int, v int); CREATE TABLE lasting (id int);"
           "CREATE TABLE sheets (id int) PARTITION BY RANGE (id);"
           "CREATE TABLE sheet_1 PARTITION OF sheets FOR VALUES FROM (0) TO (10);"
           "CREATE UNLOGGED TABLE sheet_2 PARTITION OF sheets FOR VALUES FROM (10) TO (30);"
           "INSERT INTO fleeting SELECT i, i FROM generate_series(1, 20) i;"
           "INSERT INTO lasting SELECT i FROM generate_series(1, 20) i;"
           "INSERT INTO sheets SELECT i FROM generate_series(1, 20) i")
    for name, query in MAINTAINED.items():
        mode = {"fully": "FULL", "joined": "IMMEDIATE", "groups": "IMMEDIATE"}.get(name, "DIFFERENTIAL")
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', %s)", name, query, mode)


def check(expected):
    for name, query in MAINTAINED.items():
        db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
        off = db.value(f"SELECT count(*) FROM ((TABLE {name} EXCEPT ALL ({query})) UNION ALL "
                       f"(({query}) EXCEPT ALL TABLE {name})) d")
        assert off == 0, f"{name} differs from its query in {off} rows"
    assert db.value("SELECT count(*) FROM rows") == expected
    assert db.value("SELECT n FROM chained") == expected


def crash(by):
    by()
    db.session = as_soon_as_it_connects(db.connect)
    db.run("SET client_min_messages = error")


def kill_a_backend():
    other = db.connect()
    os.kill(db.value("SELECT pg_backend_pid()"), signal.SIGKILL)
    try:  # until the server has noticed the crash, and refuses connections until it has recovered
        while True:
            other.cursor().execute("SELECT pg_sleep(0.01)")
    except psycopg2.Error:
        pass


def stop_immediately():
    pid = int((server.folder / "data/postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGQUIT)
    while (server.folder / "data/postmaster.pid").exists():
        time.sleep(0.1)
    server.call("start")


def restart():
    server.call("start")


def emptied_by_a_crash():
    set_up()
    check(20)
    crash(kill_a_backend)
    assert db.value("SELECT count(*) FROM fleeting") == 0
    db.run("SET pg_trickle.read_mode = exact")  # the manager may have seen the crash by now, or not
    assert db.value("SELECT count(*) FROM rows") == 0
    db.run("RESET pg_trickle.read_mode")
    check(0)


def set_for_all(name, value):
    """Sets it in the manager, too, and waits until new sessions have it."""
    db.run(f"RESET {name}")
    db.alter_system(f"SET {name} = {value}")
    db.wait_for(f"SHOW {name}", value)


def read_while_its_source_is_repaired(read):
    """The repair commits after the reader has found that the sentinel is missing, and before the reader looks for pending changes."""
    reader, locking = db.connect(), db.connect()
    cursor, rows = reader.cursor(), []
    cursor.execute("SET pg_trickle.enabled = on; SET pg_trickle.read_mode = exact")
    cursor.execute(read)  # what a session remembers of queries is not looked up again
    locking.autocommit = False
    locking.cursor().execute("ALTER VIEW shown ALTER id SET DEFAULT 1; ALTER VIEW shown_sheets ALTER id SET DEFAULT 1")
    waiting = threading.Thread(target=lambda: (cursor.execute(read), rows.append(cursor.fetchone()[0])))
    waiting.start()
    db.wait_for("SELECT count(*) FROM pg_locks WHERE relation::regclass::text LIKE 'shown%%' AND NOT granted", 1)
    for name in MAINTAINED:
        db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
    locking.rollback()
    waiting.join()
    reader.close()
    assert rows == [0], f"{read}: {rows}"


def empty_while_it_is_repaired():
    db.run("CREATE VIEW shown AS SELECT * FROM fleeting; CREATE VIEW shown_sheets AS SELECT * FROM sheets")
    for name, query in OVER_VIEW.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", name, query)
    set_for_all("pg_trickle.enabled", "off")
    for read in READS:
        db.run("SET pg_trickle.enabled = on")
        db.run("INSERT INTO fleeting SELECT i, i FROM generate_series(1, 20) i; INSERT INTO sheets SELECT i FROM generate_series(10, 20) i")
        for name in (*MAINTAINED, *OVER_VIEW):
            db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
        crash(kill_a_backend)
        db.run("SET pg_trickle.enabled = on")
        read_while_its_source_is_repaired(read)
    set_for_all("pg_trickle.enabled", "on")
    for name in OVER_VIEW:
        db.run(f"DROP FOREIGN TABLE {name}")
    check(0)


def whole_again_afterwards():
    db.run("INSERT INTO fleeting SELECT i, i FROM generate_series(1, 5) i; INSERT INTO sheets VALUES (15)")
    check(5)
    # Any session may have refreshed them first; stream tables without changes are not refreshed again.
    db.wait_for("SELECT count(*) FROM pgtrickle.get_refresh_history('rows', 20) WHERE action = 'DIFFERENTIAL' AND rows_inserted = 5", 1)


def empty_although_it_is_not_unlogged_any_more():
    """The manager does not look in between."""
    db.run("CREATE UNLOGGED TABLE saved (id int, v int); INSERT INTO saved SELECT i, i FROM generate_series(1, 9) i;"
           "CREATE TABLE parts (id int) PARTITION BY LIST (id); CREATE TABLE part_1 PARTITION OF parts FOR VALUES IN (1);"
           "CREATE UNLOGGED TABLE part_2 PARTITION OF parts FOR VALUES IN (2); CREATE UNLOGGED TABLE part_3 PARTITION OF parts FOR VALUES IN (3);"
           "INSERT INTO parts VALUES (1), (2), (3)")
    queries = {"of_saved": "SELECT v, count(*) AS n FROM saved GROUP BY v", "of_parts": "SELECT id FROM parts"}
    for name, query in queries.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", name, query)
    set_for_all("pg_trickle.enabled", "off")
    crash(kill_a_backend)
    db.run("ALTER TABLE saved SET LOGGED; ALTER TABLE parts DETACH PARTITION part_2; DROP TABLE part_3")
    set_for_all("pg_trickle.enabled", "on")
    for mode in "refresh", "exact":
        db.run(f"SET pg_trickle.read_mode = {mode}; SET pg_trickle.max_staleness = 0")
        assert db.value("SELECT count(*) FROM of_saved") == 0, mode
        assert db.value("SELECT count(*) FROM of_parts") == 1, mode
    db.run("RESET pg_trickle.read_mode; RESET pg_trickle.max_staleness")
    db.run("INSERT INTO saved VALUES (1, 1)")
    crash(kill_a_backend)
    assert db.value("SELECT count(*) FROM saved") == 1
    db.run("SELECT pgtrickle.refresh_stream_table('of_saved')")
    assert db.value("SELECT count(*) FROM of_saved") == 1


def emptied_by_an_immediate_stop():
    crash(stop_immediately)
    check(0)


def a_plain_restart_costs_nothing():
    db.run("INSERT INTO fleeting VALUES (1, 1)")
    check(1)
    crash(restart)
    check(1)
    assert db.value("SELECT count(*) FROM pgtrickle.get_refresh_history('rows', 1) WHERE action = 'REINITIALIZE'") == 0


try:
    run_cases([emptied_by_a_crash, empty_while_it_is_repaired, whole_again_afterwards,
               empty_although_it_is_not_unlogged_any_more, emptied_by_an_immediate_stop,
               a_plain_restart_costs_nothing])
finally:
    server.destroy()
