#!/usr/bin/python3
"""Shows CREATE EXTENSION where schema pgtrickle exists before, and DROP EXTENSION."""

import sys
import uuid
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from database import Database  # noqa: E402

db = Database()
role = "test_foreign_schema_" + uuid.uuid4().hex[:8]


def creation_error(*preparations):
    """Returns the error of CREATE EXTENSION after the preparations in a new database; None if it succeeds."""
    name = "test_" + uuid.uuid4().hex[:12]
    db.admin("CREATE DATABASE " + name)
    session = db.connect(name)
    try:
        cursor = session.cursor()
        for statement in preparations:
            cursor.execute(statement)
        try:
            cursor.execute("CREATE EXTENSION pg_trickle")
            return None
        except psycopg2.Error as error:
            return error.pgcode
    finally:
        session.close()
        db.admin("DROP DATABASE " + name)


def is_schema_left(*statements):
    """Returns whether the schema exists after CREATE EXTENSION, the statements, and DROP EXTENSION."""
    name = "foreign_schema_dropped"
    db.admin("CREATE DATABASE " + name)
    session = db.connect(name)
    try:
        for statement in ("CREATE EXTENSION pg_trickle", *statements, "DROP EXTENSION pg_trickle"):
            session.cursor().execute(statement)
        cursor = session.cursor()
        cursor.execute("SELECT to_regnamespace('pgtrickle') IS NOT NULL")
        return cursor.fetchone()[0]
    finally:
        session.close()
        db.admin("DROP DATABASE " + name)


def main():
    db.run(f"CREATE ROLE {role}")
    cases = {
        "a_schema_of_another_role_is_refused": ("42501", f"CREATE SCHEMA pgtrickle AUTHORIZATION {role}"),
        "a_schema_that_others_may_create_in_is_refused": ("42501", "CREATE SCHEMA pgtrickle", f"GRANT CREATE ON SCHEMA pgtrickle TO {role}"),
        "a_schema_with_functions_is_refused": ("42501", "CREATE SCHEMA pgtrickle", "CREATE FUNCTION pgtrickle.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
        "an_empty_schema_of_its_own_serves": (None, "CREATE SCHEMA pgtrickle"),
    }
    failed = 0
    for name, (wanted, *preparations) in cases.items():
        found = creation_error(*preparations)
        print(f"{'ok' if found == wanted else 'not ok'} {name}" + ("" if found == wanted else f": {found}"))
        failed += found != wanted
    for name, wanted, *statements in (("the_schema_goes_with_the_extension", False),
                                      ("unless_it_has_an_object_of_a_user", True, "CREATE TABLE pgtrickle.mine ()"),
                                      ("or_another_comment", True, "COMMENT ON SCHEMA pgtrickle IS 'kept'")):
        found = is_schema_left(*statements)
        print(f"{'ok' if found == wanted else 'not ok'} {name}")
        failed += found != wanted
    db.run(f"DROP ROLE {role}")
    db.drop()
    return 1 if failed else 0


sys.exit(main())
