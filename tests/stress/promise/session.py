"""A session that acts: its actions are recorded, with the errors that it may get."""

import threading
import time
import traceback

import psycopg2

TRY_AGAIN = {"40P01", "40001", "55P03", "57014"}
# Renamed or dropped for a moment, exists already, in use, held, stale, rolled back by an error before it.
MET_ANOTHER = {"42P01", "42P07", "42703", "42704", "42701", "42710", "42712", "42P15", "2BP01", "55000", "55006", "25P02",
               "42P05", "26000", "0A000", "42P16", "42883", "42809", "22023", "34000"}
KILLED = {"57P01", "57P02", "57P03"}
HANG = "canceling statement due to statement timeout"


class Undo(Exception):
    """The transaction conflicted with another one, and must be rolled back."""


class Session:
    def __init__(self, world, who, number):
        self.world = world
        self.who = who
        self.random = world.chooser(number)
        self.is_put_right = True
        self.open()

    def open(self):
        self.session = self.world.connect()
        self.session.notices = []
        self.cursor = self.session.cursor()
        # A reader waits for at most its own timeout, a lock request for its own, and each is a fraction of
        # this.
        self.run("SET statement_timeout = '40s'; SET client_min_messages = warning; SET lock_timeout = '3s'; "
                 "SET pg_trickle.scan_refresh_timeout = '3s'")
        self.prepare()

    def prepare(self):
        """Prepares further requirements of a kind of session."""

    def note(self, begun, statement, outcome):
        self.world.history.append((begun, time.time(), self.who, statement, outcome))

    def run(self, statement, *values):
        begun = time.time()
        done = f"{statement} {values}" if values else statement
        self.warnings = []
        try:
            self.cursor.execute(statement, values or None)
            rows = self.cursor.fetchall() if self.cursor.description else None
        except psycopg2.Error as error:
            self.note(begun, done, f"{error.pgcode} {str(error).strip()}")
            raise
        self.warnings = list(self.session.notices)
        del self.session.notices[:]
        for warning in self.warnings:
            if "inconsistent with its query" in warning or "leak" in warning:
                self.world.fault(f"{warning}\n{statement}")
        self.note(begun, done, " ".join([str(rows)[:1000] if rows else "", *self.warnings]))
        return rows

    def is_expected(self, error):
        if HANG in str(error):
            return False
        if error.pgcode == "XX000" and "tuple concurrently" in str(error):
            return True
        return error.pgcode in TRY_AGAIN | MET_ANOTHER | KILLED

    def pause(self, longest_s):
        time.sleep(self.random.random() * longest_s)

    def has_ended(self, error):
        # Without a code: the server has gone, which the connection does not always detect yet.
        is_gone = error.pgcode is None and not isinstance(error, psycopg2.ProgrammingError)
        return bool(self.session.closed) or is_gone or error.pgcode in KILLED

    def begin_again(self):
        """Begins again after the connection was lost."""
        self.world.count("connections lost")
        self.is_put_right = False
        while True:
            self.session.close()
            try:
                self.open()
                return
            except psycopg2.Error as error:
                if not self.has_ended(error) and not self.is_expected(error):
                    raise

    def attempt(self, act):
        """Returns whether the act was completed. Otherwise its transaction is rolled back."""
        try:
            act()
            return True
        except Undo:
            pass
        except psycopg2.Error as error:
            self.end_or_judge(error)
        while True:
            try:
                self.run("ROLLBACK")
                return False
            except psycopg2.Error as error:  # killed or cancelled again
                self.end_or_judge(error)

    def end_or_judge(self, error):
        if self.has_ended(error):
            self.begin_again()
            return
        self.world.count(f"error {error.pgcode}")
        if not self.is_expected(error):
            statement = self.cursor.query.decode() if self.cursor.query else ""
            self.world.fault(f"{self.who}: {error.pgcode}: {error}\n{statement}")

    def act(self):
        raise NotImplementedError

    def put_right(self):
        """Repairs the effects of a lost connection, and at the end all remaining ones."""

    def put_right_and_act(self):
        if not self.is_put_right:
            self.put_right()
            self.is_put_right = True
        self.act()

    def go(self):
        try:
            while self.world.goes_on():
                if not self.attempt(self.put_right_and_act):
                    self.pause(0.1)  # the obstacle, such as a missing name, is still there
        except Exception:  # noqa: BLE001: any other error is a fault
            self.world.fault(f"{self.who}: {traceback.format_exc()}")

    def start(self):
        thread = threading.Thread(target=self.go)
        thread.start()
        return thread

    def end(self):
        """Called when all others have stopped."""
        self.attempt(self.put_right)
        self.session.close()
