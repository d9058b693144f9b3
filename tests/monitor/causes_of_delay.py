#!/usr/bin/python3 -B
"""Shows operators the causes that delay stream tables: locks, old transactions, large logs, stream tables
suspended over an upgrade."""

import functools
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
db.run("CREATE ROLE operators_reader")
OTHERS = "SELECT pgt_name, locked_relation, lock_mode, is_granted, pid, holder FROM pgtrickle.blocked_refreshes() ORDER BY 1, 3, 4"


def wait_for_others(wanted):
    """Waits until these are shown: a refresh gives up a lock after a while, and is tried again."""
    deadline = time.monotonic() + 30
    while (found := db.run(OTHERS)) != wanted:
        assert time.monotonic() < deadline, found


def check(name, large_log=1 << 40, old_age="1 day", much_wal=1 << 40):
    """Returns the result of health_check() with these limits."""
    return db.run("SELECT severity, detail FROM pgtrickle.source_checks(%s, %s, %s) WHERE check_name = %s",
                  large_log, old_age, much_wal, name)[0]


def prepare():
    db.run("CREATE TABLE source (id int PRIMARY KEY, n int) PARTITION BY RANGE (id)")
    db.run("CREATE TABLE leaf PARTITION OF source DEFAULT; INSERT INTO source VALUES (1, 1)")
    db.run("SELECT pgtrickle.create_stream_table('below', 'SELECT id, n FROM source', '1s', 'DIFFERENTIAL')")
    db.run("SELECT pgtrickle.create_stream_table('above', 'SELECT count(*) AS n FROM below', '1s', 'DIFFERENTIAL')")
    db.run("GRANT SELECT ON below TO operators_reader")
    assert db.run(OTHERS) == []


def a_lock_on_a_source_is_named_with_its_holder():
    other = db.connect()
    other.autocommit = False
    cursor = other.cursor()
    pid = other.info.backend_pid
    for locked in "source", "leaf":
        cursor.execute(f"LOCK TABLE {locked} IN ACCESS EXCLUSIVE MODE")
        blocked = [(name, "public." + locked, "AccessExclusiveLock", True, pid, f"process {pid} of postgres") for name in ("above", "below")]
        assert set(blocked) <= set(db.run(OTHERS)), db.run(OTHERS)
        other.rollback()
    # Locks that do not block a refresh.
    cursor.execute("LOCK TABLE source IN EXCLUSIVE MODE; INSERT INTO source VALUES (2, 2); SELECT * FROM below")
    assert db.run(OTHERS) == []
    other.rollback()
    # An uncommitted refresh blocks others, and so does a session that waits for a lock.
    cursor.execute("SELECT pgtrickle.refresh_stream_table('below')")
    # A refresh with a short lock_timeout reports the lock it waited for.
    try:
        db.run("SET lock_timeout = '100ms'; SELECT pgtrickle.refresh_stream_table('below')")
        raise AssertionError("it was refreshed")
    except psycopg2.errors.LockNotAvailable as error:
        assert "could not lock stream table public.below in time" in str(error), error
    db.run("RESET lock_timeout")
    third = db.connect()
    third.autocommit = False
    waiting = third.info.backend_pid
    third_cursor = third.cursor()
    third_cursor.execute("SET lock_timeout = '20s'")
    thread = threading.Thread(target=lambda: third_cursor.execute("LOCK TABLE leaf IN ACCESS EXCLUSIVE MODE"))
    thread.start()
    db.wait_for(f"SELECT count(*) FROM pgtrickle.blocked_refreshes() WHERE NOT is_granted AND pid = {waiting}", 2)
    assert ("below", "public.below", "ExclusiveLock", True, pid, f"process {pid} of postgres") in db.run(OTHERS), db.run(OTHERS)
    other.rollback()
    thread.join()
    third.close()
    other.close()


