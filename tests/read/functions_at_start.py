#!/usr/bin/python3 -B
"""Shows that a STABLE function by which PostgreSQL prunes partitions when a statement starts reads what it reads for each
row. Another session changes the source while one of the calls waits, one after the other."""

import sys
import threading
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

SETUP = """
CREATE TABLE current (v int); INSERT INTO current VALUES (1);
CREATE TABLE part (k int, x text) PARTITION BY LIST (k);
CREATE TABLE part_1 PARTITION OF part FOR VALUES IN (1);
CREATE TABLE part_2 PARTITION OF part FOR VALUES IN (2);
CREATE FUNCTION key() RETURNS int STABLE LANGUAGE plpgsql AS $$
  DECLARE n int := coalesce(nullif(current_setting('my.calls', true), ''), '0')::int + 1;
  BEGIN
    PERFORM set_config('my.calls', n::text, false);
    IF n = current_setting('my.waits_at')::int THEN PERFORM pg_advisory_lock_shared(1), pg_advisory_unlock_shared(1); END IF;
    RETURN (SELECT v FROM latest);
  END $$;
CREATE FUNCTION key_in_worker() RETURNS int STABLE PARALLEL SAFE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT v FROM latest); END';
CREATE FUNCTION failing() RETURNS int STABLE LANGUAGE plpgsql AS $$
  BEGIN RETURN (SELECT v / (v - v) FROM latest); END $$;
"""
LATEST = "SELECT max(v) AS v FROM current"
STATEMENTS = ("SELECT FROM part WHERE k = key()", "DELETE FROM part WHERE k = key()", "UPDATE part SET x = 'new' WHERE k = key()")
SETTINGS = ("plan_cache_mode = auto", "plan_cache_mode = force_generic_plan", "pg_trickle.read_mode = exact", "pg_trickle.max_staleness = 0")

db = Database()


def prepare(schedule):
    db.run("TRUNCATE part; INSERT INTO part VALUES (1, 'one'), (2, 'two'); DROP FOREIGN TABLE IF EXISTS latest")
    db.run("SELECT pgtrickle.create_stream_table('latest', %s, %s, 'DIFFERENTIAL')", LATEST, schedule)


def session(*settings):
    cursor = db.connect().cursor()
    for setting in ("client_min_messages = error", *settings):
        cursor.execute("SET " + setting)
    return cursor


def count_rows(cursor, counts):
    cursor.execute("EXECUTE counted")
    counts.append(cursor.rowcount)


def count_while_changed(cursor, waits_at):
    """Returns the number of rows of the statement, and whether the call was reached and the source changed there."""
    counts = []
    db.run("SELECT pg_advisory_lock(1)")
    cursor.execute(f"SET my.calls = 0; SET my.waits_at = {waits_at}")
    thread = threading.Thread(target=count_rows, args=(cursor, counts))
    thread.start()
    is_waiting = False
    while thread.is_alive() and not is_waiting:
        is_waiting = db.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") > 0
    if is_waiting:
        db.run("UPDATE current SET v = 3 - v; SELECT pgtrickle.refresh_stream_table('latest')")
    db.run("SELECT pg_advisory_unlock(1)")
    thread.join()
    return (counts or ["error"])[0], is_waiting


def partitions_are_pruned_by_what_is_read_for_each_row():
    wrong = []
    for schedule in "0s", "520w":
        for statement in STATEMENTS:
            for setting in SETTINGS:
                prepare(schedule)
                reader = session(setting)
                reader.execute("PREPARE counted AS " + statement)
                waits_at, is_reached = 0, True
                while is_reached and waits_at < 12:
                    waits_at += 1
                    db.run("TRUNCATE part; INSERT INTO part VALUES (1, 'one'), (2, 'two')")
                    count, is_reached = count_while_changed(reader, waits_at)
                    if count != 1:
                        wrong.append(f"{statement}, {schedule}, {setting}, call {waits_at}: {count}")
                assert waits_at > 2, "no call waited"
                reader.connection.close()
    assert not wrong, "\n".join(wrong)


def so_are_those_of_a_parallel_worker():
    prepare("520w")
    db.run("UPDATE current SET v = 3 - v")
    name = "force_parallel_mode" if db.session.server_version < 160000 else "debug_parallel_query"
    for setting in "pg_trickle.read_mode = exact", "pg_trickle.max_staleness = 0":
        reader = session(setting, f"{name} = on", "parallel_leader_participation = off")
        reader.execute("SELECT x FROM part WHERE k = key_in_worker()")
        rows = reader.fetchall()
        assert rows == [("two",)], (setting, rows)
        reader.connection.close()


def a_function_that_fails_there_leaves_nothing():
    prepare("0s")
    reader = session()
    reader.execute("BEGIN")
    for number in range(100):
        reader.execute("SAVEPOINT one")
        try:
            reader.execute("SELECT FROM part WHERE k = failing()")
            raise AssertionError("it did not fail")
        except psycopg2.errors.DivisionByZero:
            reader.execute("ROLLBACK TO one")
        db.run("UPDATE current SET v = %s", number)
        reader.execute("SELECT v FROM latest")
        assert reader.fetchone()[0] == number
    reader.connection.close()


try:
    db.run(SETUP)
    run_cases([partitions_are_pruned_by_what_is_read_for_each_row, so_are_those_of_a_parallel_worker,
               a_function_that_fails_there_leaves_nothing])
finally:
    db.drop()
