#!/usr/bin/python3 -B
"""Shows what other sessions find while a transaction is committed and visible, but has not yet sent its invalidations, nor
released its locks."""

import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, compile_library, run_cases  # noqa: E402: needs the path above
from waiting import Waiting  # noqa: E402: needs the path above

server = Server()
compile_library("tests/faults/late_commit.c", server.folder / "late_commit.so")
late = server.folder / "data/late_release"
db = Database(server.host)
db.let_own_stream_tables("keeper")
outside = db.connect("postgres")
CAPTURED_WHEN_FRESH = "SELECT pgtrickle.wait_until_fresh('kept', '1min'); SELECT is_captured FROM pgtrickle.list_sources('kept')"


def started(session, text):
    statement = Waiting(session, text, outside)
    statement.start()
    return statement


def begin_to_capture():
    """Returns a refresh from which on the source is captured, and which is committed."""
    db.run("CREATE TABLE source (v int); GRANT SELECT ON source TO keeper")
    db.run("INSERT INTO source VALUES (1)")
    db.as_role("keeper", "SELECT pgtrickle.create_stream_table('kept', 'SELECT max(v) AS v FROM source', '520w')")
    refreshing = db.connect()
    refreshing.cursor().execute(f"LOAD '{server.folder}/late_commit.so'")
    late.write_text("")
    # The manager, which would refresh after a GRANT, learns of it at the same time.
    refresh = started(refreshing, "GRANT TRIGGER ON source TO keeper; SELECT pgtrickle.refresh_stream_table('kept')")
    db.wait_for("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'source'::regclass AND tgname LIKE 'pg_trickle%'", 5)
    db.wait_for("SELECT coalesce(pgtrickle.get_staleness('kept'), 0) = 0", True)
    return refresh


def end(statement):
    late.unlink()
    statement.finish()
    assert statement.error is None, statement.error


def wait_until_fresh_waits_until_the_definition_is_known():
    observer = db.connect()
    observer.cursor().execute("SET client_min_messages = error")
    db.run("SET pg_trickle.max_staleness = 0")
    refresh = begin_to_capture()
    waiter = started(observer, CAPTURED_WHEN_FRESH)
    waiter.await_lock_or_end("Extension")
    was_waiting = waiter.is_alive()
    assert db.run("TABLE kept") == [(1,)]  # a reader does not wait
    writer = started(db.connect(), "INSERT INTO source VALUES (2)")
    writer.await_lock_or_end("Extension")
    assert writer.is_alive(), "the writer did not wait for the triggers"
    end(refresh)
    writer.join()
    waiter.join()
    assert db.run("TABLE kept") == [(2,)]
    assert waiter.rows == [(True,)], waiter.rows
    assert was_waiting
    for session in (observer, writer.session):
        session.close()


