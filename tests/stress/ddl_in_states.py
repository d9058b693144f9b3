#!/usr/bin/python3 -B
"""Runs DDL and functions of the extension in each state that stream tables can be in: held in all ways, suspended, failed, not yet
filled or being filled, restored from a dump, prepared for pg_upgrade, or beside prepared transactions. Then the state ends.

Each case is a state and one to three entries of ddl_in_states.sql, alone or in a transaction with savepoints, with writes
before, between and after them. The class of errors is a state in which a change is not noticed, or is applied twice. Checked:
- no statement ends with an internal error or a timeout;
- each way to read a stream table shows the rows of its query and, where no statement has replaced this, of a view with the
  original query; or the read and the query fail alike, or the read reports that a refresh has failed;
- indexes, comments, privileges, statistics and their targets of stream tables are kept;
- dropped stream tables leave nothing.

DURATION_S is the duration; SEED repeats the cases, though not what the manager does meanwhile; CASE=N runs one only.
"""

import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
import seeds  # noqa: E402: needs the path above
from database import Database, run_cases  # noqa: E402: likewise
from final_state import check_leftovers  # noqa: E402: likewise

DURATION_S = float(os.environ.get("DURATION_S", 15))
CASE = os.environ.get("CASE")
BETWEEN_STATEMENTS = re.compile(r";\s*(?=(?:[^']*'[^']*')*[^']*$)")  # outside of literals
ENTRIES = [line for line in Path(__file__).with_suffix(".sql").read_text().splitlines() if not line.startswith("--")]
SOURCES = """
CREATE SCHEMA app; CREATE SCHEMA aside; CREATE SCHEMA views; GRANT ALL ON SCHEMA app, aside, views TO ddl_owner, ddl_member;
SET ROLE {owner};
CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TYPE pair AS (x int, y int); CREATE DOMAIN dom AS int;
CREATE TABLE a (id int PRIMARY KEY, k int NOT NULL, v int, m mood, p pair, d dom, t text, unused int, u2 text);
CREATE TABLE b (k int PRIMARY KEY, w int, x int) PARTITION BY RANGE (k);
CREATE TABLE b1 PARTITION OF b FOR VALUES FROM (0) TO (5); CREATE TABLE b2 PARTITION OF b FOR VALUES FROM (5) TO (10);
CREATE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
CREATE VIEW vw AS SELECT id, k, v, d FROM a WHERE id > 0;
INSERT INTO a SELECT i, i % 7, i, (ARRAY['sad', 'ok'])[1 + i % 2]::mood, (i % 3, i % 2)::pair, i, 'x' || i % 4, i, 'u'
  FROM generate_series(1, 30) i;
INSERT INTO b SELECT i, i * 10, i FROM generate_series(0, 8) i;
CREATE INDEX ON a (k); RESET ROLE;
"""
STREAM_TABLES = {  # query and schedule
    "s1": ("SELECT a.id, a.k, app.f(a.v) AS fv, a.m, a.p, a.d, b.w, a.t FROM app.a JOIN app.b ON b.k = a.k", "1h"),
    "s2": ("SELECT k, count(*) AS n, sum(v) AS s, min(d) AS lo, max(id) AS hi FROM app.vw GROUP BY k", "0s"),
    "s3": ("SELECT s2.k, s2.n, s1.id, 100 / (s2.n + 1) AS q FROM app.s2 LEFT JOIN app.s1 ON s1.k = s2.k AND s1.m = 'sad'", "calculated"),
    "s4": ("SELECT p, count(*) AS n, array_agg(id ORDER BY id) AS ids FROM app.a "
           "WHERE EXISTS (SELECT FROM app.b WHERE b.k = a.k AND b.w > 0) GROUP BY p", "1h"),
}
ATTACHMENTS = """
CREATE INDEX s1_user ON s1 (k, fv); CREATE UNIQUE INDEX s2_user ON s2 (k); CREATE STATISTICS s1_stat ON k, w FROM s1;
GRANT SELECT ON s1 TO ddl_member; COMMENT ON FOREIGN TABLE s1 IS 'of table'; COMMENT ON COLUMN s1.k IS 'of column';
ALTER FOREIGN TABLE s1 ALTER k SET STATISTICS 77;
"""
ATTACHED = """
SELECT relname, what FROM pg_class s JOIN pg_foreign_table ON ftrelid = s.oid, LATERAL (
  SELECT indexname FROM pg_indexes WHERE indexname = relname || '_user'
  UNION ALL SELECT stxname FROM pg_statistic_ext WHERE stxname = relname || '_stat'
  UNION ALL SELECT description FROM pg_description WHERE objoid = s.oid AND description LIKE 'of %'
  UNION ALL SELECT 'privilege' WHERE has_table_privilege('ddl_member', s.oid, 'SELECT')
  UNION ALL SELECT 'target' FROM pg_attribute WHERE attrelid = s.oid AND attstattarget = 77) x (what)
"""
WRITES = (
    "INSERT INTO app.a (id, k, v, m, p, d, t) VALUES ({id}, {n} % 7, {n}, 'ok', ROW({n}, 1)::app.pair, {n}, 'new')",
    "UPDATE app.a SET v = v + 1, k = (k + 1) % 7 WHERE id % 5 = {n} % 5", "DELETE FROM app.a WHERE id % 6 = {n} % 6",
    "UPDATE app.a SET m = 'sad', p = ROW(9, {n})::app.pair WHERE id % 4 = {n} % 4", "DELETE FROM app.b WHERE k = {n} % 9",
    "UPDATE app.b SET w = w + {n} WHERE k % 3 = {n} % 3", "INSERT INTO app.b VALUES ({n} % 9, {n}, 0) ON CONFLICT DO NOTHING")
