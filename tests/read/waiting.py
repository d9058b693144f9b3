#!/usr/bin/python3 -B
"""Shows that a reader's wait for a refresh ends: at once, if a session in which nothing runs prevents the refresh;
otherwise with the refresh, by a cancel request, by a timeout, or although the manager dies."""

import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

LONG_S = 60
db = Database()
db.run("CREATE TABLE item (id int)")
db.run("CREATE FOREIGN TABLE total (n bigint) SERVER pgtrickle OPTIONS (query 'SELECT count(*) FROM item', schedule '0s')")
db.run("CREATE FOREIGN TABLE doubled (n bigint) SERVER pgtrickle OPTIONS (query 'SELECT 2 * n FROM total', schedule '0s')")
db.run("CREATE TABLE far (id int)")
db.run("CREATE FOREIGN TABLE upstream (n bigint) SERVER pgtrickle OPTIONS (query 'SELECT count(*) FROM far', schedule '520w')")
db.run("CREATE FOREIGN TABLE downstream (n bigint) SERVER pgtrickle OPTIONS (query 'SELECT max(n) FROM upstream', schedule '520w')")
db.run("CREATE TABLE pair (k int PRIMARY KEY, v int); INSERT INTO pair SELECT i, i FROM generate_series(1, 9) i")
db.run("CREATE FOREIGN TABLE kept (k int, v int) SERVER pgtrickle OPTIONS (query 'SELECT k, v FROM pair', schedule '0s')")
EXACT = "SELECT t.n = count(*) AND d.n = 2 * t.n FROM item, total t, doubled d GROUP BY t.n, d.n"


class Reader(threading.Thread):
    """A read that may wait for a minute; its answer is whether it is exact, or the error's SQLSTATE."""

    def __init__(self, statement=EXACT, *settings):
        super().__init__()
        self.statement, self.answer, self.session = statement, None, db.connect()
        self.cursor = self.session.cursor()
        for setting in (f"pg_trickle.scan_refresh_timeout = '{LONG_S}s'", "pg_trickle.on_stale = error", *settings):
            self.cursor.execute("SET " + setting)
        self.started = time.monotonic()
        self.start()

    def run(self):
        try:
            self.cursor.execute(self.statement)
            self.answer = self.cursor.fetchall()[0][0]
        except psycopg2.Error as error:
            self.answer = error.pgcode

    def is_waiting(self):
        db.wait_for("SELECT wait_event_type || '/' || wait_event FROM pg_stat_activity "
                    f"WHERE pid = {self.session.info.backend_pid}", "Extension/Extension")

    def ends_with(self, *wanted):
        self.join(LONG_S / 2)
        assert self.answer in wanted, self.answer
        self.session.close()


class Holder:
    """A transaction that has read its own changes, and so has refreshed the stream tables."""

    def __init__(self):
        self.session = db.connect()
        self.run("BEGIN; INSERT INTO item VALUES (1); SELECT n FROM doubled")

    def run(self, statement):
        self.session.cursor().execute(statement)

    def end(self, statement="COMMIT"):
        self.run(statement)
        self.session.close()


class BusyHolder(Holder):
    """It waits for a lock of this script's session in the transaction, and then commits."""

    def __init__(self):
        super().__init__()
        db.run("SELECT pg_advisory_unlock_all(); SELECT pg_advisory_lock(1)")  # a case that failed has not unlocked it
        self.thread = threading.Thread(target=self.run, args=("SELECT pg_advisory_xact_lock(1); COMMIT",))
        self.thread.start()
        db.wait_for(f"SELECT wait_event FROM pg_stat_activity WHERE pid = {self.session.info.backend_pid}", "advisory")

    def end(self):
        db.run("SELECT pg_advisory_unlock(1)")
        self.thread.join()
        self.session.close()


def commit_a_change():
    db.run("INSERT INTO item VALUES (2)")


def an_idle_session_that_has_read_its_own_changes_delays_no_reader():
    holder = Holder()
    commit_a_change()
    for _ in range(3):
        Reader().ends_with(True)
    holder.end()
    Reader().ends_with(True)


