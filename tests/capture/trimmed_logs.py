#!/usr/bin/python3 -B
"""Shows what trimming a change log leaves to those that may still need it: an old snapshot reads its own answer or gets 40001,
however the log was emptied; so does a refresh that waits meanwhile; and a log whose changes concern no reader, or only those who cannot read it, is emptied."""

import itertools
import sys
import threading
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

server = Server()
server.restart(**{"pg_trickle.max_log_size": "1MB"})
db = Database(server.host)
FILL = "INSERT INTO {} SELECT i, (SELECT string_agg(md5((i + j)::text), '') FROM generate_series(1, 10) j) FROM generate_series({}, {}) i"


def log_size(source):
    return f"SELECT sum(pg_relation_size(s)) FROM pgtrickle.pgt_source, unnest(segments) s WHERE relid = '{source}'::regclass"


def an_old_snapshot_after_a_log_has_exceeded_its_limit():
    db.run("CREATE TABLE source (id int, filling text); SELECT pgtrickle.create_stream_table('st', 'SELECT id, filling FROM source', '520w', 'DIFFERENTIAL')")
    for read in "SELECT count(*) FROM st", "SELECT count(*) FROM st WHERE id > 0", "SELECT max(id) FROM st":
        db.run(FILL.format("source", 1, 10000))
        old = db.connect()
        cursor = old.cursor()
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        cursor.execute(read.replace(" st", " source"))
        wanted = cursor.fetchall()
        db.run("SELECT pgtrickle.refresh_stream_table('st')")
        db.wait_for(log_size("source"), 0)
        cursor.execute("SET LOCAL pg_trickle.read_mode = exact")
        try:
            cursor.execute(read)
            found = cursor.fetchall()
            assert found == wanted, (read, found, wanted)
        except psycopg2.errors.SerializationFailure as error:
            assert "was trimmed after the snapshot was taken" in str(error), error
        old.close()
        db.run("DELETE FROM source; SELECT pgtrickle.refresh_stream_table('st')")


def a_transaction_that_has_read_exactly_keeps_no_lock_on_a_log():
    """It read rows as they are stored, by the query, by touched values and by merged groups; it is idle, or has an open cursor."""
    db.run("CREATE TABLE read (id int, filling text)")
    db.run("SELECT pgtrickle.create_stream_table('by_id', 'SELECT id, filling FROM read', '520w', 'DIFFERENTIAL')")
    db.run("SELECT pgtrickle.create_stream_table('groups', 'SELECT id % 7 AS k, count(*) AS n FROM read GROUP BY 1', '520w', 'DIFFERENTIAL')")
    db.run("SELECT pgtrickle.create_stream_table('above_read', 'SELECT max(n) AS most FROM groups', '520w', 'DIFFERENTIAL')")
    reads = ["SELECT count(*) FROM by_id", "SELECT count(*) FROM by_id WHERE id = 3", "SELECT count(*) FROM by_id WHERE id = 1000000",
             "SELECT sum(n) FROM groups", "SELECT most FROM above_read", "SELECT count(*) FROM by_id, groups WHERE id = k",
             "SELECT count(*) FROM pgtrickle.change_buffer_sizes()", "SELECT count(*) FROM pgtrickle.pgt_stream_tables"]
    for level in "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE":
        for cursor_of in "", "DECLARE opened CURSOR FOR ", "DECLARE held CURSOR WITH HOLD FOR ":
            for read in reads:
                db.run("INSERT INTO read SELECT i, 'short' FROM generate_series(1, 20) i")
                reader = db.connect()
                cursor = reader.cursor()
                cursor.execute(f"BEGIN ISOLATION LEVEL {level}; SET LOCAL pg_trickle.read_mode = exact; SAVEPOINT before; {cursor_of}{read}")
                locks = db.value("SELECT string_agg(relation::regclass::text, ', ') FROM pg_locks JOIN pg_class c ON c.oid = relation "
                                 f"WHERE pid = {reader.info.backend_pid} AND mode <> 'SIReadLock' AND relnamespace = 'pg_trickle_log'::regnamespace")
                assert locks is None, (level, cursor_of, read, locks)
                reader.close()


