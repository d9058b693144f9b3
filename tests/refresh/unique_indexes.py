#!/usr/bin/python3 -B
"""Random unique indexes on random stream tables: a refresh fails exactly if the answer of the query has one key in two
rows, and then leaves the rows as they were. Keys move between rows in every order, so that they are often in two rows
while a refresh writes. Whether the answer has such a key is asked of the query itself.

Each way in which rows are written is tried: deltas of rows that are found by a key, a hash or their address, groups,
full refreshes into the same and into another heap, partitions, and refreshes in the session's own transaction.
Indexes on the key by which rows are found take the place of the storage's own; some are dropped later."""

import os
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

DURATION_S = float(os.environ.get("DURATION_S", 15))
SHAPES = {
    "by key": ("SELECT id, a, b, c FROM t", "id a b c"),
    "by hash": ("SELECT a, b, c FROM t", "a b c"),
    "joined": ("SELECT t.id, t.a, u.b, u.c FROM t JOIN u ON u.id = t.b", "id a b c"),
    "on the left": ("SELECT t.id, t.a, u.b, u.c FROM t LEFT JOIN u ON u.a = t.a", "id a b c"),
    "grouped": ("SELECT a, count(*) AS b, min(b) AS c, sum(b) AS d FROM t GROUP BY a", "a b c d"),
    "distinct": ("SELECT DISTINCT a, b FROM t", "a b"),
    "numbered": ("SELECT id, a, row_number() OVER (PARTITION BY b ORDER BY a, id) AS d FROM t", "id a d"),
    "summed": ("SELECT id, b, sum(b) OVER (ORDER BY a, id ROWS 2 PRECEDING) AS d FROM t", "id b d"),
    "first": ("SELECT id, a, b FROM t ORDER BY a, id LIMIT 9", "id a b"),
    "united": ("SELECT id, a, b FROM t UNION ALL SELECT id + 100, a, b FROM u", "id a b"),
    "one of each": ("SELECT DISTINCT ON (b) b, a, id FROM t ORDER BY b, a, id", "b a id"),
}
EXPRESSIONS = ["{0}", "{0}", "{0}", "({0} + 1)", "({0} % 11)", "{0} DESC NULLS LAST"]
PREDICATES = ["", "", "", " WHERE {0} > 6", " WHERE {0} IS NOT NULL"]
PARTITIONED = {"by key": "HASH (id, 3)", "grouped": "RANGE (a, 5)"}

db = Database()


