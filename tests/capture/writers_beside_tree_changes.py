#!/usr/bin/python3 -B
"""Shows that writers of a tree which is changed meanwhile do not fail, and that their rows are captured once."""

import sys
import threading
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
PARTITIONS, SESSIONS, LOCK = 200, 150, 7


def partitions_come_and_go_beside_first_writes():
    """Each session finds, with its first write, the sources below the tree's root, of which it locks none."""
    db.run("CREATE TABLE root (k int, v int) PARTITION BY RANGE (k); CREATE TABLE written PARTITION OF root FOR VALUES FROM (0) TO (10);"
           "CREATE TABLE middle PARTITION OF root FOR VALUES FROM (10) TO (100000) PARTITION BY RANGE (k);"
           "CREATE TABLE others PARTITION OF middle DEFAULT;"
           f"DO $$ BEGIN FOR i IN 1..{PARTITIONS} LOOP EXECUTE format('CREATE TABLE m%s PARTITION OF middle FOR VALUES FROM (%s) TO (%s)', "
           "i, i * 20, i * 20 + 10); END LOOP; END $$")
    db.run("SELECT pgtrickle.create_stream_table('sums', 'SELECT sum(v) AS v, count(*) AS n FROM others', '520w', 'DIFFERENTIAL')")
    has_ended, faults = threading.Event(), []

    def change():
        cursor, number = db.connect().cursor(), 0
        while not has_ended.is_set():
            number += 1
            try:
                cursor.execute(f"CREATE TABLE x{number} (k int, v int)")
                cursor.execute(f"ALTER TABLE middle ATTACH PARTITION x{number} FOR VALUES FROM (90000) TO (90010)")
                cursor.execute(f"DROP TABLE x{number}")
            except psycopg2.Error as error:
                faults.append(error)
                return

    changing = threading.Thread(target=change)
    changing.start()
    try:
        for number in range(SESSIONS):
            writer = db.connect()
            writer.cursor().execute("INSERT INTO root VALUES (1, 1), (15, %s)", (number,))
            writer.close()
    finally:
        has_ended.set()
        changing.join()
    assert not faults, faults
    db.run("SELECT pgtrickle.refresh_stream_table('sums')")
    assert db.run("TABLE sums") == db.run("SELECT sum(v), count(*) FROM others") == [(sum(range(SESSIONS)), SESSIONS)], db.run("TABLE sums")


def a_child_leaves_two_parents_at_once():
    """In the midst of an INSERT into one of them, which a trigger of the user's holds up: rows would be captured by row triggers
    first, and by the statement's afterwards."""
    for leave in "NO INHERIT p1, NO INHERIT p2", "NO INHERIT p2, NO INHERIT p1", "NO INHERIT p2":
        db.run("CREATE TABLE p1 (n int); CREATE TABLE p2 (n int); CREATE TABLE c () INHERITS (p1, p2);"
               f"CREATE OR REPLACE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.n = 2 THEN PERFORM "
               f"pg_advisory_xact_lock_shared({LOCK}); LOCK TABLE p2 IN ACCESS SHARE MODE; END IF; RETURN NULL; END $$;"
               "CREATE TRIGGER a_slow AFTER INSERT ON p1 FOR EACH ROW EXECUTE FUNCTION slow()")
        db.run("SELECT pgtrickle.create_stream_table('kept', 'SELECT sum(n) AS n, count(*) AS k FROM p1', '520w', 'DIFFERENTIAL')")
        db.run("SELECT pg_advisory_lock(%s)", LOCK)
        writing = threading.Thread(target=db.connect().cursor().execute, args=("INSERT INTO p1 VALUES (1), (2), (4)",))
        writing.start()
        db.wait_for("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", 1)
        leaving = threading.Thread(target=db.connect().cursor().execute, args=("ALTER TABLE c " + leave,))
        leaving.start()
        db.wait_for("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'relation' AND NOT granted) "
                    "OR (SELECT count(*) FROM pg_inherits WHERE inhrelid = 'c'::regclass) < 2", True)
        db.run("SELECT pg_advisory_unlock(%s)", LOCK)
        writing.join()
        leaving.join()
        db.run("SELECT pgtrickle.refresh_stream_table('kept')")
        assert db.run("TABLE kept") == db.run("SELECT sum(n), count(*) FROM p1") == [(7, 3)], (leave, db.run("TABLE kept"))
        db.run("DROP FOREIGN TABLE kept; DROP TABLE c, p1, p2")


try:
    run_cases([partitions_come_and_go_beside_first_writes, a_child_leaves_two_parents_at_once])
finally:
    db.drop()