def a_transaction_that_a_refresh_waits_for_is_named():
    """Whatever the lock is: code of the query may wait for any."""
    db.run("CREATE FUNCTION locking(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS "
           "$$ BEGIN PERFORM pg_advisory_xact_lock_shared(78124); RETURN n; END $$; CREATE TABLE locked (n int)")
    db.run("SELECT pgtrickle.create_stream_table('of_locked', 'SELECT locking(n) AS n FROM locked', '1s', 'DIFFERENTIAL')")
    other = db.connect()
    other.autocommit = False
    other.cursor().execute("SELECT pg_advisory_xact_lock(78124)")
    db.run("INSERT INTO locked VALUES (1)")
    pid = other.info.backend_pid
    lock = ("of_locked", "public.of_locked", "ExclusiveLock", True)
    wait_for_others([(*lock, pid, f"process {pid} of postgres")])
    other.cursor().execute("PREPARE TRANSACTION 'locking'")
    other.close()
    wait_for_others([(*lock, None, "prepared transaction 'locking'")])
    db.run("ROLLBACK PREPARED 'locking'")
    db.wait_for("SELECT count(*) FROM of_locked", 1)
    db.wait_for("SELECT count(*) FROM pgtrickle.blocked_refreshes()", 0)
    db.run("SET client_min_messages = error; DROP TABLE locked CASCADE; DROP FUNCTION locking; RESET client_min_messages")


def a_reader_is_named_who_delays_a_new_setup():
    """A view of another role is replaced, so the next refresh replaces the heaps, and excludes readers for that."""
    db.run("CREATE ROLE causes_owner; GRANT CREATE ON SCHEMA public TO causes_owner; CREATE VIEW viewed AS SELECT id, n FROM source")
    db.run("GRANT SELECT, TRIGGER ON source, leaf TO causes_owner; GRANT SELECT ON viewed TO causes_owner; GRANT USAGE ON FOREIGN SERVER pgtrickle TO causes_owner")
    db.run("SET ROLE causes_owner; SELECT pgtrickle.create_stream_table('of_view', 'SELECT id, n FROM viewed', '1s'); RESET ROLE")
    reader = db.connect()
    reader.autocommit = False
    reader.cursor().execute("SELECT * FROM of_view")
    assert db.run(OTHERS) == [], db.run(OTHERS)
    db.run("CREATE OR REPLACE VIEW viewed AS SELECT id, n + 1 AS n FROM source")
    pid = reader.info.backend_pid
    expected = ("of_view", "public.of_view", "AccessShareLock", True, pid, f"process {pid} of postgres")
    assert db.run(OTHERS) == [expected], db.run(OTHERS)
    reader.rollback()
    reader.close()
    db.wait_for("SELECT n FROM of_view ORDER BY id LIMIT 1", 2)
    assert db.run(OTHERS) == [], db.run(OTHERS)
    db.run("DROP FOREIGN TABLE of_view; DROP VIEW viewed; REVOKE CREATE ON SCHEMA public FROM causes_owner; DROP OWNED BY causes_owner; DROP ROLE causes_owner")


def no_process_of_the_extension_is_named():
    """Their locks come and go: at the end of a transaction, in any order. Thirty stream tables take many of them."""
    db.run("CREATE TABLE busy (n int); INSERT INTO busy VALUES (1)")
    for number in range(30):
        db.run(f"SELECT pgtrickle.create_stream_table('busy{number}', 'SELECT n + {number} AS n FROM busy', '0s')")
    looks = writes = 0
    least, limit = 100, time.monotonic() + 120

    def write():
        nonlocal writes
        session = db.connect()
        while min(looks, writes) < least and time.monotonic() < limit:
            session.cursor().execute("UPDATE busy SET n = n + 1")
            writes += 1
        session.close()

    with ThreadPoolExecutor(1) as threads:
        writer = threads.submit(write)
        while min(looks, writes) < least and time.monotonic() < limit:
            others = db.run("SELECT pgt_name, lock_mode, pid FROM pgtrickle.blocked_refreshes() "
                            "WHERE pid IN (SELECT a.pid FROM pg_stat_activity a WHERE a.backend_type LIKE 'pg_trickle%')")
            assert others == [], others
            looks += 1
        writer.result()
    assert min(looks, writes) >= least, (looks, writes)
    db.run("SET client_min_messages = error; DROP TABLE busy CASCADE")


