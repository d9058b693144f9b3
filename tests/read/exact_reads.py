#!/usr/bin/python3 -B
"""Shows that an exact read returns what the defining query returns under the same snapshot.

Writers change the sources in random transactions, and other sessions refresh stream tables now and then.
Readers compare stream tables, alone and joined with each other and with tables, with their queries in one
statement, or in statements of one transaction: at each isolation level, after changes of their own, read-only,
in functions, triggers, cursors and prepared statements, by plans of all kinds.

  exact_reads.py    SECONDS limits the time, SEED selects the random actions
"""

import os
import random
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, goes_on, run_cases  # noqa: E402: needs the path above
from seeds import SEED  # noqa: E402

SECONDS = float(os.environ.get("SECONDS", 12))
LEAST = 3  # steps of each session
QUERIES = {
    "filtered": "SELECT id, k, v FROM a WHERE v % 3 <> 0",
    "renamed": "SELECT v AS value, k AS key FROM a",
    "joined": "SELECT x.id, y.id AS other, x.v + y.v AS total FROM a x JOIN b y ON x.k = y.k",
    "by_parent": "SELECT x.id, x.v, y.v AS of_parent FROM a x JOIN b y ON y.id = x.k",
    "left_joined": "SELECT x.id, y.id AS other, y.v FROM a x LEFT JOIN b y ON x.v = y.id",
    "twice_left": "SELECT x.id, y.v, z.k FROM a x LEFT JOIN b y ON x.v = y.id LEFT JOIN a z ON z.id = y.v WHERE x.k < 4",
    "unmatched": "SELECT x.id, x.k FROM a x LEFT JOIN b y ON y.id = x.v WHERE y.id IS NULL",
    "full_joined": "SELECT x.k, count(*) AS n, sum(y.v) AS total FROM a x FULL JOIN b y ON x.id = y.id GROUP BY x.k",
    "grouped": "SELECT k, count(*) AS n, sum(v) AS total, min(v) AS low, max(v) AS high FROM a GROUP BY k",
    "grouped_join": "SELECT y.k, sum(x.v) AS total FROM a x JOIN b y ON y.id = x.k GROUP BY y.k HAVING sum(x.v) > 5",
    "by_two": "SELECT k, v, count(*) AS n FROM a GROUP BY v, k",
    "by_text": "SELECT note, count(*) AS n, max(id) AS last FROM a GROUP BY note",
    "by_citext": "SELECT note::public.citext AS note, count(*) AS n FROM a GROUP BY 1",
    "by_padded": "SELECT k AS one, note::char(4) AS padded, k AS again, count(*) FILTER (WHERE v > 1) AS n FROM a GROUP BY 2, 1",
    "by_float": "SELECT CASE v WHEN 1 THEN 'NaN'::float8 WHEN 2 THEN '-Infinity' ELSE v END AS f, count(DISTINCT k) AS n FROM a GROUP BY 1",
    "by_array": "SELECT ARRAY[k, v] AS pair, max(id) AS last, bool_and(v > 2) AS are_many FROM a GROUP BY 1",
    "global": "SELECT count(*) AS n, sum(v) AS total FROM a",
    "crossed": "SELECT x.id, y.v FROM a x, b y WHERE x.k = 1 AND y.id < 3",
    "crossed_groups": "SELECT x.k, count(*) AS n FROM a x, b y, b z WHERE y.id = x.v AND z.id < 3 GROUP BY x.k",
    "inner_on_the_null_side": "SELECT x.id, z.v FROM a x LEFT JOIN b y ON y.k = x.id JOIN a z ON z.id = y.v",
    "of_hidden_keys": "SELECT id, max(v) AS high FROM a GROUP BY id, k",
    "of_hidden_order": "SELECT DISTINCT ON (id) id, k FROM a ORDER BY id, v",
    "of_hidden_window": "SELECT id, count(*) OVER (PARTITION BY k ORDER BY v, id) AS n FROM a",
    "of_hidden_limit": "SELECT k, count(*) OVER (ORDER BY k) AS n FROM a ORDER BY id LIMIT 5",
    "distinct_rows": "SELECT DISTINCT k, v FROM a",
    "first_of_each": "SELECT DISTINCT ON (k) k, id, v FROM a ORDER BY k, v, id",
    "numbered": "SELECT k, id, row_number() OVER (PARTITION BY k ORDER BY v, id) AS n FROM a",
    "ranked": "SELECT id, rank() OVER (ORDER BY v, id) AS r FROM a",
    "top": "SELECT id, v FROM a ORDER BY v DESC, id LIMIT 5",
    "of_both": "SELECT k, v FROM a UNION ALL SELECT k, v FROM b",
    "without": "SELECT k, v FROM a EXCEPT SELECT k, v FROM b",
    "existing": "SELECT id, k FROM a x WHERE EXISTS (SELECT FROM b y WHERE y.k = x.k AND y.v > x.v)",
    "missing": "SELECT id, k FROM a WHERE id NOT IN (SELECT v FROM b WHERE v IS NOT NULL)",
    "scalar": "SELECT id, (SELECT max(v) FROM b y WHERE y.k = x.k) AS top FROM a x",
    "itself": "SELECT x.id, y.id AS other FROM a x JOIN a y ON x.v = y.k",
    "of_one_part": "SELECT id, v FROM p WHERE k = the_part()",
    "of_parts": "SELECT id, k, v FROM p WHERE v > 1",
    "parts_by_k": "SELECT k, count(*) AS n, sum(v) AS total FROM p GROUP BY k",
    "viewed": "SELECT k, n FROM counted WHERE n > 2",
    "above": "SELECT k, total FROM grouped WHERE n > 3",
    "above_all": "SELECT sum(total) AS total, count(*) AS n FROM grouped",
    "above_joined": "SELECT x.id, g.total FROM a x JOIN grouped g ON g.k = x.k",
    "walked": "WITH RECURSIVE r AS (SELECT id, v FROM a WHERE id < 10 UNION SELECT y.id, y.v FROM r JOIN b y ON y.id = r.v + 1) SELECT * FROM r",
    "wide": "SELECT id, repeat(note, 3000) AS wide FROM a",
    "of_keyless": "SELECT x.id, y.v AS of_c FROM a x LEFT JOIN c y ON y.id = x.k",
    "of_keyless_child": "SELECT x.id, y.v AS of_c FROM a x JOIN c_all y ON y.id = x.k WHERE y.v > 90",
    "dated": "SELECT id, v, clock FROM a WHERE clock <= now()",
}
TABLES = ("a", "b", "p")
# Settings that lead to plans of another kind.
PLANS = ["", "", "enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_material = off", "enable_seqscan = off",
         "enable_nestloop = off; SET LOCAL enable_hashjoin = off", "enable_bitmapscan = off; SET LOCAL enable_sort = off",
         "pg_trickle.enable_expansion = off", "parallel_setup_cost = 0; SET LOCAL parallel_tuple_cost = 0; SET LOCAL min_parallel_table_scan_size = 0"]
