#!/usr/bin/python3 -B
"""Shows that writers of a source wait for no creation of a stream table and for no fill, and that none of
their changes is lost.

A function of the query waits for an advisory lock and thereby stops a fill; writers have a short lock_timeout
meanwhile.
"""

import functools
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

GATE = 4711
ROUNDS = 12
db = Database()
db.run("""CREATE FUNCTION through_gate(value int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$
          BEGIN PERFORM pg_advisory_xact_lock_shared(4711); RETURN value; END $$""")


opened = []


def connect():
    opened.append(db.connect())
    return opened[-1]


def closing(case):
    """Runs the case and closes all its sessions: a failing case leaves no locks to the next one."""
    @functools.wraps(case)
    def closed():
        try:
            case()
        finally:
            while opened:
                opened.pop().close()
    return closed


def begin():
    session = connect()
    session.cursor().execute("SET client_min_messages = error; SET statement_timeout = '20s'")
    session.autocommit = False
    return session


def impatient():
    session = connect()
    session.cursor().execute("SET lock_timeout = '500ms'")
    return session


def write(table, first):
    """Writes in all ways, without waiting."""
    cursor = impatient().cursor()
    cursor.execute(f"INSERT INTO {table} SELECT i, i %% 5 FROM generate_series(%s, %s) i", (first, first + 9))
    cursor.execute(f"UPDATE {table} SET k = k + 1 WHERE id % 3 = 0")
    cursor.execute(f"DELETE FROM {table} WHERE id = %s", (first + 4,))


def wait_for_gate(backend_type):
    db.wait_for(f"SELECT count(*) > 0 FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE locktype = 'advisory' "
                f"AND objid = {GATE} AND NOT granted AND backend_type = '{backend_type}'", True)


def make_source(table):
    db.run(f"CREATE TABLE {table} (id int PRIMARY KEY, k int)")
    db.run(f"INSERT INTO {table} SELECT i, i % 5 FROM generate_series(1, 100) i")


def difference(name, query):
    """Returns the rows that only one of the two has, as often as it has them."""
    return db.run(f"(TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})")


def last_action(name):
    return db.value("SELECT action FROM pgtrickle.get_refresh_history(%s, 1)", name)


def is_true_by_deltas(name, query):
    db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
    assert last_action(name) == "DIFFERENTIAL", last_action(name)
    assert difference(name, query) == [], difference(name, query)


def no_writer_waits_for_a_creation_that_is_not_committed():
    make_source("uncommitted")
    query = "SELECT k, count(*) AS n FROM uncommitted GROUP BY k"
    session = begin()
    session.cursor().execute("SELECT pgtrickle.create_stream_table('of_uncommitted', %s, '520w', 'DIFFERENTIAL')", (query,))
    write("uncommitted", 201)
    session.commit()
    write("uncommitted", 301)
    is_true_by_deltas("of_uncommitted", query)


def nor_for_one_over_two_sources_and_a_second_one_beside_it():
    make_source("one")
    make_source("other")
    query = "SELECT one.id, other.k FROM one JOIN other USING (id)"
    session, second = begin(), begin()
    session.cursor().execute("SELECT pgtrickle.create_stream_table('of_two', %s, '520w', 'DIFFERENTIAL')", (query,))
    second.cursor().execute("SELECT pgtrickle.create_stream_table('of_one', 'SELECT id, k FROM one', '520w', 'DIFFERENTIAL')")
    write("one", 201)
    write("other", 201)
    second.commit()
    session.rollback()
    write("one", 301)
    is_true_by_deltas("of_one", "SELECT id, k FROM one")
    # A source that only the rolled-back stream table reads does not stay captured for long.
    db.wait_for("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'other'::regclass", 0)


def nor_for_a_fill_in_a_session():
    make_source("filled")
    query = "SELECT through_gate(k) AS k, count(*) AS n FROM filled GROUP BY 1"
    gate, session = connect(), begin()
    gate.cursor().execute("SELECT pg_advisory_lock(%s)", (GATE,))
    thread = threading.Thread(daemon=True, target=session.cursor().execute, args=(
        "SELECT pgtrickle.create_stream_table('of_filled', %s, '520w', 'DIFFERENTIAL')", (query,)))
    thread.start()
    wait_for_gate("client backend")
    write("filled", 201)
    gate.cursor().execute("SELECT pg_advisory_unlock(%s)", (GATE,))
    thread.join()
    write("filled", 301)
    session.commit()
    is_true_by_deltas("of_filled", query)


def nor_for_a_first_fill_by_the_manager():
    make_source("later")
    query = "SELECT through_gate(k) AS k, count(*) AS n FROM later GROUP BY 1"
    gate = connect()
    gate.cursor().execute("SELECT pg_advisory_lock(%s)", (GATE,))
    db.run("SELECT pgtrickle.create_stream_table('of_later', %s, '1s', 'DIFFERENTIAL', false)", query)
    wait_for_gate("pg_trickle refresh worker")
    write("later", 201)
    gate.cursor().execute("SELECT pg_advisory_unlock(%s)", (GATE,))
    db.wait_for("SELECT is_populated FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'of_later'", True)
    write("later", 301)
    db.run("SELECT pgtrickle.refresh_stream_table('of_later')")
    assert difference("of_later", query) == [], difference("of_later", query)


