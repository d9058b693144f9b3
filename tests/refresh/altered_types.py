#!/usr/bin/python3 -B
"""Alters composite types whose values are keys, and compares stream tables with their queries. Old values lack the new
attributes, and are equal to new ones that have NULL there; what is stored for an old value, as its hash, is another one
after the change.

Each kind of column, change and query; changes of rows come before and after the first refresh, in random order."""

import itertools
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

db = Database()
random = dice()

# name: (statements, type of the column, value for {0}, a value of the inner type)
KINDS = {
    "composite": ("CREATE TYPE inner_type AS (a int, b text)", "inner_type", "{0}"),
    "row type": ("CREATE TABLE inner_type (a int, b text)", "inner_type", "{0}"),
    "array": ("CREATE TYPE inner_type AS (a int, b text)", "inner_type[]", "ARRAY[{0}, NULL]"),
    "nested": ("CREATE TYPE inner_type AS (a int, b text); CREATE TYPE outer_type AS (i inner_type, n int)", "outer_type", "ROW({0}, 1)::outer_type"),
    "domain": ("CREATE TYPE inner_type AS (a int, b text); CREATE DOMAIN outer_type AS inner_type", "outer_type", "{0}::outer_type"),
}
OLD = "ROW({0}, 'x')::inner_type"
# name: (the change of a type, that of a table, a value of the inner type)
CHANGES = {
    "add": ("ADD ATTRIBUTE z int", "ADD COLUMN z int", "ROW({0}, 'x', NULL)::inner_type"),
    "drop": ("DROP ATTRIBUTE b", "DROP COLUMN b", "ROW({0})::inner_type"),
    "rename": ("RENAME ATTRIBUTE b TO y", "RENAME COLUMN b TO y", OLD),
    "add and drop": ("ADD ATTRIBUTE z int, DROP ATTRIBUTE b", "ADD COLUMN z int, DROP COLUMN b", "ROW({0}, NULL)::inner_type"),
}
SHAPES = {
    "rows": "SELECT id, o FROM t",
    "rows_without_key": "SELECT o, id % 3 AS n FROM t",
    "different": "SELECT DISTINCT o FROM t",
    "grouped": "SELECT o, count(*) AS n, min(id) AS least FROM t GROUP BY o",
    "counted": "SELECT id % 3 AS n, count(DISTINCT o) AS different FROM t GROUP BY id % 3",
    "united": "SELECT o FROM t UNION SELECT o FROM u",
    "common": "SELECT o FROM t INTERSECT ALL SELECT o FROM u",
    "others": "SELECT o FROM t EXCEPT SELECT o FROM u",
    "ranked": "SELECT id, o, rank() OVER (PARTITION BY o ORDER BY id) AS place FROM t",
    "first": "SELECT DISTINCT ON (o) o, id FROM t ORDER BY o, id",
    "joined": "SELECT t.id, u.id AS other FROM t JOIN u ON u.o = t.o",
    "outer_joined": "SELECT t.id, u.id AS other FROM t LEFT JOIN u ON u.o = t.o",
    "contained": "SELECT id FROM t WHERE o IN (SELECT o FROM u)",
    "not_contained": "SELECT id FROM t WHERE NOT EXISTS (SELECT FROM u WHERE u.o = t.o)",
}


def rows_of(relation):
    """As text, as PostgreSQL's own comparison of rows is what is tested; NULL and what is missing look the same."""
    return db.run(f"SELECT r::text FROM ({relation}) AS r ORDER BY 1")


def compare(when, names=tuple(SHAPES)):
    for name in names:
        query = SHAPES[name]
        # The answer shows one of several equal values.
        shown, right = rows_of(f"TABLE {name}"), rows_of(query)
        assert shown == right, f"{name}, {when}: {shown}\n for {right}"


def change_rows(value, ids):
    table = random.choice("tu")
    kind = random.random()
    if kind < 0.5:
        db.run(f"INSERT INTO {table} SELECT {next(ids)}, {value.format(random.randrange(4))}")
    elif kind < 0.75:
        db.run(f"DELETE FROM {table} WHERE id % {random.randint(3, 7)} = 0")
    else:
        db.run(f"UPDATE {table} SET o = {value.format(random.randrange(4))} WHERE id % {random.randint(3, 7)} = 1")


def alter(kind, change):
    statements, column, outside = KINDS[kind]
    of_type, of_table, new = CHANGES[change]
    db.run("DROP TABLE IF EXISTS t, u CASCADE; DROP TYPE IF EXISTS outer_type CASCADE")
    for old in "TABLE", "TYPE":
        if db.run("SELECT 1 FROM pg_class WHERE relname = 'inner_type' AND relkind = %s", "c" if old == "TYPE" else "r"):
            db.run(f"DROP {old} inner_type CASCADE")
    db.run(statements)
    for table in "tu":
        db.run(f"CREATE TABLE {table} (id int PRIMARY KEY, o {column}); INSERT INTO {table} SELECT g, {outside.format(OLD.format('g % 3'))} FROM generate_series(1, 12) g")
    if random.random() < 0.5:  # which the storages of some get, too
        db.run("CREATE INDEX ON t (o); CREATE INDEX ON u (o)")
    for name, query in SHAPES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1d')", name, query)
    compare(f"{kind}, {change}, before")
    db.run("ALTER TABLE inner_type " + of_table if kind == "row type" else "ALTER TYPE inner_type " + of_type)
    ids = itertools.count(100)
    for number in range(6):
        if random.random() < 0.5:  # the others are refreshed with these
            compare(f"{kind}, {change}, after {number} changes", random.sample(list(SHAPES), 2))
        change_rows(outside.format(new), ids)
        if number > 0 or random.random() < 0.5:
            compare(f"{kind}, {change}, after {number + 1} changes")


def cases():
    for kind, change in itertools.product(KINDS, CHANGES):
        def case(kind=kind, change=change):
            alter(kind, change)
        case.__name__ = f"{change}_of_{kind}".replace(" ", "_")
        yield case


try:
    db.run("SET client_min_messages = warning; SET pg_trickle.max_staleness = 0")
    run_cases(list(cases()))
finally:
    db.drop()
