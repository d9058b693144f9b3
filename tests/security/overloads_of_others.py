#!/usr/bin/python3 -B
"""Shows that ALTER COLUMN TYPE and IMPORT FOREIGN SCHEMA, which analyze a query again from its text, do not put another role's
function into it: one that was created since, in a schema that roles share, and whose arguments fit better than those of the
function that the query calls. Functions of roles whose code the query runs anyway are found, as in a new query."""

import contextlib
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER, STRANGER = "overloads_owner", "overloads_stranger"
CALLED = """
CREATE FUNCTION public.one(anyelement) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION public.compatible(anycompatible, anycompatible) RETURNS anycompatible LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION public.of_array(anyarray) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1[1]; END';
CREATE FUNCTION public.variadic(VARIADIC anyarray) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1[1]; END';
CREATE FUNCTION public.defaulted(anyelement, int DEFAULT 7) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION public.cast_to(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END';
CREATE FUNCTION public.rows(anyelement) RETURNS SETOF anyelement LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN NEXT $1; END';
CREATE FUNCTION public.same(anyelement, anyelement) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 = $2; END';
CREATE OPERATOR public.=== (leftarg = anyelement, rightarg = anyelement, procedure = public.same);
CREATE FUNCTION public.step(anyelement, anyelement) RETURNS anyelement LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN greatest($1, $2); END';
CREATE AGGREGATE public.largest(anyelement) (sfunc = public.step, stype = anyelement)"""
MARK = "LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE SQLSTATE 'HJ001'; END $$"
OVERLOADS = f"""
CREATE FUNCTION public.one(smallint) RETURNS smallint {MARK}; CREATE FUNCTION public.one(text) RETURNS text {MARK};
CREATE FUNCTION public.one(varchar) RETURNS varchar {MARK};
CREATE FUNCTION public.compatible(smallint, smallint) RETURNS smallint {MARK}; CREATE FUNCTION public.of_array(int[]) RETURNS int {MARK};
CREATE FUNCTION public.variadic(smallint, smallint) RETURNS smallint {MARK}; CREATE FUNCTION public.defaulted(smallint) RETURNS smallint {MARK};
CREATE FUNCTION public.cast_to(smallint) RETURNS int {MARK};
CREATE FUNCTION public.rows(smallint) RETURNS SETOF smallint {MARK};
CREATE FUNCTION public.same(smallint, smallint) RETURNS bool {MARK};
CREATE OPERATOR public.=== (leftarg = smallint, rightarg = smallint, procedure = public.same);
CREATE FUNCTION public.step(smallint, smallint) RETURNS smallint {MARK}; CREATE AGGREGATE public.largest(smallint) (sfunc = public.step, stype = smallint)"""
CALLS = ["public.one(s)", "public.one(v)", "public.compatible(s, s)", "public.of_array(a)", "public.variadic(s, s)", "public.defaulted(s)",
         "public.cast_to(s)", "s OPERATOR(public.===) s", "public.one(s) + round(s + 0.5)", "(SELECT public.one(s))"]
QUERIES = [f"SELECT id, v, {call} AS called FROM src" for call in CALLS] + [
    f"SELECT v, max(({call})::text) AS called FROM src GROUP BY v" for call in CALLS] + [
    "SELECT v, public.largest(s) AS called FROM src GROUP BY v", "SELECT id, v, public.largest(s) OVER (PARTITION BY v) AS called FROM src",
    "SELECT id, v, called FROM src, public.rows(s) called", "SELECT id, v, 1 AS called FROM src WHERE public.one(s) > 0",
    "SELECT x.id, x.v, y.id AS called FROM src x JOIN src y ON x.s OPERATOR(public.===) y.s",
    "SELECT v, 1 AS called FROM src GROUP BY v HAVING public.one(v) <> ''", "SELECT id, v, 1 AS called FROM src ORDER BY public.one(s), id LIMIT 2"]
MODES = ["AUTO", "FULL"]
ROWS = "SELECT array_agg(r::text ORDER BY r::text) FROM {} r"


def begin():
    db.let_own_stream_tables(OWNER, STRANGER)


