#!/usr/bin/python3 -B
"""Shows that no statement of a superuser runs the interpreted code of another role's stream table in its session, unless
it asks for a refresh of that stream table: whatever state the stream table is in, and however the statement concerns
it, as a reader, a writer, by DDL on what it reads, on its indexes and parents, or from another one above it. The code is
a VOLATILE function of rows, and IMMUTABLE ones of constants in grouped queries, which run when they are planned.

The code raises a NOTICE, which reaches the client in whose session it runs, and fails on demand, so that its stream
table stays unfilled, failing, or marked."""

import itertools
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
numbers = itertools.count()
ROLES = ("ss_mallory", "ss_alice")

# What is done to {st} before the statement; {bad}: from now on the code fails with this SQLSTATE.
STATES = {
    "filled": (),
    "filled, behind": ("INSERT INTO {t} VALUES (7, 'g')",),
    "never filled": ("{unfilled}",),
    "never filled, always fresh": ("{unfilled}", "{zero}"),
    "marked": ("{bad:55P03}", "CREATE OR REPLACE VIEW {v} AS SELECT id, name || '' AS name FROM {t}"),
    "marked, always fresh": ("{zero}", "{bad:55P03}", "CREATE OR REPLACE VIEW {v} AS SELECT id, name || '' AS name FROM {t}"),
    "without a constraint": ("{bad:55P03}", "ALTER TABLE {t} DROP CONSTRAINT {key}"),
}

# Statements of the superuser; {over}: a stream table of alice over {st}, {own}: of the superuser, as {view}, a materialized view, is.
READS = ("SELECT count(*) FROM {st}", "SELECT count(*) FROM {over}", "SELECT count(*) FROM {own}", "SELECT * FROM {st} WHERE id = 1")
WAYS = ("", "SET pg_trickle.max_staleness = 0", "SET pg_trickle.read_mode = exact", "SET pg_trickle.consistent_reads = on", "SET pg_trickle.enabled = off")
CHANGES = ("INSERT INTO {t} VALUES (8, 'h')", "UPDATE {t} SET name = name || 'x'", "TRUNCATE {t}", "ALTER TABLE {t} ADD x int", "ALTER TABLE {t} DROP CONSTRAINT {key}",
           "ALTER TABLE {t} RENAME name TO named", "ALTER TABLE {t} RENAME TO renamed", "ALTER TABLE {t} SET SCHEMA other", "ALTER TABLE {t} ENABLE ROW LEVEL SECURITY",
           "CREATE OR REPLACE VIEW {v} AS SELECT id, 'x' || name AS name FROM {t}", "ALTER VIEW {v} SET (security_barrier)", "ALTER TABLE {t} OWNER TO ss_alice",
           "ALTER TABLE {t} SET UNLOGGED", "CREATE POLICY p ON {t} USING (true)", "CREATE TABLE {t}_child () INHERITS ({t})", "REVOKE SELECT ON {t} FROM ss_mallory",
           "ALTER ROLE ss_mallory BYPASSRLS", "VACUUM FULL {t}", "CLUSTER {t} USING {key}", "DROP VIEW {v} CASCADE", "ALTER FOREIGN TABLE {own} OWNER TO ss_alice")
RETYPED = ("ALTER TABLE {parent} ALTER id TYPE bigint", "ALTER TABLE {t3} ALTER id TYPE bigint", "ALTER TABLE {t2} ALTER id TYPE bigint", "ALTER TABLE {t2} ALTER name TYPE varchar(20)", "ALTER TABLE {p2} ALTER id TYPE bigint", "ALTER TYPE {c2} ALTER ATTRIBUTE id TYPE bigint CASCADE")
NAMING = ("ALTER FOREIGN TABLE {st} OWNER TO ss_alice", "REASSIGN OWNED BY ss_mallory TO ss_alice", "ALTER FOREIGN TABLE {st} RENAME TO renamed", "ALTER FOREIGN TABLE {st} SET SCHEMA other",
          "ALTER FOREIGN TABLE {st} RENAME name TO renamed", "SELECT pgtrickle.alter_stream_table('{st}', schedule => '2h')", "COMMENT ON FOREIGN TABLE {st} IS 'x'",
          "GRANT SELECT ON {st} TO PUBLIC", "DROP FOREIGN TABLE {st} CASCADE", "DROP OWNED BY ss_mallory CASCADE", "CREATE INDEX ON {st} (id)", "SELECT pgtrickle.st_size('{st}')",
          "SELECT pgtrickle.gate_source('{t}')", "SELECT pgtrickle.stop_capture('{t}')", "SELECT pgtrickle.export_definition('{st}')", "SELECT pgtrickle.prepare_upgrade()",
          "SELECT pgtrickle.finish_upgrade()", "SELECT pgtrickle.pause_scheduler()", "SELECT pgtrickle.recommend_refresh_mode()", "SELECT * FROM pgtrickle.explain_refresh_mode('{st}')")