LOCKED_LOGS = ("SELECT string_agg(DISTINCT relation::regclass::text, ', ') FROM pg_locks JOIN pg_class c ON c.oid = relation "
               "WHERE pid = {} AND mode <> 'SIReadLock' AND relnamespace = 'pg_trickle_log'::regnamespace")


def a_transaction_that_has_refreshed_keeps_no_lock_on_a_log():
    """Its new frontier is not committed, and may be rolled back; what it has filled keeps its logs locked."""
    db.run("CREATE TABLE refreshed (id int, filling text)")
    db.run("SELECT pgtrickle.create_stream_table('of_refreshed', 'SELECT id, filling FROM refreshed', '520w', 'DIFFERENTIAL')")
    query, wanted = "SELECT count(*) FROM of_refreshed", 0
    for end, level in itertools.product(("ROLLBACK", "COMMIT"), ("READ COMMITTED", "REPEATABLE READ")):
        db.run(FILL.format("refreshed", 1, 1000))
        refresher = db.connect()
        cursor = refresher.cursor()
        cursor.execute(f"BEGIN ISOLATION LEVEL {level}; SELECT pgtrickle.refresh_stream_table('of_refreshed'); {query}")
        assert cursor.fetchall() == [(wanted + 1000,)]
        locks = db.value(LOCKED_LOGS.format(refresher.info.backend_pid))
        assert locks is None, (level, locks)
        db.run(FILL.format("refreshed", 1, 100))
        if level == "READ COMMITTED":
            cursor.execute(f"SAVEPOINT again; SELECT pgtrickle.refresh_stream_table('of_refreshed'); {query}")
            assert cursor.fetchall() == [(wanted + 1100,)]
        cursor.execute(end)
        refresher.close()
        wanted += 1100
        db.run("SELECT pgtrickle.refresh_stream_table('of_refreshed')")
        assert db.value(query) == wanted, (end, level)
    for starting in ("SELECT pgtrickle.create_stream_table('filled_here', 'SELECT id FROM refreshed', '520w', 'DIFFERENTIAL')",
                     "SELECT pgtrickle.repair_stream_table('of_refreshed')"):
        refresher = db.connect()
        refresher.cursor().execute(f"BEGIN; {starting}")
        assert db.value(LOCKED_LOGS.format(refresher.info.backend_pid)) is not None, starting
        refresher.close()


def a_log_is_trimmed_beside_an_idle_transaction_that_has_refreshed():
    db.run("CREATE TABLE kept (id int, filling text); SELECT pgtrickle.create_stream_table('of_kept', 'SELECT id, filling FROM kept', '520w', 'DIFFERENTIAL')")
    db.run("SELECT pgtrickle.create_stream_table('lagging', 'SELECT id FROM kept', '520w', 'DIFFERENTIAL')")
    refresher = db.connect()
    cursor = refresher.cursor()
    cursor.execute("BEGIN; SELECT pgtrickle.refresh_stream_table('lagging')")
    for turn in range(3):
        db.run(FILL.format("kept", 1, 5000))
        db.run("SELECT pgtrickle.refresh_stream_table('of_kept')")
    db.wait_for(f"SELECT ({log_size('kept')}) < 2000000", True, 60)
    cursor.execute("COMMIT")
    refresher.close()
    db.run("SELECT pgtrickle.refresh_stream_table('lagging')")
    assert db.value("SELECT count(*) FROM lagging") == 15000


