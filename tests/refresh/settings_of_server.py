#!/usr/bin/python3 -B
"""Shows that a stream table keeps the settings under which it was defined: expressions are defined under random settings, the
database gives other ones to all sessions, and refreshes and exact reads return what the query does under the first ones. Each
setting that decides a value distinguishes an expression. All settings of the server are classified: one of a later PostgreSQL
fails here until it is."""

import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

# Recorded settings, with two values each. The server need not have a locale other than C, and so no expression for one.
TWO_VALUES = {
    "TimeZone": ("Asia/Tokyo", "America/New_York"), "DateStyle": ("ISO, MDY", "German, DMY"), "IntervalStyle": ("postgres", "iso_8601"),
    "extra_float_digits": ("1", "-5"), "default_text_search_config": ("pg_catalog.english", "pg_catalog.german"),
    "bytea_output": ("hex", "escape"), "xmlbinary": ("base64", "hex"), "xmloption": ("content", "document"), "array_nulls": ("on", "off"),
    "quote_all_identifiers": ("off", "on"), "timezone_abbreviations": ("Default", "Australia")}
RECORDED = {*TWO_VALUES, "lc_monetary", "lc_numeric", "lc_time"}
# Have one value whenever a query is run or its text is read, or decide what a text means that is parsed, once.
FIXED = {"search_path", "row_security", "gin_fuzzy_search_limit", "transform_null_equals", "standard_conforming_strings", "backslash_quote"}
# Have no part in a value: they are about a session's statements, messages, libraries and files, about DDL, or about the order of rows.
WITHOUT_PART = """^(Autovacuum|Connections|Customized|Developer|Error|File|Lock|Preset|Process|Query Tuning|Replication|Reporting|Resource|Statistics|Vacuum|
    Write-Ahead|Client Connection Defaults / Shared Library)|^(client|lc_messages|check_function|create|default_(table|toast|trans)|transaction|vacuum|event|
    idle|statement|session|temp_table|lock_time|gin_pending|restrict|icu_val|dynamic_lib|extension_control|escape_string_w|lo_compat|synchronize|allow_alter)"""
OPTIONS = "SELECT name, category FROM pg_settings WHERE name !~ '[.]' ORDER BY name"

# Of the columns of `source`.
EXPRESSIONS = [
    # arrays
    "a::text[]", "('{' || id || ',NULL}')::chars", "('(1,\"' || a || '\")')::pair", "jsonb_populate_record(NULL::pair, jsonb_build_object('b', a))",
    "populate_record(NULL::pair, hstore('b', a))", "xmlserialize(CONTENT xmlelement(NAME x, a::text[]) AS text)", "ARRAY[a]::text[]::text || (a::text[])[1]",
    # identifiers
    "quote_ident(s)", "quote_ident('constant') || s", "format('%I', s)", "format('%I', 'constant')",
    "CASE WHEN c IN ('abc', 'd') THEN quote_ident('constant') END",
    # zones
    "(w || ' 10:00 EST')::timestamptz", "('1' || id || ':00 EST')::timetz", "ts AT TIME ZONE 'EST'", "tz AT TIME ZONE 'EST'",
    "timezone('EST', timetz '10:00+02') || s", "make_timestamptz(2024, 1, id, 0, 0, 0, 'EST')", "date_trunc('day', tz, 'EST')",
    "('[' || w || ' EST,]')::tstzrange", "ARRAY[w || ' EST']::timestamptz[]", "timestamp '2024-03-04 05:06' AT TIME ZONE 'EST'",
    "CASE WHEN c IN ('abc', 'd') THEN ts AT TIME ZONE 'EST' END",
    # the others
    "tz::date", "date_trunc('day', tz)", "extract(hour FROM tz)", "tz::text", "('{' || w || '}')::timestamptz[]", "d::text", "('01/02/' || 2000 + id)::date",
    "iv::text", "(f / 3)::text", "ARRAY[f / 3]::text", "by::text", "to_jsonb(by)", "to_tsvector(s)", "xmlserialize(CONTENT xmlelement(NAME x, by) AS text)",
    "xml_is_well_formed(x)", "cube(f / 3)::text", "to_jsonb(ARRAY[cube(f / 3)])"]
QUERIES = [query for e in EXPRESSIONS for query in (f"SELECT id, {e} AS v FROM source", f"SELECT ({e})::text AS v, count(*) AS n FROM source GROUP BY 1")]
ROW = """INSERT INTO source SELECT i, '{NULL,x' || i || ',"NULL"}', 'the houses' || mod(i, 2), 'abc', '2024-03-0' || i, timestamp '2024-03-04 01:02' + i * interval '7 h',
    timestamptz '2024-07-04 01:02Z' + i * interval '7 h', date '2024-02-03' + i, i * interval '1 mon 1 h', 0.1::float8 + 0.2 * i, '\\x00ff41', i || '<b/>'
    FROM generate_series(%s, %s) i"""


def settings(cursor, values):
    for name, value in values.items():
        cursor.execute("SELECT set_config(%s, %s, false)", (name, value))


def chosen():
    return {name: random.choice(values) for name, values in TWO_VALUES.items()}


def images(cursor, query):
    """The rows of a query; what it raises is one, too."""
    try:
        cursor.execute(f"SELECT x::text FROM ({query}) x ORDER BY 1")
        return cursor.fetchall()
    except psycopg2.Error as error:
        return error.pgcode