PREPARED = (
    "ALTER FOREIGN TABLE s1 OPTIONS (SET schedule '5m')", "DROP FOREIGN TABLE s3", "DROP FOREIGN TABLE s4",
    "ALTER FOREIGN TABLE s4 OPTIONS (SET query 'SELECT p, count(*) AS n, min(id) AS ids FROM app.a GROUP BY p')",
    "ALTER TABLE a RENAME COLUMN v TO vv", "UPDATE a SET v = 3; SELECT pgtrickle.refresh_stream_table('app.s4')",
    "CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 5'",
    "ALTER TABLE b DETACH PARTITION b2", "TRUNCATE a", "ALTER TABLE a ADD COLUMN z int DEFAULT 4", "ALTER TABLE a RENAME TO a_new",
    "CREATE INDEX ON s1 (t)", "ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'", "INSERT INTO a (id, k) VALUES (5000, 1)",
    "SELECT pgtrickle.create_stream_table('app.s5', 'SELECT k FROM app.a')")
REDEFINING = (
    "CREATE OR REPLACE FUNCTION app.f(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 7'",
    "TRUNCATE app.a; INSERT INTO app.a (id, k, v) SELECT i, i % 7, i FROM generate_series(1, 20) i",
    "ALTER TABLE app.a DISABLE TRIGGER ALL; UPDATE app.a SET v = v + 9; ALTER TABLE app.a ENABLE TRIGGER ALL",
    "ALTER TABLE app.a DROP CONSTRAINT a_pkey", "ALTER TABLE app.b DETACH PARTITION app.b2")
WAYS_TO_READ = ("SET pg_trickle.max_staleness = 0", "SET pg_trickle.read_mode = exact",
                "SET pg_trickle.max_staleness = 0; SET pg_trickle.enable_expansion = off")
STALE, DEADLOCK = "55000", "40P01"
REPLACES_QUERY = re.compile("query|create_or_replace|ALTER COLUMN")
OF_ATTACHED = re.compile(r"\bs[12]\b|\bs[12]_")

db = Database()
counts = {"statements that succeeded": 0, "statements that failed": 0, "equal reads with rows": 0, "equal reads without rows": 0,
          "equal errors": 0, "reads that report a failed refresh": 0}


class Fault(Exception):
    """A finding, which ends the case."""