LEVELS = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE", "REPEATABLE READ READ ONLY"]
TEXTS = ("note", "wide")
COLUMNS = {}  # of numbers and texts, of each stream table
db = Database()


def difference(one, other):
    return f"((TABLE {one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL TABLE {one}))"


def set_up():
    db.run("CREATE EXTENSION citext SCHEMA public")
    for name, kind in (("a", ""), ("b", ""), ("p", " PARTITION BY LIST (k)")):
        key = "id, k" if kind else "id"
        db.run(f"CREATE TABLE {name} (id int, k int, v int, note text, clock timestamptz DEFAULT now(), unread int, PRIMARY KEY ({key})){kind}")
    for k in range(6):
        db.run(f"CREATE TABLE p{k} PARTITION OF p FOR VALUES IN ({k})")
    db.run("CREATE TABLE p_null PARTITION OF p DEFAULT; CREATE INDEX ON a (k); CREATE INDEX ON b (k)")
    for name in TABLES:
        db.run(f"INSERT INTO {name} SELECT i, i % 5, i % 7, chr(65 + i % 3) FROM generate_series(1, 40) i")
    db.run("CREATE TABLE c_all (id int, v int); CREATE TABLE c () INHERITS (c_all); INSERT INTO c SELECT i, i FROM generate_series(0, 5) i; CREATE INDEX ON c (id)")
    db.run("CREATE TABLE chosen AS SELECT 2 AS k")
    db.run("CREATE FUNCTION the_part() RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT k FROM public.chosen); END'")
    db.run("CREATE VIEW counted AS SELECT k, count(*) AS n FROM b GROUP BY k")
    for number, (name, query) in enumerate(QUERIES.items()):
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s)", name, query, "1h" if number % 2 else "0s")
        if name in ("filtered", "renamed", "by_parent", "grouped", "of_parts"):
            db.run(f"CREATE INDEX ON {name} ({'key' if name == 'renamed' else 'k' if name == 'grouped' else 'id'})")
        COLUMNS[name] = [column for column, in db.run("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
                                                      "AND atttypid IN (20, 23, 25)", name)]
    for name, query in QUERIES.items():
        db.run(f"CREATE FUNCTION faults_of_{name}() RETURNS text[] LANGUAGE sql STABLE AS $$ SELECT array_agg(d::text) FROM {difference(name, '(' + query + ')')} d $$")


