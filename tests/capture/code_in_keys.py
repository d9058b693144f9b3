#!/usr/bin/python3 -B
"""Shows that capture withstands code of users that runs in the middle of it: a function in the key of a partitioned table,
called at each of its positions while rows are assigned to partitions, changes what is captured and writes to the same
tables. And that what a session knows of captured relations does not grow with the changes."""

import random
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import SEED  # noqa: E402

db = Database()
PARTITIONS = {"low": (-100, 0), "mid": (0, 50), "high": (50, 1000)}
ACTIONS = ("DROP FOREIGN TABLE IF EXISTS of_low", "DROP FOREIGN TABLE IF EXISTS of_keyed", "SELECT pgtrickle.stop_capture('low')",
           "INSERT INTO keyed VALUES (1), (60), (-60)", "UPDATE keyed SET id = id + 100 WHERE id % 7 = 0", "DELETE FROM mid WHERE id = 3",
           "SET LOCAL pg_trickle.read_mode = exact; SELECT count(*) FROM of_mid; SET LOCAL pg_trickle.read_mode = refresh",
           "CREATE INDEX ON low (id)", "COMMENT ON TABLE mid IS 'x'", "CREATE TABLE {new} PARTITION OF keyed FOR VALUES FROM ({bound}) TO ({bound} + 1)",
           "DO 'BEGIN INSERT INTO keyed VALUES (2); PERFORM 1 / 0; EXCEPTION WHEN division_by_zero THEN END'")


def prepare():
    db.run("DROP TABLE IF EXISTS keyed CASCADE; DROP SEQUENCE IF EXISTS numbers; CREATE SEQUENCE numbers START 1000")
    db.run("""CREATE OR REPLACE FUNCTION act() RETURNS void LANGUAGE plpgsql AS $$
              BEGIN EXECUTE current_setting('my.actions'); END $$;
              CREATE OR REPLACE FUNCTION key_of(value int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
              DECLARE left_over int := nullif(current_setting('my.position', true), '');
              BEGIN
                IF left_over >= 0 AND pg_trigger_depth() > 0 THEN
                  PERFORM set_config('my.position', (left_over - 1)::text, false);
                  IF left_over = 0 THEN PERFORM act(); END IF;
                END IF;
                RETURN value;
              END $$""")
    db.run("CREATE TABLE keyed (id int) PARTITION BY RANGE (key_of(id))")
    for name, (begin, end) in PARTITIONS.items():
        db.run(f"CREATE TABLE {name} PARTITION OF keyed FOR VALUES FROM ({begin}) TO ({end})")
    for name in ("keyed", *PARTITIONS):
        db.run(f"SELECT pgtrickle.create_stream_table('of_{name}', 'SELECT id FROM {name}', schedule => '520w')")


def compare():
    for name in ("keyed", *PARTITIONS):
        if db.value("SELECT to_regclass(%s) IS NOT NULL", f"of_{name}"):
            db.run(f"SELECT pgtrickle.refresh_stream_table('of_{name}')")
            found, wanted = db.run(f"SELECT id FROM of_{name} ORDER BY 1"), db.run(f"SELECT id FROM {name} ORDER BY 1")
            assert found == wanted, (name, found, wanted)


def the_key_changes_what_is_captured():
    chooser = random.Random(SEED)
    for number in range(40):
        if number % 8 == 0:
            prepare()
        actions = "; ".join(chooser.choices(ACTIONS, k=chooser.randint(1, 3))).format(new=f"new_{number}", bound=2000 + number)
        position = chooser.randrange(12)
        db.run("SELECT set_config('my.position', %s, false), set_config('my.actions', %s, false)", str(position), actions)
        try:
            db.run("INSERT INTO keyed VALUES (7), (-7), (70)")
        except psycopg2.Error as error:  # a partition of a table in use cannot be created, for one
            assert error.pgcode is not None, (actions, position)
        db.run("SET my.position = ''")
        compare()


def what_a_session_knows_does_not_grow():
    prepare()
    size = "SELECT sum(total_bytes) FROM pg_backend_memory_contexts WHERE name = 'pg_trickle capture target'"
    cycle = "DO $$ BEGIN FOR i IN 1..{} LOOP COMMENT ON TABLE mid IS NULL; EXECUTE 'ALTER TABLE mid ALTER id SET STATISTICS ' || i % 100; INSERT INTO keyed VALUES (i); END LOOP; END $$"
    db.run(cycle.format(3))
    before = db.value(size)
    db.run("BEGIN")
    db.run(cycle.format(300))
    assert db.value(size) == before, (before, db.value(size))
    db.run("COMMIT")


try:
    run_cases([the_key_changes_what_is_captured, what_a_session_knows_does_not_grow])
finally:
    db.drop()
