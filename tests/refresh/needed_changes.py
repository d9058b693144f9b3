#!/usr/bin/python3 -B
"""Shows that changed rows which a refresh leaves out, as no filter of the query lets them pass, are not missed.

Rows are left out only behind hundreds of others in the log, so each round first changes all rows and changes them
back. The queries put random filters at all places from which the reader of a log takes its condition, and at those
from which it must not: above what does not pass on each row for itself, and above one of several uses of a table.

  needed_changes.py    QUERIES is their number, SEED selects them and the changes
"""

import itertools
import os
import random
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import SEED  # noqa: E402

QUERIES = int(os.environ.get("QUERIES", 60))
ROUNDS = 6
COLUMNS = {"id": "int", "k": "int", "v": "numeric", "t": "text", "d": "date"}
# each {name} is a filter over that alias, {common} one over a; {null} is a column
FORMS = [
    "SELECT a.* FROM a WHERE {a}",
    "SELECT id, k FROM (SELECT id, k, v, t, d FROM a) a WHERE {a}",
    "SELECT a.id, k + 1 AS k, t FROM (SELECT id, k + 1 AS k, v, t, d FROM a) a WHERE {a} AND k > 3",
    "SELECT a.k, count(*), sum(b.v) FROM a JOIN b ON b.k = a.k WHERE {a} AND {b} GROUP BY a.k",
    "SELECT a.id, b.id AS other FROM a, b WHERE a.k = b.k AND ({a} OR {b})",
    "SELECT a.id, b.id AS other FROM a, b WHERE (a.k = b.k AND a.{null} > b.{null} AND {common}) OR ({common} AND a.id < 20 AND a.k = b.k)",
    "SELECT a.id, b.id AS other FROM a LEFT JOIN b ON (b.k = a.k AND {common} AND b.id < 20) OR ({common} AND b.k = a.k AND b.k > 3)",
    "SELECT a.k, count(*) FROM a WHERE ({common} AND a.id < 20) OR ({common} AND NOT EXISTS (SELECT FROM b WHERE b.k = a.k AND {b})) GROUP BY a.k",
    "SELECT a.id, b.id AS other FROM a LEFT JOIN b ON b.k = a.k AND {b} WHERE {a}",
    "SELECT a.id, b.id AS other FROM a LEFT JOIN b ON b.k = a.k WHERE {b}",
    "SELECT a.id, b.id AS other FROM a LEFT JOIN b ON b.k = a.k WHERE (b.{null} IS NULL OR {b})",
    "SELECT a.id, b.id AS other FROM a FULL JOIN b ON b.id = a.id WHERE (a.{null} IS NULL OR {a}) AND (b.{null} IS NULL OR {b})",
    "SELECT a.id, b.id AS other FROM a LEFT JOIN b ON b.k = a.k AND {b} AND {a}",
    "SELECT a.id, b.id AS other FROM a FULL JOIN b ON b.id = a.id AND {b} AND {a}",
    "SELECT a.id, b.id AS other FROM a RIGHT JOIN b ON b.k = a.k AND {b} AND {a} WHERE {b}",
    "SELECT x.id, y.id AS next FROM a x JOIN a y ON y.id = x.k WHERE {x}",
    "SELECT x.id, y.id AS next FROM a x LEFT JOIN a y ON y.id = x.k AND {y} WHERE {x}",
    "WITH x AS (SELECT * FROM a WHERE {a}) SELECT x.id, y.k FROM x JOIN x y ON y.k = x.k WHERE {x}",
    "WITH x AS (SELECT * FROM a) SELECT id, t FROM x WHERE {x} UNION ALL SELECT id, t FROM x y WHERE {y}",
    "SELECT id, k FROM (SELECT * FROM a UNION ALL SELECT * FROM b) x WHERE {x}",
    "SELECT id, k FROM (SELECT * FROM a WHERE {a} UNION SELECT * FROM b) x WHERE {x}",
    "SELECT id, k FROM (SELECT id, k, v, t, d FROM a EXCEPT ALL SELECT id, k, v, t, d FROM b WHERE {b}) x WHERE {x}",
    "SELECT id, t FROM a WHERE {a} AND EXISTS (SELECT FROM b WHERE b.k = a.k AND {b})",
    "SELECT id, t FROM a WHERE {a} AND NOT EXISTS (SELECT FROM a x WHERE x.k = a.k AND x.id <> a.id AND {x})",
    "SELECT id, t FROM a WHERE NOT EXISTS (SELECT FROM b WHERE b.k = a.k AND {b} AND {a})",
    "SELECT id, t, EXISTS (SELECT FROM b WHERE b.k = a.k AND {b} AND {a}) AS has FROM a",
    "SELECT id, t FROM a WHERE {a} AND k NOT IN (SELECT k FROM b WHERE {b})",
    "SELECT id, t FROM a WHERE {a} OR EXISTS (SELECT FROM b WHERE b.k = a.k AND {b})",
    "SELECT id, v FROM a WHERE {a} AND v > (SELECT avg(v) FROM a x WHERE {x})",
    "SELECT id, v FROM a WHERE {a} AND v >= (SELECT max(v) FROM a x WHERE x.k = a.k)",
    "SELECT * FROM (SELECT k, max(v) AS v, min(t) AS t, max(d) AS d, max(id) AS id FROM a GROUP BY k) x WHERE {x}",
    "SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY k ORDER BY id) AS n FROM a) x WHERE {x}",
    "SELECT * FROM (SELECT *, lag(id) OVER (PARTITION BY k ORDER BY v, id) AS n FROM a WHERE {a}) x WHERE {x}",
    "SELECT * FROM (SELECT id, k, v, t, d FROM a ORDER BY v DESC, id LIMIT 7) x WHERE {x}",
    "SELECT * FROM (SELECT DISTINCT ON (k) id, k, v, t, d FROM a ORDER BY k, d, id) x WHERE {x}",
    "SELECT DISTINCT k, t FROM a WHERE {a}",
    "SELECT a.id, n FROM a, LATERAL generate_series(1, a.k % 3) n WHERE {a}",
    "SELECT a.id, b.id AS other FROM a, LATERAL (SELECT * FROM b WHERE b.k = a.k AND {b} ORDER BY id LIMIT 2) b WHERE {a}",
    "SELECT a.id, g.total FROM a JOIN (SELECT k, sum(v) AS total FROM a GROUP BY k) g ON g.k = a.k WHERE {a}",
    "WITH RECURSIVE r AS (SELECT id, k FROM a WHERE {a} UNION SELECT b.id, b.k FROM r JOIN b ON b.id = r.k WHERE {b}) SELECT * FROM r",
]

