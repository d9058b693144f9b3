#!/usr/bin/python3 -B
"""Compares exact reads with the query while others replace what both read: partitions, inheritance, functions, capture.
The other transaction commits while the reader's statement is planned again, in a function that the reader's WHERE calls, or
between the snapshot of the reader's transaction and its statement."""

import sys
import threading
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
LEVELS = ("READ COMMITTED", "REPEATABLE READ")
SOURCES = """
DROP SCHEMA IF EXISTS s CASCADE; CREATE SCHEMA s; SET search_path = s, public;
CREATE TABLE t (id int PRIMARY KEY, v int); CREATE INDEX ON t (v);
CREATE TABLE p (id int, v int) PARTITION BY RANGE (id); CREATE INDEX ON p (v);
CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (100);
CREATE TABLE p2 (id int, v int); CREATE INDEX ON p2 (v);
CREATE TABLE i (id int, v int); CREATE INDEX ON i (v);
CREATE TABLE i2 (id int, v int);
CREATE FUNCTION f(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
INSERT INTO t SELECT g, g % 7 FROM generate_series(1, 70) g;
INSERT INTO p SELECT * FROM t; INSERT INTO i SELECT * FROM t;
INSERT INTO p2 VALUES (150, 1), (151, 2); INSERT INTO i2 TABLE p2;
"""
QUERIES = {
    "of_partitions": "SELECT v, id FROM p", "of_children": "SELECT v, id FROM i", "with_table": "SELECT id FROM p UNION ALL SELECT id FROM t",
    "grouped": "SELECT v, sum(f(id)) AS total FROM t GROUP BY v", "computed": "SELECT id, f(v) AS v FROM t", "plain": "SELECT id, v FROM t",
}
PENDING = "INSERT INTO p VALUES (80, 1); INSERT INTO i VALUES (80, 1); INSERT INTO t VALUES (80, 1); DELETE FROM t WHERE id = 7"
CHANGES = [
    "ALTER TABLE p ATTACH PARTITION p2 FOR VALUES FROM (100) TO (200)",
    "ALTER TABLE i2 INHERIT i",
    "CREATE OR REPLACE FUNCTION f(a int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 100'",
    "SELECT pgtrickle.stop_capture('t'); INSERT INTO t VALUES (90, 1); DELETE FROM t WHERE id = 8",
]


def set_up():
    db.run("""CREATE FUNCTION pause(call int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
              DECLARE n int := coalesce(nullif(current_setting('my.calls', true), ''), '0')::int + 1;
              BEGIN
                PERFORM set_config('my.calls', n::text, false);
                IF n = current_setting('my.waits_at')::int THEN PERFORM pg_advisory_lock_shared(1); PERFORM pg_advisory_unlock_shared(1); END IF;
                RETURN call;
              END $$""")


def prepare():
    db.run("SET client_min_messages = error")
    db.run(SOURCES)
    for name, query in QUERIES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", name, query)
    db.run(PENDING)


def session(*settings):
    cursor = db.connect().cursor()
    for setting in ("search_path = s, public", "client_min_messages = error", *settings):
        cursor.execute("SET " + setting)
    return cursor


def different(name):
    """Counts rows of the stream table that are not in the answer of its query, and the other way round."""
    query = QUERIES[name]
    return f"(SELECT count(*) FROM ((TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})) d)"


def read(cursor, level, statement, answers):
    try:
        cursor.execute("BEGIN ISOLATION LEVEL " + level)
        cursor.execute(statement)
        answers.append(cursor.fetchone())
    except psycopg2.errors.SerializationFailure:
        answers.append(None)  # a retry would see one state
    cursor.execute("ROLLBACK")


def totals(name):
    """In one scan: of the rows that may be read from the stored ones, and of the others."""
    return f"(SELECT ROW(count(*), count(*) FILTER (WHERE v = 1), sum(v) FILTER (WHERE v <> 1))::text FROM {name})"


def of_states(query, changes):
    """The answers of the query before the changes and after them."""
    before = db.value(f"SELECT {totals(f'({query}) q')}")
    db.run(changes)
    return {before, db.value(f"SELECT {totals(f'({query}) q')}")}