def each_setting_distinguishes_an_expression():
    cursor = db.connect().cursor()
    without_value = set(range(len(EXPRESSIONS)))
    for name, values in TWO_VALUES.items():
        found = []
        for value in values:
            settings(cursor, {other: pair[0] for other, pair in TWO_VALUES.items()} | {name: value})
            found.append([images(cursor, f"SELECT ({e})::text FROM source") for e in EXPRESSIONS])
            without_value -= {i for i, rows in enumerate(found[-1]) if isinstance(rows, list)}
        assert found[0] != found[1], name
    assert not without_value, [EXPRESSIONS[i] for i in without_value]


def differing(definer, names):
    """The stream tables that are not as their queries are under the settings of the definer."""
    session = db.connect().cursor()  # which has the present settings of the database
    found = []
    for name, query in names.items():
        for mode in ("exact", "refreshed"):
            session.execute("SET client_min_messages = error; DROP TABLE IF EXISTS wanted, got")
            definer.execute(f"CREATE TABLE wanted AS {query}")
            if mode == "refreshed":
                session.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
            session.execute(f"SET pg_trickle.read_mode = {'exact' if mode == 'exact' else 'refresh'}; CREATE TABLE got AS TABLE {name}")
            if (wanted := images(definer, "TABLE wanted")) != (got := images(definer, "TABLE got")):
                found.append((mode, query, wanted, got))
    session.connection.close()
    return found


def a_stream_table_keeps_its_settings():
    for _ in range(2):
        db.run("TRUNCATE source")
        db.run(ROW, 1, 3)
        definer = db.connect().cursor()
        values = chosen()
        settings(definer, values | {"client_min_messages": "error"})
        names = {}
        for i, query in enumerate(QUERIES):
            if isinstance(images(definer, query), str):
                continue  # has no value under these settings
            definer.execute("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", (f"st_{i}", query))
            names[f"st_{i}"] = query
        for name, pair in TWO_VALUES.items():
            value = next(one for one in pair if one != values[name])
            db.run(f"ALTER DATABASE {db.name} SET {name} = {value if name == 'DateStyle' else repr(value)}")
        db.run(ROW, 4, 5)
        db.run("DELETE FROM source WHERE id = 1; UPDATE source SET f = f * 3 WHERE id = 2")
        found = differing(definer, names)
        assert not found, (len(found), values, found[:4])
        db.run(f"ALTER DATABASE {db.name} RESET ALL; DROP FOREIGN TABLE {', '.join(names)}")
        definer.connection.close()


def an_index_scan_finds_all_rows():
    db.run("CREATE TABLE wide (id int PRIMARY KEY, a int[], pad text); INSERT INTO wide SELECT g, ARRAY[g % 30, g + 1000], repeat('x', 500) "
           "FROM generate_series(1, 20000) g; CREATE INDEX ON wide USING gin (a); ANALYZE wide")
    query = "SELECT id % 2 AS k, count(*) AS c FROM wide WHERE a @> ARRAY[1] GROUP BY 1"
    db.run("SELECT pgtrickle.create_stream_table('counted', %s, '520w')", query)
    db.run(f"ALTER DATABASE {db.name} SET gin_fuzzy_search_limit = 1")
    session = db.connect().cursor()
    session.execute("SELECT pgtrickle.repair_stream_table('counted')")
    db.run(f"ALTER DATABASE {db.name} RESET ALL")
    assert images(session, "TABLE counted") == images(db.session.cursor(), query)
    session.connection.close()


def a_definition_of_before_gets_the_present_ones():
    """A dump that was made before a setting was recorded."""
    session = db.connect().cursor()
    session.execute("SET array_nulls = off; CREATE FOREIGN TABLE restored () SERVER pgtrickle OPTIONS (query 'SELECT id, a::text[] AS v, tz::date AS d "
                    "FROM public.source', original_query 'SELECT', \"setting_TimeZone\" 'Asia/Tokyo', schedule '520w')")
    session.connection.close()
    recorded = db.value("SELECT array_agg(o) FROM pg_foreign_table, unnest(ftoptions) o WHERE ftrelid = 'restored'::regclass AND o ~ 'setting_'")
    assert set(recorded) == {"setting_array_nulls=off", "setting_TimeZone=Asia/Tokyo"}, recorded


def each_setting_is_classified():
    for name, category in db.run(OPTIONS):
        try:
            db.run("SELECT pgtrickle.pgtrickle_fdw_validator(%s, 'pg_foreign_table'::regclass)", ["query=SELECT 1", f"setting_{name}=x"])
            is_recorded = True
        except psycopg2.Error:
            is_recorded = False
        has_no_part = db.value("SELECT %s ~ %s OR %s ~ %s", category, WITHOUT_PART.replace("\n    ", ""), name, WITHOUT_PART.replace("\n    ", ""))
        assert is_recorded == (name in RECORDED), name
        assert (name in RECORDED) + (name in FIXED) + has_no_part == 1, (name, category)


random = dice()
db = Database()
try:
    db.run("CREATE EXTENSION hstore; CREATE EXTENSION cube; CREATE TYPE pair AS (a int, b text[]); CREATE DOMAIN chars AS text[]; CREATE TABLE source (id int PRIMARY KEY, "
           "a text, s text, c varchar, w text, ts timestamp, tz timestamptz, d date, iv interval, f float8, by bytea, x text)")
    db.run(ROW, 1, 3)
    run_cases([each_setting_distinguishes_an_expression, each_setting_is_classified, a_stream_table_keeps_its_settings, an_index_scan_finds_all_rows,
               a_definition_of_before_gets_the_present_ones])
finally:
    db.drop()
