#!/usr/bin/python3 -B
"""Shows that a manager waits for the worker of the manager before it to exit, where there is room for one worker. If it
stood in at once, it would begin an endless refresh, and the worker that it can start afterwards another one of that owner:
a stream table of another owner would wait for half a minute, and for another manager then."""

import os
import signal
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

server = Server()
ENDLESS = ("SELECT pid FROM pg_stat_activity WHERE backend_type IN ('pg_trickle manager', 'pg_trickle refresh worker') "
           "AND state = 'active' AND query LIKE 'refresh of %endless%'")


def create(db, owner, name, query, is_filled):
    db.run(f"SET ROLE {owner}; CREATE TABLE {name}_source (id int PRIMARY KEY); INSERT INTO {name}_source VALUES (1)")
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1s', 'FULL', %s)", name, query, is_filled)
    db.run("RESET ROLE")


def await_refresh_of_all(db):
    db.run("INSERT INTO healthy_source SELECT max(id) + 1 FROM healthy_source")
    db.wait_for("SELECT (SELECT count(*) FROM healthy) = (SELECT count(*) FROM healthy_source)", True, 25)


def a_manager_waits_for_the_worker_of_the_one_before_to_exit():
    server.restart(max_worker_processes=4)
    db = Database(server.host)
    db.run("SET pg_trickle.enabled = off")
    db.let_own_stream_tables("room_healthy", "room_endless")
    create(db, "room_healthy", "healthy", "SELECT id FROM healthy_source", True)
    await_refresh_of_all(db)
    for name in "endless0", "endless1", "endless2":
        create(db, "room_endless", name, f"SELECT id, pg_sleep(3600)::text AS z FROM {name}_source", False)
    db.wait_for(f"SELECT count(*) FROM ({ENDLESS}) e", 1, 90)
    manager, worker = db.await_manager(), db.value(ENDLESS)
    assert manager != worker
    os.kill(worker, signal.SIGSTOP)
    try:
        db.run("SELECT pg_terminate_backend(%s)", manager)
        db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager' AND pid <> {manager} "
                    "AND datname = current_database()", 1)
        time.sleep(0.3)  # within which it would stand in
    finally:
        os.kill(worker, signal.SIGCONT)
    await_refresh_of_all(db)
    await_refresh_of_all(db)
    db.drop()


try:
    run_cases([a_manager_waits_for_the_worker_of_the_one_before_to_exit])
finally:
    server.destroy()
