#!/usr/bin/python3 -B
"""Shows that what is logged of partitions and children is what they store, whichever relation a statement names.

PostgreSQL computes generated columns when a row has been routed to its partition: random trees of two levels, whose
partitions have dropped columns, another order of columns and expressions of their own, and become partitions before and
after the capture begins; random statements of all kinds through the root, a partition of partitions and a leaf; stream
tables of all of them.

A transition table shows a short row of a child, which was written before a column was added, with the default that the
parent got with the column: random trees of inheritance, to whose relations columns are added at different times."""

import io
import itertools
import random
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import SEED  # noqa: E402

db = Database()
TREES, STATEMENTS = 12, 40
LEAVES = {"low": "FOR VALUES FROM (0) TO (100)", "mid": "FOR VALUES FROM (100) TO (300)", "high": "FOR VALUES FROM (300) TO (400)"}
BELOW = {"mid_1": "FOR VALUES IN (0)", "mid_2": "FOR VALUES IN (1)"}
# Partitions have their own from PostgreSQL 16 on.
EXPRESSIONS = ("net * 2", "net + 100", "coalesce(net, id)")[:3 if int(db.value("SHOW server_version_num")) >= 160000 else 1]


class Tree:
    def __init__(self, number):
        self.chooser = random.Random(SEED * 1000 + number)
        self.schema = f"tree_{number}"

    def columns(self, expression):
        """The columns in any order, with others that are dropped."""
        columns = ["id int", "part int", "net int", f"gross int GENERATED ALWAYS AS ({expression}) STORED", "note text DEFAULT 'none'"]
        if self.chooser.random() < 0.6:
            self.chooser.shuffle(columns)
        gone = [f"gone_{i} int" for i in range(self.chooser.choice([0, 0, 1, 2]))]
        for column in gone:
            columns.insert(self.chooser.randrange(len(columns) + 1), column)
        return ", ".join(columns), [column.split()[0] for column in gone]

    def make(self, name, partitioned=""):
        columns, gone = self.columns(self.chooser.choice(EXPRESSIONS))
        db.run(f"CREATE TABLE {name} ({columns}) {partitioned}")
        for column in gone:
            db.run(f"ALTER TABLE {name} DROP COLUMN {column}")

    def add(self, name, parent, bounds, partitioned=""):
        if self.chooser.random() < 0.5:
            db.run(f"CREATE TABLE {name} PARTITION OF {parent} {bounds} {partitioned}")
        else:
            self.make(name, partitioned)
            db.run(f"ALTER TABLE {parent} ATTACH PARTITION {name} {bounds}")

    def add_all(self, names):
        for name in names:
            if name in BELOW:
                self.add(name, "mid", BELOW[name])
            else:
                self.add(name, "root", LEAVES[name], "PARTITION BY LIST (part)" if name == "mid" else "")

    def create(self, name):
        mode = self.chooser.choice(["DIFFERENTIAL", "AUTO"])
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', %s)", f"rows_of_{name}", f"SELECT id, part, net, gross, note FROM {name}", mode)
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', %s)", f"sums_of_{name}",
               f"SELECT part, count(*), sum(gross) AS gross, max(gross) AS most FROM {name} GROUP BY part", mode)

    def statement(self):
        choose = self.chooser
        id_, net = choose.randrange(400), choose.randrange(-50, 50)
        name = choose.choice(["root", "root", "mid" if 100 <= id_ < 300 else "root"])
        if choose.random() < 0.2:
            name, id_, part = choose.choice([("low", id_ % 100, id_ % 2), ("mid_1", 100 + id_ % 200, 0), ("high", 300 + id_ % 100, id_ % 2)])
        else:
            part = choose.randrange(2)
        some = f"id % 5 = {choose.randrange(5)}"
        rows = ", ".join(f"({id_ if name != 'root' else (id_ + 97 * i) % 400}, {part}, {net})" for i in range(1 if name != "root" else 4))
        merge = (f"MERGE INTO {name} t USING (SELECT DISTINCT ON (a) * FROM (VALUES {rows}) w (a, b, c)) v ON t.id = v.a WHEN MATCHED THEN UPDATE SET net = v.c "
                 "WHEN NOT MATCHED THEN INSERT (id, part, net) VALUES (v.a, v.b, v.c)")
        return choose.choice([
            f"INSERT INTO {name} (id, part, net) VALUES ({id_}, {part}, {net})",
            f"INSERT INTO {name} (part, net, id) SELECT {part}, i, {id_} FROM generate_series(1, 3) i",
            ("COPY", f"COPY {name} (id, part, net) FROM stdin", f"{id_}\t{part}\t{net}\n{id_}\t{part}\t\\N\n"),
            f"UPDATE root SET net = net + 1 WHERE {some}", f"UPDATE root SET id = (id + 150) % 400 WHERE {some}",
            f"UPDATE mid SET part = 1 - part WHERE {some}", f"DELETE FROM {name} WHERE {some}",
            f"WITH gone AS (DELETE FROM low WHERE {some} RETURNING *) INSERT INTO root (id, part, net) SELECT 399 - id, part, net FROM gone",
            f"UPDATE root SET note = note || 'x' WHERE {some}", merge])

    def execute(self, statement):
        if statement[0] == "COPY":
            session = db.connect()
            cursor = session.cursor()
            cursor.execute(f"SET search_path = {self.schema}, public")
            cursor.copy_expert(statement[1], io.StringIO(statement[2]))
            session.close()
        else:
            db.run(statement)

    def check(self, names, done):
        for name, kind in itertools.product(names, ("rows", "sums")):
            stream_table = f"{kind}_of_{name}"
            db.run("SELECT pgtrickle.refresh_stream_table(%s)", stream_table)
            query = (f"SELECT id, part, net, gross, note FROM {name}" if kind == "rows" else
                     f"SELECT part, count(*), sum(gross), max(gross) FROM {name} GROUP BY part")
            wrong = db.run(f"(TABLE {stream_table} EXCEPT ALL {query}) UNION ALL ({query} EXCEPT ALL TABLE {stream_table})")
            assert not wrong, (self.schema, stream_table, wrong[:4], done[-8:])

    def go(self):
        db.run(f"CREATE SCHEMA {self.schema}; SET search_path = {self.schema}, public; SET client_min_messages = error")
        self.make("root", "PARTITION BY RANGE (id)")
        names = ["low", "mid", "mid_1", "mid_2", "high"]
        later = names[self.chooser.choice([2, 4, 5]):]
        self.add_all([name for name in names if name not in later])
        sources = ["root", *(name for name in ("mid", "low", "mid_1") if name not in later)]
        for name in sources:
            self.create(name)
        done = []
        self.add_all(later)
        for number in range(STATEMENTS):
            done.append(self.statement())
            self.execute(done[-1])
            if number % 8 == 7:
                self.check(sources, done)
        # One that leaves and comes back
        db.run("ALTER TABLE root DETACH PARTITION low; INSERT INTO low (id, part, net) VALUES (7, 0, 7)")
        self.check(sources, done)
        db.run("ALTER TABLE root ATTACH PARTITION low " + LEAVES["low"])
        db.run("INSERT INTO root (id, part, net) VALUES (8, 1, 8); UPDATE root SET id = 399 - id")
        self.check(sources, done)
        db.run(f"DROP SCHEMA {self.schema} CASCADE")


