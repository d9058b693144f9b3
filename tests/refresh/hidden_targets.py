#!/usr/bin/python3 -B
"""Shows that queries are kept right whose levels have targets that they do not show, such as keys of a grouping or of a window,
under DISTINCT and LIMIT; that their texts can be read again; and that names may contain the sign that refers to a state."""

import sys
from itertools import product
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
LEVELS = [
    "SELECT DISTINCT a FROM t GROUP BY a, b",
    "SELECT DISTINCT a, b FROM t GROUP BY a, b, c",
    "SELECT DISTINCT max(c) AS a FROM t GROUP BY b",
    "SELECT DISTINCT first_value(b) OVER (PARTITION BY a ORDER BY c) AS a FROM t",
    "SELECT DISTINCT a, row_number() OVER (PARTITION BY a, b ORDER BY c) AS b FROM t",
    "SELECT a FROM t GROUP BY a, b",
    "SELECT a, rank() OVER (ORDER BY b) AS b FROM t",
    "SELECT DISTINCT a FROM (SELECT a, b, c FROM t) x GROUP BY a, b, c",
    "SELECT DISTINCT a FROM t GROUP BY a, x",
]
LIMITS = ["LIMIT 2", "LIMIT 3 OFFSET 1", "OFFSET 2"]
MODES = ["DIFFERENTIAL", "IMMEDIATE"]
CHANGES = ["INSERT INTO t VALUES (3, 1, 1, '5'), (0, 1, 9, '6')", "UPDATE t SET b = b + 1 WHERE a = 1", "DELETE FROM t WHERE a = 0",
           "INSERT INTO t SELECT i % 4, i % 3, i, (i % 5)::text::xid FROM generate_series(1, 12) i", "DELETE FROM t WHERE c % 2 = 0"]


def is_right(name, query, what):
    wrong = db.run(f"(TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})")
    assert not wrong, (name, query, what, wrong)


def rows_are_distinct_by_what_is_shown():
    """A query that is ordered by all shown columns has one answer."""
    db.run("CREATE TABLE t (a int, b int, c int, x xid); INSERT INTO t VALUES (1, 1, 1, '1'), (1, 2, 2, '2'), (2, 1, 3, '3'), (2, 1, 4, '3')")
    kept = []
    for number, (level, limit, mode) in enumerate(product(LEVELS, LIMITS, MODES)):
        columns = "a, b" if "AS b" in level or "a, b FROM" in level else "a"
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => %s)", f"st{number}", f"SELECT {columns} FROM ({level} {limit}) q", mode)
        kept.append((f"st{number}", f"SELECT {columns} FROM ({level} ORDER BY {columns} {limit}) q"))
    db.run("SET pg_trickle.max_staleness = 0")
    for change in ["SELECT", *CHANGES]:
        db.run(change)
        for name, query in kept:
            is_right(name, query, change)
    for name, query in kept:
        text = db.value(f"SELECT option_value FROM pg_options_to_table((SELECT ftoptions FROM pg_foreign_table WHERE ftrelid = '{name}'::regclass)) WHERE option_name = 'query'")
        db.run(f"CREATE VIEW again AS {text}; DROP VIEW again")
        is_right(name, query, "at the end")


def names_contain_signs():
    db.run("""CREATE TYPE "grade#1" AS ENUM ('a', 'b', 'c'); CREATE COLLATION "c#1" FROM "C"; CREATE DOMAIN "d#2" AS numeric;
        CREATE TABLE g ("k#1" int, "x#2" "grade#1", "t#" text, "n#3" "d#2"); INSERT INTO g VALUES (1, 'a', 'u', 1)""")
    calls = ['mode() WITHIN GROUP (ORDER BY "x#2")', 'array_agg("x#2" ORDER BY "x#2")', 'string_agg("t#" COLLATE "c#1", \',#1\' ORDER BY "t#")',
             'min("x#2")', 'max("t#" COLLATE "c#1")', 'sum("n#3")', 'avg("n#3")', 'count(DISTINCT "x#2")', 'array_agg(DISTINCT "n#3")']
    kept = [(f"signs{i}", f'SELECT "k#1", {call} AS "v#1" FROM g GROUP BY "k#1"') for i, call in enumerate(calls)]
    for name, query in kept:
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1h', 'DIFFERENTIAL')", name, query)
    for change in ["INSERT INTO g VALUES (1, 'b', 'w#', 2), (2, 'c', '#2', 3)", "UPDATE g SET \"x#2\" = 'c' WHERE \"n#3\" = 1", "DELETE FROM g WHERE \"n#3\" = 1"]:
        db.run(change)
        for name, query in kept:
            db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
            is_right(name, query, change)


try:
    run_cases([rows_are_distinct_by_what_is_shown, names_contain_signs])
finally:
    db.drop()
