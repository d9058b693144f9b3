#!/usr/bin/python3 -B
"""Shows that pg_read_all_data and pg_write_all_data do not reach what is the extension's own: a row written into a change
log would be taken for what it says, and crash a worker; one read from there passes by the policies of its source; and
what refers to a heap keeps it from being replaced, so that refreshes fail. What these roles are for, reading and writing
tables and stream tables, still works, also for owners of stream tables."""

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
  UNION ALL SELECT c.oid::regclass::text, n.nspname, 'chunk_id' FROM pg_class o JOIN pg_class c ON c.oid = o.reltoastrelid JOIN pg_namespace n ON n.oid = o.relnamespace
  WHERE n.nspname ~ '^pg_trickle_|^pgtrickle$' ORDER BY 1"""
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
    db.run("CREATE ROLE pd_plain")
    for role, roles in ROLES.items():
        db.run(f"CREATE ROLE {role}; GRANT {roles} TO {role}; CREATE SCHEMA {role} AUTHORIZATION {role}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {role}")


# With privileges of the owner of the database, who dumps and restores it.
DUMPED = "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'pgtrickle'::regnamespace AND relkind = 'r' AND has_table_privilege('pg_database_owner', oid, 'SELECT')"


def nothing_of_the_extension_is_reached():
    reached = []
    internal, dumped = db.run(INTERNAL), {name for name, in db.run(DUMPED)}
    assert dumped and any(schema == "pg_trickle_log" for _, schema, _ in internal) and any(schema == "pg_trickle_storage" for _, schema, _ in internal)
    assert {"pg_trickle_log", "pg_trickle_storage", "pgtrickle"} <= {schema for name, schema, _ in internal if name.startswith("pg_toast.")}
    for role in ROLES:
        cursor = as_role(role)
        for relation, schema, column in internal:
            for statement in (f"SELECT * FROM {relation}", f"SELECT count(*) FROM {relation}", f"COPY {relation} TO STDOUT", f"INSERT INTO {relation} DEFAULT VALUES",
                              f"UPDATE {relation} SET {column} = NULL", f"DELETE FROM {relation}", f"COPY {relation} FROM STDIN", f"WITH d AS (DELETE FROM {relation} RETURNING 1) SELECT count(*) FROM d",
                              f"MERGE INTO {relation} USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE", f"SELECT * FROM {relation} FOR UPDATE", f"TRUNCATE {relation}",
                              f"INSERT INTO {role}.copied SELECT 1 FROM {relation}", f"LOCK TABLE {relation} IN ACCESS EXCLUSIVE MODE"):
                is_for_dump = relation in dumped and role != "pd_writer" and statement.startswith(("SELECT", "COPY")) and not statement.endswith(("FOR UPDATE", "FROM STDIN"))
                cursor.execute("BEGIN")
                state = state_of(cursor, statement)
                cursor.execute("ROLLBACK")
                if state is None and not is_for_dump:
                    reached.append(f"{role}: {statement}")
    assert not reached, f"{len(reached)}: {reached[:10]}"


# Statements that refer to a relation by its name, or alter it.
REFERRING = """CREATE VIEW {own}.seen AS SELECT * FROM {name}
CREATE VIEW {own}.seen AS SELECT (SELECT count(*) FROM {name}) AS n
CREATE MATERIALIZED VIEW {own}.seen AS SELECT * FROM {name} WITH NO DATA
CREATE TABLE {own}.seen AS SELECT * FROM {name} WITH NO DATA
CREATE TABLE {own}.seen (LIKE {name})
CREATE TABLE {own}.seen (r {name})
CREATE TABLE {own}.seen () INHERITS ({name})
CREATE TABLE {own}.seen OF {name}
CREATE DOMAIN {own}.seen AS {name}
CREATE FUNCTION {own}.seen() RETURNS SETOF {name} LANGUAGE plpgsql AS ''
CREATE FUNCTION {own}.seen(r {name}) RETURNS int LANGUAGE sql AS 'SELECT 1'
CREATE FUNCTION {own}.seen() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM {name}; END
CREATE FUNCTION {own}.seen() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM {name}'
CREATE RULE seen AS ON INSERT TO {own}.own DO ALSO SELECT * FROM {name}
CREATE RULE seen AS ON SELECT TO {name} DO INSTEAD SELECT 1
CREATE POLICY seen ON {own}.own USING (EXISTS (SELECT FROM {name}))
CREATE POLICY seen ON {name} USING (true)
CREATE STATISTICS {own}.seen ON (xmin::text), (xmax::text) FROM {name}
CREATE INDEX ON {name} ((1))
CREATE TRIGGER seen BEFORE INSERT ON {name} EXECUTE FUNCTION suppress_redundant_updates_trigger()
CREATE PUBLICATION seen FOR TABLE {name}
CREATE FOREIGN TABLE {own}.seen (n bigint) SERVER pgtrickle OPTIONS (query 'SELECT count(*) AS n FROM {name}')
SELECT pgtrickle.create_stream_table('{own}.seen', 'SELECT count(*) AS n FROM {name}', '1h', 'FULL')
ALTER TABLE {own}.own ADD COLUMN r {name}
ALTER TABLE {own}.own INHERIT {name}
ALTER TABLE {name} ADD CHECK (true)
ALTER TABLE {name} ADD COLUMN seen int
ALTER TABLE {name} SET SCHEMA {own}
ALTER VIEW {name} SET SCHEMA {own}
ALTER TABLE {name} RENAME TO seen
ALTER TABLE {name} OWNER TO CURRENT_USER
ALTER TABLE {name} DISABLE ROW LEVEL SECURITY
GRANT ALL ON {name} TO {own}
COMMENT ON TABLE {name} IS 'seen'
COMMENT ON VIEW {name} IS 'seen'
DROP TABLE {name}
DROP VIEW {name}
ANALYZE {name}
TRUNCATE {name}
PREPARE seen AS SELECT * FROM {name}
EXPLAIN SELECT * FROM {name}
DECLARE seen CURSOR FOR SELECT * FROM {name}
SELECT '{name}'::regclass
SELECT '{name}'::regtype
SELECT NULL::{name}
SELECT pg_relation_size('{name}')
DO 'BEGIN PERFORM FROM {name}; END'
SET LOCAL search_path = {schema}; CREATE VIEW {own}.seen AS SELECT * FROM {last}
SET LOCAL search_path = {schema}; ALTER TABLE {last} SET SCHEMA {own}""".splitlines()


def nothing_of_theirs_refers_to_what_is_reserved():
    for role in ROLES:
        as_role(role).execute(f"CREATE TABLE {role}.own (id int PRIMARY KEY, v int); INSERT INTO {role}.own VALUES (1, 2); SELECT pgtrickle.create_stream_table('{role}.of_own', 'SELECT count(*) AS n FROM {role}.own GROUP BY v', '1h', 'DIFFERENTIAL')")
    done, tried = [], 0
    reserved = [name for name, schema, _ in db.run(INTERNAL) if schema.startswith("pg_trickle_") and not name.startswith("pg_toast.")]
    for role in ROLES:
        cursor = as_role(role)
        for name in reserved:
            schema, last = name.split(".")
            for statement in REFERRING:
                statement = statement.format(own=role, name=name, schema=schema, last=last)
                cursor.execute("BEGIN")
                state = state_of(cursor, statement)
                cursor.execute("ROLLBACK")
                tried += 1
                if state not in ("42501", "42P01"):
                    done.append(f"{role}: {statement}: {state}")
    assert tried > 1000, tried
    assert not done, f"{len(done)}: {done[:10]}"


def not_by_a_view_or_a_function_of_theirs():
    log = db.value("SELECT oid::regclass::text FROM pg_class WHERE relname ~ '^log_' AND relkind = 'r' ORDER BY oid LIMIT 1")
    cursor = as_role("pd_both")
    cursor.execute(f"SET check_function_bodies = off; CREATE FUNCTION pd_both.f() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'DELETE FROM {log}; SELECT 1'")
    db.run("GRANT USAGE ON SCHEMA pd_both TO PUBLIC; GRANT EXECUTE ON FUNCTION pd_both.f() TO PUBLIC")
    for role in "pd_both", "pd_reader", "pd_plain":
        assert state_of(as_role(role), "SELECT pd_both.f()") == "42501"
    # Privileges on what a view reads are those of its owner, or of the reader.
    db.run(f"CREATE VIEW of_superuser AS SELECT * FROM {log}; ALTER VIEW of_superuser OWNER TO pd_both; GRANT ALL ON of_superuser TO pd_plain")
    views = ["of_superuser"]
    for n, (table,) in enumerate(db.run("SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'pgtrickle'::regnamespace AND relkind = 'r'")):
        for invoker in "off", "on":
            views += [f"pd_both.v_{n}_{invoker}", f"pd_both.w_{n}_{invoker}"]
            cursor.execute(f"CREATE VIEW {views[-2]} WITH (security_invoker = {invoker}) AS SELECT * FROM {table}; CREATE VIEW {views[-1]} AS SELECT * FROM {views[-2]}; GRANT ALL ON {views[-2]}, {views[-1]} TO pd_plain")
    plain, reached = as_role("pd_plain"), []
    for view in views:
        for of in cursor, plain:
            for statement in f"LOCK TABLE {view} IN ACCESS EXCLUSIVE MODE", f"LOCK TABLE {view} IN ROW SHARE MODE", f"DELETE FROM {view}", f"SELECT * FROM {view} FOR UPDATE":
                of.execute("BEGIN")
                if state_of(of, statement) is None:
                    reached.append(statement)
                of.execute("ROLLBACK")
    assert not reached, f"{len(reached)}: {reached[:10]}"
    db.run("DROP VIEW of_superuser")


def no_statistics_show_rows_of_logs_and_arrangements():
    db.run("CREATE TABLE hidden (id int PRIMARY KEY, k int, secret text); ALTER TABLE hidden ENABLE ROW LEVEL SECURITY; INSERT INTO hidden SELECT i, i % 5, 'secret ' || i FROM generate_series(1, 500) i")
    db.run("SELECT pgtrickle.create_stream_table('of_hidden', 'SELECT count(*) AS n FROM (SELECT DISTINCT k, secret FROM hidden) h JOIN src ON src.id = h.k GROUP BY h.k', '1h', 'DIFFERENTIAL')")
    db.run("CREATE TABLE named (id int, name text); INSERT INTO named SELECT i, 'secret ' || i FROM generate_series(1, 100) i")
    db.run("SELECT pgtrickle.create_stream_table('by_expression', 'SELECT o.id, count(*) AS n FROM named o JOIN (SELECT secret, count(*) AS c FROM hidden GROUP BY secret) h ON lower(h.secret) = o.name GROUP BY o.id', '1h', 'DIFFERENTIAL')")
    db.run("SELECT pgtrickle.create_stream_table('of_all', 'SELECT count(secret) AS n FROM hidden', '1h', 'DIFFERENTIAL')")
    for n in range(501, 540):
        db.run(f"INSERT INTO hidden VALUES ({n}, {n} % 5, 'secret {n}')")
    db.run("ANALYZE")
    seen = "SELECT count(*) FROM pg_stats WHERE concat(most_common_vals, histogram_bounds) ~ 'secret [0-9]|73656372657420'"
    assert db.value("SELECT count(*) FROM pg_stats WHERE tablename ~ '^st_[0-9]+_[0-9]+_expr'") > 0
    assert db.value(seen) > 3, "it can be seen in the statistics by a superuser"
    db.run("REVOKE SELECT ON named FROM PUBLIC; ALTER TABLE named ENABLE ROW LEVEL SECURITY")
    for role in ROLES:
        cursor = as_role(role)
        cursor.execute(seen)
        assert cursor.fetchall() == [(0,)], role
        cursor.execute("SELECT DISTINCT schemaname || '.' || tablename FROM pg_stats WHERE schemaname = 'pg_trickle_log' OR tablename ~ '^st_[0-9]+_[0-9]+' "
                       "OR schemaname = 'pgtrickle' AND NOT (schemaname || '.' || tablename)::regclass = ANY (SELECT unnest(extconfig) FROM pg_extension)")
        assert cursor.fetchall() == [], role
    assert db.value("SELECT count(*) FROM pg_stats WHERE schemaname = 'pgtrickle' AND tablename = 'pgt_state'") > 0


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
                wanted = writer.fetchall()
                assert sorted(found) == sorted(wanted), (name, route, mode, found, wanted)


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
    run_cases([nothing_of_the_extension_is_reached, nothing_of_theirs_refers_to_what_is_reserved, not_by_a_view_or_a_function_of_theirs, no_statistics_show_rows_of_logs_and_arrangements,
               tables_and_stream_tables_are_read_and_written, an_owner_may_be_their_member])
finally:
    db.drop()
    db.admin(f"DROP ROLE IF EXISTS pd_plain, {', '.join(ROLES)}")
