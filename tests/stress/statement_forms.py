#!/usr/bin/python3 -B
"""Shows that exact reads return what the query returns in the middle of statements of all forms, in triggers, functions and
RETURNING lists that they run, and that the logs have the rows that they changed: beside other writers, refreshes, and sessions
that create and drop triggers of users, by which statements are captured in another way, and stream tables.

DURATION_S is the duration; SEED repeats what each session tries."""

import collections
import os
import re
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, goes_on, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

DURATION_S, WRITERS, ROUND_S = float(os.environ.get("DURATION_S", 15)), 3, 6
LEAST = 100  # statements
DIFFERENT = "P9999"  # of an exact read in a statement
KEPT = {
    "of_item": "SELECT id, v, pad, twice, up, added FROM item", "of_counts": "SELECT v % 5 AS v, count(*) AS n, max(pad) AS m FROM item GROUP BY v % 5",
    "of_both": "SELECT i.id, l.id AS line, i.v, l.note FROM item i LEFT JOIN line l ON l.item = i.id", "of_root": "SELECT id, v, note FROM root",
    "of_mid": "SELECT v, count(*) AS n FROM mid GROUP BY v", "of_leaf": "SELECT id, v, note FROM leaf", "of_par": "SELECT id, v FROM par",
    "of_only": "SELECT id, v FROM ONLY par", "of_child": "SELECT id, v, w FROM child", "of_twist": "SELECT k, v, note FROM twist",
    "of_twists": "SELECT k, count(*) AS n, sum(v) AS v FROM twist GROUP BY k", "of_late": "SELECT id, k, v FROM late",
    "of_key": "SELECT id, v, note FROM keyed", "of_reference": "SELECT r.id, k.v FROM reference r LEFT JOIN keyed k ON k.id = r.k"}
SPARE = {"spare_1": "SELECT note, id FROM leaf", "spare_2": "SELECT v FROM item", "spare_3": "SELECT count(*) AS n FROM reference"}
TABLES = """
    CREATE TABLE item (gone int, id int PRIMARY KEY, v int, pad text, twice int GENERATED ALWAYS AS (v * 2) STORED,
      up int REFERENCES item ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE);
    ALTER TABLE item DROP gone;
    ALTER TABLE item ALTER pad SET STORAGE EXTERNAL;
    INSERT INTO item (id, v, pad) SELECT g, g, repeat('p', g) FROM generate_series(1, 9) g;
    ALTER TABLE item ADD added text DEFAULT 'added';
    CREATE TABLE line (id int PRIMARY KEY, item int REFERENCES item ON DELETE SET NULL ON UPDATE CASCADE, note text);
    CREATE TABLE root (id int, v int, note text) PARTITION BY RANGE (id);
    CREATE TABLE mid (v int, id int, note text) PARTITION BY LIST ((v % 3));
    CREATE TABLE leaf (note text, gone int, v int, id int);
    ALTER TABLE leaf DROP gone;
    ALTER TABLE mid ATTACH PARTITION leaf FOR VALUES IN (0);
    CREATE TABLE others PARTITION OF mid DEFAULT;
    ALTER TABLE root ATTACH PARTITION mid FOR VALUES FROM (0) TO (6);
    CREATE TABLE rest PARTITION OF root DEFAULT;
    CREATE TABLE par (id int, v int);
    CREATE TABLE child (w int) INHERITS (par);
    CREATE TABLE twist (id int, k int, v int, note text);
    CREATE TABLE late (id int, k int UNIQUE DEFERRABLE INITIALLY DEFERRED, v int);
    CREATE TABLE keyed (id int PRIMARY KEY, v int, note text) PARTITION BY RANGE (id);
    CREATE TABLE keyed_1 (note text, gone int, v int, id int NOT NULL);
    ALTER TABLE keyed_1 DROP gone;
    ALTER TABLE keyed ATTACH PARTITION keyed_1 FOR VALUES FROM (0) TO (5);
    CREATE TABLE keyed_2 PARTITION OF keyed DEFAULT;
    CREATE TABLE reference (id int, k int REFERENCES keyed ON UPDATE CASCADE ON DELETE SET NULL) PARTITION BY LIST ((id % 2));
    CREATE TABLE reference_0 PARTITION OF reference FOR VALUES IN (0);
    CREATE TABLE reference_1 PARTITION OF reference DEFAULT;
    CREATE VIEW low AS SELECT id, v, pad FROM item WHERE v < 500 WITH CHECK OPTION;
    CREATE VIEW ruled AS SELECT id, v FROM late;
    CREATE RULE ruled_1 AS ON UPDATE TO ruled DO INSTEAD (UPDATE late SET v = new.v WHERE id = old.id; INSERT INTO par VALUES (old.id, new.v));
    CREATE RULE ruled_2 AS ON DELETE TO ruled DO INSTEAD DELETE FROM late WHERE id = old.id;
    CREATE VIEW through AS SELECT id, k, v FROM twist;"""
