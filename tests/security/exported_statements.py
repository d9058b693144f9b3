#!/usr/bin/python3 -B
"""Shows that SQL which is printed to be executed does what it is printed for, and nothing else: statements of export_definition()
and indexes of a dump create the stream table as it was, proposed indexes are those that are missing, and hints name what holds.
Names and constants are random and have quotes, backslashes and comments in them; what is printed under one value of
standard_conforming_strings is executed under either. Who executes it is often a superuser, and the names and constants are those
of another role."""

import json
import os
import re
import sys
import time
import uuid
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

DURATION_S = int(os.environ.get("DURATION_S", 15))
PARTS = ('"', "'", "\\", "\n", ";", "--", "/*", "*/", "$$", "$q$", "%", "a", "é", " ", "(", ")", ",", ".", "E'", "%s", "%I", "ON", " || ", "pg_trickle_storage.st_1 ON ")
STATE = """SELECT (SELECT array_agg(attname || ' ' || atttypid::regtype ORDER BY attnum) FROM pg_attribute WHERE attrelid = f.ftrelid AND attnum > 0),
    (SELECT array_agg(o ORDER BY o) FROM unnest(f.ftoptions) o WHERE o !~ '^original_query'),
    (SELECT array_agg((i.relname, replace(pg_get_indexdef(i.oid), x.indrelid::regclass::text, ''))::text ORDER BY i.relname) FROM pg_index x
     JOIN pg_class i ON i.oid = x.indexrelid WHERE i.relnamespace = 'exported'::regnamespace AND x.indrelid::regclass::text ~ '^pg_trickle_storage')
    FROM pg_foreign_table f"""
random = dice()
db = Database()
role = "exporter_" + uuid.uuid4().hex[:8]


def anything(last=""):
    return "".join(random.choices(PARTS, k=random.randint(1, 6)))[:40] + last


def name(last):
    return '"' + anything(last).replace('"', '""') + '"'


def literal(text):
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def state():
    db.run("SET standard_conforming_strings = on; SET quote_all_identifiers = off; SET search_path = pg_catalog")
    return db.run(STATE)


def make():
    """Creates a stream table with an index, and returns its name."""
    table, key, number, column, second, stream_table = (name(last) for last in "123456")
    constant = anything("\\" if random.random() < 0.3 else "")
    db.run(f"""SET search_path = exported; SET ROLE {role}; CREATE TABLE {table} ({key} text, {number} int PRIMARY KEY);
        CREATE FOREIGN TABLE {stream_table} () SERVER pgtrickle OPTIONS (schedule '520w', query {literal(
            f"SELECT {key} || {literal(constant)} AS {column}, max({number}) AS {second} FROM {table} WHERE {key} <> {literal(constant)} GROUP BY 1")});
        CREATE INDEX {name('7')} ON {stream_table} (({column} || {literal(constant)} || {literal(anything())})) WHERE {column} > {literal(anything())}; RESET ROLE""")
    return "exported." + stream_table


def exported(stream_table):
    return db.value("SELECT pgtrickle.export_definition(" + literal(stream_table) + ")")


def restored(stream_table, settings):
    """Drops the indexes, and restores them from what a dump has."""
    db.run(settings)
    rows = db.run("SELECT name, indexes::text FROM pgtrickle.pgt_dumped()")
    definition = exported(stream_table)
    create = definition[:definition.index(";\nCREATE INDEX")]
    db.run(f"DROP FOREIGN TABLE {stream_table}")
    db.run(create)
    db.run("INSERT INTO pgtrickle.pgt_restored SELECT * FROM json_to_recordset(" + literal(json.dumps([{"relid": relid, "indexes": json.loads(indexes)} for relid, indexes in rows]))
           + ") AS r (relid text, indexes jsonb)")


def the_statements_create_what_was_there():
    end, tried = time.monotonic() + DURATION_S, 0
    while time.monotonic() < end or tried < 4:
        db.run(f"SET ROLE {role}; DROP SCHEMA IF EXISTS exported CASCADE; CREATE SCHEMA exported; RESET ROLE")
        stream_table = make()
        wanted = state()
        for printed, executed in (("on", "off"), ("off", "on"), ("off", "off"), ("on", "on")):
            quoting = random.choice(("on", "off"))
            db.run(f"SET standard_conforming_strings = {printed}; SET quote_all_identifiers = {quoting}")
            definition = exported(stream_table)
            db.run(f"SET standard_conforming_strings = {executed}; SET escape_string_warning = off; DROP FOREIGN TABLE {stream_table}")
            try:
                db.run(definition)
            except psycopg2.Error as error:
                raise AssertionError(f"printed with {printed}, executed with {executed}: {error}\n{definition}") from error
            found = state()
            assert found == wanted, f"printed with {printed}, executed with {executed}: {found} instead of {wanted}\n{definition}"
        restored(stream_table, f"SET standard_conforming_strings = {random.choice(('on', 'off'))}; SET quote_all_identifiers = {random.choice(('on', 'off'))}")
        found = state()
        assert found == wanted, f"restored: {found} instead of {wanted}"
        tried += 1
    print(tried, "stream tables")


