#!/usr/bin/python3 -B
"""Shows what reads on a standby return: rows as fresh as the schedule says, without a message, as long as the primary
refreshes; otherwise the answer of the query itself. Those of mode IMMEDIATE are right as they are stored, and go on so once
the standby is promoted."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import TOP, Database, Server, execute_in_thread  # noqa: E402: needs the path above
from database import run_cases  # noqa: E402

server = Server()
db = Database(server.host)
QUERY = "SELECT count(*) AS n FROM item"
OF_PARTS = "SELECT id, v FROM part WHERE v % 2 = 0"
BY_GROUP = "SELECT k, count(*) AS n, sum(v) AS total FROM part GROUP BY k"
ABOVE = "SELECT max(total) AS most FROM by_group"


class Standby:
    def __init__(self):
        self.environment = dict(os.environ, SCRATCH=os.environ["SCRATCH"] + ".standby")
        self.folder = Path(self.environment["SCRATCH"])
        self.call("share", os.environ["SCRATCH"])
        data = self.folder / "data"
        subprocess.run([shutil.which("pg_basebackup"), "-h", server.host, "-U", "postgres", "-D", data, "-c", "fast", "-R",
                        "-X", "stream"], check=True)
        if os.geteuid() == 0:
            owner = (server.folder / "data").stat()
            for path in (data, *data.rglob("*")):
                os.chown(path, owner.st_uid, owner.st_gid)
        self.call("start", f"unix_socket_directories={self.folder}/socket", "hot_standby=on")

    def call(self, *arguments):
        subprocess.run([TOP / "tests/scratch", *arguments], env=self.environment, check=True, cwd=TOP)

    def connect(self, *settings):
        session = psycopg2.connect(host=str(self.folder / "socket"), user="postgres", dbname=db.name)
        session.autocommit = True
        for setting in settings:
            session.cursor().execute("SET " + setting)
        return session


def value(session, statement):
    cursor = session.cursor()
    cursor.execute(statement)
    return cursor.fetchone()[0]


def wait_until_replayed(session):
    """Waits until the standby sees all rows of the source."""
    deadline, wanted = time.monotonic() + 30, db.value("SELECT count(*) FROM item")
    while value(session, "SELECT count(*) FROM item") != wanted:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def a_refresh_that_is_due_is_waited_for():
    """The manager is stopped before the end of an interval, and continues when the reader waits."""
    session, is_over, errors = standby.connect("pg_trickle.on_stale = error", "pg_trickle.scan_refresh_timeout = '20s'"), False, []

    def read():
        try:
            while not is_over:
                value(session, "SELECT n FROM by_schedule")
        except psycopg2.Error as error:
            errors.append(str(error))

    manager = db.manager_pid()
    os.kill(manager, signal.SIGSTOP)
    try:
        db.wait_for("SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker' AND state = 'active'", 0)
        db.run("INSERT INTO item DEFAULT VALUES")  # otherwise the rows stay as old as they are
        db.run("SELECT pgtrickle.refresh_stream_table('by_schedule')")
        wait_until_replayed_refresh(session)
        db.run("INSERT INTO item DEFAULT VALUES")
        watcher = standby.connect()
        wait_until_replayed(watcher)
        reader = threading.Thread(target=read)
        reader.start()
        deadline = time.monotonic() + 30
        while value(watcher, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'Extension' "
                    f"AND pid = {session.info.backend_pid}") == 0 and not errors:
            assert time.monotonic() < deadline, "nothing waits"
            time.sleep(0.02)
    finally:
        os.kill(manager, signal.SIGCONT)
        is_over = True
    reader.join(30)
    assert not errors, errors
    assert value(session, "SELECT n FROM by_schedule") == value(session, "SELECT count(*) FROM item")


def wait_until_replayed_refresh(session):
    deadline = time.monotonic() + 30
    refreshed_at = "SELECT data_timestamp FROM pgtrickle.pgt_state WHERE relid = 'by_schedule'::regclass"
    wanted = db.value(refreshed_at)
    while value(session, refreshed_at) < wanted:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def nothing_is_old_without_a_change():
    """The rows are those of the first fill, of which one is older than its schedule by now."""
    session = standby.connect()
    db.run("CREATE TABLE still (id int); INSERT INTO still VALUES (1); SELECT pgtrickle.create_stream_table('unchanged', 'SELECT id FROM still', '1s')")
    db.wait_for("SELECT now() - data_timestamp > interval '2s' FROM pgtrickle.pgt_state WHERE relid = 'unchanged'::regclass", True)
    deadline = time.monotonic() + 30
    while not value(session, "SELECT count(*) FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'unchanged' AND is_populated"):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert value(session, "SELECT pgtrickle.get_staleness('unchanged')") == 0
    session.close()


def what_may_not_be_stale_is_read_exactly():
    """By the defining query, by touched values of a key, and through another stream table."""
    session = standby.connect("pg_trickle.on_stale = error", "pg_trickle.max_staleness = 0")
    for level in ("READ COMMITTED", "REPEATABLE READ", "REPEATABLE READ READ ONLY"):
        db.run("INSERT INTO item DEFAULT VALUES; UPDATE part SET v = v + 1 WHERE id % 3 = 0; DELETE FROM part WHERE id = (SELECT min(id) FROM part)")
        wait_until_replayed(session)
        session.cursor().execute("BEGIN ISOLATION LEVEL " + level)
        for name, query in (("by_request", QUERY), ("by_key", OF_PARTS), ("by_group", BY_GROUP), ("above", ABOVE)):
            both = f"(TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})"
            assert value(session, f"SELECT count(*) FROM ({both}) d") == 0, (name, level)
        assert value(session, "SELECT count(*) FROM pg_locks JOIN pg_class c ON c.oid = relation WHERE pid = pg_backend_pid() "
                     "AND relnamespace = 'pg_trickle_log'::regnamespace") == 0, level
        session.cursor().execute("COMMIT")
    assert not session.notices, session.notices
    session.close()


def rows_of_an_unlogged_source_are_read_as_far_as_the_log_gives_them():
    """The standby has the log, but not the rows of the source, nor its sentinel."""
    read = {"stored": "SELECT count(*) FROM fleeting_rows WHERE id = 3", "merged": "SELECT sum(n) FROM fleeting_groups",
            "computed": "SELECT count(*) FROM fleeting_rows"}
    session = standby.connect("pg_trickle.read_mode = exact")
    assert [value(session, read[name]) for name in read] == [1, 5, 5]
    db.run("INSERT INTO fleeting VALUES (6)")
    deadline = time.monotonic() + 30
    while value(session, read["merged"]) != 6:
        assert time.monotonic() < deadline
    assert value(session, read["stored"]) == 1
    try:
        value(session, read["computed"])
        raise AssertionError("the source was read")
    except psycopg2.Error as error:
        assert "cannot access temporary or unlogged relations during recovery" in str(error), error
    session.close()


def a_refresh_that_does_not_come_is_waited_for_until_the_timeout():
    session = standby.connect("pg_trickle.on_stale = error", "pg_trickle.scan_refresh_timeout = '1s'")
    manager = db.manager_pid()
    db.run("SELECT pgtrickle.refresh_stream_table('by_schedule')")
    os.kill(manager, signal.SIGSTOP)
    try:
        db.run("INSERT INTO item DEFAULT VALUES")
        wait_until_replayed(session)
        wait_until_replayed_refresh(session)
        count, deadline = value(session, "SELECT count(*) FROM item"), time.monotonic() + 30
        while value(session, "SELECT n FROM by_schedule") != count:
            assert time.monotonic() < deadline
        took_s = []
        for _ in range(5):
            started = time.monotonic()
            assert value(session, "SELECT n FROM by_schedule") == count
            took_s.append(time.monotonic() - started)
        assert min(took_s) < 1, "each read waited"
    finally:
        os.kill(manager, signal.SIGCONT)


def wait_until_fresh_waits_for_what_has_been_replayed():
    session = standby.connect()
    db.run("INSERT INTO item DEFAULT VALUES")
    wait_until_replayed(session)
    assert value(session, "SELECT pgtrickle.wait_until_fresh('by_request', '200ms')") is False
    assert "has not replayed a later refresh" in session.notices[-1], session.notices
    found = []
    waiter = threading.Thread(target=lambda: found.append(value(session, "SELECT pgtrickle.wait_until_fresh('by_request', '30s')")))
    waiter.start()
    db.run("SELECT pgtrickle.refresh_stream_table('by_request')")
    waiter.join(40)
    assert found == [True], found
    # An error that a block of PL/pgSQL catches ends nothing but the block.
    session.cursor().execute("DO $$ BEGIN BEGIN PERFORM pgtrickle.wait_until_fresh('by_request', '30s'), 1 / 0; EXCEPTION WHEN division_by_zero THEN NULL; END; "
                             "PERFORM pgtrickle.wait_until_fresh('by_request', '30s'); END $$")
    db.run("INSERT INTO item DEFAULT VALUES")
    wait_until_replayed(session)
    session.cursor().execute("BEGIN")
    assert value(session, "SELECT pgtrickle.wait_until_fresh('by_request', '200ms')") is False
    assert value(session, "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation::regclass::text LIKE 'pg_trickle_log%'") == 0
    session.cursor().execute("COMMIT")
    db.run("SELECT pgtrickle.refresh_stream_table('by_request')")
    begun = time.monotonic()
    for name in "by_request", "unchanged":
        assert value(session, f"SELECT pgtrickle.wait_until_fresh('{name}', '30s')") is True
    assert time.monotonic() - begun < 25
    session.close()


def a_log_that_was_emptied_after_the_snapshot_is_not_read():
    """The primary knows nothing of snapshots of its standbys."""
    db.run("CREATE TABLE long (id int, filling text); SELECT pgtrickle.create_stream_table('of_long', 'SELECT id, filling FROM long', '520w', 'DIFFERENTIAL')")
    db.run("INSERT INTO long SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 10000) i")
    session, watcher, deadline = standby.connect(), standby.connect(), time.monotonic() + 60
    while value(watcher, "SELECT count(*) FROM pg_class WHERE relname = 'of_long'") == 0 or value(watcher, "SELECT count(*) FROM long") != 10000:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    session.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL pg_trickle.read_mode = exact")
    assert value(session, "SELECT count(*) FROM long") == 10000
    db.run("SELECT pgtrickle.refresh_stream_table('of_long')")
    size = "SELECT sum(pg_relation_size(s)) FROM pgtrickle.pgt_source, unnest(segments) s WHERE relid = 'long'::regclass"
    while value(watcher, size) > 0:
        assert time.monotonic() < deadline
        db.run("INSERT INTO item DEFAULT VALUES")
        time.sleep(0.1)
    try:
        assert value(session, "SELECT count(*) FROM of_long") == 10000
    except psycopg2.errors.SerializationFailure as error:
        assert "was trimmed after the snapshot was taken" in str(error) or "recovery" in str(error), error
    session.close()
    watcher.close()


def a_partition_that_was_attached_after_the_snapshot_has_no_rows():
    """Its transaction ran when the snapshot was taken: a standby's snapshot lists it apart from those of a primary."""
    db.run("CREATE TABLE tree (k int) PARTITION BY LIST (k); CREATE TABLE tree_1 PARTITION OF tree FOR VALUES IN (1)")
    db.run("CREATE TABLE tree_9 (k int); INSERT INTO tree_9 SELECT 9 FROM generate_series(1, 5)")
    db.run("SELECT pgtrickle.create_stream_table('of_tree', 'SELECT count(*) AS n FROM tree', '520w', 'DIFFERENTIAL')")
    other, session = db.connect(), standby.connect("pg_trickle.read_mode = exact")
    other.cursor().execute("BEGIN; ALTER TABLE tree ATTACH PARTITION tree_9 FOR VALUES IN (9)")
    db.run("INSERT INTO tree VALUES (1)")
    deadline = time.monotonic() + 30
    while value(session, "SELECT count(*) FROM pg_class WHERE relname = 'of_tree'") == 0 or value(session, "SELECT count(*) FROM tree_1") == 0:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    session.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    assert value(session, "SELECT n FROM of_tree") == 1
    other.cursor().execute("COMMIT")
    watcher = standby.connect()
    while value(watcher, "SELECT count(*) FROM pg_inherits WHERE inhrelid = 'tree_9'::regclass") == 0:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    try:
        assert value(session, "SELECT n FROM of_tree") == 1
    except psycopg2.errors.SerializationFailure:
        pass
    for one in session, watcher, other:
        one.close()