def what_is_logged_is_what_is_stored():
    for number in range(TREES):
        Tree(number).go()


def writers_go_on_while_a_partition_with_other_columns_is_attached():
    """From then on row triggers log what statement triggers have logged before."""
    for number in range(4):
        db.run(f"CREATE SCHEMA beside_{number}; SET search_path = beside_{number}; SET client_min_messages = error")
        db.run("CREATE TABLE root (id int, net int, gross int GENERATED ALWAYS AS (net * 2) STORED) PARTITION BY RANGE (id);"
               "CREATE TABLE low PARTITION OF root FOR VALUES FROM (0) TO (100);"
               "CREATE TABLE high (gross int GENERATED ALWAYS AS (net * 2) STORED, net int, id int)")
        db.run(f"SELECT pgtrickle.create_stream_table('rows', 'SELECT id, net, gross FROM root', '520w', 'DIFFERENTIAL'), "
               "pgtrickle.create_stream_table('rows_of_low', 'SELECT id, net, gross FROM low', '520w', 'DIFFERENTIAL')")
        is_over, written = threading.Event(), []

        def write(table, own):
            session = db.connect()
            cursor = session.cursor()
            while not is_over.is_set():
                cursor.execute(f"INSERT INTO beside_{number}.{table} (id, net) SELECT {own}, i FROM generate_series(1, 3) i")
                cursor.execute(f"UPDATE beside_{number}.{table} SET net = net + 1 WHERE id = {own} AND net < 5")
                written.append(table)
            session.close()

        writers = [threading.Thread(target=write, args=(table, own)) for own, table in enumerate(("root", "low", "low"))]
        for writer in writers:
            writer.start()
        wait_for_more(written, 20)
        db.run("ALTER TABLE root ATTACH PARTITION high FOR VALUES FROM (100) TO (200)")
        db.run("INSERT INTO root (id, net) VALUES (150, 1)")
        wait_for_more(written, 20)
        is_over.set()
        for writer in writers:
            writer.join()
        for table, query in (("rows", "TABLE root"), ("rows_of_low", "TABLE low")):
            db.run("SELECT pgtrickle.refresh_stream_table(%s)", table)
            wrong = db.run(f"(TABLE {table} EXCEPT ALL {query}) UNION ALL ({query} EXCEPT ALL TABLE {table})")
            assert not wrong, (number, table, wrong[:4])
        db.run(f"DROP SCHEMA beside_{number} CASCADE")


