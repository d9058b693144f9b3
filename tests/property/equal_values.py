#!/usr/bin/python3 -B
"""Values of many types that are equal and look different take each other's places, below each construct that compares values.

A column that no grouping has merged shows the present image of its row. A value of a group, and a result of DISTINCT, a set
operation, min() or max(), may show the image of any of its rows, but of a present one. Some stream tables read others, which
pass on changes of nothing but an image. Each round ends with a comparison, by a refresh or an exact read.

Types are tried for DURATION_S seconds; a failure names its seed and its number."""

import os
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
import seeds  # noqa: E402: needs the path above
from database import Database  # noqa: E402: likewise

DURATION_S = float(os.environ.get("DURATION_S", 15))
ROUNDS, QUERIES = 4, 16
SET_UP = """
CREATE EXTENSION citext; CREATE EXTENSION hstore; CREATE EXTENSION ltree; CREATE EXTENSION cube;
CREATE COLLATION caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE COLLATION baseless (provider = icu, locale = 'und-u-ks-level1', deterministic = false);
CREATE DOMAIN caseless_text AS text COLLATE caseless; CREATE DOMAIN numbers AS numeric[]; CREATE DOMAIN span AS interval;
CREATE DOMAIN caseless_citext AS citext; CREATE DOMAIN number_range AS numrange; CREATE DOMAIN padded AS char(4);
CREATE TYPE pair AS (n numeric, t text); CREATE TYPE caseless_pair AS (i int, c citext); CREATE TYPE deep AS (p pair, a numeric[]);
CREATE DOMAIN pairs AS pair; CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE TYPE words AS RANGE (subtype = citext); CREATE TYPE caseless_range AS RANGE (subtype = text, collation = caseless);
SET timezone = 'Europe/Berlin'; SET client_min_messages = error; SET pg_trickle.on_stale = error;
SET pg_trickle.scan_refresh_timeout = '60s'; SET pg_trickle.max_staleness = 0
"""
CASELESS = ["a", "A", "b", "B", "á", "Á", ""]
NUMBERS = ["0", "0.0", "1", "1.0", "1.00", "-1", "NaN", "Infinity", "-Infinity", "1000", "1e3", "1000.000"]
SPANS = ["1 day", "24 hours", "1 mon", "30 days", "720 hours", "0", "1 year", "360 days", "1 mon -30 days"]
TYPES = {
    "numeric": NUMBERS, "numeric(8,2)": ["0", "1.5", "NaN"], "float8": ["0", "-0", "1", "NaN", "Infinity", "-Infinity"], "float4": ["0", "-0", "NaN"],
    "interval": SPANS, "span": SPANS, "interval[]": ["{1 day}", "{24:00:00}", "{NULL}"],
    "text": ["a", "A", "a ", ""], "text COLLATE caseless": CASELESS, "text COLLATE baseless": CASELESS, "char(4) COLLATE caseless": CASELESS,
    "varchar(6) COLLATE caseless": CASELESS + ["a "], "char(4)": ["a", "A", "b", ""], "padded": ["a", "A", ""], "caseless_text": CASELESS,
    "citext": CASELESS, "caseless_citext": CASELESS, "citext[]": ["{a}", "{A}", "{a,b}", "{}"], "name": ["a", "A"], '"char"': ["a", "b"],
    "hstore": ["a=>1", "a=>1, b=>NULL", ""], "ltree": ["a", "a.b", "A.b"], "cube": ["(1)", "(1),(1)", "(1,2)", "(0)", "(-0)", "(1,3),(2,1)"],
    "int4range": ["[1,2]", "[1,3)", "empty", "(,)"], "numrange": ["[1,2]", "[1.0,2.00]", "empty", "[1,)"], "number_range": ["[1,2]", "[1.0,2.00]"],
    "words": ["[a,b]", "[A,B]", "empty"], "caseless_range": ["[a,b]", "[A,B]", "empty"], "nummultirange": ["{[1,2]}", "{[1.0,2.00]}", "{}"],
    "numeric[]": ["{}", "{1}", "{1.0}", "{1.00,NULL}", "{1,NULL}", "[0:0]={1}"], "numbers": ["{1}", "{1.0}", "{}"],
    "pair": ["(1,a)", "(1.0,a)", "(1.00,A)", "(,)", "(NaN,a)"], "pairs": ["(1,a)", "(1.0,a)"], "caseless_pair": ["(1,a)", "(1,A)", "(,)"],
    "pair[]": ['{"(1,a)"}', '{"(1.0,a)"}', "{NULL}"], "deep": ['("(1,a)",{1})', '("(1.0,a)",{1.0})'], "mood": ["sad", "ok", "happy"],
    "jsonb": ['{"a": 1}', '{"a": 1.0}', "1", "1.0", "null", "0", "-0"], "tsvector": ["a b", "b a", "a:1"], "bit(3)": ["101", "000"],
    "varbit": ["1", "10", "100", ""], "money": ["1.00", "0"], "inet": ["10.0.0.1", "10.0.0.1/32", "10.0.0.1/24", "::1"], "cidr": ["10.0.0.0/8"],
    "timestamptz": ["infinity", "-infinity", "2020-01-01 00:00+00", "2020-01-01 01:00+01"], "timetz": ["12:00+00", "13:00+01", "24:00+00"],
    "date": ["infinity", "-infinity", "2020-01-01"], "oidvector": ["1 2", "2 1"], "pg_lsn": ["0/1", "1/0"],
    "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], "bytea": ["\\x", "\\x00"], "bool": ["t", "f"],
}
# One answer each. {c} is a constant.
PLAIN = """
SELECT id, x FROM t WHERE x = {c}
SELECT id, coalesce(x, {c}) AS v, nullif(x, {c}) AS w, x IS DISTINCT FROM {c} AS d FROM t
SELECT t.id, u.id AS uid, t.x, u.x AS y FROM t JOIN u ON t.x = u.x
SELECT t.id, u.id AS uid, t.x, u.x AS y FROM t LEFT JOIN u ON t.x = u.x AND u.g = 1
SELECT t.id, u.id AS uid, t.x, u.x AS y, coalesce(t.x, u.x) AS z FROM t FULL JOIN u ON t.x = u.x
SELECT t.id, u.id AS uid, x FROM t JOIN u USING (x)
SELECT v.id, w.id AS wid, v.x FROM t v JOIN t w ON (v.x, v.g) = (w.x, w.g) AND v.id < w.id
SELECT id, x FROM t WHERE x IN (SELECT x FROM u WHERE x IS NOT NULL)
SELECT id, x FROM t WHERE x NOT IN (SELECT x FROM u WHERE g = 1)
SELECT id, x FROM t WHERE NOT EXISTS (SELECT FROM u WHERE u.x = t.x)
SELECT id, x FROM t WHERE x >= ALL (SELECT x FROM u WHERE u.g = t.g)
SELECT id, x, (SELECT count(*) FROM u WHERE u.x = t.x) AS n, ARRAY(SELECT x FROM u WHERE u.g = t.g ORDER BY id) AS l FROM t
SELECT id, x FROM t WHERE x = (SELECT max(x) FROM t v WHERE v.g = t.g)
SELECT u.id, l.id AS lid, l.x FROM u, LATERAL (SELECT * FROM t WHERE t.x = u.x ORDER BY id LIMIT 1) l
SELECT id, x, count(*) OVER (PARTITION BY x) AS n, row_number() OVER (PARTITION BY x ORDER BY id) AS r FROM t
SELECT id, x, rank() OVER (ORDER BY x) AS r, dense_rank() OVER (PARTITION BY g ORDER BY x DESC) AS d FROM t
SELECT id, lag(x) OVER (PARTITION BY g ORDER BY x, id) AS l, x FROM t
SELECT id, first_value(x) OVER (PARTITION BY g ORDER BY id) AS f, count(*) OVER (PARTITION BY g ORDER BY x GROUPS 1 PRECEDING) AS n FROM t
SELECT g, array_agg(x ORDER BY id) AS l, string_agg(x::text, ',' ORDER BY id) AS s FROM t GROUP BY g
SELECT g, count(DISTINCT x) AS n, count(*) FILTER (WHERE x = {c}) AS m FROM t GROUP BY g
SELECT DISTINCT ON (x) x, id FROM t ORDER BY x, id
SELECT DISTINCT ON (g) g, x, id FROM t ORDER BY g, x DESC, id
SELECT id, x FROM t ORDER BY x DESC NULLS LAST, id LIMIT 4
SELECT x::text COLLATE "C" AS image, count(*) AS n FROM t GROUP BY 1
SELECT id, x FROM t UNION ALL SELECT id, x FROM u
WITH RECURSIVE r AS (SELECT id, x, 0 AS n FROM t WHERE g = 1 UNION ALL SELECT u.id, u.x, n + 1 FROM r JOIN u ON u.x = r.x WHERE n < 2) SELECT * FROM r
SELECT v, x FROM keyed
SELECT keyed.x AS kx, t.x, t.id FROM keyed JOIN t ON t.x = keyed.x
""".strip().splitlines()
# The column x may show any of the equal values.
MERGED = """
SELECT x, count(*) AS n, max(id) AS m FROM t GROUP BY x
SELECT DISTINCT x, g FROM t
SELECT x, g, grouping(x) AS k, count(*) AS n FROM t GROUP BY ROLLUP (x, g)
SELECT x, count(*) AS n, rank() OVER (ORDER BY count(*), x) AS r FROM t GROUP BY x
SELECT x FROM t UNION SELECT x FROM u
SELECT x FROM t INTERSECT SELECT x FROM u
SELECT x FROM t INTERSECT ALL SELECT x FROM u
SELECT x FROM t EXCEPT SELECT x FROM u
SELECT x FROM t EXCEPT ALL SELECT x FROM u
SELECT g, min(x) AS x FROM t GROUP BY g
SELECT max(x) AS x FROM t
SELECT d.x, u.id FROM (SELECT DISTINCT x FROM t) d JOIN u ON u.x = d.x
SELECT x, sum(id) AS s FROM (SELECT x, id FROM t UNION ALL SELECT x, id FROM u) a GROUP BY x
SELECT x, n FROM (SELECT x, count(*) AS n FROM t GROUP BY x) a ORDER BY x LIMIT 3
""".strip().splitlines()
IMAGES = "SELECT x::text COLLATE \"C\" FROM t UNION SELECT x::text COLLATE \"C\" FROM u"