ALONE = (*RETYPED, *NAMING, "REFRESH MATERIALIZED VIEW {view}", "SELECT pgtrickle.create_stream_table('{schema}.new', 'SELECT id, name FROM {st}', '1h')",
         "CREATE FOREIGN TABLE {schema}.new () SERVER pgtrickle OPTIONS (query 'SELECT count(*) AS n FROM {over}', schedule '0s')",
         "SELECT pgtrickle.refresh_stream_table('{own}')", "SELECT pgtrickle.repair_stream_table('{own}')", "ALTER FOREIGN TABLE {own} OPTIONS (SET query 'SELECT id FROM {st}')",
         "SELECT * FROM pgtrickle.health_check()", "SELECT * FROM pgtrickle.pgt_stream_tables", "SELECT * FROM pgtrickle.explain_st('{st}')", "EXPLAIN (ANALYZE) SELECT * FROM {st}",
         "COPY (SELECT * FROM {st}) TO STDOUT", "ANALYZE {t}",
         "SELECT pgtrickle.alter_stream_table('{own}', schedule => '2h')", "SELECT pgtrickle.resume_stream_table('{own}')")
# {groups}, {having}: grouped queries; {groups} has the adopted index {adopted}; {child} of {above_groups} is {groups}.
ON_GROUPS = ("DROP INDEX {adopted}", "DROP INDEX {adopted} CASCADE", "ALTER INDEX {adopted} DEPENDS ON EXTENSION plpgsql", "REINDEX INDEX {adopted}", "ALTER INDEX {adopted} RENAME TO renamed",
             "CREATE INDEX ON {groups} (c)", "CREATE UNIQUE INDEX ON {having} (id)", "ALTER TABLE {above_groups} ALTER c TYPE bigint", "ALTER TABLE {above_groups} ALTER c SET STATISTICS 7",
             "ALTER FOREIGN TABLE {groups} ALTER c TYPE bigint", "ALTER FOREIGN TABLE {groups} ALTER c TYPE numeric", "ALTER FOREIGN TABLE {groups} ALTER c SET STATISTICS 7",
             "ALTER FOREIGN TABLE {groups} NO INHERIT {above_groups}", "ALTER FOREIGN TABLE {groups} OWNER TO ss_alice", "ANALYZE {groups}", "SELECT pgtrickle.refresh_stream_table('{over_groups}')",
             "CREATE FOREIGN TABLE {schema}.new () SERVER pgtrickle OPTIONS (query 'SELECT id FROM {groups}', schedule '0s')", "SELECT * FROM pgtrickle.health_check()",
             "SELECT * FROM pgtrickle.explain_st('{groups}')", "SELECT * FROM pgtrickle.pgt_stream_tables", "ALTER TABLE {t} ALTER id TYPE bigint", "TRUNCATE {t}",
             "CREATE OR REPLACE VIEW {v} AS SELECT id, name || '' AS name FROM {t}", "SELECT pgtrickle.recommend_refresh_mode()", "DROP FOREIGN TABLE {having}")


def as_role(role):
    session = db.connect()
    session.cursor().execute(f"SET SESSION AUTHORIZATION {role}; SET pg_trickle.scan_refresh_timeout = '100ms'")
    session.notices.clear()
    return session


def run_as(role, *statements):
    session = as_role(role)
    for statement in statements:
        session.cursor().execute(statement)
    session.close()


def prepare():
    db.run("SET pg_trickle.enabled = on; SET client_min_messages = warning")
    for role in ROLES:
        db.run(f"CREATE ROLE {role}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {role}; CREATE SCHEMA {role[3:]} AUTHORIZATION {role}; GRANT USAGE ON SCHEMA {role[3:]} TO PUBLIC")
    db.run("CREATE SCHEMA other; GRANT USAGE ON SCHEMA other TO PUBLIC")
    run_as("ss_mallory", "CREATE TABLE mallory.failing (number int PRIMARY KEY, sqlstate text)", "GRANT SELECT ON mallory.failing TO PUBLIC",
           "CREATE FUNCTION mallory.constant(number int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RAISE NOTICE 'met'; RETURN number; END $$",
           "CREATE FUNCTION mallory.met(number int, t pg_catalog.text) RETURNS bool LANGUAGE plpgsql AS $$ DECLARE bad text := (SELECT sqlstate FROM mallory.failing f WHERE f.number = met.number); BEGIN "
           "RAISE NOTICE 'met'; IF bad IS NOT NULL THEN RAISE 'it fails' USING ERRCODE = bad; END IF; RETURN true; END $$")


