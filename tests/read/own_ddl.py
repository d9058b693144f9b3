#!/usr/bin/python3 -B
"""Exact reads of a transaction, beside its own DDL: in REPEATABLE READ they answer as of its snapshot, although a statement of
the transaction has filled a stream table, or copied the rows of a source, as of a later moment; a failure by 40001 is right,
too. Beside a replaced view, whose users are set up again by their next refresh, they read what the view reads now, or say that
it reads them."""

import io
import itertools
import sys
import uuid
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER = f"owner_{uuid.uuid4().hex[:8]}"
QUERIES = {
    "rows": "SELECT id, m FROM item", "groups": "SELECT n, count(*) AS c, sum(m) AS s FROM item GROUP BY n",
    "above": "SELECT m, count(*) AS c FROM rows GROUP BY m", "few": "SELECT id, n FROM item WHERE n > 1",
}
OWN = [
    "ALTER TABLE item ALTER m TYPE int", "ALTER TABLE item ALTER m TYPE bigint", "ALTER TABLE item ALTER extra TYPE text",
    "ALTER TABLE item ADD COLUMN more int DEFAULT random()", "ALTER TABLE item ADD COLUMN more int", "TRUNCATE item", "VACUUM_FULL",
    "ALTER TABLE item SET UNLOGGED",
    "ALTER FOREIGN TABLE rows OPTIONS (SET query 'SELECT id, m FROM item WHERE true')", "SELECT pgtrickle.repair_stream_table('rows')",
    "ALTER FOREIGN TABLE groups OPTIONS (SET refresh_mode 'FULL')", "SELECT pgtrickle.refresh_stream_table('rows')",
    "SELECT pgtrickle.create_stream_table('another', 'SELECT id FROM rows', '520w')", "UPDATE item SET m = m + 1 WHERE id > 1",
]
OTHERS = ["INSERT INTO item VALUES (50, 1, 9)", "DELETE FROM item WHERE id = 1", "UPDATE item SET n = n + 1"]
BEGUN = ["SELECT 1", "SELECT count(*) FROM rows", "UPDATE item SET n = n WHERE id = 100"]


def make():
    db.run("DROP TABLE IF EXISTS item CASCADE; CREATE TABLE item (id int PRIMARY KEY, n int, m int, extra int)")
    db.run("INSERT INTO item SELECT g, g, 5, 5 FROM generate_series(1, 3) g")
    for name, query in QUERIES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", name, query)


def comparison(name, query):
    return (f"SELECT '{name} has', d::text FROM (SELECT * FROM {name} EXCEPT ALL SELECT * FROM ({query}) q) d UNION ALL "
            f"SELECT '{name} lacks', d::text FROM (SELECT * FROM ({query}) q EXCEPT ALL SELECT * FROM {name}) d")


def run_own(cursor, statement):
    """Returns whether the transaction can go on."""
    try:
        cursor.execute("CLUSTER item USING item_pkey" if statement == "VACUUM_FULL" else statement)
        return True
    except psycopg2.errors.SerializationFailure:
        return False


def a_snapshot_stays_what_it_is():
    """A read has to be retried only where others have changed the source meanwhile."""
    for own, others, begun in itertools.product(OWN, [None, *OTHERS], BEGUN):
        make()
        cursor = db.connect().cursor()
        cursor.execute("SET client_min_messages = error; SET pg_trickle.read_mode = exact")
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(begun)
        if others:
            db.run(others)
        if run_own(cursor, own):
            try:
                for name, query in QUERIES.items():
                    cursor.execute(comparison(name, query))
                    assert not (found := cursor.fetchall()), (begun, others, own, found)
            except psycopg2.errors.SerializationFailure as error:
                assert others, (begun, own, error)
        cursor.connection.rollback()
        cursor.connection.close()


def as_owner():
    cursor = db.connect().cursor()
    cursor.execute(f"SET ROLE {OWNER}; SET search_path = theirs, public; SET client_min_messages = error; SET pg_trickle.read_mode = exact")
    return cursor


def make_view_of_another_role():
    db.run("DROP SCHEMA IF EXISTS theirs CASCADE; DROP VIEW IF EXISTS seen; DROP TABLE IF EXISTS before, now")
    db.run("CREATE TABLE before AS SELECT 1 AS v; CREATE TABLE now AS SELECT 2 AS v; CREATE VIEW seen AS SELECT v FROM before")
    db.run(f"CREATE SCHEMA theirs AUTHORIZATION {OWNER}; GRANT SELECT, TRIGGER ON seen, before, now TO {OWNER}")
    cursor = as_owner()
    cursor.execute("SELECT pgtrickle.create_stream_table('shown', 'SELECT v FROM seen', '520w')")
    cursor.execute("SELECT pgtrickle.create_stream_table('counted', 'SELECT v, count(*) AS c FROM shown GROUP BY v', '520w')")
    return cursor


