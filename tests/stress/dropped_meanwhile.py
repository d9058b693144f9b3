#!/usr/bin/python3 -B
"""Shows that each statement about a stream table that another session drops, or drops and creates again, or whose
storage another session replaces, in the meantime works on what the name is then, or fails with an error for users: never
with an internal one. A statement about an object that its query uses works."""

import random
import sys
import uuid
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import SEED  # noqa: E402
from waiting import Waiting  # noqa: E402

db = Database()
outside = db.connect("postgres")  # no lock of this database stops it
db.run("CREATE SCHEMA other")
CREATE = "SELECT pgtrickle.create_stream_table('st', 'SELECT id, v FROM src', '1h')"
STATEMENTS = (
    "SELECT pgtrickle.create_or_replace_stream_table('st', 'SELECT id, v FROM src', '1h')",
    "SELECT pgtrickle.create_or_replace_stream_table('st', 'SELECT id, v + 1 AS v FROM src', '1h')",
    "SELECT pgtrickle.alter_stream_table('st', schedule => '2h')",
    "SELECT pgtrickle.alter_stream_table('st', query => 'SELECT id, v + 1 AS v FROM src')",
    "SELECT pgtrickle.alter_stream_table('st', status => 'SUSPENDED')",
    "SELECT pgtrickle.drop_stream_table('st')",
    "SELECT pgtrickle.drop_stream_table('st', cascade => true)",
    "SELECT pgtrickle.refresh_stream_table('st')",
    "SELECT pgtrickle.repair_stream_table('st')",
    "SELECT pgtrickle.export_definition('st')",
    "SELECT pgtrickle.explain_st('st')",
    "SELECT pgtrickle.pause_stream_table('st')",
    "SELECT pgtrickle.stream_table_key('st')",
    "SELECT count(*) FROM st",
    "ALTER FOREIGN TABLE st OPTIONS (SET schedule '2h')",
    "ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, v + 1 AS v FROM src')",
    "ALTER FOREIGN TABLE st OPTIONS (ADD storage_parameters 'fillfactor = 70')",
    "ALTER FOREIGN TABLE st ALTER COLUMN v SET STATISTICS 50",
    "ALTER FOREIGN TABLE st RENAME COLUMN v TO w",
    "ALTER FOREIGN TABLE st RENAME TO st_other",
    "ALTER FOREIGN TABLE st SET SCHEMA other",
    "ALTER FOREIGN TABLE st OWNER TO CURRENT_USER",
    "ALTER TABLE st SET TABLESPACE pg_default",
    "CREATE INDEX ON st (v)",
    "CREATE STATISTICS st_stats ON id, v FROM st",
    "COMMENT ON FOREIGN TABLE st IS 'x'",
    "CREATE VIEW st_view AS SELECT * FROM st",
    "BEGIN; LOCK TABLE st",
    "ANALYZE st",
    "VACUUM st",
    "REINDEX TABLE st",
    "DROP FOREIGN TABLE st",
)
# Statements that look for the stream tables over what they change: of a query that reads the table through a view and a
# stream table, calls a function, and uses a domain.
SOURCE_STATEMENTS = (
    "ALTER TABLE src RENAME TO src_other",
    "ALTER TABLE src RENAME COLUMN v TO w",
    "ALTER TABLE src RENAME CONSTRAINT src_key TO key_other",
    "ALTER TABLE src SET SCHEMA other",
    "ALTER TABLE src ADD COLUMN w int DEFAULT 3",
    "ALTER TABLE src DROP COLUMN unused",
    "ALTER TABLE src ALTER COLUMN unused TYPE bigint",
    "ALTER TABLE src DROP CONSTRAINT src_key",
    "ALTER TABLE src OWNER TO CURRENT_USER",
    "ALTER TABLE src ENABLE ROW LEVEL SECURITY",
    "ALTER TABLE src REPLICA IDENTITY FULL",
    "ALTER TABLE src SET UNLOGGED",
    "ALTER TABLE src DISABLE TRIGGER USER",
    "ALTER TABLE child INHERIT src",
    "ALTER TABLE src SET TABLESPACE pg_default",
    "CREATE POLICY p ON src USING (true)",
    "CREATE UNIQUE INDEX ON src (v)",
    "CREATE OR REPLACE VIEW viewed AS SELECT id, v AS v, f(v) AS w, 1 AS new FROM src",
    "CREATE OR REPLACE RULE \"_RETURN\" AS ON SELECT TO viewed DO INSTEAD SELECT id, v + 1 AS v, f(v) AS w FROM src",
    "ALTER VIEW viewed RENAME COLUMN w TO x",
    "ALTER VIEW viewed RENAME TO viewed_other",
    "ALTER VIEW viewed SET SCHEMA other",
    "ALTER VIEW viewed SET (security_invoker = on)",
    "ALTER VIEW viewed OWNER TO CURRENT_USER",
    "ALTER FUNCTION f(int) RENAME TO f_other",
    "ALTER FUNCTION f(int) SET SCHEMA other",
    "ALTER FUNCTION f(int) STABLE",
    "CREATE OR REPLACE FUNCTION f(int) RETURNS positive LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 1; END'",
    "ALTER DOMAIN positive DROP CONSTRAINT positive_check",
    "ALTER DOMAIN positive ADD CHECK (VALUE > -1) NOT VALID",
    "ALTER DOMAIN positive RENAME TO positive_other",
    "ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'",
    "ALTER TYPE mood ADD VALUE 'new'",
    "ALTER TYPE mood RENAME TO mood_other",
    "ALTER SCHEMA public RENAME TO renamed; ALTER SCHEMA renamed RENAME TO public",
    "TRUNCATE src",
    "REFRESH MATERIALIZED VIEW matview",
    "REINDEX TABLE src",
    "ANALYZE src",
    "VACUUM FULL src",
    "CLUSTER src USING src_key",
    "INSERT INTO src VALUES (7, 7)",
    "GRANT SELECT ON src TO PUBLIC",
    "REVOKE SELECT ON src FROM PUBLIC",
    "SELECT pgtrickle.stop_capture('src')",
    "SELECT count(*) FROM pgtrickle.pgt_status()",
    "SELECT count(*) FROM pgtrickle.health_check()",
    "SELECT count(*) FROM pgtrickle.change_buffer_sizes()",
    "DROP VIEW viewed CASCADE",
    "DROP TABLE src CASCADE",
    "DROP FUNCTION f(int) CASCADE",
    "DROP DOMAIN positive CASCADE",
)
# Functions that show names of relations, which they do not lock.
SHOWN = ("dependency_tree", "diamond_groups", "holds", "pgt_status", "refresh_groups", "source_gates", "stopped_captures", "trigger_rows",
         "watermark_groups", "watermark_status", "watermarks")