def end():
    for role in (OWNER, STRANGER):
        db.run(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")
    db.drop()


def set_up(query, mode, overloads_by):
    db.run(f"DROP OWNED BY {OWNER}, {STRANGER} CASCADE; GRANT CREATE ON DATABASE {db.name} TO {OWNER}")
    db.let_own_stream_tables(OWNER, STRANGER)
    db.as_role(OWNER, "CREATE TABLE src (id int PRIMARY KEY, s smallint, v text, a int[]); "
               "INSERT INTO src SELECT i, i % 3, 'v' || i % 2, ARRAY[i] FROM generate_series(1, 6) i", CALLED,
               f"CREATE VIEW plain AS {query}", f"SELECT pgtrickle.create_stream_table('st', '{query.replace(chr(39), chr(39) * 2)}', '520w', '{mode}')")
    expected = db.value(ROWS.format("st"))
    db.run("DROP VIEW plain")
    if overloads_by is not None:
        db.as_role(overloads_by, OVERLOADS)
    return expected


def retype():
    """Returns the SQLSTATE of the statement."""
    try:
        db.as_role(OWNER, "ALTER TABLE src ALTER COLUMN v TYPE varchar(30)")
    except psycopg2.Error as error:
        return error.pgcode
    return None


def no_function_of_another_role_gets_into_a_query():
    for query in QUERIES:
        for mode in MODES:
            expected = set_up(query, mode, STRANGER)
            state = retype()
            assert state in (None, "0A000"), (query, mode, state)
            db.as_role(OWNER, "SELECT pgtrickle.repair_stream_table('st')")
            assert db.value(ROWS.format("st")) == expected, (query, mode, state, db.value(ROWS.format("st")))


def no_function_of_another_role_is_imported():
    for query in QUERIES:
        expected = set_up(query, "AUTO", None)
        db.as_role(OWNER, "CREATE SCHEMA source", f"CREATE MATERIALIZED VIEW source.st AS {query}", "CREATE SCHEMA target",
                   "CREATE MATERIALIZED VIEW source.plain AS SELECT id FROM src")
        db.as_role(STRANGER, OVERLOADS)
        db.as_role(OWNER, "IMPORT FOREIGN SCHEMA source LIMIT TO (plain) FROM SERVER pgtrickle INTO target")
        try:
            db.as_role(OWNER, "IMPORT FOREIGN SCHEMA source LIMIT TO (st) FROM SERVER pgtrickle INTO target")
        except psycopg2.Error as error:
            assert error.pgcode == "0A000", (query, error)
        else:
            assert db.value(ROWS.format("target.st")) == expected, query


def no_function_in_the_schema_of_the_extension_gets_into_a_query():
    """A role with CREATE there has an operator over one of its own."""
    for mode in MODES + ["DIFFERENTIAL"]:
        expected = set_up("SELECT id, v, s OPERATOR(public.===) s AS called FROM src", mode, None)
        db.run(f"GRANT CREATE ON SCHEMA pgtrickle TO {STRANGER}")
        db.as_role(STRANGER, f"CREATE FUNCTION pgtrickle.evil(smallint, smallint) RETURNS bool {MARK}",
                   "CREATE OPERATOR public.=== (leftarg = smallint, rightarg = smallint, procedure = pgtrickle.evil)")
        state = retype()
        assert state in (None, "0A000", "55000"), (mode, state)
        with contextlib.suppress(psycopg2.errors.FeatureNotSupported):  # the name of the operator is that of another one now
            db.as_role(OWNER, "SELECT pgtrickle.repair_stream_table('st')")
        assert db.value(ROWS.format("st")) == expected, mode


def functions_of_the_owner_are_found():
    for query in QUERIES[:2]:
        set_up(query, "AUTO", OWNER)
        state = retype()
        assert state == "HJ001", (query, state)


begin()
try:
    run_cases([no_function_of_another_role_gets_into_a_query, no_function_of_another_role_is_imported,
               no_function_in_the_schema_of_the_extension_gets_into_a_query, functions_of_the_owner_are_found])
finally:
    end()
