#!/usr/bin/python3 -B
"""Shows that the first fill uses a key that a source got after the stream table was created, as in a restore, and that it
neither waits for a session that has the stream table in use, nor keeps one waiting."""

import sys
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
QUERY = "SELECT id, v FROM t"
OVER = "SELECT id, v + 1 AS v FROM s"


def set_up(query=QUERY):
    """Creates a stream table without rows over a table without a key, and another one over it; both are held."""
    db.run(f"""
      DROP SCHEMA IF EXISTS n CASCADE; CREATE SCHEMA n; SET search_path = n;
      CREATE TABLE t (id int, v int); INSERT INTO t SELECT g, g FROM generate_series(1, 9) g;
      CREATE FUNCTION waits(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
        BEGIN WHILE NOT pg_try_advisory_xact_lock_shared(7) LOOP PERFORM pg_sleep(0.01); END LOOP; RETURN $1; END $$;
      BEGIN;
      SELECT pgtrickle.create_stream_table('n.s', $$ {query} $$, '520w', 'DIFFERENTIAL', false);
      SELECT pgtrickle.create_stream_table('n.over_s', $$ {OVER} $$, '520w', 'DIFFERENTIAL', false);
      SELECT pgtrickle.pause_scheduler(ARRAY['n.s', 'n.over_s']);
      COMMIT;
      CREATE UNIQUE INDEX s_id ON s (id)""")


def release():
    db.run("SELECT pgtrickle.resume_scheduler(ARRAY['n.s', 'n.over_s'])")


def wait_for_fill(name):
    db.wait_for(f"SELECT is_populated FROM pgtrickle.pgt_state WHERE relid = 'n.{name}'::regclass", True)


def keys():
    return db.run("SELECT pgtrickle.stream_table_key('n.s'), pgtrickle.stream_table_key('n.over_s')")[0]


# Locks nothing: a lock on the stream table would keep it from being built again.
INDEXES = "SELECT count(*) FROM pg_index WHERE indrelid = ('pg_trickle_storage.st_' || 'n.s'::regclass::oid)::regclass"


def indexes():
    return db.value(INDEXES)


def is_right(query=QUERY):
    for name, its in ("s", query), ("over_s", OVER):
        rows = db.run(f"SELECT * FROM n.{name} ORDER BY id")
        assert rows == db.run(f"{its} ORDER BY id"), (name, rows)


def a_key_is_used_by_the_first_fill():
    set_up()
    assert keys() == (None, None) and indexes() == 2, (keys(), indexes())
    db.run("ALTER TABLE t ADD PRIMARY KEY (id)")
    release()
    wait_for_fill("over_s")
    assert keys() == (["id"], ["id"]) and indexes() == 1, (keys(), indexes())
    is_right()
    db.run("UPDATE t SET v = v + 1 WHERE id < 5; DELETE FROM t WHERE id = 9; INSERT INTO t VALUES (11, 11)")
    db.run("SELECT pgtrickle.refresh_stream_table('n.over_s')")
    is_right()


def one_in_use_is_filled_as_it_is():
    set_up()
    db.run("ALTER TABLE t ADD PRIMARY KEY (id)")
    with closing(db.connect()) as other:
        other.autocommit = False
        other.cursor().execute("EXPLAIN SELECT * FROM n.s")  # locks it to the end of the transaction
        release()
        wait_for_fill("over_s")
        assert keys() == (None, None), keys()
    is_right()
    db.run("SELECT pgtrickle.repair_stream_table('n.s'), pgtrickle.repair_stream_table('n.over_s')")
    assert keys() == (["id"], ["id"]) and indexes() == 1, (keys(), indexes())
    is_right()


def dumped(name):
    """Returns the stream table as a dump creates it; the manager does not fill it while the session that has done so
    restores more."""
    options = db.value(f"""SELECT string_agg(option_name || ' ' || quote_literal(option_value), ', ')
      FROM pg_foreign_table, pg_options_to_table(ftoptions) WHERE ftrelid = 'n.{name}'::regclass""")
    return f"CREATE FOREIGN TABLE n.{name} (id int, v int) SERVER pgtrickle OPTIONS ({options})"


@contextmanager
def restoring(*names):
    """A cursor of a session that has restored these stream tables, and whose table has no key yet."""
    set_up()
    definitions = [dumped(each) for each in names]
    db.run("DROP FOREIGN TABLE over_s, s")
    with closing(db.connect()) as session:
        cursor = session.cursor()
        for each in definitions:
            cursor.execute(each)
        yield cursor


def the_session_that_restores_uses_it():
    for name in "s", "over_s":
        with restoring("s", "over_s") as cursor:
            cursor.execute("ALTER TABLE n.t ADD PRIMARY KEY (id)")
            cursor.execute(f"SELECT pgtrickle.refresh_stream_table('n.{name}')")
        wait_for_fill("over_s")
        assert keys() == (["id"], ["id"]), (name, keys())
        is_right()


