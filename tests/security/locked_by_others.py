#!/usr/bin/python3 -B
"""Shows that the owner of a stream table can neither delay nor prevent a statement of the owner of what it reads, or of a
superuser: a role that may only SELECT from a view or table locks its own stream tables over that exclusively, or lets its
functions fail, and statements that change what these mean, or their names, do not wait, nor fail. Their next refresh follows each statement."""

import itertools
import sys
import threading
import uuid
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER, OTHER = (f"{name}_{uuid.uuid4().hex[:8]}" for name in ("owner", "other"))
ZONE = "SELECT id, n, (date '2024-01-01' + n)::timestamptz::text AS t FROM item"
STATEMENTS = [
    "CREATE OR REPLACE VIEW seen AS SELECT id, n + 1 AS n, t FROM item",
    "CREATE OR REPLACE VIEW seen AS SELECT id, n, t FROM another",
    f"CREATE OR REPLACE VIEW seen AS {ZONE}",
    "ALTER VIEW seen SET (security_barrier)",
    "CREATE OR REPLACE RULE \"_RETURN\" AS ON SELECT TO seen DO INSTEAD SELECT id, n * 2 AS n, t FROM item",
    "CREATE POLICY few ON item USING (id < 6)",
    "ALTER TABLE item ENABLE ROW LEVEL SECURITY",
    "ALTER POLICY few ON item USING (id < 4)",
    "ALTER TABLE item ADD COLUMN more int",
    "ALTER TABLE item DISABLE ROW LEVEL SECURITY, DROP COLUMN more",
    "DROP POLICY few ON item",
    "CREATE OR REPLACE FUNCTION plus(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 + 5; END'",
    "ALTER TYPE mood ADD VALUE IF NOT EXISTS 'none'",
    "ALTER DOMAIN small DROP CONSTRAINT small_check",
    "TRUNCATE item",
]
UNDONE = {  # they are run with the stream tables unlocked, too
    "ALTER VIEW seen SET (security_barrier)": "ALTER VIEW seen RESET (security_barrier)",
    "ALTER TABLE item ENABLE ROW LEVEL SECURITY": "ALTER TABLE item DISABLE ROW LEVEL SECURITY",
}
RENAMES = {
    "ALTER TABLE item RENAME COLUMN n TO number": "ALTER TABLE item RENAME COLUMN number TO n",
    "ALTER TABLE item RENAME TO thing": "ALTER TABLE thing RENAME TO item",
    "ALTER VIEW seen RENAME COLUMN t TO texts": "ALTER VIEW seen RENAME COLUMN texts TO t",
    "ALTER VIEW seen RENAME TO viewed": "ALTER VIEW viewed RENAME TO seen",
    "ALTER FUNCTION plus(int) RENAME TO added": "ALTER FUNCTION added(int) RENAME TO plus",
    "ALTER TYPE mood RENAME VALUE 'good' TO 'fine'": "ALTER TYPE mood RENAME VALUE 'fine' TO 'good'",
    "ALTER TYPE mood RENAME TO temper": "ALTER TYPE temper RENAME TO mood",
    "ALTER DOMAIN small RENAME TO little": "ALTER DOMAIN little RENAME TO small",
    "ALTER TABLE item SET SCHEMA further": "ALTER TABLE further.item SET SCHEMA owner",
    "ALTER FUNCTION plus(int) SET SCHEMA further": "ALTER FUNCTION further.plus(int) SET SCHEMA owner",
    "ALTER SCHEMA owner RENAME TO holder; SET search_path = holder": "ALTER SCHEMA holder RENAME TO owner; SET search_path = owner",
}
# Ways in which a role keeps its own stream table locked; {n}: its name, {q}: a query that reads nothing.
LOCKS = ["ALTER FOREIGN TABLE {n} RENAME TO moved_{n}", "DROP FOREIGN TABLE {n}", "ALTER FOREIGN TABLE {n} OPTIONS (SET schedule '500w')",
         "ALTER FOREIGN TABLE {n} OPTIONS (SET query '{q}')"]