# The statement has locked, renamed or dropped the stream table, or created a view over it.
MET_THE_STATEMENT = (psycopg2.errors.DeadlockDetected, psycopg2.errors.UndefinedObject, psycopg2.errors.DuplicateTable,
                     psycopg2.errors.DependentObjectsStillExist, psycopg2.errors.LockNotAvailable)


def not_started(text):
    session = db.connect()
    session.cursor().execute("SET client_min_messages = error; SET statement_timeout = '60s'")
    return Waiting(session, text, outside)


def error_beside(text, *others):
    """Returns the error of a statement during which another transaction executes `others` and commits, or None."""
    other = db.connect()
    other.autocommit = False
    for statement in others:
        other.cursor().execute(statement)
    waiting = not_started(text)
    waiting.start()
    waiting.await_lock_or_end()
    other.commit()
    other.close()
    waiting.finish()
    return waiting.error


def begin_with_one():
    db.run("DROP SCHEMA public, other CASCADE; CREATE SCHEMA public; CREATE SCHEMA other")
    db.run("CREATE TABLE src AS SELECT i AS id, i AS v FROM generate_series(1, 2) i")
    db.run(CREATE)


def begin_with_sources():
    db.run("DROP SCHEMA public, other CASCADE; CREATE SCHEMA public; CREATE SCHEMA other")
    db.run("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE DOMAIN positive AS int CHECK (VALUE > 0)")
    db.run("CREATE TABLE src (id int CONSTRAINT src_key PRIMARY KEY, v int, m mood, unused int); "
           "INSERT INTO src SELECT i, i, 'ok' FROM generate_series(1, 2) i; CREATE TABLE child (LIKE src)")
    db.run("CREATE FUNCTION f(int) RETURNS positive LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END'")
    db.run("CREATE VIEW viewed AS SELECT id, v, f(v) AS w FROM src; CREATE MATERIALIZED VIEW matview AS SELECT id, v FROM src")
    db.run("SELECT pgtrickle.create_stream_table('st', "
           "$$SELECT id, v, w, mood 'sad' AS m, f(v) AS x, w::positive AS y FROM viewed$$, '1h')")
    db.run("SELECT pgtrickle.create_stream_table('above', 'SELECT s.id, s.m, src.v, (SELECT count(*) FROM matview) AS n "
           "FROM st s JOIN src ON s.id = src.id', '1h')")


