#!/usr/bin/python3 -B
"""Shows that each statement about a stream table that another session drops, or drops and creates again, in the
meantime works on what the name is then, or fails with an error for users: never with an internal one."""

import sys
import threading
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
db.run("CREATE SCHEMA other")
CREATE = "SELECT pgtrickle.create_stream_table('st', 'SELECT id, v FROM src', '1h')"
STATEMENTS = (
    "SELECT pgtrickle.create_or_replace_stream_table('st', 'SELECT id, v FROM src', '1h')",
    "SELECT pgtrickle.create_or_replace_stream_table('st', 'SELECT id, v + 1 AS v FROM src', '1h')",
    "SELECT pgtrickle.alter_stream_table('st', schedule => '2h')",
    "SELECT pgtrickle.alter_stream_table('st', query => 'SELECT id, v + 1 AS v FROM src')",
    "SELECT pgtrickle.alter_stream_table('st', status => 'SUSPENDED')",
    "SELECT pgtrickle.drop_stream_table('st')",
    "SELECT pgtrickle.drop_stream_table('st', cascade => true)",
    "SELECT pgtrickle.refresh_stream_table('st')",
    "SELECT pgtrickle.repair_stream_table('st')",
    "SELECT pgtrickle.export_definition('st')",
    "SELECT pgtrickle.explain_st('st')",
    "SELECT pgtrickle.pause_stream_table('st')",
    "SELECT pgtrickle.stream_table_key('st')",
    "SELECT count(*) FROM st",
    "ALTER FOREIGN TABLE st OPTIONS (SET schedule '2h')",
    "ALTER FOREIGN TABLE st OPTIONS (SET query 'SELECT id, v + 1 AS v FROM src')",
    "ALTER FOREIGN TABLE st OPTIONS (ADD storage_parameters 'fillfactor = 70')",
    "ALTER FOREIGN TABLE st ALTER COLUMN v SET STATISTICS 50",
    "ALTER FOREIGN TABLE st RENAME COLUMN v TO w",
    "ALTER FOREIGN TABLE st RENAME TO st_other",
    "ALTER FOREIGN TABLE st SET SCHEMA other",
    "ALTER FOREIGN TABLE st OWNER TO CURRENT_USER",
    "ALTER TABLE st SET TABLESPACE pg_default",
    "CREATE INDEX ON st (v)",
    "CREATE STATISTICS st_stats ON id, v FROM st",
    "COMMENT ON FOREIGN TABLE st IS 'x'",
    "CREATE VIEW st_view AS SELECT * FROM st",
    "BEGIN; LOCK TABLE st",
    "ANALYZE st",
    "VACUUM st",
    "REINDEX TABLE st",
    "DROP FOREIGN TABLE st",
)
IS_WAITING = ("SELECT coalesce((SELECT wait_event_type = 'Lock' OR state = 'idle' FROM pg_stat_activity "
              "WHERE pid = {}), true)")


class Statement(threading.Thread):
    """A statement in a session of its own; its error is None or its SQLSTATE and message."""

    def __init__(self, text):
        super().__init__()
        self.text, self.error = text, None
        self.session = db.connect()
        self.session.cursor().execute("SET client_min_messages = error; SET statement_timeout = '60s'")
        self.pid = self.session.get_backend_pid()
        self.start()

    def run(self):
        try:
            self.session.cursor().execute(self.text)
        except psycopg2.Error as error:
            self.error = f"{error.pgcode} {error}".strip()

    def await_lock_or_end(self):
        """Waits until the statement waits for a lock or, because it needs none, has ended."""
        db.wait_for(IS_WAITING.format(self.pid), True)


def run_beside(*others):
    """Runs each statement while another transaction executes `others`, and fails after internal errors."""
    internal = []
    for text in STATEMENTS:
        db.run("DROP SCHEMA public, other CASCADE; CREATE SCHEMA public; CREATE SCHEMA other")
        db.run("CREATE TABLE src AS SELECT i AS id, i AS v FROM generate_series(1, 2) i")
        db.run(CREATE)
        other = db.connect()
        other.autocommit = False
        for statement in others:
            other.cursor().execute(statement)
        waiting = Statement(text)
        waiting.await_lock_or_end()
        other.commit()
        other.close()
        waiting.join(60)
        assert not waiting.is_alive(), f"hangs: {text}"
        waiting.session.close()
        if waiting.error and waiting.error.startswith(("XX", "57", "None")):
            internal.append(f"{text}: {waiting.error}")
    assert not internal, "\n".join(internal)


def dropped():
    run_beside("DROP FOREIGN TABLE st")


def dropped_and_created_again():
    run_beside("DROP FOREIGN TABLE st", CREATE)


def replaced_by_a_table():
    run_beside("DROP FOREIGN TABLE st", "CREATE TABLE st (id int, v int)")


run_cases([dropped, dropped_and_created_again, replaced_by_a_table])
