#!/usr/bin/python3 -B
"""Columns that random queries read get other types, in transactions that also write: types that have operators of their own,
as citext, other collations, lengths and precisions. A statement is refused, or else each query has the answer afterwards that
its text has, written by its user, with the new types; stored and exact. Queries show numbers of rows only, as equal values may
look different."""

import os
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

DURATION_S = float(os.environ.get("DURATION_S", 15))
TYPES = {"a": ["int", "bigint", "numeric", "numeric(12,2)", "text", "float8"], "d": ["timestamptz", "timestamp", "date", "text"],
         "s": ["text", "varchar(30)", 'text COLLATE "C"', "text COLLATE caseless", "char(9)", "citext", "word"]}
VALUES = {"a": ["1", "2", "3", "NULL"], "s": ["'a'", "'A'", "'b'", "'s1'", "NULL"], "d": ["'2024-03-31 01:30+00'", "'2024-03-31 02:30'", "'2024-01-01'", "NULL"]}
QUERIES = """
SELECT x.id AS i, y.id AS j FROM t x JOIN t y ON x.s = y.s AND x.id < y.id
SELECT count(*) AS n, count(DISTINCT a) AS m FROM t GROUP BY s
SELECT id FROM t WHERE s IN (SELECT s FROM t WHERE a::text > '1')
SELECT id, rank() OVER (PARTITION BY a ORDER BY s) AS r FROM t
SELECT id FROM t x WHERE EXISTS (SELECT FROM t y WHERE y.a = x.a AND y.id < x.id)
SELECT id FROM t ORDER BY s DESC, id LIMIT 4
SELECT DISTINCT ON (s) id FROM t ORDER BY s, id
SELECT id, lag(id) OVER (PARTITION BY s ORDER BY d, id) AS l FROM t
SELECT x.id, y.id AS other FROM t x LEFT JOIN t y ON y.d = x.d AND y.s <> x.s
SELECT id FROM t x WHERE s >= ALL (SELECT s FROM t y WHERE y.a = x.a)
SELECT id FROM t WHERE round(a + 0.5) > 2
SELECT x.id, y.id AS j FROM t x JOIN t y ON date_trunc('day', x.d) = y.d
SELECT id, round(a / 2.0) AS r, round(avg(a + 0.5) OVER (ORDER BY id)) AS m FROM t
SELECT id FROM t WHERE a IN (1.0, 2, id / 3.0) OR nullif(a, 2.5) IS NULL
SELECT coalesce(a, id) AS c, count(*) AS n FROM t GROUP BY coalesce(a, id)
SELECT id FROM t WHERE CASE WHEN id % 2 = 0 THEN a ELSE id END > 2.5 AND greatest(a, id) <> least(a, 7)
SELECT count(*) AS n FROM (SELECT a FROM t UNION SELECT id FROM t UNION ALL SELECT 1.5) u
SELECT x.id FROM t x WHERE (x.a, x.id) > (SELECT 2.5, 3)
SELECT id FROM t WHERE (ARRAY[a, id, 2.5])[1] = 3 OR a = ANY (ARRAY[1, 2.5])
SELECT x.id, y.id AS j FROM t x JOIN (SELECT id, id::smallint AS a FROM t) y USING (a)
SELECT id, mod(a, 2) AS m, a - 1.5 IS DISTINCT FROM 0.5 AS f FROM t
SELECT id, count(*) OVER (ORDER BY a RANGE BETWEEN 1 PRECEDING AND CURRENT ROW) AS n FROM t
SELECT id, power(a, 2) > 3 AS p, sqrt(abs(a)) < 1.5 AS q, a # 1 AS x FROM t
SELECT id FROM t WHERE d > timestamp '2024-03-31 01:00' OR d + interval '1 h' = date '2024-03-31'
SELECT id, length(s) AS l, length(s || '  ') AS m, lower(s) = upper(s) AS e FROM t
SELECT min(id) AS i, sum(a * 1.1) > 3 AS b FROM t GROUP BY coalesce(s, 'none') HAVING count(*) < 5.5
""".strip().splitlines()

db = Database()


class Retyped:
    def __init__(self, random):
        self.random, self.key, self.steps = random, 0, []

    def rows(self, count):
        rows = []
        for _ in range(count):
            self.key += 1
            rows.append(f"({self.key}, " + ", ".join(self.random.choice(VALUES[column]) for column in "asd") + ")")
        return "INSERT INTO t (id, a, s, d) VALUES " + ", ".join(rows)

    def set_up(self):
        db.run("DROP TABLE IF EXISTS t CASCADE; CREATE TABLE t (id int PRIMARY KEY, a int, s text, d timestamptz)")
        db.run(self.rows(14))
        self.kept = {f"st{number}": query for number, query in enumerate(self.random.sample(QUERIES, 4))}
        for name, query in self.kept.items():
            db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1d', %s)", name, query, self.random.choice(["DIFFERENTIAL", "IMMEDIATE", "AUTO", "FULL"]))

    def statement(self):
        column = self.random.choice("asd")
        return self.random.choice([
            self.rows(2), f"DELETE FROM t WHERE id = {self.random.randrange(1, self.key + 1)}",
            f"UPDATE t SET {column} = {self.random.choice(VALUES[column])} WHERE id % 5 = {self.random.randrange(5)}",
            *[f"ALTER TABLE t ALTER {column} TYPE {kind} USING {column}::text::{kind.split(' COLLATE')[0]}" for kind in [self.random.choice(TYPES[column])] * 3]])

    def transact(self):
        """Returns the number of types that were altered."""
        altered = 0
        db.run("BEGIN")
        for _ in range(self.random.choice([1, 2, 4])):
            statement = self.statement()
            db.run("SAVEPOINT one")
            try:
                db.run(statement)
                self.steps.append(statement)
                altered += statement.startswith("ALTER")
            except psycopg2.Error as error:  # does not fit the rows or the queries
                assert not error.pgcode.startswith("XX"), f"{statement}: {error}"
                db.run("ROLLBACK TO one")
        self.check("exact")
        self.steps.append(self.random.choice(["COMMIT", "COMMIT", "ROLLBACK"]))
        db.run(self.steps[-1])
        return altered

    def check(self, way):
        for name, query in self.kept.items():
            if way == "stored":
                db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
            db.run(f"SET pg_trickle.read_mode = {'exact' if way == 'exact' else 'refresh'}")
            wrong = db.run(f"(TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})")
            assert not wrong, "\n".join([f"{way}: {query}", *self.steps, str(wrong[:4])])


def queries_have_the_answers_of_their_texts_with_other_types():
    db.run("CREATE EXTENSION citext; CREATE DOMAIN word AS text; SET timezone = 'Europe/Berlin'; SET client_min_messages = error")
    db.run("CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
    end, number, altered = time.monotonic() + DURATION_S, 0, 0
    while number < 2 or time.monotonic() < end:
        retyped = Retyped(dice(number))
        retyped.set_up()
        for _ in range(8):
            altered += retyped.transact()
            retyped.check("stored")
        number += 1
    print(f"{number} tables, {altered} types altered")
    assert altered > number


run_cases([queries_have_the_answers_of_their_texts_with_other_types])
