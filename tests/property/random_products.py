#!/usr/bin/python3 -B
"""Shows that products of small tables, filtered by conditions with sub-queries, are refreshed about as fast as their
queries are answered, and equal their answers.

PostgreSQL orders the joins and semi joins of a query so that few rows are left early; a refresh that computed the
delta of the whole product before a condition would take seconds where the query takes milliseconds. A query joins three
to five tables, few of them by equalities, under one to four conditions with IN, EXISTS, ANY or a value, correlated with
one or two of the tables. Each transaction writes to several tables; a refresh after it may use MOST_CPU_S of processor
time, ten times what any needs.

PRODUCTS is the number of queries to try, the first of which has the seed SEED; without it DURATION_S limits the time.
"""
import os
import random
import sys
import time

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.append(os.path.dirname(sys.path[0]))
import server  # noqa: E402
from database import cpu_s  # noqa: E402
from seeds import SEED  # noqa: E402

TABLES = "abcdef"
COLUMNS = ["id", "k", "v"]
MOST_CPU_S, MOST_ROWS, TRANSACTIONS = 3.0, 5000, 2


class Product:
    """A random query over tables with the columns of COLUMNS."""

    def __init__(self, rng):
        self.rng, self.names = rng, 0
        self.aliases = ["t%d" % number for number in range(rng.choice([3, 4, 4, 4, 5]))]

    def column(self, aliases):
        return "%s.%s" % (self.rng.choice(aliases), self.rng.choice(COLUMNS))

    def inner(self):
        """Returns (FROM … WHERE …, its first alias)."""
        rng, self.names = self.rng, self.names + 1
        alias, other = "x%d" % self.names, "y%d" % self.names
        sql, conditions = "%s %s" % (rng.choice(TABLES), alias), []
        if rng.random() < 0.5:
            conditions.append("%s %s %s" % (self.column([alias]), rng.choice(["=", "<", ">="]), self.column(self.aliases)))
        if rng.random() < 0.3:
            conditions.append("%s.v < %d" % (alias, rng.randrange(10)))
        if rng.random() < 0.3:
            sql += ", %s %s" % (rng.choice(TABLES), other)
            conditions.append("%s.k = %s.k" % (alias, other))
        return sql + (" WHERE " + " AND ".join(conditions) if conditions else ""), alias

    def condition(self):
        rows, alias = self.inner()
        left, value = self.column(self.aliases), self.column([alias])
        form = self.rng.choice(["%(l)s IN (SELECT %(v)s FROM %(r)s)", "%(l)s IN (SELECT %(v)s FROM %(r)s)", "%(l)s NOT IN (SELECT %(v)s FROM %(r)s)",
                                "EXISTS (SELECT FROM %(r)s)", "NOT EXISTS (SELECT FROM %(r)s)", "%(l)s < ANY (SELECT %(v)s FROM %(r)s)",
                                "%(l)s = (SELECT max(%(v)s) FROM %(r)s)", "%(l)s < (SELECT count(%(v)s) FROM %(r)s)"])
        return form % {"l": left, "v": value, "r": rows}

    def sql(self):
        rng = self.rng
        conditions = [self.condition() for _ in range(rng.choice([1, 1, 2, 3]))]
        if rng.random() < 0.3:
            conditions[0] = "(%s OR %s)" % (conditions[0], self.condition())
        for number in range(1, len(self.aliases)):
            if rng.random() < 0.4:
                conditions.append("%s %s %s" % (self.column([self.aliases[number]]), rng.choice(["=", "=", "<"]), self.column(self.aliases[:number])))
        rng.shuffle(conditions)
        return "SELECT %s FROM %s WHERE %s" % (
            ", ".join("%s AS c%d" % (self.column([alias]), number) for number, alias in enumerate(self.aliases)),
            ", ".join("%s %s" % (rng.choice(TABLES), alias) for alias in self.aliases), " AND ".join(conditions))


def tables(rng):
    for table in TABLES:
        yield "CREATE TABLE %s (id int PRIMARY KEY, k int, v int)" % table
        yield "INSERT INTO %s SELECT g, nullif(g * %d %% %d, 3), g * %d %% %d FROM generate_series(1, %d) g" % (
            table, rng.randrange(1, 9), rng.choice([4, 9, 20]), rng.randrange(1, 9), rng.choice([4, 9, 20]), rng.choice([5, 10, 20, 30, 50]))


def statement(rng, table):
    kind = rng.choice(["insert", "update", "delete"])
    row = "id = (SELECT id FROM %s ORDER BY md5(id::text || '%d') LIMIT 1)" % (table, rng.randrange(1000))
    if kind == "insert":
        return "INSERT INTO %s SELECT coalesce(max(id), 0) + 1, %d, %d FROM %s" % (table, rng.randrange(8), rng.randrange(8), table)
    if kind == "update":
        return "UPDATE %s SET %s = %s WHERE %s" % (table, rng.choice(["k", "v"]), rng.choice(["NULL", "1", "2", "5", "7"]), row)
    return "DELETE FROM %s WHERE %s" % (table, row)


def transaction(rng):
    changed = [table for table in TABLES if rng.random() < 0.7]
    return "BEGIN; %s; COMMIT" % "; ".join(statement(rng, table) for table in changed for _ in range(rng.choice([1, 1, 2, 5])))


def has_few_rows(database, sql):
    try:
        return database.fetch("SELECT count(*) FROM (SELECT FROM (%s) q LIMIT %d) q" % (sql, MOST_ROWS + 1))[0][0] <= MOST_ROWS
    except psycopg2.errors.QueryCanceled:
        return False


def failure_of(database, rng, sql):
    """Returns what is wrong with a stream table of the query, or None."""
    database.run("SELECT pgtrickle.create_stream_table('play.st', $q$%s$q$, '520w', 'DIFFERENTIAL')" % sql)
    [[pid]] = database.fetch("SELECT pg_backend_pid()")
    try:
        for _ in range(TRANSACTIONS):
            database.run(transaction(rng))
            if not has_few_rows(database, sql):
                return None
            before = cpu_s(pid)
            database.run("SELECT pgtrickle.refresh_stream_table('play.st')")
            used = cpu_s(pid) - before
            differences = database.fetch("SELECT count(*) FROM ((TABLE st EXCEPT ALL (%s)) UNION ALL ((%s) EXCEPT ALL TABLE st)) d" % (sql, sql))
            if differences[0][0] > 0:
                return "wrong rows"
            if used > MOST_CPU_S:
                return "a refresh uses %.1f s" % used
    except psycopg2.Error as error:
        return str(error).splitlines()[0]
    finally:
        database.run("DROP FOREIGN TABLE st")
    return None


def main():
    queries, seed = int(os.environ.get("PRODUCTS", 0)), SEED
    end_at = time.monotonic() + float(os.environ.get("DURATION_S", 15))
    database = server.Database("products")
    database.renew()
    tried = failures = 0
    while tried < queries if queries else time.monotonic() < end_at:
        rng = random.Random("products %d" % (seed + tried))
        database.renew_schema()
        for sql in tables(rng):
            database.run(sql)
        sql = Product(rng).sql()
        tried += 1
        if not has_few_rows(database, sql):
            continue
        failure = failure_of(database, rng, sql)
        if failure:
            failures += 1
            print("seed %d: %s: %s" % (seed + tried - 1, failure, sql), flush=True)
    database.drop()
    print("%s each of %d products is refreshed in %g s, first seed %d" % ("not ok" if failures else "ok", tried, MOST_CPU_S, seed))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
