#!/usr/bin/python3 -B
"""Shows that what a function of the extension keeps from one call to the next changes no result, whatever the arguments are.

Any role may call the functions of values of any type, also with records, whose columns differ from call to call at one place of
a statement, and with NULL. A function that took the columns of the record before would show memory of the server, or end it.
Each function is called for a series of values in one statement; each result must be that of a call in a statement of its own."""

import sys
import uuid
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

SERIES = 40
LENGTH = 12

db = Database()
dice = dice()
ROLE = f"nobody_{uuid.uuid4().hex[:8]}"
ROWS = ["NULL", "NULL::odd.texts", "ROW()", "ROW(NULL)", "ROW(1)", "ROW(1, 'a'::text)", "ROW('a'::text, 1)", "ROW(1.0, 1.00)", "ROW(7::int8, 8::int8, 9::int8)",
        "ROW(ROW(1, 2), ROW('x'::text))", "ROW('a', 'b', 'c', 'd')::odd.texts", "ROW(NULL, repeat('b', 9), NULL, repeat('d', 3000))::odd.texts",
        "ROW(1, 2, 3)::odd.numbers", "ROW(4, NULL, 6)::odd.numbers", "ROW(1, 'x', 'y')::odd.names", "ROW(ROW('a', 'b', 'c', 'd')::odd.texts, NULL)",
        "ROW(5)::odd.dropped", "ROW(ROW(5)::odd.dropped, 5)", "ROW(ARRAY[ROW(1, 2, 3)::odd.numbers], '{}'::text[])", "ROW('{1,NULL}'::int[], '[1,3)'::int4range, 'a'::char(3), true, 'x'::\"char\")"]


def set_up():
    branches = "\n".join(f"WHEN {number} THEN RETURN {row};" for number, row in enumerate(ROWS))
    db.run(f"""CREATE ROLE {ROLE}; CREATE SCHEMA odd AUTHORIZATION {ROLE}; SET ROLE {ROLE};
        CREATE TYPE odd.texts AS (a text, b text, c text, d text); CREATE TYPE odd.numbers AS (a int8, b int8, c int8);
        CREATE TYPE odd.names AS (a int8, b name, c name); CREATE TYPE odd.altered AS (a int4, b text);
        CREATE TABLE odd.dropped (a int4, b text, c int2); ALTER TABLE odd.dropped DROP COLUMN b, DROP COLUMN c;
        CREATE FUNCTION odd.row(number int) RETURNS record LANGUAGE plpgsql AS $$ BEGIN CASE number {branches} END CASE; END $$""")


def functions():
    """Returns the functions of values of any type, each as a pattern of a call, and how many values it takes."""
    found = db.run("""SELECT p.oid::regproc::text, p.proargtypes::regtype[]::text[] FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
        WHERE n.nspname = 'pgtrickle' AND p.prokind = 'f' AND has_function_privilege('public', p.oid, 'EXECUTE')
          AND NOT 'internal'::regtype = ANY (p.proargtypes) AND '{"\\"any\\"",anyelement}'::regtype[] && p.proargtypes::oid[]::regtype[] ORDER BY 1""")
    others = {"bigint": "1", "pgtrickle.touched_values": "NULL"}
    for name, types in found:
        arguments = ", ".join(others.get(kind, "{}") for kind in types)
        yield f"{name}({arguments})"


def result(statement, *values):
    cursor = db.session.cursor()
    try:
        cursor.execute(statement, values)
        return [row[0] for row in cursor.fetchall()]
    except Exception as error:
        assert getattr(error, "pgcode", None) not in (None, "XX000"), f"{statement}: {error}"
        return error.pgcode


def results_of_series_are_those_of_single_calls():
    compared = 0
    for call in functions():
        call = call.format(*["odd.row({0})"] * call.count("{}"))
        for _ in range(SERIES):
            series = [dice.randrange(len(ROWS)) for _ in range(LENGTH)]
            alone = {number: result(f"SELECT {call.format(number)}::text") for number in set(series)}
            series = [number for number in series if isinstance(alone[number], list)]
            found = result(f"SELECT {call.format('number')}::text FROM unnest(%s) number", series)
            wanted = [alone[number][0] for number in series]
            assert found == wanted, f"{call} of {[ROWS[number] for number in series]}: {found}, not {wanted}"
            compared += len(wanted)
    assert compared > 1000, f"only {compared} results were compared"


def rows_of_altered_types_are_read_as_they_are():
    for call in functions():
        if call.count("{}") != 1:
            continue
        found = db.run(f"""CREATE OR REPLACE FUNCTION odd.both() RETURNS text[] LANGUAGE plpgsql AS $$
            DECLARE found text[]; value record; expected text; BEGIN
                FOR i IN 1..4 LOOP
                    EXECUTE CASE i % 2 WHEN 1 THEN 'SELECT ROW(5, ''five'')::odd.altered' ELSE 'SELECT ROW(''fifty'', ''five'')::odd.altered' END INTO value;
                    found := found || {call.format('value')}::text;
                    EXECUTE 'SELECT {call.format("$1")}::text' INTO expected USING value;
                    found := found || expected;
                    EXECUTE CASE i % 2 WHEN 1 THEN 'ALTER TYPE odd.altered ALTER ATTRIBUTE a TYPE text'
                        ELSE 'ALTER TYPE odd.altered ALTER ATTRIBUTE a TYPE int4' END;
                END LOOP; RETURN found; END $$;
            SELECT odd.both()""")[0][0]
        assert found[::2] == found[1::2], f"{call}: {found}"


try:
    set_up()
    run_cases([results_of_series_are_those_of_single_calls, rows_of_altered_types_are_read_as_they_are])
finally:
    db.run(f"RESET ROLE; DROP OWNED BY {ROLE} CASCADE; DROP ROLE {ROLE}")
    db.drop()
