"""A statement in a session of its own, of which another session sees when it waits for a lock."""

import threading
import time

import psycopg2

IS_WAITING = "SELECT coalesce((SELECT wait_event_type = 'Lock' OR state LIKE 'idle%%' FROM pg_stat_get_activity(%s)), true)"


class Waiting(threading.Thread):
    """Executes `text` in the session, and closes that. After finish(), `error` is None or its SQLSTATE and message."""

    def __init__(self, session, text, outside):
        """start() starts the statement. `outside` is a session of another database, which no lock of this one stops."""
        super().__init__()
        self.session, self.text, self.outside, self.error = session, text, outside, None
        self.pid = session.get_backend_pid()

    def run(self):
        try:
            self.session.cursor().execute(self.text)
        except psycopg2.Error as error:
            self.error = f"{error.pgcode} {error}".strip()

    def await_lock_or_end(self):
        """Waits until the statement waits for a lock or, because it needs none, has ended."""
        deadline = time.monotonic() + 60
        with self.outside.cursor() as cursor:
            while time.monotonic() < deadline:
                cursor.execute(IS_WAITING, [self.pid])
                if cursor.fetchone()[0]:
                    return
                time.sleep(0.005)
        raise AssertionError(f"neither waits nor ends: {self.text}")

    def finish(self):
        self.join(60)
        assert not self.is_alive(), f"hangs: {self.text}"
        self.session.close()