class Scene:
    def __init__(self, state):
        n = next(numbers)
        schema = f"scene{n}"
        self.names = {"n": n, "schema": schema, "t": f"{schema}.t", "v": f"{schema}.v", "key": "t_pkey", "st": f"mallory.st{n}", "over": f"alice.over{n}",
                      "own": f"{schema}.own", "view": f"{schema}.view", "t2": f"{schema}.t2", "p2": f"{schema}.p2", "c2": f"{schema}.c2", "t3": f"{schema}.t3",
                      "parent": f"{schema}.parent", "groups": f"mallory.groups{n}", "having": f"mallory.having{n}", "beside": f"mallory.beside{n}",
                      "adopted": f"mallory.adopted{n}", "above_groups": f"{schema}.above_groups", "over_groups": f"{schema}.over_groups"}
        db.run(self.text("CREATE SCHEMA {schema}; GRANT USAGE ON SCHEMA {schema} TO PUBLIC; CREATE TABLE {t} (id int PRIMARY KEY, name text); CREATE VIEW {v} AS SELECT * FROM {t};"
                         "INSERT INTO {t} VALUES (1, 'a'); CREATE TABLE {t2} (id int PRIMARY KEY, name text); INSERT INTO {t2} VALUES (1, 'a');"
                         "CREATE TABLE {p2} (id int, name text) PARTITION BY LIST (name); CREATE TABLE {p2}_1 PARTITION OF {p2} DEFAULT; INSERT INTO {p2} VALUES (1, 'a');"
                         "CREATE TABLE {t3} AS SELECT 1 AS id, 'a'::text AS name; CREATE TABLE {parent} (id int, name text); CREATE TABLE {above_groups} (id int, c bigint);"
                         "CREATE TYPE {c2} AS (id int, name text); CREATE TABLE {schema}.of_type OF {c2}; GRANT SELECT, TRIGGER ON ALL TABLES IN SCHEMA {schema} TO ss_mallory"))
        is_unfilled, is_fresh = "{unfilled}" in STATES[state], "{zero}" in STATES[state]
        if is_unfilled:
            self.fail("55P03")
        schedule, fill = "0s" if is_fresh else "1h", "false" if is_unfilled else "true"
        query = "SELECT id, name FROM {v} WHERE mallory.met({n}, name)"
        run_as("ss_mallory", *(self.text(text) for text in (
            f"SELECT pgtrickle.create_stream_table('{{st}}', '{query}', '{schedule}', initialize => {fill})",
            *(f"SELECT pgtrickle.create_stream_table('mallory.{kind}{{n}}', 'SELECT id, name FROM {source} WHERE mallory.met({{n}}, name)', '1h', initialize => {fill})"
              for kind, source in (("of_t", "{t2}"), ("of_p", "{p2}_1"), ("of_c", "{schema}.of_type"), ("child", "{t}"))),
            f"SELECT pgtrickle.create_stream_table('{{groups}}', 'SELECT id, count(*) + mallory.constant(3) AS c FROM {{v}} GROUP BY id', '{schedule}', initialize => {fill})",
            f"SELECT pgtrickle.create_stream_table('{{having}}', 'SELECT id, count(*) AS c FROM {{v}} GROUP BY id HAVING count(*) > mallory.constant(0)', '{schedule}', initialize => {fill})",
            f"SELECT pgtrickle.create_stream_table('{{beside}}', 'SELECT id, count(*) AS c FROM {{t}} GROUP BY id', '{schedule}', initialize => {fill})",
            "SELECT pgtrickle.create_refresh_group('beside{n}', ARRAY['{groups}', '{beside}'], 'read_committed')",
            "CREATE UNIQUE INDEX adopted{n} ON {groups} (id)",
            "SELECT pgtrickle.create_stream_table('mallory.above{n}', 'SELECT id, name FROM {t3}', '1h')",
            "CREATE TABLE mallory.below{n} () INHERITS (mallory.above{n})", "INSERT INTO mallory.below{n} VALUES (2, 'b')",
            "ALTER TABLE mallory.below{n} ADD CHECK (mallory.met({n}, name)) NOT VALID",
            "GRANT SELECT ON ALL TABLES IN SCHEMA mallory TO PUBLIC")))
        db.run(self.text("ALTER FOREIGN TABLE mallory.child{n} INHERIT {parent}; ALTER FOREIGN TABLE {groups} INHERIT {above_groups}"))
        run_as("ss_alice", self.text("SELECT pgtrickle.create_stream_table('{over}', 'SELECT id, name FROM {st}', '1h', initialize => false)"), self.text("GRANT SELECT ON {over} TO PUBLIC"))
        db.run(self.text("SELECT pgtrickle.create_stream_table('{own}', 'SELECT id, name FROM {st}', '1h', initialize => false); CREATE MATERIALIZED VIEW {view} AS SELECT * FROM {own} WITH NO DATA;"
                         "SELECT pgtrickle.create_stream_table('{over_groups}', 'SELECT g.id, g.c FROM {groups} g JOIN {having} USING (id) JOIN {beside} USING (id)', '1h', initialize => false)"))
        for statement in STATES[state]:
            if statement.startswith("{bad:"):
                self.fail(statement[5:10])
            elif statement not in ("{unfilled}", "{zero}"):
                db.run(self.text(statement))

    def fail(self, sqlstate):
        db.run(f"INSERT INTO mallory.failing VALUES ({self.names['n']}, '{sqlstate}')")

    def text(self, statement):
        return statement.format(**self.names)

    def meets(self, statements):
        """Returns the statement after which the code had run in the session of the superuser, or None."""
        session = as_role("postgres")
        cursor = session.cursor()
        try:
            for statement in filter(None, statements):
                try:
                    if statement.startswith("COPY"):
                        cursor.copy_expert(self.text(statement), open("/dev/null", "w"))
                    else:
                        cursor.execute(self.text(statement))
                except psycopg2.Error:
                    pass
                if any("met" in notice for notice in session.notices):
                    return self.text(statement)
            return None
        finally:
            session.close()

    def drop(self):
        """Every further scene would be among hundreds of stream tables."""
        db.run(self.text("DROP SCHEMA {schema} CASCADE; DROP TABLE IF EXISTS mallory.below{n}"))