def nor_does_one_that_has_locked_anything_else():
    """The refresh starts the capture of the source again, and waits for all that write to it."""
    for held_by in "idle", "prepared":
        db.run("DROP TABLE IF EXISTS broken CASCADE; CREATE TABLE broken (id int); SELECT pgtrickle.create_stream_table('mended', 'SELECT id FROM broken', '520w'); "
               "ALTER TABLE broken DISABLE TRIGGER ALL")
        holder = db.connect()
        holder.cursor().execute("BEGIN; INSERT INTO broken VALUES (1)" + (f"; PREPARE TRANSACTION '{db.name}'" if held_by == "prepared" else ""))
        db.run("INSERT INTO broken VALUES (2)")
        for _ in range(2):
            Reader("SELECT sum(id) FROM mended", "pg_trickle.max_staleness = 0").ends_with(2)
        if held_by == "prepared":
            db.run(f"COMMIT PREPARED '{db.name}'")
        else:
            holder.cursor().execute("COMMIT")
        Reader("SELECT sum(id) FROM mended", "pg_trickle.max_staleness = 0").ends_with(3)
        holder.close()


def but_one_that_excludes_readers_is_waited_for():
    db.run("DROP TABLE IF EXISTS locked CASCADE; CREATE TABLE locked (id int); SELECT pgtrickle.create_stream_table('behind', 'SELECT id FROM locked', '520w')")
    db.run("INSERT INTO locked VALUES (2)")
    holder = db.connect()
    holder.cursor().execute("BEGIN; INSERT INTO locked VALUES (1); LOCK TABLE locked")
    reader = Reader("SELECT sum(id) FROM behind", "pg_trickle.max_staleness = 0", "deadlock_timeout = '40ms'")
    db.run("SET pg_trickle.max_staleness = '1d'")
    db.wait_for("SELECT count(*) > 0 FROM pg_locks WHERE relation = 'locked'::regclass AND NOT granted", True)
    db.wait_for(f"SELECT clock_timestamp() > state_change + interval '1 s' FROM pg_stat_activity WHERE pid = {holder.info.backend_pid}", True)
    assert reader.is_alive(), reader.answer
    holder.cursor().execute("COMMIT")
    reader.ends_with(3)
    db.run("RESET pg_trickle.max_staleness")
    holder.close()


def nothing_is_said_if_nothing_is_missing():
    holder = Holder()
    Reader().ends_with(True)
    holder.end("ROLLBACK")


def neither_does_a_prepared_transaction():
    holder = Holder()
    holder.run(f"PREPARE TRANSACTION '{db.name}'")
    Reader().ends_with(True)
    commit_a_change()
    Reader().ends_with(True)
    holder.end(f"COMMIT PREPARED '{db.name}'")
    Reader().ends_with(True)


def a_session_that_works_is_waited_for():
    holder = BusyHolder()
    commit_a_change()
    reader = Reader()
    reader.is_waiting()
    holder.end()
    reader.ends_with(True)


def the_wait_can_be_cancelled():
    holder = BusyHolder()
    commit_a_change()
    cancelled, too_late, terminated = Reader(), Reader(EXACT, "statement_timeout = '300ms'"), Reader()
    cancelled.is_waiting()
    terminated.is_waiting()
    db.run(f"SELECT pg_cancel_backend({cancelled.session.info.backend_pid}), "
           f"pg_terminate_backend({terminated.session.info.backend_pid})")
    cancelled.ends_with("57014")
    too_late.ends_with("57014")
    terminated.ends_with("57P01", None)
    assert not terminated.is_alive()
    holder.end()
    Reader().ends_with(True)


def it_has_a_timeout():
    """Wherever the refresh is when the time is over: waiting for the lock, or about to be tried again."""
    holder = BusyHolder()
    commit_a_change()
    for limit_ms in range(60, 300, 8):
        Reader(EXACT, f"pg_trickle.scan_refresh_timeout = '{limit_ms}ms'").ends_with("55000")
    holder.end()