FUNCTIONS = """
    CREATE FUNCTION write_through() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF tg_op = 'INSERT' THEN INSERT INTO twist VALUES (new.id, new.k, new.v, 'view'); RETURN new;
      ELSE DELETE FROM twist WHERE id = old.id; RETURN old; END IF; END $$;
    CREATE TRIGGER write_through INSTEAD OF INSERT OR DELETE ON through FOR EACH ROW EXECUTE FUNCTION write_through();
    CREATE FUNCTION twisted() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF pg_trigger_depth() > 2 THEN RETURN new; END IF;
      CASE abs(new.v) % 5 WHEN 0 THEN RETURN NULL; WHEN 1 THEN new.v := new.v + 1;
        WHEN 2 THEN INSERT INTO twist VALUES (new.id + 1, 0, new.v + 2, 'nested'); WHEN 3 THEN UPDATE root SET v = v + 1 WHERE id = new.id; ELSE NULL; END CASE;
      RETURN new; END $$;
    CREATE FUNCTION read_in_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      PERFORM same((random() * 100)::int); IF tg_op = 'DELETE' THEN RETURN old; END IF; RETURN new; END $$;
    CREATE FUNCTION nested(i int) RETURNS int LANGUAGE plpgsql AS $$ BEGIN
      CASE i % 4 WHEN 0 THEN UPDATE item SET v = v + 1 WHERE id = i + 1; WHEN 1 THEN DELETE FROM root WHERE id = i;
        WHEN 2 THEN INSERT INTO item (id, v) VALUES (i + 40, i) ON CONFLICT (id) DO NOTHING;
        ELSE BEGIN UPDATE item SET v = v / (id - i) WHERE id >= i; EXCEPTION WHEN division_by_zero THEN NULL; END; END CASE;
      RETURN i; END $$"""