def while_it_is_planned():
    """Each call of pause() in planning is tried, until one is not reached."""
    for level in LEVELS:
        for changes in CHANGES[:3]:
            for name in ("of_partitions", "of_children", "computed"):
                for waits_at in range(1, 6):
                    prepare()
                    reader, other, answers = session("pg_trickle.read_mode = exact", f"my.waits_at = {waits_at}"), session(), []
                    db.run("SELECT pg_advisory_lock(1)")
                    statement = f"SELECT (SELECT 1 WHERE pause(1) = 1), {totals(name)}"
                    thread = threading.Thread(target=read, args=(reader, level, statement, answers))
                    thread.start()
                    is_waiting = 0
                    while thread.is_alive() and not is_waiting:
                        is_waiting = db.value("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                    states = None
                    if is_waiting:
                        other.execute("SET lock_timeout = '2s'")
                        db.run("SET search_path = s, public")
                        states = of_states(QUERIES[name], changes)
                    db.run("SELECT pg_advisory_unlock(1)")
                    thread.join()
                    reader.connection.close()
                    other.connection.close()
                    if not is_waiting:
                        break
                    assert answers[0] is None or answers[0][1] in states, f"{name}, {level}, {changes}, call {waits_at}: {answers} of {states}"


def since_the_snapshot():
    for changes in CHANGES:
        for settings in ("pg_trickle.read_mode = exact",), ("pg_trickle.max_staleness = 0", "pg_trickle.on_stale = error"):
            for level in LEVELS:
                prepare()
                reader = session(*settings)
                for name in QUERIES:  # what a session remembers must not be wrong
                    reader.execute(f"SELECT count(*) FROM {name}")
                db.run("INSERT INTO p VALUES (81, 1); INSERT INTO i VALUES (81, 1); INSERT INTO t VALUES (81, 1); DELETE FROM t WHERE id = 9")
                reader.execute("BEGIN ISOLATION LEVEL " + level)
                reader.execute("SELECT 1")
                db.run(changes)
                for name in QUERIES:
                    reader.execute("SAVEPOINT one")
                    try:
                        reader.execute("SELECT " + different(name))
                        off = reader.fetchone()[0]
                        assert off == 0, f"{name} differs in {off} rows after {changes}, {level}, {settings}"
                    except (psycopg2.errors.SerializationFailure, psycopg2.errors.ObjectNotInPrerequisiteState):
                        pass
                    reader.execute("ROLLBACK TO one")
                reader.connection.close()


def look_ups_after_the_end_of_the_capture():
    prepare()
    db.run("CREATE INDEX ON plain (id)")
    for settings in ("pg_trickle.read_mode = exact",), ("pg_trickle.max_staleness = 0", "pg_trickle.on_stale = error"):
        db.run("SELECT pgtrickle.refresh_stream_table('plain')")
        reader = session(*settings)
        reader.execute("SELECT count(*) FROM plain WHERE id = 4")
        db.run("SELECT pgtrickle.stop_capture('t')")
        db.run("DELETE FROM t WHERE id = 300; INSERT INTO t VALUES (300, 1); DELETE FROM t WHERE id = (SELECT max(id) FROM t WHERE id < 60)")
        for condition in ("id = 300", "id > 0", "id = 60", "id IN (58, 59, 60)"):
            reader.execute(f"SELECT (SELECT count(*) FROM plain WHERE {condition}) - (SELECT count(*) FROM t WHERE {condition})")
            assert reader.fetchone()[0] == 0, f"{condition}, {settings}"
        reader.connection.close()
        db.run("SELECT pgtrickle.allow_capture('t')")


def beside_running_subtransactions():
    """A snapshot has no list of them if a transaction has more than PostgreSQL keeps of each."""
    prepare()
    writers = [session() for _ in range(5)]  # the first and the last in the list of processes have few
    for number, writer in enumerate(writers):
        writer.execute(f"""
          BEGIN; DO $$ BEGIN
            FOR i IN 1..{(3, 100)[number % 2]} LOOP
              BEGIN INSERT INTO t VALUES ({1000 * (number + 1)} + i, 1); EXCEPTION WHEN division_by_zero THEN NULL; END;
            END LOOP; END $$""")
    db.run("INSERT INTO t VALUES (82, 1)")  # a snapshot lists transactions that are older than the last one that has ended
    reader = session("pg_trickle.read_mode = exact")
    for level in "READ COMMITTED", "REPEATABLE READ":
        reader.execute("BEGIN ISOLATION LEVEL " + level)
        for name in QUERIES:
            reader.execute("SELECT " + different(name))
            assert reader.fetchone()[0] == 0, (name, level)
        reader.execute("COMMIT")
    for cursor in (*writers, reader):
        cursor.connection.close()


try:
    set_up()
    run_cases([beside_running_subtransactions, since_the_snapshot, look_ups_after_the_end_of_the_capture, while_it_is_planned])
finally:
    db.drop()