def a_log_beside_an_idle_transaction_that_has_read_exactly():
    """One that has a snapshot gets its own answer, or 40001, in its next statement."""
    db.run("CREATE TABLE shown (id int, filling text); SELECT pgtrickle.create_stream_table('of_shown', 'SELECT id, filling FROM shown', '520w', 'DIFFERENTIAL')")
    for level in "READ COMMITTED", "REPEATABLE READ":
        db.run(FILL.format("shown", 1, 10000))
        reader = db.connect()
        cursor = reader.cursor()
        cursor.execute(f"BEGIN ISOLATION LEVEL {level}; SET LOCAL pg_trickle.read_mode = exact; DECLARE opened CURSOR FOR SELECT id FROM of_shown ORDER BY id; "
                       "SELECT count(*) FROM of_shown")
        assert cursor.fetchall() == [(10000,)]
        db.run("SELECT pgtrickle.refresh_stream_table('of_shown')")
        db.wait_for(log_size("shown"), 0)
        cursor.execute("FETCH ALL FROM opened")
        assert [row[0] for row in cursor.fetchall()] == list(range(1, 10001)), level
        try:
            cursor.execute("SELECT count(*) FROM of_shown")
            assert cursor.fetchall() == [(10000,)], level
        except psycopg2.errors.SerializationFailure as error:
            assert level == "REPEATABLE READ" and "was trimmed after the snapshot was taken" in str(error), error
        reader.close()
        db.run("DELETE FROM shown; SELECT pgtrickle.refresh_stream_table('of_shown')")


def a_refresh_that_waits_while_a_log_exceeds_its_limit():
    db.run("CREATE TABLE first (id int, filling text); CREATE TABLE second (LIKE first)")
    query = "SELECT id, filling FROM first UNION ALL SELECT id, filling FROM second"
    db.run("SELECT pgtrickle.create_stream_table('of_two', %s, '520w', 'DIFFERENTIAL')", query)
    refresher, holder = db.connect(), db.connect()
    for is_other_changed in False, True:
        refresher.cursor().execute("INSERT INTO second VALUES (0, 'compiled'); SELECT pgtrickle.refresh_stream_table('of_two')")
        if is_other_changed:
            db.run("INSERT INTO first VALUES (1, 'new')")
        holder.cursor().execute("BEGIN; LOCK TABLE first IN ACCESS EXCLUSIVE MODE")
        refresh = threading.Thread(target=refresher.cursor().execute, args=["SELECT pgtrickle.refresh_stream_table('of_two')"])
        refresh.start()
        db.wait_for(f"SELECT wait_event_type FROM pg_stat_activity WHERE pid = {refresher.info.backend_pid}", "Lock")
        db.run(FILL.format("second", 1, 10000))
        db.wait_for(log_size("second"), 0)
        holder.cursor().execute("ROLLBACK")
        refresh.join()
        lacking = db.value(f"SELECT count(*) FROM (({query}) EXCEPT ALL SELECT id, filling FROM of_two) lacking")
        assert lacking == 0, (is_other_changed, lacking)
    refresher.close()
    holder.close()