def a_creation_waits_for_writers_and_keeps_none_waiting():
    make_source("written")
    query = "SELECT id, k FROM written"
    writer, session = begin(), begin()
    writer.cursor().execute("INSERT INTO written VALUES (201, 1)")
    thread = threading.Thread(daemon=True, target=session.cursor().execute, args=(
        "SELECT pgtrickle.create_stream_table('of_written', %s, '520w', 'DIFFERENTIAL')", (query,)))
    thread.start()
    db.wait_for("SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'virtualxid' AND NOT granted", True)
    write("written", 301)
    writer.cursor().execute("INSERT INTO written VALUES (202, 2)")
    writer.commit()
    thread.join()
    write("written", 401)
    session.commit()
    is_true_by_deltas("of_written", query)


def a_table_that_the_transaction_created_is_captured_in_it():
    session = begin()
    cursor = session.cursor()
    cursor.execute("CREATE TABLE own (id int PRIMARY KEY, k int); INSERT INTO own VALUES (1, 1)")
    cursor.execute("SELECT pgtrickle.create_stream_table('of_own', 'SELECT id, k FROM own', '520w', 'DIFFERENTIAL')")
    cursor.execute("INSERT INTO own VALUES (2, 2)")
    session.commit()
    write("own", 201)
    is_true_by_deltas("of_own", "SELECT id, k FROM own")


def a_stop_beside_a_creation_is_noticed_when_the_creation_commits():
    make_source("stopped")
    session = begin()
    session.cursor().execute("SELECT pgtrickle.create_stream_table('of_stopped', 'SELECT id, k FROM stopped', '0s', 'DIFFERENTIAL')")
    impatient().cursor().execute("SELECT pgtrickle.stop_capture('stopped')")
    write("stopped", 201)
    session.commit()
    db.wait_for("SELECT (SELECT count(*) FROM stopped) = (SELECT count(*) FROM of_stopped)", True)
    write("stopped", 301)
    assert difference("of_stopped", "SELECT id, k FROM stopped") == []
    db.wait_for("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'stopped'::regclass", 0)


class Writers:
    """Writes to two tables continuously, except for pauses, in which its transactions are closed."""

    def __init__(self, count):
        self.lock, self.is_over, self.errors = threading.Lock(), False, []
        self.locks = [threading.Lock() for _ in range(count)]
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        chooser, cursor = dice(number), connect().cursor()
        while not self.is_over:
            with self.locks[number]:
                try:
                    self.write(cursor, chooser)
                except psycopg2.errors.DeadlockDetected:  # a deadlock among the writers' own rows
                    cursor.execute("ROLLBACK")
                except Exception as error:  # noqa: BLE001: the main thread reports it
                    self.errors.append(error)
                    return
            time.sleep(0.0005)

    @staticmethod
    def write(cursor, dice):
        cursor.execute("BEGIN")
        for _ in range(dice.randint(1, 4)):
            table = dice.choice(("left_side", "right_side"))
            cursor.execute(dice.choice((
                f"INSERT INTO {table} SELECT max(id) + %s, %s FROM {table} ON CONFLICT DO NOTHING",
                f"UPDATE {table} SET k = %s WHERE id = (SELECT id FROM {table} ORDER BY id LIMIT 1 OFFSET %s)",
                f"DELETE FROM {table} WHERE id = %s AND id %% 7 <> %s")), (dice.randint(1, 9), dice.randint(0, 6)))
        cursor.execute(dice.choice(("COMMIT", "COMMIT", "COMMIT", "ROLLBACK")))

    def pause(self):
        for lock in self.locks:
            lock.acquire()

    def go_on(self):
        for lock in self.locks:
            lock.release()

    def end(self):
        self.is_over = True
        for thread in self.threads:
            thread.join()


def rows_written_beside_a_creation_are_applied_once():
    make_source("left_side")
    make_source("right_side")
    queries = ("SELECT l.k, count(*) AS n, sum(r.k) AS s FROM left_side l JOIN right_side r USING (id) GROUP BY l.k",
               "SELECT id, k FROM left_side UNION ALL SELECT id, k FROM right_side", "SELECT k FROM right_side")
    db.admin(f"ALTER DATABASE {db.name} SET deadlock_timeout = '100ms'")
    writers = Writers(2)
    try:
        for number in range(ROUNDS):
            query = queries[number % len(queries)]
            db.run("SELECT pgtrickle.create_stream_table('beside', %s, '520w', 'DIFFERENTIAL')", query)
            time.sleep(0.05)
            writers.pause()
            try:
                db.run("SELECT pgtrickle.refresh_stream_table('beside')")
                assert last_action("beside") in ("DIFFERENTIAL", "FULL"), last_action("beside")
                assert difference("beside", query) == [], (query, difference("beside", query))
            finally:
                writers.go_on()
            db.run("DROP FOREIGN TABLE beside")
    finally:
        writers.end()
    assert not writers.errors, writers.errors


try:
    run_cases([closing(case) for case in (
        no_writer_waits_for_a_creation_that_is_not_committed, nor_for_one_over_two_sources_and_a_second_one_beside_it,
        nor_for_a_fill_in_a_session, nor_for_a_first_fill_by_the_manager, a_creation_waits_for_writers_and_keeps_none_waiting,
        a_table_that_the_transaction_created_is_captured_in_it,
        a_stop_beside_a_creation_is_noticed_when_the_creation_commits, rows_written_beside_a_creation_are_applied_once)])
finally:
    db.drop()
