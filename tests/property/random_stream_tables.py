#!/usr/bin/python3 -B
"""Random queries kept incrementally, against PostgreSQL's own answer.

Several random stream tables, some of them on others, share a few tables. Random transactions (committed,
rolled back, with savepoints) change the tables. Then each stream table is compared with its defining query in
one statement, as multisets of row images: after a refresh by name, or by a read that wants it fresh and leaves
the refresh to the manager, or inside a transaction that sees its own changes and may roll back. A
reinitialisation that nothing asked for counts as a failure: a retraction found nothing.

DURATION_S says for how long, SEED repeats a run. A failing case is shrunk and printed as a psql script.
"""
import os
import random
import sys
import time

import psycopg2

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import generator  # noqa: E402

DATABASE = "property_random_stream_tables"
STREAM_TABLES = 8
ROUNDS = 6
SHRINKING_S = 60
SETTINGS = "SET client_min_messages = warning; SET pg_trickle.on_stale = 'error'; SET pg_trickle.scan_refresh_timeout = '60s'"


class Failure(Exception):
    """What is wrong, and with which stream table."""

    def __init__(self, what, stream_table=None):
        super().__init__(what)
        self.stream_table = stream_table


class StreamTable:
    def __init__(self, name, sql, columns, shows_any_image):
        self.name, self.sql, self.columns, self.shows_any_image = name, sql, columns, shows_any_image

    def check(self):
        """A query for rows that are in only one of stream table and defining query. Floats by tolerance: sums in
        another order differ in the last bits."""
        outputs = ", ".join("round(%s::numeric, 4) AS %s" % (c, c) if k == "float8" else c for c, k in self.columns)
        image = "q" if self.shows_any_image else "q::text"
        kept = "SELECT %s FROM (SELECT %s FROM %s) q" % (image, outputs, self.name)
        true = "SELECT %s FROM (SELECT %s FROM (%s) q) q" % (image, outputs, self.sql)
        return ("(SELECT 'kept', d::text FROM (%s EXCEPT ALL %s) d LIMIT 3) UNION ALL "
                "(SELECT 'true', d::text FROM (%s EXCEPT ALL %s) d LIMIT 3)" % (kept, true, true, kept))


class Database:
    def __init__(self):
        self.admin = psycopg2.connect("")
        self.admin.autocommit = True
        self.connection = None

    def renew(self):
        if self.connection is not None:
            self.connection.close()
        cursor = self.admin.cursor()
        cursor.execute("DROP DATABASE IF EXISTS %s WITH (FORCE)" % DATABASE)
        cursor.execute("CREATE DATABASE %s" % DATABASE)
        self.connection = psycopg2.connect("dbname=%s" % DATABASE)
        self.connection.autocommit = True
        self.run("SET client_min_messages = warning; CREATE EXTENSION pg_trickle")

    def renew_schema(self):
        self.run("ROLLBACK; RESET ALL; DROP SCHEMA IF EXISTS play CASCADE; CREATE SCHEMA play; SET search_path = play, public")
        self.run(SETTINGS)

    def run(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)

    def fetch(self, sql):
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def compare(self, stream_table):
        wrong = self.fetch(stream_table.check())
        lost = [notice for notice in self.connection.notices if "lost touch" in notice]
        del self.connection.notices[:]
        if wrong or lost:
            raise Failure("%s: %s\n%s" % (stream_table.name, lost or wrong, stream_table.sql), stream_table)


