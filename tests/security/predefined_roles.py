#!/usr/bin/python3 -B
"""Shows that pg_read_all_data and pg_write_all_data do not reach what is the extension's own: a row written into a change
log would be taken for what it says, and crash a worker, and one read from there passes by the policies of its source.
What these roles are for, reading and writing tables and stream tables, still works, also for owners of stream tables."""

import io
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
INTERNAL = """SELECT c.oid::regclass::text, n.nspname, (SELECT quote_ident(attname) FROM pg_attribute a WHERE attrelid = c.oid AND attnum = 1)
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE (n.nspname ~ '^pg_trickle_' OR n.nspname = 'pgtrickle' AND relkind = 'r') AND relkind IN ('r', 'p', 'v', 'm')
  UNION ALL SELECT c.oid::regclass::text, 'pg_trickle_log', 'chunk_id' FROM pg_class o JOIN pg_class c ON c.oid = o.reltoastrelid WHERE o.relnamespace = 'pg_trickle_log'::regnamespace ORDER BY 1"""
ROLES = {"pd_reader": "pg_read_all_data", "pd_writer": "pg_write_all_data", "pd_both": "pg_read_all_data, pg_write_all_data"}


def as_role(role):
    session = db.connect()
    session.cursor().execute(f"SET SESSION AUTHORIZATION {role}")
    return session.cursor()


def state_of(cursor, statement):
    try:
        if statement.startswith("COPY"):
            cursor.copy_expert(statement, io.StringIO())
        else:
            cursor.execute(statement)
        return None
    except psycopg2.Error as error:
        return error.pgcode


def set_up():
    db.run("CREATE TABLE src (id int PRIMARY KEY, k int, v text); INSERT INTO src VALUES (1, 1, 'a'); CREATE TABLE part (id int, k int) PARTITION BY LIST (k); CREATE TABLE part_1 PARTITION OF part DEFAULT")
    for name, query in (("kept", "SELECT id, k, v FROM src"), ("grouped", "SELECT k, count(*) AS n, min(v) AS least FROM src GROUP BY k"), ("upon", "SELECT n FROM grouped"), ("parts", "SELECT * FROM part")):
        db.run(f"SELECT pgtrickle.create_stream_table('{name}', '{query}', '1h', 'DIFFERENTIAL')")
    for role, roles in ROLES.items():
        db.run(f"CREATE ROLE {role}; GRANT {roles} TO {role}; CREATE SCHEMA {role} AUTHORIZATION {role}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {role}")


def nothing_of_the_extension_is_reached():
    reached = []
    internal = db.run(INTERNAL)
    assert any(schema == "pg_trickle_log" for _, schema, _ in internal) and any(schema == "pg_trickle_storage" for _, schema, _ in internal)
    for role in ROLES:
        cursor = as_role(role)
        for relation, schema, column in internal:
            for statement in (f"SELECT * FROM {relation}", f"SELECT count(*) FROM {relation}", f"COPY {relation} TO STDOUT", f"INSERT INTO {relation} DEFAULT VALUES",
                              f"UPDATE {relation} SET {column} = NULL", f"DELETE FROM {relation}", f"COPY {relation} FROM STDIN", f"WITH d AS (DELETE FROM {relation} RETURNING 1) SELECT count(*) FROM d",
                              f"MERGE INTO {relation} USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE", f"SELECT * FROM {relation} FOR UPDATE", f"TRUNCATE {relation}",
                              f"INSERT INTO {role}.copied SELECT 1 FROM {relation}", f"LOCK TABLE {relation} IN ACCESS EXCLUSIVE MODE"):
                is_for_dump = schema == "pgtrickle" and role != "pd_writer" and statement.startswith(("SELECT", "COPY")) and not statement.endswith(("FOR UPDATE", "FROM STDIN"))
                cursor.execute("BEGIN")
                state = state_of(cursor, statement)
                cursor.execute("ROLLBACK")
                if state is None and not is_for_dump:
                    reached.append(f"{role}: {statement}")
    assert not reached, f"{len(reached)}: {reached[:10]}"


def not_by_a_view_or_a_function_of_theirs():
    log = db.value("SELECT oid::regclass::text FROM pg_class WHERE relname ~ '^log_' LIMIT 1")
    cursor = as_role("pd_both")
    assert state_of(cursor, f"CREATE VIEW pd_both.seen AS SELECT * FROM {log}") is None
    assert state_of(cursor, "SELECT * FROM pd_both.seen") == "42501"
    assert state_of(cursor, "DELETE FROM pd_both.seen") == "42501"
    assert state_of(cursor, "BEGIN; LOCK TABLE pd_both.seen; ROLLBACK") == "42501"
    cursor.execute("ROLLBACK")
    assert state_of(cursor, f"CREATE FUNCTION pd_both.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM {log}; SELECT 1'") is None
    db.run("GRANT USAGE ON SCHEMA pd_both TO pd_reader; GRANT EXECUTE ON FUNCTION pd_both.f() TO PUBLIC")
    for role in "pd_both", "pd_reader":
        assert state_of(as_role(role), "SELECT pd_both.f()") == "42501"


def tables_and_stream_tables_are_read_and_written():
    writer = as_role("pd_both")
    for route in "on", "off":
        for mode in "refresh", "exact":
            writer.execute("INSERT INTO src SELECT 1 + max(id), 2, 'b' FROM src")
            writer.execute(f"SET pg_trickle.enable_expansion = {route}; SET pg_trickle.read_mode = {mode}; SET pg_trickle.max_staleness = 0")
            for name, query in (("kept", "SELECT id, k, v FROM src"), ("grouped", "SELECT k, count(*) AS n, min(v) AS least FROM src GROUP BY k"), ("upon", "SELECT count(*) FROM src GROUP BY k")):
                writer.execute(f"SELECT * FROM {name}")
                found = writer.fetchall()
                writer.execute(query)
                assert sorted(found) == sorted(writer.fetchall()), (name, route, mode)


def an_owner_may_be_their_member():
    cursor = as_role("pd_both")
    cursor.execute("CREATE TABLE pd_both.t (id int PRIMARY KEY, v int); INSERT INTO pd_both.t VALUES (1, 2)")
    for mode in "DIFFERENTIAL", "FULL":
        cursor.execute("SELECT pgtrickle.create_stream_table(%s, 'SELECT v, max(id) AS most FROM pd_both.t GROUP BY v', '1s', %s)", (f"pd_both.st_{mode}".lower(), mode))
        cursor.execute(f"INSERT INTO pd_both.t SELECT max(id) + 1, 3 FROM pd_both.t; SELECT pgtrickle.refresh_stream_table('pd_both.st_{mode}')".lower())
        cursor.execute(f"SELECT pgtrickle.repair_stream_table('pd_both.st_{mode}')".lower())
        cursor.execute(f"CREATE INDEX ON pd_both.st_{mode} (most)".lower())
        cursor.execute(f"SELECT * FROM pd_both.st_{mode} ORDER BY 1".lower())
        assert cursor.fetchall()[-1][0] == 3
    db.run("SET pg_trickle.enabled = on; INSERT INTO pd_both.t VALUES (100, 100)")
    db.wait_for("SELECT count(*) FROM pd_both.st_differential WHERE v = 100", 1)


try:
    set_up()
    run_cases([nothing_of_the_extension_is_reached, not_by_a_view_or_a_function_of_theirs, tables_and_stream_tables_are_read_and_written, an_owner_may_be_their_member])
finally:
    db.drop()
    db.admin(f"DROP ROLE IF EXISTS {', '.join(ROLES)}")
