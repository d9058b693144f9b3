#!/usr/bin/python3 -B
"""Shows that a statement asks for the privileges on a stream table that it would ask for on a table in the same place, and for no
others: what PostgreSQL removes from a statement before it is planned, such as a branch of CASE that is never taken, a WITH query
that nothing refers to, or a column of a subquery that nothing reads, requires none.

A table and a stream table have the same rows, and a role the same privileges on both. Each read of some columns, in each place of a
statement, has the same rows for both, or the same SQLSTATE; by a prepared statement also after another role has executed it."""

import contextlib
import itertools
import sys
import uuid
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
ROLE, OTHER = ("ra_" + uuid.uuid4().hex[:8] for _ in range(2))
PRIVILEGES = {"none": "", "id": "SELECT (id)", "id_g": "SELECT (id, g)", "all": "SELECT"}
# One value of a row each.
VALUES = ("id", "secret", "r.id + r.g", "r::text", "1")
SOURCES = ("{r} r", "(SELECT * FROM {r} OFFSET 0) r")
ROWS = "SELECT {v} AS v FROM {s}"
PLACES = {
    "alone": ROWS,
    "condition": "SELECT 1 FROM {s} WHERE ({v}) IS NOT NULL",
    "order": "SELECT 1 FROM {s} ORDER BY {v}",
    "group": "SELECT count(*) FROM {s} GROUP BY {v}",
    "aggregate": "SELECT count({v}) FROM {s}",
    "window": "SELECT count(*) OVER (PARTITION BY {v}) FROM {s}",
    "WITH": f"WITH w AS ({ROWS}) SELECT * FROM w",
    "WITH, materialized": f"WITH w AS MATERIALIZED ({ROWS}) SELECT * FROM w",
    "WITH, not referred to": f"WITH w AS ({ROWS}) SELECT 1",
    "WITH, referred to by one that is not": f"WITH w AS ({ROWS}), x AS (SELECT * FROM w) SELECT 1",
    "WITH RECURSIVE": f"WITH RECURSIVE w(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM w WHERE n < 3 AND EXISTS ({ROWS})) SELECT * FROM w",
    "set operation": f"{ROWS} EXCEPT {ROWS}",
    "EXISTS": f"SELECT a FROM own WHERE EXISTS ({ROWS})",
    "correlated": "SELECT a FROM own WHERE EXISTS (SELECT {v} FROM {s} WHERE r.id = own.a)",
    "value": f"SELECT a, ({ROWS} LIMIT 1) FROM own",
    "array": f"SELECT ARRAY({ROWS})",
    "lateral": f"SELECT l.v FROM own, LATERAL ({ROWS}) l",
    "column that is not read": f"SELECT a FROM (SELECT a, ({ROWS} LIMIT 1) FROM own) q",
    "CASE, never taken": f"SELECT CASE WHEN false THEN EXISTS ({ROWS}) END",
    "CASE, taken perhaps": f"SELECT CASE WHEN a > 9 THEN EXISTS ({ROWS}) END FROM own",
    "COALESCE": f"SELECT coalesce(true, EXISTS ({ROWS}))",
    "OR": f"SELECT a FROM own WHERE true OR EXISTS ({ROWS})",
    "AND": f"SELECT a FROM own WHERE false AND EXISTS ({ROWS})",
    "no rows": f"SELECT * FROM ({ROWS}) q WHERE false",
    "LIMIT 0": f"{ROWS} LIMIT 0",
    "outer join, removed": f"SELECT a FROM own LEFT JOIN (SELECT DISTINCT v FROM ({ROWS}) q) j ON j.v = 'x'::text",
    "set-returning function": f"SELECT * FROM generate_series(1, (SELECT count(v) FROM ({ROWS}) q))",
    "UPDATE": f"UPDATE own SET b = q.v::text FROM ({ROWS}) q",
    "DELETE": f"DELETE FROM own USING ({ROWS}) q WHERE own.b = q.v::text",
    "INSERT": f"INSERT INTO own (b) SELECT v::text FROM ({ROWS}) q",
    "ON CONFLICT": f"INSERT INTO own VALUES (1, 'x') ON CONFLICT (a) DO UPDATE SET b = (SELECT max(v::text) FROM ({ROWS}) q)",
    "RETURNING": f"UPDATE own SET b = 'x' RETURNING (SELECT max(v::text) FROM ({ROWS}) q)",
    "MERGE": f"MERGE INTO own USING ({ROWS}) q ON own.b = q.v::text WHEN MATCHED THEN DELETE",
    "EXPLAIN": f"EXPLAIN (COSTS OFF) {ROWS}",
    "function": f"DO $$ BEGIN PERFORM v FROM ({ROWS}) q; END $$",
    "cursor": f"DECLARE c CURSOR FOR {ROWS}",
    "CREATE TABLE AS": f"CREATE TEMP TABLE made AS {ROWS}",
    "CREATE TABLE AS, without rows": f"CREATE TEMP TABLE made AS {ROWS} WITH NO DATA",
}
MODES = ("", "SET LOCAL pg_trickle.read_mode = exact", "SET LOCAL pg_trickle.enable_expansion = off", "SET LOCAL pg_trickle.max_staleness = 0")


