#!/usr/bin/python3 -B
"""Shows that a stream table shows nothing that a view of the same owner would not: random privileges on tables, columns, views,
functions and an upstream are granted to the owner, to the owner of views and to a group, and taken from them, beside changes.

While the owner may read the view, a refresh succeeds, and the stream table has its rows. While the owner may not, a refresh fails,
or has nothing to compute, and whichever way the stream table is read, also by a plan that was made before, its rows are some that
the view has had while the owner might read it."""

import sys
import time
from os import environ
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

DURATION_S = int(environ.get("DURATION_S", 15))
MADE = """
    CREATE ROLE pt_source LOGIN; CREATE ROLE pt_views LOGIN; CREATE ROLE pt_owner LOGIN; CREATE ROLE pt_reader LOGIN; CREATE ROLE pt_group;
    GRANT pt_group TO pt_owner; GRANT USAGE ON FOREIGN SERVER pgtrickle TO pt_source, pt_owner;
    CREATE SCHEMA pt AUTHORIZATION pt_source; GRANT ALL ON SCHEMA pt TO PUBLIC; SET search_path = pt; SET ROLE pt_source;
    CREATE TABLE t (id int PRIMARY KEY, a int, b text); INSERT INTO t SELECT g, g % 4, 'b' || g FROM generate_series(1, 20) g;
    CREATE TABLE u (id int PRIMARY KEY, a int, b text); INSERT INTO u SELECT g, g % 3, 'u' || g FROM generate_series(1, 20) g;
    CREATE TABLE p (id int, a int, b text) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
    CREATE TABLE p2 PARTITION OF p DEFAULT; INSERT INTO p SELECT g, g % 3, 'p' || g FROM generate_series(1, 20) g;
    CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'begin return $1 + 1; end';
    CREATE FUNCTION inlined(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'select $1 * 2';
    CREATE FUNCTION holds(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS 'begin return $1 <> 2; end';
    CREATE FUNCTION two(int) RETURNS SETOF int IMMUTABLE LANGUAGE plpgsql AS 'begin return next $1; return next $1 + 100; end';
    CREATE FUNCTION plus(int, int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'begin return coalesce($1, 0) + coalesce($2, 0); end';
    CREATE AGGREGATE total(int) (sfunc = plus, stype = int, initcond = '0');
    CREATE OPERATOR <<#>> (leftarg = int, rightarg = int, procedure = plus);
    GRANT SELECT, TRIGGER ON t, u, p, p1, p2 TO pt_views, pt_owner, pt_group;
    SELECT pgtrickle.create_stream_table('pt.upstream', 'SELECT a, count(*) AS n FROM pt.t GROUP BY a', '520w');
    GRANT SELECT ON upstream TO pt_owner, pt_views; RESET ROLE; SET ROLE pt_views;
    CREATE VIEW plain AS SELECT id, a, b FROM t; CREATE VIEW barrier WITH (security_barrier) AS SELECT id, b FROM t WHERE a < 3;
    CREATE VIEW invoker WITH (security_invoker) AS SELECT id, a, b FROM t; CREATE VIEW above AS SELECT plain.id, u.b FROM plain JOIN u USING (id);
    CREATE VIEW invoker_above WITH (security_invoker) AS SELECT * FROM plain; CREATE VIEW of_upstream AS SELECT a, n FROM upstream;
    GRANT SELECT ON plain, barrier, invoker, above, invoker_above, of_upstream TO pt_owner; RESET ROLE"""
TABLES = {"t": ("id", "a", "b"), "u": ("id", "a", "b"), "p": ("id", "a", "b"), "upstream": ("a", "n")}
VIEWS = ("plain", "barrier", "invoker", "above", "invoker_above", "of_upstream")
FUNCTIONS = ("f(int)", "inlined(int)", "holds(int)", "two(int)", "plus(int, int)", "total(int)")
QUERIES = (
    "SELECT id, a FROM t", "SELECT a, count(*) AS n FROM t GROUP BY a", "SELECT t.id, t.b, u.b AS of_u FROM t JOIN u USING (id)",
    "SELECT t.id, u.a FROM t LEFT JOIN u ON t.id = u.a", "SELECT id FROM t WHERE id NOT IN (SELECT a FROM u)", "SELECT id, f(a) AS x FROM t",
    "SELECT id, inlined(a) AS x FROM t", "SELECT id FROM t WHERE holds(a)", "SELECT a, total(id) AS x FROM u GROUP BY a", "SELECT id, a <<#>> 4 AS x FROM u",
    "SELECT t.id, x FROM t, two(t.a) x", "SELECT id, a FROM plain", "SELECT id, b FROM barrier", "SELECT id, a FROM invoker", "SELECT id, b FROM above",
    "SELECT id, a FROM invoker_above", "SELECT a, n FROM of_upstream", "SELECT a, sum(n) AS n FROM upstream GROUP BY a", "SELECT id, a FROM p",
    "SELECT a, max(id) AS m FROM p GROUP BY a", "SELECT id, row_number() OVER (PARTITION BY a ORDER BY id) AS r FROM t", "SELECT count(*) AS n FROM u",
    "SELECT a FROM t UNION SELECT a FROM u", "SELECT id, (SELECT max(u.a) FROM u WHERE u.a = t.a) AS m FROM t", "SELECT id FROM u WHERE a IN (SELECT f(a) FROM t)")
