#!/usr/bin/python3 -B
"""Shows that an open transaction of a role delays operations on relations on which it has only SELECT no more
than a reader's lock does.

Every action that a client can perform with a stream table of its own over another owner's is performed in a
transaction that stays open, or is prepared. Then the other owner writes, and the manager must refresh that
owner's stream tables; so must the owner manually; the owner must be able to create stream tables and to
attach partitions. The locks of the transaction are checked as well: locks on relations of the other owner are
AccessShare, or do not conflict with any action of that owner.
"""

import sys
import time
import uuid
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

LIMIT_S = 20
db = Database()
SUFFIX = uuid.uuid4().hex[:8]
ALICE, MALLORY, WRITER = (f"{name}_{SUFFIX}" for name in ("alice", "mallory", "writer"))
rows = 1  # of the source, and so of `upstream`, once it has been refreshed


def session(role, *settings):
    connection = db.connect()
    cursor = connection.cursor()
    for statement in (f"SET ROLE {role}", "SET client_min_messages = error", "SET statement_timeout = '1min'",
                      "SET search_path = " + role.split("_")[0], *settings):
        cursor.execute(statement)
    return connection


def run(connection, statement):
    cursor = connection.cursor()
    cursor.execute(statement)
    return cursor.fetchall() if cursor.description else None


def expect_error(connection, statement, sqlstate):
    try:
        run(connection, statement)
    except psycopg2.Error as error:
        if error.pgcode == sqlstate:
            return str(error)
        raise
    raise AssertionError(f"no error {sqlstate}: {statement}")


def set_up():
    for role in ALICE, MALLORY, WRITER:
        db.run(f"CREATE ROLE {role}")
        db.run(f"GRANT USAGE ON FOREIGN SERVER pgtrickle TO {role}")
    for schema, owner in ("alice", ALICE), ("mallory", MALLORY):
        db.run(f"CREATE SCHEMA {schema} AUTHORIZATION {owner}")
        db.run(f"GRANT USAGE ON SCHEMA {schema} TO {ALICE}, {MALLORY}, {WRITER}")
    alice = session(ALICE)
    run(alice, "CREATE TABLE source (id int, k int) PARTITION BY RANGE (id)")
    run(alice, "CREATE TABLE source_1 PARTITION OF source FOR VALUES FROM (0) TO (100000)")
    run(alice, "INSERT INTO source VALUES (1, 1)")
    run(alice, "SELECT pgtrickle.create_stream_table('upstream', 'SELECT id, k FROM alice.source', '1s')")
    run(alice, "SELECT pgtrickle.create_stream_table('on_it', 'SELECT k, count(*) AS n FROM alice.upstream GROUP BY k', '1s')")
    run(alice, f"GRANT SELECT ON source, upstream, on_it TO {MALLORY}, {WRITER}")
    run(alice, f"GRANT INSERT ON source TO {WRITER}")
    alice.close()


FIRST = ("SELECT pgtrickle.create_stream_table('first', 'SELECT k, count(*) AS n FROM alice.upstream GROUP BY k', '0s')",
         "SELECT pgtrickle.create_stream_table('second', 'SELECT n FROM mallory.first UNION ALL SELECT id FROM alice.upstream', '0s')")
