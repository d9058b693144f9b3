"""The kinds of roles, and a database in which each has its objects.

Names in SQL texts: role canary_KIND, and for roles that create objects a schema of their own.
"""

import os
import re
import sys
import time
from collections import deque
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database  # noqa: E402: needs the path above
from recorder import RECORDER, Log  # noqa: E402

# Each role, and the schema in which it creates objects.
KINDS = {
    "owner": ("USAGE on the server; owns the stream tables and the user code", "own"),
    "creator": ("USAGE on the server; SELECT on what the owner has made", "cre"),
    "reader": ("SELECT on what the owner has made", None),
    "unprivileged": ("no privilege", None),
    "monitor": ("member of pg_monitor", None),
    "dba": ("owner of the database, no superuser", "dba"),
    "keeper": ("owner of sources, of which it shows others a part by views", "keep"),
    "superuser": ("superuser", None),
}

SET_UP = """
GRANT pg_monitor TO canary_monitor;
GRANT USAGE ON FOREIGN SERVER pgtrickle TO canary_owner, canary_creator, canary_keeper, canary_dba;
GRANT USAGE ON SCHEMA own, cre, dba, keep TO PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE canary_owner IN SCHEMA own
  GRANT SELECT, TRIGGER ON TABLES TO canary_reader, canary_creator;
"""


def role_of(kind):
    return "postgres" if kind == "superuser" else "canary_" + kind


class Session:
    """A connection of a role, which records every text that it receives."""

    def __init__(self, arena, kind, database=None, host=None):
        self.kind = kind
        self.connection = psycopg2.connect(
            host=host or arena.db.host, user=role_of(kind), dbname=database or arena.db.name,
            options="-c statement_timeout=30s -c lock_timeout=10s")
        self.connection.autocommit = True
        self.connection.notices = deque()  # a list would keep only fifty
        self.pid = self.connection.info.backend_pid
        self.heard = []

    def run(self, statement):
        """Returns the rows of the last statement; a PostgreSQL error as an exception."""
        cursor = self.connection.cursor()
        try:
            cursor.execute(statement)
            rows = cursor.fetchall() if cursor.description else None
            self.heard.append(str(rows))
            return rows
        except psycopg2.Error as error:
            self.heard.append(text_of(error))
            raise
        finally:
            self.listen()

    def attempt(self, statement):
        """Returns the rows, or the error, which is a valid answer too."""
        try:
            return self.run(statement)
        except psycopg2.Error as error:
            if self.connection.closed:
                raise
            return error

    def value(self, statement):
        return self.run(statement)[0][0]

    def listen(self):
        if self.connection.closed:
            return
        if self.connection.status == psycopg2.extensions.STATUS_READY or self.connection.autocommit:
            self.connection.poll()
        self.heard += self.connection.notices
        self.connection.notices.clear()
        self.heard += [f"NOTIFY {notify.channel} {notify.payload}" for notify in self.connection.notifies]
        self.connection.notifies.clear()

    def hear(self):
        """Collects the messages since the last text()."""
        self.listen()
        return self.heard

    def text(self):
        text, self.heard = "\n".join(self.hear()), []
        return text

    def close(self):
        self.connection.close()


def text_of(error):
    diag = error.diag
    return "\n".join(filter(None, (str(error), diag.message_primary, diag.message_detail, diag.message_hint,
                                   diag.context, diag.internal_query)))


class Arena:
    """A database of the role dba with all kinds of roles in it, and the log of its server."""

    def __init__(self, host=None, log=None):
        remove_remains(host)
        self.db = Database(host)
        self.log = Log(log or Path(os.environ["SCRATCH"]) / "server.log", self.db.name)
        self.sessions = {}
        for kind, (_, schema) in KINDS.items():
            if kind != "superuser":
                self.db.run(f"CREATE ROLE {role_of(kind)} LOGIN")
            if schema:
                self.db.run(f"CREATE SCHEMA {schema} AUTHORIZATION {role_of(kind)}")
        self.db.run(f"ALTER DATABASE {self.db.name} OWNER TO canary_dba")
        self.db.run(SET_UP)
        self.db.run(RECORDER)

    def session(self, kind):
        """Returns the session of this kind of role, which is kept."""
        if kind not in self.sessions or self.sessions[kind].connection.closed:
            self.sessions[kind] = Session(self, kind)
        return self.sessions[kind]

    def fresh_session(self, kind):
        """Returns a new session, for actions that set things or shadow names."""
        return Session(self, kind)

    def run(self, kind, *statements):
        rows = None
        for statement in statements:
            rows = self.session(kind).run(statement)
        return rows

    def attempt(self, kind, statement):
        return self.session(kind).attempt(statement)

    def wait_until(self, condition, what, limit_s=30):
        """Waits for a condition in Python; after the limit, raises an error about `what`, or returns False if it is
        None."""
        deadline = time.monotonic() + limit_s
        while not (found := condition()):
            if time.monotonic() > deadline:
                if what is None:
                    return False
                raise AssertionError(f"{what}: not within {limit_s} s")
            time.sleep(0.05)
        return found

    def refreshed_by_manager(self, stream_table, write, limit_s=30):
        """Writes as the superuser and waits until a process of the extension has refreshed the stream table,
        or failed to."""
        state = f"SELECT last_refresh_at, last_error_at, consecutive_errors FROM pgtrickle.pgt_state WHERE relid = '{stream_table}'::regclass"
        before = self.db.run(state)
        self.db.run(write)
        self.wait_until(lambda: self.db.run(state) != before, f"refresh of {stream_table} by the manager", limit_s)

    def close(self):
        for session in self.sessions.values():
            session.close()
        self.db.session.close()
        remove_remains(self.db.host)


def remove_remains(host):
    """Removes objects of this script, or of a run that was killed."""
    session = psycopg2.connect(host=host or os.environ["PGHOST"], user="postgres", dbname="postgres")
    session.autocommit = True
    cursor = session.cursor()
    cursor.execute("SELECT datname FROM pg_database WHERE datdba = to_regrole('canary_dba')")
    for (name,) in cursor.fetchall():
        cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")
    for kind in KINDS:
        cursor.execute(f"DROP ROLE IF EXISTS canary_{kind}")
    cursor.execute("ALTER ROLE postgres RESET search_path")
    session.close()


def name_of(user):
    """Returns the kind of a role of the arena, by its name."""
    return "superuser" if user == "postgres" else re.sub("^canary_", "", user)