FORMS = """
INSERT INTO item (id, v, pad, up) VALUES ({a}, {v}, {pad}, NULLIF({b}, {a})) ON CONFLICT DO NOTHING
INSERT INTO item (id, v, pad) SELECT id + {b}, v, pad FROM item WHERE id <= {a} ON CONFLICT DO NOTHING
INSERT INTO item (id, v) SELECT g + 70 + same({b} + g), {v} FROM generate_series({a}, {b}) g ON CONFLICT DO NOTHING
INSERT INTO item (id, v) VALUES ({a}, {v}), ({b} + 20, {v}) ON CONFLICT (id) DO UPDATE SET v = same({v})
INSERT INTO line SELECT {a} + g, {a}, {pad} FROM generate_series(1, 3) g ON CONFLICT DO NOTHING
UPDATE item SET v = {v}, pad = {pad} WHERE id <= {a}
UPDATE item SET id = {b} WHERE id = {a}
UPDATE item SET v = v + same({b} + id) WHERE id <= {a}
UPDATE item SET v = nested(id) WHERE id <= {a}
UPDATE item SET v = r.v FROM root r WHERE r.id = item.id AND item.id > {a}
UPDATE item SET added = DEFAULT, pad = pad WHERE id >= {a}
UPDATE low SET v = v + {v} WHERE id <= {a}
UPDATE line SET item = {a}, note = {pad} WHERE id = {b}
DELETE FROM item WHERE id >= {a} AND same({b} + id) > 0
DELETE FROM item USING line l WHERE l.item = item.id AND l.id = {b}
DELETE FROM low WHERE v % 7 = {a}
INSERT INTO root VALUES ({a}, {v}, {pad}), ({b}, {v}, 'b')
INSERT INTO leaf (id, v, note) VALUES ({a} % 6, {v} * 3, {pad})
UPDATE root SET id = {b}, v = v + same({v} + id) WHERE id = {a}
UPDATE leaf SET v = v + 3 * same({b} + id)
UPDATE mid SET v = v + 1 WHERE id = {a}
DELETE FROM root WHERE id >= {b} AND same({a} + id) > 0
DELETE FROM leaf WHERE id = {a}
INSERT INTO par VALUES ({a}, {v})
INSERT INTO child SELECT id, v, {b} FROM par WHERE id = {a} LIMIT 3
UPDATE par SET v = v + same({v} + id) WHERE id <= {a}
UPDATE child SET v = {v} WHERE id = {a}
DELETE FROM par WHERE id = {a}
INSERT INTO twist SELECT g, g, same(g + {b}), {pad} FROM generate_series({a}, {b}) g
UPDATE twist SET v = v + 1 WHERE id = {a}
DELETE FROM twist WHERE v > {v}
INSERT INTO through VALUES ({a}, {b}, {v})
DELETE FROM through WHERE id = {b}
INSERT INTO late VALUES ({a}, {b}, {v})
UPDATE late SET k = k + 1, v = v + same({v} + id)
UPDATE ruled SET v = {v} WHERE id = {a}
DELETE FROM ruled WHERE id = {b}
INSERT INTO keyed VALUES ({a}, {v}, {pad}) ON CONFLICT DO NOTHING
UPDATE keyed SET id = {b} WHERE id = {a}
UPDATE keyed_1 SET v = v + 1 WHERE id = {a}
DELETE FROM keyed WHERE id = {a} AND same({v}) > 0
INSERT INTO reference VALUES ({v}, {a})
UPDATE reference SET id = id + 1 WHERE k = {a}
DELETE FROM reference WHERE id % 7 = {a}
MERGE INTO item i USING (SELECT g AS id FROM generate_series({a}, {b}) g) s ON i.id = s.id WHEN MATCHED AND i.v % 5 = 0 THEN DELETE WHEN MATCHED THEN UPDATE SET v = same({v}) WHEN NOT MATCHED THEN INSERT (id, v) VALUES (s.id, {v})
MERGE INTO root r USING item i ON r.id = i.id AND i.id = {a} WHEN MATCHED THEN UPDATE SET id = {b} WHEN NOT MATCHED AND i.id = {b} THEN INSERT VALUES (i.id, {v}, 'm')
WITH x AS (INSERT INTO twist VALUES ({a}, {b}, {v}, 'x') RETURNING *), y AS (UPDATE twist SET v = same({v}) WHERE id = {a}) INSERT INTO twist SELECT id + 1, k, v, note FROM x
WITH x AS (DELETE FROM root WHERE id = {a} RETURNING *) INSERT INTO item (id, v) SELECT id, max(v % 100) FROM x GROUP BY id ON CONFLICT DO NOTHING
WITH x AS (UPDATE item SET v = v + 1 WHERE id = {a} RETURNING id) DELETE FROM item WHERE id = {b} AND EXISTS (SELECT FROM x)""".strip().split("\n")
BLOCKS = (
    "DO $$ DECLARE c CURSOR FOR SELECT * FROM root FOR UPDATE; BEGIN FOR r IN c LOOP IF r.id = {a} THEN UPDATE root SET id = {b} WHERE CURRENT OF c; "
    "ELSIF r.id = {b} THEN DELETE FROM root WHERE CURRENT OF c; END IF; END LOOP; END $$",
    "DO $$ DECLARE r record; BEGIN FOR r IN UPDATE item SET v = v + 1 WHERE id <= {a} RETURNING * LOOP DELETE FROM line WHERE id = r.id; EXIT WHEN r.id = {b}; END LOOP; END $$",
    "DO $$ DECLARE r int; BEGIN EXECUTE 'INSERT INTO twist SELECT id, k, v, note FROM twist LIMIT 9 RETURNING id' INTO r; END $$",
    "COPY (UPDATE item SET v = v + 1 WHERE id <= {a} RETURNING same(id)) TO PROGRAM 'cat >/dev/null'", "COPY root FROM PROGRAM 'echo {a},{v},copied' (FORMAT csv)",
    "SET LOCAL session_replication_role = replica; UPDATE item SET v = v + 1 WHERE id = {a}; SET LOCAL session_replication_role = origin",
    "TRUNCATE twist", "ALTER TABLE par ADD extra int DEFAULT {a}; UPDATE par SET v = {v}; ALTER TABLE par DROP extra",
    "SELECT pgtrickle.refresh_stream_table('of_item')", "SELECT pgtrickle.refresh_stream_table('of_root')", "SELECT same({v})", "SELECT same({v} + 1)")