db = Database()
dice = random.Random(SEED)


def literal(kind):
    if kind == "int":
        return str(dice.randrange(-1, 12))
    if kind == "numeric":
        return dice.choice(["0", "1.5", "2", "2.00", "4", "7", "'NaN'::numeric"])
    if kind == "text":
        return dice.choice(["''", "'a'", "'b'", "'bb'", "'c'"])
    return dice.choice(["date '2026-01-01'", "date '2026-01-05'", "date '2026-01-01' + interval '3 days'", "timestamp '2026-01-03 12:00'"])


def one_filter(alias):
    column, kind = dice.choice(list(COLUMNS.items()))
    name = f"{alias}.{column}"
    form = dice.choice(["{0} {1} {2}"] * 5 + ["{0} IS NULL", "{0} IS NOT NULL", "{0} IS DISTINCT FROM {2}", "({0} {1} {2} OR {0} IS NULL)",
                                             "NOT ({0} {1} {2})", "{0} IN ({2}, {3})", "coalesce({0}, {4}) {1} {2}"])
    return form.format(name, dice.choice(["=", "<>", "<", ">", ">="]), literal(kind), literal(kind), "date '2026-01-02'" if kind == "date" else literal(kind))


def some_filter(alias):
    return " AND ".join(one_filter(alias) for _ in range(dice.choice([1, 1, 2])))


def query():
    return dice.choice(FORMS).format(**{alias: some_filter(alias) for alias in "abxy"}, common=some_filter("a"),
                                     null=dice.choice(list(COLUMNS)))


def value(column):
    """Of equal values that look different, none is stored: max() may return either."""
    if dice.random() < 0.2 and column != "id":
        return "NULL"
    if COLUMNS[column] == "date":
        return f"date '2026-01-0{dice.randrange(1, 8)}'"
    return literal(COLUMNS[column]).replace("2.00", "2")