class Attempt:
    """One stream table with one or two unique indexes, and changes of its sources."""

    def __init__(self, random):
        self.random = random
        self.shape = random.choice(list(SHAPES))
        self.query, columns = SHAPES[self.shape]
        self.columns = columns.split()
        self.mode = random.choice(["DIFFERENTIAL", "DIFFERENTIAL", "FULL", "AUTO"])
        self.partition_by = PARTITIONED.get(self.shape) if random.random() < 0.3 else None
        self.keys = {}  # name of the index: (terms, predicate, whether NULL is a key)

    def describe(self):
        return f"{self.shape}, {self.mode}, {self.partition_by}, {self.keys}"

    def set_up(self):
        for table in "tu":
            db.run(f"DROP TABLE IF EXISTS {table} CASCADE")
            db.run(f"CREATE TABLE {table} (id int PRIMARY KEY, a int, b int, c int)")
            db.run(f"INSERT INTO {table} SELECT g, g, g % 7, g * 2 FROM generate_series(1, {self.random.randint(3, 30)}) g")
        db.run("SELECT pgtrickle.create_stream_table('st', %s, '1d', %s, partition_by => %s)", self.query, self.mode, self.partition_by)
        for number in range(self.random.choice([1, 1, 2])):
            self.add_index(number)

    def add_index(self, number):
        terms = [self.random.choice(EXPRESSIONS).format(column) for column in self.random.sample(self.columns, self.random.choice([1, 1, 2]))]
        if self.partition_by:  # PostgreSQL requires the columns of the partitions
            terms = [self.columns[0]] + [term for term in terms if term != self.columns[0] and "(" not in term and "DESC" not in term][:1]
        predicate = self.random.choice(PREDICATES).format(self.random.choice(self.columns)) if not self.partition_by else ""
        nulls = self.random.random() < 0.3
        key = ([term.split(" DESC")[0] for term in terms], predicate, nulls)
        is_expected_to_fail = self.has_duplicates(key)
        name = f"key_{number}"
        statement = f"CREATE UNIQUE INDEX {name} ON st ({', '.join(terms)}){' NULLS NOT DISTINCT' if nulls else ''}{predicate}"
        has_failed = not self.attempt(statement)
        assert has_failed == is_expected_to_fail, f"{statement} {'failed' if has_failed else 'did not fail'}: {self.describe()}"
        if not has_failed:
            self.keys[name] = key

    def drop_index(self):
        name = self.random.choice(list(self.keys))
        db.run(self.random.choice([f"DROP INDEX {name}", f"DROP INDEX {'' if self.partition_by else 'CONCURRENTLY'} {name}", f"BEGIN; DROP INDEX {name}; ROLLBACK; DROP INDEX {name}"]))
        del self.keys[name]

    def indexes_of_key(self):
        """Returns how many indexes rows are found by: the own one, or one that has taken its place."""
        return db.value("SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = indexrelid JOIN pg_class h ON h.oid = indrelid "
                        "WHERE h.relname = 'st_' || 'st'::regclass::oid AND (indisreplident OR c.relname IN (h.relname || '_key', h.relname || '_shared_key', "
                        "h.relname || '_pgt_hash_idx'))")

    def has_duplicates(self, key):
        terms, predicate, nulls = key
        counted = [] if nulls else [f"{term} IS NOT NULL" for term in terms]
        where = " AND ".join(counted + ([predicate.replace(" WHERE ", "")] if predicate else [])) or "true"
        return db.value(f"SELECT EXISTS (SELECT FROM ({self.query}) q WHERE {where} GROUP BY {', '.join(terms)} HAVING count(*) > 1)")

    def attempt(self, *statements):
        """Runs them until one fails for a key in two rows. Returns whether none has."""
        try:
            for statement in statements:
                db.run(statement)
            return True
        except psycopg2.errors.UniqueViolation as error:
            assert "st_" not in str(error), f"an internal name is shown: {error}"
            return False

    def change(self):
        """Returns statements. The keys of sources are not violated."""
        column, low, by = self.random.choice("abc"), self.random.randint(0, 25), self.random.randint(1, 9)
        table = self.random.choice("ttu")
        return self.random.choice([
            f"UPDATE {table} SET {column} = {column} + {by}",
            f"UPDATE {table} SET {column} = {low} + {low + by} - {column} WHERE {column} BETWEEN {low} AND {low + by}",
            f"UPDATE {table} SET {column} = -{column} WHERE id % 3 = 0",
            f"UPDATE {table} SET a = b, b = a WHERE id > {low}",
            f"UPDATE {table} SET {column} = {low} WHERE id = {self.random.randint(1, 30)}",
            f"UPDATE {table} SET {column} = NULL WHERE id = {self.random.randint(1, 30)}",
            f"DELETE FROM {table} WHERE id BETWEEN {low} AND {low + by}",
            f"INSERT INTO {table} SELECT g, g, g % {by}, g * 2 FROM generate_series({low}, {low + by}) g ON CONFLICT DO NOTHING",
            f"UPDATE {table} SET id = 1000 - id; UPDATE {table} SET id = 1001 - id",
            f"DELETE FROM {table}; INSERT INTO {table} SELECT g, {by} - g, g % 7, g FROM generate_series(1, {by}) g",
        ])

    def rows(self):
        return sorted(db.run("SELECT q::text FROM st q"))

    def refresh_once(self):
        """Changes the sources and refreshes, in one of several ways; takes the changes back if they lead to one key in
        two rows."""
        before = self.rows()
        changes = [self.change() for _ in range(self.random.choice([1, 1, 2, 3]))]
        for table in "tu":
            db.run(f"CREATE TEMP TABLE before_{table} AS TABLE {table}")
        is_in_transaction = self.random.random() < 0.3
        if is_in_transaction:
            db.run("BEGIN; SET LOCAL pg_trickle.max_staleness = 0; SET LOCAL pg_trickle.on_stale = 'error'")
        for change in changes:
            db.run(change)
        is_expected_to_fail = any(self.has_duplicates(key) for key in self.keys.values())
        has_failed = not self.attempt("SELECT count(*) FROM st" if is_in_transaction else "SELECT pgtrickle.refresh_stream_table('st')")
        if is_in_transaction:
            db.run("ROLLBACK" if has_failed else "COMMIT")
        assert has_failed == is_expected_to_fail, f"after {changes} a refresh {'failed' if has_failed else 'did not fail'}: {self.describe()}"
        if has_failed:
            assert self.rows() == before, f"a failed refresh changed rows after {changes}: {self.describe()}"
            for table in "tu":
                db.run(f"TRUNCATE {table}; INSERT INTO {table} TABLE before_{table}")
            db.run("SELECT pgtrickle.alter_stream_table('st', status => 'ACTIVE')")
            db.run("SELECT pgtrickle.refresh_stream_table('st')")
        for table in "tu":
            db.run(f"DROP TABLE before_{table}")
        assert self.rows() == sorted(db.run(f"SELECT q::text FROM ({self.query}) q")), f"after {changes} the rows differ: {self.describe()}"
        assert self.indexes_of_key() == 1, f"rows are found by {self.indexes_of_key()} indexes: {self.describe()}"
        return has_failed

    def replace_storage(self):
        """The indexes are built on another heap."""
        db.run("SELECT pgtrickle.alter_stream_table('st', refresh_mode => %s)", "FULL" if self.mode != "FULL" else "DIFFERENTIAL")
        db.run("SELECT pgtrickle.alter_stream_table('st', refresh_mode => %s)", self.mode)
        found = db.value("SELECT count(*) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE c.relname LIKE 'key\\_%%' AND indisunique AND indisvalid")
        assert found == len(self.keys), f"{found} unique indexes are left: {self.describe()}"


def a_refresh_fails_exactly_if_a_key_would_be_in_two_rows():
    random, failed, refreshed, tables = dice(), 0, 0, 0
    ends_at = time.monotonic() + DURATION_S
    while time.monotonic() < ends_at:
        attempt = Attempt(random)
        attempt.set_up()
        tables += 1
        for _ in range(12):
            failed += attempt.refresh_once()
            refreshed += 1
            if attempt.keys and random.random() < 0.1:
                attempt.drop_index()
            if len(attempt.keys) < 2 and random.random() < 0.1:
                attempt.add_index(2 + refreshed)
        if random.random() < 0.3:
            attempt.replace_storage()
            failed += attempt.refresh_once()
    print(f"{tables} stream tables, {refreshed} refreshes, {failed} of which failed")
    assert 0 < failed < refreshed


run_cases([a_refresh_fails_exactly_if_a_key_would_be_in_two_rows])
