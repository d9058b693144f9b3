#!/usr/bin/python3 -B
"""The privileges on the objects of the extension do not depend on ALTER DEFAULT PRIVILEGES: each object has the same in a
database without default privileges as in one whose roles get everything by them, or nothing. And stream tables can be
created, refreshed and read there."""

import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

ROLES = "PUBLIC, dp_other, pg_database_owner, pg_read_all_data"
GIVEN = [f"GRANT ALL ON {kind} TO {ROLES}" for kind in ("TABLES", "SEQUENCES", "FUNCTIONS", "TYPES")] + [f"GRANT USAGE ON SCHEMAS TO {ROLES}"]
TAKEN = ["REVOKE ALL ON FUNCTIONS FROM PUBLIC", "REVOKE ALL ON TYPES FROM PUBLIC"]
# An empty ACL that is not NULL is none that PostgreSQL would give; the owner's own entry says nothing.
PRIVILEGES = """
    SELECT o.name, coalesce(array_agg(a.grantee::regrole::text || ' ' || a.privilege_type || ' ' || a.is_grantable ORDER BY a.grantee, a.privilege_type)
                            FILTER (WHERE a.grantee <> o.owner), '{}')
    FROM (SELECT 'schema ' || nspname AS name, nspowner AS owner, coalesce(nspacl, acldefault('n', nspowner)) AS acl
          FROM pg_namespace WHERE nspname ~ '^pg_?trickle'
          UNION ALL SELECT 'relation ' || oid::regclass, relowner, coalesce(relacl, acldefault('r', relowner))
          FROM pg_class WHERE relnamespace::regnamespace::text ~ '^pg_?trickle' AND relkind NOT IN ('i', 'I', 'c')
          UNION ALL SELECT 'function ' || oid::regprocedure, proowner, coalesce(proacl, acldefault('f', proowner))
          FROM pg_proc WHERE pronamespace = 'pgtrickle'::regnamespace
          UNION ALL SELECT 'type ' || oid::regtype, typowner, coalesce(typacl, acldefault('T', typowner))
          FROM pg_type WHERE typnamespace = 'pgtrickle'::regnamespace AND typrelid = 0 AND typelem = 0) o
         LEFT JOIN aclexplode(o.acl) a ON true
    GROUP BY 1"""
QUERIES = ["SELECT id, a, b FROM t", "SELECT a, count(*) AS n, min(b) AS least, max(c) AS most, sum(d) AS total FROM t GROUP BY a",
           "SELECT DISTINCT b FROM t", "SELECT id, row_number() OVER (PARTITION BY a ORDER BY id) AS n FROM t",
           "SELECT a, count(DISTINCT b) AS n FROM t GROUP BY a", "SELECT id, b FROM t ORDER BY b, id LIMIT 3",
           "WITH RECURSIVE r AS (SELECT id, a FROM t WHERE id = 1 UNION SELECT t.id, t.a FROM t JOIN r ON t.a = r.id) SELECT * FROM r"]

db = Database()
db.run("DO $$ BEGIN CREATE ROLE dp_other; EXCEPTION WHEN duplicate_object THEN END $$")
db.let_own_stream_tables("dp_owner")
EXPECTED = dict(db.run(PRIVILEGES))


def set_defaults(defaults, opposite=False):
    """Sets them for the database's superuser; they belong to the database."""
    for default in defaults:
        if opposite:
            default = default.replace("GRANT", "REVOKE").replace(" TO ", " FROM ") if "GRANT" in default else default.replace("REVOKE", "GRANT").replace(" FROM ", " TO ")
        db.run("ALTER DEFAULT PRIVILEGES " + default)


def in_such_a_database(defaults):
    db.run("DROP EXTENSION pg_trickle CASCADE")
    set_defaults(defaults)
    db.run("CREATE EXTENSION pg_trickle")
    found = dict(db.run(PRIVILEGES))
    differing = [f"{name}: {found.get(name)}, not {EXPECTED.get(name)}" for name in sorted({*found, *EXPECTED}) if found.get(name) != EXPECTED.get(name)]
    assert len(EXPECTED) > 100, len(EXPECTED)
    assert not differing, "\n".join(differing)
    stream_tables_work()
    set_defaults(defaults, opposite=True)


def stream_tables_work():
    db.run("GRANT USAGE ON FOREIGN SERVER pgtrickle TO dp_owner")
    session = psycopg2.connect(host=db.host, user="dp_owner", dbname=db.name)
    session.autocommit = True
    run = session.cursor().execute
    run("DROP TABLE IF EXISTS t CASCADE; CREATE TABLE t (id int PRIMARY KEY, a int, b text, c text, d numeric)")
    run("INSERT INTO t SELECT i, i % 4, 'b' || i % 3, 'c' || i, i * 0.1 FROM generate_series(1, 20) i")
    run("SET client_min_messages = error; SET pg_trickle.max_staleness = 0")
    for number, query in enumerate(QUERIES):
        run(f"CREATE FOREIGN TABLE st_{number} () SERVER pgtrickle OPTIONS (query $q${query}$q$, schedule '1h')")
    run("UPDATE t SET b = b || 'x', d = d + 1 WHERE id % 3 = 0; DELETE FROM t WHERE id = 20")
    for mode in ("exact", "default"):
        run("SET pg_trickle.read_mode = exact" if mode == "exact" else "RESET pg_trickle.read_mode")
        for number, query in enumerate(QUERIES):
            cursor = session.cursor()
            cursor.execute(f"SELECT count(*) FROM ((TABLE st_{number} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE st_{number})) d")
            assert cursor.fetchone()[0] == 0, f"{mode}: {query}"
    session.close()


def other_roles_get_everything():
    in_such_a_database(GIVEN)


def no_role_gets_anything():
    in_such_a_database(TAKEN)


def other_roles_may_create_in_each_schema():
    """It is refused, because the schema may be one that has existed. The error says what to do."""
    db.run("DROP EXTENSION IF EXISTS pg_trickle CASCADE; ALTER DEFAULT PRIVILEGES GRANT CREATE ON SCHEMAS TO dp_other")
    try:
        db.run("CREATE EXTENSION pg_trickle")
        raise AssertionError("it was created")
    except psycopg2.errors.InsufficientPrivilege as error:
        assert "dp_other has the privilege CREATE" in str(error) and "ALTER DEFAULT PRIVILEGES REVOKE CREATE ON SCHEMAS FROM dp_other" in str(error), str(error)
    db.run("ALTER DEFAULT PRIVILEGES REVOKE CREATE ON SCHEMAS FROM dp_other; CREATE EXTENSION pg_trickle")


try:
    run_cases([other_roles_get_everything, no_role_gets_anything, other_roles_may_create_in_each_schema])
finally:
    db.drop()