class Session(threading.Thread):
    faults = []
    # 23514: the partition that a row was routed to has another bound since
    own_ids = 0  # from which ids it inserts rows, and changes some
    expected = ("40001", "40P01", "55P03", "23505", "23514")

    def __init__(self, number):
        super().__init__()
        self.random = random.Random(SEED * 100 + number)
        self.session = db.connect()
        self.cursor = self.session.cursor()
        self.cursor.execute("SET client_min_messages = error; SET statement_timeout = '60s'; SET lock_timeout = '5s'")
        self.count = 0

    def run(self):
        while goes_on(ENDS_AT, self.count > LEAST) and not Session.faults:
            try:
                self.step()
                self.count += 1
            except psycopg2.Error as error:
                if error.pgcode not in self.expected:
                    Session.faults.append(f"{error.pgcode} {error}\n{self.cursor.query}")
                if not self.session.closed:
                    self.session.rollback() if not self.session.autocommit else self.cursor.execute("ROLLBACK")
        self.session.close()

    def change(self):
        table = self.random.choice(TABLES)
        first, k = self.random.randrange(1, 60), self.random.randrange(6)
        new = first + self.own_ids
        first += self.random.choice([0, self.own_ids])
        some = f"id BETWEEN {first} AND {first + self.random.randrange(4)}"
        value = self.random.choice([str(self.random.randrange(9)), "NULL"])
        note = self.random.choice(["'a'", "'A'", "'b'", "NULL", "'C'"])
        return self.random.choice([
            f"INSERT INTO {table} SELECT i, {k}, {value}, {note} FROM generate_series({new}, {new + 2}) i ON CONFLICT DO NOTHING",
            f"UPDATE {table} SET v = {value}, note = {note} WHERE {some}",
            f"UPDATE {table} SET k = {self.random.choice([str(k), 'NULL']) if table != 'p' else k} WHERE {some}",
            f"DELETE FROM {table} WHERE {some}"])


class Writer(Session):
    def step(self):
        self.cursor.execute("BEGIN")
        for _ in range(self.random.randrange(1, 4)):
            self.cursor.execute(self.change())
        self.cursor.execute(self.random.choice(["COMMIT", "COMMIT", "ROLLBACK"]))


class Refresher(Session):
    def step(self):
        self.cursor.execute(f"SELECT pgtrickle.refresh_stream_table('{self.random.choice(list(QUERIES))}')")


class RefreshingWriter(Session):
    """Refreshes after changes of its own, beside rows that another transaction has changed after its snapshot."""

    def __init__(self, number):
        super().__init__(number)
        self.other = db.connect()

    def step(self):
        table, first, k = self.random.choice(TABLES), self.random.randrange(1, 60), self.random.randrange(6)
        self.cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM a")
        self.other.cursor().execute(f"DELETE FROM {table} WHERE id BETWEEN {first} AND {first + 2}")
        self.cursor.execute(f"INSERT INTO {table} SELECT i, {k}, {k}, 'a' FROM generate_series({first}, {first + 2}) i ON CONFLICT DO NOTHING")
        self.cursor.execute(f"SELECT pgtrickle.refresh_stream_table('{self.random.choice(list(QUERIES))}')")
        self.cursor.execute("COMMIT")


class OldRefresher(Session):
    """Refreshes under a snapshot with rows that violate a constraint, which another session adds without them."""

    def __init__(self, number):
        super().__init__(number)
        self.other = db.connect()

    def step(self):
        way = self.random.choice(["CREATE UNIQUE INDEX c_key ON c (id)", "ALTER TABLE c ADD CONSTRAINT c_key UNIQUE (id)"])
        is_together = self.random.choice([True, False])
        other = self.other.cursor()
        other.execute("ROLLBACK")  # of a step that has failed
        other.execute("ALTER TABLE c DROP CONSTRAINT IF EXISTS c_low, DROP CONSTRAINT IF EXISTS c_key; DROP INDEX IF EXISTS c_key")
        other.execute("INSERT INTO c SELECT i, 100 + i FROM generate_series(0, 5) i")
        self.cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT FROM b")
        if is_together:
            other.execute("BEGIN")
        other.execute("DELETE FROM c WHERE v >= 90")
        other.execute(f"{way}; ALTER TABLE c ADD CONSTRAINT c_low CHECK (v < 90)")
        if is_together:
            other.execute("COMMIT")
        try:
            self.cursor.execute(f"SELECT pgtrickle.refresh_stream_table('{self.random.choice(['of_keyless', 'of_keyless_child'])}')")
            self.cursor.execute("COMMIT")
        except psycopg2.errors.SerializationFailure:
            self.cursor.execute("ROLLBACK")


