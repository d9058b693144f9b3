#!/usr/bin/python3 -B
"""Random queries take the place of each other: columns are appended, dropped, retyped and come again, of rows, groups,
distinct rows and windows, beside indexes, a view and a stream table that read some of them. Columns of the sources that
no query names lose their types. After each, the columns are those of the query, and every way to read them gives its
answer: stored rows and exact ones, whole rows, own changes, the nested scan."""

import os
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

DURATION_S = float(os.environ.get("DURATION_S", 15))
TYPES = ["int", "bigint", "numeric", "numeric(12,2)", "text", "float8"]
SHAPES = {
    "rows": ("SELECT {} FROM t", {"id": "id", "a": "a", "b": "b", "c": "a + b", "d": "b * 2", "e": "1"}),
    "joined": ("SELECT {} FROM t JOIN u ON u.id = t.a", {"id": "t.id", "a": "t.a", "b": "u.v", "c": "t.b + u.v", "d": "u.id", "e": "t.b"}),
    "groups": ("SELECT {} FROM t GROUP BY a", {"a": "a", "b": "count(*)", "c": "sum(b)", "d": "max(id)", "e": "a + 1"}),
    "distinct": ("SELECT DISTINCT {} FROM t", {"a": "a", "b": "b", "c": "a + b", "d": "a % 3"}),
    "numbered": ("SELECT {} FROM t", {"id": "id", "a": "a", "n": "row_number() OVER (PARTITION BY a ORDER BY id)", "m": "count(*) OVER (PARTITION BY b)", "b": "b"}),
    "first": ("SELECT {} FROM t ORDER BY b, id LIMIT 7", {"id": "id", "a": "a", "b": "b", "c": "a * b"}),
    "united": ("SELECT {} FROM (SELECT id, a, b FROM t UNION ALL SELECT id + 1000, v, NULL FROM u) w", {"id": "id", "a": "a", "b": "b", "c": "a + 1"}),
}

# Of rows as a whole, and by lists of aliases, which have a name for each column of their table.
READERS = {"of_rows": "SELECT t::text AS r FROM t", "of_pairs": "SELECT concat(s, u) AS r FROM t s JOIN u ON u.id = s.a", "of_aliases": "SELECT b.m AS r FROM t AS b(k, l, m, n)"}

db = Database()


