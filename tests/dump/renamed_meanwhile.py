#!/usr/bin/python3 -B
"""What a query names is renamed, or moved to another schema, while the stream table is being filled: the definition has
the new names. Otherwise a dump could not be restored, or a restored stream table would read something else."""

import sys
import threading
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

GATE = 1
KINDS = """
    CREATE SCHEMA place; CREATE SCHEMA other;
    CREATE TABLE counted (id int PRIMARY KEY, n int); INSERT INTO counted VALUES (0, 1), (1, 2);
    CREATE TABLE place.named (id int PRIMARY KEY, n int); INSERT INTO place.named TABLE counted;
    CREATE VIEW place.view AS SELECT * FROM place.named;
    CREATE DOMAIN place.whole AS int;
    CREATE TYPE place.color AS ENUM ('red', 'green');
    CREATE TYPE place.pair AS (x int, y int);
    CREATE COLLATION place.letters FROM "C";
    CREATE TEXT SEARCH CONFIGURATION place.words (COPY = pg_catalog.simple);
    CREATE FUNCTION place.plus(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 + 1';
    CREATE AGGREGATE place.total(int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
    CREATE OPERATOR place.### (FUNCTION = int4pl, LEFTARG = int, RIGHTARG = int);
    CREATE FUNCTION held(n int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
      BEGIN IF n = 1 THEN PERFORM pg_advisory_xact_lock_shared(1); END IF; RETURN n; END $$;
"""
FROM = "SELECT id, held(n) {} AS n FROM counted"
QUERIES = {
    "SELECT id, held(n) AS n FROM place.named": ["SCHEMA place RENAME TO moved", "TABLE place.named RENAME TO renamed",
                                                "TABLE place.named SET SCHEMA other", "TABLE place.named RENAME n TO m"],
    "SELECT id, held(n) AS n FROM place.view": ["SCHEMA place RENAME TO moved", "VIEW place.view RENAME TO renamed"],
    FROM.format("+ 1::place.whole"): ["DOMAIN place.whole RENAME TO renamed", "DOMAIN place.whole SET SCHEMA other",
                                      "SCHEMA place RENAME TO moved"],
    FROM.format("+ length('red'::place.color::text)"): ["TYPE place.color RENAME VALUE 'red' TO 'blue'",
                                                        "TYPE place.color RENAME TO renamed", "TYPE place.color SET SCHEMA other"],
    FROM.format("+ (row(n, n)::place.pair).x"): ["TYPE place.pair RENAME ATTRIBUTE x TO z", "TYPE place.pair RENAME TO renamed"],
    FROM.format("+ (n::text < 'x' COLLATE place.letters)::int"): ["COLLATION place.letters RENAME TO renamed",
                                                                  "COLLATION place.letters SET SCHEMA other"],
    FROM.format("+ length(to_tsvector('place.words', n::text))"): ["TEXT SEARCH CONFIGURATION place.words RENAME TO renamed"],
    FROM.format("+ place.plus(n)"): ["FUNCTION place.plus(int) RENAME TO renamed", "FUNCTION place.plus(int) SET SCHEMA other",
                                     "SCHEMA place RENAME TO moved"],
    FROM.format("OPERATOR(place.###) 1"): ["OPERATOR place.### (int, int) SET SCHEMA other"],
    "SELECT id, place.total(held(n))::int AS n FROM counted GROUP BY id": ["AGGREGATE place.total(int) RENAME TO renamed"],
}
DEFINITIONS = {"created": "SELECT pgtrickle.create_stream_table('st', %s, '520w')",
               "altered": "SELECT pgtrickle.alter_stream_table('st', query => %s)"}
db = Database()


def run_in_session(statement, *values):
    """Returns the thread, its errors, and the pid."""
    session = db.connect()
    errors = []

    def run():
        try:
            cursor = session.cursor()
            cursor.execute("SET client_min_messages = error; SET statement_timeout = '60s'")
            cursor.execute(statement, values or None)
        except Exception as error:  # noqa: BLE001: reported below
            errors.append(str(error))
        session.close()
    pid = session.info.backend_pid
    thread = threading.Thread(target=run)
    thread.start()
    return thread, errors, pid


def wait_until_held_up(thread, pid, kind="%"):
    """Waits until the session waits for a lock, or has done its work."""
    while thread.is_alive() and not db.run("SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted AND locktype LIKE %s", pid, kind):
        thread.join(0.01)


def check(how, query, renaming):
    db.run(KINDS)
    if how == "altered":
        db.run("SELECT pgtrickle.create_stream_table('st', 'SELECT id, n FROM counted', '520w')")
    db.run("SELECT pg_advisory_lock(%s)", GATE)
    defining, errors, pid = run_in_session(DEFINITIONS[how], query)
    wait_until_held_up(defining, pid, "advisory")
    is_held_up = defining.is_alive()
    other, other_errors, pid = run_in_session("ALTER " + renaming)
    wait_until_held_up(other, pid)
    db.run("SELECT pg_advisory_unlock(%s)", GATE)
    defining.join()
    other.join()
    assert is_held_up and not errors and not other_errors, f"{is_held_up} {errors} {other_errors}"
    text = db.value("SELECT option_value FROM pg_options_to_table((SELECT ftoptions FROM pg_foreign_table "
                    "WHERE ftrelid = 'st'::regclass)) WHERE option_name = 'query'")
    db.run("SELECT pgtrickle.refresh_stream_table('st'); SET search_path = ''")
    assert db.value(f"SELECT count(*) FROM ((TABLE public.st EXCEPT ALL ({text})) UNION ALL (({text}) EXCEPT ALL TABLE public.st)) d") == 0


def clear():
    db.run("RESET search_path; DROP FOREIGN TABLE IF EXISTS st; DROP TABLE counted; DROP FUNCTION held; DROP SCHEMA IF EXISTS place, other, moved CASCADE")


def definitions_have_the_new_names():
    failures = []
    for how, query, renaming in [(how, query, each) for query, renamings in QUERIES.items() for each in renamings for how in DEFINITIONS]:
        try:
            check(how, query, renaming)
        except Exception as error:  # noqa: BLE001: the others are tried, too
            failures.append(f"{how}, ALTER {renaming}: {error}")
        clear()
    assert not failures, "\n".join(failures)
    db.drop()


run_cases([definitions_have_the_new_names])