# Statements without a lock of a source, after each of which one of the queries has another answer.
REDEFINED = """
CREATE OR REPLACE FUNCTION inlined(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1000'
CREATE OR REPLACE FUNCTION called(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 + 1000; END'
CREATE OR REPLACE FUNCTION inner_one(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 + 1000; END'
CREATE OR REPLACE FUNCTION of_operator(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 * 1000 + $2; END'
CREATE OR REPLACE FUNCTION of_cast(pair) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN ($1).a + 1000; END'
CREATE OR REPLACE FUNCTION of_aggregate(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 + 10 * $2; END'
CREATE OR REPLACE VIEW seen AS SELECT v + 1000 AS v FROM source
ALTER FUNCTION with_setting(int) SET DateStyle = 'German'
ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'
ALTER TYPE pair RENAME ATTRIBUTE a TO b
ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH english_stem
""".strip().splitlines()
QUERIES = {
    "of_inlined": "SELECT inlined(v) AS v FROM source", "of_called": "SELECT called(v) AS v FROM source",
    "of_outer": "SELECT outer_one(v) AS v FROM source", "of_operator": "SELECT v @+@ 1 AS v FROM source",
    "of_cast": "SELECT (ROW(v)::pair)::int AS v FROM source", "of_aggregate": "SELECT v % 2 AS k, collected(v) AS v FROM source GROUP BY v % 2",
    "of_view": "SELECT v FROM seen", "of_setting": "SELECT with_setting(v) AS v FROM source",
    "of_mood": "SELECT enum_first(NULL::mood)::text || v AS v FROM source", "of_pair": "SELECT to_jsonb(ROW(v)::pair) AS v FROM source",
    "of_words": "SELECT to_tsvector('words', 'running ' || v)::text AS v FROM source",
}
MEANINGS = """
CREATE TABLE source (v int);
INSERT INTO source SELECT generate_series(1, 5);
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE TYPE pair AS (a int);
CREATE FUNCTION inlined(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT $1 + 1';
CREATE FUNCTION called(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 + 1; END';
CREATE FUNCTION inner_one(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 + 1; END';
CREATE FUNCTION outer_one(int) RETURNS int IMMUTABLE LANGUAGE sql RETURN inner_one($1);
CREATE FUNCTION of_operator(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 * 10 + $2; END';
CREATE OPERATOR @+@ (FUNCTION = of_operator, LEFTARG = int, RIGHTARG = int);
CREATE FUNCTION of_cast(pair) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN ($1).a + 1; END';
CREATE CAST (pair AS int) WITH FUNCTION of_cast(pair);
CREATE FUNCTION of_aggregate(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 + $2; END';
CREATE AGGREGATE collected(int) (SFUNC = of_aggregate, STYPE = int, INITCOND = 0);
CREATE VIEW seen AS SELECT v FROM source;
CREATE FUNCTION with_setting(int) RETURNS text IMMUTABLE LANGUAGE plpgsql SET DateStyle = 'ISO' AS $$BEGIN RETURN date '2024-01-01' + $1; END$$;
CREATE TEXT SEARCH CONFIGURATION words (COPY = simple);
"""


# Statements that change which tables belong to a source; the first ones lock it against neither readers nor writers.
MOVED = """
ALTER TABLE root ATTACH PARTITION loose FOR VALUES FROM (100) TO (200)
ALTER TABLE child INHERIT parent
CREATE TABLE born () INHERITS (parent); INSERT INTO born VALUES (10)
ALTER TABLE middle ATTACH PARTITION below FOR VALUES FROM (300) TO (310)
CREATE TABLE made PARTITION OF root FOR VALUES FROM (200) TO (300); INSERT INTO made VALUES (201)
ALTER TABLE child NO INHERIT parent
ALTER TABLE root DETACH PARTITION loose
ALTER TABLE middle DETACH PARTITION below
DROP TABLE born
DROP TABLE made
""".strip().splitlines()
TREES = {
    "of_root": "SELECT v FROM root", "of_parent": "SELECT v FROM parent", "number_of_rows": "SELECT count(*) AS n FROM root",
    "largest": "SELECT max(v) AS v FROM parent", "joined": "SELECT r.v, p.v AS w FROM root r LEFT JOIN parent p ON p.v = r.v % 10",
    "as_a_whole": "SELECT to_jsonb(r) AS j FROM root r",
}
TABLES = """
CREATE TABLE root (v int) PARTITION BY RANGE (v);
CREATE TABLE low PARTITION OF root FOR VALUES FROM (-9) TO (100);
CREATE TABLE middle PARTITION OF root FOR VALUES FROM (300) TO (400) PARTITION BY RANGE (v);
CREATE TABLE parent (v int);
CREATE TABLE loose (v int); INSERT INTO loose VALUES (101), (102);
CREATE TABLE below (v int); INSERT INTO below VALUES (301), (309);
CREATE TABLE child (v int); INSERT INTO child VALUES (4), (5);
"""


