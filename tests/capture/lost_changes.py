#!/usr/bin/python3 -B
"""Shows that no change is lost, and none is logged that is none, where the capture of a source ends, begins or takes another
way beside refreshes, writers and old snapshots. Each case is one order of the sessions' statements."""

import sys
import threading
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
EXACTLY, FRESH = "SET pg_trickle.read_mode = exact", "SET pg_trickle.max_staleness = 0"


class Session:
    """A session whose statements may wait."""

    all = []

    def __init__(self, *statements):
        self.connection = db.connect()
        self.all.append(self.connection)
        self.cursor = self.connection.cursor()
        self.thread = self.error = None
        for statement in ("SET client_min_messages = error", *statements):
            self.run(statement)

    def run(self, statement):
        self.cursor.execute(statement)
        return self.cursor.fetchall() if self.cursor.description else None

    def _try(self, statement):
        try:
            self.run(statement)
        except psycopg2.Error as error:
            self.error = error

    def start(self, statement):
        """Returns as soon as the statement waits for a lock, or has ended: a refresh does not wait for long to begin a capture."""
        self.thread = threading.Thread(target=self._try, args=(statement,))
        self.thread.start()
        waiting = f"SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = {self.connection.info.backend_pid}"
        while self.thread.is_alive() and not db.value(waiting):
            self.thread.join(0.01)

    def finish(self):
        """Returns the SQLSTATE with which the statement has ended; None: none."""
        self.thread.join()
        return self.error and self.error.pgcode


def differing(reader, name, query):
    return reader.run(f"SELECT count(*) FROM (({query}) EXCEPT ALL TABLE {name}) d")[0][0] + \
        reader.run(f"SELECT count(*) FROM (TABLE {name} EXCEPT ALL ({query})) d")[0][0]


def check(name, query, when):
    """Compares a stream table with its query, as each kind of read gives it, and after a refresh."""
    for settings in (EXACTLY,), (FRESH,), (EXACTLY, "BEGIN ISOLATION LEVEL REPEATABLE READ"):
        reader = Session(*settings)
        assert not (found := differing(reader, name, query)), (when, settings, found)
        reader.connection.close()
    db.run(f"SELECT pgtrickle.refresh_stream_table('{name}')")
    assert not (found := differing(Session(), name, query)), (when, "refreshed", found)


def create(name, query, schedule="1h"):
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s)", name, query, schedule)


