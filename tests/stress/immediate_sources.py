#!/usr/bin/python3 -B
"""Shows that reads of stream tables in mode IMMEDIATE are right at once, however the sources are written to.

As immediate.py, but the sources write to each other: foreign keys that cascade, checked at once or at the commit, row
triggers, deferred ones, views that can be written to, partitions that are attached, detached and truncated, upserts on few
keys, and transactions that are prepared. Some of that is left to the manager, so that it is pending when it is read.

DURATION_S is the duration; SEED repeats the choices.
"""

import os
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from beside_writers import Run  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

DURATION_S = float(os.environ.get("DURATION_S", 15))
WRITERS, READERS, KEYS = 5, 2, 8
LEVELS = ["READ COMMITTED"] * 3 + ["REPEATABLE READ", "SERIALIZABLE"]
EXPECTED = (psycopg2.errors.SerializationFailure, psycopg2.errors.DeadlockDetected, psycopg2.errors.IntegrityError,
            psycopg2.errors.LockNotAvailable)
OF_DEFINITIONS = (psycopg2.errors.UndefinedTable, psycopg2.errors.WrongObjectType, psycopg2.errors.InvalidTableDefinition,
                  psycopg2.errors.InvalidObjectDefinition, psycopg2.errors.ObjectInUse)
MEETS_DEFINITIONS = (psycopg2.errors.ObjectNotInPrerequisiteState, psycopg2.errors.SnapshotTooOld)
SCHEMA = """
CREATE TABLE client (id int PRIMARY KEY, boss int REFERENCES client ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED, name text);
CREATE TABLE orders (id int PRIMARY KEY, client int REFERENCES client ON DELETE CASCADE ON UPDATE CASCADE, total int);
CREATE TABLE line (id bigserial, orders int REFERENCES orders ON DELETE CASCADE DEFERRABLE, n int, price int);
CREATE TABLE part (k int, at int, v int) PARTITION BY RANGE (at);
CREATE TABLE part_0 PARTITION OF part FOR VALUES FROM (0) TO (10);
CREATE TABLE part_1 PARTITION OF part FOR VALUES FROM (10) TO (20);
CREATE TABLE part_2 (k int, at int, v int);
CREATE TABLE hot (k int PRIMARY KEY, v int, seen int DEFAULT 0);
CREATE VIEW cheap AS SELECT id, orders, n, price FROM line WHERE price < 5;
CREATE INDEX ON line (orders); CREATE INDEX ON orders (client);
CREATE FUNCTION sums_up() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  UPDATE orders SET total = total + 1 WHERE id = coalesce(new.orders, old.orders); RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER later AFTER INSERT OR DELETE ON line DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION sums_up();
CREATE FUNCTION counts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.seen = new.seen + 1; RETURN new; END $$;
CREATE TRIGGER counts BEFORE UPDATE ON hot FOR EACH ROW EXECUTE FUNCTION counts();
"""
QUERIES = {
    "of_client": "SELECT c.id, c.name, count(l.id) AS n, sum(l.n * l.price) AS s FROM client c LEFT JOIN orders o ON o.client = c.id LEFT JOIN line l ON l.orders = o.id GROUP BY c.id, c.name",
    "bosses": "SELECT b.id, count(*) AS n FROM client c JOIN client b ON b.id = c.boss GROUP BY b.id",
    "totals": "SELECT client, sum(total) AS s, max(total) AS m FROM orders GROUP BY client",
    "cheap_ones": "SELECT orders, array_agg(price ORDER BY price) AS p FROM cheap GROUP BY orders",
    "parts": "SELECT p.k, count(*) AS n, sum(p.v + h.v) AS s FROM part p JOIN hot h ON h.k = p.k GROUP BY p.k",
    "first": "SELECT at, k, v FROM part ORDER BY v DESC, at, k LIMIT 4",
    "hottest": "SELECT k, v, seen FROM hot WHERE v >= (SELECT avg(v) FROM hot)",
    "without": "SELECT k FROM hot EXCEPT SELECT k FROM part",
    "over": "SELECT n, count(*) AS clients, sum(s) AS s FROM of_client GROUP BY n",
    "joined": "SELECT t.client, t.s, o.n FROM totals t FULL JOIN of_client o ON o.id = t.client",
}
run = Run(QUERIES)


