#!/usr/bin/python3 -B
"""Shows that a query costs what it is long: each kind of sub-query, nested deeper and deeper, and joins of more and more
relations, are translated in a time and to a plan that grow with the depth, or are refused; and that what takes long ends
with the statement's time limit, in whatever step that is over."""

import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, cpu_s, run_cases  # noqa: E402: needs the path above

db = Database()
db.run("CREATE TABLE t (i int PRIMARY KEY, j int NOT NULL, k int); INSERT INTO t SELECT n, n % 7, n % 3 FROM generate_series(1, 50) n")
DEPTHS = (10, 20, 30)
MOST_SECONDS = 20  # of a query of 30 levels, on a busy machine
LATE_CPU_S = 6     # of a statement whose limit is 1 s

# {q}: the query below; {n}: the level. Each has the columns i and j.
KINDS = {
    "NOT IN": "SELECT i, j FROM t b{n} WHERE j NOT IN (SELECT j FROM ({q}) s{n} WHERE s{n}.i = b{n}.i)",
    "NOT IN by <": "SELECT i, j FROM t b{n} WHERE j NOT IN (SELECT j FROM ({q}) s{n} WHERE s{n}.i < b{n}.i)",
    "NOT IN of NULLs": "SELECT i, j FROM t b{n} WHERE k NOT IN (SELECT k FROM t c{n} JOIN ({q}) s{n} USING (i) WHERE s{n}.i = b{n}.i)",
    "> ALL": "SELECT i, j FROM t b{n} WHERE j > ALL (SELECT j FROM ({q}) s{n} WHERE s{n}.i = b{n}.i)",
    "= ANY beside OR": "SELECT i, j FROM t b{n} WHERE j = 7 OR j IN (SELECT j FROM ({q}) s{n} WHERE s{n}.i = b{n}.i)",
    "IN as a value": "SELECT i, (j IN (SELECT j FROM ({q}) s{n} WHERE s{n}.i = b{n}.i))::int AS j FROM t b{n}",
    "EXISTS": "SELECT i, j FROM t b{n} WHERE EXISTS (SELECT FROM ({q}) s{n} WHERE s{n}.i = b{n}.i)",
    "NOT EXISTS": "SELECT i, j FROM t b{n} WHERE NOT EXISTS (SELECT FROM ({q}) s{n} WHERE s{n}.i = b{n}.i)",
    "EXISTS as a value": "SELECT i, EXISTS (SELECT FROM ({q}) s{n} WHERE s{n}.i = b{n}.j)::int AS j FROM t b{n}",
    "scalar": "SELECT i, (SELECT max(j) FROM ({q}) s{n} WHERE s{n}.i = b{n}.i) AS j FROM t b{n}",
    "scalar condition": "SELECT i, j FROM t b{n} WHERE j < (SELECT max(j) FROM ({q}) s{n} WHERE s{n}.i = b{n}.i)",
    "ARRAY": "SELECT i, cardinality(ARRAY(SELECT j FROM ({q}) s{n} WHERE s{n}.i = b{n}.i)) AS j FROM t b{n}",
    "LATERAL": "SELECT b{n}.i, l{n}.j FROM t b{n}, LATERAL (SELECT j FROM ({q}) s{n} WHERE s{n}.i = b{n}.i) l{n}",
    "LATERAL limit": "SELECT b{n}.i, l{n}.j FROM t b{n} LEFT JOIN LATERAL (SELECT j FROM ({q}) s{n} WHERE s{n}.i < b{n}.i ORDER BY i LIMIT 1) l{n} ON true",
    "LEFT JOIN": "SELECT b{n}.i, s{n}.j FROM t b{n} LEFT JOIN ({q}) s{n} USING (i)",
    "FULL JOIN": "SELECT i, s{n}.j FROM t b{n} FULL JOIN ({q}) s{n} USING (i)",
    "UNION": "SELECT i, j FROM t b{n} UNION SELECT i, j FROM ({q}) s{n}",
    "EXCEPT": "SELECT i, j FROM t b{n} EXCEPT SELECT i, j FROM ({q}) s{n}",
    "UNION ALL twice": "WITH s{n} AS ({q}) SELECT i, j FROM s{n} UNION ALL SELECT i, j FROM s{n}",
    "join twice": "WITH s{n} AS ({q}) SELECT a.i, b.j FROM s{n} a JOIN s{n} b USING (i)",
    "group": "SELECT i, max(j) AS j FROM ({q}) s{n} GROUP BY i",
    "window": "SELECT i, max(j) OVER (PARTITION BY i) AS j FROM ({q}) s{n}",
    "DISTINCT": "SELECT DISTINCT i, j FROM ({q}) s{n}",
    "grouping sets": "SELECT i, max(j) AS j FROM ({q}) s{n} GROUP BY GROUPING SETS ((i), ())",
}


