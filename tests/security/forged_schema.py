#!/usr/bin/python3 -B
"""Shows that tables in a schema named pgtrickle mean nothing where the extension is not, by which role they are made, and with which
rows: no statement of any role ends a process, changes a relation of another role, runs code with its rights, or behaves otherwise
than without them; and no manager serves the database.

Each table of the extension is made once with its own columns, once with columns whose values are no pointers, and once with more
columns than it has, with rows about every relation of the database."""

import io
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

server = Server()
with_extension = Database(server.host)
NAME = "forged"
SETUP = """CREATE ROLE bob; CREATE SCHEMA bob AUTHORIZATION bob; SET ROLE bob;
CREATE TABLE bob.ledger (id int8 PRIMARY KEY, a int4, b int4, c int2, note text, more text); INSERT INTO bob.ledger VALUES (1, 1, 1, 1, 'x', 'y');
CREATE TABLE bob.a (i int); CREATE TABLE bob.b (i int); CREATE TABLE bob.c (i int); RESET ROLE;
CREATE TABLE public.of_superuser (i int); CREATE TABLE public.seen (who text); GRANT INSERT ON public.seen TO PUBLIC"""
# As mallory, who owns the database, and then as a superuser.
OWN = ["CREATE SCHEMA m", "CREATE TABLE m.p (x int)", "CREATE TABLE m.c () INHERITS (m.p)", "INSERT INTO m.c VALUES (1)",
       "CREATE TABLE m.parts (k int) PARTITION BY LIST (k)", "CREATE TABLE m.part PARTITION OF m.parts FOR VALUES IN (1)", "CREATE TABLE m.t ()",
       "CREATE VIEW m.v AS SELECT x FROM m.p", "CREATE MATERIALIZED VIEW m.mv AS SELECT x FROM m.p", "CREATE FUNCTION m.f(int) RETURNS int LANGUAGE sql AS 'SELECT $1'"]
USED = ["INSERT INTO m.p VALUES (1)", "UPDATE m.p SET x = 2", "COPY m.p FROM STDIN", "ALTER TABLE m.p ADD COLUMN y int", "ALTER TABLE m.p ALTER COLUMN y TYPE int8",
        "ALTER TABLE m.p RENAME COLUMN y TO z", "ALTER TABLE m.p RENAME TO p2", "ALTER TABLE m.p2 RENAME TO p", "ALTER TABLE m.c NO INHERIT m.p",
        "ALTER TABLE m.c INHERIT m.p", "ALTER TABLE m.parts DETACH PARTITION m.part", "ALTER TABLE m.parts ATTACH PARTITION m.part FOR VALUES IN (1)",
        "CREATE INDEX ON m.p (x)", "REFRESH MATERIALIZED VIEW m.mv", "CREATE OR REPLACE VIEW m.v AS SELECT x FROM m.p WHERE x > 0",
        "CREATE OR REPLACE FUNCTION m.f(int) RETURNS int LANGUAGE sql AS 'SELECT $1 + 1'", "SELECT count(*) FROM m.p, m.parts, m.v, m.mv", "TRUNCATE m.p CASCADE",
        "GRANT SELECT ON m.p TO PUBLIC", "CREATE POLICY p ON m.p USING (true)", "ALTER TABLE m.p ENABLE ROW LEVEL SECURITY", "DROP POLICY p ON m.p",
        "CREATE TRIGGER own BEFORE INSERT ON m.p FOR EACH STATEMENT EXECUTE FUNCTION suppress_redundant_updates_trigger()", "DROP TABLE m.c", "DROP TABLE m.t",
        "DROP TABLE m.part", "DROP VIEW m.v", "ANALYZE", "ALTER SCHEMA m RENAME TO n", "ALTER SCHEMA n RENAME TO m", "DROP SCHEMA m CASCADE"]
SUPERUSERS = ["CREATE SUBSCRIPTION s CONNECTION 'dbname=x' PUBLICATION p WITH (connect = false)", "ALTER SUBSCRIPTION s SET (slot_name = NONE)",
              "DROP SUBSCRIPTION s", "INSERT INTO public.of_superuser VALUES (1)", "ALTER TABLE public.of_superuser ADD COLUMN j int", "ALTER ROLE bob RENAME TO bob2",
              "ALTER ROLE bob2 RENAME TO bob", "ALTER TABLE bob.a ADD COLUMN j int", "ALTER TABLE bob.a DROP COLUMN j", "VACUUM"]


def tables():
    return with_extension.run("SELECT c.relname, array_agg(ARRAY[a.attname, format_type(a.atttypid, a.atttypmod)] ORDER BY a.attnum) "
                              "FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE relnamespace = 'pgtrickle'::regnamespace AND relkind = 'r' "
                              "AND attnum > 0 AND NOT attisdropped GROUP BY c.relname ORDER BY 1")


