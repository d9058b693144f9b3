#!/usr/bin/python3
"""Shows that an open transaction with DDL does not disturb the refreshes of other owners.

1. A role that has only objects of its own, with the names of those that another owner's stream tables use, runs every kind of
   statement on them in an open transaction: nothing of the other owner is marked or locked, and its stream tables are refreshed.
2. A role whose objects are used by another owner's stream tables alters them: refreshes use the old meaning while the
   transaction is open or prepared, and the new one once it is committed; the transaction itself reads by the new one.
"""

import sys
import threading
from pathlib import Path

import psycopg2

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402

db = Database()
db.run("SET lock_timeout = '30s'")
OWNER, OTHER = "owner_" + db.name, "other_" + db.name

# kind: (statements that make the object x in schema {s}, statements on it, a query on {s}.source that uses it)
KINDS = {
    "function": (["CREATE FUNCTION {s}.f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 1; END'"],
                 ["CREATE OR REPLACE FUNCTION {s}.f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 2; END'",
                  "CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 2; END'",
                  "DROP FUNCTION f(int); CREATE OR REPLACE FUNCTION f(text, int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
                  "ALTER FUNCTION f(int) STRICT", "ALTER FUNCTION f(int) SET search_path = pg_catalog", "ALTER FUNCTION f(int) COST 7"],
                 "SELECT id, {s}.f(n) AS x FROM {s}.source"),
    "procedure": (["CREATE PROCEDURE {s}.p(int) LANGUAGE sql AS ''"],
                  ["CREATE OR REPLACE PROCEDURE p(int) LANGUAGE sql AS 'SELECT 1'"], None),
    "aggregate": (["CREATE FUNCTION {s}.step(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2'",
                   "CREATE AGGREGATE {s}.a(int) (sfunc = {s}.step, stype = int, initcond = '0')"],
                  ["CREATE OR REPLACE AGGREGATE a(int) (sfunc = {s}.step, stype = int, initcond = '1')",
                   "CREATE OR REPLACE FUNCTION step(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2'"],
                  "SELECT id, {s}.a(n) AS x FROM {s}.source GROUP BY id"),
    "operator": (["CREATE FUNCTION {s}.plus(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + $2; END'",
                  "CREATE OPERATOR {s}.### (FUNCTION = {s}.plus, LEFTARG = int, RIGHTARG = int)"],
                 ["CREATE OR REPLACE FUNCTION plus(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 - $2; END'",
                  "ALTER OPERATOR ### (int, int) SET (RESTRICT = NONE)"],
                 "SELECT id, n OPERATOR({s}.###) 1 AS x FROM {s}.source"),
    "type": (["CREATE TYPE {s}.mood AS ENUM ('good', 'bad')"],
             ["ALTER TYPE mood ADD VALUE 'none'", "ALTER TYPE mood RENAME VALUE 'good' TO 'well'"],
             "SELECT id, 'good'::{s}.mood AS x FROM {s}.source"),
    "composite type": (["CREATE TYPE {s}.pair AS (a int, b int)"],
                       ["ALTER TYPE pair ADD ATTRIBUTE c int", "ALTER TYPE pair RENAME ATTRIBUTE a TO z"],
                       "SELECT id, ROW(id, n)::{s}.pair AS x FROM {s}.source"),
    "domain": (["CREATE DOMAIN {s}.small AS int CHECK (VALUE < 1000000)"],
               ["ALTER DOMAIN small DROP CONSTRAINT small_check", "ALTER DOMAIN small SET DEFAULT 1"],
               "SELECT id, n::{s}.small AS x FROM {s}.source"),
    "view": (["CREATE TABLE {s}.below (id int, n int)", "CREATE VIEW {s}.v AS SELECT id, n FROM {s}.below"],
             ["CREATE OR REPLACE VIEW v AS SELECT id, n + 1 AS n FROM {s}.below", "ALTER VIEW v SET (security_barrier)",
              "CREATE OR REPLACE TEMP VIEW v AS SELECT 1 AS id, 2 AS n",
              "SET LOCAL search_path = {owner}, {s}; CREATE TEMP TABLE w (id int, n int); CREATE OR REPLACE VIEW v AS SELECT id, n FROM w"],
             "SELECT s.id, v.n AS x FROM {s}.source s LEFT JOIN {s}.v ON v.id = s.id"),
    "table": (["CREATE TABLE {s}.t (id int PRIMARY KEY, n int)"],
              ["ALTER TABLE t ADD COLUMN x int", "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "ALTER TABLE t DROP COLUMN n", "TRUNCATE t",
               "CREATE POLICY p ON t USING (true)", "CREATE INDEX ON t (n)", "ALTER TABLE t RENAME COLUMN n TO m",
               "CREATE RULE r AS ON INSERT TO t DO INSTEAD NOTHING"],
              "SELECT s.id, t.n AS x FROM {s}.source s LEFT JOIN {s}.t ON t.id = s.id"),
    "materialized view": (["CREATE MATERIALIZED VIEW {s}.m AS SELECT 1 AS id, 2 AS n"], ["REFRESH MATERIALIZED VIEW m"],
                          "SELECT s.id, m.n AS x FROM {s}.source s LEFT JOIN {s}.m ON m.id = s.id"),
    "collation": (["CREATE COLLATION {s}.c (locale = 'C')"], [], "SELECT id, body COLLATE {s}.c AS x FROM {s}.source"),
    "text search dictionary": (["CREATE TEXT SEARCH DICTIONARY {s}.d (TEMPLATE = simple)"],
                               ["ALTER TEXT SEARCH DICTIONARY d (STOPWORDS = english)"],
                               "SELECT id, ts_lexize('{s}.d', body) AS x FROM {s}.source"),
    "text search configuration": (["CREATE TEXT SEARCH CONFIGURATION {s}.words (COPY = simple)"],
                                  ["ALTER TEXT SEARCH CONFIGURATION words ALTER MAPPING FOR asciiword WITH english_stem",
                                   "ALTER TEXT SEARCH CONFIGURATION words DROP MAPPING FOR asciiword"],
                                  "SELECT id, to_tsvector('{s}.words', body) AS x FROM {s}.source"),
    "sequence": (["CREATE SEQUENCE {s}.q"], ["ALTER SEQUENCE q INCREMENT 3"], None),
}
NAMES = {"function": "f(int)", "procedure": "p(int)", "aggregate": "a(int)", "operator": "### (int, int)", "type": "mood",
         "composite type": "pair", "domain": "small", "view": "v", "table": "t", "materialized view": "m", "collation": "c",
         "text search dictionary": "d", "text search configuration": "words", "sequence": "q"}
