#!/usr/bin/python3 -B
"""Alters the columns of a table, directly, through a parent or through its type, and the types of its columns, and
compares stream tables that read whole rows, or columns by name, with their queries, and with the text of the query that
a dump would contain.

Each kind of table and change; each stream table is read before and after the change, and after changes of rows."""

import itertools
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

db = Database()
random = dice()

# `r` has the name that the extension gives to an anonymous row.
COLUMNS = "id int, k int, n numeric, m mood, a addr, j int, r text"
TABLE_COLUMNS = COLUMNS + ", g int GENERATED ALWAYS AS (id * 2) STORED"
# How t is made, and what is altered.
KINDS = {
    "table": (f"CREATE TABLE t ({TABLE_COLUMNS})", "t"),
    "partition": (f"CREATE TABLE p ({TABLE_COLUMNS}) PARTITION BY RANGE (id); CREATE TABLE t PARTITION OF p DEFAULT", "p"),
    "partition of a partition": (f"CREATE TABLE p ({TABLE_COLUMNS}) PARTITION BY RANGE (id); CREATE TABLE q PARTITION OF p DEFAULT PARTITION BY LIST (k); "
                                 "CREATE TABLE t PARTITION OF q DEFAULT", "p"),
    "child": (f"CREATE TABLE p ({TABLE_COLUMNS}); CREATE TABLE t () INHERITS (p)", "p"),
    "typed table": (f"CREATE TYPE p AS ({COLUMNS}); CREATE TABLE t OF p", "type"),
}
# The changes of a table; {t}: the table. For one of a type: the statements for that, or none.
CHANGES = {
    "add": (["ALTER TABLE {t} ADD COLUMN w int DEFAULT 4"], ["ALTER TYPE p ADD ATTRIBUTE w int CASCADE"]),
    "drop": (["ALTER TABLE {t} DROP COLUMN j"], ["ALTER TYPE p DROP ATTRIBUTE j CASCADE"]),
    "rename": (["ALTER TABLE {t} RENAME COLUMN k TO kk"], ["ALTER TYPE p RENAME ATTRIBUTE k TO kk CASCADE"]),
    "swap": (["ALTER TABLE {t} RENAME COLUMN k TO kk", "ALTER TABLE {t} RENAME COLUMN j TO k"],
             ["ALTER TYPE p RENAME ATTRIBUTE k TO kk CASCADE", "ALTER TYPE p RENAME ATTRIBUTE j TO k CASCADE"]),
    "widen": (["ALTER TABLE {t} ALTER COLUMN n TYPE double precision"], ["ALTER TYPE p ALTER ATTRIBUTE n TYPE double precision CASCADE"]),
    "scale": (["ALTER TABLE {t} ALTER COLUMN n TYPE numeric(10, 2)"], ["ALTER TYPE p ALTER ATTRIBUTE n TYPE numeric(10, 2) CASCADE"]),
    "compute": (["ALTER TABLE {t} ALTER COLUMN n TYPE numeric USING n + 100"], None),
    "compute one that is read in rows only": (["ALTER TABLE {t} ALTER COLUMN j TYPE int USING j + 100"], None),
    "expression": (["ALTER TABLE {t} ALTER COLUMN g SET EXPRESSION AS (id * 3)"], None),
    "label": (["ALTER TYPE mood RENAME VALUE 'sad' TO 'blue'"],) * 2,
    "add an attribute": (["ALTER TYPE addr ADD ATTRIBUTE zip text"],) * 2,
    "rename an attribute": (["ALTER TYPE addr RENAME ATTRIBUTE no TO number"],) * 2,
}
SHAPES = {
    "by_name": "SELECT id, {k} AS k, n FROM t",
    "as_json": "SELECT to_jsonb(t) AS x FROM t",
    "as_text": "SELECT t::text AS x FROM t",
    "aggregated": "SELECT jsonb_agg(t ORDER BY id) AS x FROM t",
    "grouped": "SELECT t::text AS x, count(*) AS c FROM t GROUP BY 1",
    "by_view": "SELECT to_jsonb(v.whole) AS x FROM v",
    "anonymous": "SELECT id, to_jsonb(s) AS x FROM (SELECT id, {k} AS k, m FROM t) AS s",
    "anonymous_group": "SELECT to_jsonb(s) AS x FROM (SELECT {k} AS k, count(*) AS c FROM t GROUP BY {k}) AS s",
    "generated": "SELECT id, g FROM t WHERE g > 2",
    "joined": "SELECT to_jsonb(s) AS x, t.r FROM (SELECT id, n FROM t) AS s JOIN t ON t.id = s.id",
    "upon": "SELECT to_jsonb(by_name) AS x FROM by_name",
}


def shapes_of(kind):
    return [name for name in SHAPES if name != "generated" or KINDS[kind][1] != "type"]


def rows_of(relation):
    return db.run(f"SELECT row::text FROM ({relation}) AS row ORDER BY 1")


def compare(names, when, column):
    for name in random.sample(names, len(names)):
        shown = rows_of(f"TABLE {name}")
        right = rows_of(SHAPES[name].format(k=column))
        assert shown == right, f"{name}, {when}: {shown}\n for {right}"
        text = db.value("SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_name = %s", name)
        assert shown == rows_of(text), f"{name}, {when}: the text has become {text}"


def change_rows():
    label = db.value("SELECT min(m) FROM unnest(enum_range(NULL::mood)) AS m")
    last = db.value("SELECT max(id) FROM t")
    db.run(f"INSERT INTO t (id, n, m, r) VALUES ({last + 1}, 7, '{label}', 'new')")
    if random.random() < 0.5:
        db.run(f"UPDATE t SET r = r || '!' WHERE id = {random.randint(1, last)}")
    else:
        db.run(f"DELETE FROM t WHERE id = {random.randint(1, last)}")


def alter(kind, change):
    set_up, altered = KINDS[kind]
    db.run("DROP SCHEMA IF EXISTS altered CASCADE; CREATE SCHEMA altered; SET search_path = altered")
    db.run("CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE addr AS (street text, no int); " + set_up)
    db.run("INSERT INTO t SELECT g, g % 3, g, CASE g % 2 WHEN 0 THEN 'sad' ELSE 'ok' END::mood, ROW('x'::text, g)::addr, g * 10, 'r' || g FROM generate_series(1, 6) AS g")
    db.run("CREATE VIEW v AS SELECT t AS whole FROM t")
    names = shapes_of(kind)
    for name in names:
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1d')", name, SHAPES[name].format(k="k"))
    compare(names, f"{kind}, {change}, before", "k")
    for statement in CHANGES[change][altered == "type"]:
        db.run(statement.format(t=altered))
    column = "kk" if change in ("rename", "swap") else "k"
    for number in range(3):
        compare(names, f"{kind}, {change}, after {number} changes", column)
        change_rows()
    db.run("SELECT pgtrickle.refresh_stream_table(%s)", random.choice(names))
    compare(names, f"{kind}, {change}, at last", column)


def cases():
    for kind, change in itertools.product(KINDS, CHANGES):
        if CHANGES[change][KINDS[kind][1] == "type"] is None or (change == "expression" and db.session.server_version < 170000):
            continue

        def case(kind=kind, change=change):
            alter(kind, change)
        case.__name__ = f"{change} of {kind}".replace(" ", "_")
        yield case


try:
    db.run("SET client_min_messages = warning; SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error")
    run_cases(list(cases()))
finally:
    db.drop()