def a_column_that_gets_another_type_while_upkeep_moves_writers_on():
    """The column is in the log, and no stream table reads it any more."""
    db.run("CREATE TABLE retyped (id int, filling text, a int)")
    db.run("SELECT pgtrickle.create_stream_table('all_of_retyped', 'SELECT a FROM retyped', '520w', 'DIFFERENTIAL')")
    db.run("SELECT pgtrickle.create_stream_table('of_retyped', 'SELECT id, filling FROM retyped', '520w', 'DIFFERENTIAL')")
    db.run("SELECT pgtrickle.drop_stream_table('all_of_retyped')")
    current = "SELECT current_segment FROM pgtrickle.pgt_source WHERE relid = 'retyped'::regclass"
    other_segment = db.value("SELECT segments[(current_segment + 2) % 3 + 1]::regclass::text FROM pgtrickle.pgt_source WHERE relid = 'retyped'::regclass")
    before, holder, owner = db.value(current), db.connect(), db.connect()
    holder.cursor().execute(f"BEGIN; LOCK TABLE {other_segment} IN ACCESS EXCLUSIVE MODE")
    db.run(FILL.format("retyped", 1, 5000))
    db.wait_for(f"SELECT count(*) FROM pg_locks WHERE relation = '{other_segment}'::regclass AND NOT granted", 1)
    retype = threading.Thread(target=owner.cursor().execute, args=["ALTER TABLE retyped ALTER a TYPE bigint"])
    retype.start()
    db.wait_for(f"SELECT wait_event_type FROM pg_stat_activity WHERE pid = {owner.info.backend_pid}", "Lock")
    holder.cursor().execute("ROLLBACK")
    retype.join()
    assert db.value("SELECT atttypid::regtype::text FROM pg_attribute WHERE attrelid = 'retyped'::regclass AND attname = 'a'") == "bigint"
    assert db.value(current) != before
    assert db.value("SELECT s.version = max(f.version) FROM pgtrickle.pgt_source s JOIN pgtrickle.pgt_source_format f USING (relid) "
                    "WHERE relid = 'retyped'::regclass GROUP BY s.version")
    db.run("ALTER TABLE retyped ALTER a TYPE int; SELECT pgtrickle.refresh_stream_table('of_retyped')")
    assert db.value("SELECT count(*) FROM of_retyped") == 5000
    holder.close()
    owner.close()


def a_log_of_which_only_rows_of_children_come():
    db.run("CREATE TABLE parent (id int, filling text); CREATE TABLE child () INHERITS (parent)")
    db.run("SELECT pgtrickle.create_stream_table('only', 'SELECT id FROM ONLY parent', '1s', 'DIFFERENTIAL')")
    frontier, seen = "SELECT frontier::text FROM pgtrickle.pgt_state WHERE relid = 'only'::regclass", []
    for turn in range(4):
        db.run(FILL.format("child", turn * 300, turn * 300 + 299))
        db.run("SELECT pgtrickle.refresh_stream_table('only')")
        seen.append(db.value(frontier))
    assert len(set(seen)) == len(seen), seen
    for turn in range(5):
        db.run(FILL.format("child", 5000, 8000))
    db.wait_for(f"SELECT ({log_size('parent')}) < 2000000", True)
    assert db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE action = 'REINITIALIZE' "
                    "AND pgt_id = (SELECT pgt_id FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'only')") == 0


def who_keeps_up_with_a_log_beyond_its_limit_keeps_its_deltas():
    """An old snapshot keeps what has been read, and another stream table does not read: changes are written all the time."""
    db.run("CREATE TABLE busy (id int, filling text)")
    db.run("SELECT pgtrickle.create_stream_table('keeps_up', 'SELECT id, filling FROM busy', '1s', 'DIFFERENTIAL')")
    is_over = threading.Event()

    def write():
        cursor = db.connect().cursor()
        while not is_over.wait(0.02):
            cursor.execute(FILL.format("busy", 1, 40))
        cursor.connection.close()

    actions = ("SELECT string_agg(DISTINCT action, ', ') FROM pgtrickle.pgt_refresh_history "
               "WHERE pgt_id = (SELECT pgt_id FROM pgtrickle.pgt_stream_tables WHERE pgt_name = '{}') AND start_time > '{}'")
    old, writer = db.connect(), threading.Thread(target=write)
    old.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM busy")
    writer.start()
    try:
        for lagging in None, "lags":
            if lagging:
                db.run("SELECT pgtrickle.create_stream_table('lags', 'SELECT id FROM busy', '520w', 'DIFFERENTIAL')")
            begun = db.value("SELECT now()::text")
            horizon = "SELECT trim_horizon::text FROM pgtrickle.pgt_source WHERE relid = 'busy'::regclass"
            for _ in range(3):
                before = db.value(horizon)
                db.wait_for(f"SELECT ({horizon}) IS DISTINCT FROM {'NULL' if before is None else before + '::text'}", True)
            if lagging:
                db.wait_for("SELECT needs_reinit FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'lags'", True, 40)
            found = db.value(actions.format("keeps_up", begun))
            assert found == "DIFFERENTIAL", (lagging, found)
    finally:
        is_over.set()
        writer.join()
    old.close()
    db.run("SELECT pgtrickle.refresh_stream_table('keeps_up'); SELECT pgtrickle.refresh_stream_table('lags')")
    for name, columns in ("keeps_up", "id, filling"), ("lags", "id"):
        differing = db.value(f"SELECT count(*) FROM ((SELECT {columns} FROM busy EXCEPT ALL TABLE {name}) UNION ALL "
                             f"(SELECT * FROM {name} EXCEPT ALL SELECT {columns} FROM busy)) d")
        assert differing == 0, (name, differing)


