#!/usr/bin/python3 -B
"""Shows that a refresh group never brings code of two owners into one process, however it comes to have members of both: by
a change of owner, by direct writes of the database's owner, or by code of a stream table that writes to the catalog while
a worker runs it. Where it did, a function of one owner, compiled by the other's, ran the other's code with its rights."""

import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
ALICE, MALLORY = "og_alice", "og_mallory"


def as_role(role, *statements):
    session = db.connect()
    for statement in (f"SET SESSION AUTHORIZATION {role}", *statements):
        session.cursor().execute(statement)
    session.close()


def set_up():
    db.run("SET pg_trickle.enabled = on")
    for role in ALICE, MALLORY:
        schema = role[3:]
        db.run(f"CREATE ROLE {role}; CREATE SCHEMA {schema} AUTHORIZATION {role}; GRANT USAGE ON SCHEMA {schema} TO PUBLIC; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {role}")
    as_role(ALICE, "CREATE FUNCTION alice.f(t text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ DECLARE v text; BEGIN v := upper(t); RETURN v; END $$")
    as_role(MALLORY, "CREATE TABLE mallory.seen (role name)", "GRANT ALL ON mallory.seen TO PUBLIC", "CREATE TABLE mallory.t (id int PRIMARY KEY)", "INSERT INTO mallory.t VALUES (1)",
            "CREATE FUNCTION mallory.note(t pg_catalog.text) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN INSERT INTO mallory.seen VALUES (current_user); RETURN true; END $$",
            "CREATE DOMAIN mallory.text AS pg_catalog.text CHECK (mallory.note(value))",
            "CREATE FUNCTION mallory.warm(n int) RETURNS int LANGUAGE plpgsql VOLATILE SET search_path = mallory, pg_catalog AS $$ BEGIN PERFORM alice.f('warm'); RETURN n; END $$")


def victim(*names):
    for name in names:
        as_role(ALICE, f"CREATE TABLE alice.{name}_t (id int PRIMARY KEY, s text)", f"INSERT INTO alice.{name}_t VALUES (1, 'a')",
                f"SELECT pgtrickle.create_stream_table('alice.{name}', 'SELECT id, alice.f(s) AS s FROM alice.{name}_t', '1s')")


def bait(name, function="mallory.warm"):
    as_role(MALLORY, f"SELECT pgtrickle.create_stream_table('mallory.{name}', 'SELECT {function}(id) AS id FROM mallory.t', '1s', 'FULL')")


def refreshed_together(bait_name, *victims):
    """Changes all in one transaction, several times, and waits until all are refreshed."""
    for _ in range(4):
        cursor = db.connect()
        cursor.autocommit = False
        run = cursor.cursor().execute
        run("INSERT INTO mallory.t SELECT 1 + max(id) FROM mallory.t")
        for name in victims:
            run(f"INSERT INTO alice.{name}_t SELECT 1 + max(id), 'b' FROM alice.{name}_t")
        cursor.commit()
        cursor.close()
        db.wait_for(f"SELECT (SELECT count(*) FROM {bait_name}) = (SELECT count(*) FROM mallory.t)", True)
        for name in victims:
            db.wait_for(f"SELECT (SELECT count(*) FROM alice.{name}) = (SELECT count(*) FROM alice.{name}_t)", True)
    assert db.value("SELECT count(*) > 0 FROM mallory.seen WHERE role = 'og_mallory'"), "the attacker's code has never run"
    others = db.run("SELECT DISTINCT role FROM mallory.seen WHERE role <> 'og_mallory'")
    assert others == [], others


def forget():
    db.run("DROP OWNED BY og_mallory CASCADE; DROP OWNED BY og_alice CASCADE; DELETE FROM pgtrickle.pgt_refresh_group; DELETE FROM pgtrickle.pgt_refresh_group_member; "
           "DROP SCHEMA IF EXISTS alice CASCADE; DROP SCHEMA IF EXISTS mallory CASCADE; DROP ROLE og_alice; DROP ROLE og_mallory")


def scene(case):
    def run():
        set_up()
        try:
            case()
        finally:
            forget()
    run.__name__ = case.__name__
    return run


