#!/usr/bin/python3 -B
"""Shows refreshes that wait for changes of their sources by other sessions."""

import sys
import threading
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
# The manager must not refresh in between.
db.run("SET pg_trickle.enabled = off")


def in_background(session, statement):
    """Runs the statement in a thread until the session waits for a lock; returns (thread, errors)."""
    faults = []

    def run():
        try:
            session.cursor().execute(statement)
        except psycopg2.Error as error:
            faults.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    db.wait_for(f"SELECT count(*) > 0 FROM pg_locks WHERE pid = {session.info.backend_pid} AND NOT granted", True)
    return thread, faults


def columns_that_change_names_while_it_waits():
    db.run("CREATE TABLE pair (id int PRIMARY KEY, a int, b int)")
    db.run("CREATE TABLE fact (id int PRIMARY KEY, pair int)")
    db.run("CREATE INDEX ON fact (pair)")
    db.run("INSERT INTO pair VALUES (1, 10, 20)")
    db.run("SELECT pgtrickle.create_stream_table('joined', "
           "'SELECT f.id, p.a FROM fact f JOIN pair p ON p.id = f.pair', '520w', 'DIFFERENTIAL')")
    refresher = db.connect()
    refresher.cursor().execute("INSERT INTO fact VALUES (1, 1)")
    refresher.cursor().execute("SELECT pgtrickle.refresh_stream_table('joined')")
    refresher.cursor().execute("INSERT INTO fact VALUES (2, 1)")
    db.run("BEGIN")
    db.run("ALTER TABLE pair RENAME COLUMN a TO c")
    db.run("ALTER TABLE pair RENAME COLUMN b TO a")
    db.run("ALTER TABLE pair RENAME COLUMN c TO b")
    thread, faults = in_background(refresher, "SELECT pgtrickle.refresh_stream_table('joined')")
    db.run("COMMIT")
    thread.join()
    assert not faults, faults
    refresher.cursor().execute("INSERT INTO pair VALUES (2, 40, 30)")
    refresher.cursor().execute("INSERT INTO fact VALUES (3, 2)")
    refresher.cursor().execute("SELECT pgtrickle.refresh_stream_table('joined')")
    refresher.close()
    found = db.run("TABLE joined ORDER BY id")
    assert found == [(1, 10), (2, 10), (3, 40)], found


def a_source_that_its_owner_may_not_read_is_not_locked():
    role = db.name + "_owner"
    db.run(f"CREATE ROLE {role}")
    db.run(f"GRANT USAGE ON FOREIGN SERVER pgtrickle TO {role}")
    db.run(f"GRANT CREATE ON SCHEMA public TO {role}")
    db.run("CREATE TABLE secret (id int PRIMARY KEY)")
    intruder = db.connect()
    intruder.cursor().execute(f"SET ROLE {role}")
    intruder.cursor().execute("SET client_min_messages = error")
    for name, mode in (("faked", "DIFFERENTIAL"), ("faked_in_full", "FULL")):
        # As pg_restore writes it: no privileges are checked yet.
        intruder.cursor().execute(
            f"CREATE FOREIGN TABLE {name} (id int) SERVER pgtrickle OPTIONS (query 'SELECT id FROM public.secret', "
            f"original_query 'SELECT 1', refresh_mode '{mode}')")
        db.run("BEGIN")
        db.run("LOCK TABLE secret IN ROW EXCLUSIVE MODE")  # the lock of a writer
        intruder.cursor().execute("SET lock_timeout = '200ms'")
        try:
            intruder.cursor().execute(f"SELECT pgtrickle.refresh_stream_table('{name}')")
            raise AssertionError("refreshed")
        except psycopg2.Error as error:
            assert error.pgcode == "42501", error
        finally:
            db.run("COMMIT")
    intruder.close()
    db.run(f"DROP OWNED BY {role}")
    db.run(f"DROP ROLE {role}")


try:
    run_cases([columns_that_change_names_while_it_waits, a_source_that_its_owner_may_not_read_is_not_locked])
finally:
    db.drop()
