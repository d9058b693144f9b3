#!/usr/bin/python3 -B
"""Shows that code which the owner of a source adds to it, while a stream table's query is looked at and planned, runs in no session
of a role that did not ask for it: the planner evaluates the expressions of a table's indexes and statistics when it opens the table."""

import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER, READER = "meanwhile_owner", "meanwhile_reader"
db.let_own_stream_tables(OWNER, READER)
DURATION_S = 4
QUERY = "SELECT d.t, count(*) AS n FROM fact f JOIN dim d ON d.v = f.v GROUP BY d.t"
ADDED = (("CREATE INDEX added ON dim ((v + heard(1)))", "DROP INDEX added"), ("CREATE INDEX added ON dim (v) WHERE v > heard(-1)", "DROP INDEX added"),
         ("CREATE STATISTICS added ON (v + heard(1)), t FROM dim", "ANALYZE dim", "DROP STATISTICS added"),
         ("CREATE INDEX added ON dim ((heard_too(v)))", "DROP INDEX added"))


def set_up():
    """The functions report where another role runs them. One of PostgreSQL's own reports that the domain is checked."""
    db.run(f"""CREATE TABLE fact (id int PRIMARY KEY, v int); CREATE TABLE dim (v int PRIMARY KEY, t text); INSERT INTO fact SELECT i, i % 5 FROM generate_series(1, 500) i;
        INSERT INTO dim SELECT i, 't' || i FROM generate_series(0, 9) i; CREATE INDEX ON fact (v); ALTER TABLE fact OWNER TO {OWNER}; ALTER TABLE dim OWNER TO {OWNER};
        CREATE FUNCTION heard(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
            $$BEGIN IF session_user <> '{OWNER}' AND current_query() LIKE '%of_both%' THEN RAISE WARNING 'heard by %', session_user; END IF; RETURN i; END$$;
        CREATE DOMAIN heard_of AS int CHECK (session_user = '{OWNER}' OR current_query() NOT LIKE '%of_both%' OR NOT pg_cancel_backend(2147483647));
        CREATE FUNCTION heard_too(i int) RETURNS bool IMMUTABLE LANGUAGE sql AS $$SELECT '{{1}}'::public.heard_of[] IS NOT NULL$$;
        SET ROLE {OWNER}; SELECT pgtrickle.create_stream_table('of_both', '{QUERY}', '520w', 'DIFFERENTIAL'); GRANT SELECT ON of_both TO {READER}; RESET ROLE""")


def repeat(until, session, *statements):
    """Repeats the statements, each of which may meet what another session has done meanwhile."""
    while time.monotonic() < until:
        for statement in statements:
            try:
                session.cursor().execute(statement)
            except (psycopg2.errors.SerializationFailure, psycopg2.errors.ObjectNotInPrerequisiteState, psycopg2.errors.QueryCanceled):
                pass


def messages_of_readers(statements, *settings):
    """Returns the warnings about code that two readers got while the owner executed the statements, and changed rows."""
    until = time.monotonic() + DURATION_S
    with closing(db.connect(user=OWNER)) as owner, closing(db.connect(user=OWNER)) as writer, closing(db.connect(user=READER)) as reader, closing(
            db.connect()) as superuser:
        for session in (reader, superuser):
            session.cursor().execute("; ".join(settings))
        beside = [threading.Thread(target=repeat, args=(until, owner, *statements)),
                  threading.Thread(target=repeat, args=(until, writer, *(f"UPDATE fact SET v = {v} WHERE id = 1" for v in range(5))))]
        beside += [threading.Thread(target=repeat, args=(until, session, "SELECT * FROM of_both")) for session in (reader, superuser)]
        for thread in beside:
            thread.start()
        for thread in beside:
            thread.join()
        return [notice for notice in reader.notices + superuser.notices if "heard" in notice or "2147483647" in notice]


def no_exact_read_runs_it():
    for statements in ADDED:
        messages = messages_of_readers(statements, "SET pg_trickle.read_mode = exact")
        assert not messages, f"{statements[0]}: {len(messages)} such as {messages[0]}"


def no_refresh_for_a_reader_runs_it():
    for statements in ADDED:
        messages = messages_of_readers(statements, "SET pg_trickle.max_staleness = 0")
        assert not messages, f"{statements[0]}: {len(messages)} such as {messages[0]}"


set_up()
run_cases([no_exact_read_runs_it, no_refresh_for_a_reader_runs_it])
db.drop()