CHANGES = (
    "INSERT INTO pt.t SELECT max(id) + 1, max(id) % 4, 'n' FROM pt.t", "UPDATE pt.t SET a = (a + 1) % 5 WHERE id % 7 = 2",
    "DELETE FROM pt.t WHERE id = (SELECT min(id) FROM pt.t)", "INSERT INTO pt.u SELECT max(id) + 1, max(id) % 3, 'n' FROM pt.u",
    "UPDATE pt.u SET a = (a + 1) % 4 WHERE id % 5 = 1", "UPDATE pt.p SET id = id + 1 WHERE id = 9", "INSERT INTO pt.p SELECT max(id) + 1, 1, 'n' FROM pt.p")
ROWS = "SELECT x::text FROM pt.{} x ORDER BY 1"
WAYS = {"fresh": "SET pg_trickle.max_staleness = 0", "exact": "SET pg_trickle.read_mode = exact"}
db = Database()
random = dice()
sessions = {}


def result(role, statement):
    """The rows, or the SQLSTATE."""
    cursor = sessions[role].cursor()
    try:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None
    except psycopg2.Error as error:
        return error.pgcode


def granted():
    role = random.choice(("pt_views", "pt_owner", "pt_owner", "pt_group"))
    kind = random.random()
    if kind < 0.5:
        table = random.choice(list(TABLES))
        columns = random.choice(("", f"({', '.join(random.sample(TABLES[table], random.randint(1, 2)))})"))
        what = f"SELECT {columns} ON pt.{table}"
    elif kind < 0.7:
        what, role = f"SELECT ON pt.{random.choice(VIEWS)}", "pt_owner"
    elif kind < 0.9:
        what, role = f"EXECUTE ON FUNCTION pt.{random.choice(FUNCTIONS)}", random.choice(("PUBLIC", "pt_owner"))
    else:
        return random.choice(("GRANT pt_group TO pt_owner", "REVOKE pt_group FROM pt_owner", "ALTER ROLE pt_owner NOINHERIT", "ALTER ROLE pt_owner INHERIT",
                              f"ALTER VIEW pt.{random.choice(VIEWS)} OWNER TO {random.choice(('pt_views', 'pt_source'))}"))
    return random.choice((f"GRANT {what} TO {role}", f"REVOKE {what} FROM {role}"))


def note_allowed(allowed):
    """Adds the rows that the owner may read now."""
    for number, seen in enumerate(allowed):
        rows = result("pt_owner", ROWS.format(f"v{number}"))
        if not isinstance(rows, str):
            seen.add(tuple(rows))


def refreshed(name):
    found = result("pt_owner", f"SELECT pgtrickle.refresh_stream_table('pt.{name}')")
    if found == "55000":  # it is suspended, or its upstream
        db.run(f"SELECT pgtrickle.resume_stream_table('pt.{name}')")
        found = result("pt_owner", f"SELECT pgtrickle.refresh_stream_table('pt.{name}')")
    return found


def check(number, allowed, log):
    name = f"s{number}"
    view = result("pt_owner", ROWS.format(f"v{number}"))
    for role in "pt_reader", "pt_owner":
        for way, setting in WAYS.items():
            for statement in ROWS.format(name), f"EXECUTE of_{name}":
                result(role, f"RESET pg_trickle.max_staleness; RESET pg_trickle.read_mode; {setting}")
                found = result(role, statement)
                assert isinstance(found, str) or tuple(found) in allowed[number], (QUERIES[number], role, way, statement, found, log[-9:])
    result("pt_owner", "RESET pg_trickle.read_mode; SET pg_trickle.max_staleness = 0")
    found = refreshed(name)
    if isinstance(view, str):
        stored = tuple(db.run(ROWS.format(name)))
        assert view == "42501" and (found == "42501" or stored in allowed[number]), (QUERIES[number], view, found, stored, log[-9:])
    else:
        assert not isinstance(found, str), (QUERIES[number], found, log[-9:])
        stored = db.run(ROWS.format(name))
        assert stored == view, (QUERIES[number], stored, view, log[-9:])
    return isinstance(view, str)


def prepare():
    db.run(MADE)
    for role in "pt_owner", "pt_reader":
        sessions[role] = db.connect(user=role)
        result(role, "SET search_path = pt; SET client_min_messages = error; SET pg_trickle.scan_refresh_timeout = '2s'")
    for number, query in enumerate(QUERIES):
        made = result("pt_owner", f"CREATE VIEW v{number} AS {query}; SELECT pgtrickle.create_stream_table('pt.s{number}', $q${query}$q$, '520w'); "
                                  f"GRANT SELECT ON s{number} TO pt_reader")
        assert made is None, (query, made)
    for role in sessions:
        for number in range(len(QUERIES)):
            result(role, f"PREPARE of_s{number} AS {ROWS.format(f's{number}')}")


def a_stream_table_shows_what_a_view_would():
    prepare()
    allowed, log = [set() for _ in QUERIES], []
    result("pt_owner", "SET pg_trickle.max_staleness = 0")
    note_allowed(allowed)
    end, checks, denied = time.monotonic() + DURATION_S, 0, 0
    while time.monotonic() < end:
        for statement in [granted() for _ in range(random.randint(1, 3))] + random.choices(CHANGES, k=random.randint(0, 2)):
            db.run(statement)
            log.append(statement)
            result("pt_owner", "RESET pg_trickle.read_mode; SET pg_trickle.max_staleness = 0")
            note_allowed(allowed)
        for number in random.sample(range(len(QUERIES)), 3):
            denied += check(number, allowed, log)
            checks += 1
    for session in sessions.values():
        session.close()
    roles = "pt_source, pt_views, pt_owner, pt_reader, pt_group"
    db.run(f"RESET search_path; DROP OWNED BY {roles} CASCADE; DROP ROLE {roles}")
    db.drop()
    print(checks, "checks,", denied, "of stream tables whose owner may not read")
    assert 0 < denied < checks


run_cases([a_stream_table_shows_what_a_view_would])
