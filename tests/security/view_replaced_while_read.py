#!/usr/bin/python3 -B
"""Shows that the owner of a view, who replaces it while a superuser's exact read waits for its lock, runs no code in that session."""

import sys
import uuid
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from waiting import Waiting  # noqa: E402

db = Database()
OWNER, OTHER = (f"{name}_{uuid.uuid4().hex[:8]}" for name in ("owner", "other"))
VIEW = "CREATE OR REPLACE VIEW counted AS SELECT n, count(*) + {} AS c FROM item GROUP BY n"
READ = "SELECT count(*) FROM of_counted"


def session_of(role, *statements):
    session = db.connect(user=role)
    for statement in ("SET client_min_messages = warning", *statements):
        session.cursor().execute(statement)
    return session


def a_view_is_replaced_while_a_reader_waits_for_it():
    """The reader has looked at the view's code before it waits, and compiles the stream table again, as its source was altered."""
    owner = session_of(
        OWNER, "CREATE TABLE item AS SELECT g % 3 AS n FROM generate_series(1, 1000) g", VIEW.format("abs(0)"),
        f"GRANT ALL ON item, counted TO {OTHER}",
        "CREATE FUNCTION loud(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'noted'; RETURN $1; END $$")
    session_of(OTHER, "SELECT pgtrickle.create_stream_table('of_counted', 'SELECT n, c FROM counted', '520w', 'DIFFERENTIAL')").close()
    owner.cursor().execute("INSERT INTO item VALUES (1)")
    reader = session_of("postgres", "SET pg_trickle.read_mode = exact", READ)
    for statement in "ALTER TABLE item SET (fillfactor = 90)", "INSERT INTO item VALUES (1)", "BEGIN", VIEW.format("loud(1)"):
        owner.cursor().execute(statement)
    reading = Waiting(reader, READ, db.connect("postgres"))
    reading.start()
    reading.await_lock_or_end()
    owner.cursor().execute("COMMIT")
    reading.finish()
    assert not reader.notices, reader.notices
    owner.close()


try:
    db.let_own_stream_tables(OWNER, OTHER)
    run_cases([a_view_is_replaced_while_a_reader_waits_for_it])
finally:
    db.run(f"DROP OWNED BY {OWNER}, {OTHER} CASCADE; DROP ROLE {OWNER}, {OTHER}")
    db.drop()
