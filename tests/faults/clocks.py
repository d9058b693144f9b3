#!/usr/bin/python3 -B
"""Shows that a clock which is set back puts no refresh off, whatever was remembered of the time before."""

import os
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases, server_that_lacks  # noqa: E402: needs the path above

clock = Path(os.environ["SCRATCH"] + ".clock")
server = server_that_lacks({"CLOCK": clock})
db = Database(server.host)
db.run("SET pg_trickle.enabled = off")  # reads of this session request no refresh


def create(name, query):
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1s', 'DIFFERENTIAL')", name, query)


def is_refreshed(name, query):
    db.wait_for(f"SELECT NOT EXISTS (({query}) EXCEPT ALL TABLE {name}) AND NOT EXISTS (TABLE {name} EXCEPT ALL ({query}))", True)


def others_go_on():
    db.run("INSERT INTO beside VALUES (1)")
    is_refreshed("healthy", "SELECT count(*) AS n FROM beside")


def is_registered(name):
    path = Path(db.value("SHOW data_directory")) / "pg_trickle" / "catalog.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as catalog:
        return catalog.execute("SELECT count(*) FROM registry WHERE name = ?", (name,)).fetchone() == (1,)


def by_an_hour():
    db.run("CREATE TABLE beside (id int)")
    create("healthy", "SELECT count(*) AS n FROM beside")
    others_go_on()
    clock.write_text("-3600")
    others_go_on()
    create("made_in_the_past", "SELECT id FROM beside")
    deadline = time.monotonic() + 30
    while not is_registered("made_in_the_past"):
        assert time.monotonic() < deadline, "the catalog does not hear of it"
        time.sleep(0.05)
    os.kill(db.manager_pid(), signal.SIGTERM)
    others_go_on()
    clock.unlink()
    others_go_on()


def by_a_day_beside_failures():
    """Neither for the manager that has seen the clock go back, nor for the next one, which reads when to try again."""
    for is_killed in False, True:
        db.run("CREATE TABLE divisors (v int); INSERT INTO divisors VALUES (1)")
        create("quotients", "SELECT 6 / v AS q FROM divisors")
        is_refreshed("quotients", "SELECT 6 / v FROM divisors")
        clock.write_text("86400")
        db.run("UPDATE divisors SET v = 0")
        db.wait_for("SELECT consecutive_errors > 1 FROM pgtrickle.pgt_state WHERE relid = 'quotients'::regclass", True)
        if is_killed:
            os.kill(db.manager_pid(), signal.SIGTERM)
        clock.unlink()
        others_go_on()
        db.run("UPDATE divisors SET v = 2")
        is_refreshed("quotients", "SELECT 6 / v FROM divisors")
        db.run("DROP FOREIGN TABLE quotients; DROP TABLE divisors")


try:
    db.alter_system("SET pg_trickle.max_consecutive_errors = 1000")
    run_cases([by_an_hour, by_a_day_beside_failures])
finally:
    server.destroy()
    clock.unlink(missing_ok=True)
