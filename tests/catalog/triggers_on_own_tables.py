#!/usr/bin/python3 -B
"""Shows that no trigger can be created on the tables of the extension, nor on heaps and logs, whose rows it changes without
firing triggers: a tool that follows a table by a trigger, as pg_repack does, would lose these changes."""

import itertools
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

KINDS = [
    "TRIGGER zz AFTER INSERT OR UPDATE OR DELETE ON {} FOR EACH ROW",
    "TRIGGER zz BEFORE UPDATE ON {} FOR EACH ROW",
    "TRIGGER zz AFTER TRUNCATE ON {} FOR EACH STATEMENT",
    "OR REPLACE TRIGGER zz AFTER INSERT ON {} REFERENCING NEW TABLE AS n FOR EACH STATEMENT",
    "CONSTRAINT TRIGGER zz AFTER DELETE ON {} DEFERRABLE INITIALLY DEFERRED FOR EACH ROW",
]
OWN_TABLES = """SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND nspname IN ('pgtrickle', 'pg_trickle_storage', 'pg_trickle_log') ORDER BY 1"""
db = Database()


def error_of(statement):
    try:
        db.run(statement)
    except psycopg2.Error as error:
        return error.pgcode
    return None


def triggers_on_own_tables_are_refused():
    tables = [name for name, in db.run(OWN_TABLES)]
    assert {"pgtrickle", "pg_trickle_storage", "pg_trickle_log"} == {name.split(".")[0] for name in tables}, tables
    for table, kind in itertools.product(tables, KINDS):
        found = error_of(f"CREATE {kind.format(table)} EXECUTE FUNCTION nothing()")
        assert found == "0A000", (table, kind, found)


def triggers_on_users_tables_are_created():
    for kind in KINDS:
        assert error_of(f"CREATE {kind.format('source')} EXECUTE FUNCTION nothing()") is None, kind
        db.run("DROP TRIGGER zz ON source")


def a_role_without_the_privilege_gets_the_usual_error():
    db.let_own_stream_tables("stranger_to_tables")
    db.run("SET ROLE stranger_to_tables")
    try:
        for table, wanted in [("pgtrickle.pgt_state", "42501"), ("pg_trickle_storage.nothing", "42501"), ("nothing", "42P01")]:
            found = error_of(f"CREATE {KINDS[0].format(table)} EXECUTE FUNCTION nothing()")
            assert found == wanted, (table, found)
    finally:
        db.run("RESET ROLE")


try:
    db.run("CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'")
    db.run("CREATE TABLE source (id int PRIMARY KEY); INSERT INTO source VALUES (1)")
    db.run("SELECT pgtrickle.create_stream_table('kept', 'SELECT id FROM source', '0s')")
    db.run("SELECT pgtrickle.create_stream_table('parted', 'SELECT id FROM source', '0s', partition_by => 'HASH (id, 2)')")
    run_cases([triggers_on_own_tables_are_refused, triggers_on_users_tables_are_created, a_role_without_the_privilege_gets_the_usual_error])
finally:
    db.drop()