def what_a_replaced_view_has_read_may_be_dropped():
    reader = make_view_of_another_role()
    reader.execute("BEGIN")
    reader.execute("SELECT v FROM shown")  # its lock keeps the stream table from being set up again
    db.run("CREATE OR REPLACE VIEW seen AS SELECT v FROM now; DROP TABLE before")
    for name in ("shown", "counted"):
        reader.execute(f"SELECT v FROM {name}")
        assert reader.fetchall() == [(2,)], name
    reader.execute("COMMIT")


def a_stream_table_that_reads_itself_says_so():
    reader = make_view_of_another_role()
    db.run("GRANT USAGE ON SCHEMA theirs TO public")
    reader.execute("GRANT SELECT ON counted TO public")
    db.run("CREATE OR REPLACE VIEW seen AS SELECT v FROM theirs.counted")
    for name in ("shown", "counted"):
        try:
            reader.execute(f"SELECT v FROM {name}")
            assert reader.fetchall() == [(1,)], name  # it is suspended, and keeps its rows
        except psycopg2.Error as error:
            assert error.pgcode == "42P15" or "could not read" in str(error), error


MEANWHILE = {  # what another session does to the source, which is not captured, after the snapshot; whether its rows stay visible
    "nothing": ([], True), "rows": (["INSERT INTO plain VALUES (50, 1)", "UPDATE plain SET n = n + 1", "DELETE FROM plain WHERE id = 1"], True),
    "truncated": (["TRUNCATE plain"], False), "frozen": (["BEGIN; TRUNCATE plain", "COPY plain FROM stdin WITH (FREEZE)", "COMMIT"], False),
    "rewritten": (["ALTER TABLE plain ALTER n TYPE bigint"], False), "parent": (["CREATE TABLE child () INHERITS (plain)", "INSERT INTO child VALUES (9, 9)"], True),
    "inherited": (["CREATE TABLE child (LIKE plain); INSERT INTO child VALUES (9, 9)", "ALTER TABLE child INHERIT plain"], False),
}


def run_meanwhile(statements):
    other = db.connect().cursor()
    other.execute("SET statement_timeout = '20s'")
    for statement in statements:
        if statement.startswith("COPY"):
            other.copy_expert(statement, io.StringIO("60\t60\n"))
        else:
            other.execute(statement)
    other.connection.close()


def a_stream_table_that_the_transaction_creates_can_be_read():
    """It has begun the capture of a source, which was not captured when the snapshot was taken."""
    for (name, (statements, stays)), level in itertools.product(MEANWHILE.items(), ("REPEATABLE READ", "SERIALIZABLE")):
        db.run("DROP TABLE IF EXISTS plain CASCADE; CREATE TABLE plain (id int PRIMARY KEY, n int); INSERT INTO plain SELECT g, g FROM generate_series(1, 3) g")
        cursor = db.connect().cursor()
        cursor.execute(f"SET client_min_messages = error; SET pg_trickle.read_mode = exact; BEGIN ISOLATION LEVEL {level}")
        cursor.execute("SELECT 1")  # takes the snapshot, and no lock
        seen = db.run("SELECT id, n FROM plain ORDER BY id")
        run_meanwhile(statements)
        try:
            cursor.execute("SELECT pgtrickle.create_stream_table('of_plain', 'SELECT id, n FROM plain', '520w')")
            cursor.execute("SELECT id, n FROM of_plain ORDER BY id")
            assert (found := cursor.fetchall()) == seen, (name, level, found)
        except psycopg2.errors.SerializationFailure:
            assert not stays, (name, level)
        cursor.connection.close()


try:
    db.run(f"CREATE ROLE {OWNER}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {OWNER}")
    run_cases([a_snapshot_stays_what_it_is, a_stream_table_that_the_transaction_creates_can_be_read,
               what_a_replaced_view_has_read_may_be_dropped, a_stream_table_that_reads_itself_says_so])
finally:
    db.run(f"DROP OWNED BY {OWNER} CASCADE; DROP ROLE {OWNER}")
    db.drop()