def passed_s(seconds):
    db.wait_for(f"SELECT clock_timestamp() > '{db.value('SELECT clock_timestamp()')}'::timestamptz + interval '{seconds} s'", True)


def execute_beside(session, statement, waits_for, meanwhile):
    """Executes a statement, and calls a function while the statement waits for an event of that name."""
    watcher, errors, deadline = standby.connect(), [], time.monotonic() + 30
    thread = execute_in_thread(session, statement, errors)
    while value(watcher, f"SELECT count(*) FROM pg_stat_activity WHERE pid = {session.info.backend_pid} AND wait_event = '{waits_for}'") == 0:
        assert time.monotonic() < deadline and not errors, errors or "nothing waits"
        time.sleep(0.02)
    meanwhile(watcher)
    thread.join()
    assert not errors, errors
    watcher.close()


def n_in_a_block(settings, before, meanwhile):
    """Returns what a block of DO reads, after it has waited, of a stream table that may be weeks old, and its warnings."""
    session, holder = standby.connect("statement_timeout = '60s'", *settings), standby.connect()
    holder.cursor().execute("SELECT pg_advisory_lock(5)")
    db.run("SELECT pgtrickle.refresh_stream_table('by_request')")
    before(holder)

    def release(watcher):
        meanwhile(watcher)
        holder.cursor().execute("SELECT pg_advisory_unlock(5)")

    # Replay waits for snapshots that are in use.
    execute_beside(session, "DO $$ BEGIN WHILE NOT pg_try_advisory_lock_shared(5) LOOP COMMIT; PERFORM pg_sleep(0.02); END LOOP; "
                   "PERFORM set_config('test.n', n::text, false) FROM by_request; END $$", "PgSleep", release)
    found, warnings = int(value(session, "SELECT current_setting('test.n')")), list(session.notices)
    session.close()
    holder.close()
    return found, warnings


