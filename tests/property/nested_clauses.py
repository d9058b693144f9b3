#!/usr/bin/python3 -B
"""Shows that stream tables of queries that have all clauses at each level of nesting equal their queries.

A sub-query in EXISTS, IN, ALL, ARRAY, a comparison of rows, an expression, WITH or LATERAL may itself have grouping
sets, DISTINCT, windows, set operations, LIMIT and WITH TIES, joins of all kinds, recursion and further sub-queries; each
of these may read columns of the levels around it. So the errors that it finds are those of clauses that are each right
at the top of a query and wrong below: a column of another level taken for one of its own, a clause lost or moved when a
sub-query becomes a join, a key that is unique for one row of the outer query only, and NULL beside no row.

Each random database keeps the queries of some stream tables over four relations: with a key, without, partitioned, and
a view. After random statements each is read, refreshed or exactly, and compared with its query. Wrong rows, an error
that the query itself does not raise, and a query that is refused with another error than 0A000 are failures; so are
more than 5 % of the queries that are refused, fail, or are slower by a stream table only. DURATION_S limits the time.
"""

import collections
import os
import sys
import time
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import seeds  # noqa: E402
from database import Database  # noqa: E402

DURATION_S = float(os.environ.get("DURATION_S", 15))
STREAM_TABLES, ROUNDS = 20, 3
MOST_LEFT_OUT = 0.05  # of all queries: refused, or without an answer
REFUSED, SLOW = "0A000", "57014"

RELATIONS = {"t": ["id", "a", "b", "c"], "s": ["a", "b", "c"], "p": ["a", "b", "c"], "v": ["a", "n"]}
TABLES = ["t", "s", "p"]
SETTINGS = """
SET search_path = nested;
SET pg_trickle.scan_refresh_timeout = '60s';
SET pg_trickle.max_staleness = 0;
SET pg_trickle.on_stale = error
"""
SET_UP = """
DROP SCHEMA IF EXISTS nested CASCADE;
CREATE SCHEMA nested;
CREATE TABLE t (id int PRIMARY KEY, a int, b int, c int);
CREATE TABLE s (a int, b int, c int);
CREATE TABLE p (a int, b int, c int) PARTITION BY LIST (b);
CREATE TABLE p1 PARTITION OF p FOR VALUES IN (0, 1);
CREATE TABLE p2 PARTITION OF p DEFAULT;
CREATE VIEW v AS SELECT a, count(*)::int AS n FROM s GROUP BY a;
CREATE INDEX ON t (a);
CREATE INDEX ON s (a);
INSERT INTO t SELECT i, nullif(i % 4, 3), i % 3, nullif(i % 5, 0) FROM generate_series(1, 7) i;
INSERT INTO s SELECT nullif(i % 3, 2), i % 2, i % 4 FROM generate_series(1, 6) i;
INSERT INTO p SELECT i % 3, i % 4, nullif(i % 2, 0) FROM generate_series(1, 6) i
"""


