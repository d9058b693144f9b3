#!/usr/bin/python3 -B
"""Shows that an ALTER of a query, which has computed the rows, is not the victim of a deadlock with a transaction that has read the
stream table and has been waiting for the ALTER for longer than its deadlock_timeout."""

import os
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

LONG_S = 60
GATE = 78124
WAITERS = {
    "index": "BEGIN; SELECT FROM followed; CREATE INDEX ON followed (n); COMMIT",
    "first_dependent": "SELECT pgtrickle.create_stream_table('dependent', 'SELECT n FROM followed', '520w')",
    "first_dependent_in_transaction": "BEGIN; SELECT FROM followed; "
                                      "SELECT pgtrickle.create_stream_table('dependent', 'SELECT n FROM followed', '520w'); COMMIT",
}
db = Database()
db.run("CREATE TABLE item (id int PRIMARY KEY, n int); INSERT INTO item VALUES (1, 1)")
db.run(f"CREATE FUNCTION held(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS "
       f"'BEGIN PERFORM pg_advisory_xact_lock_shared({GATE}); RETURN n + 1; END'")


class Session(threading.Thread):
    """Runs a statement, and keeps the SQLSTATE of its error."""

    def __init__(self, statement):
        super().__init__()
        self.session, self.statement, self.error = db.connect(), statement, None
        self.session.cursor().execute("SET client_min_messages = error")
        self.start()

    def run(self):
        try:
            self.session.cursor().execute(self.statement)
        except psycopg2.Error as error:
            self.error = error.pgcode

    def waits_for(self, kinds):
        db.wait_for(f"SELECT wait_event_type = 'Lock' AND wait_event = ANY ('{kinds}') FROM pg_stat_activity "
                    f"WHERE pid = {self.session.info.backend_pid}", True)

    def result(self):
        self.join(LONG_S)
        assert not self.is_alive(), f"{self.statement} has not ended"
        self.session.close()
        return self.error


def has_looked_for_deadlock(session):
    """PostgreSQL reports a wait in the log after it has looked for a deadlock, and looks once."""
    log = Path(os.environ["SCRATCH"]) / "server.log"
    return f"process {session.session.info.backend_pid} still waiting for" in log.read_text(errors="replace")


def beside(waiter):
    db.run("DROP FOREIGN TABLE IF EXISTS followed CASCADE")
    db.run("SELECT pgtrickle.create_stream_table('followed', 'SELECT id, n FROM item', '520w')")
    db.run("SELECT pg_advisory_lock(%s)", GATE)
    alter = Session("ALTER FOREIGN TABLE followed OPTIONS (SET query 'SELECT id, held(n) AS n FROM item')")
    alter.waits_for("{advisory}")
    other = Session("SET log_lock_waits = on; SET deadlock_timeout = '100ms'; " + waiter)
    other.waits_for("{relation,virtualxid}")
    deadline = time.monotonic() + LONG_S
    while not has_looked_for_deadlock(other):
        assert time.monotonic() < deadline, f"{waiter} has not looked for a deadlock"
        time.sleep(0.02)
    db.run("SELECT pg_advisory_unlock(%s)", GATE)
    return alter.result(), other.result()


def the_transaction_that_waits_is_the_victim():
    found = {name: beside(waiter) for name, waiter in WAITERS.items()}
    assert found == dict.fromkeys(WAITERS, (None, "40P01")), found


try:
    run_cases([the_transaction_that_waits_is_the_victim])
finally:
    db.drop()
