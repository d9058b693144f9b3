#!/usr/bin/python3 -B
"""Shows that a condition on a stream table that is read exactly is true for the rows for which it is true on a table,
whatever the session has set: every IMMUTABLE function of PostgreSQL that the sample values fit, and the conversions and
constructs that print values, under settings other than those of the server."""

import sys
from itertools import product
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

SAMPLES = {"float8": "'0.1'::float8 / 3", "float4": "'0.1'::float4 / 3", "bytea": "decode('0005ff', 'hex')", "point": "point(1 / 3.0, 2)",
           "lseg": "lseg(point(1 / 3.0, 2), point(3, 4))", "path": "'((0.333333333333333,1),(2,3))'::path", "box": "box(point(1 / 3.0, 2), point(3, 4))",
           "polygon": "'((0.333333333333333,1),(2,3),(5,7))'::polygon", "line": "line(point(1 / 3.0, 2), point(3, 4))", "circle": "circle(point(1, 2), 1 / 3.0)",
           "timestamptz": "'2024-01-31 20:30+00'::timestamptz", "timestamp": "'2024-03-10 20:30'::timestamp", "interval": "'1 mon 2 days 03:04:05'::interval",
           "date": "'2024-03-10'::date", "time": "'20:30'::time", "timetz": "'20:30+02'::timetz", "money": "'12.34'::money", "numeric": "12.34::numeric",
           "text": "'IST'", "int4": "12", "bool": "true", "jsonb": """'{"at": "10 Mar 2024"}'::jsonb""", "xml": "'<a>1</a>'::xml",
           "jsonpath": """'$.at.datetime("DD Mon YYYY")'::jsonpath""", "float8[]": "ARRAY['0.1'::float8 / 3]", "tstzrange": "tstzrange('2024-01-31 20:30+00', NULL)"}
SETTINGS = {"TimeZone": "Asia/Tokyo", "DateStyle": "German", "IntervalStyle": "iso_8601", "extra_float_digits": "-10", "bytea_output": "escape",
            "quote_all_identifiers": "on", "xmlbinary": "hex", "xmloption": "document", "timezone_abbreviations": "India", "array_nulls": "off"}
COLUMNS = {name: f"c{number}" for number, name in enumerate(SAMPLES)}
CONSTRUCTS = ["xmlelement(NAME v, {})", "xmlforest({} AS v)", "xmlconcat(xmlelement(NAME v, {}))", "xmlserialize(CONTENT xmlelement(NAME v, {}) AS text)",
              "xmlelement(NAME v, ROW({}))", "xmlelement(NAME v, xmlattributes({} AS w))", "{}", "ROW({})", "ARRAY[{}]", "CASE WHEN {0} IS NOT NULL THEN {0} END"]
QUERIES = {"of_now": "SELECT * FROM src WHERE now() IS NOT NULL", "limited": "SELECT * FROM src ORDER BY id LIMIT 3", "by_key": "SELECT * FROM src"}

db = Database()


def functions():
    """Returns calls of the IMMUTABLE functions of one or two arguments that the sample values fit."""
    found = db.run("""SELECT p.proname::text, ARRAY(SELECT coalesce(nullif(a::regtype::text, ''), '') FROM unnest(p.proargtypes) a)
      FROM pg_proc p JOIN pg_type r ON r.oid = p.prorettype
      WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.provolatile = 'i' AND p.prokind = 'f' AND NOT p.proretset
        AND p.pronargs IN (1, 2) AND p.provariadic = 0 AND (r.typtype <> 'p' OR r.typname = 'cstring') ORDER BY p.oid""")
    names = {db.value("SELECT %s::regtype::text", name): name for name in SAMPLES}
    return [f'pg_catalog."{name}"({", ".join(COLUMNS[names[each]] for each in types)})' for name, types in found
            if all(each in names for each in types)]


def conditions():
    return functions() + [construct.format(column) for construct, column in product(CONSTRUCTS, COLUMNS.values())]


def value_on_table(cursor, expression):
    """PostgreSQL's own functions answer some values with internal errors, which are no alarm here."""
    cursor.execute("SET LOCAL log_min_messages = fatal")
    try:
        cursor.execute(f"SELECT ({expression})::text FROM plain WHERE id = 1")
    except psycopg2.Error:
        return False, None
    found = cursor.fetchone()[0]
    cursor.execute("SET LOCAL log_min_messages = warning")
    return True, found


def is_true_where_it_is_on_a_table():
    columns = ", ".join(f"{sample} AS {COLUMNS[name]}" for name, sample in SAMPLES.items())
    db.run(f"CREATE TABLE src AS SELECT 1 AS id, {columns}; ALTER TABLE src ADD PRIMARY KEY (id); CREATE TABLE plain AS SELECT * FROM src")
    for name, query in QUERIES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", name, query)
    session = db.connect()
    session.autocommit = False
    cursor = session.cursor()
    cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM src")
    cursor.execute("UPDATE src SET id = id; SET pg_trickle.read_mode = exact; SET pg_trickle.on_stale = error")
    for name, value in SETTINGS.items():
        cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
    wrong, tried = [], 0
    for expression in conditions():
        cursor.execute("SAVEPOINT tried")
        is_valid, value = value_on_table(cursor, expression)
        for name in QUERIES if is_valid else ():
            tried += 1
            cursor.execute(f"SELECT count(*) FROM {name} WHERE ({expression})::text IS NOT DISTINCT FROM %s", (value,))
            if cursor.fetchone()[0] != 1:
                wrong.append(f"{name}: {expression}")
        cursor.execute("ROLLBACK TO tried; RELEASE tried")
    session.close()
    assert tried > 1000, f"only {tried} conditions were tried"
    assert not wrong, f"{len(wrong)} of {tried} conditions are not true where they are on a table: {wrong[:20]}"


try:
    run_cases([is_true_where_it_is_on_a_table])
finally:
    db.drop()
