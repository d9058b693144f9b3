#!/usr/bin/python3 -B
"""Shows that what a session has set has no part in the code of a stream table of another role: a role that may read it, and
change its source, gives each setting that any role may set another value, by SET, from the client or by ALTER ROLE, before the
libraries of the settings are loaded, and calls the owner's functions under these. The functions return every setting, and what
depends on one; exact reads return the same as for the owner, and no role but the owner stores what its session has computed."""

import sys
import uuid
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER, READER = (f"{name}_{uuid.uuid4().hex[:8]}" for name in ("owner", "reader"))

# Resources, waits, messages and transactions of a session are its own. So are how the planner finds a plan, and which relations
# its statements may not read.
OF_SESSION = """category ~ '^(Query Tuning|Resource Usage|Write-Ahead|Connections|Replication|Developer|Error|Statistics|Reporting)'
    OR name ~ '^pg_trickle[.]|^(default_transaction|transaction|vacuum)_|_timeout$|_tablespaces?$|^restrict_nonsystem'
    OR name IN ('client_encoding', 'client_min_messages', 'search_path', 'row_security', 'local_preload_libraries')"""
OTHERS = {"timezone_abbreviations": "Australia", "default_table_access_method": "heap", "plpgsql.extra_errors": "all", "plpgsql.extra_warnings": "all",
          "lc_messages": "POSIX", "createrole_self_grant": "set", "DateStyle": "SQL, DMY", "TimeZone": "Asia/Tokyo",
          "default_text_search_config": "pg_catalog.german", "lc_monetary": "POSIX", "lc_numeric": "POSIX", "lc_time": "POSIX", "extra_float_digits": "-3"}
GRANTED = ("plpgsql.variable_conflict",)  # that a superuser lets the reader set
SAME = ["default_table_access_method"]  # has no other value here
ENVIRONMENT = f"""
    CREATE FUNCTION settings() RETURNS text STABLE LANGUAGE sql AS $$SELECT string_agg(name || '=' || setting, ' ' ORDER BY name)
        FROM pg_settings WHERE context = 'user' AND name !~ '[.]' AND NOT ({OF_SESSION}) $$;
    CREATE FUNCTION lexed() RETURNS text STABLE LANGUAGE plpgsql AS $$DECLARE found text; BEGIN
        EXECUTE 'SELECT ''\\n'' || (1 = NULL IS NULL)::text || quote_ident(''ab'') || ''{{null}}''::text[]::text' INTO found; RETURN found; END$$;
    CREATE FUNCTION counted() RETURNS text STABLE LANGUAGE sql AS $$SELECT count(*)::text FROM own.wide WHERE a @> ARRAY[1]$$;
    CREATE FUNCTION asserted(n int) RETURNS text STABLE LANGUAGE plpgsql AS $$BEGIN ASSERT n < 0; RETURN 'unchecked';
        EXCEPTION WHEN assert_failure THEN RETURN 'checked'; END$$;
    CREATE FUNCTION compiled(text) RETURNS text STABLE LANGUAGE plpgsql AS $$BEGIN RETURN $1 || '\\n' || ($1 = NULL IS NULL)::text; END$$;
    CREATE FUNCTION conflicting(n int) RETURNS text STABLE LANGUAGE plpgsql AS $$DECLARE id int := 99; BEGIN RETURN (SELECT id FROM own.source s WHERE s.id = n);
        EXCEPTION WHEN ambiguous_column THEN RETURN 'ambiguous'; END$$;
    CREATE FUNCTION similar_inside(text) RETURNS bool STABLE LANGUAGE sql AS $$SELECT $1 OPERATOR(own.%) 'abcdef' FROM (SELECT 1 LIMIT 1) x$$;
    CREATE DOMAIN assertive AS int CHECK (own.asserted(VALUE) = 'checked');
    CREATE VIEW seen AS SELECT id, t FROM own.source;
    CREATE FUNCTION alters() RETURNS void SECURITY DEFINER LANGUAGE plpgsql AS $$BEGIN ALTER VIEW own.seen SET (security_barrier = true); END$$;
    CREATE FUNCTION reads() RETURNS bigint VOLATILE SECURITY DEFINER LANGUAGE sql AS $$SELECT count(c) FROM own.called$$"""