def no_constant_becomes_a_statement():
    """The text is what a role would choose that wants a superuser's session to execute its statement."""
    db.run("CREATE TABLE public.victim (a int)")
    db.run(f"""SET ROLE {role}; DROP SCHEMA IF EXISTS exported CASCADE; CREATE SCHEMA exported; SET search_path = exported; CREATE TABLE t (a text, n int);
        CREATE FOREIGN TABLE bait () SERVER pgtrickle OPTIONS (query 'SELECT a, n FROM t', schedule '520w');
        CREATE INDEX i ON bait ((a || E'\\\\' || E'::text)::text))); DROP TABLE public.victim; --')); RESET ROLE""")
    definition = exported("exported.bait")
    db.run("DROP FOREIGN TABLE exported.bait; SET standard_conforming_strings = off")
    db.run(definition)
    assert db.value("SELECT to_regclass('public.victim') IS NOT NULL"), definition


def proposed(stream_table):
    return [row[0] for row in db.run("SELECT result FROM pgtrickle.validate_query((SELECT substr(o, 7) FROM pg_foreign_table, unnest(ftoptions) o "
                                     "WHERE o ~ '^query=' AND ftrelid = " + literal(stream_table) + "::regclass)) WHERE check_name = 'missing index'")]


def proposed_indexes_are_the_missing_ones():
    end, tried = time.monotonic() + DURATION_S / 2, 0
    while time.monotonic() < end or tried < 4:
        db.run(f"SET ROLE {role}; DROP SCHEMA IF EXISTS exported CASCADE; CREATE SCHEMA exported; RESET ROLE")
        stream_table = make()
        db.run("SET standard_conforming_strings = on")
        statements = proposed(stream_table)
        assert statements and any("||" in statement for statement in statements), statements
        setting = random.choice(("on", "off"))
        db.run(f"SET standard_conforming_strings = {setting}; SET escape_string_warning = off")
        for statement in statements:
            try:
                db.run(statement)
            except psycopg2.Error as error:
                raise AssertionError(f"executed with {setting}: {error}\n{statement}") from error
        db.run("SET standard_conforming_strings = on")
        assert not proposed(stream_table), statements
        tried += 1


def hints_name_the_gated_source():
    """The hint contains the call that opens the gate."""
    for _ in range(6):
        db.run(f"SET ROLE {role}; DROP SCHEMA IF EXISTS exported CASCADE; CREATE SCHEMA exported; RESET ROLE")
        stream_table = make()
        source = db.value("SELECT relation::regclass::text FROM (SELECT refobjid AS relation FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class c "
                          "ON c.oid = refobjid AND c.relkind = 'r' AND c.relnamespace = 'exported'::regnamespace LIMIT 1) d")
        db.run("SET standard_conforming_strings = on; SELECT pgtrickle.gate_source(" + literal(source) + ")")
        try:
            db.run("SELECT pgtrickle.refresh_stream_table(" + literal(stream_table) + ")")
            raise AssertionError(f"the gate of {source} has held nothing")
        except psycopg2.Error as error:
            call = re.search(r"Call (pgtrickle.*\)) when its data is ready", error.diag.message_hint or "", re.DOTALL)
            assert call, error
        db.run(f"SET standard_conforming_strings = {random.choice(('on', 'off'))}; SELECT {call[1]}")
        db.run("SELECT pgtrickle.refresh_stream_table(" + literal(stream_table) + ")")


try:
    db.run(f"CREATE ROLE {role}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {role}; GRANT CREATE ON DATABASE {db.name} TO {role}")
    run_cases([no_constant_becomes_a_statement, the_statements_create_what_was_there, proposed_indexes_are_the_missing_ones, hints_name_the_gated_source])
finally:
    db.run(f"RESET ROLE; DROP OWNED BY {role} CASCADE; DROP ROLE {role}")
    db.drop()