# Statements that apply to all kinds of objects. {k}: the keyword of the kind, {n}: the name, which is that of
# the owner's object.
COMMON = ["ALTER {k} {n} RENAME TO renamed", "ALTER {k} {n} SET SCHEMA {s}_2", "ALTER {k} {n} OWNER TO {s}_group", "DROP {k} {n} CASCADE",
          "COMMENT ON {k} {n} IS 'x'", "GRANT {right} ON {g} {n} TO PUBLIC", "ALTER {k} {n} DEPENDS ON EXTENSION plpgsql"]
RIGHTS = {"function": ("EXECUTE", "FUNCTION"), "procedure": ("EXECUTE", "PROCEDURE"), "type": ("USAGE", "TYPE"), "domain": ("USAGE", "DOMAIN"),
          "view": ("SELECT", "TABLE"), "table": ("SELECT", "TABLE"), "materialized view": ("SELECT", "TABLE"), "sequence": ("USAGE", "SEQUENCE")}


def as_role(role, path=None):
    session = db.connect()
    session.cursor().execute(f"SET SESSION AUTHORIZATION {role}; SET client_min_messages = error")
    if path:
        session.cursor().execute(f"SET search_path = {path}")
    return session


def run(session, statement):
    cursor = session.cursor()
    cursor.execute(statement)
    return cursor.fetchall() if cursor.description else None


def create_in(session, schema):
    for made, _, _ in KINDS.values():
        for statement in made:
            run(session, statement.format(s=schema))


def make_stream_table(session, name, query):
    run(session, f"SELECT pgtrickle.create_stream_table('{OWNER}.{name}', $$ {query} $$, '1h')")
    STREAM_TABLES.append(name)


STREAM_TABLES = []
for role in (OWNER, OTHER, OTHER + "_group"):
    db.run(f"CREATE ROLE {role}")
db.run(f"GRANT CREATE ON DATABASE {db.name} TO {OTHER}; GRANT {OTHER}_group TO {OTHER}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {OWNER}")
db.run(f"CREATE SCHEMA {OWNER} AUTHORIZATION {OWNER}")
db.run(f"GRANT USAGE ON SCHEMA {OWNER} TO PUBLIC")
for suffix in ("", "_2"):
    db.run(f"CREATE SCHEMA {OTHER}{suffix} AUTHORIZATION {OTHER}; GRANT ALL ON SCHEMA {OTHER}{suffix} TO {OTHER}_group")
    db.run(f"GRANT USAGE ON SCHEMA {OTHER}{suffix} TO {OWNER}")