@scene
def a_member_gets_another_owner():
    as_role(ALICE, "CREATE TABLE alice.plain (id int PRIMARY KEY)", "INSERT INTO alice.plain VALUES (1)", "GRANT ALL ON alice.plain TO og_mallory",
            "SELECT pgtrickle.create_stream_table('alice.gave', 'SELECT id FROM alice.plain', '1s', 'FULL')")
    victim("st")
    as_role(ALICE, "SELECT pgtrickle.create_refresh_group('alices', '{alice.st,alice.gave}')")
    db.run("ALTER FOREIGN TABLE alice.gave OWNER TO og_mallory")
    as_role(MALLORY, "SELECT pgtrickle.alter_stream_table('alice.gave', query => 'SELECT mallory.warm(id) AS id FROM mallory.t')")
    refreshed_together("alice.gave", "st")
    db.run("ALTER FOREIGN TABLE alice.gave OWNER TO og_alice; GRANT ALL ON mallory.t TO og_alice")
    assert db.value("SELECT members FROM pgtrickle.refresh_groups()") == ["alice.gave", "alice.st"]


@scene
def the_owner_of_the_database_adds_its_own():
    bait("st")
    victim("st", "st2")
    as_role(ALICE, "SELECT pgtrickle.create_refresh_group('alices', '{alice.st,alice.st2}')")
    db.run(f"ALTER DATABASE {db.name} OWNER TO og_mallory")
    try:
        as_role(MALLORY, "INSERT INTO pgtrickle.pgt_refresh_group_member VALUES ('mallory.st', 'alices')")
    finally:
        db.run(f"ALTER DATABASE {db.name} OWNER TO postgres")
    refreshed_together("mallory.st", "st", "st2")


@scene
def code_that_a_worker_runs_adds_others():
    as_role(MALLORY, """CREATE FUNCTION mallory.adds(n int) RETURNS int LANGUAGE plpgsql VOLATILE SET search_path = mallory, pg_catalog AS $$ BEGIN
        PERFORM alice.f('warm');
        BEGIN INSERT INTO pgtrickle.pgt_refresh_group (name, isolation) VALUES ('g', 'repeatable_read'); EXCEPTION WHEN OTHERS THEN END;
        BEGIN INSERT INTO pgtrickle.pgt_refresh_group_member VALUES ('mallory.st'::regclass, 'g'); EXCEPTION WHEN OTHERS THEN END;
        BEGIN INSERT INTO pgtrickle.pgt_refresh_group_member VALUES ('alice.st'::regclass, 'g'); EXCEPTION WHEN OTHERS THEN END;
        BEGIN INSERT INTO pgtrickle.pgt_dumped_row VALUES ('pgt_refresh_group_member', 'mallory.st', jsonb_build_object('relid', 'alice.st', 'group_name', 'g')); EXCEPTION WHEN OTHERS THEN END;
        RETURN n; END $$""")
    victim("st")
    db.run(f"ALTER DATABASE {db.name} OWNER TO og_mallory")
    try:
        bait("st", "mallory.adds")
        refreshed_together("mallory.st", "st")
        db.run("SELECT pgtrickle.refresh_stream_table('mallory.st')")
        assert db.run("SELECT relid FROM pgtrickle.pgt_refresh_group_member WHERE relid = 'alice.st'::regclass") == []
    finally:
        db.run(f"ALTER DATABASE {db.name} OWNER TO postgres")


@scene
def a_group_has_one_owner():
    bait("st")
    victim("st")
    try:
        db.run("SELECT pgtrickle.create_refresh_group('g', '{alice.st,mallory.st}')")
        raise AssertionError("a group has two owners")
    except psycopg2.errors.FeatureNotSupported:
        pass


@scene
def a_group_ends_with_its_last_member():
    victim("st", "st2")
    as_role(ALICE, "SELECT pgtrickle.create_refresh_group('g', '{alice.st,alice.st2}')", "DROP FOREIGN TABLE alice.st, alice.st2",
            "SELECT pgtrickle.create_stream_table('alice.st', 'SELECT 1 AS a')", "SELECT pgtrickle.create_stream_table('alice.st2', 'SELECT 1 AS a')",
            "SELECT pgtrickle.create_refresh_group('g', '{alice.st,alice.st2}')")


try:
    run_cases([a_member_gets_another_owner, the_owner_of_the_database_adds_its_own, code_that_a_worker_runs_adds_others, a_group_has_one_owner, a_group_ends_with_its_last_member])
finally:
    db.drop()
