#!/usr/bin/python3 -B
"""Shows that random statements of sessions that write to the same rows at the same time are logged as they have changed the rows,
directly and by triggers: keys that statements exchange, actions of foreign keys, generated columns, values out of line, arrays
that PL/pgSQL has expanded, views with a check option, deferred constraints, partitions that have dropped columns, functions that
change the table within a statement, errors in savepoints. A trigger of a user has all statements on the tables captured by triggers."""

import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

ROUNDS, WRITERS, ROUND_S = 3, 3, 2
KEPT = {
    "of_item": "SELECT id, v, pad, twice, parts, up, added FROM item", "of_line": "SELECT id, item, other, note FROM line",
    "of_counts": "SELECT v % 5 AS v, count(*) AS n, sum(id) AS ids FROM item GROUP BY v % 5",
    "of_both": "SELECT i.id, l.id AS line, i.v, l.note FROM item i JOIN line l ON l.item = i.id",
    "of_root": "SELECT id, v, note FROM root", "of_leaf": "SELECT id, v, note FROM leaf"}
db = Database()
db.run("""
    CREATE TABLE item (gone int, id int PRIMARY KEY, v int CHECK (v < 2000), pad text, twice int GENERATED ALWAYS AS (v * 2) STORED,
      parts int[], up int REFERENCES item ON DELETE CASCADE ON UPDATE CASCADE DEFERRABLE);
    ALTER TABLE item DROP gone;
    ALTER TABLE item ALTER pad SET STORAGE EXTERNAL;
    INSERT INTO item (id, v, pad, parts) SELECT i, i, repeat('p', i), ARRAY[i] FROM generate_series(1, 9) i;
    ALTER TABLE item ADD added text DEFAULT 'added';
    CREATE TABLE line (id int PRIMARY KEY, item int REFERENCES item ON DELETE SET NULL ON UPDATE CASCADE,
      other int DEFAULT 1 REFERENCES item ON DELETE SET DEFAULT ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED, note text);
    CREATE TABLE root (id int, v int, note text) PARTITION BY RANGE (id);
    CREATE TABLE leaf (note text, gone int, v int, id int);
    ALTER TABLE leaf DROP gone;
    ALTER TABLE root ATTACH PARTITION leaf FOR VALUES FROM (0) TO (6);
    CREATE TABLE rest PARTITION OF root DEFAULT;
    CREATE VIEW low AS SELECT id, v, pad FROM item WHERE v < 500 WITH CHECK OPTION;
    CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
    CREATE FUNCTION nested(i int) RETURNS int LANGUAGE plpgsql AS $$
    BEGIN
      CASE i % 4
        WHEN 0 THEN UPDATE item SET v = v + 1 WHERE id = i + 1;
        WHEN 1 THEN DELETE FROM item WHERE id = i + 2;
        WHEN 2 THEN INSERT INTO item (id, v) VALUES (i + 40, i) ON CONFLICT (id) DO NOTHING;
        ELSE BEGIN UPDATE item SET v = v / (id - i) WHERE id >= i; EXCEPTION WHEN division_by_zero THEN NULL; END;
      END CASE;
      RETURN i;
    END $$""")
for kept, query in KEPT.items():
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", kept, query)
FORMS = (
    "INSERT INTO item (id, v, pad, parts, up) VALUES ({a}, {v}, {pad}, ARRAY[{v}], NULLIF({b}, {a})) ON CONFLICT DO NOTHING",
    "INSERT INTO item (id, v, pad) SELECT id + {b}, v, pad FROM item WHERE id <= {a} ON CONFLICT DO NOTHING",
    "INSERT INTO item (id, v) SELECT nested(g) + 100, g FROM generate_series({a}, {a} + 3) g ON CONFLICT DO NOTHING",
    "INSERT INTO line SELECT {a} + g, {a}, {b}, {pad} FROM generate_series(1, 3) g ON CONFLICT DO NOTHING",
    "INSERT INTO item (id, v) VALUES ({a}, {v}) ON CONFLICT (id) DO UPDATE SET v = excluded.v + 1",
    "UPDATE item SET v = v + 1", "UPDATE item SET v = {v}, pad = {pad} WHERE id <= {a}", "UPDATE item SET added = added || 'x' WHERE id = {a}",
    "UPDATE item SET id = {b} WHERE id = {a}", "UPDATE item SET parts[3] = {v} WHERE id >= {a}", "UPDATE item SET up = NULLIF({b}, id) WHERE id = {a}",
    "UPDATE item i SET v = o.v FROM item o WHERE o.id % 3 = i.id % 3 AND i.id > {a}", "UPDATE item SET v = nested(id) WHERE id <= {a}",
    "UPDATE item SET v = v % 100 WHERE v > {v}", "UPDATE low SET v = v + {v} WHERE id <= {a}", "UPDATE line SET item = {a}, note = {pad} WHERE id = {b}",
    "UPDATE item SET v = {v} WHERE id = {a} RETURNING id", "DELETE FROM item WHERE id = {a}", "DELETE FROM item WHERE id = {a} AND nested(id) > 0",
    "DELETE FROM item i USING line l WHERE l.item = i.id AND l.id = {b}", "DELETE FROM line WHERE id > {b}", "DELETE FROM low WHERE v % 7 = {a}",
    "INSERT INTO root VALUES ({a}, {v}, {pad}), ({b}, {v}, 'b')", "INSERT INTO leaf (id, v, note) VALUES ({a}, {v}, {pad})",
    "UPDATE leaf SET v = v + 1, id = id + {v} % 2", "UPDATE root SET id = {b} WHERE id = {a}", "DELETE FROM leaf WHERE id = {a}", "DELETE FROM root WHERE id = {b}",
    """DO $$ DECLARE found item; BEGIN SELECT * INTO found FROM item WHERE id = {a}; found.parts[2] := {v};
       UPDATE item SET parts = found.parts WHERE id IN ({a}, {b}); END $$""",
    """DO $$ DECLARE items CURSOR FOR SELECT * FROM item FOR UPDATE; BEGIN FOR found IN items LOOP
       UPDATE item SET v = {v} WHERE CURRENT OF items; EXIT WHEN found.id > {a}; END LOOP; END $$""")