def run_beside(*others):
    """Runs each statement while another transaction executes `others`, and fails after internal errors."""
    internal = []
    for text in STATEMENTS:
        begin_with_one()
        error = error_beside(text, *others)
        if error and error.startswith(("XX", "57", "None")):
            internal.append(f"{text}: {error}")
    assert not internal, "\n".join(internal)


def run_on_sources_beside(*others):
    failed = []
    for text in SOURCE_STATEMENTS:
        begin_with_sources()
        error = error_beside(text, *others)
        if error:
            failed.append(f"{text}: {error}")
    assert not failed, "\n".join(failed)


def begin_with_names():
    db.run("DROP SCHEMA IF EXISTS doomed CASCADE; SELECT pgtrickle.drop_refresh_group(group_name) FROM pgtrickle.refresh_groups()")
    db.run("CREATE SCHEMA doomed; CREATE TABLE doomed.src (id int PRIMARY KEY); CREATE TABLE doomed.stopped (id int PRIMARY KEY)")
    db.run("SELECT pgtrickle.create_stream_table('doomed.st', 'SELECT id FROM doomed.src', '1h')")
    db.run("SELECT pgtrickle.create_stream_table('doomed.above', 'SELECT id FROM doomed.st JOIN doomed.src USING (id)', '1h')")
    db.run("SELECT pgtrickle.create_stream_table('doomed.full', 'SELECT id FROM doomed.stopped', '1h')")
    db.run("SELECT pgtrickle.gate_source('doomed.src'), pgtrickle.advance_watermark('doomed.src', now()), pgtrickle.stop_capture('doomed.stopped'), "
           "pgtrickle.create_watermark_group('doomed', '{doomed.src}'), pgtrickle.create_refresh_group('doomed', '{doomed.st, doomed.above}')")


def error_at(catalog, waiting, *others):
    """Returns the error, or None, of a statement that waits for its first look into the catalog while another transaction
    executes `others`, as far as the statement has not changed the names or locked the stream table before."""
    other = db.connect()
    other.cursor().execute("SET deadlock_timeout = '10ms'; SET lock_timeout = '5s'; SET client_min_messages = error")
    other.autocommit = False
    other.cursor().execute(f"LOCK TABLE {catalog}")
    waiting.start()
    waiting.await_lock_or_end()
    try:
        for statement in others:
            other.cursor().execute(statement)
        other.commit()
    except MET_THE_STATEMENT:
        other.rollback()
    other.close()
    waiting.finish()
    return waiting.error


def run_at_any_catalog(begin, statements, dropped, count):
    """Runs some of the statements where they look into a catalog. The class of errors is a look at an object whose lock is
    not held yet, or not any more."""
    catalogs = [name for name, in db.run(
        "SELECT c.oid::regclass::text FROM pg_class c WHERE relkind = 'r' AND (relnamespace = 'pgtrickle'::regnamespace "
        "OR oid = ANY ('{pg_class, pg_attribute, pg_index, pg_depend, pg_foreign_table, pg_foreign_server, pg_trigger, "
        "pg_rewrite, pg_namespace, pg_type, pg_inherits, pg_proc}'::regclass[])) ORDER BY 1")]
    chooser = random.Random(SEED)
    internal = []
    for catalog, text in chooser.sample([(catalog, text) for catalog in catalogs for text in statements], count):
        begin()
        error = error_at(catalog, not_started(text), *chooser.choice(dropped))
        if error and error.startswith(("XX", "57", "None")):
            internal.append(f"{catalog}: {text}: {error}")
    assert not internal, "\n".join(internal)


def dropped_at_any_catalog():
    run_at_any_catalog(begin_with_one, STATEMENTS, [["DROP FOREIGN TABLE st"], ["DROP FOREIGN TABLE st", CREATE]], 150)