def the_transaction_that_adds_it_uses_it():
    """No worker is asked for what this transaction has locked: a short deadlock_timeout would show that."""
    for statement in "ALTER TABLE n.t ADD PRIMARY KEY (id)", "UPDATE n.t SET v = v + 1":
        with restoring("s", "over_s") as cursor:
            cursor.execute("SET deadlock_timeout = '20ms'")
            if statement.startswith("UPDATE"):
                cursor.execute("ALTER TABLE n.t ADD PRIMARY KEY (id)")
            cursor.execute("BEGIN; " + statement)
            cursor.execute("SELECT pgtrickle.refresh_stream_table('n.over_s')")
            cursor.execute("SELECT count(*) FROM n.over_s; COMMIT")
            assert keys() == (["id"], ["id"]), (statement, keys())
        is_right()


def one_that_another_session_restores_is_not_waited_for():
    set_up()
    definition = dumped("s")
    db.run("DROP FOREIGN TABLE over_s, s; CREATE TABLE n.z (id int, q int); INSERT INTO n.z SELECT g, g FROM generate_series(1, 9) g")
    with closing(db.connect()) as restoring, closing(db.connect()) as session:
        restoring.cursor().execute(definition)
        cursor = session.cursor()
        cursor.execute("SELECT pgtrickle.create_stream_table('n.j', 'SELECT z.id, z.q FROM n.z WHERE z.q IN (SELECT v FROM n.s)', "
                       "'520w', 'DIFFERENTIAL', false)")
        cursor.execute("ALTER TABLE n.z ADD PRIMARY KEY (id)")
        cursor.execute("SET pg_trickle.scan_refresh_timeout = '60s'; SET statement_timeout = '20s'")
        cursor.execute("SELECT pgtrickle.refresh_stream_table('n.j')")
        cursor.execute("SELECT count(*) FROM n.j")
        assert cursor.fetchone() == (9,)


def queries_of_other_owners_are_not_compiled():
    """They may call what fails with an error that shows data, or wait."""
    db.run("DROP SCHEMA IF EXISTS n CASCADE; CREATE SCHEMA n; CREATE ROLE keys_alice; CREATE ROLE keys_bob; "
           "GRANT USAGE ON FOREIGN SERVER pgtrickle TO keys_alice, keys_bob; GRANT ALL ON SCHEMA n TO keys_alice, keys_bob")
    for statement in (
            "SET search_path = n", "SET ROLE keys_alice",
            "CREATE TABLE t (id int, v int); INSERT INTO t VALUES (1, 1)",
            "CREATE FUNCTION makes(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END'",
            "SELECT pgtrickle.create_stream_table('n.s', 'SELECT v, count(*) + n.makes(1) AS c FROM n.t GROUP BY v', '520w', initialize => false)",
            "GRANT SELECT ON s TO keys_bob", "SET ROLE keys_bob",
            "SELECT pgtrickle.create_stream_table('n.over_s', 'SELECT * FROM n.s', '520w', initialize => false)",
            "SET ROLE keys_alice",
            "CREATE OR REPLACE FUNCTION makes(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN 'a secret'::int; END$$",
            "REVOKE SELECT ON s FROM keys_bob", "RESET ROLE"):
        db.run(statement)
    with closing(db.connect()) as session:
        cursor = session.cursor()
        cursor.execute("SET ROLE keys_bob; SET pg_trickle.scan_refresh_timeout = '200ms'")
        try:
            cursor.execute("SELECT pgtrickle.refresh_stream_table('n.over_s')")
            raise AssertionError("it was refreshed")
        except psycopg2.Error as error:
            assert "secret" not in str(error), error
    db.run("DROP SCHEMA n CASCADE; DROP OWNED BY keys_alice, keys_bob; DROP ROLE keys_alice, keys_bob")


def a_transaction_that_could_not_see_its_rows_fills_it_itself():
    with restoring("s") as cursor:
        cursor.execute("ALTER TABLE n.t ADD PRIMARY KEY (id)")
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        cursor.execute("SELECT count(*) FROM n.t")
        cursor.execute("SELECT pgtrickle.refresh_stream_table('n.s')")
        cursor.execute("SELECT count(*) FROM n.s")
        assert cursor.fetchone() == (9,)
        cursor.execute("COMMIT")


def no_session_waits_for_the_fill():
    query = "SELECT id, n.waits(v) AS v FROM t"
    set_up(query)
    db.run("ALTER TABLE t ADD PRIMARY KEY (id)")
    with closing(db.connect()) as gate, closing(db.connect()) as other:
        gate.cursor().execute("SELECT pg_advisory_lock(7)")
        release()
        db.wait_for(INDEXES, 1)
        db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'refresh of%' AND datname = current_database() "
                    "AND wait_event = 'PgSleep'", 1)
        other.cursor().execute("SET lock_timeout = '5s'; EXPLAIN SELECT * FROM n.s")
        try:
            other.cursor().execute("SET pg_trickle.scan_refresh_timeout = 100; SELECT * FROM n.s")
            raise AssertionError("a stream table without rows was read")
        except psycopg2.errors.ObjectNotInPrerequisiteState:
            pass
        gate.cursor().execute("SELECT pg_advisory_unlock(7)")
    wait_for_fill("over_s")
    assert keys() == (["id"], ["id"]), keys()
    is_right(query)


run_cases([a_key_is_used_by_the_first_fill, one_in_use_is_filled_as_it_is, the_session_that_restores_uses_it,
           the_transaction_that_adds_it_uses_it, one_that_another_session_restores_is_not_waited_for,
           queries_of_other_owners_are_not_compiled, a_transaction_that_could_not_see_its_rows_fills_it_itself, no_session_waits_for_the_fill])
