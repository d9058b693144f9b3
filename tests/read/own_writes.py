#!/usr/bin/python3 -B
"""Shows that a session that has read its own writes exactly sees them in all later reads, whatever ends the transaction
that has written them, and whatever the schedule of the stream table."""

import itertools
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
db.run("CREATE TABLE item (id serial PRIMARY KEY, v int DEFAULT 0)")
db.run("SELECT pgtrickle.create_stream_table('items', 'SELECT id, v FROM item', '520w')")
db.run("SELECT pgtrickle.create_stream_table('item_count', 'SELECT count(*) AS n FROM items', '520w')")
db.run("CREATE FUNCTION counted() RETURNS bigint LANGUAGE plpgsql VOLATILE AS 'BEGIN RETURN (SELECT n FROM item_count); END'")
db.run("CREATE FUNCTION counted_stably() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN RETURN (SELECT n FROM item_count); END'")

LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
# Statements that write a row, the last of which may return what was read meanwhile.
WRITES = ("INSERT INTO item DEFAULT VALUES", "SAVEPOINT s; INSERT INTO item DEFAULT VALUES; RELEASE s",
          "SAVEPOINT s; INSERT INTO item DEFAULT VALUES; ROLLBACK TO s; INSERT INTO item DEFAULT VALUES")
EXACTLY = "SET LOCAL pg_trickle.read_mode = exact"
WAYS = (EXACTLY, "SET LOCAL pg_trickle.max_staleness = 0")
READS = ("SELECT count(*) FROM items", "SELECT n FROM item_count", "SELECT counted()", "SELECT counted_stably()")


def new_session():
    session = db.connect()
    cursor = session.cursor()
    cursor.execute("SET pg_trickle.on_stale = error")
    return session, cursor


def value(cursor, statement):
    cursor.execute(statement)
    return cursor.fetchone()[0]


def each():
    """Begins a transaction in each way that writes, and reads exactly what it has written."""
    for level, write, way, read in itertools.product(LEVELS, WRITES, WAYS, READS):
        session, cursor = new_session()
        cursor.execute(f"BEGIN ISOLATION LEVEL {level}; SELECT count(*) FROM item; {write}; {way}")
        found = value(cursor, read)
        rows = value(cursor, "SELECT count(*) FROM item")
        assert found == rows, (level, write, way, read, found, rows)
        yield cursor, read, found, (level, write, way, read)
        session.close()


def after_the_commit():
    for number, (cursor, read, found, how) in enumerate(each()):
        cursor.execute("COMMIT; BEGIN ISOLATION LEVEL " + LEVELS[number % 3])
        later = value(cursor, read)
        assert later == found, (how, found, later)


def within_the_transaction():
    for cursor, read, found, how in each():
        cursor.execute("SET LOCAL pg_trickle.read_mode = refresh; SET LOCAL pg_trickle.max_staleness = -1")
        later = value(cursor, read)
        assert later == found, (how, found, later)


def also_a_read_within_the_statement_that_writes():
    for read in ("counted()", "counted_stably()"):
        session, cursor = new_session()
        cursor.execute(f"BEGIN; {EXACTLY}")
        found = value(cursor, f"INSERT INTO item DEFAULT VALUES RETURNING {read}")
        cursor.execute("COMMIT")
        later = value(cursor, "SELECT n FROM item_count")
        assert later >= found, (read, found, later)
        session.close()


def a_rollback_ends_it():
    for cursor, read, found, how in each():
        cursor.execute("ROLLBACK")
        later = value(cursor, read)
        assert later == found - 1, (how, found, later)


def an_error_that_a_function_catches_forgets_nothing():
    db.run("CREATE FUNCTION catching() RETURNS bigint LANGUAGE plpgsql AS "
           "'BEGIN PERFORM 1 / (SELECT count(*) - count(*) FROM item); RETURN 0; EXCEPTION WHEN division_by_zero THEN RETURN 0; END'")
    session, cursor = new_session()
    for level in LEVELS:
        cursor.execute(f"BEGIN ISOLATION LEVEL {level}; INSERT INTO item DEFAULT VALUES; {EXACTLY}")
        found = value(cursor, "SELECT count(*) + max(catching()) FROM items")
        cursor.execute("COMMIT")
        assert value(cursor, "SELECT count(*) FROM items") == found, level
    session.close()


def a_read_that_fails_counts_for_nothing():
    """Later reads by schedule do not require what it would have shown."""
    db.run("CREATE TABLE divisor (n int); INSERT INTO divisor VALUES (5)")
    db.run("SELECT pgtrickle.create_stream_table('ratio', 'SELECT 10 / n AS n FROM divisor', '520w')")
    db.run("INSERT INTO divisor VALUES (0)")
    for way, begin, undo in itertools.product(("SET pg_trickle.read_mode = exact", "SET pg_trickle.max_staleness = 0"), LEVELS, (True, False)):
        session, cursor = new_session()
        cursor.execute(f"BEGIN ISOLATION LEVEL {begin}; SELECT 1 FROM item; SAVEPOINT s; {way}")
        try:
            raise AssertionError(value(cursor, "SELECT sum(n) FROM ratio"))
        except psycopg2.Error:
            cursor.execute("ROLLBACK TO s" if undo else "ROLLBACK; BEGIN")
        found = value(cursor, "SELECT sum(n) FROM ratio")
        assert found == 2, (way, begin, undo, found)
        cursor.execute("COMMIT")
        assert value(cursor, "SELECT sum(n) FROM ratio") == 2
        session.close()


try:
    run_cases([after_the_commit, within_the_transaction, also_a_read_within_the_statement_that_writes, a_rollback_ends_it,
               an_error_that_a_function_catches_forgets_nothing, a_read_that_fails_counts_for_nothing])
finally:
    db.drop()