QUERIES = {
    "environment": "SELECT id, settings() AS s, lexed() AS l, counted() AS c FROM source",
    "built_in": "SELECT id, quote_ident(t) AS q, format('%I', t) AS f, ('{null,' || t || '}')::text[] AS a, (t || ' 2024-01-01 00:00 EST')::text AS e FROM source",
    "indexed": "SELECT id % 2 AS k, count(*) AS c FROM wide WHERE a @> ARRAY[1] GROUP BY 1",
    "called": "SELECT id, own.compiled(t) AS c FROM source",
    "similar_to": "SELECT id, (t || 'bcdef') OPERATOR(own.%) 'abcdef' AS s FROM source",
    "similar_to_inside": "SELECT id, own.similar_inside(t || 'bcdef') AS s FROM source",
    "conflicts": "SELECT id, own.conflicting(id) AS c FROM source",
    "of_domain": "SELECT id, id::own.assertive AS a FROM source",
    "viewed": "SELECT id, own.compiled(t) AS c FROM seen",
    "asserting": "SELECT id, own.asserted(id) AS a FROM source",
    "printed": "SELECT id, query_to_xml('SELECT timestamptz ''2024-01-01 00:00+00'' AS z, now() IS NULL AS n', false, false, '')::text AS x FROM source",
    "asked": "SELECT id, current_setting('TimeZone') || current_setting('DateStyle') AS s FROM source",
    "abbreviated": "SELECT id, ('2024-01-01 00:00 ' || CASE WHEN id > 0 THEN 'EST' END)::timestamptz::text AS z FROM source",
}
WAYS = ("set", "client", "role")


def session(role):
    cursor = db.connect().cursor()
    cursor.execute(f"SET ROLE {role}; SET search_path = own; SET client_min_messages = error; SET check_function_bodies = off")
    return cursor


def rows(cursor, name):
    cursor.execute(f"SELECT x::text FROM own.{name} x ORDER BY 1")
    return cursor.fetchall()


def other_values(cursor):
    """Returns another value of each setting that any role may set, by its kind, and of those of the libraries that are loaded."""
    cursor.execute("SELECT own.asserted(1), own.similarity('a', 'b')")
    cursor.execute(f"SELECT name, vartype, setting, enumvals, min_val, max_val FROM pg_settings WHERE (context = 'user' OR name = '{GRANTED[0]}') "
                   f"AND NOT ({OF_SESSION})")
    for name, kind, value, choices, low, high in cursor.fetchall():
        if name in OTHERS:
            yield name, OTHERS[name]
        elif kind == "bool":
            yield name, "off" if value == "on" else "on"
        elif kind == "enum":
            if len(choices) > 1:  # default_toast_compression has one, where the server is built without lz4
                yield name, next(one for one in choices if one != value)
        elif kind in ("integer", "real"):
            yield name, str(1 if value != "1" and float(low) <= 1 <= float(high) else low)
        else:
            raise AssertionError(f"no other value of {name} is known")


def settings(cursor):
    cursor.execute("SELECT name, current_setting(name) FROM unnest(%s) name", (list(others),))
    return cursor.fetchall()


def changed_session(way):
    """A session of the reader in which all settings have other values from its start."""
    options = ""
    if way == "client":
        options = " ".join(f"-c {name}=" + value.replace(" ", "\\ ") for name, value in others.items())
    for name, value in others.items() if way == "role" else ():
        db.run(f"ALTER ROLE {READER} SET {name} = '{value}'")
    cursor = db.connect(user=READER, options=options).cursor()
    db.run(f"ALTER ROLE {READER} RESET ALL")
    if way == "set":
        cursor.execute("SELECT set_config(name, value, false) FROM unnest(%s, %s) s (name, value)", (list(others), list(others.values())))
    cursor.execute("SET client_min_messages = error")
    same = sorted(set(settings(cursor)) & set(as_the_owner))
    assert [name for name, value in same] == SAME, (way, same)
    return cursor


def poisoned():
    """A session of the reader that has changed all settings, and has called the functions under these."""
    cursor = changed_session("set")
    cursor.execute("SELECT own.compiled('x')")
    return cursor


def expected():
    for name in QUERIES:
        owner.execute(f"SELECT pgtrickle.refresh_stream_table('{name}')")
    return {name: rows(owner, name) for name in QUERIES}


def exact_reads_do_not_depend_on_the_reader():
    right, found = expected(), []
    for way in WAYS:
        for begin in ("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ") if way == "set" else ("BEGIN",):
            for name in QUERIES:
                cursor = changed_session(way)  # which has not loaded a library yet
                cursor.execute(f"{begin}; SET LOCAL pg_trickle.read_mode = exact; UPDATE own.source SET n = n + 1; UPDATE own.wide SET n = n + 1")
                if (read := rows(cursor, name)) != right[name]:
                    found.append((way, begin, name, [(a, b) for a, b in zip(read, right[name]) if a != b][:1]))
                cursor.execute("ROLLBACK")
                cursor.connection.close()
    assert not found, found