CONSTANTS = {"of_view": "SELECT 1 AS id, 2 AS n, NULL::text AS t", "groups": "SELECT 1 AS n, 2::bigint AS c", "called": "SELECT 1 AS id, 2 AS n",
             "failing": "SELECT 1 AS id, 2 AS n", "some": "SELECT 1 AS id"}
MODES = ("full", "auto")
QUERIES = {
    "of_view": "SELECT id, n, t FROM owner.seen", "groups": "SELECT n, count(*) AS c FROM owner.seen GROUP BY n",
    "whole": "SELECT item FROM owner.item", "called": "SELECT id, owner.plus(n) AS n FROM owner.item",
    "failing": "SELECT id, other.unsteady(n) AS n FROM owner.seen",
    "moods": "SELECT id, 'good'::owner.mood AS m, n::owner.small AS s FROM owner.item",
    "listed": "SELECT m, count(*) AS c FROM owner.felt GROUP BY m", "some": "SELECT id FROM owner.item",
}
PARTITIONED = {"listed": "LIST (m, 'good')"}


def session(role, schema):
    cursor = db.connect().cursor()
    for statement in (f"SET ROLE {role}", f"SET search_path = {schema}", "SET client_min_messages = error", "SET lock_timeout = '10s'"):
        cursor.execute(statement)
    return cursor


def set_up():
    db.run(f"GRANT USAGE ON FOREIGN SERVER pgtrickle TO {OTHER}, {OWNER}")
    owner.execute(f"""CREATE TABLE item (id int PRIMARY KEY, n int, t text); INSERT INTO item SELECT g, g % 3, 'x' FROM generate_series(1, 9) g;
        CREATE TABLE another (LIKE item); INSERT INTO another VALUES (1, 1, 'y'); CREATE VIEW seen AS SELECT id, n, t FROM item;
        CREATE FUNCTION plus(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1 + 1; END';
        CREATE TYPE mood AS ENUM ('good'); CREATE TABLE felt (m mood); INSERT INTO felt VALUES ('good'); CREATE DOMAIN small AS int CHECK (VALUE < 1000);
        GRANT SELECT ON seen TO {OTHER}; GRANT SELECT, TRIGGER ON item, another, felt TO {OTHER}""")
    other.execute("""CREATE TABLE switch (is_off bool); CREATE FUNCTION unsteady(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
        'BEGIN IF EXISTS (SELECT FROM other.switch) THEN RAISE EXCEPTION ''switched off''; END IF; RETURN $1; END'""")
    for mode in MODES:
        for name, query in QUERIES.items():
            other.execute("SELECT pgtrickle.create_stream_table(%s, %s, '520w', %s, partition_by => %s)",
                          (f"{name}_{mode}", query, mode, PARTITIONED.get(name)))


def differing():
    """Returns the stream tables that differ, after a refresh, from their queries, whose texts follow names."""
    found = []
    for mode in MODES:
        for name in QUERIES:
            stream_table = f"{name}_{mode}"
            other.execute(f"SELECT pgtrickle.refresh_stream_table('{stream_table}')")
            other.execute(f"SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_relid = '{stream_table}'::regclass")
            query = other.fetchone()[0]
            other.execute(f"SELECT count(*) FROM ((TABLE {stream_table} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {stream_table})) d")
            if other.fetchone()[0] > 0:
                found.append(stream_table)
        option = db.value("SELECT option_value FROM pg_foreign_table, pg_options_to_table(ftoptions) WHERE option_name = 'partition_by' "
                          f"AND ftrelid = 'other.listed_{mode}'::regclass")
        label = db.value("SELECT enumlabel FROM pg_enum WHERE enumlabel <> 'none'")
        if label not in option:
            found.append((option, label))
    return found