TRIGGERS = ("twisted BEFORE INSERT OR UPDATE ON twist", "read_in_trigger BEFORE INSERT OR UPDATE OR DELETE ON twist", "read_in_trigger AFTER UPDATE OR DELETE ON item",
            "read_in_trigger AFTER INSERT OR UPDATE OR DELETE ON root", "read_in_trigger BEFORE DELETE ON keyed_1", "read_in_trigger AFTER UPDATE ON reference")
VALUES = ("'short'", "NULL", "repeat('m', 3000)", "repeat('l', 20000)")
db = Database()
done, faults = collections.Counter(), []


def differences(kept, query):
    return (f"(SELECT 'missing' AS fault, d::text FROM (({query}) EXCEPT ALL TABLE {kept}) d LIMIT 2) UNION ALL "
            f"(SELECT 'surplus', d::text FROM (TABLE {kept} EXCEPT ALL ({query})) d LIMIT 2)")


def set_up():
    db.run(TABLES)
    cases = "".join(f"WHEN {i} THEN SELECT string_agg(d::text, '; ') INTO found FROM ({differences(*kept)}) d; " for i, kept in enumerate(KEPT.items()))
    db.run(f"""CREATE FUNCTION same(i int) RETURNS int LANGUAGE plpgsql SET pg_trickle.read_mode = exact AS $$ DECLARE found text; BEGIN
               CASE abs(i) % {len(KEPT)} {cases} END CASE;
               IF found IS NOT NULL THEN RAISE EXCEPTION '%: %', i, found USING ERRCODE = '{DIFFERENT}'; END IF; RETURN 1; END $$""")
    db.run(FUNCTIONS)
    for number, (kept, query) in enumerate(KEPT.items()):
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'DIFFERENTIAL')", kept, query, ("520w", "calculated", "1s")[number % 3])
    for number, form in enumerate(FORMS):
        body = form.format(a="$1", b="$2", v="$3", pad="$4")
        db.run(f"CREATE FUNCTION sql_{number}(int, int, int, text) RETURNS void LANGUAGE sql AS $$ {body} $$")
        db.run(f"CREATE FUNCTION pl_{number}(int, int, int, text) RETURNS void LANGUAGE plpgsql AS $$ #variable_conflict use_column\nBEGIN {body}; END $$")


class Session(threading.Thread):
    """Repeats step() until the time; any error ends the transaction, and one that no user can cause is a fault."""

    def __init__(self, number, until):
        super().__init__()
        self.number, self.until, self.chooser, self.prepared = number, until, dice(number), set()
        self.session = db.connect()
        self.cursor = self.session.cursor()
        self.do("SET deadlock_timeout = '20ms'; SET lock_timeout = '300ms'; SET statement_timeout = '30s'; SET client_min_messages = error")
        self.do("SET plan_cache_mode = " + self.chooser.choice(("auto", "force_generic_plan", "force_custom_plan")))

    def do(self, statement):
        self.cursor.execute(statement)

    def judge(self, error):
        done["error " + str(error.pgcode)] += 1
        if error.pgcode in (None, DIFFERENT, "57014") or error.pgcode.startswith("XX"):
            faults.append(f"{error}\n{self.cursor.query}")

    def run(self):
        while time.monotonic() < self.until and not faults:
            try:
                self.step()
            except psycopg2.Error as error:
                self.judge(error)
                if self.session.closed:
                    return
                self.do("ROLLBACK")
        self.session.close()