def health_reports_locks_that_delay_refreshes():
    other = db.connect()
    other.autocommit = False
    other.cursor().execute("SELECT pgtrickle.refresh_stream_table('below')")
    assert db.run("SELECT severity FROM pgtrickle.health_check() WHERE check_name = 'locked'") == [("OK",)]
    db.run("INSERT INTO source VALUES (4, 4)")
    db.wait_for("SELECT severity FROM pgtrickle.health_check() WHERE check_name = 'locked'", "WARN")
    detail = db.value("SELECT detail FROM pgtrickle.health_check() WHERE check_name = 'locked'")
    holder = f"(ExclusiveLock on public.below, process {other.info.backend_pid} of postgres)"
    assert detail.endswith(f": public.above {holder}, public.below {holder}"), detail
    # A reader sees where to look, and only stream tables that it may read.
    db.run("SET ROLE operators_reader")
    assert [row[0] for row in db.run(OTHERS)] == ["below"], db.run(OTHERS)
    db.run("RESET ROLE")
    other.cursor().execute("PREPARE TRANSACTION 'operators'")
    other.close()
    assert [row[4:] for row in db.run(OTHERS)] == 2 * [(None, "prepared transaction 'operators'")], db.run(OTHERS)
    db.session.notices.clear()
    db.run("SET client_min_messages = warning; SET pg_trickle.max_staleness = 0; SET pg_trickle.scan_refresh_timeout = '100ms'")
    db.run("SELECT * FROM below")
    assert not db.session.notices, db.session.notices  # it is read exactly
    db.run("RESET ALL; SET client_min_messages = error")
    db.run("ROLLBACK PREPARED 'operators'")
    db.wait_for("SELECT severity FROM pgtrickle.health_check() WHERE check_name = 'locked'", "OK")


def health_reports_old_transactions():
    assert check("old_transactions") == ("OK", "no transaction is older than 10 minutes")
    other = db.connect()
    other.autocommit = False
    other.cursor().execute("SELECT txid_current()")
    severity, detail = check("old_transactions", old_age="0")
    assert severity == "WARN" and f"process {other.info.backend_pid} of postgres (since 20" in detail, detail
    other.cursor().execute("PREPARE TRANSACTION 'old'")
    other.close()
    severity, detail = check("old_transactions", old_age="0")
    assert severity == "WARN" and "prepared transaction 'old' (since 20" in detail, detail
    db.run("ROLLBACK PREPARED 'old'")
    assert check("old_transactions", old_age="0")[0] == "OK"


def health_reports_large_logs():
    assert check("change_logs")[0] == "OK"
    severity, detail = check("change_logs", large_log=0)
    assert severity == "WARN" and detail.startswith("near or over pg_trickle.max_log_size, see ") and "public.source (" in detail, detail


def health_reports_slots_that_retain_wal():
    db.run("SELECT pg_create_physical_replication_slot('operators', true); INSERT INTO source VALUES (5, 5)")
    severity, detail = check("wal", much_wal=0)
    assert severity == "WARN" and "operators (" in detail, detail
    assert check("wal") == ("OK", "no replication slot retains more than 1 GB of WAL")
    db.run("SELECT pg_drop_replication_slot('operators')")


def settings_of_the_database_reach_its_manager():
    """The manager keeps the settings with which it started, and another one takes its place, also if they change while it
    starts."""
    db.run("SET pg_trickle.enabled = off")
    for turn in range(5):
        before = db.await_manager()
        db.admin(f"ALTER DATABASE {db.name} SET pg_trickle.enabled = off")
        db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {before}", 0)
        db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager' AND datname = current_database()", 1)
        db.run(f"ALTER DATABASE {db.name} RESET pg_trickle.enabled; INSERT INTO source VALUES ({70 + turn}, 7)")
        db.wait_for(f"SELECT count(*) FROM below WHERE id = {70 + turn}", 1)
    db.run("DELETE FROM source WHERE id BETWEEN 70 AND 74; RESET ALL")


def a_manager_that_is_off_is_named():
    """To a session that has been connected since before."""
    before = db.await_manager()
    db.admin(f"ALTER DATABASE {db.name} SET pg_trickle.enabled = off")
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {before}", 0)
    db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager' AND datname = current_database()", 1)
    db.run("INSERT INTO source VALUES (75, 7); SET client_min_messages = warning; SET pg_trickle.max_staleness = 0")
    deadline, notice = time.monotonic() + 30, ""
    while "DETAIL:  pg_trickle.enabled is off for the manager of this database." not in notice:  # the new manager may still begin
        assert time.monotonic() < deadline, notice
        db.session.notices.clear()
        db.run("SELECT * FROM below")
        notice = "".join(db.session.notices)
    db.run(f"ALTER DATABASE {db.name} RESET pg_trickle.enabled; RESET ALL")
    db.wait_for("SELECT count(*) FROM below WHERE id = 75", 1)
    db.run("DELETE FROM source WHERE id = 75")