CREATE = "SELECT pgtrickle.create_stream_table('made', 'SELECT u.id, o.n FROM alice.upstream u JOIN alice.on_it o USING (k)', '0s')"
REFRESH = "SELECT pgtrickle.refresh_stream_table('second')"
READ = "SELECT (SELECT count(*) FROM second), (SELECT count(*) FROM alice.upstream), (SELECT count(*) FROM alice.on_it)"
FRESH = "SET LOCAL pg_trickle.max_staleness = 0"
# By name: the statements of the transaction. `first` and `second` exist before, and belong to mallory.
ACTIONS = {
    "create": [CREATE],
    "create_wanting_a_column_that_is_not_captured": [
        "SELECT pgtrickle.create_stream_table('made', 'SELECT id FROM alice.on_it, alice.upstream', '0s')"],
    "create_by_full_refreshes": [
        "SELECT pgtrickle.create_stream_table('made', 'SELECT id, k FROM alice.upstream', '0s', 'FULL')"],
    "create_over_source": ["SELECT pgtrickle.create_stream_table('made', 'SELECT id, k FROM alice.source', '0s', 'FULL')"],
    "create_and_read": [CREATE, "SELECT count(*) FROM made", FRESH, "SELECT count(*) FROM alice.upstream JOIN made USING (id)"],
    "create_or_replace": ["SELECT pgtrickle.create_or_replace_stream_table('first', 'SELECT k, sum(id) AS n FROM alice.upstream GROUP BY k')"],
    "create_or_replace_same": [
        "SELECT pgtrickle.create_or_replace_stream_table('first', 'SELECT k, count(*) AS n FROM alice.upstream GROUP BY k')"],
    "refresh": [REFRESH],
    "refresh_and_read": [REFRESH, READ],
    "refresh_and_read_all_fresh": [REFRESH, FRESH, READ],
    "refresh_twice": [REFRESH, REFRESH],
    "read": [READ],
    "read_all_fresh": [FRESH, READ],
    "alter_query": ["SELECT pgtrickle.alter_stream_table('first', 'SELECT k, 2 * count(*) AS n FROM alice.upstream GROUP BY k')"],
    "alter_option": ["ALTER FOREIGN TABLE first OPTIONS (SET query 'SELECT k, 1::bigint AS n FROM alice.upstream')"],
    "alter_mode": ["SELECT pgtrickle.alter_stream_table('first', refresh_mode => 'FULL')"],
    "alter_schedule": ["SELECT pgtrickle.alter_stream_table('first', schedule => '1m')"],
    "repair": ["SELECT pgtrickle.repair_stream_table('first')"],
    "drop": ["DROP FOREIGN TABLE first CASCADE"],
    "drop_and_create": ["DROP FOREIGN TABLE first CASCADE", CREATE],
    "drop_over_source": ["DROP FOREIGN TABLE over_source"],
    "refresh_over_source": ["SELECT pgtrickle.refresh_stream_table('over_source')"],
    "suspend": ["SELECT pgtrickle.alter_stream_table('first', status => 'SUSPENDED')"],
}


def forbidden_locks():
    """Returns mallory's locks on relations of other owners that are stronger than a reader's."""
    return db.run(f"""
        SELECT l.locktype, coalesce(l.relation, l.objid)::regclass::text, l.mode, l.objsubid
        FROM pg_locks l JOIN pg_class c ON c.oid = coalesce(l.relation, l.objid)
        WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.granted
        AND (l.pid IN (SELECT pid FROM pg_stat_activity WHERE application_name = 'open') OR l.pid IS NULL)
        AND (l.locktype = 'relation' OR l.classid IN ('pgtrickle.pgt_state'::regclass, 'pgtrickle.pgt_source'::regclass))
        AND c.relowner = '{ALICE}'::regrole AND l.mode <> 'AccessShareLock'
        AND NOT (l.locktype = 'object' AND l.mode = 'ShareLock' AND l.objsubid = 2)""")