def a_grant_is_announced_once_it_is_known():
    """A first fill that fails is requested again after a GRANT, and not by a process that does not know that yet."""
    db.alter_system("SET pg_trickle.max_consecutive_errors = 1000")  # it is not suspended, however long this takes
    db.wait_for("SHOW pg_trickle.max_consecutive_errors", "1000")
    db.run("CREATE TABLE closed (v int); INSERT INTO closed VALUES (1); GRANT SELECT ON closed TO keeper")
    # In one transaction, after which the manager is about to fill it.
    db.run("SET ROLE keeper; SELECT pgtrickle.create_stream_table('opened', 'SELECT v FROM closed', '520w', initialize => false); "
           "RESET ROLE; REVOKE SELECT ON closed FROM keeper")
    reader, granting = db.connect(), db.connect()
    reader.cursor().execute("SET pg_trickle.scan_refresh_timeout = '60s'")
    granting.cursor().execute(f"LOAD '{server.folder}/late_commit.so'")
    assert fails(reader, "TABLE opened")
    late.write_text("")
    grant = started(granting, "GRANT SELECT ON closed TO keeper")
    db.wait_for("SELECT relacl::text LIKE '%keeper=r%' FROM pg_class WHERE relname = 'closed'", True)
    assert fails(reader, "TABLE opened")
    end(grant)
    assert not fails(reader, "TABLE opened")
    reader.close()


def fails(session, statement):
    try:
        session.cursor().execute(statement)
        return False
    except psycopg2.Error as error:
        assert error.pgcode == "55000", error
        return True


def wrong_after(meanings, statements, queries, insert, schedule, mode, role="postgres"):
    """Runs each statement, and refreshes before its invalidations are sent, in a session that has compiled the queries
    before. Returns the statements and stream tables that differ from their queries afterwards."""
    own = Database(server.host)
    own.let_own_stream_tables(role)
    own.run(meanings + "CREATE TABLE statement_number (n int)")
    own.run(f"GRANT SELECT, TRIGGER ON ALL TABLES IN SCHEMA public TO {role}")
    own.run(f"SET pg_trickle.max_staleness = 0; SET ROLE {role}")
    for name, query in queries.items():
        own.run("SELECT pgtrickle.create_stream_table(%s, %s, %s, %s)", name, query, schedule, mode)
    own.run("RESET ROLE")
    wrong, refreshing = [], own.connect()
    refreshing.cursor().execute("SET client_min_messages = error")
    refreshes = [f"SELECT pgtrickle.refresh_stream_table('{name}')" for name in queries if mode != "IMMEDIATE"]
    for number, statement in enumerate(statements):
        for refresh in refreshes or [""]:
            refreshing.cursor().execute(f"{insert % (number + 6)}; {refresh}")
        changing = own.connect()
        changing.cursor().execute(f"LOAD '{server.folder}/late_commit.so'")
        late.write_text("")
        changed = started(changing, f"INSERT INTO statement_number VALUES ({number}); {statement}")
        own.wait_for("SELECT max(n) FROM statement_number", number)
        for text in [insert % -1] + refreshes:
            beside = started(refreshing, text)
            beside.await_lock_or_end("Extension")
            if beside.is_alive():
                break
        end(changed)
        beside.join()
        assert beside.error is None, beside.error
        own.run(insert % -2)
        wrong += [(role, mode, statement, name) for name, query in queries.items() if own.run(
            f"((TABLE {name}) EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL (TABLE {name}))")]
    refreshing.close()
    own.drop()
    return wrong


def wrong_in_any_mode(*what):
    """Also with an owner who may not lock the sources of another role for long."""
    return [one for role in ("postgres", "keeper") for schedule, mode in (("520w", "AUTO"), (None, "IMMEDIATE"))
            for one in wrong_after(*what, schedule, mode, role)]


def a_refresh_applies_no_meaning_that_has_been_replaced():
    wrong = wrong_in_any_mode(MEANINGS, REDEFINED, QUERIES, "INSERT INTO source VALUES (%s)")
    assert not wrong, wrong


def a_refresh_finds_all_tables_of_a_source():
    wrong = wrong_in_any_mode(TABLES, MOVED, TREES, "WITH p AS (INSERT INTO parent VALUES (%s) RETURNING v) INSERT INTO root SELECT v FROM p")
    assert not wrong, wrong


try:
    run_cases([wait_until_fresh_waits_until_the_definition_is_known, a_grant_is_announced_once_it_is_known, a_refresh_applies_no_meaning_that_has_been_replaced,
               a_refresh_finds_all_tables_of_a_source])
finally:
    late.unlink(missing_ok=True)
    server.destroy()
