#!/usr/bin/python3 -B
"""A query that mode FULL accepts is accepted by AUTO, whatever the types of its columns have: no order, no hash function, no
equality. validate_query() names the mode that AUTO then has, or an error.

FORMS_OF_EACH forms of a query are tried with a column of each type; 0: all."""

import os
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))
import kinds  # noqa: E402: needs the path above
from database import Database, run_cases  # noqa: E402: likewise
from seeds import dice  # noqa: E402: likewise

FORMS_OF_EACH = int(os.environ.get("FORMS_OF_EACH", 15))
TYPES = ["xid", "hashed", "hashed[]", "dhashed", "hrow", "bit varying", "tsvector", "json", "jrow", "point", "tid", "xml", "citext"]
FORMS = [
    "SELECT c FROM t",
    "SELECT a, (SELECT count(*) FROM u WHERE u.a = t.a AND t.c IS NULL) FROM t",
    "SELECT a, (SELECT row_number() OVER (ORDER BY u.a) FROM u WHERE u.a > t.a AND t.c IS NOT NULL LIMIT 1) FROM t",
    "SELECT a, s.n FROM t, LATERAL (SELECT row_number() OVER (ORDER BY u.a) AS n, t.c IS NULL FROM u WHERE u.a > t.a) s",
    "SELECT a, s.n FROM t, LATERAL (SELECT array_agg(u.a ORDER BY u.b) AS n, t.c IS NULL FROM u WHERE u.a > t.a GROUP BY u.b) s",
    "SELECT a, (SELECT array_agg(u.a ORDER BY u.b) FROM u WHERE u.a > t.a AND t.c IS NOT NULL) FROM t",
    "SELECT a, (SELECT array_agg(u.a ORDER BY u.b) FILTER (WHERE t.c IS NULL) FROM u WHERE u.a = t.a) FROM t",
    "SELECT a, (SELECT count(DISTINCT u.b) FROM u WHERE u.a > t.a AND t.c IS NOT NULL) FROM t",
    "SELECT a, (SELECT u.b FROM u WHERE u.a > t.a AND t.c IS NOT NULL ORDER BY u.b LIMIT 1) FROM t",
    "SELECT a, s.* FROM t, LATERAL (SELECT u.b FROM u WHERE u.a > t.a AND t.c IS NOT NULL ORDER BY u.b LIMIT 2) s",
    "SELECT a, s.* FROM t LEFT JOIN LATERAL (SELECT DISTINCT ON (u.b) u.b, u.a AS x FROM u WHERE u.a > t.a AND t.c IS NOT NULL ORDER BY u.b, u.a) s ON true",
    "SELECT a, s.* FROM t, LATERAL (SELECT DISTINCT u.b, t.c FROM u WHERE u.a > t.a) s",
    "SELECT a, s.* FROM t, LATERAL (SELECT u.b, t.c::text FROM u WHERE u.a > t.a UNION SELECT a, 'x' FROM u) s",
    "SELECT a, s.* FROM t, LATERAL (SELECT u.b FROM u WHERE u.a > t.a AND t.c IS NULL UNION SELECT a FROM u) s",
    "SELECT a, s.* FROM t, LATERAL (SELECT u.b FROM u WHERE u.a > t.a AND t.c IS NULL EXCEPT ALL SELECT a FROM u) s",
    "SELECT a, s.* FROM t, LATERAL (SELECT u.b FROM u WHERE u.a > t.a AND t.c IS NULL INTERSECT SELECT a FROM u) s",
    "SELECT a, s.* FROM t, LATERAL (SELECT u.b::bit(2) FROM u WHERE u.a > t.a AND t.c IS NULL UNION SELECT a::bit(2) FROM u) s",
    "SELECT a, s.* FROM t, LATERAL (SELECT u.b::money FROM u WHERE t.c IS NULL INTERSECT ALL SELECT a::money FROM u) s",
    "SELECT a, (SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY u.b) FROM u WHERE u.a > t.a AND t.c IS NOT NULL) FROM t",
    "SELECT a, s.* FROM t, LATERAL (SELECT u.b, u.a, count(*) FROM u WHERE t.c IS NOT NULL GROUP BY ROLLUP (u.b, u.a)) s",
    "SELECT a, s.* FROM t, LATERAL (SELECT u.b, sum(sum(u.a)) OVER (ORDER BY u.b) FROM u WHERE t.c IS NOT NULL GROUP BY u.b) s",
    "SELECT a, s.* FROM t, LATERAL (SELECT string_agg(u.b::text, ',' ORDER BY u.a) OVER () FROM u WHERE t.c IS NOT NULL) s",
    "SELECT a, s.* FROM t, LATERAL (SELECT string_agg(u.b::text, ',') OVER (PARTITION BY u.a) FROM u WHERE t.c IS NOT NULL) s",
    "SELECT a, s.* FROM t, LATERAL (WITH RECURSIVE r(n) AS (SELECT 1 WHERE t.c IS NULL UNION SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r) s",
    "SELECT a FROM t WHERE a IN (SELECT rank() OVER (ORDER BY u.a) FROM u WHERE t.c IS NULL)",
    "SELECT a FROM t WHERE a NOT IN (SELECT u.b FROM u WHERE t.c IS NULL)",
    "SELECT a FROM t WHERE EXISTS (SELECT FROM u WHERE u.a = t.a OR t.c IS NULL)",
    "SELECT a FROM t WHERE a = ANY (SELECT max(u.b) FROM u WHERE t.c IS NULL GROUP BY u.a ORDER BY 1 LIMIT 3)",
    "SELECT a FROM t WHERE a = (SELECT max(u.b) FROM u WHERE t.c IS NULL)",
    "SELECT DISTINCT c FROM t",
    "SELECT c, count(*) FROM t GROUP BY c",
    "SELECT c, array_agg(a ORDER BY a) FROM t GROUP BY c",
    "SELECT c, count(DISTINCT a) FROM t GROUP BY c",
    "SELECT c, max(a) FROM t GROUP BY c",
    "SELECT count(DISTINCT c) FROM t",
    "SELECT a, array_agg(c) FROM t GROUP BY a",
    "SELECT a, array_agg(c ORDER BY b) FROM t GROUP BY a",
    "SELECT a, jsonb_agg(c ORDER BY b) FROM t GROUP BY a",
    "SELECT a, array_agg(c ORDER BY c) FROM t GROUP BY a",
    "SELECT a, max(c) FROM t GROUP BY a",
    "SELECT a, (array_agg(c))[1] FROM t GROUP BY a HAVING count(*) > 1",
    "SELECT a, row_number() OVER (PARTITION BY c ORDER BY a) FROM t",
    "SELECT a, row_number() OVER (ORDER BY c, a) FROM t",
    "SELECT a, lag(c) OVER (PARTITION BY b ORDER BY a) FROM t",
    "SELECT a, first_value(c) OVER (ORDER BY a) FROM t",
    "SELECT a, c FROM t ORDER BY a LIMIT 3",
    "SELECT a, c FROM t ORDER BY c LIMIT 3",
    "SELECT DISTINCT ON (c) a, c FROM t ORDER BY c, a",
    "SELECT DISTINCT ON (a) a, c FROM t ORDER BY a, b",
    "SELECT c FROM t UNION SELECT c FROM u",
    "SELECT c FROM t UNION ALL SELECT c FROM u",
    "SELECT c FROM t INTERSECT SELECT c FROM u",
    "SELECT c FROM t INTERSECT ALL SELECT c FROM u",
    "SELECT c FROM t EXCEPT SELECT c FROM u",
    "SELECT c FROM t EXCEPT ALL SELECT c FROM u",
    "SELECT t.a, u.a AS x FROM t JOIN u ON t.c = u.c",
    "SELECT t.a, u.a AS x FROM t JOIN u USING (c)",
    "SELECT t.a, u.a AS x FROM t LEFT JOIN u ON t.c = u.c AND t.a < u.a",
    "SELECT t.a, u.a AS x FROM t FULL JOIN u ON t.c = u.c",
    "SELECT t.a, u.c FROM t LEFT JOIN u ON t.a = u.a",
    "SELECT t.a, u.c FROM t FULL JOIN u ON t.a = u.a",
    "SELECT a FROM t WHERE c IN (SELECT c FROM u)",
    "SELECT a FROM t WHERE c NOT IN (SELECT c FROM u)",
    "SELECT a FROM t WHERE EXISTS (SELECT FROM u WHERE u.c = t.c)",
    "SELECT a FROM t WHERE NOT EXISTS (SELECT FROM u WHERE u.c = t.c AND u.a > 1)",
    "SELECT a, (SELECT count(*) FROM u WHERE u.c = t.c) FROM t",
    "SELECT a, (SELECT max(u.b) FROM u WHERE u.c IS NOT DISTINCT FROM t.c) FROM t",
    "SELECT a, (SELECT u.c FROM u WHERE u.a = t.a LIMIT 1) FROM t",
    "SELECT a, (SELECT u.c FROM u WHERE u.a = t.a ORDER BY u.b LIMIT 1) FROM t",
    "SELECT a, ARRAY(SELECT u.c FROM u WHERE u.a = t.a ORDER BY u.b) FROM t",
    "SELECT a, ARRAY(SELECT u.b FROM u WHERE u.c = t.c ORDER BY u.b) FROM t",
    "SELECT a, (SELECT t.c FROM u WHERE u.a = t.a LIMIT 1) FROM t",
    "SELECT a, s.* FROM t, LATERAL (SELECT t.c, count(*) FROM u WHERE u.a = t.a) s",
    "SELECT a, s.* FROM t, LATERAL (VALUES (t.c), (NULL)) s",
    "SELECT a, s.* FROM t, LATERAL unnest(ARRAY[t.c]) s(y)",
    "SELECT a, s FROM t s",
    "SELECT count(s) AS n, count(DISTINCT s) AS m FROM t s",
    "SELECT DISTINCT s FROM t s",
    "SELECT c, count(*) FROM t GROUP BY ROLLUP (c, a)",
    "SELECT c, a, array_agg(b ORDER BY b) FROM t GROUP BY CUBE (c, a)",
    "SELECT ROW(c, a), count(*) FROM t GROUP BY c, a",
    "SELECT count(*) FROM t GROUP BY ROW(c, a)",
    "WITH RECURSIVE r(x, n) AS (SELECT c, 1 FROM t UNION SELECT x, n + 1 FROM r WHERE n < 3) SELECT * FROM r",
    "WITH RECURSIVE r(x, n) AS (SELECT c, 1 FROM t UNION ALL SELECT x, n + 1 FROM r WHERE n < 3) SELECT * FROM r",
    "WITH w AS (SELECT c, sum(a) AS s FROM t GROUP BY c) SELECT w1.s FROM w w1, w w2 WHERE w1.c = w2.c",
    "SELECT c, sum(count(*)) OVER (ORDER BY count(*)) FROM t GROUP BY c",
    "SELECT max(n) FROM (SELECT c, count(*) AS n FROM t GROUP BY c) s",
    "SELECT mode() WITHIN GROUP (ORDER BY c) FROM t",
    "SELECT coalesce(c, c), CASE WHEN a = 1 THEN c END FROM t",
    "SELECT a FROM t WHERE (c, a) IN (SELECT c, a FROM u)",
    "SELECT a FROM t WHERE c = ANY (ARRAY(SELECT c FROM u))",
    "SELECT a, (c, b) FROM t",
    "SELECT a, to_jsonb(c) FROM t",
    "SELECT a FROM t WHERE (c, a) = (SELECT c, a FROM u LIMIT 1)",
    "SELECT a, x FROM t, (SELECT r AS x FROM u r) s",
    "SELECT a, (SELECT r FROM u r WHERE r.a = t.a) FROM t",
    "SELECT a, array_agg(r) FROM (SELECT a, ROW(c, b) AS r FROM t) s GROUP BY a",
    "SELECT a, last_value(r) OVER (ORDER BY a) FROM (SELECT a, ROW(c, b) AS r FROM t) s",
    "SELECT a, sum(b) FILTER (WHERE c IS NULL) FROM t GROUP BY a",
    "SELECT a, (a, rank() OVER (ORDER BY b)) IN (SELECT a, b FROM u) FROM t",
    "SELECT a, rank() OVER (ORDER BY b) IN (SELECT b FROM u) FROM t",
    "SELECT a, sum((SELECT max(u.b) FROM u WHERE u.a = t.a)) OVER (ORDER BY b) FROM t",
    "SELECT a, b FROM t ORDER BY rank() OVER (ORDER BY b), a LIMIT 3",
    "SELECT a, ARRAY(SELECT u.b FROM u WHERE u.a = t.a) || rank() OVER (ORDER BY b)::int FROM t",
    "SELECT a, (SELECT max(u.b) FROM u WHERE u.a = (t.a + 1)), lag(t.c) OVER (ORDER BY a) FROM t",
    "SELECT a, count(*), count(*) IN (SELECT b FROM u) FROM t GROUP BY a",
    "SELECT a, EXISTS (SELECT FROM u WHERE u.a = t.a), rank() OVER (PARTITION BY EXISTS (SELECT FROM u WHERE u.a = t.a) ORDER BY b) FROM t",
    "SELECT a, b FROM t WHERE a > (SELECT avg(u.b) FROM u WHERE u.c = t.c)",
    "SELECT a, (SELECT array_agg(u.a ORDER BY u.b) FROM u WHERE u.c = t.c) FROM t",
    "SELECT a, (SELECT array_agg(u.a ORDER BY u.b) FROM u WHERE u.c = t.c OR u.a = t.a) FROM t",
    "SELECT a, s.* FROM t, LATERAL (SELECT row_number() OVER (ORDER BY u.a) FROM u WHERE u.c = t.c) s",
    "SELECT a, s.* FROM t LEFT JOIN LATERAL (SELECT u.b FROM u WHERE u.c = t.c OR u.a = t.a ORDER BY u.b LIMIT 1) s ON true",
]
db = Database()
random = dice()


