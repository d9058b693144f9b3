#!/usr/bin/python3 -B
"""Shows that chains of many joins are analyzed, filled, refreshed and dropped within statement_timeout: what a plan is asked
for at each of its levels must not take twice as long with each level, and it ran without looking at the timeout."""

import itertools
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
KINDS = {"left": ("LEFT",), "right": ("RIGHT",), "full": ("FULL",), "inner": ("INNER",), "mixed": ("LEFT", "INNER", "FULL", "RIGHT")}


def chain(kind, count):
    kinds = itertools.cycle(KINDS[kind])
    joins = " ".join(f"{next(kinds)} JOIN t t{i} ON t{i}.id = t{i - 1 if kind == 'inner' else 1}.id" for i in range(2, count + 1))
    return f"SELECT t1.id, t{count}.v FROM t t1 {joins}"


def case_of(kind):
    def case():
        for count in 10, 20, 40:
            query = chain(kind, count)
            db.run("SELECT pgtrickle.validate_query(%s)", query)
            db.run("SELECT pgtrickle.create_stream_table('chained', %s, '1h', 'DIFFERENTIAL')", query)
            db.run("UPDATE t SET v = v + 1 WHERE id = 5; DELETE FROM t WHERE id = 7; INSERT INTO t SELECT 1 + max(id), 1 FROM t")
            db.run("SELECT pgtrickle.refresh_stream_table('chained')")
            assert sorted(db.run("SELECT * FROM chained"), key=str) == sorted(db.run(query), key=str), count
            db.run("SELECT pgtrickle.drop_stream_table('chained')")

    case.__name__ = kind
    return case


try:
    db.run("SET statement_timeout = '5min'; CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t SELECT g, g FROM generate_series(1, 20) g")
    run_cases([case_of(kind) for kind in KINDS])
finally:
    db.drop()