def change(watcher):
    db.run("INSERT INTO item DEFAULT VALUES")
    wait_until_replayed(watcher)


def rows_that_are_young_enough_are_read_at_once():
    """They are younger than the message of the client, which has waited itself."""
    def refresh_and_change(watcher):
        passed_s(1.5)
        db.run("INSERT INTO item DEFAULT VALUES; SELECT pgtrickle.refresh_stream_table('by_request')")
        change(watcher)

    _, warnings = n_in_a_block(["pg_trickle.on_stale = error"], lambda _: None, refresh_and_change)
    assert not warnings, warnings


def rows_that_have_become_too_old_in_a_block_are_read_exactly():
    found, warnings = n_in_a_block(["pg_trickle.max_staleness = '2s'"], change, lambda _: passed_s(2.5))
    assert warnings or found == db.value("SELECT count(*) FROM item"), (found, warnings)


def statements_under_one_snapshot_do_not_go_back():
    """The first one of an expression waits for a refresh of the primary, and so gets a newer snapshot."""
    db.run("CREATE TABLE plain (id int); SELECT pgtrickle.create_stream_table('of_plain', 'SELECT count(*) AS n FROM plain', '520w')")
    for name, setting in (("one", ""), ("exact", "SET pg_trickle.read_mode = exact")):
        db.run(f"CREATE FUNCTION {name}(statement text) RETURNS int STABLE LANGUAGE plpgsql {setting} AS 'DECLARE n int; BEGIN EXECUTE statement INTO n; RETURN n; END'")
    session, manager = standby.connect("pg_trickle.scan_refresh_timeout = '30s'"), db.manager_pid()
    db.wait_for("SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker' AND state = 'active'", 0)
    os.kill(manager, signal.SIGSTOP)
    try:
        db.run("INSERT INTO item DEFAULT VALUES; SELECT pgtrickle.refresh_stream_table('by_schedule')")
        wait_until_replayed_refresh(session)
        change(session)
        passed_s(2)

        def refresh(watcher):
            db.run("INSERT INTO plain VALUES (1)")
            change(watcher)
            db.run("SELECT pgtrickle.refresh_stream_table('by_schedule')")

        execute_beside(session, "DO $$ DECLARE a int[]; BEGIN a := ARRAY[one('SELECT n FROM by_schedule'), one('SELECT count(*) FROM plain'), exact('SELECT n FROM of_plain')]; "
                       "PERFORM set_config('test.a', a::text, false); END $$", "Extension", refresh)
    finally:
        os.kill(manager, signal.SIGCONT)
    found = value(session, "SELECT current_setting('test.a')")
    assert found == f"{{{db.value('SELECT count(*) FROM item')},1,1}}", found
    session.close()


