#!/usr/bin/python3 -B
"""Shows that fills and full refreshes report their progress while they run, and nothing afterwards, however
they end."""

import sys
import threading
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OURS = "FROM pgtrickle.pg_stat_progress_stream_table WHERE datname = current_database()"
ROWS = 400


class Beside:
    """A statement of another session, which takes some time."""

    def __init__(self, statement):
        self.session = db.connect()
        self.pid = self.session.get_backend_pid()
        self.error = None
        self.thread = threading.Thread(target=self.run, args=(statement,))
        self.thread.start()

    def run(self, statement):
        try:
            cursor = self.session.cursor()
            cursor.execute("SET client_min_messages = error")
            cursor.execute(statement)
        except psycopg2.Error as error:
            self.error = error

    def wait(self):
        self.thread.join(60)
        assert not self.thread.is_alive()
        self.session.close()


def progress(columns):
    rows = db.run(f"SELECT {columns} {OURS}")
    return rows[0] if rows else None


def prepare():
    db.run(f"""CREATE FUNCTION slow(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
               $$ BEGIN PERFORM pg_sleep(0.01); RETURN i; END $$;
               CREATE TABLE source (id int PRIMARY KEY, n int);
               INSERT INTO source SELECT i, i FROM generate_series(1, {ROWS}) i;
               ANALYZE source""")


CREATE = "SELECT pgtrickle.create_stream_table('{0}', 'SELECT id, slow(n) AS n FROM source', '1d', '{1}', initialize => {2})"


def a_fill_shows_how_far_it_is():
    beside = Beside(CREATE.format("filled", "FULL", "true"))
    db.wait_for(f"SELECT count(*) {OURS} AND rows_done > 10", 1)
    pid, phase, expected, part, parts = progress("pid, phase, rows_expected, part, parts")
    assert (pid, phase, part, parts) == (beside.pid, "computing rows", 1, 1), (pid, phase, part, parts)
    assert ROWS / 2 <= expected <= ROWS * 2, expected
    before = progress("rows_done")[0]
    db.wait_for(f"SELECT count(*) {OURS} AND rows_done > {before + 10}", 1)
    assert progress("started_at < clock_timestamp()")[0]
    # It is not yet in the catalogs that another session sees.
    assert progress("pgt_name") == (None,)
    beside.wait()
    assert beside.error is None, beside.error
    assert progress("pid") is None


def a_full_refresh_expects_what_was_stored():
    db.run("UPDATE source SET n = n + 1 WHERE id = 1")
    beside = Beside("SELECT pgtrickle.refresh_stream_table('filled')")
    db.wait_for(f"SELECT count(*) {OURS} AND rows_done > 10", 1)
    name, expected = progress("pgt_schema || '.' || pgt_name, rows_expected")
    assert (name, expected) == ("public.filled", ROWS), (name, expected)
    running = "FROM pgtrickle.pgt_refresh_history WHERE pgt_id = 'filled'::regclass::oid::bigint AND status = 'RUNNING'"
    assert db.run(f"SELECT action, start_time < clock_timestamp(), end_time, refresh_id {running}") == [("FULL", True, None, None)]
    beside.wait()
    assert beside.error is None, beside.error
    assert progress("pid") is None
    assert db.value(f"SELECT count(*) {running}") == 0


def a_cancelled_one_leaves_nothing():
    db.run("UPDATE source SET n = n + 1 WHERE id = 1")
    beside = Beside("SELECT pgtrickle.refresh_stream_table('filled')")
    db.wait_for(f"SELECT count(*) {OURS} AND rows_done > 10", 1)
    db.run("SELECT pg_cancel_backend(%s)", beside.pid)
    beside.wait()
    assert isinstance(beside.error, psycopg2.errors.QueryCanceled), beside.error
    assert progress("pid") is None