def an_exact_read_that_waits_while_a_log_beyond_its_limit_loses_removals():
    """It relies on a unique index that is newer than its snapshot, which shows the rows that were removed before that. It waits for
    a table that only its other stream table reads."""
    db.run("CREATE TABLE one (id int); CREATE TABLE keyed (id int, filling text); CREATE TABLE third (v int); CREATE TABLE held (id int)")
    db.run("INSERT INTO one VALUES (1); INSERT INTO keyed VALUES (1, 'x'), (1, 'y'); INSERT INTO third VALUES (1)")
    query = "SELECT one.id, third.v, row_number() OVER (ORDER BY one.id, third.v) AS n FROM one CROSS JOIN third LEFT JOIN keyed ON one.id = keyed.id"
    db.run("SELECT pgtrickle.create_stream_table('of_keyed', %s, '520w', 'DIFFERENTIAL')", query)
    db.run("SELECT pgtrickle.create_stream_table('of_held', 'SELECT id FROM held', '520w', 'DIFFERENTIAL')")
    for level in "READ COMMITTED", "REPEATABLE READ":
        db.run("INSERT INTO one VALUES (2); INSERT INTO held VALUES (1)")
        reader, holder = db.connect(), db.connect()
        cursor, found = reader.cursor(), []
        cursor.execute(f"BEGIN ISOLATION LEVEL {level}; SET LOCAL pg_trickle.read_mode = exact; SELECT 1")
        before = db.run(f"{query} ORDER BY 1, 2, 3")
        holder.cursor().execute("BEGIN; LOCK TABLE held IN ACCESS EXCLUSIVE MODE")

        def read():
            try:
                cursor.execute("SELECT id, v, n FROM of_keyed WHERE (SELECT count(*) FROM of_held) > 0 ORDER BY 1, 2, 3")
                found.append(cursor.fetchall())
            except psycopg2.errors.SerializationFailure as error:
                found.append(str(error))

        reads = threading.Thread(target=read)
        reads.start()
        db.wait_for(f"SELECT wait_event_type FROM pg_stat_activity WHERE pid = {reader.info.backend_pid}", "Lock")
        db.run("BEGIN; DELETE FROM keyed WHERE filling = 'y'; UPDATE third SET v = 2; COMMIT")
        db.run("CREATE UNIQUE INDEX of_id ON keyed (id)")
        db.run("INSERT INTO keyed SELECT i FROM generate_series(10, 60000) i; SELECT pgtrickle.refresh_stream_table('of_keyed')")
        db.wait_for(log_size("keyed"), 0)
        holder.cursor().execute("ROLLBACK")
        reads.join()
        wanted = db.run(f"{query} ORDER BY 1, 2, 3") if level == "READ COMMITTED" else before
        is_refused = level == "REPEATABLE READ" and "was trimmed after the snapshot was taken" in str(found[0])
        assert is_refused or found == [wanted], (level, found, wanted)
        reader.close()
        holder.close()
        db.run("DROP INDEX of_id; DELETE FROM keyed WHERE id > 1; DELETE FROM one WHERE id = 2; INSERT INTO keyed VALUES (1, 'y'); UPDATE third SET v = 1")
        db.run("SELECT pgtrickle.refresh_stream_table('of_keyed')")