def its_hint_is_one_that_the_reader_can_follow():
    """Who may not refresh can read exactly."""
    role = db.name
    db.run(f"CREATE ROLE {role}; GRANT SELECT ON item, total, doubled TO {role}")
    holder = BusyHolder()
    commit_a_change()
    session = db.connect()
    cursor = session.cursor()
    cursor.execute(f"SET ROLE {role}; SET pg_trickle.scan_refresh_timeout = '200ms'; SET pg_trickle.on_stale = error")
    try:
        cursor.execute(EXACT)
        raise AssertionError("it does not fail")
    except psycopg2.errors.ObjectNotInPrerequisiteState as error:
        wanted = ("See pgtrickle.blocked_refreshes() for locks, and pg_stat_activity for refreshes that occupy the workers, "
                  "set pg_trickle.read_mode to exact, or try again.")
        assert error.diag.message_hint == wanted, error.diag.message_hint
    cursor.execute("SET pg_trickle.read_mode = exact; " + EXACT)
    assert cursor.fetchall() == [(True,)]
    session.close()
    holder.end()
    db.run(f"DROP OWNED BY {role}; DROP ROLE {role}")


def it_survives_the_death_of_the_manager():
    holder = BusyHolder()
    commit_a_change()
    reader = Reader()
    reader.is_waiting()
    before = db.manager_pid()
    db.run(f"SELECT pg_terminate_backend({before})")
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {before}", 0)
    holder.end()
    reader.ends_with(True)


def no_lock_of_the_reader_keeps_it_waiting():
    """Whatever the reader has locked, and a refresh for it would wait for, the read ends with the exact answer."""
    patient = ("pg_trickle.max_staleness = 0", "deadlock_timeout = '100ms'")
    hasty = ("pg_trickle.max_staleness = 0", "deadlock_timeout = '8s'", "pg_trickle.scan_refresh_timeout = '1s'")
    for statement in ("LOCK TABLE far", "ALTER FOREIGN TABLE upstream RENAME TO up; ALTER FOREIGN TABLE up RENAME TO upstream",
                      "ALTER FOREIGN TABLE downstream OWNER TO CURRENT_USER", "ALTER FOREIGN TABLE downstream ALTER n SET STATISTICS 10",
                      "LOCK TABLE far IN SHARE MODE", "TRUNCATE far", "ALTER TABLE far ADD COLUMN v int",
                      "CREATE INDEX ON upstream (n)", "CREATE INDEX ON downstream (n)",
                      "SELECT pgtrickle.refresh_stream_table('upstream')", "SELECT pgtrickle.refresh_stream_table('downstream')",
                      "ALTER FOREIGN TABLE upstream OPTIONS (SET schedule '519w')",
                      "ALTER FOREIGN TABLE downstream OPTIONS (SET schedule '519w')",
                      "CREATE FOREIGN TABLE another (n bigint) SERVER pgtrickle OPTIONS (query 'SELECT count(*) FROM upstream')",
                      "DROP FOREIGN TABLE downstream; SELECT pgtrickle.create_stream_table('downstream', 'SELECT max(n) AS n FROM upstream', '520w')",
                      "SELECT pgtrickle.pause_scheduler(ARRAY['downstream'])"):
        for settings in patient, hasty:
            db.run("INSERT INTO far VALUES (1)")
            reader = Reader(f"BEGIN; {statement}; SELECT d.n = count(*) FROM far, downstream d GROUP BY d.n "
                            "UNION ALL SELECT n = 0 FROM downstream WHERE NOT EXISTS (SELECT FROM far)", *settings)
            reader.join(LONG_S / 2)
            assert reader.answer is True, (statement, settings, reader.answer)
            reader.session.close()


def a_look_up_of_what_has_not_changed_does_not_wait():
    db.run("SELECT pgtrickle.gate_source('pair')")
    db.run("UPDATE pair SET v = -v WHERE k = 1")
    for statement, answer in (("SELECT v FROM kept WHERE k = 2", 2), ("SELECT count(*) FROM kept WHERE k IN (3, 4, 11)", 2),
                              ("SELECT v FROM kept WHERE k = 1", "55000"), ("SELECT count(*) FROM kept WHERE k IN (1, 2)", "55000"),
                              ("SELECT count(*) FROM kept", "55000"), ("SELECT count(*) FROM kept WHERE k > 1", "55000")):
        Reader(statement).ends_with(answer)
    db.run("SELECT pgtrickle.ungate_source('pair')")
    Reader("SELECT v FROM kept WHERE k = 1").ends_with(-1)