def a_failing_one_says_how_to_see_why():
    db.run("SELECT pgtrickle.create_stream_table('\"Odd one\"', 'SELECT 1 / n AS q FROM source', '520w', 'DIFFERENTIAL')")
    db.run("INSERT INTO source VALUES (8, 0)")
    db.session.notices.clear()
    db.run("SET client_min_messages = warning; SET pg_trickle.max_staleness = 0; SELECT * FROM \"Odd one\"")
    notice = "".join(db.session.notices)
    assert "DETAIL:  Its last refresh failed." in notice, notice
    assert "HINT:  See pgtrickle.get_refresh_history('public.\"Odd one\"') for the error." in notice, notice
    db.run("RESET ALL; DROP FOREIGN TABLE \"Odd one\"; DELETE FROM source WHERE n = 0")


def a_dependent_of_a_failing_one_names_it():
    db.run("SELECT pgtrickle.create_stream_table('failing', 'SELECT id, 1 / n AS q FROM source', '520w', 'DIFFERENTIAL')")
    db.run("SELECT pgtrickle.create_stream_table('between', 'SELECT id, q FROM failing', '520w', 'DIFFERENTIAL')")
    db.run("SELECT pgtrickle.create_stream_table('reading', 'SELECT count(q) AS n FROM between', '520w', 'DIFFERENTIAL')")
    db.run("INSERT INTO source VALUES (8, 0)")
    for _ in range(2):  # the refresh fails; the failure is known
        db.session.notices.clear()
        db.run("SET client_min_messages = warning; SET pg_trickle.max_staleness = 0; SELECT * FROM reading")
        notice = "".join(db.session.notices)
        assert "DETAIL:  It reads public.failing, whose last refresh failed." in notice, notice
        assert "HINT:  See pgtrickle.get_refresh_history('public.failing') for the error." in notice, notice
    db.run("RESET ALL; DROP FOREIGN TABLE failing CASCADE; DELETE FROM source WHERE n = 0")


def a_sibling_of_a_failing_one_names_it():
    db.run("SELECT pgtrickle.create_stream_table('sibling', 'SELECT id, n FROM source', '520w', 'DIFFERENTIAL')")
    db.run("SELECT pgtrickle.create_stream_table('failing', 'SELECT id, 1 / n AS q FROM source', '520w', 'DIFFERENTIAL')")
    db.run("SELECT pgtrickle.create_stream_table('apex', 'SELECT n, q FROM sibling JOIN failing USING (id)', '520w', 'DIFFERENTIAL')")
    db.run("SELECT pgtrickle.create_stream_table('over_apex', 'SELECT count(q) AS n FROM apex', '520w', 'DIFFERENTIAL')")
    db.run("GRANT SELECT ON sibling TO operators_reader")
    db.run("INSERT INTO source VALUES (8, 0)")
    for read in "sibling", "sibling", "over_apex":
        db.session.notices.clear()
        db.run(f"SET client_min_messages = warning; SET pg_trickle.max_staleness = 0; SELECT * FROM {read}")
        notice = "".join(db.session.notices)
        by = "It is not refreshed without" if read == "sibling" else "It reads"
        assert f"DETAIL:  {by} public.failing, whose last refresh failed." in notice, notice
        assert "HINT:  See pgtrickle.get_refresh_history('public.failing') for the error." in notice, notice
    db.session.notices.clear()
    db.run("SET ROLE operators_reader; SELECT * FROM sibling; RESET ROLE")
    notice = "".join(db.session.notices)
    assert "DETAIL:  It cannot be refreshed at present." in notice and "failing" not in notice, notice
    db.run("RESET ALL; DROP FOREIGN TABLE failing CASCADE; DROP FOREIGN TABLE sibling; DELETE FROM source WHERE n = 0")


def sources_with_pending_trigger_events_are_named():
    db.run("CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES child DEFERRABLE INITIALLY DEFERRED)")
    other = db.connect()
    other.autocommit = False
    cursor = other.cursor()
    cursor.execute("INSERT INTO child VALUES (1, 1)")
    try:
        cursor.execute("SELECT pgtrickle.create_stream_table('of_child', 'SELECT id FROM child', '1s', 'DIFFERENTIAL')")
        raise AssertionError("it was created")
    except psycopg2.Error as error:
        assert 'cannot capture changes of "child" because it has pending trigger events' in str(error), error
    other.close()
    db.run("DROP TABLE child")


