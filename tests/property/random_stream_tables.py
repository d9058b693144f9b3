#!/usr/bin/python3 -B
"""Random queries kept incrementally, against PostgreSQL's own answer.

In a schema of its own, several random stream tables share a few tables. Rounds of random
transactions (committed, rolled back, with savepoints) change the tables; after each round
every stream table is refreshed and compared with its defining query as a multiset. A
reinitialisation that nothing asked for counts as a failure: a retraction found nothing.

Connects by the PG* environment. Prints `property: N queries passed, …` or, for each failure,
a psql script that replays it. Exit code 1 on failure.
"""
import argparse
import os
import random
import sys
import time

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import generator  # noqa: E402


class Failure(Exception):
    pass


class Schema:
    def __init__(self, connection, seed, table_count):
        self.connection = connection
        self.rng = random.Random(seed)
        self.seed = seed
        self.name = "prop_%d" % seed
        self.script = []
        self.keys = [100]
        self.stream_tables = []
        self.refused = []
        self.table_count = table_count
        self.truncated = False

    def run(self, sql):
        self.script.append(sql + ";")
        with self.connection.cursor() as cursor:
            cursor.execute(sql)

    def fetch(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def set_up(self):
        self.run("DROP SCHEMA IF EXISTS %s CASCADE" % self.name)
        self.run("CREATE SCHEMA %s" % self.name)
        self.run("SET search_path = %s, public" % self.name)
        self.run("SET client_min_messages = warning")
        self.run(generator.DDL.strip().rstrip(";"))
        for table in generator.TABLES:
            rows = []
            for _ in range(self.rng.choice([0, 5, 15])):
                self.keys[0] += 1
                rows.append(generator.row(self.rng, table, self.keys[0]))
            if rows:
                self.run("INSERT INTO %s VALUES %s" % (table, ", ".join(rows)))
        relations = dict(generator.TABLES)
        for i in range(self.table_count):
            self.create("st%d" % i, relations)

    def create(self, name, relations):
        sql, columns, groups_by_numeric = generator.query(self.rng, relations)
        try:
            plain = self.fetch("SELECT count(*) FROM (%s) q" % sql)[0][0]
        except psycopg2.Error:
            return  # not a query PostgreSQL answers
        if plain > 20000:
            return
        quoted = sql.replace("'", "''")
        try:
            self.run("SELECT pgtrickle.create_stream_table('%s', '%s', '1h', 'DIFFERENTIAL')" % (name, quoted))
        except psycopg2.Error as error:
            self.script.pop()
            if error.pgcode != "0A000":
                raise Failure("create failed with %s: %s\n%s" % (error.pgcode, error, sql))
            self.refused.append((sql, str(error).splitlines()[0]))
            return
        self.stream_tables.append((name, sql, columns, groups_by_numeric))
        if self.rng.random() < 0.15 and columns:
            relations[name] = columns

    def mutate(self):
        """One transaction, as one string: savepoints and rollbacks included."""
        parts = ["BEGIN"]
        for _ in range(self.rng.choice([1, 1, 2, 4])):
            statement = generator.statement(self.rng, self.keys)
            if self.rng.random() < 0.15:
                parts += ["SAVEPOINT a", statement,
                          self.rng.choice(["ROLLBACK TO a", "RELEASE a"])]
            else:
                parts.append(statement)
        parts.append("COMMIT" if self.rng.random() < 0.85 else "ROLLBACK")
        for part in parts:
            if part.startswith("TRUNCATE"):
                self.truncated = True
            self.run(part)

    def columns_for_comparison(self, columns):
        """Floats by tolerance: sums in another order differ in the last bits."""
        return ", ".join("round(%s::numeric, 4) AS %s" % (c, c) if k == "float8" else c for c, k in columns)

    def compare(self, name, sql, columns, groups_by_numeric):
        outputs = self.columns_for_comparison(columns)
        kept = "SELECT %s FROM %s" % (outputs, name)
        asked = "SELECT %s FROM (%s) q" % (outputs, sql)
        check = ("SELECT (SELECT count(*) FROM (%s EXCEPT ALL %s) d), (SELECT count(*) FROM (%s EXCEPT ALL %s) d)"
                 % (kept, asked, asked, kept))
        extra, missing = self.fetch(check)[0]
        if extra or missing:
            raise Failure("%s: %d rows too many, %d missing\n%s\n-- check: %s" % (name, extra, missing, sql, check))
        if groups_by_numeric:
            return
        kept, asked = "SELECT x::text FROM (%s) x" % kept, "SELECT x::text FROM (%s) x" % asked
        images = self.fetch("SELECT * FROM (%s EXCEPT ALL %s) d LIMIT 3" % (kept, asked))
        if images:
            raise Failure("%s: equal values with other images: %r\n%s" % (name, images, sql))

    def check_warnings(self, name):
        lost = [notice for notice in self.connection.notices if "lost touch" in notice]
        del self.connection.notices[:]
        if lost:
            raise Failure("%s: %s" % (name, lost[0]))

    def rounds(self, count):
        for _ in range(count):
            self.truncated = False
            for _ in range(self.rng.choice([1, 2, 3])):
                self.mutate()
            order = list(self.stream_tables)
            self.rng.shuffle(order)
            for name, *_ in order:
                if self.truncated or self.rng.random() < 0.9:
                    self.run("SELECT pgtrickle.refresh_stream_table('%s')" % name)
                    self.check_warnings(name)
            for name, *_ in order:
                self.run("SELECT pgtrickle.refresh_stream_table('%s')" % name)
                self.check_warnings(name)
            for stream_table in self.stream_tables:
                self.compare(*stream_table)

    def tear_down(self):
        self.run("DROP SCHEMA %s CASCADE" % self.name)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0, help="stop after so long; 0: when the queries are done")
    parser.add_argument("--tables", type=int, default=12, help="stream tables a schema")
    arguments = parser.parse_args()
    connection = psycopg2.connect("")
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute("SET client_min_messages = warning; CREATE EXTENSION IF NOT EXISTS pg_trickle")
    passed = refused = failed = 0
    seed = arguments.seed
    started = time.monotonic()
    while passed + refused + failed < arguments.queries:
        if arguments.seconds and time.monotonic() - started > arguments.seconds:
            break
        schema = Schema(connection, seed, arguments.tables)
        seed += 1
        try:
            schema.set_up()
            schema.rounds(arguments.rounds)
            schema.tear_down()
            passed += len(schema.stream_tables)
        except (Failure, psycopg2.Error) as failure:
            failed += 1
            print("FAILED with --seed %d --queries 1: %s" % (schema.seed, failure))
            path = os.path.join(os.environ.get("TMPDIR", "/tmp"), "pg_trickle_property_%d.sql" % schema.seed)
            with open(path, "w") as script:
                script.write("\n".join(schema.script) + "\n")
            print("  replay: psql -f %s" % path)
            if connection.closed:
                return 1
            connection.rollback() if not connection.autocommit else None
            with connection.cursor() as cursor:
                cursor.execute("ROLLBACK")
        refused += len(schema.refused)
        for sql, why in schema.refused:
            print("refused: %s\n  %s" % (why, sql))
    print("property: %d queries passed, %d failed, %d refused" % (passed, failed, refused))
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
