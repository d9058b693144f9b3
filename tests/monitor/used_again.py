#!/usr/bin/python3 -B
"""Shows that nothing of a dropped stream table is shown of one that has the same OID, and may have another owner: OIDs are used
again after 2^32 of them."""

import os
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, compile_library, run_cases  # noqa: E402: needs the path above

SECRET = "4711"
QUERIES = ["SELECT a::int AS a FROM secret", "SELECT count(*) AS n, sum(a::int) AS s FROM secret"]
SHOWN = [
    "SELECT * FROM pgtrickle.get_refresh_history('later')", "SELECT * FROM pgtrickle.pgt_refresh_history",
    "SELECT * FROM pgtrickle.refresh_timeline()", "SELECT * FROM pgtrickle.pg_stat_stream_tables",
    "SELECT * FROM pgtrickle.pgt_stream_tables", "SELECT * FROM pgtrickle.explain_st('later')",
    "SELECT * FROM pgtrickle.st_refresh_stats()", "SELECT * FROM pgtrickle.refresh_efficiency()",
    "SELECT * FROM pgtrickle.explain_refresh_mode('later')", "SELECT * FROM pgtrickle.health_check()",
]
server = Server(".again")
server.restart(autovacuum="off")  # a table that it truncates or analyzes may take an OID
db = Database(server.host)
library = Path(os.environ["SCRATCH"] + ".used_again.so")


def set_up():
    compile_library("tests/monitor/used_again.c", library)
    db.run(f"CREATE FUNCTION set_next_oid(oid) RETURNS void LANGUAGE c AS '{library}', 'set_next_oid'")
    db.let_own_stream_tables("again_first", "again_second")
    db.as_role("again_first", "CREATE TABLE secret (a text)")
    db.as_role("again_second", "CREATE TABLE plain (n int)")
    db.run("SET pg_trickle.enabled = off")


def drop_one_that_has_failed(query):
    """Returns its OID, which is free then."""
    db.as_role("again_first", f"SELECT pgtrickle.create_stream_table('earlier', '{query}', '520w')",
               f"INSERT INTO secret VALUES ('12'), ('card {SECRET}')")
    try:
        db.as_role("again_first", "SELECT pgtrickle.refresh_stream_table('earlier')")
        raise AssertionError("the refresh has not failed")
    except psycopg2.errors.InvalidTextRepresentation:
        pass
    relid = db.value("SELECT 'earlier'::regclass::oid::bigint")
    assert SECRET in db.value("SELECT string_agg(error_message, '') FROM pgtrickle.get_refresh_history('earlier')")
    db.as_role("again_first", "DROP FOREIGN TABLE earlier", "TRUNCATE secret")
    db.run("VACUUM")
    return relid


def create_with(relid):
    db.run("SELECT set_next_oid(%s)", relid)
    db.as_role("again_second", "SELECT pgtrickle.create_stream_table('later', 'SELECT n FROM plain', '520w')")
    assert db.value("SELECT 'later'::regclass::oid::bigint") == relid


def nothing_is_shown():
    for query in QUERIES:
        create_with(drop_one_that_has_failed(query))
        for shown in SHOWN:
            rows = db.as_role("again_second", shown)
            assert SECRET not in str(rows), f"{shown}: {rows}"
        refreshes = db.value("SELECT count(*) FROM pgtrickle.get_refresh_history('later')")
        assert refreshes == 1, f"{refreshes} refreshes"
        counted = db.run("SELECT refreshes, failed_refreshes FROM pgtrickle.pg_stat_stream_tables")
        assert counted == [(1, 0)], counted
        db.run("DROP FOREIGN TABLE later")


try:
    set_up()
    run_cases([nothing_is_shown])
finally:
    server.destroy()
    library.unlink(missing_ok=True)