owner = as_role(OWNER)
run(owner, f"CREATE TABLE {OWNER}.source (id int PRIMARY KEY, n int, body text)")
run(owner, f"INSERT INTO {OWNER}.source VALUES (1, 10, 'the running cats')")
create_in(owner, OWNER)
for kind, (_, _, query) in KINDS.items():
    if query:
        make_stream_table(owner, "of_" + kind.replace(" ", "_"), query.format(s=OWNER))
run(owner, f"SET default_text_search_config = '{OWNER}.words'")
make_stream_table(owner, "by_default", f"SELECT id, to_tsvector(body) AS x FROM {OWNER}.source")
other = as_role(OTHER)
create_in(other, OTHER)
other.close()


def refresh_all(limit="10s"):
    """Refreshes each of the owner's stream tables, as the owner, after a change of its source."""
    run(owner, f"UPDATE {OWNER}.source SET n = n + 1")
    run(owner, f"SET lock_timeout = '{limit}'")
    for name in STREAM_TABLES:
        run(owner, f"SELECT pgtrickle.refresh_stream_table('{OWNER}.{name}')")


def locked_by(session):
    """Returns the relations of the owner, and of the extension for it, that the session has locked in more
    than AccessShare."""
    return db.run(
        "SELECT c.relname, l.mode FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = %s "
        "AND (c.relowner = %s::regrole) AND l.mode <> 'AccessShareLock'", session.get_backend_pid(), OWNER)


def statements():
    for kind, (_, on_it, _) in KINDS.items():
        right, grantable = RIGHTS.get(kind, (None, None))
        for statement in on_it:
            yield statement
        for statement in COMMON:
            if "GRANT" in statement and right is None:
                continue
            if "RENAME" in statement and kind == "operator":
                continue
            if "DEPENDS" in statement and kind not in ("function", "procedure", "materialized view"):
                continue
            yield statement.format(k=kind.upper() if kind != "composite type" else "TYPE", n=NAMES[kind], s=OTHER, right=right, g=grantable)
    yield "ALTER SCHEMA {s}_2 RENAME TO {s}_3"
    yield "ALTER SCHEMA {s} RENAME TO {s}_3"
    yield "CREATE SCHEMA {s}_4 CREATE VIEW v AS SELECT 1 AS id, 2 AS n"
    yield "DROP SCHEMA {s} CASCADE"
    yield "REASSIGN OWNED BY {s} TO {s}_group"
    yield "DROP OWNED BY {s}"


def unrelated(statement):
    """Runs the statement in an open transaction; returns the violations of the first property."""
    session = as_role(OTHER, f"{OTHER}, {OWNER}")
    run(session, "BEGIN")
    try:
        run(session, statement.format(s=OTHER, owner=OWNER))
    except psycopg2.Error as error:
        session.close()
        return [] if error.pgcode in ("42501", "0A000", "2BP01", "42809") else [f"{statement}: {error}"]
    complaints = []
    run(session, "RESET SESSION AUTHORIZATION")
    marked = run(session, "SELECT pgt_name, needs_reinit FROM pgtrickle.pgt_stream_tables WHERE needs_reinit")
    if marked:
        complaints.append(f"{statement}: marked {marked}")
    if locked := locked_by(session):
        complaints.append(f"{statement}: locked {locked}")
    try:
        refresh_all("500ms")
    except psycopg2.Error as error:
        complaints.append(f"{statement}: {error}".strip())
    run(session, "ROLLBACK")
    session.close()
    return complaints


def ddl_on_what_is_not_used_touches_no_other_owner():
    complaints = [complaint for statement in statements() for complaint in unrelated(statement)]
    assert not complaints, "\n".join(complaints)


