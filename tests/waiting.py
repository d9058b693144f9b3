"""A statement in a thread, of which another session sees when it waits for a lock."""

import threading
import time

import psycopg2

IS_WAITING = "SELECT count(*) = 1 FROM pg_stat_get_activity(%s) WHERE wait_event_type = ANY(%s)"


class Waiting(threading.Thread):
    """Executes `text` in the session. After its end, `error` is None or its SQLSTATE and message, and `rows` are those of
    its last command."""

    def __init__(self, session, text, outside):
        """start() starts the statement. `outside` is a session of another database, which no lock of this one stops."""
        super().__init__()
        self.session, self.text, self.outside, self.error, self.rows = session, text, outside, None, None
        self.pid = session.get_backend_pid()

    def run(self):
        try:
            cursor = self.session.cursor()
            cursor.execute(self.text)
            self.rows = cursor.fetchall() if cursor.description else []
        except psycopg2.Error as error:
            self.error = f"{error.pgcode} {error}".strip()

    def await_lock_or_end(self, *other_events):
        """Waits until the statement waits for a lock, or for a wait event of the other types, or, because it needs none,
        has ended."""
        deadline = time.monotonic() + 60
        with self.outside.cursor() as cursor:
            while self.is_alive() and time.monotonic() < deadline:
                cursor.execute(IS_WAITING, [self.pid, ["Lock", *other_events]])
                if cursor.fetchone()[0]:
                    return
                time.sleep(0.005)
        assert not self.is_alive(), f"neither waits nor ends: {self.text}"

    def finish(self):
        """Waits for the end of the statement, and closes the session."""
        self.join(60)
        assert not self.is_alive(), f"hangs: {self.text}"
        self.session.close()