def lock_all(way):
    return "BEGIN; " + "; ".join(way.format(n=f"{name}_{mode}", q=CONSTANTS.get(name)) for mode in MODES for name in QUERIES
                                 if "{q}" not in way or name in CONSTANTS)


ways = itertools.cycle(LOCKS[1:])


def run_beside_locks(by, statement):
    """Tries the statement beside one of the other ways to lock, and executes it beside the first one."""
    way = next(ways)
    other.execute(lock_all(way))
    by.execute("SET statement_timeout = '10s'")  # a wait for a lock may end by lock_timeout without an error
    try:
        by.execute(f"BEGIN; {statement}")
    except psycopg2.Error as error:
        raise AssertionError((statement, way)) from error
    finally:
        by.execute("ROLLBACK")
        other.execute("ROLLBACK; DELETE FROM switch")
    other.execute("INSERT INTO switch VALUES (true)")
    other.execute(lock_all(LOCKS[0]))
    try:
        by.execute(statement)
    except psycopg2.Error as error:
        raise AssertionError(statement) from error
    by.execute("RESET statement_timeout")
    other.execute("ROLLBACK")


def rename_all(by):
    for statement, back in RENAMES.items():
        for each in statement, back:
            run_beside_locks(by, each)
            other.execute("DELETE FROM switch")
            assert not (found := differing()), (each, found)
            by.execute(back if each == statement else statement)
            assert not (found := differing()), (each, "unlocked", found)
            by.execute(each)


def run_all(by):
    for statement in STATEMENTS:
        run_beside_locks(by, statement)
        if statement in UNDONE:
            by.execute(UNDONE[statement])
            by.execute(statement)
        other.execute("DELETE FROM switch")
        assert not (found := differing()), (statement, found)
        owner.execute("INSERT INTO item VALUES ((SELECT max(id) + 1 FROM another) + 100, 2, 'z') ON CONFLICT DO NOTHING")
        owner.execute("INSERT INTO another SELECT max(id) + 1, 3, 'w' FROM another")
        assert not (found := differing()), (statement, "changes", found)


def nothing_of_the_owner_waits_or_fails():
    run_all(owner)
    rename_all(owner)


def nothing_of_a_superuser_waits_or_fails():
    owner.execute("ALTER DOMAIN small ADD CONSTRAINT small_check CHECK (VALUE < 1000)")
    superuser = db.connect().cursor()
    superuser.execute("SET search_path = owner; SET client_min_messages = error; SET lock_timeout = '20s'")
    run_all(superuser)
    rename_all(superuser)


def what_else_a_query_reads_does_not_matter():
    """The other role locks a table of its own that its query reads too, or gives it a policy that fails."""
    other.execute("CREATE TABLE own AS SELECT 1 AS k")
    other.execute("SELECT pgtrickle.create_stream_table('beside', 'SELECT i.id FROM owner.item i, other.own', '520w', 'FULL')")
    superuser = db.connect().cursor()
    superuser.execute("SET search_path = owner; SET client_min_messages = error")
    begin_and_end = (
        ("BEGIN; LOCK TABLE own IN ACCESS EXCLUSIVE MODE", "ROLLBACK"),
        ("CREATE POLICY endless ON own USING (EXISTS (SELECT FROM other.own)); ALTER TABLE own ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
         "ALTER TABLE own DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY; DROP POLICY endless ON own"))
    for begin, end in begin_and_end:
        other.execute(begin)
        for by in owner, superuser:
            for statement in ("ALTER TABLE item ADD COLUMN more int", "ALTER TABLE item DROP COLUMN more", "ALTER TABLE item RENAME COLUMN id TO ids",
                              "ALTER TABLE item RENAME COLUMN ids TO id"):
                by.execute(f"SET lock_timeout = '2s'; {statement}")
        superuser.execute("ALTER TEXT SEARCH CONFIGURATION pg_catalog.simple ALTER MAPPING FOR asciiword WITH simple")
        if begin.startswith("CREATE"):  # REASSIGN OWNED itself would wait for the other's locks
            superuser.execute(f"BEGIN; REASSIGN OWNED BY {OTHER} TO CURRENT_USER; ROLLBACK")
        superuser.execute("SELECT count(*) FROM pgtrickle.recommend_refresh_mode()")
        other.execute(end)
    superuser.connection.close()
    assert not (found := differing()), found