def error_of(statement, *values):
    try:
        db.run(statement, *values)
    except psycopg2.Error as error:
        return error


def mode_of(query, mode):
    """Returns the mode in which the query is maintained, or the error."""
    error = error_of("SELECT pgtrickle.create_stream_table('made', %s, '520w', %s)", query, mode)
    if error is not None:
        return error
    [[effective]] = db.run("SELECT effective_refresh_mode FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'made'")
    db.run("DROP FOREIGN TABLE made")
    return effective


def foreseen(query):
    """Returns the mode that validate_query() shows, or its error."""
    rows = db.run("SELECT check_name, result, severity FROM pgtrickle.validate_query(%s)", query)
    if errors := [result for name, result, severity in rows if severity == "ERROR" and name == "query"]:
        return errors[0]
    return [result.split(":")[0] for name, result, _ in rows if name == "maintenance"][0]


def fault(query):
    full, auto, seen = mode_of(query, "FULL"), mode_of(query, "AUTO"), foreseen(query)
    if isinstance(full, Exception):
        # The planner refuses what PostgreSQL cannot sort or hash; it is not asked by validate_query().
        is_seen = seen not in ("FULL", "DIFFERENTIAL") or full.pgcode == "0A000"
        return None if isinstance(auto, Exception) and is_seen else f"{query}: {full}, but AUTO: {auto}, foreseen: {seen}"
    return None if auto == seen else f"{query}: {auto}, foreseen: {seen}"


def with_type(name):
    db.run("DROP TABLE IF EXISTS t, u CASCADE")
    for table in "tu":
        db.run(f"CREATE TABLE {table} (a int, b int, c {name}); CREATE INDEX ON {table} (a)")
    forms = random.sample(FORMS, FORMS_OF_EACH) if FORMS_OF_EACH else FORMS
    faults = [found for form in forms if (found := fault(form))]
    assert not faults, "\n".join(faults)


def cases():
    for name in TYPES:
        def case(name=name):
            with_type(name)
        case.__name__ = "column_of_type_" + name.replace(" ", "_")
        yield case


try:
    db.run("CREATE EXTENSION citext;" + kinds.TYPES_DDL)
    db.run("CREATE TYPE hrow AS (h hashed, n int); CREATE TYPE jrow AS (j json); CREATE DOMAIN dhashed AS hashed")
    run_cases(list(cases()))
finally:
    db.drop()