def run(statement, session=None):
    """Returns the rows. Internal errors, timeouts and lost connections are faults."""
    cursor = (session or db.session).cursor()
    try:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []
    except psycopg2.Error as error:
        if (error.pgcode or "XX").startswith("XX") or error.pgcode == "57014":
            raise Fault(f"{statement}: {error.pgcode} {error}") from error
        raise


def error_of(statement, session=None):
    """Runs the statement, and returns its error, or None."""
    try:
        run(statement, session)
    except psycopg2.Error as error:
        return f"{error.pgcode} {error}".splitlines()[0]
    return None


def stream_tables():
    """Returns name, query, owner, the view with the original query if there is one of the owner, and why it has failed, if it has."""
    return run("""
        SELECT format('%I.%I', pgt_schema, pgt_name), rtrim(defining_query, '; '), relowner::regrole::text, (
          SELECT format('views.%I', v.relname) FROM pg_class v WHERE v.relnamespace = to_regnamespace('views')
            AND v.relname = replace(pgt_name, '_new', '') AND v.relowner = c.relowner),
          coalesce(last_error_message, CASE WHEN status IN ('ERROR', 'SUSPENDED') THEN status END)
        FROM pgtrickle.pgt_stream_tables JOIN pg_class c ON c.oid = pgt_relid""")


def tables():
    return run("SELECT format('%I.%I', nspname, relname) FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
               "WHERE nspname IN ('app', 'aside', 'renamed') AND relkind IN ('r', 'p')")


def for_each(call, relations):
    """Calls a function of the extension for each relation. It refuses those that the state does not concern."""
    for name, *_ in relations:
        error_of(f"SELECT pgtrickle.{call.format(name)}")


def rows_or_error(query, session):
    try:
        return sorted(row for row, in run(f"SELECT whole_row::text FROM {query} whole_row", session))
    except psycopg2.Error as error:
        return f"{error.pgcode} {error}"


def roll_back_prepared():
    for prepared in "case", "state":
        error_of(f"ROLLBACK PREPARED '{db.name}_{prepared}'")


