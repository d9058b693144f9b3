#!/usr/bin/python3 -B
"""Shows which relations of another owner a role keeps locked that owns a partition or an inheritance child of a captured table:
the same as without capture, but for the lock of a reader. The statements which docs/security.md names, those that give a child
another parent or take one from it, lock out writers as well."""

import sys
import uuid
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER, OTHER = (f"{name}_{uuid.uuid4().hex[:8]}" for name in ("owner", "other"))
CHANGES_OF_PARENTS = ["ALTER TABLE tree.child NO INHERIT tree.middle", "ALTER TABLE tree.child INHERIT tree.mine",
                      "CREATE TABLE tree.more () INHERITS (tree.child, tree.mine)"]
STATEMENTS = [
    "INSERT INTO tree.child VALUES (2, 2)", "UPDATE tree.child SET n = 3", "DELETE FROM tree.child", "TRUNCATE tree.child", "LOCK TABLE tree.child",
    "ALTER TABLE tree.child ADD COLUMN more int", "ALTER TABLE tree.child ALTER COLUMN n SET DEFAULT 1", "ALTER TABLE tree.child ADD CHECK (n < 100)",
    "ALTER TABLE tree.child SET (fillfactor = 50)", "ALTER TABLE tree.child SET UNLOGGED", "ALTER TABLE tree.child DISABLE TRIGGER USER",
    "ALTER TABLE tree.child ENABLE ROW LEVEL SECURITY", "ALTER TABLE tree.child RENAME TO renamed", "ALTER TABLE tree.child SET TABLESPACE pg_default",
    "ALTER TABLE tree.child REPLICA IDENTITY FULL", "DROP TABLE tree.child", "CREATE INDEX ON tree.child (n)", "CREATE POLICY some ON tree.child",
    "CREATE TABLE tree.more () INHERITS (tree.child)", "ALTER TABLE tree.mine INHERIT tree.child", "CREATE STATISTICS tree.both ON id, n FROM tree.child",
    "CREATE TRIGGER one BEFORE UPDATE ON tree.child FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "CREATE RULE one AS ON INSERT TO tree.child DO INSTEAD NOTHING", "COMMENT ON TABLE tree.child IS 'one'",
    "SELECT pgtrickle.stop_capture('tree.child')", "SELECT pgtrickle.gate_source('tree.child')", "REVOKE ALL ON tree.child FROM {owner}", *CHANGES_OF_PARENTS]


def set_up(is_partitioned):
    def below(parent, bounds, more=""):
        return f"PARTITION OF tree.{parent} FOR VALUES FROM ({bounds[0]}) TO ({bounds[1]}) {more}" if is_partitioned else f"() INHERITS (tree.{parent})"

    by_range = "PARTITION BY RANGE (id)"
    db.run(f"""CREATE SCHEMA tree AUTHORIZATION {OWNER}; GRANT ALL ON SCHEMA tree TO {OTHER}; SET ROLE {OWNER};
        CREATE TABLE tree.root (id int NOT NULL, n int) {by_range if is_partitioned else ''}; CREATE TABLE tree.sibling {below('root', (100, 200))};
        CREATE TABLE tree.middle {below('root', (0, 100), by_range)}; CREATE TABLE tree.cousin {below('middle', (50, 100))};
        CREATE TABLE tree.child {below('middle', (0, 50))}; RESET ROLE; ALTER TABLE tree.child OWNER TO {OTHER};
        SET ROLE {OTHER}; GRANT SELECT, TRIGGER ON tree.child TO {OWNER}; INSERT INTO tree.child VALUES (1, 1);
        CREATE TABLE tree.mine (id int NOT NULL, n int); RESET ROLE""")


def locks_of(session, statement):
    """Returns the locks on the relations of the owner, or the SQLSTATE."""
    try:
        session.cursor().execute(statement.format(owner=OWNER))
        return {tuple(row) for row in db.run(
            f"""SELECT c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
                WHERE l.pid = {session.info.backend_pid} AND c.relowner = '{OWNER}'::regrole AND c.relkind <> 'i'""")}
    except psycopg2.Error as error:
        return error.pgcode
    finally:
        session.rollback()


def what_is_locked(is_partitioned):
    set_up(is_partitioned)
    session = db.connect()
    session.cursor().execute(f"SET SESSION AUTHORIZATION {OTHER}")
    session.autocommit = False
    plain = {statement: locks_of(session, statement) for statement in STATEMENTS}
    db.as_role(OWNER, """CREATE FOREIGN TABLE tree.counted (n int, c bigint) SERVER pgtrickle
        OPTIONS (query 'SELECT n, count(*) FROM tree.root GROUP BY n', schedule '520w')""")
    assert db.value("SELECT bool_and(is_captured) FROM pgtrickle.pgt_dependency")
    wrong = []
    for statement in STATEMENTS:
        found = locks_of(session, statement)
        if isinstance(found, str) or isinstance(plain[statement], str):
            is_right = found == plain[statement]
        else:
            more = {mode for _, mode in found - plain[statement]}
            is_right = more <= {"AccessShareLock", *(["ShareRowExclusiveLock"] if statement in CHANGES_OF_PARENTS else [])}
        if not is_right:
            wrong.append((statement, plain[statement], found))
    session.close()
    db.run("DROP SCHEMA tree CASCADE")
    assert not wrong, "\n".join(map(str, wrong))
    assert sum(not isinstance(locks, str) for locks in plain.values()) > 20, plain


def owners_of_partitions_lock_out_none():
    what_is_locked(True)


def owners_of_children_lock_out_none():
    what_is_locked(False)


db.run(f"CREATE ROLE {OWNER}; CREATE ROLE {OTHER}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {OWNER}")
try:
    run_cases([owners_of_partitions_lock_out_none, owners_of_children_lock_out_none])
finally:
    db.run(f"DROP OWNED BY {OWNER}, {OTHER} CASCADE; DROP ROLE {OWNER}, {OTHER}")
    db.drop()