class Alterer(Session):
    """Replaces rows of sources in ways that no snapshot shows, and what stream tables are stored and computed by."""
    expected = (*Session.expected, "42P01", "42P17", "42701", "42809")  # p4 is a partition already, or not yet

    def step(self):
        table, k = self.random.choice("abp"), self.random.randrange(6)
        rows = f"INSERT INTO {table} SELECT i, i % 5, i % 7, chr(65 + i % 3) FROM generate_series(1, 40) i ON CONFLICT DO NOTHING"
        self.cursor.execute(self.random.choice([
            f"BEGIN; TRUNCATE {table}; {rows}; COMMIT", f"TRUNCATE {table}", rows, rows, f"TRUNCATE p{k}",
            f"BEGIN; ALTER TABLE p DETACH PARTITION p{k}; ALTER TABLE p ATTACH PARTITION p{k} FOR VALUES IN ({k}); COMMIT",
            f"ALTER TABLE p DETACH PARTITION p{k}", f"ALTER TABLE p ATTACH PARTITION p{k} FOR VALUES IN ({k})",
            "ALTER TABLE a ALTER unread TYPE bigint", "ALTER TABLE a ALTER unread TYPE int", "VACUUM FULL b", "ANALYZE a, b, p",
            "ALTER TABLE b ADD more int DEFAULT 1", "ALTER TABLE b DROP IF EXISTS more", "DROP INDEX IF EXISTS a_k_idx", "CREATE INDEX ON a (k)",
            f"SELECT pgtrickle.repair_stream_table('{self.random.choice(list(QUERIES))}')",
            f"SELECT pgtrickle.refresh_stream_table('{self.random.choice(list(QUERIES))}')"]))


class Reader(Session):
    """It inserts other rows than others do. Beside a row that a snapshot still shows, and that another transaction has
    deleted, one could be inserted with the same key: what a query returns depends on its plan then."""
    levels = LEVELS
    done = ()  # in this transaction

    def __init__(self, number):
        super().__init__(number)
        self.own_ids = 100 * number

    def do(self, statement):
        self.done = (*self.done, statement)
        self.cursor.execute(statement)

    def compare(self):
        name = self.random.choice(list(QUERIES))
        query = f"({QUERIES[name]})"
        way = self.random.randrange(5 if name == "by_citext" else 11)  # it may show any of equal values
        if way < 3:
            self.check(f"SELECT array_agg(d::text) FROM {difference(name, query)} d", name)
        elif way == 3:
            self.check(f"SELECT faults_of_{name}()", name)
        elif way == 4:
            self.do(f"DEALLOCATE ALL; PREPARE q AS SELECT array_agg(d::text) FROM {difference(name, query)} d")
            for _ in range(self.random.choice([1, 7])):
                self.check("EXECUTE q", name)
        elif way == 5:
            self.check(f"SELECT array_agg(d::text) FROM (SELECT t::text, a.id FROM {name} t JOIN a ON a.k = 1 EXCEPT ALL SELECT t::text, a.id FROM {query} t JOIN a ON a.k = 1) d", name)
        elif way == 6:
            other = self.random.choice([each for each in QUERIES if each != "by_citext"])
            self.check(f"SELECT array_agg(d::text) FROM (SELECT s::text, t::text FROM {name} s, {other} t EXCEPT ALL SELECT s::text, t::text FROM {query} s, ({QUERIES[other]}) t) d", f"{name}, {other}")
        else:
            self.compare_by_column(name, query, way)

    def compare_by_column(self, name, query, way):
        """Reads by a column: from another table, from an outer query, in its order, and with constants."""
        column = self.random.choice(COLUMNS[name])
        other = "note" if column in TEXTS else "id"
        statement = {
            7: f"SELECT t::text, a.id FROM a LEFT JOIN %s t ON t.{column} = a.{other}",
            8: f"SELECT a.id, (SELECT count(*) FROM %s t WHERE t.{column} = a.{other}) FROM a",
            9: f"SELECT {column} FROM (SELECT {column} FROM %s t ORDER BY {column} DESC LIMIT 5) t",
            10: f"SELECT t::text FROM %s t WHERE {column} = " + (self.random.choice("'a' 'A' 'B'".split()) if column in TEXTS else str(self.random.randrange(9)))}[way]
        self.check(f"SELECT array_agg(d::text) FROM (({statement % name} EXCEPT ALL {statement % query}) UNION ALL ({statement % query} EXCEPT ALL {statement % name})) d", name)

    def check(self, statement, name):
        self.do(statement)
        if rows := self.cursor.fetchone()[0]:
            done = "; ".join(self.done)
            Session.faults.append(f"{type(self).__name__}: {name} differs in {len(rows)} rows, {rows[:9]}\n{done}")

    def step(self):
        level = self.random.choice(self.levels)
        self.done = ()
        self.do("BEGIN ISOLATION LEVEL " + level)
        if plan := self.random.choice(PLANS):
            self.do("SET LOCAL " + plan)
        for _ in range(self.random.randrange(1, 4)):
            if "ONLY" not in level and self.random.random() < 0.4:
                self.do(self.change())
            self.compare()
        self.cursor.execute(self.random.choice(["COMMIT", "ROLLBACK"]))


