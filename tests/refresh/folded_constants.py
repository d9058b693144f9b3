#!/usr/bin/python3 -B
"""Shows that what a plan has folded into a constant follows the objects that it was computed with, in every process that
keeps the plan: the refresh after an ALTER, refreshes of later changes, the manager's workers, and exact reads."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()

# For each: the set-up, an expression of constants, and statements that change its value, by turns.
KINDS = {
    "mapping of a configuration": (
        "CREATE TEXT SEARCH CONFIGURATION mc (COPY = pg_catalog.simple)", "to_tsquery('mc', 'dogs')::text",
        "ALTER TEXT SEARCH CONFIGURATION mc ALTER MAPPING FOR asciiword WITH english_stem", "ALTER TEXT SEARCH CONFIGURATION mc ALTER MAPPING FOR asciiword WITH simple"),
    "mapping that is dropped": (
        "CREATE TEXT SEARCH CONFIGURATION md (COPY = pg_catalog.simple)", "to_tsvector('md', 'dogs')::text",
        "ALTER TEXT SEARCH CONFIGURATION md DROP MAPPING FOR asciiword", "ALTER TEXT SEARCH CONFIGURATION md ADD MAPPING FOR asciiword WITH simple"),
    "options of a dictionary": (
        "CREATE TEXT SEARCH DICTIONARY d (TEMPLATE = pg_catalog.simple)", "ts_lexize('d', 'dogs')::text",
        "ALTER TEXT SEARCH DICTIONARY d (accept = false)", "ALTER TEXT SEARCH DICTIONARY d (accept = true)"),
    "dictionary of a configuration": (
        "CREATE TEXT SEARCH DICTIONARY e (TEMPLATE = pg_catalog.simple); CREATE TEXT SEARCH CONFIGURATION me (COPY = pg_catalog.simple); "
        "ALTER TEXT SEARCH CONFIGURATION me ALTER MAPPING FOR asciiword WITH e", "to_tsvector('me', 'the dogs')::text",
        "ALTER TEXT SEARCH DICTIONARY e (stopwords = english)", "ALTER TEXT SEARCH DICTIONARY e (stopwords)"),
    "function": (
        "CREATE FUNCTION f(int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'a'; END $$", "f(1)",
        "CREATE OR REPLACE FUNCTION f(int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'b'; END $$",
        "CREATE OR REPLACE FUNCTION f(int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'a'; END $$"),
    "function in SQL with a parsed body": (
        "CREATE FUNCTION g(int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'a'; END $$; CREATE FUNCTION h(int) RETURNS text IMMUTABLE RETURN g($1)", "h(1)",
        "CREATE OR REPLACE FUNCTION g(int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'b'; END $$",
        "CREATE OR REPLACE FUNCTION g(int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'a'; END $$"),
    "function of an operator": (
        "CREATE FUNCTION op(int, int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'a'; END $$; CREATE OPERATOR public.@@@@ (leftarg = int, rightarg = int, function = op)", "1 @@@@ 2",
        "CREATE OR REPLACE FUNCTION op(int, int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'b'; END $$",
        "CREATE OR REPLACE FUNCTION op(int, int) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'a'; END $$"),
    "function of a cast": (
        "CREATE TYPE pair AS (a int); CREATE FUNCTION cast_pair(pair) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'a'; END $$; CREATE CAST (pair AS text) WITH FUNCTION cast_pair(pair)",
        "(ROW(1)::pair)::text",
        "CREATE OR REPLACE FUNCTION cast_pair(pair) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'b'; END $$",
        "CREATE OR REPLACE FUNCTION cast_pair(pair) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN 'a'; END $$"),
    "settings of a function": (
        "CREATE FUNCTION shown() RETURNS text IMMUTABLE LANGUAGE plpgsql SET work_mem = '1MB' AS $$ BEGIN RETURN current_setting('work_mem'); END $$", "shown()",
        "ALTER FUNCTION shown() SET work_mem = '2MB'", "ALTER FUNCTION shown() SET work_mem = '1MB'"),
    "labels of an enumeration": (
        "CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE FUNCTION label(mood) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN $1::text; END $$", "label(enum_first(NULL::mood))",
        "ALTER TYPE mood RENAME VALUE 'sad' TO 'bad'", "ALTER TYPE mood RENAME VALUE 'bad' TO 'sad'"),
}
QUERIES = {"shown": "SELECT id, {} AS x FROM src", "compared": "SELECT id FROM src WHERE s > {0} OR ({0}) IS NULL", "grouped": "SELECT {} AS x, count(*) AS n FROM src GROUP BY 1"}


def rows(statement):
    return sorted(map(str, db.run(statement)))


def kind_case(kind):
    setup, expression, there, back = KINDS[kind]

    def case():
        db.run(setup)
        names = {}
        for name, query in QUERIES.items():
            for by, schedule in (("by_hand", "520w"), ("by_manager", "1s")):
                table = f"{name}_{by}"
                if by == "by_manager" and name != "shown":
                    continue
                names[table] = query.format(expression)
                db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s)", table, names[table], schedule)
        for turn in range(5):
            for table, query in names.items():
                db.run("INSERT INTO src SELECT 1 + max(id), 'dogs' FROM src")
                if table.endswith("by_hand"):
                    db.run(f"SELECT pgtrickle.refresh_stream_table('{table}')")
                else:
                    db.wait_for(f"SELECT (SELECT array_agg(x ORDER BY x) FROM (SELECT t::text FROM {table} t) y(x)) IS NOT DISTINCT FROM "
                                f"(SELECT array_agg(x ORDER BY x) FROM (SELECT t::text FROM ({query}) t) y(x))", True)
                assert rows(f"SELECT * FROM {table}") == rows(query), (turn, table)
            db.run(back if turn % 2 else there)
            if turn < 2:
                db.run("SET pg_trickle.read_mode = exact")
                for table, query in names.items():
                    assert rows(f"SELECT * FROM {table}") == rows(query), (turn, table, "read exactly")
                db.run("RESET pg_trickle.read_mode")
        for table in names:
            db.run(f"SELECT pgtrickle.drop_stream_table('{table}')")

    case.__name__ = kind.replace(" ", "_")
    return case


try:
    db.run("SET pg_trickle.enabled = on; CREATE TABLE src (id int PRIMARY KEY, s text); INSERT INTO src VALUES (1, 'a')")
    run_cases([kind_case(kind) for kind in KINDS])
finally:
    db.drop()