def a_terminated_one_leaves_nothing():
    beside = Beside("SELECT pgtrickle.refresh_stream_table('filled')")
    db.wait_for(f"SELECT count(*) {OURS} AND rows_done > 10", 1)
    db.run("SELECT pg_terminate_backend(%s)", beside.pid)
    beside.wait()
    db.wait_for(f"SELECT count(*) {OURS}", 0)


def an_error_that_is_caught_leaves_nothing():
    db.run("CREATE FUNCTION fails(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS "
           "$$ BEGIN IF i = 300 THEN RAISE EXCEPTION 'no'; END IF; RETURN i; END $$")
    beside = Beside("DO $$ BEGIN PERFORM pgtrickle.create_stream_table('failed', "
                    "'SELECT fails(id) AS id FROM source', '1d', 'FULL'); "
                    "EXCEPTION WHEN OTHERS THEN PERFORM pg_sleep(60); END $$")
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {beside.pid} AND wait_event = 'PgSleep'", 1)
    shown = progress("pid")
    db.run("SELECT pg_cancel_backend(%s)", beside.pid)
    beside.wait()
    assert shown is None, shown


def the_manager_shows_its_own():
    db.run(CREATE.format("later", "FULL", "false"))
    db.wait_for(f"SELECT count(*) {OURS} AND rows_done > 10 AND pgt_name = 'later'", 1)
    name = db.value("SELECT a.backend_type FROM pgtrickle.pg_stat_progress_stream_table p "
                    "JOIN pg_stat_activity a USING (pid) WHERE p.datname = current_database()")
    assert name.startswith("pg_trickle"), name


HIDDEN = "pgt_name, relid, phase, part, parts, rows_done, rows_expected, started_at"


def seen_from(base):
    return base.run(f"SELECT {HIDDEN} FROM pgtrickle.pg_stat_progress_stream_table WHERE datname = %s", db.name)


def others_see_only_what_they_may_read():
    """Of the others, that a process is at work; also from another database, and of what is not committed."""
    db.run("DROP ROLE IF EXISTS progress_reader")
    db.run("CREATE ROLE progress_reader; GRANT SELECT ON filled TO progress_reader")
    other, nothing = Database(), [(None,) * 8]
    other.run("SET ROLE progress_reader")
    db.wait_for("SELECT count(*) FROM pgtrickle.pg_stat_progress_stream_table WHERE pgt_name = 'later'", 0)
    beside = Beside(CREATE.format("uncommitted", "FULL", "true"))
    try:
        db.wait_for(f"SELECT count(*) {OURS} AND pid = {beside.pid} AND rows_done > 10", 1)
        assert seen_from(other) == nothing, seen_from(other)
        db.run("SET ROLE progress_reader")
        assert seen_from(db) == nothing, seen_from(db)
        db.run("RESET ROLE; GRANT pg_read_all_stats TO progress_reader")
        assert seen_from(other)[0][5] > 10, seen_from(other)
        db.run("REVOKE pg_read_all_stats FROM progress_reader")
        beside.wait()
        db.run("SELECT pgtrickle.drop_stream_table('later')")
        db.run(CREATE.format("later", "FULL", "false"))
        db.wait_for(f"SELECT count(*) {OURS} AND pgt_name = 'later'", 1)
        db.run("SET ROLE progress_reader")
        assert seen_from(db) == nothing, seen_from(db)
        db.run("RESET ROLE; GRANT SELECT ON later TO progress_reader; SET ROLE progress_reader")
        assert progress("pgt_name") == ("later",)
        db.run("RESET ROLE")
        db.wait_for(f"SELECT count(*) {OURS}", 0)
    finally:
        other.drop()
        db.run("RESET ROLE; DROP OWNED BY progress_reader; DROP ROLE progress_reader")


prepare()
try:
    run_cases([a_fill_shows_how_far_it_is, a_full_refresh_expects_what_was_stored, a_cancelled_one_leaves_nothing,
               a_terminated_one_leaves_nothing, an_error_that_is_caught_leaves_nothing, the_manager_shows_its_own,
               others_see_only_what_they_may_read])
finally:
    db.drop()