def statement(chooser):
    a, b, v = chooser.randrange(KEYS), chooser.randrange(KEYS), chooser.randrange(20)
    return chooser.choice([
        f"INSERT INTO client VALUES ({a}, {b}, 'c{v}') ON CONFLICT (id) DO UPDATE SET boss = excluded.boss",
        f"DELETE FROM client WHERE id = {a}",
        f"UPDATE client SET name = 'c{v}' WHERE id < {a}",
        f"UPDATE client SET id = id + {KEYS} WHERE id = {a}",
        f"INSERT INTO orders SELECT {v}, id, 0 FROM client WHERE id = {a} ON CONFLICT (id) DO UPDATE SET client = excluded.client",
        f"DELETE FROM orders WHERE id = {v}",
        f"INSERT INTO line (orders, n, price) SELECT id, {a}, {b} FROM orders WHERE client = {a}",
        f"DELETE FROM line WHERE orders = {v}",
        f"INSERT INTO cheap (orders, n, price) SELECT id, {a}, {v % 5} FROM orders WHERE id = {v}",
        f"UPDATE cheap SET price = price + 1 WHERE orders = {v}",
        f"DELETE FROM cheap WHERE price = {a}",
        f"INSERT INTO part SELECT {a}, i, {v} FROM generate_series({v}, 19, 3) i",
        f"UPDATE part SET at = (at + 7) % 20 WHERE k = {a}",
        f"DELETE FROM part WHERE k = {a} OR v < {b}",
        f"UPDATE part_1 SET v = v + 1 WHERE k = {a}",
        f"INSERT INTO hot VALUES ({a}, {v}), ({b + KEYS}, {v}) ON CONFLICT (k) DO UPDATE SET v = hot.v + 1",
        f"INSERT INTO hot VALUES ({a}, {v}) ON CONFLICT (k) DO UPDATE SET v = 0 WHERE hot.v > 9",
        f"UPDATE hot SET v = v + 1 WHERE k = {a % 2}",
        f"DELETE FROM hot WHERE k = {a}",
        f"MERGE INTO hot USING (SELECT k, sum(v) AS v FROM part GROUP BY k) p ON p.k = hot.k WHEN MATCHED AND hot.v > p.v THEN DELETE WHEN MATCHED THEN UPDATE SET v = hot.v + 1 WHEN NOT MATCHED THEN INSERT VALUES (p.k, 1)",
        "SET CONSTRAINTS ALL IMMEDIATE",
    ])


def definition_change(chooser):
    return chooser.choice(["ALTER TABLE part ATTACH PARTITION part_2 FOR VALUES FROM (20) TO (30)", "ALTER TABLE part DETACH PARTITION part_2",
                           "TRUNCATE part_1", "INSERT INTO part_2 VALUES (1, 25, 30)", "TRUNCATE line"])


def write(cursor, chooser, number):
    """One transaction; returns how it ended."""
    if chooser.random() < 0.3:
        cursor.execute(statement(chooser))
        return "autocommit"
    level = chooser.choice(LEVELS)
    cursor.execute("BEGIN ISOLATION LEVEL " + level)
    for _ in range(chooser.randrange(1, 4)):
        one = statement(chooser)
        if chooser.random() < 0.02:
            one = definition_change(chooser)
        if chooser.random() < 0.2:
            cursor.execute("SAVEPOINT one; " + one)
            cursor.execute(chooser.choice(["ROLLBACK TO one", "RELEASE one"]))
        else:
            cursor.execute(one)
    if chooser.random() < 0.3 and level == "READ COMMITTED":
        compare(cursor, chooser.choice(list(QUERIES)), "in its own transaction")
    way = chooser.choice(["COMMIT"] * 7 + ["ROLLBACK", "PREPARE"])
    if way == "PREPARE":
        name = f"{run.db.name}_{number}"
        cursor.execute(f"PREPARE TRANSACTION '{name}'")
        way = chooser.choice(["COMMIT PREPARED", "ROLLBACK PREPARED"])
        cursor.execute(f"{way} '{name}'")
    else:
        cursor.execute(way)
    return way


def compare(cursor, name, where):
    run.note_compared(name, run.wrong_rows(cursor, name), where)


def connect():
    cursor = run.db.connect().cursor()
    cursor.execute("SET client_min_messages = error; SET pg_trickle.on_stale = error; SET pg_trickle.consistent_reads = on; "
                   "SET pg_trickle.scan_refresh_timeout = '60s'")
    return cursor


def writer(number):
    chooser = dice(number)
    cursor = connect()
    while not run.is_over():
        try:
            run.note(write(cursor, chooser, number))
        except EXPECTED + OF_DEFINITIONS + MEETS_DEFINITIONS as error:
            run.note(type(error).__name__)
            cursor.execute("ROLLBACK")
        except psycopg2.Error as error:
            run.note("failed", f"{type(error).__name__} {error.pgcode}: {error}")
    cursor.connection.close()


def reader(number):
    chooser = dice(number)
    cursor = connect()
    while not run.is_over():
        try:
            compare(cursor, chooser.choice(list(QUERIES)), "fresh")
        except EXPECTED + MEETS_DEFINITIONS as error:
            run.note("reader " + type(error).__name__)
        except psycopg2.Error as error:
            run.note("reader failed", f"{type(error).__name__} {error.pgcode}: {error}")
    cursor.connection.close()


run.set_up(SCHEMA,
           f"INSERT INTO client SELECT i, nullif(i - 1, -1), 'c' || i FROM generate_series(0, {KEYS - 1}) i",
           f"INSERT INTO orders SELECT i, i % {KEYS}, 0 FROM generate_series(0, 19) i")
run.play(DURATION_S, writer, WRITERS, reader, READERS)
run.end("rows_follow_every_way_of_writing", "compared fresh")