def nobody_else_stores_what_a_session_computes():
    right, found = expected(), []
    readers = {**{name: f"SELECT x::text FROM own.{name} x" for name in QUERIES}, "called by the owner's function": "SELECT own.reads()",
               "viewed after DDL of the owner's function": "SELECT own.alters()"}
    for level in ("READ COMMITTED", "REPEATABLE READ"):
        for reader, statement in readers.items():
            name = reader.split()[0]
            cursor = poisoned()
            cursor.execute(f"SET pg_trickle.max_staleness = 0; SET pg_trickle.differential_max_change_ratio = 0; BEGIN ISOLATION LEVEL {level}; "
                           "UPDATE own.source SET n = n + 1, id = id + 100 WHERE id = 1; UPDATE own.source SET id = 1 WHERE id = 101; "
                           "UPDATE own.wide SET n = n + 1 WHERE id % 3 = 0")
            cursor.execute(statement)
            cursor.execute("COMMIT")
            cursor.connection.close()
            if (stored := rows(owner, name)) != right[name]:
                found.append((level, reader, [(a, b) for a, b in zip(stored, right[name]) if a != b][:1]))
    assert not found, found


def values_that_the_database_may_not_have_are_ignored():
    """As at the start of a session, which then has the built-in value."""
    right = expected()
    for setting in ("default_tablespace = gone", "temp_tablespaces = gone", "default_text_search_config = gone", "default_table_access_method = gone",
                    "similarity.unknown = gone"):
        db.run(f"ALTER DATABASE {db.name} SET {setting}")
        cursor = changed_session("client")
        cursor.execute("BEGIN; SET LOCAL pg_trickle.read_mode = exact; UPDATE own.source SET n = n + 1")
        assert rows(cursor, "built_in") == right["built_in"], setting
        cursor.connection.close()
        db.run(f"ALTER DATABASE {db.name} RESET ALL")


def a_literal_of_a_reader_stays_one():
    """A function that quotes what it puts into a statement is not asked by a reader to run another one."""
    owner.execute("CREATE TABLE secret AS SELECT 'secret' AS s; CREATE TABLE logged (who text); CREATE FUNCTION times(who text) RETURNS text STABLE "
                  "LANGUAGE plpgsql AS $$DECLARE found text; BEGIN EXECUTE 'SELECT count(*)::text FROM own.logged WHERE who = ''' || "
                  "replace(who, '''', '''''') || '''' INTO found; RETURN found; END$$")
    owner.execute("SELECT pgtrickle.create_stream_table('spied', 'SELECT t, times(t) AS n FROM own.source', '520w')")
    owner.execute(f"GRANT SELECT ON spied TO {READER}")
    cursor = db.connect(user=READER).cursor()
    cursor.execute("SET standard_conforming_strings = off; SET escape_string_warning = off; SET pg_trickle.read_mode = exact; "
                   "BEGIN; UPDATE own.source SET t = $q$\\' UNION SELECT s FROM own.secret ORDER BY 1 DESC --$q$")
    try:
        assert "secret" not in str([row[0].split(",")[-1] for row in rows(cursor, "spied")])
    finally:
        cursor.execute("ROLLBACK")
        cursor.connection.close()


try:
    for role in OWNER, READER:
        db.run(f"CREATE ROLE {role} LOGIN")
    db.run(f"CREATE SCHEMA own AUTHORIZATION {OWNER}; GRANT USAGE ON SCHEMA own TO {READER}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {OWNER}; "
           f"CREATE EXTENSION pg_trgm SCHEMA own; GRANT SET ON PARAMETER {', '.join(GRANTED)} TO {READER}")
    owner = session(OWNER)
    owner.execute(f"CREATE TABLE source (id int PRIMARY KEY, n int, t text); INSERT INTO source SELECT g, g, 'a' || g FROM generate_series(1, 5) g; "
                  "CREATE TABLE wide (id int PRIMARY KEY, n int, a int[], pad text); INSERT INTO wide SELECT g, g, ARRAY[g % 30, g + 1000], repeat('x', 500) "
                  f"FROM generate_series(1, 20000) g; CREATE INDEX ON wide USING gin (a); ANALYZE wide; {ENVIRONMENT}; "
                  f"GRANT SELECT, UPDATE ON source, wide TO {READER}")
    for name, query in QUERIES.items():
        owner.execute("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", (name, query))
        owner.execute(f"GRANT SELECT ON {name} TO {READER}")
    others = dict(other_values(owner))
    as_the_owner = settings(owner)
    run_cases([exact_reads_do_not_depend_on_the_reader, nobody_else_stores_what_a_session_computes, values_that_the_database_may_not_have_are_ignored,
               a_literal_of_a_reader_stays_one])
finally:
    try:
        owner.connection.close()
    except (NameError, psycopg2.Error):
        pass
    db.run(f"REVOKE SET ON PARAMETER {', '.join(GRANTED)} FROM {READER}; DROP OWNED BY {OWNER}, {READER} CASCADE; DROP ROLE {OWNER}, {READER}")
    db.drop()