def write_and_wait(who):
    global rows
    rows += 1
    alice = session(ALICE, "SET lock_timeout = '10s'")
    run(alice, f"INSERT INTO source VALUES ({rows}, {rows % 3})")
    deadline = time.monotonic() + LIMIT_S
    while True:
        found = db.run("SELECT (SELECT count(*) FROM alice.upstream), (SELECT coalesce(sum(n), 0) FROM alice.on_it)")[0]
        if tuple(found) == (rows, rows):
            break
        if time.monotonic() > deadline:
            raise AssertionError(f"{who}: the manager did not refresh: {found}, {rows} rows")
        time.sleep(0.05)
    for name, statement in {
            "refresh": "SELECT pgtrickle.refresh_stream_table('alice.on_it')",
            "create": "SELECT pgtrickle.create_stream_table('alice.other', 'SELECT id FROM alice.upstream UNION ALL SELECT id FROM alice.source')",
            "drop": "DROP FOREIGN TABLE alice.other",
            "attach": f"CREATE TABLE part_{rows} (id int, k int); INSERT INTO part_{rows} VALUES ({rows * 100000}, 0); "
                      f"ALTER TABLE source ATTACH PARTITION part_{rows} FOR VALUES FROM ({rows * 100000}) TO ({(rows + 1) * 100000}); "
                      f"DELETE FROM part_{rows}"}.items():
        try:
            run(alice, statement)
        except psycopg2.Error as error:
            raise AssertionError(f"{who}: alice could not {name}: {error}") from error
    alice.close()


def open_transaction(name, level, is_prepared):
    setup = session(MALLORY)
    for statement in (*FIRST, "SELECT pgtrickle.create_stream_table('over_source', 'SELECT k FROM alice.source', '1h', 'FULL')"):
        run(setup, statement)
    run(setup, "SELECT count(*) FROM second")
    mallory = session(MALLORY, "SET application_name = 'open'")
    try:
        # Each has changes to apply.
        run(session(ALICE), "INSERT INTO source VALUES (1, 1)")
        run(session(ALICE), "DELETE FROM source WHERE id IN (SELECT id FROM source GROUP BY id HAVING count(*) > 1)")
        run(session(ALICE), "INSERT INTO source SELECT 1, 1 WHERE NOT EXISTS (SELECT FROM source WHERE id = 1)")
        run(mallory, "BEGIN ISOLATION LEVEL " + level)
        try:
            for statement in ACTIONS[name]:
                run(mallory, statement)
        except psycopg2.errors.SerializationFailure:
            if level == "READ COMMITTED":
                raise
            return  # nothing stays open
        if is_prepared:
            run(mallory, f"PREPARE TRANSACTION 'open_{SUFFIX}'")
        locks = forbidden_locks()
        write_and_wait(name)
        assert not locks, f"{name} holds locks: {locks}"
    finally:
        if is_prepared and db.run(f"SELECT gid FROM pg_prepared_xacts WHERE gid = 'open_{SUFFIX}'"):
            db.run(f"ROLLBACK PREPARED 'open_{SUFFIX}'")
        else:
            run(mallory, "ROLLBACK")
        mallory.close()
        run(setup, "DROP FOREIGN TABLE IF EXISTS first, second, over_source CASCADE")
        setup.close()


def own_changes_are_read_exactly():
    """The privilege INSERT on a source does not include locking it: the session gets its own rows in the stream table by
    an exact read, which takes no lock that stops a refresh."""
    writer = session(WRITER, "SET client_min_messages = warning", "SET pg_trickle.max_staleness = 0",
                     "SET pg_trickle.on_stale = 'error'")
    before = run(writer, "SELECT count(*) FROM alice.upstream")[0][0]
    db.run(f"GRANT CREATE ON SCHEMA mallory TO {WRITER}")
    run(writer, "SELECT pgtrickle.create_stream_table('mallory.written', 'SELECT id FROM alice.upstream', '0s')")
    for level in "READ COMMITTED", "REPEATABLE READ":
        run(writer, "BEGIN ISOLATION LEVEL " + level)
        run(writer, "INSERT INTO alice.source VALUES (50000, 5)")
        for name in ("alice.upstream", "mallory.written", "alice.upstream"):
            found = run(writer, f"SELECT count(*) FROM {name}")[0][0]
            assert found == before + 1, (level, name, found, before)
        assert not forbidden_locks()
        run(writer, "ROLLBACK")
        assert run(writer, "SELECT count(*) FROM alice.upstream")[0][0] == before
    assert not writer.notices, writer.notices
    run(writer, "DROP FOREIGN TABLE mallory.written")
    writer.close()


