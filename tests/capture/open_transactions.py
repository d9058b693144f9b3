#!/usr/bin/python3 -B
"""Shows what capture does beside transactions that stay open: nothing is lost for a stream table that is not committed yet; and
a transaction that waits for a tree of tables lets refreshes go on that only look at the tree. A DETACH that is refused writes to
no log."""

import sys
from contextlib import closing
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, execute_in_thread, run_cases  # noqa: E402: needs the path above

db = Database()


def opened(*statements):
    session = db.connect()
    for statement in statements:
        session.cursor().execute(statement)
    return session


def a_capture_that_begins_again_beside_an_uncommitted_creation():
    """The creation that is committed first has the source locked, and so begins the capture in its own session."""
    db.run("CREATE TABLE source (v int); INSERT INTO source VALUES (10)")
    query = "SELECT sum(v) AS total FROM source"
    with closing(opened("BEGIN", f"SELECT pgtrickle.create_stream_table('first', '{query}')")) as first:
        db.run("SELECT pgtrickle.stop_capture('source')")
        db.run("INSERT INTO source VALUES (100)")
        db.run("SELECT pgtrickle.allow_capture('source')")
        opened("BEGIN", "INSERT INTO source VALUES (1)", f"SELECT pgtrickle.create_stream_table('second', '{query}')", "COMMIT").close()
        first.cursor().execute("COMMIT")
    db.run("SELECT pgtrickle.refresh_stream_table('first'), pgtrickle.refresh_stream_table('second')")
    found = db.run("SELECT f.total, s.total FROM first f, second s")
    assert found == [(111, 111)], found


def wait_until(session, condition):
    db.wait_for(f"SELECT {condition} FROM pg_stat_activity WHERE pid = {session.info.backend_pid}", True)


def a_transaction_that_waits_for_a_tree_holds_up_no_commit():
    """A full refresh of the owner reads the tree, and ATTACH waits for it; the reader's stream table is refreshed at commit."""
    db.let_own_stream_tables("tree_analyst")
    db.run("""CREATE TABLE tree (k int, v int) PARTITION BY LIST (k); CREATE TABLE tree_1 PARTITION OF tree FOR VALUES IN (1);
        CREATE TABLE tree_2 (k int, v int); INSERT INTO tree_2 VALUES (2, 1); GRANT SELECT, TRIGGER, INSERT ON tree, tree_1, tree_2 TO tree_analyst;
        CREATE FUNCTION held(int) RETURNS int LANGUAGE plpgsql VOLATILE AS
          'BEGIN PERFORM pg_advisory_lock_shared(7), pg_advisory_unlock_shared(7); RETURN $1; END'""")
    db.run("SELECT pgtrickle.create_stream_table('of_owner', 'SELECT count(held(v)) AS n FROM tree', '520w', 'FULL')")
    db.as_role("tree_analyst", "SELECT pgtrickle.create_stream_table('of_analyst', 'SELECT count(*) AS n FROM tree', refresh_mode => 'IMMEDIATE')")
    db.run("INSERT INTO tree VALUES (1, 1)")
    errors, holder, refreshing, attaching, writing = [], opened("SELECT pg_advisory_lock(7)"), db.connect(), db.connect(), db.connect()
    threads = [execute_in_thread(refreshing, "SELECT pgtrickle.refresh_stream_table('of_owner')", errors)]
    wait_until(refreshing, "wait_event = 'advisory'")
    threads.append(execute_in_thread(attaching, "ALTER TABLE tree ATTACH PARTITION tree_2 FOR VALUES IN (2)", errors))
    wait_until(attaching, "wait_event_type = 'Lock'")
    try:
        writing.cursor().execute("SET statement_timeout = '20s'; SET ROLE tree_analyst")
        writing.cursor().execute("INSERT INTO tree VALUES (1, 2)")
    finally:
        holder.cursor().execute("SELECT pg_advisory_unlock(7)")
        for thread in threads:
            thread.join()
    assert not errors, errors
    db.run("SELECT pgtrickle.refresh_stream_table('of_owner')")
    db.wait_for("SELECT o.n - a.n FROM of_owner o, of_analyst a", 0)


def a_refused_detach_writes_to_no_log():
    db.run("CREATE TABLE whole (k int) PARTITION BY LIST (k); CREATE TABLE part PARTITION OF whole FOR VALUES IN (1)")
    db.run("SELECT pgtrickle.create_stream_table('of_whole', 'SELECT k FROM whole', '520w', 'DIFFERENTIAL')")
    segment = db.value("SELECT segments[current_segment + 1]::regclass FROM pgtrickle.pgt_source WHERE relid = 'whole'::regclass")
    holder, stranger = opened("BEGIN", f"LOCK TABLE {segment} IN SHARE MODE"), opened("SET lock_timeout = '5s'; SET ROLE tree_analyst")
    try:
        stranger.cursor().execute("ALTER TABLE whole DETACH PARTITION part CONCURRENTLY")
        raise AssertionError("it was not refused")
    except psycopg2.errors.InsufficientPrivilege:
        pass
    stranger.close()
    holder.close()


try:
    run_cases([a_capture_that_begins_again_beside_an_uncommitted_creation,
               a_transaction_that_waits_for_a_tree_holds_up_no_commit, a_refused_detach_writes_to_no_log])
finally:
    db.drop()
