#!/usr/bin/python3 -B
"""Shows that an error which there is no memory to copy leaves the session as any other error does: it is not known any more as
one that refreshes, or reads with the rights of another role."""

import os
import sys
import tempfile
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, compile_library, run_cases  # noqa: E402: needs the path above

db = Database()


def fails(statement):
    try:
        db.run(statement)
    except psycopg2.Error as error:
        assert error.pgcode == "53200", error
        db.run("SELECT unlimited()")
        return True
    return False


def works_as_before():
    """What a refresh in progress would refuse, or would not do for a reader."""
    db.run("INSERT INTO plain VALUES (1)")
    db.run("SET pg_trickle.max_staleness = 0")
    assert db.value("SELECT count(*) FROM of_plain") == db.value("SELECT count(*) FROM plain")
    db.run("RESET pg_trickle.max_staleness")
    db.run("ALTER FOREIGN TABLE of_plain OPTIONS (SET schedule '521w'); ALTER FOREIGN TABLE of_plain OPTIONS (SET schedule '520w')")
    db.run("SELECT pgtrickle.refresh_stream_table('of_plain')")


def after_a_refresh():
    db.run("UPDATE source SET v = 1")
    assert fails("SELECT pgtrickle.refresh_stream_table('failing')")
    works_as_before()


def after_an_exact_read():
    db.run("UPDATE source SET v = 1; SET pg_trickle.read_mode = exact")
    assert fails("SELECT * FROM failing")
    db.run("RESET pg_trickle.read_mode")
    works_as_before()


with tempfile.TemporaryDirectory() as folder:
    library = Path(folder) / "errors_beyond_memory.so"
    compile_library("tests/faults/errors_beyond_memory.c", library)
    os.chmod(folder, 0o755)
    try:
        db.run(f"CREATE FUNCTION fail_beyond_memory(int) RETURNS int IMMUTABLE LANGUAGE c AS '{library}', 'fail_beyond_memory'")
        db.run(f"CREATE FUNCTION unlimited() RETURNS void LANGUAGE c AS '{library}', 'unlimited'")
        db.run("CREATE TABLE source (v int); CREATE TABLE plain (v int); INSERT INTO source VALUES (0)")
        db.run("SELECT pgtrickle.create_stream_table('failing', 'SELECT public.fail_beyond_memory(v) AS v FROM source', '520w', 'DIFFERENTIAL')")
        db.run("SELECT pgtrickle.create_stream_table('of_plain', 'SELECT v FROM plain', '520w')")
        run_cases([after_a_refresh, after_an_exact_read])
    finally:
        db.drop()
