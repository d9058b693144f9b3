#!/usr/bin/python3 -B
"""Random queries, random changes: after each refresh a stream table is its query's answer.

PostgreSQL itself is the oracle: the stream table and the query are compared as multisets of row
images, both ways. Half of the comparisons refresh by name, half by a read that wants it fresh.
DURATION_S says for how long; SEED repeats a run. Each seed has its own tables.
"""

import os
import random
import sys
import time

import psycopg2
from psycopg2 import errors

from queries import TABLE_COLUMNS, TABLES, Generator

DATABASE = "property_random_queries"
STREAM_TABLES = 6
ROUNDS = 6


def value(rng, kind):
    if rng.random() < 0.25:
        return "NULL"
    if kind == "int":
        return str(rng.randint(0, 4))
    return rng.choice(["0", "1", "1.0", "1.50", "-2.25", "1000000000.001"] if kind == "numeric" else ["'a'", "'b'", "'c'", "''"])


def insert(rng, table):
    rows = ", ".join(f"({key}, {', '.join(value(rng, kind) for _, kind in TABLE_COLUMNS[1:])})"
                     for key in rng.sample(range(1, 41), rng.randint(1, 6)))
    action = rng.choice(["NOTHING", "NOTHING", f"UPDATE SET v = coalesce({table}.v, 0) + 1"])
    return f"INSERT INTO {table} VALUES {rows} ON CONFLICT (id) DO {action}"


def update(rng, table):
    name, kind = rng.choice(TABLE_COLUMNS[1:])
    return f"UPDATE {table} SET {name} = {value(rng, kind)} WHERE id % {rng.randint(2, 9)} = {rng.randint(0, 3)}"


def delete(rng, table):
    return f"DELETE FROM {table} WHERE id % {rng.randint(3, 9)} = {rng.randint(0, 3)}"


def change(rng):
    """One transaction's statements: mostly one, sometimes several with a savepoint rolled back."""
    table = rng.choice(TABLES)
    if rng.random() < 0.03:
        return [f"TRUNCATE {table}"]
    make = [insert, insert, update, update, delete]
    statements = [rng.choice(make)(rng, rng.choice(TABLES)) for _ in range(rng.choice([1, 1, 1, 2, 4]))]
    if len(statements) > 1 and rng.random() < 0.4:
        statements.insert(1, "SAVEPOINT here")
        statements.insert(3, "ROLLBACK TO here")
    return statements


class Run:
    """One seed: tables, stream tables on them and on each other, rounds of changes."""

    def __init__(self, connection, seed):
        self.rng = random.Random(seed)
        self.connection = connection
        self.cursor = connection.cursor()
        self.history = []
        self.kept = {}
        self.refused = 0

    def execute(self, statement):
        self.history.append(statement)
        self.cursor.execute(statement)

    def prepare(self):
        self.execute("DROP SCHEMA IF EXISTS play CASCADE; CREATE SCHEMA play; SET search_path = play, public")
        columns = ", ".join(f"{name} {kind}" + (" PRIMARY KEY" if name == "id" else "") for name, kind in TABLE_COLUMNS)
        for table in TABLES:
            self.execute(f"CREATE TABLE {table} ({columns})")
            self.execute(insert(self.rng, table))
            self.execute(insert(self.rng, table))
        readable = {table: list(TABLE_COLUMNS) for table in TABLES}
        for number in range(STREAM_TABLES):
            name = f"st{number}"
            query, columns = Generator(self.rng, readable).query()
            try:
                self.execute(f"SELECT pgtrickle.create_stream_table('{name}', $query${query}$query$, '1h', 'DIFFERENTIAL')")
            except errors.FeatureNotSupported:
                self.refused += 1
                self.history.pop()
                continue
            self.kept[name] = query
            if self.rng.random() < 0.4:
                readable[name] = columns

    def compare(self, name, query):
        """Rows in only one of stream table and query."""
        if self.rng.random() < 0.5:
            self.execute(f"SELECT pgtrickle.refresh_stream_table('{name}')")
        else:
            self.execute("SET pg_trickle.max_staleness = 0")
        images = [f"SELECT x::text FROM {name} x", f"SELECT x::text FROM ({query}) x"]
        wrong = []
        for label, first, second in (("only kept", *images), ("only true", *reversed(images))):
            self.cursor.execute(f"{first} EXCEPT ALL {second}")
            wrong += [f"{label}: {image}" for (image,) in self.cursor.fetchall()]
        self.cursor.execute("SET pg_trickle.max_staleness = -1")
        return wrong

    def rounds(self):
        """What went wrong, or None."""
        self.prepare()
        for _ in range(ROUNDS):
            for _ in range(self.rng.randint(0, 3)):
                self.execute("BEGIN")
                for statement in change(self.rng):
                    self.execute(statement)
                self.execute(self.rng.choice(["COMMIT"] * 5 + ["ROLLBACK"]))
            for name, query in self.kept.items():
                if self.rng.random() < 0.7:
                    wrong = self.compare(name, query)
                    if wrong:
                        return f"{name} differs from {query}\n" + "\n".join(wrong[:10])
        return None


def connect():
    admin = psycopg2.connect("")
    admin.autocommit = True
    admin.cursor().execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    admin.cursor().execute(f"CREATE DATABASE {DATABASE}")
    connection = psycopg2.connect(f"dbname={DATABASE}")
    connection.autocommit = True
    connection.cursor().execute("SET client_min_messages = error; CREATE EXTENSION pg_trickle")
    return admin, connection


def main():
    end_at = time.monotonic() + float(os.environ.get("DURATION_S", 15))
    fixed = os.environ.get("SEED")
    seed = int(fixed) if fixed else random.SystemRandom().randrange(1 << 30)
    admin, connection = connect()
    seeds = kept = refused = failed = 0
    while time.monotonic() < end_at and failed < 5:
        run = Run(connection, seed)
        try:
            wrong = run.rounds()
        except psycopg2.Error as error:
            wrong = f"{error.pgcode} {error}"
            if connection.closed:
                admin, connection = connect()
            else:
                connection.cursor().execute("ROLLBACK")
        if wrong:
            failed += 1
            print(f"not ok seed {seed}\n" + ";\n".join(run.history) + f";\n{wrong}")
        seeds, kept, refused, seed = seeds + 1, kept + len(run.kept), refused + run.refused, seed + 1
        if fixed:
            break
    connection.close()
    admin.cursor().execute(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    print(f"{seeds} seeds, {kept} stream tables kept, {refused} queries refused")
    if not failed:
        print(("ok" if kept > refused else "not ok, most are refused:") + f" {seeds} random databases")
    return 1 if failed or kept <= refused else 0


sys.exit(main())
