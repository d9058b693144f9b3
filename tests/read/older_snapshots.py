#!/usr/bin/python3 -B
"""Shows that no statement silently gets rows that are older than promised, where its snapshot is not that of the stored rows: a cursor
or a function of before a refresh of its own transaction; and a transaction with a fixed snapshot that resumes a stream table, which
another one has refreshed since."""

import sys
from contextlib import closing
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()


def set_up():
    db.run("""CREATE TABLE source (id int); CREATE TABLE item (n int); INSERT INTO item VALUES (1)""")
    db.run("SELECT pgtrickle.create_stream_table('kept', 'SELECT count(*) AS n FROM source', '520w')")
    db.run("""CREATE FUNCTION n_of_kept_now() RETURNS bigint VOLATILE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT n FROM kept); END';
        CREATE FUNCTION n_of_kept() RETURNS bigint STABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT n FROM kept); END'""")


def in_a_transaction(isolation, *statements):
    """Returns the value of the last statement, or the SQLSTATE, and the messages."""
    with closing(db.connect()) as session:
        cursor = session.cursor()
        try:
            cursor.execute(f"BEGIN ISOLATION LEVEL {isolation}")
            for statement in statements:
                if callable(statement):
                    statement()
                else:
                    cursor.execute(statement)
            return cursor.fetchone()[0], "".join(session.notices)
        except psycopg2.Error as error:
            return error.pgcode, str(error)


def refresh():
    db.run("SELECT pgtrickle.refresh_stream_table('kept')")


def changed_long_ago():
    """Changes the source, and waits until `kept` has lacked that for more than a second. Returns the right count."""
    refresh()
    changed_at = db.value("INSERT INTO source VALUES (3) RETURNING clock_timestamp()::text")
    db.wait_for(f"SELECT clock_timestamp() > '{changed_at}'::timestamptz + '1.5 s'", True)
    return db.value("SELECT count(*) FROM source")


def a_cursor_of_before_a_refresh_of_its_own():
    wanted = changed_long_ago()
    found, messages = in_a_transaction(
        "READ COMMITTED", "DECLARE c CURSOR FOR SELECT n_of_kept() FROM item", refresh, "INSERT INTO source VALUES (4)",
        "SELECT pgtrickle.refresh_stream_table('kept')", "SET LOCAL pg_trickle.max_staleness = '1s'", "FETCH c")
    assert found == wanted or "WARNING" in messages, (found, wanted, messages)


def resumed(setting):
    wanted = changed_long_ago()
    found, messages = in_a_transaction("REPEATABLE READ", "SELECT count(*) FROM source", refresh,
                                       "SELECT pgtrickle.resume_stream_table('kept')", f"SET LOCAL pg_trickle.{setting}", "SELECT n FROM kept")
    assert found in (wanted, "40001") or "WARNING" in messages, (found, wanted, messages)


def one_that_is_resumed_under_a_fixed_snapshot():
    resumed("max_staleness = '1s'")


def one_that_is_resumed_and_read_exactly():
    resumed("read_mode = exact")


def one_that_a_function_refreshes_in_between():
    """The session has read its own change exactly. What the VOLATILE function refreshes is newer than the snapshot of the
    statement, under which the STABLE one reads."""
    refresh()
    wanted = db.value("SELECT count(*) FROM source") + 1
    found, _ = in_a_transaction("READ COMMITTED", "INSERT INTO source VALUES (6)", "SET LOCAL pg_trickle.read_mode = exact", "SELECT n FROM kept",
                                "SET LOCAL pg_trickle.read_mode = refresh", "SELECT ARRAY[n_of_kept_now(), n_of_kept()]")
    assert found == [wanted, wanted], (found, wanted)


try:
    set_up()
    run_cases([a_cursor_of_before_a_refresh_of_its_own,
               one_that_is_resumed_under_a_fixed_snapshot, one_that_is_resumed_and_read_exactly, one_that_a_function_refreshes_in_between])
finally:
    db.drop()
