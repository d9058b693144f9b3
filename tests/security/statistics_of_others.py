#!/usr/bin/python3 -B
"""Shows that planning a statement calls operators of a role with no value of a stream table that PostgreSQL, for a table in the
same place, would not call them with.

The planner estimates a condition by calling its operator with values of the statistics. PostgreSQL decides by the relation that
the query names: its policies, and the privileges of the role or of the view's owner. Each shape of a relation, in each place, with
each set of privileges, exists with a table and with a stream table; a role plans each condition over both by each way."""

import contextlib
import itertools
import re
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER, VIEWER, READER = "so_owner", "so_viewer", "so_reader"
SEEN = re.compile(r"seen: (\S+)")
# The columns, and 400 rows of few values each, so that the statistics have them as most common ones.
COLUMNS = "id int, who text, secret text"
ROWS = "SELECT i AS id, CASE i % 2 WHEN 0 THEN 'so_reader' ELSE 'so_nobody' END AS who, 'S' || i % 10 AS secret FROM generate_series(1, 400) i"
SHAPES = {"heap": "", "partitioned": ", partition_by 'LIST (who, ''so_reader'', ''so_nobody'')'"}
# How a relation {r} is below a parent {p}, with a policy or without.
PLACES = {
    "alone": "",
    "child": "CREATE TABLE {p} ({columns}); {alter} {r} INHERIT {p}",
    "partition": "CREATE TABLE {p} ({columns}) PARTITION BY RANGE (id); ALTER TABLE {p} ATTACH PARTITION {r} FOR VALUES FROM (0) TO (1000)",
    "grandchild": "CREATE TABLE {p} ({columns}); CREATE TABLE {p}_middle () INHERITS ({p}); {alter} {r} INHERIT {p}_middle",
}
POLICY = "CREATE POLICY own_rows ON {p} USING (who = current_user); ALTER TABLE {p} ENABLE ROW LEVEL SECURITY"
# Privileges that a role has on the relation itself and on its parent.
PRIVILEGES = {"none": None, "columns": "SELECT (id, who)", "all": "SELECT"}
WAYS = {
    "directly": "",
    "view": "CREATE VIEW {name} AS SELECT * FROM {read}",
    "barrier": "CREATE VIEW {name} WITH (security_barrier) AS SELECT * FROM {read} WHERE who = current_user",
    "subquery": "CREATE VIEW {name} AS SELECT * FROM (SELECT * FROM {read} OFFSET 0) s",
}
CONDITIONS = ("secret {o} 'x'", "who {o} 'x'", "(secret || '') {o} 'x'", "secret {o} ANY ('{{x,y}}')", "NOT secret {o} 'x' AND who = 'so_nobody'",
              "EXISTS (SELECT FROM so.small WHERE small.secret {o} r.secret)")
PREPARE = f"""
CREATE SCHEMA so AUTHORIZATION {OWNER}; GRANT USAGE ON SCHEMA so TO {VIEWER}, {READER};
GRANT USAGE ON FOREIGN SERVER pgtrickle TO {OWNER}; CREATE SCHEMA sv AUTHORIZATION {VIEWER}; GRANT USAGE ON SCHEMA sv TO {READER};
SET ROLE {OWNER};
CREATE TABLE so.rows AS {ROWS};
CREATE TABLE so.small AS SELECT 'T' || i AS secret FROM generate_series(1, 3) i; GRANT SELECT ON so.small TO PUBLIC; ANALYZE so.small;
RESET ROLE"""
PEEK = """CREATE FUNCTION pg_temp.peek(a text, b text) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS
  $$ BEGIN RAISE NOTICE 'seen: %', a; RAISE NOTICE 'seen: %', b; RETURN a < b; END $$;
CREATE OPERATOR pg_temp.<<<< (leftarg = text, rightarg = text, procedure = pg_temp.peek, restrict = scalarltsel, join = scalarltjoinsel)"""


