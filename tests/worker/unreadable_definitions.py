#!/usr/bin/python3 -B
"""Shows that a definition which cannot be read stops no refresh of another stream table.

Roles with few privileges make definitions that the manager cannot read. After a restart it reads all definitions: those
of another owner are refreshed nevertheless; the unreadable one is recorded as failing, with its own error, and is
refreshed when its cause is gone.
"""

import sys
import threading
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, as_soon_as_it_connects, run_cases  # noqa: E402: needs the path above

server = Server()
db = Database(server.host)
LEVELS = 18  # a view at the end of them is read 2 ^ 18 times

# By name: what the owner of the views makes of m2.a, and the error of the stream table.
POISONS = {
    "view_that_reads_itself": (["CREATE OR REPLACE VIEW m2.a AS SELECT x FROM m2.b"], "infinite recursion"),
    "views_that_read_themselves_twice": (["CREATE OR REPLACE VIEW m2.a AS SELECT x FROM m2.b UNION ALL SELECT x FROM m2.b"], "infinite recursion"),
    "views_that_read_each_other_twice": (
        ["CREATE VIEW m2.v0 AS SELECT 1 AS x"]
        + [f"CREATE VIEW m2.v{k} AS SELECT x FROM m2.v{k - 1} UNION ALL SELECT x FROM m2.v{k - 1}" for k in range(1, LEVELS + 1)]
        + [f"CREATE OR REPLACE VIEW m2.a AS SELECT x FROM m2.v{LEVELS}"], "too large"),
    "policies_that_read_each_other_twice": (
        ["CREATE TABLE m2.p0 (x int)"]
        + [f"CREATE TABLE m2.p{k} (x int); ALTER TABLE m2.p{k} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; "
           f"CREATE POLICY twice ON m2.p{k} USING (x IN (SELECT x FROM m2.p{k - 1}) AND x IN (SELECT x FROM m2.p{k - 1}))" for k in range(1, LEVELS + 1)]
        + [f"CREATE OR REPLACE VIEW m2.a AS SELECT x FROM m2.p{LEVELS}"], "too large"),
}


def as_role(role, *statements):
    session = db.connect(user=role)
    cursor = session.cursor()
    cursor.execute("SET client_min_messages = error")
    for statement in statements:
        cursor.execute(statement)
    rows = cursor.fetchall() if cursor.description else None
    session.close()
    return rows


def restart():
    db.session.close()
    server.restart()
    db.session = as_soon_as_it_connects(db.connect)
    db.run("SET client_min_messages = error; SET pg_trickle.max_staleness = -1")


def set_up():
    for role in "alice", "m1", "m2":
        db.run(f"CREATE ROLE {role} LOGIN; CREATE SCHEMA {role} AUTHORIZATION {role}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {role}; "
               f"GRANT USAGE ON SCHEMA {role} TO PUBLIC")
    as_role("alice", "CREATE TABLE alice.t (id int)", "SELECT pgtrickle.create_stream_table('alice.st', 'SELECT id FROM alice.t', '1s')")


def others_are_refreshed():
    as_role("alice", "INSERT INTO alice.t SELECT count(*) FROM alice.t")
    db.wait_for("SELECT (SELECT count(*) FROM alice.st) = (SELECT count(*) FROM alice.t)", True)


def unreadable(name):
    statements, error = POISONS[name]
    as_role("m2", "DROP VIEW IF EXISTS m2.a CASCADE", "CREATE VIEW m2.a AS SELECT 1 AS x", "CREATE VIEW m2.b AS SELECT x FROM m2.a",
            "GRANT SELECT ON m2.a, m2.b TO m1")
    as_role("m1", "SELECT pgtrickle.create_stream_table('m1.st', 'SELECT x FROM m2.b', '1h')")
    as_role("m2", *statements)
    as_role("m1", "ALTER FOREIGN TABLE m1.st OPTIONS (SET schedule '2h')")
    others_are_refreshed()
    restart()
    others_are_refreshed()
    db.wait_for("SELECT count(*) FROM pgtrickle.pgt_state WHERE relid = 'm1.st'::regclass AND status IN ('ERROR', 'SUSPENDED') "
                f"AND last_error_message LIKE '%{error}%'", 1)
    db.wait_for("SELECT count(*) > 0 FROM pgtrickle.health_check() h WHERE h::text LIKE '%m1.st%'", True)
    as_role("m2", "CREATE OR REPLACE VIEW m2.a AS SELECT 2 AS x")
    db.run("SELECT pgtrickle.resume_stream_table('m1.st') FROM pgtrickle.pgt_state WHERE relid = 'm1.st'::regclass AND status = 'SUSPENDED'")
    as_role("m1", "SELECT pgtrickle.refresh_stream_table('m1.st')")  # ends the back-off
    assert db.value("SELECT sum(x) FROM m1.st") == 2
    as_role("m1", "DROP FOREIGN TABLE m1.st")
    db.run("DROP SCHEMA m2 CASCADE; CREATE SCHEMA m2 AUTHORIZATION m2; GRANT USAGE ON SCHEMA m2 TO PUBLIC")


def a_locked_table_that_a_view_reads_now():
    as_role("m2", "CREATE TABLE m2.p (x int)", "CREATE TABLE m2.q (x int)", "CREATE VIEW m2.a AS SELECT x FROM m2.p", "GRANT SELECT ON m2.a TO m1")
    as_role("m1", "SELECT pgtrickle.create_stream_table('m1.st', 'SELECT x FROM m2.a', '1h')")
    changer, holder = db.connect(user="m2"), db.connect(user="m2")
    changer.cursor().execute("BEGIN; CREATE OR REPLACE VIEW m2.a AS SELECT x FROM m2.q")
    lock = threading.Thread(target=holder.cursor().execute, args=["BEGIN; LOCK TABLE m2.q"])
    lock.start()
    db.wait_for(f"SELECT wait_event_type FROM pg_stat_activity WHERE pid = {holder.info.backend_pid}", "Lock")
    changer.cursor().execute("COMMIT")
    lock.join()
    as_role("m1", "ALTER FOREIGN TABLE m1.st OPTIONS (SET schedule '2h')")
    for _ in range(3):
        others_are_refreshed()
    changer.close()
    holder.close()
    as_role("m1", "DROP FOREIGN TABLE m1.st")


def unreadable_case(name):
    def run_case():
        unreadable(name)
    run_case.__name__ = name
    return run_case


CASES = [*map(unreadable_case, POISONS), a_locked_table_that_a_view_reads_now]
try:
    set_up()
    run_cases([case for case in CASES if len(sys.argv) < 2 or sys.argv[1] in case.__name__])
finally:
    server.destroy()