class ExactReader(Reader):
    def __init__(self, number, levels=LEVELS):
        super().__init__(number)
        self.levels = levels
        self.cursor.execute("SET pg_trickle.read_mode = exact; SET work_mem = '64kB'")  # rows in files, too


class ConsistentReader(Reader):
    """Stream tables are only compared with tables of the same statement."""

    def __init__(self, number):
        super().__init__(number)
        self.cursor.execute("SET pg_trickle.consistent_reads = on")


class LookingUp(ExactReader):
    """Looks up rows by a constant or a parameter, in one plan with the query, which reads no stored row."""
    names = [name for name in QUERIES if name not in ("by_citext", "wide", "of_keyless", "of_keyless_child")]
    reads = ["SELECT t::text FROM {} t WHERE {} = {}", "SELECT t.{1} FROM {0} t WHERE {1} = {2}",
             "SELECT count(*)::text FROM {} t WHERE {} = {} AND t IS NOT NULL", "SELECT t::text FROM {0} t WHERE {1} IN ({2}, NULL)",
             "SELECT t::text, u::text FROM {0} t, {0} u WHERE t.{1} = {2} AND u.{1} = {2}", "SELECT t::text, u::text FROM {0} t JOIN {0} u USING ({1}) WHERE {1} = {2}",
             "SELECT t::text FROM {0} t WHERE {1} = {2} UNION ALL SELECT max({1})::text FROM {0} t", "SELECT id, EXISTS (SELECT FROM {} t WHERE {} = {}) FROM a"]

    def compare(self):
        name = self.random.choice(self.names)
        column = self.random.choice(COLUMNS[name])
        is_text = column in TEXTS or column == "padded"
        values = "'a' 'A' 'B' 'zz' NULL".split() if is_text else [*map(str, range(60)), "NULL", "1::bigint", "3::smallint"]
        read, parameter = self.random.choice(self.reads), self.random.choice(["text" if is_text else "int", ""])
        if not parameter:
            values = values if not is_text else ["'a'", "'B'"]
        value = "$1" if parameter else self.random.choice(values)
        statement = [read.format(each, column, value) for each in (name, f"({QUERIES[name]})")]
        one, other = f"({statement[0]})", f"({statement[1]})"
        what = f"SELECT array_agg(d::text) FROM (({one} EXCEPT ALL {other}) UNION ALL ({other} EXCEPT ALL {one})) d"
        if not parameter:
            return self.check(what, name)
        self.do(f"DEALLOCATE ALL; SET LOCAL plan_cache_mode = {self.random.choice(['force_generic_plan', 'force_custom_plan'])}; PREPARE q ({parameter}) AS {what}")
        for _ in range(4):
            self.check(f"EXECUTE q ({self.random.choice(values)})", name)


class ReaderOfKeyless(ExactReader):
    def compare(self):
        name = self.random.choice(["of_keyless", "of_keyless_child"])
        self.check(f"SELECT array_agg(d::text) FROM {difference(name, '(' + QUERIES[name] + ')')} d", name)


