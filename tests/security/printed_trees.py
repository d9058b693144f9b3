#!/usr/bin/python3 -B
"""Shows that debug_print_parse, debug_print_rewritten and debug_print_plan, which any role may set, show no session what functions
in other roles' stream tables have returned: a value that a function took from a table which the session may not read. Nor does
auto_explain, where it explains all statements, show keys of rows which a stream table hides."""

import sys
import uuid
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER, OTHER, READER = (f"{name}_{uuid.uuid4().hex[:8]}" for name in ("owner", "other", "reader"))
SECRET = 1234567
SHOWN = "-121 -42 18 0"  # its bytes in a Const
FIRST_KEY = 481516000  # its digits are in no time, cost or name of a relation
QUERIES = {
    "grouped": "SELECT k, sum(v) AS s FROM owner.e WHERE v < other.hidden() GROUP BY k",
    "joined": "SELECT x.k, y.v AS s FROM owner.e x JOIN owner.e y ON x.k = y.k WHERE x.v < other.hidden()",
    "viewed": "SELECT k, v AS s FROM owner.w WHERE v < other.hidden()",
    "distinct_ones": "SELECT DISTINCT k, other.hidden() - v AS s FROM owner.e",
    "numbered": "SELECT k, row_number() OVER (PARTITION BY k ORDER BY v) + other.hidden() AS s FROM owner.e",
}


class Notices(list):
    """Keeps all of them."""


def session(*statements):
    connection = db.connect()
    connection.notices = Notices()
    cursor = connection.cursor()
    for statement in (*statements, "SET client_min_messages = log", "SET debug_print_parse = on", "SET debug_print_rewritten = on",
                      "SET debug_print_plan = on"):
        cursor.execute(statement)
    return cursor


def run_and_look(cursor, *statements):
    for statement in statements:
        cursor.execute(statement)
    printed = "".join(cursor.connection.notices)
    assert "targetList" in printed, "nothing was printed"
    assert SHOWN not in printed, printed[max(0, printed.index(SHOWN) - 2000):][:2500]
    cursor.connection.close()


def set_up():
    db.run(f"""CREATE ROLE {OWNER}; CREATE ROLE {OTHER}; CREATE ROLE {READER}; CREATE SCHEMA owner AUTHORIZATION {OWNER};
        CREATE SCHEMA other AUTHORIZATION {OTHER}; GRANT USAGE ON SCHEMA owner, other TO PUBLIC; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {OTHER};
        SET ROLE {OWNER}; CREATE TABLE owner.e (k int, v int); INSERT INTO owner.e SELECT g % 3, g FROM generate_series(1, 9) g;
        CREATE VIEW owner.w AS SELECT * FROM owner.e; GRANT SELECT, TRIGGER ON owner.e TO {OTHER}; GRANT SELECT ON owner.w TO {OTHER};
        SET ROLE {OTHER}; CREATE TABLE other.kept AS SELECT {SECRET} AS secret;
        CREATE FUNCTION other.hidden() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN (SELECT secret FROM other.kept); END'""")
    for name, query in QUERIES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", "other." + name, query)
        db.run(f"GRANT SELECT ON other.{name} TO {READER}, {OWNER}")
    db.run("RESET ROLE")


def readers():
    db.run("INSERT INTO owner.e VALUES (1, 1)")
    for name in QUERIES:
        for read in f"SELECT * FROM other.{name}", f"SELECT * FROM other.{name} WHERE k = 1", f"SELECT count(*) FROM other.{name} WHERE s > 3":
            run_and_look(session(f"SET ROLE {READER}", "SET pg_trickle.read_mode = exact"), read)


def owners_of_sources():
    for name in QUERIES:
        run_and_look(session(f"SET ROLE {OWNER}", "SET pg_trickle.max_staleness = 0"), "BEGIN", "INSERT INTO owner.e VALUES (2, 2)",
                     f"SELECT * FROM other.{name}", "ROLLBACK")
    run_and_look(session(f"SET ROLE {OWNER}"), "CREATE OR REPLACE VIEW owner.w AS SELECT k, v + 1 AS v FROM owner.e",
                 "SELECT pgtrickle.stop_capture('owner.e')", "SELECT pgtrickle.allow_capture('owner.e')")


def explained(role):
    """Returns what the session hears of an exact read."""
    connection = db.connect()
    connection.notices = Notices()
    cursor = connection.cursor()
    for statement in ("LOAD 'auto_explain'", "SET auto_explain.log_min_duration = 0", "SET auto_explain.log_nested_statements = on",
                      "SET auto_explain.log_analyze = on", "SET auto_explain.log_verbose = on", f"SET ROLE {role}",
                      "SET client_min_messages = debug1", "SET pg_trickle.read_mode = exact"):
        cursor.execute(statement)
    heard = []
    for read in "SELECT * FROM other.public_ones WHERE v < 0", "SELECT s FROM other.public_sums WHERE k = 1":
        cursor.execute(read)
        heard += connection.notices
        connection.notices.clear()
    connection.close()
    return "".join(heard)


def readers_where_all_statements_are_explained():
    db.run(f"""SET ROLE {OTHER}; CREATE TABLE other.t (id int PRIMARY KEY, k int, v int);
        INSERT INTO other.t SELECT g, g % 2, g FROM generate_series({FIRST_KEY}, {FIRST_KEY} + 1999) g;
        SELECT pgtrickle.create_stream_table('other.public_ones', 'SELECT id, v FROM other.t WHERE k = 0', '520w');
        SELECT pgtrickle.create_stream_table('other.public_sums', 'SELECT k, sum(v) AS s FROM other.t WHERE id > {FIRST_KEY} + 100 GROUP BY k', '520w');
        GRANT SELECT ON other.public_ones, other.public_sums TO {READER};
        UPDATE other.t SET v = -v WHERE id IN ({FIRST_KEY} + 91, {FIRST_KEY} + 93, {FIRST_KEY} + 96); RESET ROLE""")
    secrets = "other.t", str(FIRST_KEY)[:5]
    heard = explained(OTHER)
    assert all(secret in heard for secret in secrets), heard
    heard = explained(READER)
    assert "public_ones" in heard and not any(secret in heard for secret in secrets), heard


try:
    set_up()
    run_cases([readers, owners_of_sources, readers_where_all_statements_are_explained])
finally:
    db.run(f"RESET ROLE; DROP OWNED BY {OWNER}, {OTHER}, {READER} CASCADE; DROP ROLE {OWNER}, {OTHER}, {READER}")
    db.drop()