def nothing_waits_for_a_slow_refresh():
    """A refresh of the other role goes on as long as its function likes. A partition or child with rows is added meanwhile, and
    the owner's own stream table is refreshed; what the refresh has read is compared with the query afterwards."""
    owner.execute("CREATE TABLE tree (id int, k int) PARTITION BY RANGE (id); CREATE TABLE tree_1 PARTITION OF tree FOR VALUES FROM (0) TO (100); "
                  "CREATE TABLE tree_2 (id int, k int); CREATE TABLE plain (id int, k int); CREATE TABLE child (id int, k int); "
                  "INSERT INTO tree SELECT g, g FROM generate_series(1, 5) g; INSERT INTO tree_2 VALUES (150, 1); INSERT INTO child VALUES (7, 1); "
                  f"INSERT INTO plain VALUES (1, 1); GRANT SELECT ON tree, plain TO {OTHER}")
    owner.execute("SELECT pgtrickle.create_stream_table('own_tree', 'SELECT id FROM tree UNION ALL SELECT id FROM plain', '520w')")
    other.execute("CREATE FUNCTION slow(int) RETURNS int STABLE LANGUAGE plpgsql AS 'BEGIN PERFORM pg_advisory_xact_lock_shared(78210); RETURN $1; END'")
    query = "SELECT other.slow(id) AS id FROM owner.tree UNION ALL SELECT other.slow(id) FROM owner.plain"
    other.execute("SELECT pgtrickle.create_stream_table('slow_tree', %s, '520w', 'FULL')", (query,))
    db.run("SELECT pg_advisory_lock(78210)")
    failures = []

    def refresh():
        try:
            other.execute("SELECT pgtrickle.refresh_stream_table('slow_tree')")
        except psycopg2.Error as error:
            failures.append(error.pgcode)

    thread = threading.Thread(target=refresh)
    thread.start()
    db.wait_for("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", 1)
    owner.execute("SET lock_timeout = '2s'")
    for statement in ("ALTER TABLE tree ATTACH PARTITION tree_2 FOR VALUES FROM (100) TO (200)", "ALTER TABLE child INHERIT plain",
                      "SELECT pgtrickle.refresh_stream_table('own_tree')"):
        try:
            owner.execute(statement)
        except psycopg2.Error as error:
            db.run("SELECT pg_advisory_unlock(78210)")
            thread.join()
            raise AssertionError(statement) from error
    db.run("SELECT pg_advisory_unlock(78210)")
    thread.join()
    assert failures == ["40001"], failures  # it has read rows of before and after
    for name, text in (("owner.own_tree", "SELECT id FROM owner.tree UNION ALL SELECT id FROM owner.plain"), ("slow_tree", query)):
        by = other if name == "slow_tree" else owner
        by.execute(f"SELECT pgtrickle.refresh_stream_table('{name}')")
        by.execute(f"SELECT count(*) FROM ((TABLE {name} EXCEPT ALL ({text})) UNION ALL (({text}) EXCEPT ALL TABLE {name})) d")
        assert by.fetchone()[0] == 0, name