def change():
    table, column = dice.choice("aab"), dice.choice([name for name in COLUMNS if name != "id"])
    where = dice.choice([some_filter(table), f"{table}.id % 5 = {dice.randrange(5)}"])
    return dice.choice([
        f"UPDATE {table} SET {column} = {value(column)} WHERE {where}", f"DELETE FROM {table} WHERE {where} AND id % 3 = 0",
        f"INSERT INTO {table} SELECT i, {', '.join(value(c) for c in COLUMNS if c != 'id')} FROM generate_series(1, 30) i ON CONFLICT DO NOTHING"])


def play(kept, done):
    """Changes the tables, and compares each stream table with its query."""
    changes = [f"DO $$ BEGIN FOR i IN 1..8 LOOP UPDATE {table} SET k = k + 1; UPDATE {table} SET k = k - 1; END LOOP; END $$"
               for table in "ab"] + [change() for _ in range(dice.randrange(1, 6))]
    for statement in changes:
        db.run(statement)
    done += changes
    for name, sql in kept.items():
        db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
        [[difference]] = db.run(f"""SELECT array(SELECT x::text FROM {name} x EXCEPT ALL SELECT x::text FROM ({sql}) x)
            || array(SELECT 'missing ' || x::text FROM ({sql}) x EXCEPT ALL SELECT 'missing ' || x::text FROM {name} x)""")
        assert not difference, f"seed {SEED}: {sql}\n{difference}\n" + ";\n".join(done[-12:])


def rows_left_out_are_not_missed():
    for table in "ab":
        db.run(f"CREATE TABLE {table} (id int PRIMARY KEY, k int, v numeric, t text, d date)")
        db.run(f"INSERT INTO {table} SELECT i, i % 7, i % 5, chr(97 + i % 3), date '2026-01-01' + i % 6 FROM generate_series(1, 20) i")
    made = 0
    while made < QUERIES:
        kept, done = {}, []
        while len(kept) < 20:
            sql = query()
            try:
                db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1h', 'DIFFERENTIAL')", f"st{len(kept)}", sql)
                kept[f"st{len(kept)}"] = sql
            except psycopg2.errors.FeatureNotSupported:
                pass
        for _ in range(ROUNDS):
            play(kept, done)
        made += len(kept)
        for name in kept:
            db.run("SELECT pgtrickle.drop_stream_table(%s)", name)
    print(f"{made} queries, {ROUNDS} rounds each")


def pending_after_one_more(name):
    """The pending changes of a stream table without any are not counted. One more change of the source makes them count."""
    db.run("INSERT INTO child VALUES (0, 1)")
    return db.value("SELECT sum(pending_rows) FROM pgtrickle.list_sources(%s)", name)


def rows_left_out_are_applied():
    """However many there are, and wherever the reader of a log stops to prepare its condition: they are not read again, and the
    log can be trimmed. Each refresh is the first of its session."""
    db.run("CREATE TABLE parent (id int, k int); CREATE TABLE child () INHERITS (parent); INSERT INTO parent VALUES (1, 1), (2, 5)")
    changes = [f"INSERT INTO {table} SELECT i, {k} FROM generate_series(1, {{count}}) i" for table in ("child", "parent") for k in (1, 5)]
    changes += [f"UPDATE parent SET id = -id WHERE tableoid = '{table}'::regclass AND ctid = ANY (ARRAY(SELECT ctid FROM ONLY {table} LIMIT {{count}}))"
                for table in ("child", "parent")]
    for name, sql in {"only_parent": "SELECT id, k FROM ONLY parent WHERE k > 3", "all_rows": "SELECT id, k FROM parent WHERE k > 3"}.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", name, sql)
        for count, change in itertools.product((1, 60, 100, 101, 102, 130, 300), changes):
            done = change.format(count=count)
            db.run(done)
            session = db.connect()
            session.cursor().execute("SELECT pgtrickle.refresh_stream_table(%s)", [name])
            session.close()
            assert pending_after_one_more(name) == 1, f"{name}: changes are pending after {done}"
            db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
            assert db.value(f"SELECT count(*) FROM {name}") == db.value(f"SELECT count(*) FROM ({sql}) x"), (name, done)


run_cases([rows_left_out_are_not_missed, rows_left_out_are_applied])
