"""All places of user code and all secrets in one database, on which actions are performed and judged."""

import io
import re
from collections import defaultdict
from dataclasses import dataclass

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE
from actions import ACTIONS
from guises import GUISES, SHADOWS
from judge import is_allowed, may_meet
from marks import FAILING, PAYROLL, SALARIES, SALARY_VIEWS, TOWNS, is_known, marks_in
from places import PLACES
from recorder import Log
from roles import Arena, name_of

import actions_of_statements  # noqa: F401: adds its entries to ACTIONS

WORDS = re.compile("(?<![A-Za-z])(NAME|SOURCE|QUERY)(?![A-Za-z])|(?<![A-Z])(PLACE)(?![A-Z])")


@dataclass(frozen=True)
class Target:
    """A stream table of the owner, as actions name it."""
    place: str
    name: str
    source: str
    query: str

    def text(self, statement):
        words = {"NAME": self.name, "SOURCE": self.source, "QUERY": self.query, "PLACE": self.place}
        return WORDS.sub(lambda match: words[match.group(1) or match.group(2)], statement)


class Stage:
    def __init__(self, schedule="1s", host=None, log=None, is_immediate=False):
        self.arena = Arena(host, log)
        self.ran = defaultdict(set)  # (place, action) → the roles that ran it: the matrix
        self.sessions = {}
        self.targets = []
        self.wrongs = {}  # each kind of violation once, with an example
        self.shown = {}   # and each secret
        self.done = set()  # actions that succeeded
        self.failed = {}  # the others, with their errors
        owner = self.arena.session("owner")
        if owner.value("SHOW debug_assertions") == "on":
            PLACES.pop("deferred_trigger", None)  # one that catches an error fails an assertion of PostgreSQL
        for place in PLACES.values():
            place.prepare(owner.run)
        self.arena.log.events()
        for place in PLACES.values():
            place.create(owner.run, schedule, is_immediate)
            self.targets.append(Target(place.name, f"own.{place.name}", f"own.{place.name}_t", place.text(place.query)))
        self.look("creation", "owner", owner.pid, "define")
        self.set_secrets(owner)
        self.arena.run("dba", SHADOWS)

    def set_secrets(self, owner):
        self.arena.run("keeper", SALARIES)
        for text in (TOWNS, FAILING, PAYROLL):
            owner.run(text)
        owner.run("INSERT INTO own.texts VALUES (5, 'SECRET_5')")
        for name in SALARY_VIEWS:
            owner.run(f"CREATE FOREIGN TABLE own.of_{name} () SERVER pgtrickle OPTIONS (query 'SELECT * FROM keep.{name}', schedule '1s'); "
                      f"ANALYZE own.of_{name}")
            self.targets.append(Target(f"of_{name}", f"own.of_{name}", "keep.emp", f"SELECT * FROM keep.{name}"))
        self.targets.append(Target("payroll", "own.payroll", "own.payroll_t", "SELECT id, name, account FROM own.payroll_t"))
        self.targets.append(Target("big_towns", "own.big_towns", "own.visits",
                                   "SELECT town, count(*) FROM own.visits GROUP BY 1 HAVING count(*) >= 3"))
        self.targets.append(Target("numbers", "own.numbers", "own.texts", "SELECT id, t::int FROM own.texts"))

    def session(self, kind, guise):
        """Returns one session for each role and guise; it listens to alerts."""
        session = self.sessions.get((kind, guise))
        if session is None or session.connection.closed:
            session = self.sessions[kind, guise] = self.arena.fresh_session(kind)
            session.attempt("LISTEN pg_trickle_alert")  # not on a standby
            for statement in GUISES[guise]:
                session.run(statement)
            self.arena.log.events()
        return session

    def perform(self, action, kind, target, guise="plain"):
        """Performs the action, and records violations: canaries and secrets."""
        session = self.session(kind, guise)
        is_failed = False
        if action.is_rolled_back:
            session.attempt("BEGIN")
        for statement in action.statements:
            answer = do(session, target.text(statement))
            is_failed = isinstance(answer, psycopg2.Error)
            if is_failed:
                self.failed[action.name] = f"{target.text(statement)[:150]}: {str(answer).strip()}"
                break
        if not session.connection.closed and session.connection.info.transaction_status != TRANSACTION_STATUS_IDLE:
            session.attempt("ROLLBACK")
        about = f"{action.name} on {target.name} by {kind}" + (f" with {guise}" if guise != "plain" else "")
        self.look(action.name, kind, session.pid, action.kind, action.owners, about)
        self.listen("superuser" if action.is_superusers else kind, session, about)
        if not is_failed:
            self.done.add(action.name)

    def look(self, action, kind, pid, way, owners=("canary_owner",), about=None):
        """Judges the messages of canaries since the last look."""
        self.judge(self.arena.log.events(), action, kind, pid, way, owners, about)

    def judge(self, events, action, kind, pid, way, owners=("canary_owner",), about=None):
        own_pid = self.arena.db.session.info.backend_pid  # the test's own statements are not judged
        for event in events:
            if event.pid == own_pid:
                continue
            if event.place not in PLACES:  # shadowed names
                may = event.is_of_client and event.user == event.session and not (kind == "superuser" and way == "call" and event.pid == pid)
                where = event.place
            else:
                place = PLACES[event.place]
                may_caller = way == "define" or way in place.also
                owned = {"canary_owner", *(owners if event.pid == pid else ())} | ({"canary_creator"} if "canary_creator" in owners else set())
                meets = event.pid == pid and may_meet(kind, way, action)
                may = any(is_allowed(event, may_caller and event.pid == pid, owner, meets) for owner in owned)
                where = place.name
            who = kind if event.pid == pid else event.process
            self.ran[where, way if event.pid == pid else "background"].add(role_seen(event))
            if not may:
                key = (where, who, name_of(event.user), way if event.pid == pid else "")
                self.wrongs.setdefault(key, f"{about or action}: {event}")

    def listen(self, kind, session, about):
        alerts = [text for text in session.hear() if text.startswith("NOTIFY")]
        others = [text for text in session.heard if not text.startswith("NOTIFY")]
        session.heard.clear()
        for by, texts in ((about, others), ("an alert", alerts)):
            for mark in marks_in("\n".join(texts)):
                if not is_known(kind, mark):
                    self.shown.setdefault((kind, mark[:6], by.split(" on ")[0]), f"{by}: {kind} sees {mark}")

    def move(self, host, log):
        """Moves to another server that has the same database: a copy of this one."""
        self.leave()
        self.arena.db.host, self.arena.log = host, Log(log, self.arena.db.name)
        self.arena.db.session = self.arena.db.connect()

    def leave(self):
        for session in [*self.sessions.values(), *self.arena.sessions.values()]:
            session.close()
        self.sessions, self.arena.sessions = {}, {}

    def close(self):
        for session in self.sessions.values():
            session.close()
        self.arena.close()


def role_seen(event):
    """Returns the role as the matrix shows it."""
    if event.is_of_client and event.user == event.session:
        return "the owner, restricted" if event.is_restricted else "the role of the statement"
    kind = name_of(event.user)
    return ("the owner" if kind in ("owner", "creator") else kind) + (", restricted" if event.is_restricted else "")


def do(session, statement):
    """Runs one statement, or a COPY from or to the client; an error is a valid answer."""
    if not re.match("COPY ", statement):
        return session.attempt(statement)
    cursor, output = session.connection.cursor(), io.StringIO()
    try:
        if "FROM STDIN" in statement:
            cursor.copy_expert(statement, io.StringIO("7001\n"))
        else:
            cursor.copy_expert(statement, output)
        session.heard.append(output.getvalue())
        return None
    except psycopg2.Error as error:
        if session.connection.closed:
            raise
        session.heard.append(str(error))
        return error
    finally:
        session.listen()