class Query:
    """Writes one random query. All columns are integers; `columns` are those of a level's FROM clause, `outer` those of
    the levels around it, and `fuel` is how many joins and sub-queries may follow."""

    def __init__(self, dice):
        self.dice, self.names = dice, 0
        self.fuel = dice.choice([3, 4, 5, 6, 7])

    def pick(self, *items):
        return self.dice.choice(items)

    def chance(self, percent):
        return self.dice.randrange(100) < percent

    def fresh(self, prefix):
        self.names += 1
        return f"{prefix}{self.names}"

    def width(self):
        return self.pick(1, 1, 2, 2, 3)

    # Expressions

    def expression(self, columns, outer, depth=2):
        offered = columns + (outer if self.chance(60) else [])
        if not offered:
            return str(self.dice.randrange(4))
        column = self.dice.choice(offered)
        if depth == 0:
            return column
        form = self.pick("column", "column", "column", "column", "sum", "coalesce", "remainder", "case", "constant", "nullif", "greatest",
                         "sub-query")
        if form == "column":
            return column
        if form == "remainder":
            return f"({column} % 3)"
        if form == "constant":
            return str(self.dice.randrange(4))
        if form == "nullif":
            return f"nullif({column}, {self.dice.randrange(3)})"
        if form == "sub-query" and self.fuel > 0:
            return self.scalar(columns + outer)
        other = self.expression(columns, outer, depth - 1)
        if form == "sum":
            return f"({column} + {other})"
        if form == "case":
            return f"CASE WHEN {self.condition(columns, outer, depth - 1)} THEN {column} ELSE {other} END"
        return f"{self.pick('coalesce', 'greatest')}({column}, {other})"

    def condition(self, columns, outer, depth=2):
        left, right = (self.expression(columns, outer, max(depth - 1, 0)) for _ in range(2))
        form = self.pick("compare", "compare", "compare", "compare", "null", "distinct", "between", "exists", "in", "rows", "both")
        if form == "null":
            return f"{left} IS {self.pick('NULL', 'NOT NULL')}"
        if form == "distinct":
            return f"{left} IS {self.pick('', 'NOT ')}DISTINCT FROM {right}"
        if form == "between":
            return f"{left} BETWEEN {right} AND {self.dice.randrange(5)}"
        if form == "both" and depth > 0:
            return f"({self.condition(columns, outer, depth - 1)} {self.pick('AND', 'OR')} {self.condition(columns, outer, depth - 1)})"
        if self.fuel > 0 and form == "exists":
            return f"{self.pick('', 'NOT ')}EXISTS ({self.select(columns + outer, self.width())})"
        if self.fuel > 0 and form == "in":
            return f"{left} {self.pick('IN', 'NOT IN', '= ANY', '<= ALL', '> ANY')} ({self.select(columns + outer, 1)})"
        if self.fuel > 0 and form == "rows":
            pairs = self.select(columns + outer, 2)
            if self.chance(60):
                return f"({left}, {right}) {self.pick('IN', 'NOT IN', '= ANY')} ({pairs})"
            return f"({left}, {right}) {self.pick('=', '<', '<=')} (SELECT q.c0, q.c1 FROM ({pairs}) q ORDER BY 1, 2 LIMIT 1)"
        return f"{left} {self.pick('=', '=', '<', '<=', '<>', '>=')} {right}"

    def scalar(self, outer):
        """Returns a sub-query that is one value."""
        form = self.pick("aggregate", "aggregate of rows", "first row", "array")
        if form == "aggregate":
            return f"({self.aggregate_select(outer)})"
        if form == "aggregate of rows":
            return f"(SELECT {self.pick('max', 'min', 'sum', 'count')}(q.c0)::int FROM ({self.select(outer, 1)}) q)"
        if form == "first row":
            order = self.pick("", " DESC", " NULLS FIRST")
            return f"(SELECT q.c0 FROM ({self.select(outer, 1)}) q ORDER BY 1{order} LIMIT 1 OFFSET {self.dice.randrange(2)})"
        return f"cardinality({self.array(outer)})" if self.chance(40) else f"({self.array(outer)})[{self.pick(1, 2)}]"

    def array(self, outer):
        return f"ARRAY({self.select(outer, 1, is_ordered=True)})"

    def aggregate(self, columns, outer):
        column = self.dice.choice(columns)
        value = column if self.chance(60) or not outer else f"({column} + coalesce({self.dice.choice(outer)}, 0))"
        only = f" FILTER (WHERE {column} IS NOT NULL AND {self.condition(columns, outer, 0)})" if self.chance(25) else ""
        plain = f"{self.pick('sum', 'max', 'min', 'count')}({value}){only}::int"
        return self.pick(plain, plain, plain, f"count(*){only}::int", f"count(DISTINCT {value}){only}::int",
                         f"cardinality(array_agg({value} ORDER BY {column}){only})", f"(array_agg({value} ORDER BY {value} DESC){only})[1]",
                         f"(percentile_disc(0.5) WITHIN GROUP (ORDER BY {value}){only})")

    # FROM

    def item(self, outer, before, ctes):
        """Returns (sql, columns) of an item of FROM; LATERAL, it may read the columns `before` it."""
        name = self.fresh("x")
        form = self.pick(*["relation"] * 6, *["cte"] * 2, *["sub-query"] * 3, "series", "values", "unnest")
        if form == "cte" and ctes:
            relation, width = self.dice.choice(ctes)
            return f"{relation} {name}", [f"{name}.c{i}" for i in range(width)]
        if form in ("relation", "cte") or self.fuel <= 0:
            relation = self.pick(*RELATIONS)
            return f"{relation} {name}", [f"{name}.{column}" for column in RELATIONS[relation]]
        if form == "sub-query":
            width = self.width()
            return f"LATERAL ({self.select(before + outer, width)}) {name}", [f"{name}.c{i}" for i in range(width)]
        first, second = (self.expression(before, outer, 1) for _ in range(2))
        if form == "series":
            return f"LATERAL generate_series({first} % 3, {self.pick(1, 2, 3)}) {name}(c0)", [f"{name}.c0"]
        if form == "values":
            return f"LATERAL (VALUES ({first}, {second}), (1, {self.expression(before, outer, 0)})) {name}(c0, c1)", [f"{name}.c0", f"{name}.c1"]
        return f"LATERAL unnest(ARRAY[{first}, 2]) WITH ORDINALITY {name}(c0, c1)", [f"{name}.c0", f"{name}.c1"]

    def condition_of_one(self, columns, outer):
        """Returns a condition over one side of a join, more often than not with a sub-query."""
        column = self.dice.choice(columns)
        if self.fuel > 0 and self.chance(75):
            return f"{column} {self.pick('=', '=', '=', '<', '<>')} {self.scalar(columns + outer)}"
        if self.fuel > 0 and self.chance(30):
            return f"({column} > 1) = EXISTS ({self.select(columns + outer, 1)})"
        return f"{column} = {self.dice.choice(outer)}" if outer and self.chance(50) else self.condition(columns, outer, 1)

    def from_clause(self, outer, ctes):
        sql, columns = self.item(outer, [], ctes)
        for _ in range(self.pick(0, 0, 0, 1, 1, 2)):
            if self.fuel <= 0:
                break
            self.fuel -= 1
            join = self.pick("CROSS JOIN", "CROSS JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN", "FULL JOIN")
            item, its_columns = self.item(outer, [] if join in ("RIGHT JOIN", "FULL JOIN") else columns, ctes)
            if join == "CROSS JOIN":
                on = ""
            elif join == "FULL JOIN":
                on = f" ON {self.dice.choice(columns)} = {self.dice.choice(its_columns)}"
                if self.chance(70):
                    on += f" AND {self.condition_of_one(self.pick(columns, its_columns), outer)}"
            elif outer and self.chance(30):
                on = f" ON {self.condition(its_columns, outer, 1)}"
            else:
                on = f" ON {self.condition(columns + its_columns, outer, 1)}"
                if self.chance(25):
                    on += f" AND {self.condition_of_one(self.pick(columns, its_columns), outer)}"
            sql, columns = f"({sql} {join} {item}{on})", columns + its_columns
        return sql, columns

    # SELECT

    def recursion(self, outer, name):
        base, start, table = self.fresh("y"), self.pick(*TABLES), self.pick(*TABLES)
        second = self.pick(f"{base}.b", f"{base}.b", f"{base}.a", *outer[:1])
        step = f" AND {self.condition(['z.c'], outer, 0)}" if self.chance(40) else ""
        return (f"WITH RECURSIVE {name}(c0, c1) AS (SELECT {base}.a, {second} FROM {start} {base}"
                f" WHERE {self.condition([f'{base}.a', f'{base}.b'], outer, 0)}"
                f" UNION SELECT z.b, {name}.c1 FROM {table} z JOIN {name} ON z.a = {name}.c0{step}) ")

    def with_clause(self, outer):
        """Returns the clause or nothing, and the names that it defines with the numbers of their columns."""
        if self.fuel <= 0 or not self.chance(25):
            return "", []
        name, width = self.fresh("w"), self.width()
        if self.chance(35):
            return self.recursion(outer, name), [(name, 2)]
        columns, how = ", ".join(f"c{i}" for i in range(width)), self.pick("", "MATERIALIZED ", "NOT MATERIALIZED ")
        return f"WITH {name}({columns}) AS {how}({self.select(outer, width)}) ", [(name, width)]

    def source(self, outer, ctes):
        """Returns FROM with WHERE, and its columns."""
        sql, columns = self.from_clause(outer, ctes)
        return f" FROM {sql}" + (f" WHERE {self.condition(columns, outer)}" if self.chance(60) else ""), columns

    def aggregate_select(self, outer):
        """Returns a query of at most one row: an aggregate without GROUP BY."""
        self.fuel -= 1
        clause, ctes = self.with_clause(outer)
        source, columns = self.source(outer, ctes)
        having = f" HAVING {self.aggregate(columns, outer)} > {self.dice.randrange(3)}" if self.chance(20) else ""
        return f"{clause}SELECT {self.aggregate(columns, outer)} AS c0{source}{having}"

    def grouping(self, columns, outer):
        """Returns GROUP BY with HAVING, and its keys. Keys with outer columns are constants, which stay as they are in
        grouping sets, so these have none."""
        offered, of_sets = columns, self.chance(50)
        if not of_sets and self.chance(50):
            offered = columns + outer
        keys = [key if self.chance(70) else f"({key} % 2)" for key in self.dice.sample(offered, min(self.pick(0, 1, 1, 2), len(offered)))]
        listed = ", ".join(keys)
        if of_sets and keys:
            listed = self.pick(f"GROUPING SETS (({listed}), (), ({keys[0]}))", f"ROLLUP ({listed})", f"DISTINCT CUBE ({listed})")
        sql = f" GROUP BY {listed}" if keys else ""
        if self.chance(30):
            sql += f" HAVING {self.aggregate(columns, outer)} {self.pick('>', '<', '<>')} {self.pick('1', '2', *outer)}"
        return sql, keys

    def window(self, value, outer):
        part = self.pick("", f"PARTITION BY {value()} ", f"PARTITION BY {self.dice.choice(outer or ['1'])} ")
        frame = self.pick("", "", " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", " GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING",
                          " RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING",
                          " RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING EXCLUDE GROUP")
        return f" WINDOW w AS ({part}ORDER BY {value()}{self.pick('', ' DESC', ' NULLS FIRST')}{frame})"

    def windowed(self, value):
        function = self.pick("rank()", "dense_rank()", "count(*)", "sum(%s)", "max(%s)", "min(%s)")
        call = function % value() if "%s" in function else function
        return f"({call} OVER w)::int"

    def core(self, outer, ctes, width):
        """Returns a SELECT with all clauses up to WINDOW, whose columns are c0, c1 and so on."""
        source, columns = self.source(outer, ctes)
        grouping, value = "", lambda: self.expression(columns, outer)
        if self.chance(45):
            grouping, keys = self.grouping(columns, outer)
            value = lambda: self.pick(*keys, self.aggregate(columns, outer))
        window = self.window(value, outer) if self.chance(35) else ""
        outputs = [self.windowed(value) if window and (i == width - 1 or self.chance(30)) else value() for i in range(width)]
        if not window and self.chance(6):
            outputs[-1] = f"generate_series(1, {outputs[-1]} % 3)"
        distinct = "DISTINCT " if not window and self.chance(30) else ""
        sql = f"SELECT {distinct}{', '.join(f'{output} AS c{i}' for i, output in enumerate(outputs))}{source}{grouping}{window}"
        if self.chance(8):
            order = ", ".join(f"c{i}{self.pick('', ' DESC')}" for i in range(width))
            return f"SELECT * FROM (SELECT DISTINCT ON (c0) * FROM ({sql}) d ORDER BY {order}) d"
        return sql

    def ending(self, outer, width, is_ordered):
        """Returns ORDER BY and LIMIT, by which the rows are determined."""
        order = ", ".join(f"{i + 1}{self.pick('', ' DESC', ' NULLS FIRST', ' DESC NULLS LAST')}" for i in range(width))
        if self.chance(60):
            return f" ORDER BY {order}" if is_ordered or self.chance(15) else ""
        if self.chance(30):
            return f" ORDER BY 1{self.pick('', ' DESC', ' NULLS FIRST')} FETCH FIRST {self.pick(1, 2, 3, 4)} ROWS WITH TIES"
        limit = f"abs(coalesce({self.dice.choice(outer)}, 1)) % 3 + 1" if outer and self.chance(30) else self.pick(1, 2, 3, 4)
        return f" ORDER BY {order} LIMIT {limit}" + (f" OFFSET {self.dice.randrange(3)}" if self.chance(30) else "")

    def select(self, outer, width, is_ordered=False):
        self.fuel -= 1
        clause, ctes = self.with_clause(outer)
        sql = self.core(outer, ctes, width)
        if self.fuel > 0 and self.chance(22):
            operation = self.pick("UNION", "UNION ALL", "INTERSECT", "INTERSECT ALL", "EXCEPT", "EXCEPT ALL")
            sql = f"({sql}) {operation} ({self.core(outer, ctes, width)})"
        return clause + sql + self.ending(outer, width, is_ordered)

    def sql(self):
        relation = self.pick("t", *TABLES)
        columns = [f"o.{column}" for column in RELATIONS[relation]]
        form = self.pick("exists", "scalar", "array", "lateral", "in", "groups", "plain")
        if form == "plain":
            return self.select([], self.width())
        if form == "exists":
            return f"SELECT {columns[0]}, o.b FROM {relation} o WHERE {self.pick('', 'NOT ')}EXISTS ({self.select(columns, self.width())})"
        if form in ("scalar", "array"):
            return f"SELECT {columns[0]}, o.b, {self.scalar(columns) if form == 'scalar' else self.array(columns)} AS v FROM {relation} o"
        if form == "lateral":
            on = self.pick("true", "l.c0 = o.a", "l.c0 > 0")
            return f"SELECT {columns[0]}, l.* FROM {relation} o LEFT JOIN LATERAL ({self.select(columns, self.width())}) l ON {on}"
        if form == "in":
            compared = f"o.{self.pick('a', 'b', 'c')} {self.pick('IN', 'NOT IN', '= ANY', '< ALL')}"
            return f"SELECT {columns[0]}, o.b, {compared} ({self.select(columns, 1)}) AS v FROM {relation} o"
        return f"SELECT o.a, count(*) AS n, sum({self.scalar(columns)}) AS z FROM {relation} o GROUP BY o.a"