def make_relation(name, shape, is_stream):
    if is_stream:
        db.run(f"CREATE FOREIGN TABLE {name} ({COLUMNS}) SERVER pgtrickle "
               f"OPTIONS (query 'SELECT id, who, secret FROM so.rows', schedule '520w'{SHAPES[shape]})")
    else:
        db.run(f"CREATE TABLE {name} AS SELECT * FROM so.rows")
    db.run(f"CREATE INDEX ON {name} ((secret || '')); CREATE STATISTICS {name}_s ON (secret || ''), who FROM {name}; ANALYZE {name}")


def make_case(number, shape, place, has_policy, on_relation, on_parent, is_stream):
    """Creates the relation of a case, and views over it by both other roles. Returns by which names the reader reads it."""
    kind = "stream" if is_stream else "plain"
    name = f"so.{kind}_{number}"
    parent = f"{name}_parent" if place != "alone" else name
    alter = "ALTER FOREIGN TABLE" if is_stream else "ALTER TABLE"
    db.run(f"SET ROLE {OWNER}")
    make_relation(name, shape, is_stream)
    db.run(PLACES[place].format(p=parent, r=name, columns=COLUMNS, alter=alter) or "SELECT")
    if has_policy:
        db.run(POLICY.format(p=parent))
    for relation, privileges in ((name, on_relation), (parent, on_parent)):
        if PRIVILEGES[privileges]:
            db.run(f"GRANT {PRIVILEGES[privileges]} ON {relation} TO {VIEWER}, {READER}")
    names = {}
    for (way, statement), (role, schema) in itertools.product(WAYS.items(), ((OWNER, "so"), (VIEWER, "sv"))):
        names[way, role] = f"{schema}.{kind}_{number}_{way}" if statement else parent
        if statement:
            db.run(f"SET ROLE {role}")
            with contextlib.suppress(psycopg2.errors.InsufficientPrivilege):
                db.run(statement.format(name=names[way, role], read=parent) + f"; GRANT SELECT ON {names[way, role]} TO {READER}")
    db.run("RESET ROLE")
    return names


def seen(session, name, condition):
    cursor = session.cursor()
    del session.notices[:]
    with contextlib.suppress(psycopg2.Error):
        cursor.execute(f"EXPLAIN SELECT count(*) FROM {name} r WHERE {condition.format(o='OPERATOR(pg_temp.<<<<)')}")
    return {value for notice in session.notices for value in SEEN.findall(notice)}


def cases():
    for shape, place in itertools.product(SHAPES, PLACES):
        for has_policy, on_relation, on_parent in itertools.product((False, True), PRIVILEGES, PRIVILEGES):
            is_needless = shape == "partitioned" and (place == "grandchild" or on_relation != "all")
            if not is_needless and (place != "alone" or (not has_policy and on_relation == on_parent)):
                yield shape, place, has_policy, on_relation, on_parent


def operators_see_the_values_that_postgresql_shows():
    found, shown = [], 0
    with contextlib.closing(db.connect(user=READER)) as session:
        session.cursor().execute(PEEK)
        for number, case in enumerate(cases()):
            plain, stream = (make_case(number, *case, is_stream) for is_stream in (False, True))
            for way, condition in itertools.product(plain, CONDITIONS):
                more = seen(session, stream[way], condition) - seen(session, plain[way], condition)
                shown += len(seen(session, stream[way], condition))
                if more:
                    found.append((case, way, condition, sorted(more)[:3]))
    assert shown > 1000, f"only {shown} values were shown"
    assert not found, f"{len(found)}: {found[:5]}"


try:
    for role in (OWNER, VIEWER, READER):
        db.run(f"CREATE ROLE {role} LOGIN")
    db.run(PREPARE)
    run_cases([operators_see_the_values_that_postgresql_shows])
finally:
    db.drop()
    db.admin(f"DROP ROLE IF EXISTS {OWNER}, {VIEWER}, {READER}")
