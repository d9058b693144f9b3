#!/usr/bin/python3 -B
"""Shows what the commit of a writer does to stream tables of mode IMMEDIATE beside other transactions: it applies its
changes, or leaves them to the manager, soon, and without failing; reads are fresh in any case."""

import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

LIMIT_S = 20  # of a commit that does not wait for a transaction that stays open
ATTACHING_S = 5
db = Database()
db.let_own_stream_tables("commit_owner", "commit_writer")


def set_up(query="SELECT g, count(*) AS n, sum(60 / v) AS s FROM t GROUP BY g", owner="postgres"):
    db.run("DROP TABLE IF EXISTS t, u CASCADE; CREATE TABLE t (id int PRIMARY KEY, g int, v int); CREATE TABLE u (g int, w int);"
           "INSERT INTO t SELECT i, i % 3, i FROM generate_series(1, 9) i; INSERT INTO u VALUES (0, 1), (1, 2);"
           "GRANT ALL ON t, u TO commit_owner, commit_writer")
    db.run(f"SET ROLE {owner}")
    db.run(f"SELECT pgtrickle.create_stream_table('s', $${query}$$, refresh_mode => 'IMMEDIATE')")
    db.run("RESET ROLE")


def stored(name="s"):
    db.run("SET pg_trickle.enabled = off")
    rows = fresh(name)
    db.run("RESET pg_trickle.enabled")
    return rows


def fresh(name="s"):
    return db.run(f"SELECT * FROM {name} ORDER BY 1")


def answer(query):
    return db.run(query + " ORDER BY 1")


SUMS = "SELECT g, count(*), sum(60 / v) FROM t GROUP BY g"


def change_in_time():
    begun = time.monotonic()
    db.run("UPDATE t SET v = v + 1")
    assert time.monotonic() - begun < LIMIT_S


def waits_in_vain():
    """Returns whether the commit waits for a lock of the stream table, and does not get it."""
    with closing(db.connect()) as writer:
        writer.cursor().execute("SET client_min_messages = debug1")
        begun = time.monotonic()
        writer.cursor().execute("UPDATE t SET v = v + 1")
        assert time.monotonic() - begun < LIMIT_S
        return any("are left to the manager: could not lock stream table" in notice for notice in writer.notices)


def refreshes_by_others():
    return db.value("SELECT count(*) FROM pgtrickle.get_refresh_history('s') WHERE action = 'DIFFERENTIAL'")


def a_commit_applies_what_it_has_changed():
    set_up()
    for statement in ("INSERT INTO t VALUES (10, 0, 1)", "UPDATE t SET g = g + 1", "DELETE FROM t WHERE v < 4"):
        db.run(statement)
        assert stored() == answer(SUMS), statement
    assert refreshes_by_others() == 0


def an_open_transaction_that_has_refreshed_keeps_no_commit_waiting():
    set_up()
    with closing(db.connect()) as other:
        cursor = other.cursor()
        cursor.execute("BEGIN; SELECT pgtrickle.refresh_stream_table('s')")
        assert [waits_in_vain() for _ in range(3)] == [True, False, False]
        cursor.execute("COMMIT")
    assert fresh() == answer(SUMS)
    db.run("UPDATE t SET v = v + 1")
    assert stored() == answer(SUMS)


def a_prepared_transaction_keeps_no_commit_waiting():
    set_up()
    name = "of_" + db.name
    db.run("BEGIN; UPDATE t SET v = 50 WHERE id = 1")
    db.run(f"PREPARE TRANSACTION '{name}'")
    db.run("UPDATE t SET v = 60 WHERE id = 2")
    assert stored() == answer(SUMS)
    db.run(f"COMMIT PREPARED '{name}'")
    assert fresh() == answer(SUMS)


def a_truncating_transaction_and_a_commit_do_not_wait_for_each_other():
    set_up("SELECT g, sum(v) AS v, sum(w) AS w FROM t JOIN u USING (g) GROUP BY g")
    with closing(db.connect()) as other:
        cursor = other.cursor()
        cursor.execute("BEGIN; TRUNCATE u; INSERT INTO u VALUES (2, 5)")
        change_in_time()
        cursor.execute("COMMIT")
    assert fresh() == answer("SELECT g, sum(v), sum(w) FROM t JOIN u USING (g) GROUP BY g")


