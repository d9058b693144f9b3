#!/usr/bin/python3 -B
"""Shows that only alerts fail while NOTIFY's queue is full because a listening session has a long
transaction, and that conditions which last are reported once there is room."""

import json
import os
import select
import signal
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, compile_library, run_cases  # noqa: E402: needs the path above

library = Path(os.environ["SCRATCH"] + ".lack.so")


def start_server():
    """Starts a server whose queue has room for 8 GB, which the disk need not have: no process reads it."""
    compile_library("tests/faults/lacking_resources.c", library)
    os.environ.update(LD_PRELOAD=str(library), DISCARDED="/pg_notify/")
    try:
        return Server()
    finally:
        del os.environ["LD_PRELOAD"], os.environ["DISCARDED"]


server = start_server()
db = Database(server.host)
db.run(f"ALTER DATABASE {db.name} SET pg_trickle.stale_alert_after = 1")
db.run("SET pg_trickle.enabled = off")
blocker = db.connect()


def create(name, query):
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, 'calculated')", name, query)


def fill():
    """Fills the queue, a page for each notification."""
    for statement in "LISTEN something", "BEGIN", "SELECT 1":
        blocker.cursor().execute(statement)
    for count in 10000, 1:
        try:
            while True:
                db.run(f"SELECT count(pg_notify('nobody', i || repeat('x', 4100))) FROM generate_series(1, {count}) i")
        except psycopg2.Error as error:
            assert "too many notifications" in str(error), error


def the_queue_is_full():
    db.run("CREATE TABLE source (id int PRIMARY KEY, v int)")
    db.run("INSERT INTO source VALUES (1, 1)")
    create("shares", "SELECT id, 1 / v AS v FROM source")
    create("sums", "SELECT sum(v) AS v FROM source")
    db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager' "
                "AND datname = current_database()", 1)
    fill()


def failures_are_counted_and_suspend():
    db.run("UPDATE source SET v = 0")
    status = "SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'shares'"
    db.wait_for(status, "SUSPENDED")
    assert db.value("SELECT v::int FROM sums") == 0, "the others go on"


def a_suspended_stream_table_can_be_resumed():
    db.run("UPDATE source SET v = 1")
    db.run("SELECT pgtrickle.resume_stream_table('shares')")
    db.wait_for("SELECT v FROM shares", 1)


def a_stream_table_that_must_start_over_does():
    db.run("ALTER TABLE source DISABLE TRIGGER ALL")
    db.run("INSERT INTO source VALUES (3, 1)")
    db.run("ALTER TABLE source ENABLE TRIGGER ALL")
    db.run("INSERT INTO source VALUES (4, 1)")
    db.wait_for("SELECT v::int FROM sums", 3)


def stop_manager():
    """Stops the manager while it waits: elsewhere it may hold locks that other processes need."""
    manager = db.manager_pid()
    deadline = time.monotonic() + 30
    while True:
        os.kill(manager, signal.SIGSTOP)
        time.sleep(0.01)
        if db.value("SELECT wait_event FROM pg_stat_activity WHERE pid = %s", manager) == "Extension":
            return manager
        os.kill(manager, signal.SIGCONT)
        assert time.monotonic() < deadline, "the manager does not wait"


def an_alert_that_still_applies_is_sent_when_there_is_room():
    db.run("SELECT pgtrickle.gate_source('source')")
    with open(server.folder / "server.log", errors="replace") as log:
        log.seek(0, os.SEEK_END)
        db.run("INSERT INTO source VALUES (5, 1)")
        deadline = time.monotonic() + 30
        while "stale_data" not in log.read():
            assert time.monotonic() < deadline, "no stale_data alert was raised"
            time.sleep(0.1)
    manager = stop_manager()
    try:  # the alert is sent once, as soon as there is room, and not before a session listens
        blocker.close()
        db.wait_for("SELECT pg_notification_queue_usage()", 0)
        listener = db.connect()
        listener.cursor().execute("LISTEN pg_trickle_alert")
    finally:
        os.kill(manager, signal.SIGCONT)
    heard = set()
    deadline = time.monotonic() + 30
    while not {("stale_data", "sums"), ("stale_data", "shares")} <= heard:
        assert time.monotonic() < deadline, heard
        if select.select([listener], [], [], 0.1)[0]:
            listener.poll()
        while listener.notifies:
            alert = json.loads(listener.notifies.pop(0).payload)
            heard.add((alert["event"], alert["pgt_name"]))
    listener.close()


try:
    run_cases([the_queue_is_full, failures_are_counted_and_suspend, a_suspended_stream_table_can_be_resumed, a_stream_table_that_must_start_over_does,
               an_alert_that_still_applies_is_sent_when_there_is_room])
finally:
    server.destroy()
    library.unlink(missing_ok=True)