def a_log_beside_a_transaction_that_has_written_to_one_segment():
    """The other two alternate, also beside a stream table that does not keep up."""
    db.run("CREATE TABLE blocked (id int, filling text)")
    db.run("SELECT pgtrickle.create_stream_table('of_blocked', 'SELECT id, filling FROM blocked', '520w', 'DIFFERENTIAL')")
    blocked = db.value("SELECT segments[current_segment + 1]::regclass::text FROM pgtrickle.pgt_source WHERE relid = 'blocked'::regclass")
    others = ("SELECT sum(pg_relation_size(s)) FROM pgtrickle.pgt_source, unnest(segments) s "
              f"WHERE relid = 'blocked'::regclass AND s <> '{blocked}'::regclass")
    writer = db.connect()
    writer.cursor().execute("BEGIN; INSERT INTO blocked VALUES (0, 'uncommitted')")
    db.run(FILL.format("blocked", 1, 10000))
    db.run("SELECT pgtrickle.refresh_stream_table('of_blocked')")
    db.wait_for("SELECT segments[current_segment + 1]::regclass::text = %s FROM pgtrickle.pgt_source WHERE relid = 'blocked'::regclass".replace("%s", f"'{blocked}'"), False)
    for lagging in None, "lags_behind":
        if lagging:
            db.run("SELECT pgtrickle.create_stream_table('lags_behind', 'SELECT id FROM blocked', '520w', 'DIFFERENTIAL')")
        for turn in range(3):
            db.run(FILL.format("blocked", 10000, 20000))
            db.run("SELECT pgtrickle.refresh_stream_table('of_blocked')")
            db.wait_for(f"SELECT ({others}) = 0", True, 60)
    writer.cursor().execute("COMMIT")
    for name, columns in ("of_blocked", "id, filling"), ("lags_behind", "id"):
        db.run(f"SELECT pgtrickle.refresh_stream_table('{name}')")
        differing = db.value(f"SELECT count(*) FROM ((SELECT {columns} FROM blocked EXCEPT ALL TABLE {name}) UNION ALL "
                             f"(SELECT * FROM {name} EXCEPT ALL SELECT {columns} FROM blocked)) d")
        assert differing == 0, (name, differing)
    db.wait_for(log_size("blocked"), 0)
    writer.close()


def a_log_beside_those_who_cannot_read_it():
    """A snapshot of another database, and the catalog horizon of a logical slot."""
    server.restart(wal_level="logical", **{"pg_trickle.max_log_size": "1GB"})
    db.session.close()
    db.session = db.connect()
    db.run("CREATE TABLE trimmed (id int, filling text)")
    db.run("SELECT pgtrickle.create_stream_table('of_trimmed', 'SELECT id, filling FROM trimmed', '1s', 'DIFFERENTIAL')")
    db.value("SELECT slot_name FROM pg_create_logical_replication_slot('idle', 'pgoutput')")
    elsewhere = db.connect("postgres")
    elsewhere.autocommit = False
    elsewhere.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    for turn in range(3):
        db.run(FILL.format("trimmed", turn * 3000, turn * 3000 + 2999))
        db.run("SELECT pgtrickle.refresh_stream_table('of_trimmed')")
    db.wait_for(f"SELECT ({log_size('trimmed')}) < 2000000", True)
    elsewhere.close()
    db.run("SELECT pg_drop_replication_slot('idle')")