class Altered:
    def __init__(self, random):
        self.random = random
        self.pattern, self.values = SHAPES[random.choice(list(SHAPES))]
        self.mode = random.choice(["DIFFERENTIAL", "DIFFERENTIAL", "AUTO", "FULL"])
        self.columns = []  # of (name, type)
        self.read_by_others = None
        self.steps = []

    def query(self, columns):
        return self.pattern.format(", ".join(f"({self.values[name]})::{kind} AS {name}" for name, kind in columns))

    def set_up(self):
        db.run("DROP TABLE IF EXISTS t, u CASCADE")
        db.run("CREATE TABLE t (id int PRIMARY KEY, a int, b int); CREATE TABLE u (id int PRIMARY KEY, v int)")
        for table in ("t", "u"):
            db.run(f"DROP TYPE IF EXISTS of_{table} CASCADE; {self.new_type(table)}; ALTER TABLE {table} ADD x of_{table}")
        db.run("INSERT INTO t SELECT g, g % 7, g % 5 FROM generate_series(1, 40) g; INSERT INTO u SELECT g, g * 3 FROM generate_series(0, 9) g")
        names = self.random.sample(list(self.values), self.random.randint(2, len(self.values)))
        self.columns = [(name, self.random.choice(TYPES)) for name in names]
        db.run("SELECT pgtrickle.create_stream_table('st', %s, '1d', %s)", self.query(self.columns), self.mode)
        self.steps.append(self.query(self.columns))
        self.read_by_others = self.random.choice(names)
        db.run(f"CREATE VIEW over AS SELECT {self.read_by_others} FROM st")
        db.run(f"SELECT pgtrickle.create_stream_table('above', 'SELECT {self.read_by_others}, count(*) AS times FROM st GROUP BY 1', '1d')")
        if self.random.random() < 0.5:
            db.run("SELECT pgtrickle.create_stream_table('whole', 'SELECT st::text AS r FROM st', '1d', %s)", self.random.choice(["AUTO", "FULL"]))
        for name, query in READERS.items():
            db.run(f"SELECT pgtrickle.create_stream_table('{name}', %s, '1d', %s)", query, self.random.choice(["AUTO", "DIFFERENTIAL", "FULL"]))
        self.add_index()

    def add_index(self):
        (name, kind), other = self.random.choice(self.columns), self.random.choice(self.columns)[0]
        expression = f"(({name} + 1))" if kind != "text" else f"(lower({name}))"
        db.run(f"CREATE INDEX ON st {self.random.choice([f'({name})', expression, f'({other}) INCLUDE ({name})', f'({other}) WHERE {name} IS NOT NULL'])}")

    def next_columns(self):
        """Drops, retypes and appends some; what others read stays."""
        next_ = []
        for name, kind in self.columns:
            if name != self.read_by_others and self.random.random() < 0.3:
                continue
            if name != self.read_by_others and self.random.random() < 0.3:
                kind = self.random.choice(TYPES)
            next_.append((name, kind))
        dropped = {name for name, _ in self.columns} - {name for name, _ in next_}
        # A new name in the place of the last ones would be their value.
        last_is_kept = next_ and next_[-1][0] == self.columns[-1][0]
        free = [name for name in self.values if name not in dict(self.columns)] if last_is_kept else []
        for name in self.random.sample(free, self.random.randint(0, len(free))):
            next_.append((name, self.random.choice(TYPES)))
        return next_, dropped

    def alter(self):
        columns, _ = self.next_columns()
        query = self.query(columns)
        self.steps.append(query)
        if self.random.random() < 0.2:
            db.run("BEGIN")
            self.run_alter(query)
            self.check(columns)
            db.run("ROLLBACK")
            self.check(self.columns)
        isolation = self.random.choice([None, "READ COMMITTED", "REPEATABLE READ"])
        if isolation:
            db.run(f"BEGIN ISOLATION LEVEL {isolation}")
        self.run_alter(query)
        if isolation == "READ COMMITTED" and self.random.random() < 0.5:
            self.change()
            self.run_alter(query)
        if isolation:
            db.run("COMMIT")
        self.columns = columns

    def run_alter(self, query):
        """Drops the indexes if one does not fit to the new types."""
        is_in_transaction = db.session.get_transaction_status() != psycopg2.extensions.TRANSACTION_STATUS_IDLE
        if is_in_transaction:
            db.run("SAVEPOINT before")
        try:
            if self.random.random() < 0.5:
                db.run("SELECT pgtrickle.create_or_replace_stream_table('st', %s, '1d', %s)", query, self.mode)
            else:
                db.run("ALTER FOREIGN TABLE st OPTIONS (SET query $query$" + query + "$query$)")
        except (psycopg2.errors.UndefinedFunction, psycopg2.errors.UndefinedObject) as error:
            assert "index" in str(error.diag.context), f"{error}\n{self.steps}"
            if is_in_transaction:
                db.run("ROLLBACK TO before")
            self.steps[-1] += " -- failed"
            for (name,) in db.run("SELECT c.relname FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace AND c.relname LIKE 'st%%'"):
                db.run(f"DROP INDEX {name}")
            db.run("SELECT pgtrickle.create_or_replace_stream_table('st', %s, '1d', %s)", query, self.mode)

    def new_type(self, table):
        kind = self.random.choice(["TYPE {} AS ENUM ('a')", "DOMAIN {} AS int", "TYPE {} AS (i int)"])
        return "CREATE " + kind.format(f"of_{table}")

    def replace_unused_type(self):
        """A join lists the columns that the query does not use, too."""
        table = self.random.choice("tu")
        self.steps.append(f"another type of {table}.x")
        if self.random.random() < 0.5:
            db.run(f"ALTER TYPE of_{table} RENAME TO old; {self.new_type(table)}; ALTER TABLE {table} ALTER x TYPE of_{table} USING NULL; DROP TYPE old")
        else:
            db.run(f"DROP TYPE of_{table} CASCADE")
            self.check_readers()
            db.run(f"{self.new_type(table)}; ALTER TABLE {table} ADD x of_{table}")
        self.check_readers()

    def check_readers(self):
        """What is read at once, and the texts that a dump has."""
        db.run("SET pg_trickle.max_staleness = 0")
        for name in READERS:
            query = db.value("SELECT option_value FROM pg_options_to_table((SELECT ftoptions FROM pg_foreign_table WHERE ftrelid = %s::regclass)) WHERE option_name = 'query'", name)
            rows, answer = (sorted(db.run(f"SELECT r::text FROM {of}"), key=str) for of in (name, f"({query}) q"))
            assert rows == answer, f"{name}: {rows} instead of {answer}\n{self.steps}"
        db.run("RESET pg_trickle.max_staleness")

    def change(self):
        low = self.random.randint(1, 45)
        db.run(self.random.choice([
            f"UPDATE t SET a = (a + 1) % 9 WHERE id > {low}", f"UPDATE t SET b = NULL WHERE id % 9 = {low % 9}", f"DELETE FROM t WHERE id BETWEEN {low} AND {low + 3}",
            f"INSERT INTO t SELECT g, g % 8, g % 6 FROM generate_series({low}, {low + 9}) g ON CONFLICT DO NOTHING", f"UPDATE u SET v = v + 1 WHERE id = {low % 10}",
            f"DELETE FROM u WHERE id = {low % 10}", f"INSERT INTO u VALUES ({low % 10}, {low}) ON CONFLICT DO NOTHING"]))

    def check(self, columns):
        found = db.value("SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) FROM pg_attribute "
                         "WHERE attrelid = 'st'::regclass AND attnum > 0 AND NOT attisdropped")
        wanted = ", ".join(f"{name} {kind}" for name, kind in columns)
        for short, long in (("int", "integer"), ("float8", "double precision")):
            wanted = ", ".join(long.join(part.rsplit(short, 1)) if part.endswith(" " + short) else part for part in wanted.split(", "))
        assert found == wanted, f"columns {found}, wanted {wanted}\n{self.steps}"
        query = self.query(columns)
        some = self.random.choice(columns)[0]
        for select in ("SELECT s::text FROM {} s", f"SELECT {some}::text FROM {{}} s", f"SELECT count(*)::text || coalesce(max({some})::text, '') FROM {{}} s", "SELECT r::text FROM (SELECT * FROM {} s) r"):
            rows, answer = (sorted(row[0] or "" for row in db.run(select.format(of))) for of in ("st", f"({query})"))
            assert rows == answer, f"{select}: {rows} instead of {answer}\n{self.steps}"
        over, wanted = (sorted(db.run(f"SELECT {self.read_by_others}::text AS x FROM {of} q"), key=str) for of in ("over", f"({query})"))
        assert over == wanted, f"the view has {over}\n{self.steps}"

    def check_all(self):
        db.run("SELECT pgtrickle.refresh_stream_table('st')")
        for expansion in ("on", "off"):
            db.run(f"SET pg_trickle.enable_expansion = {expansion}")
            self.check(self.columns)
        db.run(f"BEGIN ISOLATION LEVEL {self.random.choice(['READ COMMITTED', 'REPEATABLE READ'])}; SET LOCAL pg_trickle.max_staleness = 0; "
               f"SET LOCAL pg_trickle.read_mode = {self.random.choice(['exact', 'refresh'])}; SET LOCAL pg_trickle.enable_expansion = {self.random.choice(['on', 'off'])}")
        self.change()
        self.check(self.columns)
        db.run(self.random.choice(["COMMIT", "ROLLBACK"]))
        db.run("RESET pg_trickle.enable_expansion; SELECT pgtrickle.refresh_stream_table('above')")
        wrong = db.value(f"WITH q AS (SELECT {self.read_by_others}::text AS x, count(*) AS times FROM ({self.query(self.columns)}) q GROUP BY {self.read_by_others}), "
                         f"s AS (SELECT {self.read_by_others}::text AS x, times FROM above) SELECT count(*) FROM ((TABLE q EXCEPT ALL TABLE s) UNION ALL (TABLE s EXCEPT ALL TABLE q)) d")
        assert wrong == 0, f"{wrong} rows of the stream table above are wrong\n{self.steps}"
        if db.value("SELECT to_regclass('whole') IS NOT NULL"):
            db.run("SELECT pgtrickle.refresh_stream_table('whole')")
            wrong = db.value(f"SELECT count(*) FROM ((TABLE whole EXCEPT ALL SELECT q::text FROM ({self.query(self.columns)}) q) "
                             f"UNION ALL (SELECT q::text FROM ({self.query(self.columns)}) q EXCEPT ALL TABLE whole)) d")
            assert wrong == 0, f"{wrong} whole rows are wrong\n{self.steps}"


def columns_come_and_go():
    random, tables, alters = dice(), 0, 0
    ends_at = time.monotonic() + DURATION_S
    while time.monotonic() < ends_at:
        altered = Altered(random)
        altered.set_up()
        tables += 1
        for _ in range(6):
            altered.alter()
            alters += 1
            if random.random() < 0.3:
                altered.replace_unused_type()
            altered.change()
            altered.check_all()
            if random.random() < 0.3:
                altered.add_index()
    print(f"{tables} stream tables, {alters} other queries")
    assert alters > 0


run_cases([columns_come_and_go])
