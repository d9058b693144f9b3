#!/usr/bin/python3 -B
"""Shows that a role that may create objects in the schema of the extension cannot give a function of its own the name of one
of the extension's. Statements of refreshes and exact reads call these by name, with the rights of the owners of stream
tables, and a function whose arguments fit better would be called instead."""

import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
NAMES = "SELECT DISTINCT proname::text FROM pg_proc WHERE pronamespace = 'pgtrickle'::regnamespace ORDER BY 1"
OF_OTHERS = """SELECT p.oid::regprocedure::text FROM pg_proc p WHERE p.pronamespace = 'pgtrickle'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e') ORDER BY 1"""
BODY = "RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END'"
ROUTES = [
    "CREATE FUNCTION pgtrickle.{}(point) " + BODY,
    "CREATE OR REPLACE FUNCTION pgtrickle.{}(point, VARIADIC text[]) " + BODY,
    "CREATE AGGREGATE pgtrickle.{}(point) (sfunc = strange.step, stype = int)",
    "CREATE PROCEDURE pgtrickle.{}(point) LANGUAGE plpgsql AS 'BEGIN END'",
    "CREATE TYPE pgtrickle.{} AS RANGE (subtype = inet, multirange_type_name = strange.ranges)",
    "CREATE FUNCTION pgtrickle.own(point) " + BODY + "; ALTER FUNCTION pgtrickle.own(point) RENAME TO {}",
    "CREATE FUNCTION strange.{0}(point) " + BODY + "; ALTER ROUTINE strange.{0}(point) SET SCHEMA pgtrickle",
    "CREATE AGGREGATE strange.{0}(point) (sfunc = strange.step, stype = int); ALTER AGGREGATE strange.{0}(point) SET SCHEMA pgtrickle",
]
ALLOWED = ["CREATE FUNCTION pgtrickle.own(point) " + BODY, "CREATE OR REPLACE FUNCTION pgtrickle.own(point) " + BODY,
           "ALTER FUNCTION pgtrickle.own(point) RENAME TO own_too", "ALTER FUNCTION pgtrickle.own_too(point) COST 7",
           "CREATE FUNCTION strange.key_hash(point) " + BODY, "DROP FUNCTION pgtrickle.own_too(point)"]


def begin():
    db.run("DO $$ BEGIN CREATE ROLE overloading; EXCEPTION WHEN duplicate_object THEN END $$")
    db.run("GRANT CREATE ON SCHEMA pgtrickle TO overloading; CREATE SCHEMA strange AUTHORIZATION overloading")
    db.as_role("overloading", "CREATE FUNCTION strange.step(int, point) " + BODY)


def state_of(statement):
    try:
        db.run(statement)
    except psycopg2.Error as error:
        return error.pgcode
    return None


def no_route_leads_to_a_name_of_the_extension():
    names = [name for name, in db.run(NAMES)]
    assert {"key_hash", "extremum", "refresh_stream_table"} <= set(names)
    for role in ("overloading", "postgres"):
        db.run(f"SET ROLE {role}")
        found = {(name, route): state_of(route.format(f'"{name}"')) for name in names for route in ROUTES}
        db.run("RESET ROLE")
        # a type of the extension has its name for itself
        wrong = [each for each, state in found.items() if state not in ("42723", "42710")]
        assert not wrong, f"{role}: {len(wrong)} of {len(found)} are not refused: {wrong[:5]}"
    assert db.run(OF_OTHERS) == [], db.run(OF_OTHERS)


def names_of_others_are_theirs():
    db.run("SET ROLE overloading")
    for statement in ALLOWED:
        assert state_of(statement) is None, statement
    db.run("RESET ROLE")


def the_extension_is_created_again():
    db.run("DROP EXTENSION pg_trickle; DROP SCHEMA IF EXISTS pgtrickle; CREATE EXTENSION pg_trickle")
    assert db.run(OF_OTHERS) == []


begin()
try:
    run_cases([no_route_leads_to_a_name_of_the_extension, names_of_others_are_theirs, the_extension_is_created_again])
finally:
    db.run("RESET ROLE; DROP OWNED BY overloading CASCADE; DROP ROLE overloading")
    db.drop()