def a_suspended_one_says_how_to_see_why_and_to_resume():
    db.run("SELECT pgtrickle.alter_stream_table('below', status => 'SUSPENDED'); INSERT INTO source VALUES (6, 6)")
    db.session.notices.clear()
    db.run("SET client_min_messages = warning; SET pg_trickle.max_staleness = 0; SELECT * FROM below")
    notice = "".join(db.session.notices)
    assert "DETAIL:  It is suspended." in notice, notice
    assert "HINT:  It was suspended manually; call pgtrickle.resume_stream_table('public.below') to resume it." in notice, notice
    # After a suspension by failures the hint is different.
    db.run("SELECT pgtrickle.resume_stream_table('below')")
    db.run("SELECT pgtrickle.alter_stream_table('below', query => 'SELECT id, 6 / n AS n FROM source')")
    db.run("INSERT INTO source VALUES (9, 0)")
    db.wait_for("SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'below'", "SUSPENDED")
    db.session.notices.clear()
    db.run("SELECT * FROM below")
    notice = "".join(db.session.notices)
    assert "HINT:  See pgtrickle.get_refresh_history('public.below') for the error. Remove its cause, then call " \
           "pgtrickle.resume_stream_table('public.below')." in notice, notice
    db.run("DELETE FROM source WHERE n = 0; RESET ALL")


def an_upgrade_warns_of_held_and_suspended_ones():
    db.run("CREATE TABLE other (n int)")
    for number in range(1, 11):
        db.run(f"SELECT pgtrickle.create_stream_table('other{number:02}', 'SELECT n FROM other', '520w')")
    db.run("CREATE SCHEMA \"Odd\"; SELECT pgtrickle.create_stream_table('\"Odd\".\"It''s\"', 'SELECT 1 AS n', '520w')")
    db.run("SELECT pgtrickle.pause_scheduler(ARRAY['\"Odd\".\"It''s\"'])")
    db.session.notices.clear()
    db.run("SET client_min_messages = warning; BEGIN; SELECT pgtrickle.prepare_upgrade(); ROLLBACK")
    notice = "".join(db.session.notices)
    assert "WARNING:  suspended or held stream tables will have no rows after the upgrade" in notice, notice
    assert 'DETAIL:  They are: "Odd"."It\'s" (paused), public.below (suspended).\n' in notice, notice
    db.run("SELECT pgtrickle.gate_source('other')")
    db.session.notices.clear()
    assert db.value("SELECT pgtrickle.prepare_upgrade()") == 13
    notice = "".join(db.session.notices)
    assert 'public.other08 (gated) and 2 more.\n' in notice, notice
    db.run("SELECT pgtrickle.finish_upgrade()")
    db.run("SELECT pgtrickle.ungate_source('other'); SELECT pgtrickle.resume_stream_table('below'); "
           "SELECT pgtrickle.resume_scheduler(ARRAY['\"Odd\".\"It''s\"'])")
    db.session.notices.clear()
    db.run("SELECT pgtrickle.prepare_upgrade()")
    assert db.session.notices == [], db.session.notices
    db.run("SELECT pgtrickle.finish_upgrade()")


def finish():
    db.run("DROP OWNED BY operators_reader; DROP ROLE operators_reader")
    db.drop()


def in_a_new_session(case):
    """A case that has failed leaves no setting to the next one."""
    @functools.wraps(case)
    def run():
        db.session.close()
        db.session = db.connect()
        case()
    return run


run_cases([in_a_new_session(case) for case in (
           prepare, a_lock_on_a_source_is_named_with_its_holder, a_transaction_that_a_refresh_waits_for_is_named,
           a_reader_is_named_who_delays_a_new_setup,
           no_process_of_the_extension_is_named, health_reports_locks_that_delay_refreshes,
           health_reports_old_transactions, health_reports_large_logs, health_reports_slots_that_retain_wal,
           settings_of_the_database_reach_its_manager, a_manager_that_is_off_is_named, a_failing_one_says_how_to_see_why,
           a_dependent_of_a_failing_one_names_it, a_sibling_of_a_failing_one_names_it, sources_with_pending_trigger_events_are_named,
           a_suspended_one_says_how_to_see_why_and_to_resume, an_upgrade_warns_of_held_and_suspended_ones, finish)])