def the_manager_refreshes_beside_open_ddl():
    for statement in ("ALTER TEXT SEARCH CONFIGURATION words DROP MAPPING FOR asciiword", "ALTER SCHEMA {s}_2 RENAME TO {s}_3",
                      "DROP FUNCTION f(int); CREATE OR REPLACE FUNCTION f(text, int) RETURNS int LANGUAGE sql AS 'SELECT 1'"):
        session = as_role(OTHER, f"{OTHER}, {OWNER}")
        run(session, "BEGIN")
        run(session, statement.format(s=OTHER))
        for name in ("of_function", "by_default"):
            run(owner, f"SELECT pgtrickle.alter_stream_table('{OWNER}.{name}', schedule => '1s')")
        run(owner, f"INSERT INTO {OWNER}.source SELECT max(id) + 1, 1, 'cats' FROM {OWNER}.source")
        for name in ("of_function", "by_default"):
            db.run("SET pg_trickle.max_staleness = -1")
            db.wait_for(f"SELECT (SELECT count(*) FROM {OWNER}.source) = (SELECT count(*) FROM pg_trickle_storage.st_"
                        f"{db.value('SELECT %s::regclass::oid', f'{OWNER}.{name}')})", True)
            run(owner, f"SELECT pgtrickle.alter_stream_table('{OWNER}.{name}', schedule => '1h')")
        run(session, "ROLLBACK")
        session.close()


# ---- objects that are really used ---------------------------------------------------------------