def a_partition_that_computes_the_key():
    """Its rows are where the value before sends them, whatever it stores. Later versions refuse it."""
    low = "ALTER TABLE root ATTACH PARTITION low FOR VALUES FROM (0) TO (100)"
    if int(db.value("SHOW server_version_num")) >= 160000:
        db.run("CREATE TABLE root (id int, k int) PARTITION BY RANGE (k); CREATE TABLE low (id int, k int GENERATED ALWAYS AS (id * 2) STORED)")
        try:
            db.run(low)
            raise AssertionError("the partition is accepted")
        except psycopg2.Error as error:
            assert "generated" in str(error), error
        db.run("DROP TABLE root, low")
        return
    for number, key in itertools.product(range(8), ("k", "(k + 0)")):
        chooser = random.Random(SEED * 1000 + number)
        db.run("DROP SCHEMA IF EXISTS computed CASCADE; CREATE SCHEMA computed; SET search_path = computed, public; SET client_min_messages = error")
        db.run(f"CREATE TABLE root (id int, k int, v int) PARTITION BY RANGE ({key}); CREATE TABLE high PARTITION OF root FOR VALUES FROM (100) TO (200);"
               "CREATE TABLE rest PARTITION OF root DEFAULT; CREATE TABLE low (id int, k int GENERATED ALWAYS AS (id * 2) STORED, v int)")
        sources = (["root"], ["low"], ["high"], chooser.sample(["root", "low", "high", "rest"], chooser.choice([2, 4])))[number // 2]
        is_early = number % 2 == 0
        if is_early:
            db.run(low)
        for name in sources:
            db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", f"rows_of_{name}", f"SELECT id, k, v FROM {name}")
        if not is_early:
            db.run(low)
        done = []
        for step in range(24):
            id_, k, some = chooser.randrange(150), chooser.randrange(250), f"id % 5 = {chooser.randrange(5)}"
            done.append(chooser.choice([f"INSERT INTO root (id, k, v) VALUES ({id_}, {k}, 1), ({id_ + 1}, {k // 3}, 2)", f"INSERT INTO low (id, v) VALUES ({id_ // 3}, 3)",
                                        f"UPDATE root SET v = v + 1 WHERE {some}", f"UPDATE high SET v = v + 1 WHERE {some}", f"DELETE FROM root WHERE {some} AND v > 3"]))
            db.run(done[-1])
            for name in sources if step % 4 == 3 else ():
                db.run("SELECT pgtrickle.refresh_stream_table(%s)", f"rows_of_{name}")
                wrong = db.run(f"(TABLE rows_of_{name} EXCEPT ALL TABLE {name}) UNION ALL (TABLE {name} EXCEPT ALL TABLE rows_of_{name})")
                assert not wrong, (number, key, name, wrong[:4], done)
    db.run("DROP SCHEMA computed CASCADE")


class Family:
    """A tree of inheritance whose relations get the same columns, each with or without a default, in any order."""

    def __init__(self, number):
        self.chooser = random.Random(SEED * 1000 + number)
        self.schema = f"family_{number}"
        self.relations, self.number = ["root"], 0

    def add_rows(self):
        for relation in self.relations:
            db.run(f"INSERT INTO {relation} (id) SELECT {self.number} + i FROM generate_series(1, 3) i")
            self.number += 3

    def columns_of(self, relation):
        return [name for (name,) in db.run("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped", relation)]

    def add_column(self, relation, name):
        default = self.chooser.choice(["", f" DEFAULT {self.chooser.randrange(1, 9)}", " DEFAULT random()::int"])
        if name not in self.columns_of(relation):
            db.run(f"ALTER TABLE {relation} ADD COLUMN {name} int{default}")

    def grow(self, columns):
        """Children are made of the parent as it is, or get the columns before it; then the parent gets them."""
        for name in columns:
            if self.chooser.random() < 0.7 and len(self.relations) < 4:
                child, parent = f"child_{len(self.relations)}", self.chooser.choice(self.relations)
                db.run(f"CREATE TABLE {child} () INHERITS ({parent})")
                self.relations.append(child)
                self.add_rows()
            for relation in self.chooser.sample(self.relations[1:], self.chooser.randrange(len(self.relations))):
                self.add_column(relation, name)
            self.add_column("root", name)
            if self.chooser.random() < 0.3:
                db.run("VACUUM FULL " + self.chooser.choice(self.relations))
            self.add_rows()

    def adopt(self):
        """A table becomes a child that has its columns without defaults, and rows that are shorter."""
        child = f"adopted_{len(self.relations)}"
        db.run(f"CREATE TABLE {child} (id int); INSERT INTO {child} VALUES ({1000 + len(self.relations)})")
        for name in self.columns_of("root")[1:]:
            db.run(f"ALTER TABLE {child} ADD COLUMN {name} int")
        db.run(f"ALTER TABLE {child} INHERIT root")
        self.relations.append(child)

    def create(self, name):
        columns = self.columns_of(name)
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", f"rows_of_{name}", f"SELECT {', '.join(columns)} FROM {name}")
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", f"sums_of_{name}",
               "SELECT count(*) AS n, " + ", ".join(f"sum({column}) AS {column}" for column in columns) + f" FROM {name}")

    def statement(self):
        relation = self.chooser.choice(self.relations + ["root"] * 3)
        only = self.chooser.choice(["", "", "", "ONLY "])
        return self.chooser.choice([f"UPDATE {only}{relation} SET id = id + 7 WHERE id % 5 = {self.chooser.randrange(5)}",
                                    f"DELETE FROM {only}{relation} WHERE id % 11 = {self.chooser.randrange(11)}",
                                    f"INSERT INTO {relation} (id) VALUES ({self.chooser.randrange(90)})"])

    def check(self, done):
        for name, kind in itertools.product(self.relations, ("rows", "sums")):
            stream_table, columns = f"{kind}_of_{name}", ", ".join(self.columns_of(name))
            if db.value("SELECT to_regclass(%s) IS NULL", stream_table):
                continue
            db.run("SELECT pgtrickle.refresh_stream_table(%s)", stream_table)
            query = f"SELECT {columns} FROM {name}" if kind == "rows" else "SELECT count(*), " + ", ".join(
                f"sum({column})" for column in self.columns_of(name)) + f" FROM {name}"
            wrong = db.run(f"(TABLE {stream_table} EXCEPT ALL {query}) UNION ALL ({query} EXCEPT ALL TABLE {stream_table})")
            assert not wrong, (self.schema, stream_table, wrong[:4], done)

    def go(self):
        db.run(f"CREATE SCHEMA {self.schema}; SET search_path = {self.schema}, public; SET client_min_messages = error")
        db.run("CREATE TABLE root (id int)")
        self.add_rows()
        self.grow(["a", "b"])
        done = []
        for relation in self.relations:
            self.create(relation)
        for number in range(12):
            if number == 6:
                self.adopt()
            done.append(self.statement())
            db.run(done[-1])
            self.check(done)
        db.run(f"DROP SCHEMA {self.schema} CASCADE")