def wrong_at_commit(session):
    both = f"(TABLE at_commit EXCEPT ALL ({BY_GROUP})) UNION ALL (({BY_GROUP}) EXCEPT ALL TABLE at_commit)"
    return value(session, f"SELECT count(*) FROM ({both}) d")


def change_parts(session):
    """Returns whether the changes were left to the manager."""
    cursor = session.cursor()
    session.notices.clear()
    cursor.execute("UPDATE part SET v = v + 1, k = (k + 1) % 9 WHERE id % 5 = 0; DELETE FROM part WHERE id = (SELECT min(id) FROM part);"
                   "INSERT INTO part SELECT max(id) + 1, 1, 1 FROM part")
    return any("left to the manager" in notice for notice in session.notices)


def mode_immediate_is_right_as_it_is_stored():
    """At each moment, in all isolations; what a commit has left to the manager does not count."""
    db.run("SELECT pgtrickle.create_stream_table('at_commit', %s, refresh_mode => 'IMMEDIATE')", BY_GROUP)
    writer, session, wrong, deadline = db.connect(), standby.connect("pg_trickle.enabled = off"), 0, time.monotonic() + 30
    while not value(session, "SELECT count(*) FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'at_commit' AND is_populated"):
        assert time.monotonic() < deadline
    writer.cursor().execute("SET client_min_messages = debug1")
    is_over, left = threading.Event(), []

    def write():
        while not is_over.is_set():
            left.append(change_parts(writer))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        reads, deadline = 0, time.monotonic() + 120
        while reads < 150 or len(left) <= 20:
            session.cursor().execute("BEGIN ISOLATION LEVEL " + ("READ COMMITTED", "REPEATABLE READ", "REPEATABLE READ READ ONLY")[reads % 3])
            wrong += wrong_at_commit(session)
            session.cursor().execute("COMMIT")
            reads += 1
            assert time.monotonic() < deadline, f"{reads} reads, {len(left)} transactions"
    finally:
        is_over.set()
        thread.join()
    assert wrong == 0 or any(left), f"{wrong} wrong rows"
    writer.close()
    session.close()