def own_changes_are_seen_with_the_privilege_to_lock():
    run(session(ALICE), f"GRANT UPDATE ON source TO {WRITER}")
    writer = session(WRITER, "SET client_min_messages = warning", "SET pg_trickle.max_staleness = 0")
    before = run(writer, "SELECT count(*) FROM alice.upstream")[0][0]
    run(writer, "BEGIN")
    run(writer, "INSERT INTO alice.source VALUES (50000, 5)")
    del writer.notices[:]
    assert run(writer, "SELECT count(*) FROM alice.upstream")[0][0] == before + 1
    assert not writer.notices, writer.notices
    run(writer, "ROLLBACK")
    run(session(ALICE), f"REVOKE UPDATE ON source FROM {WRITER}")
    writer.close()


def unpopulated_upstream_is_filled_by_others_or_refused():
    alice, mallory = session(ALICE), session(MALLORY)
    run(alice, "BEGIN; SELECT pgtrickle.create_stream_table('empty', 'SELECT id FROM source', '1h', initialize => false)")
    run(alice, "SELECT pgtrickle.alter_stream_table('empty', status => 'SUSPENDED'); COMMIT")
    run(alice, f"GRANT SELECT ON empty TO {MALLORY}")
    create = "SELECT pgtrickle.create_stream_table('over_empty', 'SELECT id FROM alice.empty', '1h')"
    text = expect_error(mallory, create, "55000")
    assert "has not been populated" in text, text
    run(alice, "SELECT pgtrickle.resume_stream_table('empty')")
    db.run("RESET pg_trickle.enabled")
    run(mallory, "BEGIN")
    run(mallory, create)
    assert not forbidden_locks()
    run(mallory, "COMMIT")
    assert run(mallory, "SELECT count(*) FROM over_empty") == run(alice, "SELECT count(*) FROM source")
    db.run("SET pg_trickle.enabled = off")
    run(mallory, "DROP FOREIGN TABLE over_empty")
    run(alice, "DROP FOREIGN TABLE empty")


def superuser_and_member_refresh_all_together():
    """Owning includes membership in the owner."""
    setup = session(MALLORY)
    run(setup, FIRST[0])
    run(session(ALICE), "INSERT INTO source VALUES (60000, 6)")
    one = db.connect()
    run(one, f"GRANT {ALICE}, {MALLORY} TO {WRITER}")
    try:
        for role in "postgres", WRITER:
            run(one, f"SET ROLE {role}")
            run(one, "BEGIN")
            run(one, "SELECT pgtrickle.refresh_stream_table('mallory.first')")
            assert run(one, "SELECT sum(n) FROM mallory.first")[0][0] == run(one, "SELECT count(*) FROM alice.source")[0][0]
            held = run(one, "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND objid = 'alice.upstream'::regclass "
                            "AND classid = 'pgtrickle.pgt_state'::regclass")[0][0]
            assert held == 1, held
            run(one, "ROLLBACK")
    finally:
        run(one, "RESET ROLE")
        run(one, f"REVOKE {ALICE}, {MALLORY} FROM {WRITER}")
        run(session(ALICE), "DELETE FROM source WHERE id = 60000")
        run(setup, "DROP FOREIGN TABLE first")
        one.close()


def case(name, level, is_prepared=False):
    def run_case():
        open_transaction(name, level, is_prepared)
    run_case.__name__ = "_".join([name, "in", level.lower().replace(" ", "_"), *(["prepared"] if is_prepared else [])])
    return run_case