def set_up():
    for role in (ROLE, OTHER):
        db.run(f"CREATE ROLE {role} LOGIN")
    db.run("CREATE TABLE source (id int PRIMARY KEY, g int, secret text); INSERT INTO source SELECT i, i % 3, 'x' || i FROM generate_series(1, 9) i")
    db.run(f"CREATE TABLE own (a int PRIMARY KEY DEFAULT 5, b text); INSERT INTO own VALUES (1, '1'); ALTER TABLE own OWNER TO {ROLE}")
    for name, privileges in PRIVILEGES.items():
        db.run(f"CREATE TABLE plain_{name} AS TABLE source; SELECT pgtrickle.create_stream_table('stream_{name}', 'SELECT * FROM source', '520w')")
        for kind in ("plain", "stream"):
            db.run(f"CREATE INDEX ON {kind}_{name} (id)")
            if privileges:
                db.run(f"GRANT {privileges} ON {kind}_{name} TO {ROLE}")
            db.run(f"GRANT SELECT ON {kind}_{name} TO {OTHER}")


def outcome(cursor, mode, statement):
    """The rows of the statement, or its SQLSTATE; the statement is rolled back."""
    cursor.execute("BEGIN")
    try:
        cursor.execute(mode or "SELECT 1")
        cursor.execute(statement)
        is_of_rows = cursor.description is not None and not statement.startswith("EXPLAIN")
        return sorted(map(str, cursor.fetchall())) if is_of_rows else "done"
    except psycopg2.Error as error:
        return error.pgcode
    finally:
        cursor.execute("ROLLBACK")


def asks_as_for_a_table():
    found, denied, permitted = [], 0, 0
    with contextlib.closing(db.connect(user=ROLE)) as session:
        cursor = session.cursor()
        for mode, name, (place, text), value, source in itertools.product(MODES, PRIVILEGES, PLACES.items(), VALUES, SOURCES):
            plain, stream = (outcome(cursor, mode, text.format(v=value, s=source.format(r=f"{kind}_{name}"))) for kind in ("plain", "stream"))
            denied += plain == "42501"
            permitted += plain != "42501"
            if stream != plain:
                found.append((mode, name, place, value, source, plain, stream))
    assert denied > 1000 and permitted > 1000, f"{denied} statements were denied, {permitted} were not"
    assert not found, f"{len(found)}: {found[:5]}"


def a_plan_serves_the_role_that_it_was_made_for():
    """A generic plan that was made for a role without privileges is not one for the role that has them, nor the reverse."""
    with contextlib.closing(db.connect()) as session:
        cursor = session.cursor()
        plans = {}
        for first in (ROLE, OTHER):
            cursor.execute(f"SET plan_cache_mode = force_generic_plan; PREPARE p_{first} AS SELECT secret FROM stream_none")
            for role in (first, ROLE, OTHER):
                cursor.execute(f"SET ROLE {role}")
                try:
                    cursor.execute(f"EXPLAIN (COSTS OFF) EXECUTE p_{first}")
                    plans[first, role] = cursor.fetchall()
                except psycopg2.errors.InsufficientPrivilege:
                    plans[first, role] = None
                cursor.execute("RESET ROLE")
    assert plans[ROLE, ROLE] is None and plans[OTHER, ROLE] is None, plans
    assert plans[ROLE, OTHER] == plans[OTHER, OTHER], plans


try:
    set_up()
    run_cases([asks_as_for_a_table, a_plan_serves_the_role_that_it_was_made_for])
finally:
    db.drop()
    for role in (ROLE, OTHER):
        db.admin(f"DROP ROLE IF EXISTS {role}")