# name: (created by the other role in {s}, query of the owner's stream table, statement, whether the rows
# differ afterwards)
USED = {
    "function": (["CREATE FUNCTION {s}.uf(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 1; END'"],
                 "SELECT id, {s}.uf(n) AS x FROM {o}.source",
                 "CREATE OR REPLACE FUNCTION {s}.uf(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 100; END'"),
    "altered_function": (["CREATE FUNCTION {s}.uw() RETURNS text LANGUAGE plpgsql IMMUTABLE SET work_mem = '1MB' AS "
                          "'BEGIN RETURN current_setting(''work_mem''); END'"],
                         "SELECT id, {s}.uw() AS x FROM {o}.source", "ALTER FUNCTION {s}.uw() SET work_mem = '2MB'"),
    "owner_of_definer": (["CREATE FUNCTION {s}.ud() RETURNS text LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER AS "
                          "'BEGIN RETURN current_user; END'", "GRANT EXECUTE ON FUNCTION {s}.ud() TO PUBLIC"],
                         "SELECT id, {s}.ud() AS x FROM {o}.source", "ALTER FUNCTION {s}.ud() OWNER TO {s}_group"),
    "function_of_function": (["CREATE FUNCTION {s}.g1(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN i + 1; END'",
                              "CREATE FUNCTION {s}.g2(i int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT {s}.g1(i); END",
                              "CREATE FUNCTION {s}.g3(i int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT {s}.g2(i); END"],
                             "SELECT id, {s}.g3(n) AS x FROM {o}.source",
                             "CREATE OR REPLACE FUNCTION {s}.g1(i int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN i + 100; END'"),
    "operator_in_function": (["CREATE FUNCTION {s}.h1(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + $2; END'",
                              "CREATE OPERATOR {s}.#### (FUNCTION = {s}.h1, LEFTARG = int, RIGHTARG = int)",
                              "CREATE FUNCTION {s}.h2(i int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT i OPERATOR({s}.####) 1; END"],
                             "SELECT id, {s}.h2(n) AS x FROM {o}.source",
                             "CREATE OR REPLACE FUNCTION {s}.h1(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 * 7; END'"),
    "aggregate_support": (["CREATE FUNCTION {s}.us(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2'",
                           "CREATE AGGREGATE {s}.ua(int) (sfunc = {s}.us, stype = int, initcond = '0')"],
                          "SELECT id, {s}.ua(n) AS x FROM {o}.source GROUP BY id",
                          "CREATE OR REPLACE FUNCTION {s}.us(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 - $2'"),
    "aggregate": (["CREATE FUNCTION {s}.vs(int, int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + $2'",
                   "CREATE AGGREGATE {s}.va(int) (sfunc = {s}.vs, stype = int, initcond = '0')"],
                  "SELECT id, {s}.va(n) AS x FROM {o}.source GROUP BY id",
                  "CREATE OR REPLACE AGGREGATE {s}.va(int) (sfunc = {s}.vs, stype = int, initcond = '50')"),
    "cast": (["CREATE TYPE {s}.boxed AS (v int)",
              "CREATE FUNCTION {s}.to_boxed(int) RETURNS {s}.boxed LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN ROW($1)::{s}.boxed; END'",
              "CREATE CAST (int AS {s}.boxed) WITH FUNCTION {s}.to_boxed(int)"],
             "SELECT id, (n::{s}.boxed).v AS x FROM {o}.source",
             "CREATE OR REPLACE FUNCTION {s}.to_boxed(int) RETURNS {s}.boxed LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN ROW(-$1)::{s}.boxed; END'"),
    "configuration": (["CREATE TEXT SEARCH CONFIGURATION {s}.u1 (COPY = simple)"],
                      "SELECT id, to_tsvector('{s}.u1', body) AS x FROM {o}.source",
                      "ALTER TEXT SEARCH CONFIGURATION {s}.u1 ALTER MAPPING FOR asciiword WITH english_stem"),
    "default_configuration": (["CREATE TEXT SEARCH CONFIGURATION {s}.u2 (COPY = simple)", "SET default_text_search_config = '{s}.u2'"],
                              "SELECT id, to_tsvector(body) AS x FROM {o}.source",
                              "ALTER TEXT SEARCH CONFIGURATION {s}.u2 ALTER MAPPING FOR asciiword WITH english_stem"),
    "configuration_in_function": (["CREATE TEXT SEARCH CONFIGURATION {s}.u3 (COPY = simple)",
                                   "CREATE FUNCTION {s}.u3(t text) RETURNS tsvector LANGUAGE sql IMMUTABLE BEGIN ATOMIC "
                                   "SELECT to_tsvector('{s}.u3', t); END"],
                                  "SELECT id, {s}.u3(body) AS x FROM {o}.source",
                                  "ALTER TEXT SEARCH CONFIGURATION {s}.u3 ALTER MAPPING FOR asciiword WITH english_stem"),
    "dictionary": (["CREATE TEXT SEARCH DICTIONARY {s}.u4 (TEMPLATE = simple)"], "SELECT id, ts_lexize('{s}.u4', body) AS x FROM {o}.source",
                   "ALTER TEXT SEARCH DICTIONARY {s}.u4 (Accept = false)"),
    "dictionary_of_default": (["CREATE TEXT SEARCH DICTIONARY {s}.u5 (TEMPLATE = simple)", "CREATE TEXT SEARCH CONFIGURATION {s}.u5 (COPY = simple)",
                               "ALTER TEXT SEARCH CONFIGURATION {s}.u5 ALTER MAPPING FOR asciiword WITH {s}.u5",
                               "SET default_text_search_config = '{s}.u5'"],
                              "SELECT id, to_tsvector(body) AS x FROM {o}.source",
                              "ALTER TEXT SEARCH DICTIONARY {s}.u5 (STOPWORDS = english)"),
    "renamed_default": (["CREATE TEXT SEARCH CONFIGURATION {s}.u6 (COPY = simple)", "SET default_text_search_config = '{s}.u6'"],
                        "SELECT id, to_tsvector(body) AS x FROM {o}.source", "ALTER TEXT SEARCH CONFIGURATION {s}.u6 RENAME TO u66"),
    "renamed_function": (["CREATE FUNCTION {s}.uq(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 1; END'"],
                         "SELECT id, {s}.uq(n) AS x FROM {o}.source", "ALTER FUNCTION {s}.uq(int) RENAME TO uqq"),
    "enumeration": (["CREATE TYPE {s}.um AS ENUM ('good', 'bad')"],
                    "SELECT id, CASE WHEN n > 0 THEN 'good'::{s}.um END::text AS x FROM {o}.source",
                    "ALTER TYPE {s}.um RENAME VALUE 'good' TO 'well'"),
    "moved_function": (["CREATE FUNCTION {s}.uv(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 1; END'"],
                       "SELECT id, {s}.uv(n) AS x FROM {o}.source", "ALTER FUNCTION {s}.uv(int) SET SCHEMA {s}_2"),
    "schema": (["CREATE TYPE {s}_2.um AS ENUM ('good', 'bad')",
                "CREATE FUNCTION {s}_2.uf(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 1; END'"],
               "SELECT id, {s}_2.uf(n) AS x, '{{good}}'::{s}_2.um[] AS y FROM {o}.source", "ALTER SCHEMA {s}_2 RENAME TO {s}_22",
               "ALTER SCHEMA {s}_22 RENAME TO {s}_2"),
    "schema_of_default": (["CREATE TEXT SEARCH CONFIGURATION {s}_2.u7 (COPY = simple)", "SET default_text_search_config = '{s}_2.u7'"],
                          "SELECT id, to_tsvector(body) AS x FROM {o}.source", "ALTER SCHEMA {s}_2 RENAME TO {s}_22",
                          "ALTER SCHEMA {s}_22 RENAME TO {s}_2"),
}


def is_right(session, name, query):
    """Returns True if the stream table, refreshed, has the rows of its query as it is now."""
    run(session, f"SELECT pgtrickle.refresh_stream_table('{OWNER}.{name}')")
    return has_rows_of_query(session, name)