class Case:
    """A database with stream tables, their queries, and the statements that changed it."""

    def __init__(self, database, number, end, counts):
        self.database, self.number, self.end, self.counts = database, number, end, counts
        self.dice = seeds.dice(number)
        self.streams, self.statements, self.failures = {}, [], []

    def fail(self, sql, why, about=""):
        self.failures.append(f"seed {seeds.SEED}, database {self.number}{about}: {why}\n  {sql}\n  after {'; '.join(self.statements)}")

    def rows(self, relation):
        return sorted(row for row, in self.database.run(f"SELECT q::text FROM {relation} q"))

    def answer(self, sql, limit):
        """Returns the rows of the query itself, or None after an error or the limit of time, which is short as the machine may be
        slow; later statements have a minute."""
        self.database.run(f"SET statement_timeout = '{limit}'")
        try:
            return self.rows(f"({sql})")
        except psycopg2.Error as error:
            self.counts["slow" if error.pgcode == SLOW else "left out"] += 1
            return None
        finally:
            self.database.run("SET statement_timeout = '60s'")

    def create(self):
        sql, name = Query(self.dice).sql(), f"st{len(self.streams)}"
        mode = self.dice.choice(["DIFFERENTIAL"] * 4 + ["AUTO"])
        self.counts["queries"] += 1
        if self.answer(sql, "1s") is None:
            return
        try:
            self.database.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', %s)", name, sql, mode)
            self.streams[name] = sql, mode
        except psycopg2.Error as error:
            self.counts["left out"] += 1
            if error.pgcode not in (REFUSED, SLOW):
                self.fail(sql, f"{error.pgcode} {error.diag.message_primary}", ", creation")

    def change(self):
        dice, table = self.dice, self.dice.choice(["t", "s", "s", "p"])
        value = lambda: dice.choice(["NULL", "0", "1", "2", "3", "4"])
        key, column = dice.randrange(1, 12), dice.choice("abc")
        if table == "t":
            return dice.choice([
                f"INSERT INTO t VALUES ({key}, {value()}, {value()}, {value()}) ON CONFLICT (id) DO UPDATE SET a = EXCLUDED.a",
                f"DELETE FROM t WHERE id = {key}", f"UPDATE t SET {column} = {value()} WHERE id = {key}",
                f"UPDATE t SET id = {key + 20} WHERE id = {key} AND NOT EXISTS (SELECT FROM t WHERE id = {key + 20})"])
        insertion = f"INSERT INTO {table} VALUES ({value()}, {value()}, {value()})"
        return dice.choice([
            insertion, insertion, f"DELETE FROM {table} WHERE a = {key % 4} AND b = {key % 3}", f"DELETE FROM {table} WHERE c = {key % 5}",
            f"UPDATE {table} SET {column} = {value()} WHERE a = {key % 3}", f"UPDATE {table} SET {column} = {value()} WHERE c IS NULL"])

    def compare(self, name, about):
        """Compares a stream table with its query, and returns whether both can still be compared after more changes."""
        sql, mode = self.streams[name]
        wanted = self.answer(sql, "5s")
        if wanted is None:
            return False
        self.counts["compared"] += 1
        try:
            shown = self.rows(name)
        except psycopg2.Error as error:
            self.counts["left out"] += 1
            if error.pgcode != SLOW:
                self.fail(sql, f"{error.pgcode} {error.diag.message_primary}", f"{about}, {mode}")
            return False
        if shown != wanted:
            self.fail(sql, f"{shown} is not {wanted}", f"{about}, {mode}")
        return shown == wanted

    def run(self):
        self.database.run(SET_UP)
        while len(self.streams) < STREAM_TABLES and time.monotonic() < self.end:
            self.create()
        for round_number in range(ROUNDS):
            for _ in range(self.dice.choice([1, 1, 2, 4])):
                self.statements.append(self.change())
                self.database.run(self.statements[-1])
            way = self.dice.choice(["refresh", "refresh", "exact"])
            self.database.run(f"SET pg_trickle.read_mode = {way}")
            for name in list(self.streams):
                if not self.compare(name, f", round {round_number}, {way}"):
                    del self.streams[name]
        for name in self.streams:
            self.counts.update(dict(self.database.run(
                "SELECT 'refreshed ' || action, count(*) FROM pgtrickle.get_refresh_history(%s, 1000) GROUP BY 1", name)))


def main():
    database, end, number, failures, counts = Database(), time.monotonic() + DURATION_S, 0, [], collections.Counter()
    try:
        database.run(SETTINGS)
        while time.monotonic() < end:
            case = Case(database, number, end, counts)
            case.run()
            failures += case.failures
            number += 1
    finally:
        database.drop()
    for failure in failures:
        print(failure)
    print(f"{number} databases: {', '.join(f'{count} {what}' for what, count in sorted(counts.items()))}")
    is_tried = counts["refreshed DIFFERENTIAL"] > 0 and counts["compared"] > 0
    is_kept = counts["left out"] <= counts["queries"] * MOST_LEFT_OUT
    print("not ok" if failures else "ok", "stream_tables_equal_their_queries")
    print("ok" if is_tried else "not ok", "stream_tables_are_refreshed_by_deltas")
    print("ok" if is_kept else "not ok", "few_queries_are_left_out")
    sys.exit(0 if is_tried and is_kept and not failures else 1)


main()
