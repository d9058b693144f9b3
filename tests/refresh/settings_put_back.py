#!/usr/bin/python3 -B
"""Shows that a refresh and an exact read find the values of the server whatever the session has set: each setting that a superuser
may set, also one that only a superuser may see, for the role that the session has taken then; and each digit of a number."""

import sys
import uuid
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER = f"owner_{uuid.uuid4().hex[:8]}"
# The similarity of these is 1/3.
QUERY = "SELECT id, 'abc' OPERATOR(public.%) a AS s FROM source"
THRESHOLD = "pg_trgm.similarity_threshold"
BELOW, ABOVE = "0.3333331", "0.3333334"


def session(statement, role="postgres"):
    cursor = db.connect(user=role).cursor()
    cursor.execute("SELECT 'a' OPERATOR(public.%) 'b'")  # loads the library
    cursor.execute(statement)
    return cursor


def rows(cursor, ways=("refresh", "exact")):
    """Returns what a session stores by a refresh, and what it reads exactly."""
    found = {}
    if "refresh" in ways:
        cursor.execute("UPDATE source SET n = n + 1; SELECT pgtrickle.refresh_stream_table('alike')")
        cursor.execute("SELECT s FROM alike")
        found["refresh"] = cursor.fetchall()
    if "exact" in ways:
        cursor.execute("BEGIN; SET LOCAL pg_trickle.read_mode = exact; UPDATE source SET n = n + 1; SELECT s FROM alike")
        found["exact"] = cursor.fetchall()
        cursor.execute("ROLLBACK")
    return found


def each_setting_of_a_superuser_can_be_put_back():
    """The session sets each setting to the value that it has, and then takes the role of the owner."""
    found = {}
    for (name,) in db.run("SELECT name FROM pg_settings WHERE context IN ('user', 'superuser') AND name !~ '^transaction_|^pg_trickle[.]'"):
        cursor = session(f"SELECT set_config(name, current_setting(name), false) FROM pg_settings WHERE name = '{name}'")
        cursor.execute(f"SET ROLE {OWNER}")
        try:
            rows(cursor)
        except psycopg2.Error as error:
            found[name] = str(error).splitlines()[0]
        cursor.connection.close()
    assert not found, found


def a_number_has_all_its_digits():
    found = {}
    for of_server, right in (BELOW, True), (ABOVE, False):
        db.run(f"ALTER DATABASE {db.name} SET {THRESHOLD} = {of_server}")
        for of_session in BELOW, ABOVE, "0.9", "0":
            cursor = session(f"SET {THRESHOLD} = {of_session}", OWNER)
            found |= {(of_server, of_session, way): read for way, read in rows(cursor).items() if read != [(right,)]}
            cursor.connection.close()
        db.run(f"ALTER DATABASE {db.name} RESET {THRESHOLD}")
    assert not found, found


try:
    db.run("CREATE EXTENSION pg_trgm")
    db.let_own_stream_tables(OWNER)
    db.as_role(OWNER, "CREATE TABLE source (id int PRIMARY KEY, n int, a text)", "INSERT INTO source VALUES (1, 1, 'abd')",
               f"SELECT pgtrickle.create_stream_table('alike', $${QUERY}$$, '520w', 'FULL')")
    run_cases([each_setting_of_a_superuser_can_be_put_back, a_number_has_all_its_digits])
finally:
    db.run(f"DROP OWNED BY {OWNER}; DROP ROLE {OWNER}")
    db.drop()