def has_rows_of_query(session, name):
    query = run(session, f"SELECT defining_query FROM pgtrickle.pgt_stream_tables WHERE pgt_name = '{name}'")[0][0]
    return run(session, f"SELECT count(*) FROM ((TABLE {OWNER}.{name} EXCEPT ALL ({query})) UNION ALL "
                        f"(({query}) EXCEPT ALL TABLE {OWNER}.{name})) x")[0][0] == 0


# The name of a configuration in a setting is written at once, because nothing else says which one that is.
LOCKING = ("renamed_default", "schema_of_default")


def its_owner_works_beside(session, reader, case, name):
    """The open transaction keeps no statement of the owner on its stream tables waiting."""
    locked = locked_by(session)
    assert not locked or case in LOCKING, locked
    if case in LOCKING:
        return
    run(reader, "SET lock_timeout = '500ms'")
    for statement in ("COMMENT ON FOREIGN TABLE {t} IS 'x'", "ALTER FOREIGN TABLE {t} OPTIONS (SET schedule '2h')",
                      "CREATE INDEX ON {t} (id)", "DROP FOREIGN TABLE {t}_2"):
        run(reader, statement.format(t=f"{OWNER}.{name}"))
    run(reader, "SET lock_timeout = 0")


def check_used(case, is_prepared):
    made, query, statement, *undo = USED[case]
    name = f"used_{case}" + ("_prepared" if is_prepared else "")
    session, reader = as_role(OTHER), as_role(OWNER)
    try:
        for each in made:
            run(reader if each.startswith("SET ") else session, each.format(s=OTHER))
        for each in (name, name + "_2"):
            make_stream_table(reader, each, query.format(s=OTHER, o=OWNER))
            STREAM_TABLES.remove(each)
        setting = run(reader, "SHOW default_text_search_config")[0][0]
        run(session, "BEGIN")
        run(session, statement.format(s=OTHER))
        its_owner_works_beside(session, reader, case, name)
        if is_prepared:
            run(session, f"PREPARE TRANSACTION '{OWNER}'")
        run(reader, f"UPDATE {OWNER}.source SET n = n + 1")
        run(reader, "SET lock_timeout = '500ms'")
        assert is_right(reader, name, query), "the old meaning while the transaction is open"
        run(reader, "SET lock_timeout = 0")
        run(session, f"COMMIT PREPARED '{OWNER}'" if is_prepared else "COMMIT")
        if "default" in case:
            for each in (reader, ):
                config = run(each, f"SELECT cfgnamespace::regnamespace::text || '.' || cfgname FROM pg_ts_config WHERE oid > 16384 "
                                   f"AND cfgname LIKE '{setting.split('.')[1]}%'")[0][0]
                run(each, f"SET default_text_search_config = '{config}'")
        run(reader, "SET pg_trickle.max_staleness = 0")
        if is_prepared:  # the text of the query is that of before, until a refresh writes it
            run(reader, f"SELECT pgtrickle.refresh_stream_table('{OWNER}.{name}')")
        assert has_rows_of_query(reader, name), "a read after the commit"
        run(reader, "RESET pg_trickle.max_staleness")
        assert is_right(reader, name, query), "the new meaning after the commit"
        run(reader, f"UPDATE {OWNER}.source SET n = n + 1")
        assert is_right(reader, name, query), "a delta after that"
    finally:
        reader.close()
        session.close()
        for transaction, in db.run("SELECT gid FROM pg_prepared_xacts WHERE database = current_database()"):
            db.run(f"ROLLBACK PREPARED '{transaction}'")
        for each in undo:
            if db.value(f"SELECT to_regnamespace('{OTHER}_22') IS NOT NULL"):
                db.run(each.format(s=OTHER))
        db.run(f"DROP FOREIGN TABLE IF EXISTS {OWNER}.{name}, {OWNER}.{name}_2")
        db.run(f"DROP OWNED BY {OTHER}, {OTHER}_group CASCADE; GRANT CREATE ON DATABASE {db.name} TO {OTHER}; DROP SCHEMA IF EXISTS {OTHER}, {OTHER}_2 CASCADE")
        for suffix in ("", "_2"):
            db.run(f"CREATE SCHEMA {OTHER}{suffix} AUTHORIZATION {OTHER}; GRANT ALL ON SCHEMA {OTHER}{suffix} TO {OTHER}_group; "
                   f"GRANT USAGE ON SCHEMA {OTHER}{suffix} TO {OWNER}")