class Writer(Session):
    def statement(self):
        choice, number = self.chooser.choice, self.chooser.randrange(len(FORMS))
        a, b, v, pad = self.chooser.randint(1, 9), self.chooser.randint(1, 9), self.chooser.randint(0, 600), choice(VALUES)
        if self.chooser.random() < 0.15:
            return choice(BLOCKS).format(a=a, b=b, v=v)
        form, way = FORMS[number], self.chooser.randrange(7)
        text = form.format(a=a, b=b, v=v, pad=pad)
        returning = choice((" RETURNING *", " RETURNING nested(1)", " RETURNING same((random() * 100)::int)"))
        if form.startswith(("INSERT", "UPDATE", "DELETE")) and "ruled" not in form and way < 3:
            return (text + returning, f"WITH x AS ({text}{returning}) SELECT count(*) FROM x", f"EXPLAIN (ANALYZE) {text}{returning}")[way]
        if way == 3:
            return f"SELECT sql_{number}({a}, {b}, {v}, {pad})"
        if way == 4:
            return f"SELECT pl_{number}({a}, {b}, {v}, {pad})"
        if way == 5:
            if number not in self.prepared:
                self.do(f"PREPARE p{number} (int, int, int, text) AS {form.format(a='$1', b='$2', v='$3', pad='$4')}")
                self.prepared.add(number)
            return f"EXECUTE p{number} ({a}, {b}, {v}, {pad})"
        return text

    def step(self):
        self.do("BEGIN ISOLATION LEVEL " + self.chooser.choice(("READ COMMITTED",) * 4 + ("REPEATABLE READ", "SERIALIZABLE")))
        for _ in range(self.chooser.randint(1, 4)):
            statement = self.statement()
            self.do("SAVEPOINT before")
            try:
                self.do(statement)
                done["statements"] += 1
            except psycopg2.Error as error:
                self.judge(error)
                self.do("ROLLBACK TO before")
            if self.chooser.random() < 0.1:
                self.do("ROLLBACK TO before")
        end = self.chooser.choice(("COMMIT",) * 8 + ("ROLLBACK", "PREPARE"))
        if end == "PREPARE":
            self.do(f"PREPARE TRANSACTION '{db.name}_{self.number}'")
            end = self.chooser.choice(("COMMIT", "ROLLBACK")) + f" PREPARED '{db.name}_{self.number}'"
        self.do(end)


class Definer(Session):
    def step(self):
        spare, (function, when) = self.chooser.choice(list(SPARE)), self.chooser.choice(TRIGGERS).split(" ", 1)
        table, name = when.split()[-1], re.sub(r"\W", "_", when.lower())
        self.do(self.chooser.choice((
            f"CREATE OR REPLACE TRIGGER {name} {when} FOR EACH ROW EXECUTE FUNCTION {function}()", f"DROP TRIGGER IF EXISTS {name} ON {table}",
            f"SELECT pgtrickle.create_stream_table('{spare}', '{SPARE[spare]}', '1s')", f"DROP FOREIGN TABLE IF EXISTS {spare}",
            f"SELECT pgtrickle.refresh_stream_table('{self.chooser.choice(list(KEPT))}')", f"ANALYZE {table}")))
        done["definitions"] += 1
        time.sleep(self.chooser.random() * 0.1)


def all_forms_of_statements():
    set_up()
    first, ends_at = 0, time.monotonic() + DURATION_S
    while first == 0 or goes_on(ends_at, done["statements"] > LEAST):
        until = time.monotonic() + min(ROUND_S, DURATION_S)
        sessions = [Writer(first + i, until) for i in range(WRITERS)] + [Definer(first + WRITERS, until)]
        for session in sessions:
            session.start()
        for session in sessions:
            session.join()
        first += len(sessions)
        assert not faults, faults[:3]
        for kept, query in KEPT.items():
            db.run("SELECT pgtrickle.refresh_stream_table(%s)", kept)
            rows = db.run(differences(kept, query))
            assert not rows, (kept, rows)
        db.run("TRUNCATE twist, par, reference; DELETE FROM root WHERE v % 4 > 0")
    print(", ".join(f"{what}: {count}" for what, count in sorted(done.items())))
    assert done["statements"] > LEAST, done


try:
    run_cases([all_forms_of_statements])
finally:
    db.drop()