def make_tables(*statements):
    db.run("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    for statement in statements:
        db.run(statement)


def triggers_are_disabled_while_a_refresh_waits():
    make_tables("CREATE TABLE a (id int PRIMARY KEY, v int)", "CREATE TABLE b (id int, w int)",
                "INSERT INTO a SELECT g, g FROM generate_series(1, 3) g", "INSERT INTO b SELECT g, g FROM generate_series(1, 3) g")
    query = "SELECT a.id, v, w FROM public.a JOIN public.b USING (id)"
    create("st", query)
    db.run("ALTER TABLE a DISABLE TRIGGER ALL")
    writer, refresher = Session("BEGIN", "INSERT INTO b VALUES (1, 1)", "ROLLBACK"), Session()
    db.run("BEGIN")
    db.run("INSERT INTO a VALUES (100, 1)")
    db.run(f"PREPARE TRANSACTION '{db.name}'")
    refresher.start("SELECT pgtrickle.refresh_stream_table('st')")
    db.run("ALTER TABLE b DISABLE TRIGGER ALL")
    writer.run("BEGIN")
    writer.run("INSERT INTO b VALUES (1, 111)")
    db.run(f"COMMIT PREPARED '{db.name}'")
    assert refresher.finish() in (None, "40001"), refresher.error
    writer.run("COMMIT")
    check("st", query, "the open writer has committed")
    db.run("INSERT INTO b VALUES (2, 222)")
    check("st", query, "another change")


def capture_begins_again_after_a_snapshot():
    for is_refreshed in True, False:
        make_tables("CREATE TABLE a (id int PRIMARY KEY, v int)", "INSERT INTO a SELECT g, g FROM generate_series(1, 3) g")
        query = "SELECT v, id FROM public.a WHERE id > 1"
        create("st", query)
        db.run("SELECT pgtrickle.stop_capture('a')")
        if is_refreshed:
            db.run("SELECT pgtrickle.refresh_stream_table('st')")
        db.run("INSERT INTO a VALUES (100, 1)")
        reader = Session(EXACTLY, "BEGIN ISOLATION LEVEL REPEATABLE READ", "SELECT 1")
        db.run("SELECT pgtrickle.allow_capture('a')")
        db.run("SELECT pgtrickle.refresh_stream_table('st')")
        try:
            assert not differing(reader, "st", query)
        except psycopg2.errors.SerializationFailure:
            pass
        reader.connection.close()
        check("st", query, is_refreshed)


def a_log_begins_again_without_the_columns_of_another():
    make_tables("CREATE TABLE a (id int PRIMARY KEY, v int, w int)", "INSERT INTO a SELECT g, g, g FROM generate_series(1, 3) g")
    create("ids", "SELECT id FROM public.a")
    create("st", "SELECT id, v FROM public.a WHERE v > 0", "0s")
    one = Session("BEGIN", "SELECT pgtrickle.stop_capture('a')", "SELECT pgtrickle.allow_capture('a')", "SELECT pgtrickle.refresh_stream_table('ids')",
                  "COMMIT")
    db.run("SELECT pgtrickle.refresh_stream_table('st')")
    db.run("UPDATE a SET v = v + 100")
    check("st", "SELECT id, v FROM a WHERE v > 0", "in one transaction")
    one.run("SELECT pgtrickle.stop_capture('a')")
    create("late", "SELECT id, w FROM public.a", "0s")
    one.run("SELECT pgtrickle.allow_capture('a')")
    for name in "ids", "late", "st":
        db.run(f"SELECT pgtrickle.refresh_stream_table('{name}')")
    db.run("UPDATE a SET w = w + 100, v = v + 1")
    check("late", "SELECT id, w FROM a", "defined while it was stopped")
    check("st", "SELECT id, v FROM a WHERE v > 0", "in several transactions")


PARTITIONS = ("CREATE TABLE root (id int, k int, v int) PARTITION BY RANGE (k)",
              "CREATE TABLE mid PARTITION OF root FOR VALUES FROM (5) TO (10) PARTITION BY RANGE (v)",
              "CREATE TABLE low PARTITION OF mid FOR VALUES FROM (minvalue) TO (4)", "CREATE TABLE others PARTITION OF mid DEFAULT",
              "INSERT INTO root SELECT g, 5 + g % 5, g % 8 FROM generate_series(1, 40) g")


def what_a_default_partition_gets_changes():
    query = "SELECT id, k, v FROM public.others"
    for change in ("DROP TABLE low", "ALTER TABLE mid DETACH PARTITION low", "ALTER TABLE mid DETACH PARTITION low; DROP TABLE low",
                   "CREATE TABLE more PARTITION OF mid FOR VALUES FROM (8) TO (9)",
                   "CREATE TABLE more (v int, k int, id int); ALTER TABLE mid ATTACH PARTITION more FOR VALUES FROM (8) TO (9)"):
        make_tables(*PARTITIONS)
        create("st", query, "0s")
        writer = Session("INSERT INTO root VALUES (1000, 6, 6)")
        check("st", query, "before " + change)
        db.run(change)
        writer.run("INSERT INTO root VALUES (1001, 6, 1)" if "low" in change else "INSERT INTO root VALUES (1001, 6, 8)")
        check("st", query, change)
        writer.run("DELETE FROM root WHERE id = 1001")
        check("st", query, "a deletion after " + change)


def a_partition_is_detached_concurrently():
    query = "SELECT k, id FROM public.t WHERE id > 1"
    for is_cancelled in False, True:
        for old, write in ("READ COMMITTED", "INSERT INTO x VALUES (100, 15)"), ("REPEATABLE READ", "INSERT INTO t VALUES (100, 15)"), \
                ("REPEATABLE READ", "DELETE FROM t WHERE k > 15"):
            make_tables("CREATE TABLE t (id int, k int) PARTITION BY RANGE (k)", "CREATE TABLE a PARTITION OF t FOR VALUES FROM (0) TO (10)",
                        "CREATE TABLE x PARTITION OF t FOR VALUES FROM (10) TO (20)", "INSERT INTO t SELECT g, g FROM generate_series(1, 19) g")
            create("st", query, "0s")
            reader, writer, detacher = Session("BEGIN", "SELECT count(*) FROM t"), Session("BEGIN ISOLATION LEVEL " + old, "SELECT 1"), Session()
            if old == "READ COMMITTED":
                writer.run(write)
            detacher.start("ALTER TABLE t DETACH PARTITION x CONCURRENTLY")
            db.run("SELECT pgtrickle.refresh_stream_table('st')")
            if old != "READ COMMITTED":
                writer.run(write)
            writer.run("COMMIT")
            db.wait_for(f"SELECT count(*) FROM pg_inherits WHERE inhdetachpending", 1)
            check("st", query, (write, "pending"))
            if is_cancelled:
                db.run(f"SELECT pg_cancel_backend({detacher.connection.info.backend_pid})")
                assert detacher.finish() == "57014", detacher.error
            reader.run("COMMIT")
            if is_cancelled:
                check("st", query, (write, "cancelled"))
                db.run("ALTER TABLE t DETACH PARTITION x FINALIZE")
            else:
                assert detacher.finish() is None, detacher.error
            check("st", query, (write, "detached"))
            db.run("INSERT INTO t VALUES (50, 5); INSERT INTO x VALUES (51, 15)")
            check("st", query, (write, "more"))


def triggers_of_a_tree_that_a_session_knows_to_be_complete():
    """They are looked at again after each change of the tree, and not without one."""
    query = "SELECT k, count(*) AS n, sum(v) AS total FROM t GROUP BY k"
    make_tables("CREATE TABLE t (k int, v int) PARTITION BY LIST (k)", "CREATE TABLE outside (k int, v int)",
                *(f"CREATE TABLE t_{k} PARTITION OF t FOR VALUES IN ({k})" for k in range(40)),
                "CREATE TABLE t_40 (k int, v int, CHECK (k = 40))")
    create("st", query)
    create("of_outside", "SELECT k, v FROM outside")
    refresher = Session()

    def refresh(when):
        refresher.run("SELECT pgtrickle.refresh_stream_table('st')")
        assert not (found := differing(refresher, "st", query)), (when, found)

    def scans():
        refresher.run("SELECT pg_stat_force_next_flush()")
        return db.value("SELECT sum(seq_scan + idx_scan) FROM pg_stat_all_tables WHERE relid = 'pgtrickle.pgt_source_format'::regclass")

    refresh("first")
    db.run("INSERT INTO t_3 VALUES (3, 3)")
    refresh("known")
    before = scans()
    for turn in range(10):
        refresher.run("SELECT pgtrickle.refresh_stream_table('of_outside'); SELECT pgtrickle.refresh_stream_table('st')")
    assert scans() - before < 10 * 40, scans() - before
    for command in ("ALTER TABLE t_3 DISABLE TRIGGER ALL", "ALTER TABLE t DISABLE TRIGGER ALL", "ALTER TABLE t_3 ENABLE TRIGGER ALL",
                    "ALTER TABLE t ATTACH PARTITION t_40 FOR VALUES IN (40)", "ALTER TABLE t_5 DISABLE TRIGGER ALL",
                    "ALTER TABLE t DETACH PARTITION t_7", "CREATE TABLE t_41 PARTITION OF t FOR VALUES IN (41)",
                    "ALTER TABLE t_41 DISABLE TRIGGER USER", "ALTER TABLE t_40 DISABLE TRIGGER ALL", "DROP TABLE t_8",
                    "ALTER TABLE t DETACH PARTITION t_9 CONCURRENTLY", "ALTER TABLE t ADD COLUMN w int DEFAULT 5"):
        db.run(command)
        for is_refreshed in False, True:
            db.run("INSERT INTO t (k, v) VALUES (1, 1), (3, 1), (5, 1); INSERT INTO t_3 (k, v) VALUES (3, 10); UPDATE t_5 SET v = v + 1; "
                   "INSERT INTO t_40 (k, v) VALUES (40, 1); DELETE FROM t WHERE k = 1")
            refresh((command, is_refreshed))
    for end in "ROLLBACK", "COMMIT":
        refresher.run("BEGIN; ALTER TABLE t_3 DISABLE TRIGGER ALL; SELECT pgtrickle.refresh_stream_table('st'); SAVEPOINT s; "
                      "ALTER TABLE t_5 DISABLE TRIGGER ALL; ROLLBACK TO s")
        refresher.run(end)
        db.run("INSERT INTO t_3 (k, v) VALUES (3, 7); INSERT INTO t (k, v) VALUES (5, 7)")
        refresh(end)


try:
    run_cases([triggers_are_disabled_while_a_refresh_waits, capture_begins_again_after_a_snapshot,
               a_log_begins_again_without_the_columns_of_another, what_a_default_partition_gets_changes, a_partition_is_detached_concurrently,
               triggers_of_a_tree_that_a_session_knows_to_be_complete])
finally:
    for connection in Session.all:
        connection.close()
    db.drop()
