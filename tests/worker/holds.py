#!/usr/bin/python3 -B
"""Shows that the manager does not refresh stream tables that operators hold, reports that, and resumes them
at once."""

import re
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
# Reads of this session must not cause the refreshes that are tested.
db.run("SET pg_trickle.enabled = off")


def create(name, query, schedule="calculated", **more):
    arguments = "".join(f", {key} => '{value}'" for key, value in more.items())
    db.run(f"SELECT pgtrickle.create_stream_table('{name}', $${query}$$, '{schedule}'{arguments})")


def resident_kb(pid):
    """The most memory that the process has had at once."""
    return int(re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{pid}/status").read_text())[1])


def count(name):
    return db.value(f"SELECT count(*) FROM {name}")


def statuses(name, action="SKIP"):
    return db.value("SELECT count(*) FROM pgtrickle.get_refresh_history(%s, 10000) WHERE action = %s", name, action)


def refreshes(name):
    return db.value("SELECT count(*) FROM pgtrickle.get_refresh_history(%s, 100000)", name)


def wait_until_skipped(name, times=1):
    db.wait_for(f"SELECT count(*) FROM pgtrickle.get_refresh_history('{name}', 10000) WHERE action = 'SKIP' AND status = 'SKIPPED'",
                times)


def a_gated_stream_table_is_skipped_once_and_refreshed_when_ungated():
    db.run("CREATE TABLE load (id int PRIMARY KEY)")
    create("loaded", "SELECT id FROM load")
    create("loaded_count", "SELECT count(*) AS n FROM loaded")
    db.run("SELECT pgtrickle.gate_source('load')")
    for i in range(20):
        db.run("INSERT INTO load VALUES (%s)", i)
    wait_until_skipped("loaded")
    wait_until_skipped("loaded_count")
    db.run("INSERT INTO load VALUES (100)")
    time.sleep(1.5)  # there is no condition to wait for when no refresh is expected
    assert count("loaded") == 0
    assert statuses("loaded") == 1, "once, however often it came due"
    reason = db.value("SELECT error_message FROM pgtrickle.get_refresh_history('loaded', 1)")
    assert reason == "One of its sources is gated.", reason
    db.run("SELECT pgtrickle.ungate_source('load')")
    db.wait_for("SELECT n FROM loaded_count", 21)
    db.run("SELECT pgtrickle.gate_source('load')")
    db.run("INSERT INTO load VALUES (101)")
    wait_until_skipped("loaded", 2)
    db.run("SELECT pgtrickle.ungate_source('load')")
    db.wait_for("SELECT n FROM loaded_count", 22)


def one_made_behind_a_gate_is_filled_when_it_opens():
    db.run("SELECT pgtrickle.gate_source('load')")
    create("made_later", "SELECT id FROM load", "520w")
    wait_until_skipped("made_later")
    assert db.value("SELECT is_populated FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'made_later'") is False
    db.run("SELECT pgtrickle.ungate_source('load')")
    db.wait_for("SELECT is_populated FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'made_later'", True)
    assert count("made_later") == 22


def a_reader_of_a_held_one_gets_an_error_at_once():
    reader = db.connect()
    cursor = reader.cursor()
    cursor.execute("SET pg_trickle.scan_refresh_timeout = '60s'; SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = 'error'")
    db.run("SELECT pgtrickle.pause_scheduler(ARRAY['loaded'])")
    db.run("INSERT INTO load VALUES (102)")
    for name, detail in [("loaded", "It is paused."), ("loaded_count", "It reads public.loaded, which is paused.")]:
        started = time.monotonic()
        try:
            cursor.execute(f"SELECT * FROM {name}")
            raise AssertionError("the read raised no error")
        except Exception as error:  # noqa: BLE001: any error is examined
            assert getattr(error, "diag", None) and error.diag.message_detail == detail, error
        assert time.monotonic() - started < 30
    db.run("SELECT pgtrickle.resume_scheduler(ARRAY['loaded'])")
    cursor.execute("SELECT n FROM loaded_count")
    assert cursor.fetchall() == [(23,)]
    reader.close()


def a_read_under_a_snapshot_older_than_the_end_of_a_gate_reports_it():
    db.run("CREATE TABLE behind (id int PRIMARY KEY)")
    create("over_behind", "SELECT id FROM behind", "520w")
    db.run("SELECT pgtrickle.gate_source('behind')")
    session = db.connect()
    cursor = session.cursor()
    cursor.execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error")
    cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; INSERT INTO behind VALUES (1)")
    db.run("SELECT pgtrickle.ungate_source('behind')")
    try:
        cursor.execute("SELECT id FROM over_behind")
        raise AssertionError(f"was served {cursor.fetchall()}")
    except psycopg2.errors.ObjectNotInPrerequisiteState as error:
        assert "snapshot of this transaction" in error.diag.message_detail, error
    session.close()


def a_dependent_of_a_held_one_is_not_refreshed_repeatedly():
    db.run("CREATE TABLE other (id int PRIMARY KEY)")
    create("joined", "SELECT l.id FROM loaded l JOIN other o ON o.id = l.id")
    for hold, lift in [("SELECT pgtrickle.pause_scheduler(ARRAY['loaded'])", "SELECT pgtrickle.resume_scheduler(ARRAY['loaded'])"),
                       ("SELECT pgtrickle.alter_stream_table('loaded', status => 'SUSPENDED')",
                        "SELECT pgtrickle.resume_stream_table('loaded')")]:
        db.run(hold)
        db.run("TRUNCATE other")
        db.run("INSERT INTO load VALUES ((SELECT max(id) + 1 FROM load))")
        before = refreshes("joined")
        time.sleep(2)
        assert refreshes("joined") - before < 8, refreshes("joined") - before
        # It continues from the existing rows.
        db.run("INSERT INTO other SELECT generate_series(0, 5)")
        db.wait_for("SELECT count(*) FROM joined", 6)
        db.run(lift)
        db.wait_for("SELECT count(*) FROM loaded", db.value("SELECT count(*) FROM load"))


def a_group_that_advances_is_one_refresh():
    db.run("CREATE TABLE heads (id int PRIMARY KEY); CREATE TABLE rows (id int PRIMARY KEY)")
    # Each reads both sources, and counts one.
    create("head_count", "SELECT count(*) AS n FROM heads WHERE NOT EXISTS (SELECT FROM rows WHERE id < 0)")
    create("row_count", "SELECT count(*) AS n FROM rows WHERE NOT EXISTS (SELECT FROM heads WHERE id < 0)")
    db.run("SELECT pgtrickle.create_watermark_group('daily', ARRAY['heads', 'rows'])")

    def advance(source, hour):
        db.run("SELECT pgtrickle.advance_watermark(%s, %s)", source, f"2030-01-01 {hour}:00Z")

    db.run("INSERT INTO heads VALUES (1)")
    db.run("INSERT INTO rows VALUES (1), (2)")
    wait_until_skipped("row_count")
    advance("heads", 1)
    time.sleep(1)
    assert db.run("SELECT h.n, r.n FROM head_count h, row_count r") == [(0, 0)]
    advance("rows", 1)
    db.wait_for("SELECT r.n FROM row_count r", 2)
    db.wait_for("SELECT h.n FROM head_count h", 1)
    # The next advance changes only `rows`: head_count has no changes to apply, and must not apply later ones.
    db.run("INSERT INTO rows VALUES (3)")
    advance("rows", 2)
    advance("heads", 2)
    db.wait_for("SELECT r.n FROM row_count r", 3)
    db.wait_for("SELECT count(*) FROM pgtrickle.pgt_watermark_taken WHERE watermark = '2030-01-01 2:00Z'", 2)
    db.run("INSERT INTO heads VALUES (2)")
    time.sleep(1)
    assert db.run("SELECT h.n, r.n FROM head_count h, row_count r") == [(1, 3)]
    db.run("SELECT pgtrickle.drop_watermark_group('daily')")
    db.wait_for("SELECT h.n FROM head_count h", 2)


def an_advance_during_a_refresh_is_one_more():
    """The refresh has its snapshot when the group advances, and waits; it applies the advance before."""
    db.run("CREATE TABLE lines (id int PRIMARY KEY)")
    db.run("CREATE FUNCTION waiting(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS "
           "'BEGIN PERFORM pg_advisory_xact_lock_shared(7); RETURN $1; END'")
    create("line_ids", "SELECT waiting(id) AS id FROM lines")
    db.run("SELECT pgtrickle.create_watermark_group('hourly', ARRAY['lines'])")
    db.run("SELECT pgtrickle.advance_watermark('lines', '2030-01-01 1:00Z')")
    db.wait_for("SELECT count(*) FROM pgtrickle.pgt_watermark_taken WHERE group_name = 'hourly'", 1)
    blocker = db.connect()
    blocker.cursor().execute("SELECT pg_advisory_lock(7)")
    db.run("INSERT INTO lines VALUES (1)")
    db.run("SELECT pgtrickle.advance_watermark('lines', '2030-01-01 2:00Z')")
    db.wait_for("SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", True)
    db.run("INSERT INTO lines VALUES (2)")
    db.run("SELECT pgtrickle.advance_watermark('lines', '2030-01-01 3:00Z')")
    time.sleep(0.3)  # the manager is notified
    blocker.close()
    db.wait_for("SELECT count(*) FROM line_ids", 2)
    db.run("SELECT pgtrickle.drop_watermark_group('hourly')")


def a_frozen_one_is_not_refreshed_until_its_tier_changes():
    db.run("CREATE TABLE ice (id int PRIMARY KEY)")
    create("frozen", "SELECT id FROM ice")
    db.run("SELECT pgtrickle.alter_stream_table('frozen', tier => 'FROZEN')")
    db.run("INSERT INTO ice VALUES (1)")
    wait_until_skipped("frozen")
    assert count("frozen") == 0
    db.run("SELECT pgtrickle.alter_stream_table('frozen', tier => 'hot')")
    db.wait_for("SELECT count(*) FROM frozen", 1)


def a_drain_waits_for_what_runs():
    # The function polls, as a refresh does not wait long for a lock.
    db.run("CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS "
           "$$BEGIN WHILE NOT pg_try_advisory_xact_lock_shared(8) LOOP PERFORM pg_sleep(0.02); END LOOP; RETURN $1; END$$")
    db.run("CREATE TABLE steps (id int PRIMARY KEY)")
    create("slowly", "SELECT slow(id) AS id FROM steps")
    blocker = db.connect()
    blocker.cursor().execute("SELECT pg_advisory_lock(8)")
    db.run("INSERT INTO steps VALUES (1)")
    db.wait_for("SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()", True)
    assert db.value("SELECT pgtrickle.drain(0)") is False
    assert db.value("SELECT pgtrickle.is_drained()") is False
    db.run("INSERT INTO ice VALUES (2)")
    threading.Timer(1, blocker.close).start()
    assert db.value("SELECT pgtrickle.drain(30)") is True
    assert db.value("SELECT pgtrickle.is_drained()") is True
    assert count("slowly") == 1, "the running refresh did not end"
    assert count("frozen") == 1, "another refresh began"
    db.run("SELECT pgtrickle.resume_scheduler()")
    db.wait_for("SELECT count(*) FROM frozen", 2)


def nothing_begins_while_a_drain_is_not_committed():
    session = db.connect()
    session.autocommit = False
    cursor = session.cursor()
    cursor.execute("SELECT pgtrickle.drain(10)")
    assert cursor.fetchone() == (True,)
    db.run("INSERT INTO ice VALUES (3)")
    time.sleep(1)
    assert count("frozen") == 2
    session.rollback()
    db.wait_for("SELECT count(*) FROM frozen", 3)
    session.close()


def a_gate_that_comes_while_a_refresh_waits_holds_it():
    """The refresh has begun, and waits for a lock on its source; when it gets the lock, the gate is closed."""
    db.run("SET pg_trickle.enabled = on")
    blocker = db.connect()
    blocker.autocommit = False
    blocker.cursor().execute("LOCK TABLE load IN ACCESS EXCLUSIVE MODE")
    errors = []

    def refresh():
        session = db.connect()
        try:
            session.cursor().execute("SELECT pgtrickle.refresh_stream_table('loaded')")
        except Exception as error:  # noqa: BLE001: any error is examined
            errors.append(str(error))
        session.close()

    waiting = threading.Thread(target=refresh)
    waiting.start()
    db.wait_for("SELECT count(*) > 0 FROM pg_locks WHERE relation = 'load'::regclass AND NOT granted", True)
    rows = count("loaded")
    blocker.cursor().execute("SELECT pgtrickle.gate_source('load')")
    blocker.cursor().execute("INSERT INTO load VALUES (-1)")
    blocker.commit()
    waiting.join(30)
    assert errors and "cannot be refreshed now" in errors[0], errors
    assert count("loaded") == rows
    db.run("SELECT pgtrickle.ungate_source('load')")
    db.wait_for("SELECT count(*) FROM loaded", rows + 1)
    blocker.close()
    db.run("SET pg_trickle.enabled = off")


def a_hold_that_comes_while_a_diamond_waits_holds_all_of_it():
    """A worker has begun, and waits for a lock; when it gets the lock, one of the three is paused."""
    db.run("CREATE TABLE facet (id int PRIMARY KEY); CREATE TABLE beside_facet (id int PRIMARY KEY)")
    create("facet_left", "SELECT id FROM facet")
    create("facet_right", "SELECT id FROM facet LEFT JOIN beside_facet USING (id)")
    create("facet_both", "SELECT count(*) AS n FROM facet_left JOIN facet_right USING (id)")
    db.run("INSERT INTO facet VALUES (0)")
    db.wait_for("SELECT n FROM facet_both", 1)  # the manager knows all of them
    blocker = db.connect()
    blocker.autocommit = False
    blocker.cursor().execute("LOCK TABLE beside_facet IN ACCESS EXCLUSIVE MODE")
    db.run("INSERT INTO facet VALUES (1)")
    db.wait_for("SELECT count(*) > 0 FROM pg_locks WHERE relation = 'beside_facet'::regclass AND NOT granted", True)
    blocker.cursor().execute("SELECT pgtrickle.pause_scheduler(ARRAY['facet_right'])")
    blocker.commit()
    blocker.close()
    wait_until_skipped("facet_right")
    shown = db.run("SELECT (SELECT count(*) FROM facet_left), (SELECT count(*) FROM facet_right), n FROM facet_both")
    assert shown == [(1, 1, 1)], shown
    db.run("SELECT pgtrickle.resume_scheduler(ARRAY['facet_right'])")
    db.wait_for("SELECT n FROM facet_both", 2)
    assert count("facet_left") == 2


def a_refresh_group_is_refreshed_by_the_manager_as_one():
    db.run("CREATE TABLE left_side (id int PRIMARY KEY); CREATE TABLE right_side (id int PRIMARY KEY)")
    create("on_left", "SELECT count(*) AS n FROM left_side", "1s")
    create("on_right", "SELECT count(*) AS n FROM right_side", "520w")
    db.run("SELECT pgtrickle.create_refresh_group('sides', ARRAY['on_left', 'on_right'])")
    db.run("INSERT INTO right_side VALUES (1)")
    db.run("INSERT INTO left_side VALUES (1)")
    db.wait_for("SELECT n FROM on_left", 1)
    assert db.value("SELECT n FROM on_right") == 1, "though its own schedule is an hour"
    frontiers = db.value("SELECT count(DISTINCT frontier->>'snapshot') FROM pgtrickle.pgt_stream_tables WHERE pgt_name ~ '^on_'")
    assert frontiers == 1
    db.run("SELECT pgtrickle.pause_scheduler(ARRAY['on_right'])")
    db.run("INSERT INTO right_side VALUES (2)")
    db.run("INSERT INTO left_side VALUES (2)")
    db.wait_for("SELECT n FROM on_left", 2)
    assert db.value("SELECT n FROM on_right") == 1, "a held member is left behind"
    db.run("SELECT pgtrickle.resume_scheduler(ARRAY['on_right'])")


def a_refresh_group_waits_for_a_locked_member():
    """A stream table beside them, over the same source, shows that the manager has looked."""
    create("beside_left", "SELECT max(id) AS id FROM left_side", "1s")
    db.run("INSERT INTO left_side VALUES (3)")
    db.wait_for("SELECT (SELECT n FROM on_left) = 3 AND (SELECT n FROM on_right) = 2", True)
    blocker = db.connect()
    blocker.autocommit = False
    blocker.cursor().execute("LOCK TABLE right_side IN ACCESS EXCLUSIVE MODE")
    blocker.cursor().execute("INSERT INTO right_side VALUES (3)")
    db.run("INSERT INTO left_side VALUES (4)")
    db.wait_for("SELECT id FROM beside_left", 4)
    shown = db.run("SELECT (SELECT n FROM on_left), (SELECT n FROM on_right)")
    assert shown == [(3, 2)], shown
    db.wait_for("SELECT count(*) > 0 FROM pgtrickle.get_refresh_history('on_right', 1000) "
                "WHERE error_message = 'could not lock source public.right_side in time'", True)
    blocker.commit()
    blocker.close()
    db.wait_for("SELECT n FROM on_left", 4)
    assert db.value("SELECT n FROM on_right") == 3


def a_resumed_one_is_read_beside_a_definition_that_cannot_be():
    """A session locks a source of the definition, so that the manager tries to read it at growing intervals."""
    db.run("CREATE TABLE kept (id int); CREATE TABLE resumed_on (id int)")
    create("keeper", "SELECT id FROM kept", "520w")
    create("resumed", "SELECT count(*) AS n FROM resumed_on", "520w")
    blocker = db.connect()
    blocker.autocommit = False
    blocker.cursor().execute("LOCK TABLE kept IN ACCESS EXCLUSIVE MODE")
    db.run("ALTER FOREIGN TABLE keeper OPTIONS (SET schedule '2h')")
    db.run("SELECT pgtrickle.pause_scheduler(ARRAY['resumed'])")
    reader = db.connect()
    cursor = reader.cursor()
    cursor.execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error; SET pg_trickle.scan_refresh_timeout = '30s'")
    for number in range(1, 21):
        cursor.execute("INSERT INTO resumed_on VALUES (%s)", (number,))
        cursor.execute("SELECT pgtrickle.resume_scheduler(ARRAY['resumed'])")
        cursor.execute("SELECT n FROM resumed")
        assert cursor.fetchall() == [(number,)]
        cursor.execute("SELECT pgtrickle.pause_scheduler(ARRAY['resumed'])")
    blocker.rollback()
    blocker.close()
    reader.close()


def one_that_is_no_longer_frozen_is_read_after_its_definition_was_locked():
    """A session that will not commit a DROP locks the stream table when another one has made it hot, so that the manager reads that some time later."""
    db.run("CREATE TABLE cold (id int)")
    create("thawed", "SELECT count(*) AS n FROM cold", "520w")
    alterer, locker, reader = db.connect(), db.connect(), db.connect()
    alterer.autocommit = locker.autocommit = False
    cursor, found = reader.cursor(), []
    cursor.execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error; SET pg_trickle.scan_refresh_timeout = '30s'")

    def run_beside(waiting, statement):
        thread = threading.Thread(target=waiting.cursor().execute, args=(statement,))
        thread.start()
        db.wait_for(f"SELECT count(*) FROM pg_locks WHERE pid = {waiting.get_backend_pid()} AND NOT granted", 1)
        return thread

    def read():
        try:
            cursor.execute("SELECT n FROM thawed")
            found.append(cursor.fetchone()[0])
        except psycopg2.Error as error:
            found.append(str(error))

    for number in range(1, 21):
        db.run("SELECT pgtrickle.alter_stream_table('thawed', tier => 'frozen')")
        db.run("INSERT INTO cold VALUES (%s)", number)
        read()
        alterer.cursor().execute("SELECT pgtrickle.alter_stream_table('thawed', tier => 'hot')")
        locking = run_beside(locker, "DROP FOREIGN TABLE thawed")
        alterer.commit()
        locking.join()
        reading = threading.Thread(target=read)
        reading.start()
        db.wait_for(f"SELECT count(*) FROM pg_locks WHERE pid = {reader.get_backend_pid()} AND NOT granted", 1)
        locker.rollback()
        reading.join()
        assert "frozen" in str(found[-2]) and found[-1] == number, found[-2:]
    for connection in alterer, locker, reader:
        connection.close()


def an_altered_one_is_as_old_as_what_it_reads():
    """It is held from its ALTER on, so its own refreshes say nothing about its age."""
    db.run("CREATE TABLE aging (n int); CREATE TABLE ageless (n int)")
    create("aged", "SELECT n FROM aging", "520w")
    create("above_aged", "SELECT n FROM ageless", "520w")
    db.run("INSERT INTO aging VALUES (1)")
    written_at = db.value("SELECT clock_timestamp()")
    db.run("SELECT pgtrickle.pause_scheduler()")
    db.run("SELECT pgtrickle.alter_stream_table('above_aged', query => 'SELECT n FROM aged')")
    assert db.value("SELECT staleness > statement_timestamp() - %s FROM pgtrickle.pgt_status() WHERE name LIKE '%%above_aged'", written_at)
    db.run("SELECT pgtrickle.resume_scheduler()")


def what_no_stream_table_reads_costs_the_manager_nothing():
    """Any role that owns a table can have many watermark groups and gates."""
    count = 60_000
    db.run("CREATE TABLE unread (id int); CREATE TABLE read_beside (id int)")
    db.run("INSERT INTO pgtrickle.pgt_watermark_group (name, tolerance_s) SELECT 'unread' || repeat('x', 40) || i, 0 "
           f"FROM generate_series(1, {count}) i")
    db.run("INSERT INTO pgtrickle.pgt_hold (kind, relation, group_name, by_role) SELECT 'watermark', 'unread'::regclass, name, "
           "'postgres' FROM pgtrickle.pgt_watermark_group WHERE name LIKE 'unread%'")
    before_kb = resident_kb(db.manager_pid())
    create("beside_unread", "SELECT count(*) AS n FROM read_beside")
    db.run("INSERT INTO read_beside VALUES (1)")
    db.wait_for("SELECT n FROM beside_unread", 1)
    grown_kb = resident_kb(db.manager_pid()) - before_kb
    assert grown_kb < 20_000, f"{grown_kb} kB"
    db.run("DELETE FROM pgtrickle.pgt_watermark_group WHERE name LIKE 'unread%'; DELETE FROM pgtrickle.pgt_hold WHERE group_name LIKE 'unread%'")


def finish():
    db.drop()


run_cases([a_gated_stream_table_is_skipped_once_and_refreshed_when_ungated, one_made_behind_a_gate_is_filled_when_it_opens,
           a_reader_of_a_held_one_gets_an_error_at_once, a_read_under_a_snapshot_older_than_the_end_of_a_gate_reports_it,
           a_dependent_of_a_held_one_is_not_refreshed_repeatedly,
           a_group_that_advances_is_one_refresh, an_advance_during_a_refresh_is_one_more, a_frozen_one_is_not_refreshed_until_its_tier_changes, a_drain_waits_for_what_runs,
           nothing_begins_while_a_drain_is_not_committed, a_gate_that_comes_while_a_refresh_waits_holds_it,
           a_hold_that_comes_while_a_diamond_waits_holds_all_of_it, a_refresh_group_is_refreshed_by_the_manager_as_one,
           a_refresh_group_waits_for_a_locked_member, a_resumed_one_is_read_beside_a_definition_that_cannot_be,
           one_that_is_no_longer_frozen_is_read_after_its_definition_was_locked, an_altered_one_is_as_old_as_what_it_reads,
           what_no_stream_table_reads_costs_the_manager_nothing, finish])