def equals_the_query_beside(sessions):
    global ENDS_AT
    ENDS_AT = time.monotonic() + SECONDS
    for session in sessions:
        session.start()
    for session in sessions:
        session.join()
    counts = {type(session).__name__: session.count for session in sessions}
    assert not Session.faults, f"seed {SEED}, {counts}: {Session.faults[0]}"
    assert all(session.count > LEAST for session in sessions), counts


def equals_the_query_at_rest():
    for name, query in QUERIES.items():
        db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
        [rows] = db.run(f"SELECT array_agg(d::text) FROM {difference(name, '(' + query + ')')} d")
        assert rows[0] is None, (SEED, name, rows)


def equals_the_query_beside_writers():
    set_up()
    equals_the_query_beside([Writer(1), Writer(2), Refresher(3), RefreshingWriter(4), ExactReader(5), ExactReader(6), ConsistentReader(7), LookingUp(15)])
    equals_the_query_at_rest()


def equals_the_query_beside_other_tables():
    """In READ COMMITTED only: under an older snapshot a query shows emptied tables, and a stored answer does not."""
    equals_the_query_beside([Writer(8), Alterer(9), ExactReader(10, LEVELS[:1]), ExactReader(11, LEVELS[:1]), LookingUp(16, LEVELS[:1])])


def equals_the_query_beside_other_constraints():
    """In READ COMMITTED only: PostgreSQL plans by a constraint that an older snapshot violates."""
    equals_the_query_beside([Writer(12), OldRefresher(13), ReaderOfKeyless(14, LEVELS[:1]), ReaderOfKeyless(15, LEVELS[:1])])
    equals_the_query_at_rest()


def within_a_statement_that_writes():
    """A row trigger and an early statement trigger read what the statement has changed so far."""
    db.run("SET pg_trickle.read_mode = exact")
    for name in ("filtered", "grouped", "joined", "above", "global"):
        db.run(f"CREATE FUNCTION check_{name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
               f"IF (SELECT count(*) FROM {difference(name, '(' + QUERIES[name] + ')')} d) > 0 THEN RAISE 'differs'; END IF; "
               "RETURN NULL; END $$")
        for event in ("FOR EACH ROW", "FOR EACH STATEMENT"):
            db.run(f"CREATE TRIGGER a_{name} AFTER INSERT OR UPDATE OR DELETE ON a {event} EXECUTE FUNCTION check_{name}()")
            db.run("UPDATE a SET v = v + 1 WHERE id < 4; DELETE FROM a WHERE id = 5; "
                   "INSERT INTO a (id, k, v) VALUES (5, 1, 1) ON CONFLICT DO NOTHING")
            db.run(f"DROP TRIGGER a_{name} ON a")
    db.run("RESET pg_trickle.read_mode")


def a_storage_that_is_newer_than_the_snapshot_is_not_read():
    reader = db.connect()
    cursor = reader.cursor()
    cursor.execute("SET pg_trickle.read_mode = exact; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM a")
    for name in ("filtered", "grouped"):
        db.run(f"SELECT pgtrickle.repair_stream_table('{name}')")
    db.run("UPDATE a SET v = v + 1, k = 3")
    for name in ("filtered", "grouped", "above"):
        cursor.execute(f"SELECT count(*) FROM {difference(name, '(' + QUERIES[name] + ')')} d")
        assert cursor.fetchone()[0] == 0, name
    reader.close()


def every_query_is_explained():
    """With what is executed, also to a module that explains each statement."""
    session = db.connect()
    cursor = session.cursor()
    cursor.execute("LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on; SET auto_explain.log_verbose = on; "
                   "SET pg_trickle.read_mode = exact")
    for name in QUERIES:
        cursor.execute("UPDATE a SET v = v + 1 WHERE id % 7 = 1; UPDATE b SET v = v + 1 WHERE id % 9 = 1; UPDATE p SET v = v + 1 WHERE id % 9 = 1")
        for options in ("ANALYZE", "ANALYZE, VERBOSE, FORMAT json", "ANALYZE, VERBOSE, BUFFERS, FORMAT xml", "COSTS off", "VERBOSE"):
            cursor.execute(f"EXPLAIN ({options}) SELECT * FROM {name}")
        cursor.execute(f"SELECT count(*) FROM {name} x JOIN {name} y ON x = y")
        cursor.execute(f"SELECT * FROM {name}")
    session.close()


run_cases([equals_the_query_beside_writers, equals_the_query_beside_other_tables, equals_the_query_beside_other_constraints, within_a_statement_that_writes,
           a_storage_that_is_newer_than_the_snapshot_is_not_read, every_query_is_explained])