def a_log_whose_workers_are_replaced_between_two_looks():
    """There is always a snapshot that is older than the last look, and soon none that is older than the one before."""
    db.run("CREATE TABLE looked_at (id int, filling text); CREATE TABLE elsewhere (id int)")
    db.run("SELECT pgtrickle.create_stream_table('of_looked_at', 'SELECT id, filling FROM looked_at', '520w', 'DIFFERENTIAL')")
    is_over = threading.Event()

    def replace():
        killer = db.connect("postgres")
        while not is_over.wait(0.3):
            killer.cursor().execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker' AND state = 'idle'")
        killer.close()

    def read_on():
        open_ones = []
        while not is_over.wait(1):
            open_ones.append(db.connect())
            open_ones[-1].cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1 FROM elsewhere")
            if len(open_ones) > 3:
                open_ones.pop(0).close()
            writer.cursor().execute("INSERT INTO elsewhere VALUES (1)")
        for each in open_ones:
            each.close()

    writer = db.connect()
    threads = [threading.Thread(target=each) for each in (replace, read_on)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(2):
            db.run(FILL.format("looked_at", turn * 3000, turn * 3000 + 2999))
            db.run("SELECT pgtrickle.refresh_stream_table('of_looked_at')")
            db.wait_for(f"SELECT ({log_size('looked_at')}) = 0", True, 40)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
        writer.close()


def a_log_beyond_its_limit_that_no_snapshot_needs():
    """It is trimmed for all snapshots, and those that are younger than the moment when it was found unneeded read on."""
    server.restart()
    db.session.close()
    db.session = db.connect()
    db.run("CREATE TABLE found (id int, filling text); SELECT pgtrickle.create_stream_table('of_found', 'SELECT id, filling FROM found', '520w', 'DIFFERENTIAL')")
    old, reader, holder = db.connect(), db.connect(), db.connect()
    old.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    db.run(FILL.format("found", 1, 10000))
    db.run("SELECT pgtrickle.refresh_stream_table('of_found')")
    unneeded = ("(SELECT string_agg(s::regclass::text, ', ') FROM pgtrickle.pgt_source, unnest(segments, unneeded) u (s, found) "
                "WHERE relid = 'found'::regclass AND found IS NOT NULL)")
    db.wait_for(f"SELECT {unneeded} IS NOT NULL", True)
    cursor = reader.cursor()
    cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SET LOCAL pg_trickle.read_mode = exact; SELECT 1")
    holder.cursor().execute(f"BEGIN; LOCK TABLE {db.value(f'SELECT {unneeded}')} IN ACCESS SHARE MODE")
    db.alter_system("SET pg_trickle.max_log_size = '1MB'")
    db.wait_for("SHOW pg_trickle.max_log_size", "1MB")
    pid = old.info.backend_pid
    old.close()
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}", 0)
    holder.cursor().execute("ROLLBACK")
    db.wait_for(log_size("found"), 0)
    assert db.value("SELECT trim_horizon FROM pgtrickle.pgt_source WHERE relid = 'found'::regclass") is None
    cursor.execute("SELECT count(*) FROM of_found")
    assert cursor.fetchall() == [(10000,)]
    reader.close()
    holder.close()
    db.run("ALTER SYSTEM RESET pg_trickle.max_log_size")


try:
    run_cases([an_old_snapshot_after_a_log_has_exceeded_its_limit, a_transaction_that_has_read_exactly_keeps_no_lock_on_a_log,
               a_transaction_that_has_refreshed_keeps_no_lock_on_a_log, a_log_is_trimmed_beside_an_idle_transaction_that_has_refreshed,
               a_log_beside_an_idle_transaction_that_has_read_exactly, a_refresh_that_waits_while_a_log_exceeds_its_limit,
               a_column_that_gets_another_type_while_upkeep_moves_writers_on, a_log_of_which_only_rows_of_children_come,
               who_keeps_up_with_a_log_beyond_its_limit_keeps_its_deltas,
               an_exact_read_that_waits_while_a_log_beyond_its_limit_loses_removals,
               a_log_beside_a_transaction_that_has_written_to_one_segment,
               a_log_beside_those_who_cannot_read_it,
               a_log_whose_workers_are_replaced_between_two_looks,
               a_log_beyond_its_limit_that_no_snapshot_needs])
finally:
    server.destroy()