def and_keeps_no_lock_on_sources_and_logs():
    db.run("SELECT pgtrickle.alter_stream_table('kept', schedule => '520w')")  # the manager does not refresh it before the read
    locker, reader = db.connect(), db.connect().cursor()
    reader.execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.scan_refresh_timeout = '1s'; SET pg_trickle.on_stale = error")
    reader.execute("SELECT v FROM kept WHERE k = 2")
    db.run("UPDATE pair SET v = -v WHERE k = 1")
    reader.execute("BEGIN; SELECT v FROM kept WHERE k = 2")
    reader.execute("SELECT relation::regclass::text FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND "
                   "(relation IN ('pair'::regclass, 'pair_pkey'::regclass) OR relation::regclass::text LIKE '%.log%')")
    found = reader.fetchall()
    assert found == [], found
    reader.execute("COMMIT")
    db.run("UPDATE pair SET v = v + 1 WHERE k = 3")
    locker.cursor().execute("BEGIN; LOCK TABLE pair")
    try:
        reader.execute("SELECT v FROM kept WHERE k = 2")
        assert reader.fetchall() == [(2,)]
    except psycopg2.Error as error:  # a refresh has not been in time
        assert error.pgcode == "55000", error
    locker.close()
    db.run("SELECT pgtrickle.alter_stream_table('kept', schedule => '0s')")


def a_wait_for_what_is_dropped_meanwhile_fails():
    db.run("CREATE FOREIGN TABLE gone (n bigint) SERVER pgtrickle OPTIONS (query 'SELECT count(*) FROM far', schedule '520w')")
    db.run("SELECT pgtrickle.gate_source('far'); INSERT INTO far VALUES (1)")
    waiter = Reader(f"SELECT pgtrickle.wait_until_fresh('gone', '{LONG_S}s')")
    waiter.is_waiting()
    db.run("DROP FOREIGN TABLE gone; SELECT pgtrickle.ungate_source('far')")
    waiter.ends_with("42P01")


def a_storage_that_is_to_be_replaced_keeps_no_reader_waiting():
    """The rows have another key when the query of the upstream has changed. Replacing the storage needs a lock that every
    reader prevents: that is no deadlock of the reader's own making."""
    db.run("CREATE TABLE entry (k int PRIMARY KEY, v int); INSERT INTO entry SELECT i, i FROM generate_series(1, 9) i")
    db.run("SELECT pgtrickle.create_stream_table('entries', 'SELECT k, v FROM entry', '520w')")
    db.run("SELECT pgtrickle.create_stream_table('positive', 'SELECT k, v FROM entries WHERE v > 0', '520w')")
    prepared = db.connect().cursor()
    prepared.execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error; PREPARE read AS SELECT count(*) FROM positive")
    for n, query in enumerate(("SELECT k, v FROM entry UNION ALL SELECT v, k FROM entry WHERE v > 7", "SELECT k, v FROM entry",
                               "SELECT max(k) AS k, v FROM entry GROUP BY v", "SELECT k, v FROM entry")):
        prepared.execute("EXECUTE read")
        db.run("SELECT pgtrickle.alter_stream_table('entries', %s)", query)
        wanted = 11 if n == 0 else 9
        if n % 2 == 0:
            Reader("SELECT count(*) FROM positive", "pg_trickle.max_staleness = 0").ends_with(wanted, "55000")
        else:
            try:
                prepared.execute("EXECUTE read")
                assert prepared.fetchall() == [(wanted,)]
            except psycopg2.Error as error:
                assert error.pgcode == "55000", error
        db.run("SET pg_trickle.max_staleness = 0")
        db.wait_for("SELECT count(*) FROM positive", wanted)
        db.run("RESET pg_trickle.max_staleness")


try:
    run_cases([an_idle_session_that_has_read_its_own_changes_delays_no_reader, nor_does_one_that_has_locked_anything_else,
               but_one_that_excludes_readers_is_waited_for, nothing_is_said_if_nothing_is_missing,
               neither_does_a_prepared_transaction, a_session_that_works_is_waited_for, the_wait_can_be_cancelled,
               it_has_a_timeout,
               its_hint_is_one_that_the_reader_can_follow, it_survives_the_death_of_the_manager, no_lock_of_the_reader_keeps_it_waiting,
               a_look_up_of_what_has_not_changed_does_not_wait, and_keeps_no_lock_on_sources_and_logs,
               a_wait_for_what_is_dropped_meanwhile_fails, a_storage_that_is_to_be_replaced_keeps_no_reader_waiting])
finally:
    db.drop()