def a_promoted_standby_goes_on():
    """Its manager applies what the first commits leave to it, without a reader; later ones apply their own changes."""
    session = standby.connect("pg_trickle.enabled = off", "client_min_messages = debug1")
    wanted = db.value("SELECT sum(v) + count(*) FROM part")
    deadline = time.monotonic() + 30
    # The last commits may have left something to the manager of the primary.
    while value(session, "SELECT sum(v) + count(*) FROM part") != wanted or wrong_at_commit(session) != 0:
        assert time.monotonic() < deadline
    server.call("stop")
    assert value(session, "SELECT pg_promote(true, 60)")
    assert wrong_at_commit(session) == 0
    other = standby.connect("pg_trickle.on_stale = error", "pg_trickle.consistent_reads = on", "pg_trickle.scan_refresh_timeout = '60s'")
    for _ in range(10):
        change_parts(other)
        assert wrong_at_commit(other) == 0
    deadline = time.monotonic() + 60
    while change_parts(other) or wrong_at_commit(session) != 0:
        assert time.monotonic() < deadline
    change_parts(session)  # leaves it to the manager
    while wrong_at_commit(session) != 0:
        assert time.monotonic() < deadline + 30
        time.sleep(0.02)
    for one in session, other:
        one.close()


try:
    db.run("CREATE TABLE item (id serial)")
    db.run("SELECT pgtrickle.create_stream_table('by_schedule', %s, '2s')", QUERY)
    db.run("CREATE TABLE part (id int PRIMARY KEY, k int, v int); INSERT INTO part SELECT i, i % 9, i FROM generate_series(1, 90) i")
    for name, query in (("by_request", QUERY), ("by_key", OF_PARTS), ("by_group", BY_GROUP), ("above", ABOVE)):
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", name, query)
    db.run("CREATE UNLOGGED TABLE fleeting (id int); INSERT INTO fleeting SELECT i FROM generate_series(1, 5) i")
    db.run("SELECT pgtrickle.create_stream_table('fleeting_rows', 'SELECT id FROM fleeting', '520w')")
    db.run("SELECT pgtrickle.create_stream_table('fleeting_groups', 'SELECT id % 2 AS k, count(*) AS n FROM fleeting GROUP BY 1', '520w')")
    db.wait_for("SELECT count(*)::int FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager' AND datname = current_database()", 1)
    standby = Standby()
    try:
        run_cases([a_refresh_that_is_due_is_waited_for, nothing_is_old_without_a_change, what_may_not_be_stale_is_read_exactly,
                   rows_of_an_unlogged_source_are_read_as_far_as_the_log_gives_them,
                   a_refresh_that_does_not_come_is_waited_for_until_the_timeout, wait_until_fresh_waits_for_what_has_been_replayed,
                   a_log_that_was_emptied_after_the_snapshot_is_not_read, a_partition_that_was_attached_after_the_snapshot_has_no_rows,
                   rows_that_are_young_enough_are_read_at_once, rows_that_have_become_too_old_in_a_block_are_read_exactly,
                   statements_under_one_snapshot_do_not_go_back,
                   mode_immediate_is_right_as_it_is_stored, a_promoted_standby_goes_on])
    finally:
        standby.call("destroy")
finally:
    server.destroy()