def a_short_row_of_a_child_has_no_default_of_its_parent():
    for number in range(TREES):
        Family(number).go()


# Statements before and after the stream table over `root` is created, and those that write.
SHAPES = {
    "written below the source": (
        "CREATE TABLE root (id int); CREATE TABLE mid () INHERITS (root); CREATE TABLE leaf () INHERITS (mid); INSERT INTO leaf VALUES (1); "
        "ALTER TABLE leaf ADD COLUMN a int; ALTER TABLE mid ADD COLUMN a int DEFAULT 5; ALTER TABLE root ADD COLUMN a int; INSERT INTO root VALUES (7, 10)",
        "", "UPDATE mid SET id = 2"),
    "equal once a column is added": (
        "CREATE TABLE root (id int); CREATE TABLE child () INHERITS (root); INSERT INTO child VALUES (1); ALTER TABLE child ADD COLUMN a int; "
        "ALTER TABLE child ADD COLUMN x int; ALTER TABLE root ADD COLUMN a int DEFAULT 5", "ALTER TABLE root ADD COLUMN x int", "UPDATE root SET id = id + 10"),
    "equal once a column is dropped": (
        "CREATE TABLE root (id int); CREATE TABLE child () INHERITS (root); INSERT INTO child VALUES (1); ALTER TABLE child ADD COLUMN a int; "
        "ALTER TABLE root ADD COLUMN a int DEFAULT 5; ALTER TABLE root ADD COLUMN x int; ALTER TABLE child ADD COLUMN y int DEFAULT 7", "ALTER TABLE child DROP COLUMN y; ALTER TABLE root ADD COLUMN y int; ALTER TABLE root DROP COLUMN y",
        "UPDATE root SET id = id + 10"),
    "a child is made by the statement": (
        "CREATE TABLE root (id int); INSERT INTO root VALUES (1); ALTER TABLE root ADD COLUMN a int DEFAULT 5; "
        "CREATE FUNCTION route() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'CREATE TABLE IF NOT EXISTS child () INHERITS (root)'; "
        "EXECUTE 'INSERT INTO child VALUES ($1, $2)' USING NEW.id, NEW.a; RETURN NULL; END $$; "
        "CREATE TRIGGER route BEFORE INSERT ON root FOR EACH ROW EXECUTE FUNCTION route()",
        "", "INSERT INTO root VALUES (2, 3); INSERT INTO root (id) VALUES (3); UPDATE root SET id = id + 10; DELETE FROM root WHERE id = 12"),
}