def explore(state, programs):
    """Each program in a transaction that is rolled back, in one scene."""
    scene = Scene(state)
    found = []
    for program in programs:
        wrong = scene.meets(["SET client_min_messages = notice", *program])
        if wrong is not None:
            found.append(f"{state}: {wrong}, in {[scene.text(one) for one in program]}")
    scene.drop()
    return found


def demand_nothing(found):
    assert not found, f"{len(found)}:\n" + "\n".join(found[:20])


def the_notice_is_seen():
    scene = Scene("filled")
    assert scene.meets(["SET client_min_messages = notice", "SELECT pgtrickle.refresh_stream_table('{st}')", "SELECT pgtrickle.repair_stream_table('{st}')"]) is not None


def no_read_runs_it():
    programs = [(way, begin, write, *READS) for way in WAYS for begin in ("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ") for write in ("", CHANGES[0])]
    demand_nothing([one for state in STATES for one in explore(state, programs)])


def no_change_runs_it():
    programs = [("SET pg_trickle.max_staleness = 0", "BEGIN", change, "SAVEPOINT s", read, "ROLLBACK TO s", READS[1]) for change in CHANGES for read in (READS[0], READS[2])]
    programs += [(change,) for change in CHANGES if change.startswith(("VACUUM", "CLUSTER"))]
    demand_nothing([one for state in STATES for one in explore(state, programs)])


def no_other_statement_runs_it():
    programs = [("BEGIN", statement, "SAVEPOINT s", *READS) for statement in ALONE]
    demand_nothing([one for state in STATES for one in explore(state, programs)])


def no_statement_on_groups_runs_it():
    reads = ("SELECT * FROM {groups}", "SELECT * FROM {having}", "SELECT * FROM {beside}", "SELECT * FROM {over_groups}")
    programs = [("BEGIN", statement, "SAVEPOINT s", *reads) for statement in ON_GROUPS]
    programs += [(way, "BEGIN", CHANGES[0], read) for way in WAYS for read in reads]
    found = [one for state in STATES for one in explore(state, programs)]
    for state in "filled", "never filled", "marked":
        for statement in ON_GROUPS:
            found += explore(state, [(statement, *reads)])
    demand_nothing(found)


def no_committed_statement_runs_it():
    found = []
    for state in "filled", "never filled", "marked":
        for statement in ALONE:
            if " OWNED BY " in statement or "prepare_upgrade" in statement:
                continue
            found += explore(state, [(statement, *READS)])
    demand_nothing(found)


try:
    prepare()
    run_cases([the_notice_is_seen, no_read_runs_it, no_change_runs_it, no_other_statement_runs_it, no_statement_on_groups_runs_it, no_committed_statement_runs_it])
finally:
    db.drop()
    db.admin("DROP ROLE IF EXISTS ss_alice, ss_mallory")