class Case:
    """One type, with random queries and changes."""

    def __init__(self, database, number):
        self.database, self.number, self.dice = database, number, seeds.dice(number)
        self.type = self.dice.choice(sorted(TYPES))
        self.values = TYPES[self.type]
        self.failures = []

    def value(self):
        return "'%s'" % self.dice.choice(self.values).replace("'", "''")

    def accepts(self, statement):
        """Returns whether PostgreSQL has the statement for the type."""
        try:
            self.database.run(statement)
            return True
        except psycopg2.Error as error:
            if error.pgcode[:2] not in ("42", "23", "0A", "22", "21"):
                raise
            return False

    def set_up(self):
        key = self.dice.choice(["PRIMARY KEY", ""])
        self.database.run("DROP SCHEMA IF EXISTS play CASCADE; CREATE SCHEMA play; SET search_path = play, public")
        self.database.run(f"CREATE TABLE t (id int {key}, g int, x {self.type}); CREATE TABLE u (LIKE t); ALTER TABLE u ADD PRIMARY KEY (id)")
        self.has_key = self.accepts(f"CREATE TABLE keyed (x {self.type} PRIMARY KEY, v int)")
        if not self.has_key:
            self.database.run(f"CREATE TABLE keyed (x {self.type}, v int)")
        self.database.run(f"CREATE TABLE present (i int, x {self.type})")
        for number, value in enumerate(self.values):
            self.database.run(f"INSERT INTO present VALUES ({number}, %s)", value)
        for table in "tu" if self.dice.random() < 0.5 else "":
            self.accepts(f"CREATE INDEX ON {table} (x)")
        for _ in range(20):
            self.change()
        kind = self.type.split(" ")[0]
        constant = lambda query: query.replace("{c}", f"{self.value()}::{kind}")
        queries = [(constant(query), query in MERGED) for query in self.dice.sample(PLAIN + MERGED, QUERIES)]
        self.streams = {}
        for number, (query, is_merged) in enumerate(queries):
            if not self.accepts(f"SELECT FROM ({query}) q"):
                continue
            self.create(f"s{number}", query, query, is_merged)
            if self.dice.random() < 0.2 and f"s{number}" in self.streams:
                self.create(f"d{number}", f"SELECT * FROM s{number}", query, is_merged)

    def create(self, name, query, means, is_merged):
        mode = self.dice.choice(["DIFFERENTIAL", "DIFFERENTIAL", "AUTO", "FULL"])
        try:
            self.database.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', %s)", name, query, mode)
            self.streams[name] = (means, is_merged, mode)
        except psycopg2.Error as error:
            if error.pgcode != "0A000":
                raise

    def change(self):
        table, number = self.dice.choice(["t", "t", "u", "keyed"]), self.dice.randrange(12)
        value = self.dice.choice([self.value()] * 6 + ["NULL"])
        if table == "keyed":
            statements = [f"INSERT INTO keyed VALUES ({self.value()}, {number}) ON CONFLICT (x) DO UPDATE SET x = EXCLUDED.x",
                          f"UPDATE keyed SET x = {self.value()} WHERE x = {self.value()}", f"DELETE FROM keyed WHERE v = {number}"]
        else:
            other = "(SELECT x FROM present WHERE present.x = %s.x ORDER BY i %s LIMIT 1)" % (table, self.dice.choice(["", "DESC"]))
            statements = [f"INSERT INTO {table} VALUES ({number}, {number} % 3, {value}) ON CONFLICT DO NOTHING",
                          f"UPDATE {table} SET x = {value} WHERE id = {number}", f"UPDATE {table} SET x = {other} WHERE id % 3 = {number} % 3",
                          f"UPDATE {table} SET x = {other}", f"UPDATE {table} SET g = (g + 1) % 3 WHERE id = {number}",
                          f"DELETE FROM {table} WHERE id = {number}"]
        self.accepts(self.dice.choice(statements))

    def classes(self):
        """Returns the number of the first equal value, for each image."""
        rows = self.database.run('SELECT a.x::text COLLATE "C", min(b.i) FROM present a JOIN present b ON a.x = b.x GROUP BY 1')
        return dict(rows)

    def differs(self, name, query, is_merged):
        """Returns in which way the stream table is not the answer of the query, or None."""
        if not is_merged:
            read = lambda relation: sorted(row for row, in self.database.run(f"SELECT q::text FROM {relation} q"))
            return None if read(name) == read(f"({query})") else f"{read(name)} is not {read(f'({query})')}"
        classes, present = self.classes(), {image for image, in self.database.run(IMAGES)}
        shown = self.database.run(f"SELECT x::text, (to_jsonb(q) - 'x')::text FROM {name} q")
        wanted = self.database.run(f"SELECT x::text, (to_jsonb(q) - 'x')::text FROM ({query}) q")
        merged = lambda rows: sorted((str(classes.get(image, image)), rest) for image, rest in rows)
        if merged(shown) != merged(wanted):
            return f"{sorted(shown, key=str)} is not {sorted(wanted, key=str)}"
        absent = [image for image, _ in shown if image is not None and image not in present]
        return f"no row has the image {absent[0]!r}" if absent else None

    def run(self):
        self.set_up()
        for round_number in range(ROUNDS):
            for _ in range(self.dice.choice([1, 1, 2, 5])):
                self.change()
            way = self.dice.choice(["refresh", "refresh", "exact"])
            self.database.run(f"SET pg_trickle.read_mode = {way}")
            for name, (query, is_merged, mode) in list(self.streams.items()):
                try:
                    difference = self.differs(name, query, is_merged)
                except psycopg2.Error as error:
                    difference = str(error) if self.accepts(f"SELECT q::text FROM ({query}) q") else None
                if difference is not None:
                    self.failures.append(f"seed {seeds.SEED}, number {self.number}, {self.type}, round {round_number}, {mode}, {way}, {name}:\n"
                                         f"  {query}\n  {difference}")
                    del self.streams[name]


def main():
    database, end, number, failures = Database(), time.monotonic() + DURATION_S, 0, []
    try:
        database.run(SET_UP)
        while time.monotonic() < end:
            case = Case(database, number)
            case.run()
            failures += case.failures
            number += 1
    finally:
        database.drop()
    for failure in failures:
        print(failure)
    print("not ok" if failures else "ok", "equal_values")
    sys.exit(1 if failures else 0)


main()
