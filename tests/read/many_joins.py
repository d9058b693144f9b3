#!/usr/bin/python3 -B
"""Shows that exact reads of random joins beside many pending changes are right, and end within statement_timeout: a plan
that joins changed rows with each other by loops takes a thousand times as long as the defining query.

  many_joins.py    SEED selects the random joins, COUNT is their number
"""

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

COUNT = int(os.environ.get("COUNT", 12))
TABLES, ROWS, CHANGED = 3, 100_000, 3000
# An order by which no index finds the rows that refer to a changed one, and one by which all are found.
LINKS = ("{new}.id = {old}.a", "{new}.id = {old}.b", "{new}.a = {old}.id")
# The number of rows stays about the same with each join.
OUTPUTS = ("SELECT r0.id, {last}.b AS of_last, r0.a FROM {joins}",
           "SELECT r0.id, count(*) AS n, sum({last}.b) AS total FROM {joins} GROUP BY r0.id",
           "SELECT r0.b, min({last}.a) AS least FROM {joins} GROUP BY r0.b",
           "SELECT DISTINCT r0.a, {last}.b AS of_last FROM {joins} WHERE r0.b % 3 > 0")

db = Database()


def random_query(rng, count):
    joins = f"t{rng.randrange(TABLES)} r0"
    for i in range(1, count):
        link = rng.choice(LINKS).format(new=f"r{i}", old=f"r{rng.choice((i - 1, rng.randrange(i)))}")
        joins += f" {rng.choice(('JOIN', 'JOIN', 'LEFT JOIN'))} t{rng.randrange(TABLES)} r{i} ON {link}"
    return rng.choice(OUTPUTS).format(joins=joins, last=f"r{count - 1}")


def chain(count):
    joins = " ".join(f"JOIN t0 r{i} ON r{i}.id = r{i - 1}.a" for i in range(1, count))
    return OUTPUTS[0].format(joins=f"t0 r0 {joins}", last=f"r{count - 1}")


def change(rng):
    for i in range(TABLES):
        column, step = rng.choice("ab"), rng.randrange(1, 100)
        db.run(f"UPDATE t{i} SET {column} = 1 + ({column} + {step}) % {ROWS} WHERE id % {ROWS // CHANGED} = {rng.randrange(30)}")
        db.run(f"DELETE FROM t{i} WHERE id % 1000 = {rng.randrange(1000)}")


def case_of(number):
    rng = dice(number)
    query = random_query(rng, 2 + number % 9) if number > 0 else chain(6)

    def case():
        db.run("SET pg_trickle.read_mode = 'refresh'")
        db.run("SELECT pgtrickle.create_stream_table('joined', %s, '1h', 'DIFFERENTIAL')", query)
        change(rng)
        db.run("SET pg_trickle.read_mode = 'exact'")
        try:
            wrong = db.value(f"""WITH s AS MATERIALIZED (SELECT * FROM joined), q AS MATERIALIZED ({query})
                SELECT count(*) FROM ((TABLE s EXCEPT ALL TABLE q) UNION ALL (TABLE q EXCEPT ALL TABLE s)) d""")
            assert wrong == 0, f"{wrong} rows: {query}"
        finally:
            db.run("SELECT pgtrickle.drop_stream_table('joined')")

    case.__name__ = f"join of {query.count('JOIN') + 1}: {number}"
    return case


try:
    for i in range(TABLES):
        db.run(f"CREATE TABLE t{i} (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL)")
        # Factors that have no divisor in common with ROWS: each value comes once.
        db.run(f"INSERT INTO t{i} SELECT g, 1 + (g::bigint * {7919 + 2 * i}) % {ROWS}, 1 + (g::bigint * {104729 + 2 * i}) % {ROWS} "
               f"FROM generate_series(1, {ROWS}) g")
        db.run(f"VACUUM ANALYZE t{i}")
    db.run("SET statement_timeout = '20s'")
    run_cases([case_of(number) for number in range(COUNT)])
finally:
    db.drop()