class Play:
    """One seed. `units` is its history: lists of statements that make sense only together."""

    def __init__(self, database, seed):
        self.database, self.rng = database, random.Random(seed)
        self.units, self.kept, self.keys, self.refused = [], [], [100], 0

    def do(self, *statements):
        self.units.append(list(statements))
        for statement in statements:
            self.database.run(statement)

    def set_up(self):
        self.database.renew_schema()
        self.do(generator.DDL)
        for table in generator.TABLES:
            rows = []
            for _ in range(self.rng.choice([0, 5, 15])):
                self.keys[0] += 1
                rows.append(generator.row(self.rng, table, self.keys[0]))
            if rows:
                self.do("INSERT INTO %s VALUES %s" % (table, ", ".join(rows)))
        relations = dict(generator.TABLES)
        for number in range(STREAM_TABLES):
            self.create("st%d" % number, relations)

    def create(self, name, relations):
        sql, columns, shows_any_image = generator.query(self.rng, relations)
        try:
            if self.database.fetch("SELECT count(*) FROM (%s) q" % sql)[0][0] > 5000:
                return
        except psycopg2.Error:
            return  # not a query that PostgreSQL answers
        mode = self.rng.choice(["DIFFERENTIAL"] * 8 + ["AUTO", "FULL"])
        try:
            self.do("SELECT pgtrickle.create_stream_table('%s', $query$%s$query$, '1h', '%s')" % (name, sql, mode))
        except psycopg2.errors.FeatureNotSupported:
            self.units.pop()
            self.refused += 1
            return
        self.kept.append(StreamTable(name, sql, columns, shows_any_image))
        if self.rng.random() < 0.25 and columns and not shows_any_image:
            relations[name] = columns

    def changes(self):
        statements = []
        for _ in range(self.rng.choice([1, 1, 2, 4])):
            statement = generator.statement(self.rng, self.keys)
            if self.rng.random() < 0.2:
                statements += ["SAVEPOINT a", statement, self.rng.choice(["ROLLBACK TO a", "RELEASE a"])]
            else:
                statements.append(statement)
        return statements

    def check_inside(self):
        """In a transaction that sees its own changes, with more of them after the first refresh."""
        end = self.rng.choice(["COMMIT", "ROLLBACK"])
        self.units.append([])
        unit = self.units[-1]
        for statement in ["BEGIN", *self.changes(), None, *self.changes(), None, end]:
            if statement is None:
                stream_table = self.rng.choice(self.kept)
                unit += self.freshen(stream_table)
                self.database.compare(stream_table)
            else:
                unit.append(statement)
                self.database.run(statement)

    def freshen(self, stream_table):
        """Half by name; the other half leave it to the read that follows."""
        is_by_name = self.rng.random() < 0.5
        self.database.run("SET pg_trickle.max_staleness = %s" % ("-1" if is_by_name else "0"))
        sql = "SELECT pgtrickle.refresh_stream_table('%s')" % stream_table.name
        if is_by_name:
            self.database.run(sql)
        return [sql]

    def rounds(self):
        self.set_up()
        for _ in range(ROUNDS if self.kept else 0):
            for _ in range(self.rng.choice([1, 2, 3])):
                self.do("BEGIN", *self.changes(), self.rng.choice(["COMMIT"] * 5 + ["ROLLBACK"]))
            if self.rng.random() < 0.4:
                self.check_inside()
            for stream_table in self.rng.sample(self.kept, self.rng.randint(1, len(self.kept))):
                self.units.append(self.freshen(stream_table))
                self.database.compare(stream_table)


def is_wrong(database, units, stream_table):
    """Whether the history still ends in a wrong stream table."""
    if database.connection.closed:
        database.renew()
    try:
        database.renew_schema()
        for unit in units:
            try:
                for statement in unit:
                    database.run(statement)
            except psycopg2.Error:
                database.run("ROLLBACK")
        database.run("ROLLBACK; SELECT pgtrickle.refresh_stream_table('%s')" % stream_table.name)
        database.compare(stream_table)
    except (Failure, psycopg2.OperationalError, psycopg2.InterfaceError):
        return True
    except psycopg2.Error:
        return False
    return False


def shrink(database, units, stream_table):
    end_at = time.monotonic() + SHRINKING_S
    if not is_wrong(database, units, stream_table):
        return units
    size = max(len(units) // 2, 1)
    while size and time.monotonic() < end_at:
        at = len(units) - size
        while at > 0 and time.monotonic() < end_at:
            fewer = units[:at] + units[at + size:]
            if is_wrong(database, fewer, stream_table):
                units = fewer
            at -= size
        size //= 2
    return units


def report(database, seed, play, failure):
    print("not ok seed %d: %s" % (seed, failure))
    units = play.units
    if isinstance(failure, Failure) and failure.stream_table is not None:
        units = shrink(database, units, failure.stream_table)
    print("\n".join(statement.strip().rstrip(";") + ";" for unit in units for statement in unit), flush=True)


def main():
    end_at = time.monotonic() + float(os.environ.get("DURATION_S", 15))
    fixed = os.environ.get("SEED")
    seed = int(fixed) if fixed else random.SystemRandom().randrange(1 << 30)
    first, kept, refused, failed = seed, 0, 0, 0
    database = Database()
    database.renew()
    while time.monotonic() < end_at and failed < 3:
        play = Play(database, seed)
        try:
            play.rounds()
        except (Failure, psycopg2.Error) as failure:
            failed += 1
            report(database, seed, play, failure)
            database.renew()
        kept, refused, seed = kept + len(play.kept), refused + play.refused, seed + 1
        if fixed:
            break
    database.connection.close()
    database.admin.cursor().execute("DROP DATABASE IF EXISTS %s WITH (FORCE)" % DATABASE)
    print("seeds %d to %d, %d stream tables kept, %d queries refused" % (first, seed - 1, kept, refused))
    if not failed:
        print(("ok" if kept > refused else "not ok, most are refused:") + " %d random databases" % (seed - first))
    return 1 if failed or kept <= refused else 0


if __name__ == "__main__":
    sys.exit(main())
