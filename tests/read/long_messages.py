#!/usr/bin/python3 -B
"""Shows that the age of rows is judged at the moment of the snapshot, however long before that the client has sent its
message: a block of DO or a procedure may run for hours.

Each form reads, in the middle of one message, under a snapshot that it takes when the message has waited. Rows that have
become too old meanwhile are read exactly; those that are young enough are no reason for an error, though they lack a
change that is younger than the message."""

import sys
from contextlib import closing
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, execute_in_thread, run_cases  # noqa: E402: needs the path above

db = Database()
WAITS = "pg_advisory_lock_shared(5), pg_advisory_unlock_shared(5)"
# The function is not known to read anything before its first call in a session.
FORMS = {
    "a function in a block": f"""DO $$ DECLARE n bigint; BEGIN PERFORM {WAITS};
        SELECT n_of('NAME') INTO n FROM generate_series(1, 1); INSERT INTO found VALUES (n); END $$""",
    "a cursor in a block": f"""DO $$ DECLARE n bigint; BEGIN PERFORM {WAITS};
        FOR n IN SELECT n_of('NAME') FROM generate_series(1, 1) LOOP INSERT INTO found VALUES (n); END LOOP; END $$""",
    "a transaction in a procedure": "CALL repeatable_read('NAME')",
}


def set_up():
    db.run(f"""CREATE TABLE source (id int); CREATE TABLE found (n bigint); GRANT ALL ON source, found TO PUBLIC;
        CREATE FUNCTION n_of(name text) RETURNS bigint STABLE LANGUAGE plpgsql AS $$
          DECLARE n bigint; BEGIN EXECUTE format('SELECT n FROM %I', name) INTO n; RETURN n; END $$;
        CREATE PROCEDURE repeatable_read(name text) LANGUAGE plpgsql AS $$ DECLARE n bigint; BEGIN
          PERFORM {WAITS}; COMMIT; SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
          PERFORM 1; n := n_of(name); COMMIT; INSERT INTO found VALUES (n); END $$""")
    db.let_own_stream_tables("owner_of_code", "reader_of_code")
    db.run("SELECT pgtrickle.create_stream_table('counted', 'SELECT count(*) AS n FROM source', '1h')")
    db.as_role("owner_of_code", "CREATE FUNCTION same(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN RETURN $1; END'",
               "SELECT pgtrickle.create_stream_table('by_code', 'SELECT count(same(id)) AS n FROM source', '1h')",
               "GRANT SELECT ON by_code TO PUBLIC")


def is_waiting(reader):
    return f"SELECT wait_event_type || wait_event FROM pg_stat_activity WHERE pid = {reader.info.backend_pid}", "Lockadvisory"


def passed_s(seconds):
    """Waits until so much time has passed."""
    db.wait_for(f"SELECT clock_timestamp() > '{db.value('SELECT clock_timestamp()')}'::timestamptz + interval '{seconds} s'", True)


def read_by(form, name, settings, before, meanwhile):
    """Executes the form after a statement, and another one while it waits. Returns what it has read, its warnings and its error."""
    db.run("TRUNCATE found; SELECT pgtrickle.refresh_stream_table('counted'), pgtrickle.refresh_stream_table('by_code')")
    error = []
    with closing(db.connect()) as reader:
        reader.cursor().execute(f"SET client_min_messages = warning; {settings}")
        db.run("SELECT pg_advisory_lock(5)")
        before()
        thread = execute_in_thread(reader, FORMS[form].replace("NAME", name), error)
        db.wait_for(*is_waiting(reader))
        meanwhile()
        db.run("SELECT pg_advisory_unlock(5)")
        thread.join()
        return db.run("SELECT n FROM found"), list(reader.notices), error


def insert():
    db.run("INSERT INTO source VALUES (1)")


def rows_that_have_become_too_old():
    for form in FORMS:
        found, warnings, error = read_by(form, "counted", "SET pg_trickle.max_staleness = '2s'", insert, lambda: passed_s(2.5))
        assert not error and (warnings or found == [(db.value("SELECT count(*) FROM source"),)]), (form, found, warnings, error)


def rows_that_are_young_enough():
    """Only their owner may run the code that an exact read would run."""
    for form in FORMS:
        found, warnings, error = read_by(form, "by_code", "SET ROLE reader_of_code; SET pg_trickle.on_stale = error",
                                         lambda: passed_s(0), lambda: (passed_s(1.5), insert()))
        assert not error and not warnings and len(found) == 1, (form, found, warnings, error)


def every_stream_table_is_warned_of():
    """Also if one transaction reads many."""
    count = 40
    db.as_role("owner_of_code", *(f"SELECT pgtrickle.create_stream_table('many{i}', 'SELECT same(id) AS id FROM source', '1h')"
                                  for i in range(count)),
               *(f"GRANT SELECT ON many{i} TO PUBLIC" for i in range(count)))
    with closing(db.connect()) as reader:
        cursor = reader.cursor()
        cursor.execute("SET client_min_messages = warning; SET ROLE reader_of_code; SET pg_trickle.max_staleness = 0")
        insert()
        cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM source")
        warned = set()
        for i in range(count):
            reader.notices.clear()
            cursor.execute(f"SELECT count(*) FROM many{i}")
            if reader.notices:
                warned.add(i)
        assert len(warned) == count, sorted(warned)


try:
    set_up()
    run_cases([rows_that_have_become_too_old, rows_that_are_young_enough, every_stream_table_is_warned_of])
finally:
    db.drop()
