#!/usr/bin/python3 -B
"""Shows that a session which reads no foreign tables, by restrict_nonsystem_relation_kind as in pg_dump, reads no stream table,
whichever way it is named, read and planned; and that pg_dump with --include-foreign-data reads the stream tables it is asked for.

The setting keeps a role from having another relation read in the place of the table that a superuser's program has looked up."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
STATEMENTS = ("SELECT * FROM st", "TABLE ONLY st", "SELECT id FROM st WHERE id = 1", "SELECT id, count(*) FROM st GROUP BY id", "SELECT st FROM st", "SELECT ctid FROM st",
              "SELECT 1 FROM src JOIN st USING (id)", "SELECT * FROM parent", "SELECT (SELECT count(*) FROM st)", "WITH w AS (SELECT * FROM st) SELECT * FROM w",
              "SELECT * FROM function_of_st()", "INSERT INTO other SELECT * FROM st", "UPDATE other SET id = st.id FROM st", "COPY (SELECT * FROM st) TO STDOUT",
              "DECLARE c CURSOR FOR SELECT * FROM ONLY st", "EXPLAIN SELECT * FROM st", "SELECT * FROM over")
SETTINGS = ("SET pg_trickle.max_staleness = '1h'", "SET pg_trickle.read_mode = exact", "SET pg_trickle.enable_expansion = off")


def begin():
    db.run("CREATE TABLE src (id int PRIMARY KEY); INSERT INTO src VALUES (1); CREATE TABLE other (id int); CREATE TABLE parent (id int)")
    db.run("CREATE VIEW seen AS SELECT * FROM src")
    for name, source in ("st", "src"), ("over", "st"), ("child", "src"), ("of_view", "seen"):
        db.run(f"SELECT pgtrickle.create_stream_table('{name}', 'SELECT id FROM {source}', '520w')")
    db.run("ALTER FOREIGN TABLE child INHERIT parent; CREATE FUNCTION function_of_st() RETURNS SETOF int STABLE LANGUAGE sql AS 'SELECT id FROM st'")


def a_session_reads_no_foreign_table():
    session = db.connect()
    session.autocommit = False
    cursor = session.cursor()
    read = []
    for setting in SETTINGS:
        for statement in STATEMENTS:
            cursor.execute(f"{setting}; SET restrict_nonsystem_relation_kind = 'foreign-table'")
            try:
                cursor.execute(statement) if not statement.startswith("COPY") else cursor.copy_expert(statement, sys.stderr)
                read.append((setting, statement))
            except psycopg2.errors.ObjectNotInPrerequisiteState as error:
                assert "access to non-system foreign table is restricted" in str(error), error
            session.rollback()
    session.close()
    assert not read, read


def a_dump_has_the_rows_that_it_is_asked_for():
    """Also those of a view, with a change that is pending: an exact read has the view in its query."""
    db.run("INSERT INTO src VALUES (2)")
    for name in "st", "of_view":
        for options in (), ("--inserts",):
            dump = subprocess.run(["pg_dump", "--include-foreign-data=pgtrickle", "--data-only", f"--table={name}", *options, db.name],
                                  check=True, capture_output=True, text=True, env={**os.environ, "PGOPTIONS": "-c pg_trickle.read_mode=exact"}).stdout
            assert "VALUES (2)" in dump or "\n2\n" in dump, dump


try:
    run_cases([begin, a_session_reads_no_foreign_table, a_dump_has_the_rows_that_it_is_asked_for])
finally:
    db.drop()