def value_of(type_name, segments):
    if type_name in ("oid", "regclass"):
        return "c.oid"
    if type_name == "oid[]":
        return segments
    values = {"boolean": "true", "smallint": "0", "integer": "0", "bigint": "1", "double precision": "1", "text": "'gate'", "name": "'gate'", "xid8": "NULL",
              "pg_snapshot": "'1:1:'", "smallint[]": "'{1}'", "integer[]": "'{1}'", '"char"[]': "'{i}'", "boolean[]": "'{t}'", "text[]": "'{x}'",
              "timestamp with time zone": "now()", "regtype": "'int'", "regrole": "'bob'", "interval": "'1s'", "jsonb": "'{}'", "json": "'{}'"}
    return values.get(type_name, "NULL")


def forge(run, shape, segments):
    """Makes the tables as mallory. shape: as they are, with columns of int8 instead of those with pointers, with more columns."""
    run("CREATE SCHEMA pgtrickle")
    for name, columns in tables():
        own = [(column, "int8" if shape == "numbers" and kind not in ("oid", "boolean", "smallint", "integer") else kind) for column, kind in columns]
        own += [(f"more{i}", "int8") for i in range(8)] if shape == "more" else []
        run(f"CREATE TABLE pgtrickle.{name} ({', '.join(f'{column} {kind}' for column, kind in own)})")
        values = ", ".join("1" if kind == "int8" else value_of(kind, segments) for _, kind in own)
        run(f"INSERT INTO pgtrickle.{name} SELECT {values} FROM pg_class c WHERE c.relkind IN ('r', 'p', 'm', 'v') AND c.relnamespace NOT IN "
            "('pg_catalog'::regnamespace, 'information_schema'::regnamespace, 'pgtrickle'::regnamespace)")
    run("CREATE FUNCTION pgtrickle.pgt_capture() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO public.seen VALUES (current_user); RETURN NULL; END$$")


def outcomes(shape=None, segments=None):
    """Returns what each statement led to in a new database, and the rows of others afterwards."""
    admin = with_extension.connect("postgres")
    run_admin = admin.cursor().execute
    for statement in (f"DROP DATABASE IF EXISTS {NAME} WITH (FORCE)", "DROP ROLE IF EXISTS bob", f"CREATE DATABASE {NAME} OWNER mallory"):
        run_admin(statement)
    superuser, mallory = with_extension.connect(NAME), with_extension.connect(NAME, user="mallory")
    superuser.cursor().execute(SETUP)
    found = []

    def run(session, statement):
        cursor = session.cursor()
        try:
            if statement.startswith("COPY"):
                cursor.copy_expert(statement, io.StringIO("7\n8\n"))
            else:
                cursor.execute(statement)
            found.append((statement, None))
        except psycopg2.OperationalError:
            raise
        except psycopg2.Error as error:
            found.append((statement, error.pgcode))

    for statement in OWN:
        run(mallory, statement)
    if shape:
        forge(mallory.cursor().execute, shape, segments)
    for statement in USED:
        run(mallory, statement)
    for statement in SUPERUSERS:
        run(superuser, statement)
    if shape:
        # A manager would start on a notice, and work through the rows.
        limit = time.monotonic() + 3
        while time.monotonic() < limit:
            cursor = superuser.cursor()
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle%' AND datname = current_database()")
            if cursor.fetchone()[0] > 0:
                break
            time.sleep(0.1)
    cursor = superuser.cursor()
    cursor.execute("SELECT (SELECT array_agg(l::text) FROM bob.ledger l), (SELECT count(*) FROM pg_class WHERE relnamespace = 'bob'::regnamespace), "
                   "(SELECT array_agg(who) FROM public.seen), (SELECT count(*) FROM pg_trigger)")
    found.append(cursor.fetchone())
    for session in superuser, mallory, admin:
        session.close()
    return found


def compare(shape, segments="ARRAY[c.oid, c.oid, c.oid]"):
    forged = outcomes(shape, segments)
    differing = [pair for pair in zip(plain, forged) if pair[0] != pair[1]]
    assert not differing, differing


def tables_of_the_same_columns():
    compare("same")


def tables_whose_logs_are_tables_of_another_role():
    compare("same", "(SELECT array_agg(oid) FROM pg_class WHERE relname IN ('a', 'b', 'c') AND relkind = 'r')")
    compare("same", "(SELECT ARRAY[oid, oid, oid] FROM pg_class WHERE relname = 'ledger')")


def tables_of_other_types():
    compare("numbers")


def tables_of_more_columns():
    compare("more")


try:
    with_extension.run("CREATE ROLE mallory LOGIN")
    plain = outcomes()
    run_cases([tables_of_the_same_columns, tables_whose_logs_are_tables_of_another_role, tables_of_other_types, tables_of_more_columns])
finally:
    server.destroy()