def sources_of_dropped_ones_at_any_catalog():
    run_at_any_catalog(begin_with_sources, SOURCE_STATEMENTS, [["DROP FOREIGN TABLE above"], ["DROP FOREIGN TABLE st CASCADE"]], 100)


def shown_while_their_schema_is_dropped():
    internal = []
    for name in SHOWN:
        waiting = not_started(f"SELECT count(shown::text) FROM pgtrickle.{name}() shown")
        waiting.session.cursor().execute(waiting.text)  # the name of the new schema is all that it has to look up afterwards
        begin_with_names()
        error = error_at("pg_namespace", waiting, "DROP SCHEMA doomed CASCADE")
        if error:
            internal.append(f"{name}: {error}")
    assert not internal, "\n".join(internal)


def beside_dropped_partitions_of_a_gated_table():
    """Whether a table is held depends on all relations around gated ones, which the statements do not lock."""
    begin_with_one()
    db.run("CREATE TABLE gated (id int) PARTITION BY LIST (id); CREATE TABLE kept PARTITION OF gated FOR VALUES IN (0)")
    db.run("SELECT pgtrickle.gate_source('gated')")
    failed = []
    for text in "SELECT pgtrickle.refresh_stream_table('st')", "SELECT count(*) FROM pgtrickle.holds()", "SELECT count(*) FROM pgtrickle.pgt_status()":
        waiting = not_started(text)
        waiting.session.cursor().execute(text)  # the new partition is all that it has to look up afterwards
        db.run("CREATE TABLE dropped PARTITION OF gated FOR VALUES IN (1)")
        error = error_at("pg_class", waiting, "DROP TABLE dropped")
        if error:
            failed.append(f"{text}: {error}")
        db.run("DROP TABLE IF EXISTS dropped")
    assert not failed, "\n".join(failed)


def dropped():
    run_beside("DROP FOREIGN TABLE st")


def dropped_and_created_again():
    run_beside("DROP FOREIGN TABLE st", CREATE)


def with_another_storage():
    run_beside("ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, v + 1 AS v FROM src')")


def reassigned_with_another_storage():
    db.run("DROP SCHEMA public, other CASCADE; CREATE SCHEMA public; CREATE SCHEMA other; CREATE TABLE src (id int, v int)")
    role = "dropped_" + uuid.uuid4().hex[:8]
    db.run(f"CREATE ROLE {role}; GRANT ALL ON SCHEMA public TO {role}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {role}; GRANT SELECT, TRIGGER ON src TO {role}")
    db.run(f"SET ROLE {role}; {CREATE}; SELECT pgtrickle.create_stream_table('above', 'SELECT count(*) AS n FROM st', '1h'); RESET ROLE")
    for stream_table, query in ("st", "SELECT id, v + 1 AS v FROM src"), ("above", "SELECT count(*) + 1 AS n FROM st"):
        error = error_beside(f"REASSIGN OWNED BY {role} TO CURRENT_USER", f"SET ROLE {role}", f"ALTER FOREIGN TABLE {stream_table} OPTIONS (SET query '{query}')")
        assert not error, error
        assert db.value("SELECT bool_and(tableowner = current_user) FROM (SELECT relowner::regrole::name FROM pg_class WHERE relname IN ('st', 'above')) t (tableowner)")
        db.run(f"ALTER FOREIGN TABLE st OWNER TO {role}; ALTER FOREIGN TABLE above OWNER TO {role}")
    db.run(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def replaced_by_a_table():
    run_beside("DROP FOREIGN TABLE st", "CREATE TABLE st (id int, v int)")


def sources_of_a_dropped_one():
    run_on_sources_beside("DROP FOREIGN TABLE above")


def sources_of_dropped_ones():
    run_on_sources_beside("DROP FOREIGN TABLE st CASCADE")


def sources_of_one_dropped_and_created_again():
    run_on_sources_beside("DROP FOREIGN TABLE st CASCADE", CREATE.replace("FROM src", "FROM viewed"))


run_cases([dropped_at_any_catalog, shown_while_their_schema_is_dropped, beside_dropped_partitions_of_a_gated_table, sources_of_dropped_ones_at_any_catalog, sources_of_a_dropped_one, sources_of_dropped_ones, sources_of_one_dropped_and_created_again, dropped, dropped_and_created_again, replaced_by_a_table, with_another_storage,
           reassigned_with_another_storage])