def used_case(case, is_prepared):
    def check():
        check_used(case, is_prepared)
    check.__name__ = ("prepared_" if is_prepared else "open_") + case
    return check


def a_transaction_reads_by_its_own_ddl():
    run(owner, "SET pg_trickle.max_staleness = 0; BEGIN")
    run(owner, f"CREATE OR REPLACE FUNCTION {OWNER}.f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 77; END'")
    assert has_rows_of_query(owner, "of_function")
    run(owner, "SAVEPOINT a")
    run(owner, f"CREATE OR REPLACE FUNCTION {OWNER}.f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + 78; END'")
    assert has_rows_of_query(owner, "of_function")
    run(owner, "ROLLBACK TO a")
    assert has_rows_of_query(owner, "of_function")
    run(owner, "COMMIT; RESET pg_trickle.max_staleness")
    assert is_right(owner, "of_function", None)
    assert not db.value(f"SELECT bool_or(needs_reinit) FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'of_function'")


def a_built_in_dictionary_is_used():
    run(owner, f"SELECT pgtrickle.create_stream_table('{OWNER}.built_in', "
               f"$$ SELECT id, to_tsvector('english', body) AS x, ts_lexize('english_stem', 'the') AS y FROM {OWNER}.source $$, '1h')")
    run(owner, "SET default_text_search_config = 'pg_catalog.english'")
    run(owner, f"SELECT pgtrickle.create_stream_table('{OWNER}.built_in_by_default', $$ SELECT id, to_tsvector(body) AS x FROM {OWNER}.source $$, '1h')")
    for statement in ("ALTER TEXT SEARCH DICTIONARY english_stem (STOPWORDS)", "ALTER TEXT SEARCH CONFIGURATION english ALTER MAPPING FOR asciiword WITH simple"):
        db.run(statement)
        for name in ("built_in", "built_in_by_default"):
            assert is_right(owner, name, None), f"{name} after {statement}"
    run(owner, f"SELECT pgtrickle.create_stream_table('{OWNER}.built_in_simple', "
               f"$$ SELECT id, to_tsvector('simple', body) AS x, ts_lexize('simple', 'the') AS y FROM {OWNER}.source $$, '1h')")
    run(owner, f"SELECT pgtrickle.create_stream_table('{OWNER}.of_copied', "
               f"$$ SELECT id, to_tsvector('{OWNER}.words', body) AS x FROM {OWNER}.source $$, '1h')")
    db.run("ALTER TEXT SEARCH DICTIONARY simple (STOPWORDS = english)")
    for name in ("built_in_simple", "of_copied"):
        assert is_right(owner, name, None), f"{name} after a dictionary that is pinned was altered"
    db.run("ALTER TEXT SEARCH DICTIONARY simple (STOPWORDS)")
    db.run("ALTER TEXT SEARCH CONFIGURATION english ALTER MAPPING FOR asciiword WITH english_stem; "
           "ALTER TEXT SEARCH DICTIONARY english_stem (STOPWORDS = english)")


def dropping_a_watermark_group_keeps_no_refresh_waiting():
    run(owner, "RESET lock_timeout")
    loading, dropping = as_role(OTHER), as_role(OTHER)
    run(loading, f"CREATE TABLE {OTHER}.loaded (id int PRIMARY KEY); GRANT SELECT, TRIGGER ON {OTHER}.loaded TO {OWNER}")
    run(owner, f"SELECT pgtrickle.create_stream_table('{OWNER}.of_loaded', 'SELECT id FROM {OTHER}.loaded', '1h')")
    for time in ("2030-01-01 1:00Z", "2030-01-01 2:00Z"):
        if time.endswith("1:00Z"):
            run(loading, f"SELECT pgtrickle.create_watermark_group('g', ARRAY['{OTHER}.loaded'])")
        else:
            run(dropping, "BEGIN; SELECT pgtrickle.drop_watermark_group('g')")
        run(loading, f"INSERT INTO {OTHER}.loaded SELECT count(*) FROM {OTHER}.loaded")
        run(loading, f"SELECT pgtrickle.advance_watermark('{OTHER}.loaded', '{time}')")
        run(owner, "SET lock_timeout = '500ms'")
        run(owner, f"SELECT pgtrickle.refresh_stream_table('{OWNER}.of_loaded')")
    run(dropping, "COMMIT")
    # Another group of that name has not advanced yet.
    run(loading, f"SELECT pgtrickle.create_watermark_group('g', ARRAY['{OTHER}.loaded'])")
    run(owner, f"SELECT pgtrickle.refresh_stream_table('{OWNER}.of_loaded')")
    assert db.value("SELECT count(*) FROM pgtrickle.pgt_watermark_taken JOIN pgtrickle.pgt_watermark_group g ON name = group_name "
                    "WHERE group_created_at = g.created_at") == 1
    run(loading, "SELECT pgtrickle.drop_watermark_group('g')")
    run(owner, f"DROP FOREIGN TABLE {OWNER}.of_loaded; RESET lock_timeout")
    loading.close()
    dropping.close()