VALUES = ("'short'", "NULL", "repeat('m', 3000)", "repeat('l', {} * 1000)", "(SELECT string_agg(md5(g::text), '') FROM generate_series(1, 400) g)")


def statement(chooser):
    pad = chooser.choice(VALUES).format(chooser.randint(9, 40))
    text = chooser.choice(FORMS).format(a=chooser.randint(1, 9), b=chooser.randint(1, 9), v=chooser.randint(0, 600), pad=pad)
    if chooser.random() < 0.3 and text.startswith(("INSERT", "UPDATE", "DELETE")) and " i " not in text and "RETURNING" not in text:
        text += chooser.choice((" RETURNING *", " RETURNING id", " RETURNING id, (SELECT count(*) FROM item)", " RETURNING nested(id)"))
    return text


def write(number, until, done, errors):
    chooser, session = dice(number), db.connect()
    cursor = session.cursor()
    cursor.execute("SET deadlock_timeout = '20ms'; SET client_min_messages = error")
    while time.monotonic() < until:
        try:
            cursor.execute("BEGIN ISOLATION LEVEL " + chooser.choice(("READ COMMITTED",) * 4 + ("REPEATABLE READ",)))
            for _ in range(chooser.randint(1, 4)):
                cursor.execute("SAVEPOINT before")
                try:
                    cursor.execute(statement(chooser))
                except psycopg2.IntegrityError:
                    cursor.execute("ROLLBACK TO before")
                if chooser.random() < 0.1:
                    cursor.execute("ROLLBACK TO before")
            cursor.execute(chooser.choice(("COMMIT",) * 4 + ("ROLLBACK",)))
            done.append(number)
        except psycopg2.Error as error:
            # Deadlocks, rows changed meanwhile, rows that a function of the statement has changed, check options.
            if error.pgcode not in ("40P01", "40001", "27000", "44000", "23503", "23505"):
                errors.append(str(error))
            cursor.execute("ROLLBACK")
    session.close()


def play(first):
    for number in range(first, first + ROUNDS):
        done, errors, until = [], [], time.monotonic() + ROUND_S
        writers = [threading.Thread(target=write, args=(number * WRITERS + i, until, done, errors)) for i in range(WRITERS)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert done and not errors, errors[:3]
        for kept, query in KEPT.items():
            db.run("SELECT pgtrickle.refresh_stream_table(%s)", kept)
            action = db.value("SELECT action FROM pgtrickle.get_refresh_history(%s, 1)", kept)
            assert action in ("DIFFERENTIAL", "NO_DATA"), (kept, action)
            for one, other in ((query, f"TABLE {kept}"), (f"TABLE {kept}", query)):
                rows = db.run(f"({one}) EXCEPT ALL ({other}) LIMIT 3")
                assert not rows, (kept, one, rows)


def directly():
    play(0)


def by_triggers():
    for table in ("item", "line", "root", "leaf"):
        db.run(f"CREATE TRIGGER nothing AFTER INSERT OR UPDATE OR DELETE ON {table} EXECUTE FUNCTION nothing()")
    play(ROUNDS)


try:
    run_cases([directly, by_triggers])
finally:
    db.drop()