def clear():
    """Ends all that a case may leave, and waits until what it has dropped has left nothing."""
    roll_back_prepared()
    run("RESET ROLE; SET search_path = app, public; SET lock_timeout = '30s'")
    for schema in "views", "app", "renamed", "aside":
        run(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
    error_of("SELECT pgtrickle.finish_upgrade()")
    run("SELECT pgtrickle.resume_scheduler(); DROP PUBLICATION IF EXISTS pub")
    for kind in "watermark", "refresh":
        run(f"SELECT pgtrickle.drop_{kind}_group(group_name) FROM pgtrickle.{kind}_groups()")
    db.let_own_stream_tables("ddl_owner", "ddl_member")
    deadline = time.monotonic() + 30
    while True:
        left = []
        check_leftovers(db.session.cursor(), left.append)
        if not left:
            return
        if time.monotonic() > deadline:
            raise Fault(f"left behind: {left}")
        time.sleep(0.02)


class Case:
    def __init__(self, number):
        self.dice = seeds.dice(number)
        self.owner = self.dice.choice(["postgres", "ddl_owner"])
        self.state = self.dice.choice(STATES)
        self.entries = self.dice.sample(ENTRIES, self.dice.choice([1, 1, 2, 3]))
        self.attached = set()
        self.done = [f"case {number}: {self.state.__name__}, owner {self.owner}"]

    def write(self, times):
        run("SET lock_timeout = '300ms'")
        for _ in range(times):
            statement = self.some_write()
            self.note(statement, error_of(statement))
        run("SET lock_timeout = '10s'")

    def some_write(self):
        return self.dice.choice(WRITES).format(id=self.dice.randrange(31, 2000), n=self.dice.randrange(100))

    def note(self, statement, error=None):
        self.done.append(statement + (f" -- {error}" if error else ""))

    def create(self, more=""):
        run(f"SET ROLE {self.owner}")
        for name, (query, schedule) in STREAM_TABLES.items():
            run(f"SELECT pgtrickle.create_stream_table('app.{name}', $q${query}$q$, '{schedule}'{more})")
        run(ATTACHMENTS + "RESET ROLE")
        self.attached = set(run(ATTACHED))

    def create_views(self):
        """Views with the original queries, over each other. They keep PostgreSQL from running some statements."""
        run(f"SET ROLE {self.owner}")
        for name, (query, _) in STREAM_TABLES.items():
            run(f"CREATE VIEW views.{name} AS " + re.sub(r"app\.(s\d)", r"views.\1", query))
        run("RESET ROLE")

    def run_entry(self, entry, session):
        """Returns whether all its statements succeeded."""
        for statement in filter(None, BETWEEN_STATEMENTS.split(entry)):
            error = error_of(statement, session)
            self.note(statement, error)
            counts["statements that " + ("failed" if error else "succeeded")] += 1
            if error:
                return False
        return True

    def run_in_savepoint(self, entry, session):
        run("SAVEPOINT one", session)
        if not self.run_entry(entry, session) or self.dice.random() < 0.2:
            run("ROLLBACK TO one", session)
            self.note("ROLLBACK TO one")

    def some_access(self):
        name = f"app.s{self.dice.randrange(1, 5)}"
        return self.dice.choice([
            self.some_write(), f"SELECT pgtrickle.refresh_stream_table('{name}')",
            f"SET LOCAL pg_trickle.max_staleness = 0; SELECT count(*) FROM {name}",
            f"SET LOCAL pg_trickle.read_mode = exact; SELECT count(*) FROM {name}; SET LOCAL pg_trickle.read_mode = refresh"])

    def run_in_transaction(self, session):
        level = self.dice.choice(["READ COMMITTED"] * 3 + ["REPEATABLE READ", "SERIALIZABLE"])
        run(f"BEGIN ISOLATION LEVEL {level}", session)
        self.note(f"BEGIN ISOLATION LEVEL {level}")
        for entry in [*self.entries, None]:
            for _ in range(self.dice.choice([0, 0, 1, 2])):
                self.run_in_savepoint(self.some_access(), session)
            if entry:
                self.run_in_savepoint(entry, session)
        end = self.dice.choice(["COMMIT"] * 4 + ["ROLLBACK", f"PREPARE TRANSACTION '{db.name}_case'"])
        error = error_of(end, session)
        self.note(end, error)
        if end.startswith("PREPARE") and not error:
            self.write(1)
            self.finish_prepared(f"{db.name}_case", session)

    def finish_prepared(self, name, session=None):
        end = self.dice.choice(["COMMIT", "COMMIT", "ROLLBACK"]) + f" PREPARED '{name}'"
        self.note(end, error_of(end, session))

    def run_entries(self):
        session = db.connect()
        run("SET search_path = app, public; SET client_min_messages = error; SET lock_timeout = '3s'; SET statement_timeout = '60s'", session)
        if self.owner == "ddl_owner" and self.dice.random() < 0.3:
            run("SET ROLE ddl_owner", session)
            self.note("SET ROLE ddl_owner")
        if self.dice.random() < 0.5 and not any("BEGIN;" in entry for entry in self.entries):
            self.run_in_transaction(session)
        else:
            for entry in self.entries:
                self.run_entry(entry, session)
                error_of("ROLLBACK", session)
        session.close()

    def go(self):
        run(SOURCES.format(owner=self.owner))
        if self.dice.random() < 0.5:
            self.create_views()
        state = self.state(self)
        next(state)
        self.write(5)
        self.run_entries()
        self.write(3)
        next(state, None)
        self.write(3)
        for_each("resume_stream_table('{}')", stream_tables())
        if "COMMIT PREPARED" in "".join(self.done):  # names that it has changed are written into queries by the next refresh
            for_each("refresh_stream_table('{}')", stream_tables())
        for name, *_ in stream_tables():
            self.compare(name)
        present = {name.rpartition(".")[2] for name, *_ in stream_tables()}
        lost = {pair for pair in self.attached - set(run(ATTACHED)) if pair[0] in present}
        if lost and not OF_ATTACHED.search("".join(self.entries)):
            raise Fault(f"lost: {lost}")

    def compare(self, name):
        (owner, view), = [found[2:4] for found in stream_tables() if found[0] == name]
        for way in WAYS_TO_READ:
            session = db.connect()
            run("SET search_path = pg_catalog; SET pg_trickle.on_stale = error; SET statement_timeout = '60s'; "
                f"SET pg_trickle.scan_refresh_timeout = '20s'; {way}; SET ROLE {owner}", session)
            found = rows_or_error(name, session)
            if str(found).startswith((STALE, DEADLOCK)):  # the manager may not have ended what the read needs
                time.sleep(0.5)
                found = rows_or_error(name, session)
            query, = [query for other, query, *_ in stream_tables() if other == name]
            self.judge(f"{name} with {way}, compared with its query {query}", found, rows_or_error(f"({query})", session))
            if view and not REPLACES_QUERY.search("".join(self.done)):
                self.judge(f"{name} with {way}, compared with {view}", found, rows_or_error(view, session))
            session.close()

    def judge(self, what, found, wanted):
        if isinstance(found, list) and found == wanted:
            counts["equal reads with rows" if found else "equal reads without rows"] += 1
        elif isinstance(found, str) and isinstance(wanted, str) and found[:5] == wanted[:5]:
            counts["equal errors"] += 1
        elif isinstance(found, str) and found.startswith(STALE) and has_failed_rightly():
            counts["reads that report a failed refresh"] += 1
        else:
            raise Fault(f"{what}:\nfound  {found}\nwanted {wanted}\n"
                        f"failed {[(name, failure) for name, *_, failure in stream_tables() if failure]}")


def has_failed_rightly():
    """Returns whether a stream table has failed whose query fails for its owner too, or to which an entry has added a unique index."""
    return any("unique constraint" in failure or error_of(f"SET LOCAL ROLE {owner}; SELECT whole_row::text FROM ({query}) whole_row")
               for _, query, owner, _, failure in stream_tables() if failure)


def active(case):
    case.create()
    yield


def suspended(case):
    case.create()
    for name in case.dice.sample(sorted(STREAM_TABLES), 2):
        run(f"SELECT pgtrickle.alter_stream_table('app.{name}', status => 'SUSPENDED')")
    yield
    for_each("alter_stream_table('{}', status => 'ACTIVE')", stream_tables())


def pause(case):
    some = case.dice.choice(["", "ARRAY['app.s1', 'app.s2', 'app.s4']"])
    run(f"SELECT pgtrickle.pause_scheduler({some})")
    case.note(f"pause_scheduler({some})")


def resume():
    run("SELECT pgtrickle.resume_scheduler()")
    for_each("resume_scheduler(ARRAY['{}'])", stream_tables())


def paused(case):
    case.create()
    pause(case)
    yield
    resume()


def gated(case):
    case.create(case.dice.choice(["", ", initialize => false"]))
    run(f"SELECT pgtrickle.gate_source('app.{case.dice.choice('ab')}')")
    yield
    for_each("ungate_source('{}')", tables())


def behind_a_watermark(case):
    case.create()
    run("SELECT pgtrickle.create_watermark_group('wg', ARRAY['app.a', 'app.b']); SELECT pgtrickle.advance_watermark('app.a', '2026-01-01')")
    yield
    error_of("SELECT pgtrickle.drop_watermark_group('wg')")


def frozen(case):
    case.create()
    run("SELECT pgtrickle.alter_stream_table('app.s1', tier => 'frozen')")
    yield
    for_each("alter_stream_table('{}', tier => 'hot')", stream_tables())


def not_filled(case):
    run("SELECT pgtrickle.pause_scheduler()")
    case.create(", initialize => false")
    yield
    resume()


def being_filled(case):
    """A fill that waits for half a second more."""
    blocker = db.connect()
    run("SELECT pg_advisory_lock(42)", blocker)
    run("CREATE OR REPLACE FUNCTION app.f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS "
        "'BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN $1 + 1; END'")
    run(f"SET ROLE {case.owner}; SELECT pgtrickle.create_stream_table('app.s1', $q${STREAM_TABLES['s1'][0]}$q$, '1h', initialize => false); RESET ROLE")
    db.wait_for("SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database WHERE datname = current_database() AND NOT granted", 1)
    timer = threading.Timer(0.5, blocker.close)
    timer.start()
    yield
    timer.join()


def restored(case):
    case.create()
    dump = subprocess.run(["pg_dump", "-n", "app", "-n", "aside", "-n", "views", "--inserts", "-h", db.host, "-U", "postgres", db.name],
                          capture_output=True, text=True, check=True).stdout
    run("DROP SCHEMA app, aside, views CASCADE")
    restoring = db.connect()
    run("SET client_min_messages = error;" + re.sub(r"^\\.*", "", dump, flags=re.M), restoring)
    case.attached = set(run(ATTACHED))  # a dump of schemas is without the indexes of stream tables
    yield
    restoring.close()


def beside_prepared(case):
    case.create()
    session = db.connect()
    run("SET search_path = app, public; BEGIN", session)
    case.run_entry(case.dice.choice(PREPARED), session)
    run(f"PREPARE TRANSACTION '{db.name}_state'", session)
    session.close()
    yield
    case.finish_prepared(f"{db.name}_state")


def failed(case):
    case.create()
    run("SELECT pgtrickle.create_stream_table('app.s6', 'SELECT id, 10 / v AS q, m FROM app.a', 'calculated')")
    run("INSERT INTO app.a (id, k, v) VALUES (6000, 1, 0)")
    error_of("SET LOCAL pg_trickle.max_staleness = 0; SET LOCAL pg_trickle.scan_refresh_timeout = '2s'; SELECT * FROM app.s6")
    yield
    for source, in tables():
        error_of(f"DELETE FROM {source} WHERE v = 0")


def redefined(case):
    """Changed in ways after which the stream tables are to be filled again."""
    case.create()
    pause(case)
    for statement in case.dice.sample(REDEFINING, 2):
        case.note(statement, error_of(statement))
    yield
    resume()


def without_capture(case):
    case.create()
    run("SELECT pgtrickle.stop_capture('app.a')")
    yield
    for_each("allow_capture('{}')", tables())


def prepared_for_upgrade(case):
    case.create()
    case.write(5)
    run("SELECT pgtrickle.prepare_upgrade()")
    yield
    case.note("finish_upgrade", error_of("SELECT pgtrickle.finish_upgrade()"))


STATES = (active, suspended, paused, gated, behind_a_watermark, frozen, not_filled, being_filled, restored,
          beside_prepared, failed, redefined, without_capture, prepared_for_upgrade)


def statements_in_each_state_are_followed():
    end, number = time.monotonic() + DURATION_S, int(CASE or 0)
    while time.monotonic() < end:
        case = Case(number)
        try:
            clear()
            case.go()
        except (Fault, psycopg2.Error, AssertionError) as fault:
            raise AssertionError("\n".join(case.done) + f"\n{type(fault).__name__}: {fault}") from fault
        if CASE:
            break
        number += 1
    clear()
    print(f"seed {seeds.SEED}: {number} cases, " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    assert CASE or counts["equal reads with rows"] > 4 * number and counts["statements that succeeded"] > counts["statements that failed"]


def a_changed_row_of_the_storage_is_found():
    case = Case(0)
    run(SOURCES.format(owner=case.owner))
    case.create()
    run("SELECT pgtrickle.refresh_stream_table('app.s2'); UPDATE pg_trickle_storage.st_%d SET n = n + 1 WHERE k = 3"
        % db.value("SELECT 'app.s2'::regclass::oid"))
    try:
        for name, *_ in stream_tables():
            case.compare(name)
    except Fault as fault:
        assert str(fault).startswith("app.s2 with SET pg_trickle.max_staleness = 0, "), fault
    else:
        raise AssertionError("the comparison finds it equal")


try:
    clear()
    run("GRANT ddl_owner TO ddl_member")
    run_cases([a_changed_row_of_the_storage_is_found, statements_in_each_state_are_followed])
finally:
    roll_back_prepared()
    db.admin(f"DROP DATABASE {db.name} WITH (FORCE)")
    db.admin("DROP ROLE ddl_owner, ddl_member")