def a_role_without_privileges_keeps_no_stream_table_locked():
    for call in "refresh_efficiency()", "recommend_refresh_mode()", "holds()", "pgt_status()", "health_check()":
        watcher = db.connect().cursor()
        watcher.execute("SET ROLE pg_read_server_files; SET client_min_messages = error")
        watcher.execute(f"BEGIN; SELECT count(*) FROM pgtrickle.{call}")
        kept = db.run("SELECT DISTINCT c.relname FROM pg_locks l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = relnamespace "
                      f"WHERE pid = {watcher.connection.info.backend_pid} AND nspname IN ('other', 'owner', 'pg_trickle_storage', 'pg_trickle_log')")
        assert not kept, (call, kept)
        watcher.connection.close()


# {n}: a stream table with the adopted index {n}_id and the other one {n}_n.
OWN = ["ALTER FOREIGN TABLE {n} RENAME COLUMN n TO m", "ALTER FOREIGN TABLE {n} RENAME TO moved", "ALTER FOREIGN TABLE {n} OPTIONS (SET schedule '500w')",
       "ALTER FOREIGN TABLE {n} OPTIONS (ADD storage_parameters 'fillfactor=70')", "ALTER FOREIGN TABLE {n} SET SCHEMA further",
       "DROP INDEX {n}_id", "DROP INDEX {n}_n", "ALTER INDEX {n}_id DEPENDS ON EXTENSION plpgsql", "CREATE INDEX ON {n} (n, id)", "COMMENT ON COLUMN {n}.n IS 'x'",
       "ALTER INDEX {n}_id RENAME TO moved", "REINDEX TABLE {n}", "ALTER FOREIGN TABLE {n} ALTER n SET STATISTICS 7", "DROP FOREIGN TABLE {n}",
       *(f"SELECT * FROM pgtrickle.{look}" for look in (
           "health_check()", "recommend_refresh_mode()", "recommend_refresh_mode('{n}')", "explain_refresh_mode('{n}')", "explain_st('{n}')",
           "missing_index_rows(ARRAY['{n}'::regclass::oid])", "refresh_efficiency()", "pgt_status()", "change_buffer_sizes()", "list_sources('{n}')"))]


def nothing_is_kept_locked_without_a_privilege():
    owner.execute(f"CREATE TABLE secret (id int PRIMARY KEY, n int); GRANT SELECT, TRIGGER ON secret TO {OTHER}")
    other.execute("SELECT pgtrickle.create_stream_table('kept', 'SELECT id, n FROM owner.secret', '520w'); CREATE UNIQUE INDEX kept_id ON kept (id); "
                  "CREATE INDEX kept_n ON kept (n)")
    owner.execute(f"REVOKE ALL ON secret FROM {OTHER}")
    failures = []
    for statement in OWN:
        other.execute("BEGIN; " + statement.format(n="kept"))
        kept = db.run("SELECT DISTINCT c.relname, mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation "
                      f"WHERE pid = {other.connection.info.backend_pid} AND relname LIKE 'secret%'")
        other.execute("ROLLBACK")
        if kept:
            failures.append((statement, kept))
    assert not failures, failures


try:
    for role, schema in (OWNER, "owner"), (OTHER, "other"):
        db.run(f"CREATE ROLE {role}; CREATE SCHEMA {schema} AUTHORIZATION {role}; GRANT USAGE ON SCHEMA {schema} TO PUBLIC")
    db.run(f"CREATE SCHEMA further; GRANT USAGE, CREATE ON SCHEMA further TO PUBLIC; DO $$BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {OWNER}', current_database()); END$$")
    owner, other = session(OWNER, "owner"), session(OTHER, "other")
    set_up()
    run_cases([nothing_of_the_owner_waits_or_fails, nothing_of_a_superuser_waits_or_fails, what_else_a_query_reads_does_not_matter, nothing_waits_for_a_slow_refresh,
               a_role_without_privileges_keeps_no_stream_table_locked, nothing_is_kept_locked_without_a_privilege])
finally:
    owner.connection.close()
    other.connection.close()
    db.run(f"RESET ROLE; DROP OWNED BY {OWNER}, {OTHER} CASCADE; DROP ROLE {OWNER}, {OTHER}")
    db.drop()