def writers_of_two_sources_meet():
    """Each has changed one source of a join and commits beside the other: their pair is there once. On a busy machine, one may
    take so long that the other leaves its changes to the manager, and says so."""
    set_up("SELECT t.id, t.v, u.w FROM t JOIN u USING (g)")
    first, second = db.connect().cursor(), db.connect().cursor()
    left = 0
    for cursor in (first, second):
        cursor.execute("SET client_min_messages = debug1")
    for i in range(20):
        first.execute(f"BEGIN; INSERT INTO t VALUES ({100 + i}, {100 + i}, {i})")
        second.execute(f"BEGIN; INSERT INTO u VALUES ({100 + i}, {i})")
        threads = [threading.Thread(target=cursor.execute, args=("COMMIT",)) for cursor in (first, second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        is_left = any("are left to the manager" in notice for cursor in (first, second) for notice in cursor.connection.notices)
        assert (fresh() if is_left else stored()) == answer("SELECT t.id, t.v, u.w FROM t JOIN u USING (g)"), i
        for cursor in (first, second):
            cursor.connection.notices.clear()
        left += is_left
    for cursor in (first, second):
        cursor.connection.close()
    assert left <= 10 and (left or refreshes_by_others() == 0), left


def code_of_the_owner_runs_at_no_commit():
    db.run("DROP TABLE IF EXISTS seen; CREATE TABLE seen (by text); GRANT ALL ON seen TO PUBLIC; SET ROLE commit_owner")
    db.run("""CREATE OR REPLACE FUNCTION noted(v int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
              BEGIN PERFORM set_config('commit.seen', pg_backend_pid()::text, false); RETURN v; END $$""")
    db.run("RESET ROLE")
    set_up("SELECT id, noted(v) AS v FROM t", "commit_owner")
    with closing(db.connect(user="commit_writer")) as writer:
        cursor = writer.cursor()
        cursor.execute("UPDATE t SET v = v + 1")
        cursor.execute("SELECT current_setting('commit.seen', true)")
        assert cursor.fetchone()[0] in (None, ""), "it ran"
    assert fresh() == answer("SELECT id, v FROM t")
    with closing(db.connect(user="commit_owner")) as writer:
        cursor = writer.cursor()
        cursor.execute("UPDATE t SET v = v + 1")
        cursor.execute("SELECT current_setting('commit.seen', true)")
        assert cursor.fetchone()[0] in (None, ""), "it ran at the owner's commit"
    assert fresh() == answer("SELECT id, v FROM t")


def a_failure_that_is_deferred_ends_with_its_cause():
    set_up()
    db.run("SET pg_trickle.on_error = defer")
    db.run("INSERT INTO t VALUES (40, 0, 0)")
    db.run("RESET pg_trickle.on_error")
    db.wait_for("SELECT status <> 'ACTIVE' FROM pgtrickle.pgt_status() WHERE name = 'public.s'", True)
    with closing(db.connect(user="commit_writer")) as writer:
        writer.cursor().execute("UPDATE t SET v = v + 1 WHERE id = 1")  # fails by what another one has changed
    db.run("DELETE FROM t WHERE id = 40")
    db.run("SELECT pgtrickle.resume_stream_table('s')")  # it may have been suspended
    assert fresh() == answer(SUMS)


def an_owner_without_privileges_keeps_no_writer_from_committing():
    set_up(owner="commit_owner")
    db.run("REVOKE ALL ON t FROM commit_owner")
    with closing(db.connect(user="commit_writer")) as writer:
        writer.cursor().execute("UPDATE t SET v = v + 1")
    db.run("GRANT ALL ON t TO commit_owner")
    db.wait_for("SELECT consecutive_errors FROM pgtrickle.pgt_status() WHERE name = 'public.s'", 0)
    with closing(db.connect(user="commit_writer")) as writer:
        writer.cursor().execute("UPDATE t SET v = v + 1")
    assert fresh() == answer(SUMS)


def an_owner_without_trigger_makes_no_writer_fail():
    """pg_trickle.capture_privilege = 'select' lets changes be captured for owners with SELECT only."""
    db.run(f"ALTER DATABASE {db.name} SET pg_trickle.capture_privilege = 'select'; SET pg_trickle.capture_privilege = 'select'")
    set_up(owner="commit_owner")
    db.run("REVOKE TRIGGER ON t FROM commit_owner")
    with closing(db.connect(user="commit_writer")) as writer:
        writer.cursor().execute("INSERT INTO t VALUES (40, 0, 0); DELETE FROM t WHERE id = 40")
        writer.cursor().execute("UPDATE t SET v = v + 1")
        writer.cursor().execute("INSERT INTO t VALUES (40, 0, 0)")
        writer.cursor().execute("DELETE FROM t WHERE id = 40")
    db.run("SELECT pgtrickle.resume_stream_table('s')")
    assert fresh() == answer(SUMS)
    db.run(f"ALTER DATABASE {db.name} RESET pg_trickle.capture_privilege; RESET pg_trickle.capture_privilege")


def a_time_limit_of_the_statement_counts_for_its_commit():
    set_up("SELECT id, v, (SELECT count(*) FROM generate_series(1, CASE v WHEN 77 THEN 2000000000 ELSE 1 END)) AS n FROM t")
    with closing(db.connect()) as writer:
        cursor = writer.cursor()
        cursor.execute("SET statement_timeout = '1s'")
        try:
            cursor.execute("UPDATE t SET v = 77 WHERE id = 1")
            assert False, "not ended"
        except psycopg2.errors.QueryCanceled:
            pass
    assert db.value("SELECT v FROM t WHERE id = 1") == 1


def a_time_limit_counts_for_the_commit_of_a_stranger():
    """Its writer may not see what the refresh was doing; a second owner's stream table is refreshed on its own."""
    endless = "SELECT id, v, (SELECT count(*) FROM generate_series(1, CASE v WHEN 77 THEN 2000000000 ELSE 1 END)) AS n FROM t"
    for has_other in False, True:
        set_up(endless, owner="commit_owner")
        if has_other:
            db.run("SELECT pgtrickle.create_stream_table('of_postgres', 'SELECT v FROM t', refresh_mode => 'IMMEDIATE')")
        with closing(db.connect(user="commit_writer")) as writer:
            cursor = writer.cursor()
            cursor.execute("SET statement_timeout = '1s'")
            try:
                cursor.execute("UPDATE t SET v = 77 WHERE id = 1")
                assert False, ("not ended", has_other)
            except psycopg2.errors.QueryCanceled:
                pass
        assert db.value("SELECT v FROM t WHERE id = 1") == 1, has_other


def a_short_time_limit_of_the_statement_fails_no_commit_beside_a_lock():
    """Where no stream table is in this mode, PostgreSQL applies it to no commit. On a busy machine one may be too slow."""
    set_up()
    db.run("SET ROLE commit_owner; SELECT pgtrickle.create_stream_table('of_owner', 'SELECT v FROM t', refresh_mode => 'IMMEDIATE'); RESET ROLE")
    with closing(db.connect()) as other, closing(db.connect()) as writer:
        writer.cursor().execute("UPDATE t SET v = v + 1")  # compiles
        writer.cursor().execute("SET statement_timeout = '180ms'")
        for locked in "s", "of_owner":
            other.cursor().execute(f"BEGIN; SELECT pgtrickle.refresh_stream_table('{locked}')")
            assert any([commits(writer) for _ in range(3)]), locked
            other.cursor().execute("ROLLBACK")
    assert fresh() == answer(SUMS)


def commits(writer):
    try:
        writer.cursor().execute("UPDATE t SET v = v + 1 WHERE id = 1")
    except psycopg2.errors.QueryCanceled:
        return False
    return True


def a_stream_table_that_fails_keeps_no_other_from_being_refreshed():
    """Nor does it let the others fail without the writer."""
    set_up()
    db.run("SELECT pgtrickle.create_stream_table('other', 'SELECT v, g FROM t', refresh_mode => 'IMMEDIATE')")
    db.run("CREATE UNIQUE INDEX ON other (v) WHERE v > 0")
    db.run("SELECT pgtrickle.create_stream_table('over_s', 'SELECT max(n) AS n FROM s', refresh_mode => 'IMMEDIATE')")
    with closing(db.connect()) as writer:
        writer.cursor().execute("SET pg_trickle.on_error = defer; SET client_min_messages = error")
        writer.cursor().execute("UPDATE t SET v = 0 WHERE id = 1")
        assert stored("other") == answer("SELECT v, g FROM t")
    db.wait_for("SELECT consecutive_errors > 0 FROM pgtrickle.pgt_status() WHERE name = 'public.s'", True)
    db.run("UPDATE t SET v = 20 WHERE id = 2")
    assert stored("other") == answer("SELECT v, g FROM t")
    try:
        db.run("UPDATE t SET v = 20 WHERE id = 3")
        assert False, "not refused"
    except psycopg2.errors.UniqueViolation:
        pass
    db.run("UPDATE t SET v = 21 WHERE id = 1")
    assert stored() == answer(SUMS)
    assert stored("over_s") == [(3,)]


def what_it_reads_is_refreshed_with_it():
    set_up()
    db.run("SELECT pgtrickle.create_stream_table('up', 'SELECT g, max(v) AS m FROM t GROUP BY g', '520w', 'DIFFERENTIAL')")
    db.run("SELECT pgtrickle.create_stream_table('over', 'SELECT sum(m) AS m FROM up', refresh_mode => 'IMMEDIATE')")
    db.run("UPDATE t SET v = v + 1")
    assert stored("over") == answer("SELECT sum(m) FROM (SELECT max(v) AS m FROM t GROUP BY g) x")


def a_lock_of_a_table_of_the_extension_keeps_no_transaction_from_committing():
    """As VACUUM FULL of the database takes it."""
    set_up()
    locked = []
    with closing(db.connect()) as writer, closing(db.connect()) as other:
        other.cursor().execute("SET lock_timeout = '100ms'")
        for (table,) in db.run("SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'pgtrickle'::regnamespace AND relkind = 'r'"):
            writer.cursor().execute("BEGIN; UPDATE t SET v = v + 1")
            try:
                other.cursor().execute(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                locked.append(table)
            except psycopg2.errors.LockNotAvailable:  # the writer uses it
                pass
            begun = time.monotonic()
            writer.cursor().execute("COMMIT")
            assert time.monotonic() - begun < LIMIT_S, table
            other.cursor().execute("ROLLBACK")
            assert fresh() == answer(SUMS), table
    assert "pgtrickle.pgt_dependency" in locked and "pgtrickle.pgt_state" in locked, locked


def an_attached_partition_is_there_with_its_rows():
    """ATTACH waits for no reader, whose plan may be older than the commit."""
    db.run("DROP TABLE IF EXISTS p CASCADE; CREATE TABLE p (k int, v int) PARTITION BY LIST (k);"
           "CREATE TABLE p1 PARTITION OF p FOR VALUES IN (1); CREATE TABLE p2 (k int, v int);"
           "INSERT INTO p SELECT 1, i FROM generate_series(1, 20) i; INSERT INTO p2 SELECT 2, i FROM generate_series(1, 20) i")
    db.run("SELECT pgtrickle.create_stream_table('of_p', 'SELECT k, count(*) AS n FROM p GROUP BY k', refresh_mode => 'IMMEDIATE')")
    ends_at, wrong = time.monotonic() + ATTACHING_S, []

    def read():
        with closing(db.connect()) as session:
            cursor = session.cursor()
            cursor.execute("SET pg_trickle.consistent_reads = on")
            while time.monotonic() < ends_at:
                cursor.execute("SELECT * FROM of_p EXCEPT SELECT k, count(*) FROM p GROUP BY k")
                wrong.extend(cursor.fetchall())

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    while time.monotonic() < ends_at:
        db.run("BEGIN; ALTER TABLE p ATTACH PARTITION p2 FOR VALUES IN (2); UPDATE p SET v = v + 1; COMMIT")
        db.run("BEGIN; ALTER TABLE p DETACH PARTITION p2; UPDATE p SET v = v + 1; COMMIT")
    for reader in readers:
        reader.join()
    assert not wrong, wrong


def the_table_of_states_does_not_grow():
    set_up()
    size = db.value("SELECT pg_relation_size('pgtrickle.pgt_state')")
    for _ in range(600):
        db.run("UPDATE t SET v = v % 9 + 1 WHERE id = 1")
    grown = db.value("SELECT pg_relation_size('pgtrickle.pgt_state')") - size
    assert grown < 8 * 8192, grown


run_cases([a_commit_applies_what_it_has_changed, an_open_transaction_that_has_refreshed_keeps_no_commit_waiting,
           a_prepared_transaction_keeps_no_commit_waiting, a_truncating_transaction_and_a_commit_do_not_wait_for_each_other,
           writers_of_two_sources_meet, code_of_the_owner_runs_at_no_commit,
           a_failure_that_is_deferred_ends_with_its_cause, an_owner_without_privileges_keeps_no_writer_from_committing,
           an_owner_without_trigger_makes_no_writer_fail, a_time_limit_of_the_statement_counts_for_its_commit,
           a_time_limit_counts_for_the_commit_of_a_stranger, a_short_time_limit_of_the_statement_fails_no_commit_beside_a_lock,
           a_stream_table_that_fails_keeps_no_other_from_being_refreshed,
           a_lock_of_a_table_of_the_extension_keeps_no_transaction_from_committing,
           an_attached_partition_is_there_with_its_rows, what_it_reads_is_refreshed_with_it,
           the_table_of_states_does_not_grow])