def statement_on_a_source_does_not_fail_by_stream_tables_of_others():
    """A view is replaced while the source is locked: the next refresh sets another owner's stream table over the view up
    again, over an upstream that cannot be refreshed now."""
    alice, mallory, writer = session(ALICE), session(MALLORY), session(WRITER)
    db.run("RESET pg_trickle.enabled")
    db.run(f"GRANT CREATE ON SCHEMA mallory TO {WRITER}")
    run(alice, f"CREATE VIEW seen AS SELECT id FROM source; GRANT SELECT ON seen TO {WRITER}")
    for partition, in run(alice, "SELECT relid::regclass::text FROM pg_partition_tree('source')"):
        run(alice, f"GRANT TRIGGER ON {partition} TO {WRITER}")
    run(writer, "SELECT pgtrickle.create_stream_table('mallory.lowest', 'SELECT id FROM alice.source', '1h')")
    run(writer, f"GRANT SELECT ON mallory.lowest TO {MALLORY}")
    run(mallory, "SELECT pgtrickle.create_stream_table('middle', 'SELECT id FROM lowest', '1h')")
    run(mallory, f"GRANT SELECT ON middle TO {WRITER}")
    run(writer, "SELECT pgtrickle.create_stream_table('mallory.highest', 'SELECT id FROM mallory.middle UNION ALL SELECT id FROM alice.seen', '1h')")
    run(alice, "INSERT INTO source VALUES (70000, 7)")
    run(alice, "SET client_min_messages = warning; BEGIN; LOCK TABLE source IN ACCESS EXCLUSIVE MODE")
    run(alice, "CREATE OR REPLACE VIEW seen AS SELECT id + 1 AS id FROM source")
    assert not alice.notices, alice.notices
    run(alice, "COMMIT")
    db.run("SET pg_trickle.max_staleness = 0")
    db.wait_for("SELECT (SELECT count(*) FROM mallory.highest) - 2 * (SELECT count(*) FROM alice.source)", 0)
    db.run("RESET pg_trickle.max_staleness; SET pg_trickle.enabled = off")
    run(alice, "DELETE FROM source WHERE id = 70000; DROP VIEW seen CASCADE")
    run(writer, "DROP FOREIGN TABLE mallory.lowest CASCADE")
    for partition, in run(alice, "SELECT relid::regclass::text FROM pg_partition_tree('source')"):
        run(alice, f"REVOKE TRIGGER ON {partition} FROM {WRITER}")


def without_a_process_it_is_refused():
    """The log of a stream table without dependents would be created by the transaction itself."""
    global db
    server, before = Server(), db
    try:
        server.call("start", "max_worker_processes=2")
        db = Database(server.host)
        set_up()
        db.run(f"SET ROLE {ALICE}; SELECT pgtrickle.create_stream_table('alice.unread', 'SELECT id FROM alice.source', '1h'); "
               f"GRANT SELECT ON alice.unread TO {MALLORY}")
        mallory = session(MALLORY)
        expect_error(mallory, "SELECT pgtrickle.create_stream_table('made', 'SELECT id FROM alice.unread', '1h')", "53000")
        mallory.close()
    finally:
        db = before
        server.destroy()


set_up()
db.run("SET pg_trickle.enabled = off")  # read as it is
CASES = [case(name, level) for name in ACTIONS for level in ("READ COMMITTED", "REPEATABLE READ")]
CASES += [case(name, "READ COMMITTED", True) for name in ("create", "refresh", "refresh_and_read_all_fresh", "drop_and_create", "repair")]
CASES += [own_changes_are_read_exactly, own_changes_are_seen_with_the_privilege_to_lock, unpopulated_upstream_is_filled_by_others_or_refused,
          superuser_and_member_refresh_all_together, statement_on_a_source_does_not_fail_by_stream_tables_of_others,
          without_a_process_it_is_refused]
CASES = [one for one in CASES if one.__name__ != "repair_in_repeatable_read"]  # is refused with 40001
try:
    run_cases([one for one in CASES if len(sys.argv) < 2 or sys.argv[1] in one.__name__])
finally:
    db.drop()
    admin = db.connect("postgres")
    for role in ALICE, MALLORY, WRITER:
        admin.cursor().execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