def dropping_a_reader_keeps_no_other_from_being_created():
    db.run(f"GRANT USAGE ON FOREIGN SERVER pgtrickle TO {OTHER}; GRANT SELECT, TRIGGER ON {OWNER}.source TO {OTHER}")
    session = as_role(OTHER)
    run(session, f"SELECT pgtrickle.create_stream_table('{OTHER}.reading', 'SELECT id FROM {OWNER}.source', '1h')")
    run(session, f"BEGIN; DROP FOREIGN TABLE {OTHER}.reading")
    run(owner, "SET statement_timeout = '10s'")
    run(owner, f"SELECT pgtrickle.create_stream_table('{OWNER}.one_more', 'SELECT id, n, body FROM {OWNER}.source', '1h')")
    run(owner, f"RESET statement_timeout; DROP FOREIGN TABLE {OWNER}.one_more")
    session.close()


def in_a_thread(session, statement):
    thread = threading.Thread(target=run, args=(session, statement))
    thread.start()
    return thread


def waits(session):
    db.wait_for(f"SELECT count(*) FROM pg_locks WHERE pid = {session.get_backend_pid()} AND locktype = 'object' AND NOT granted", 1)


def a_creation_and_a_replacement_see_each_other():
    """Neither transaction sees the uncommitted changes of the other; the second one waits, and the rows are
    those of the new function."""
    replace = "CREATE OR REPLACE FUNCTION {s}.seen(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1 + {n}; END'"
    run(owner, "RESET lock_timeout")
    creating, replacing = as_role(OWNER), as_role(OTHER)
    run(replacing, replace.format(s=OTHER, n=1))
    run(owner, f"CREATE VIEW {OWNER}.seen AS SELECT id, {OTHER}.seen(n) AS x FROM {OWNER}.source")
    run(replacing, f"CREATE FUNCTION {OTHER}.calling(i int) RETURNS int LANGUAGE sql IMMUTABLE BEGIN ATOMIC SELECT {OTHER}.seen(i); END")
    queries = [f"SELECT id, {OTHER}.seen(n) AS x FROM {OWNER}.source", f"SELECT id, x FROM {OWNER}.seen",
               f"SELECT id, {OTHER}.calling(n) AS x FROM {OWNER}.source"]
    for number, query in enumerate(queries):
        create = f"SELECT pgtrickle.create_stream_table('{OWNER}.{{}}{number}', $$ {query} $$, '1h')"
        run(replacing, "BEGIN; " + replace.format(s=OTHER, n=10 + number))
        thread = in_a_thread(creating, create.format("second"))
        waits(creating)
        run(replacing, "COMMIT")
        thread.join()
        assert is_right(owner, f"second{number}", query)
        run(creating, "BEGIN; " + create.format("first"))
        thread = in_a_thread(replacing, replace.format(s=OTHER, n=20 + number))
        waits(replacing)
        run(creating, "COMMIT")
        thread.join()
        assert is_right(owner, f"first{number}", query)
    creating.close()
    replacing.close()


CASES = [ddl_on_what_is_not_used_touches_no_other_owner, the_manager_refreshes_beside_open_ddl, a_transaction_reads_by_its_own_ddl,
         a_built_in_dictionary_is_used, dropping_a_watermark_group_keeps_no_refresh_waiting,
         dropping_a_reader_keeps_no_other_from_being_created, a_creation_and_a_replacement_see_each_other]
HAS_PREPARED = int(db.value("SHOW max_prepared_transactions")) > 0
CASES += [used_case(case, is_prepared) for case in USED for is_prepared in ((False, True) if HAS_PREPARED else (False,))]
try:
    run_cases(CASES)
finally:
    owner.close()
    db.drop()
    for role in (OWNER, OTHER, OTHER + "_group"):
        db.admin(f"DROP ROLE {role}")
