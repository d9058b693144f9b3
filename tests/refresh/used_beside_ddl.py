#!/usr/bin/python3 -B
"""Shows that a transaction that reads a stream table and uses what it reads, in either order, is in no deadlock with a
statement that defines the stream table again: with a view in the place of the stream table there would be none."""

import itertools
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
QUERIES = {"columns": ("id int, v int", "SELECT id, v FROM source"), "whole": ("j jsonb", "SELECT to_jsonb(source) FROM source"),
           "of_view": ("id int, v int", "SELECT id, v FROM seen")}
# a statement, what it is about, and the stream table
STATEMENTS = [("ALTER TABLE source ALTER v TYPE bigint", "source", "columns"), ("ALTER TABLE source ALTER v TYPE bigint", "source", "whole"),
              ("ALTER TABLE source ADD COLUMN x int", "source", "whole"), ("ALTER TABLE source DROP COLUMN w", "source", "whole"),
              ("ALTER TABLE source RENAME COLUMN w TO x", "source", "whole"), ("ALTER TABLE parent ADD COLUMN x int", "source", "whole"),
              ("CREATE OR REPLACE VIEW seen AS SELECT id, v + 1 AS v FROM source", "seen", "of_view"),
              ("CREATE OR REPLACE RULE \"_RETURN\" AS ON SELECT TO seen DO INSTEAD SELECT id, v * 2 AS v FROM source", "seen", "of_view"),
              ("ALTER VIEW seen SET (security_barrier)", "seen", "of_view")]
USES = {"source": ["INSERT INTO source VALUES (3, 3, 3)", "SELECT count(*) FROM source"], "seen": ["SELECT count(*) FROM seen"]}
WAIT_S = 1.5  # more than deadlock_timeout


def run(session, statement):
    session.cursor().execute(statement)


def set_up(statement, name):
    columns, query = QUERIES[name]
    db.run("DROP TABLE IF EXISTS parent, source CASCADE; CREATE TABLE parent (id int, v int, w int); CREATE TABLE source () INHERITS (parent); "
           "INSERT INTO source VALUES (1, 1, 1), (2, 2, 2); CREATE VIEW seen AS SELECT id, v FROM source")
    if name != "of_view":
        db.run("DROP VIEW seen")  # which would refuse some statements
    if "source ALTER" in statement or "source DROP" in statement or "source RENAME" in statement:
        db.run("ALTER TABLE source NO INHERIT parent")
    db.run(f"CREATE FOREIGN TABLE {name} ({columns}) SERVER pgtrickle OPTIONS (query '{query}', schedule '520w')")


def beside(statement, name, first, second):
    """Returns what has failed."""
    set_up(statement, name)
    user, alterer = db.connect(), db.connect()
    failed = []

    def alter():
        try:
            run(alterer, "SET client_min_messages = error")
            run(alterer, statement)
        except psycopg2.Error as error:
            failed.append((statement, name, first, str(error)))

    thread = threading.Thread(target=alter)
    run(user, f"BEGIN; {first}")
    thread.start()
    time.sleep(WAIT_S)
    try:
        run(user, f"{second}; COMMIT")
    except psycopg2.Error as error:
        failed.append((statement, name, first, second, str(error)))
    thread.join()
    user.close()
    alterer.close()
    return failed


def no_transaction_is_in_a_deadlock():
    failed = []
    for statement, about, name in STATEMENTS:
        for use in USES[about]:
            for first, second in itertools.permutations((f"SELECT count(*) FROM {name}", use)):
                failed += beside(statement, name, first, second)
    assert not failed, "\n".join(map(str, failed))


def the_stream_table_follows():
    for statement, _, name in STATEMENTS:
        failed = beside(statement, name, f"SELECT count(*) FROM {name}", "SELECT 1")
        query = db.value("SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = %s::regclass", name)
        db.run("SET pg_trickle.max_staleness = 0")
        assert not failed and db.run(f"(TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})") == [], (statement, name, failed)


try:
    run_cases([no_transaction_is_in_a_deadlock, the_stream_table_follows])
finally:
    db.drop()
