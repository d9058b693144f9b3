#!/usr/bin/python3 -B
"""Shows what other sessions find while a refresh is committed and visible, but has not yet sent its invalidations, nor
released its locks."""

import sys
import threading
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, compile_library, run_cases  # noqa: E402: needs the path above

server = Server()
compile_library("tests/faults/late_commit.c", server.folder / "late_commit.so")
late = server.folder / "data/late_release"
db = Database(server.host)
db.let_own_stream_tables("keeper")
IS_CAPTURED = "SELECT is_captured FROM pgtrickle.list_sources('kept')"
CAPTURED_WHEN_FRESH = f"SELECT pgtrickle.wait_until_fresh('kept', '1min'); {IS_CAPTURED}"


class Statement(threading.Thread):
    """Executes `text` in the session. `rows` are those of its last command."""

    def __init__(self, session, text):
        super().__init__()
        self.session, self.text, self.rows = session, text, None
        self.start()

    def run(self):
        cursor = self.session.cursor()
        cursor.execute(self.text)
        self.rows = cursor.fetchall() if cursor.description else []

    def await_wait_or_end(self):
        deadline = time.monotonic() + 60
        while self.is_alive() and not db.value("SELECT wait_event_type IN ('Lock', 'Extension') FROM pg_stat_activity WHERE pid = %s",
                                               self.session.get_backend_pid()):
            assert time.monotonic() < deadline, f"neither waits nor ends: {self.text}"


def begin_to_capture():
    """Returns a refresh from which on the source is captured, and which is committed."""
    db.run("CREATE TABLE source (v int); GRANT SELECT ON source TO keeper")
    db.run("INSERT INTO source VALUES (1)")
    db.as_role("keeper", "SELECT pgtrickle.create_stream_table('kept', 'SELECT max(v) AS v FROM source', '520w')")
    refreshing = db.connect()
    refreshing.cursor().execute(f"LOAD '{server.folder}/late_commit.so'")
    late.write_text("")
    # The manager, which would refresh after a GRANT, learns of it at the same time.
    refresh = Statement(refreshing, "GRANT TRIGGER ON source TO keeper; SELECT pgtrickle.refresh_stream_table('kept')")
    db.wait_for("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'source'::regclass AND tgname LIKE 'pg_trickle%'", 5)
    db.wait_for("SELECT coalesce(pgtrickle.get_staleness('kept'), 0) = 0", True)
    return refresh


def end(refresh):
    late.unlink()
    refresh.join()
    refresh.session.close()


def wait_until_fresh_waits_until_the_definition_is_known():
    observer = db.connect()
    observer.cursor().execute("SET client_min_messages = error")
    db.run("SET pg_trickle.max_staleness = 0")
    refresh = begin_to_capture()
    waiter = Statement(observer, CAPTURED_WHEN_FRESH)
    waiter.await_wait_or_end()
    was_waiting = waiter.is_alive()
    assert db.run("TABLE kept") == [(1,)]  # a reader does not wait
    writer = Statement(db.connect(), "INSERT INTO source VALUES (2)")
    writer.await_wait_or_end()
    assert writer.is_alive(), "the writer did not wait for the triggers"
    end(refresh)
    writer.join()
    waiter.join()
    assert db.run("TABLE kept") == [(2,)]
    assert waiter.rows == [(True,)], waiter.rows
    assert was_waiting
    for session in (observer, writer.session):
        session.close()


try:
    run_cases([wait_until_fresh_waits_until_the_definition_is_known])
finally:
    late.unlink(missing_ok=True)
    server.destroy()