def single_shapes():
    for name, (before, after, writes) in SHAPES.items():
        db.run("CREATE SCHEMA shape; SET search_path = shape; SET client_min_messages = error")
        db.run(before)
        db.run("SELECT pgtrickle.create_stream_table('sums', 'SELECT count(*) AS n, sum(a) AS a, sum(id) AS ids FROM root', '520w', 'DIFFERENTIAL')")
        for statement in after.split("; ") + writes.split("; "):
            if statement:
                db.run(statement)
                db.run("SELECT pgtrickle.refresh_stream_table('sums')")
        assert db.run("TABLE sums") == db.run("SELECT count(*), sum(a), sum(id) FROM root"), name
        db.run("DROP SCHEMA shape CASCADE")


def a_stream_table_that_inherits_is_a_source():
    """Its refreshes write its log."""
    db.run("CREATE SCHEMA child; SET search_path = child; SET client_min_messages = error; CREATE TABLE src (id int PRIMARY KEY, v int); INSERT INTO src VALUES (1, 1);"
           "CREATE TABLE parent (id int); ALTER TABLE parent ADD COLUMN v int DEFAULT 0")
    for number in range(2):
        db.run(f"SELECT pgtrickle.create_stream_table('st_{number}', 'SELECT id, v FROM src', '520w', 'DIFFERENTIAL')")
        above = (f"SELECT pgtrickle.create_stream_table('above_{number}', 'SELECT sum(v) AS s FROM st_{number}', '520w', 'DIFFERENTIAL')")
        for statement in (above, f"ALTER FOREIGN TABLE st_{number} INHERIT parent")[::1 if number else -1]:
            db.run(statement)
        db.run(f"INSERT INTO src VALUES ({number + 2}, 5)")
        db.run(f"SELECT pgtrickle.refresh_stream_table('st_{number}'), pgtrickle.refresh_stream_table('above_{number}')")
        assert db.value(f"SELECT s FROM above_{number}") == db.value("SELECT sum(v) FROM src"), number
    db.run("DROP SCHEMA child CASCADE")


def wait_for_more(written, count):
    wanted, deadline = len(written) + count, time.monotonic() + 30
    while len(written) < wanted:
        assert time.monotonic() < deadline, "no writer goes on"
        time.sleep(0.005)


try:
    run_cases([what_is_logged_is_what_is_stored, a_partition_that_computes_the_key, a_short_row_of_a_child_has_no_default_of_its_parent,
               single_shapes, a_stream_table_that_inherits_is_a_source,
               writers_go_on_while_a_partition_with_other_columns_is_attached])
finally:
    db.drop()