def nested(kind, depth):
    query = "SELECT i, j FROM t"
    for level in range(depth):
        query = KINDS[kind].format(q=query, n=level)
    return query


def left_joins(count):
    return "SELECT t0.i FROM t t0" + "".join(f" LEFT JOIN t t{n + 1} ON t{n + 1}.i = t{n}.i" for n in range(count))


def validated(query):
    """Returns the seconds, and the length of the operators; none if the query cannot be kept by deltas."""
    begun = time.monotonic()
    rows = dict(db.run("SELECT check_name, string_agg(result, chr(10)) FROM pgtrickle.validate_query(%s) GROUP BY 1", query))
    return time.monotonic() - begun, len(rows["operators"].splitlines()) if "operators" in rows else None


def costs_grow_with_the_depth():
    db.run(f"SET statement_timeout = '{MOST_SECONDS}s'")
    wrong = []
    for kind in KINDS:
        sizes = []
        for depth in DEPTHS:
            try:
                sizes.append(validated(nested(kind, depth))[1])
            except psycopg2.errors.QueryCanceled:
                wrong.append((kind, depth, "takes too long"))
                break
            except psycopg2.errors.StatementTooComplex:
                break
        grown = [size for size in sizes if size is not None]
        if len(grown) == 3 and grown[2] - grown[1] > grown[1] - grown[0] + 5:
            wrong.append((kind, grown))
    db.run("RESET statement_timeout")
    assert not wrong, wrong


def ends_within_the_limit(statement, *values):
    """A fast machine may find before the limit that the query is too large."""
    db.run("SET statement_timeout = '1s'")
    pid = db.value("SELECT pg_backend_pid()")
    before = cpu_s(pid)
    try:
        db.run(statement, *values)
    except (psycopg2.errors.QueryCanceled, psycopg2.errors.StatementTooComplex):
        pass
    finally:
        db.run("RESET statement_timeout")
    used = cpu_s(pid) - before
    assert used < LATE_CPU_S, (statement, used)


def a_time_limit_ends_a_validation():
    for query in left_joins(1500), nested("NOT IN", 30), nested("> ALL", 30), "SELECT t0.i FROM t t0" + "".join(f" JOIN t t{n} ON t{n}.i = t0.i" for n in range(1, 300)):
        ends_within_the_limit("SELECT FROM pgtrickle.validate_query(%s)", query)


def a_time_limit_ends_a_creation():
    for number, query in enumerate((left_joins(1500), nested("NOT IN", 30))):
        ends_within_the_limit(f"SELECT pgtrickle.create_stream_table('created_{number}', %s, '520w')", query)


def a_cancel_is_no_answer():
    """A cancel in a domain's CHECK, while the query is analyzed, is not reported as an objection to the query."""
    db.run("CREATE FUNCTION sleeps(v int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(3); RETURN true; END $$; CREATE DOMAIN slow AS int CHECK (sleeps(value))")
    db.run("SET statement_timeout = '1s'")
    try:
        rows = db.run("SELECT * FROM pgtrickle.validate_query($q$SELECT i FROM t WHERE i = ANY ('{1}'::slow[]::int[])$q$)")
        raise AssertionError(rows)
    except psycopg2.errors.QueryCanceled:
        pass
    finally:
        db.run("RESET statement_timeout")


try:
    run_cases([a_cancel_is_no_answer, a_time_limit_ends_a_validation, a_time_limit_ends_a_creation, costs_grow_with_the_depth])
finally:
    db.drop()
