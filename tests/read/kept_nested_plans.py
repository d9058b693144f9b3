#!/usr/bin/python3 -B
"""A plan that is kept, with a nested scan of a storage, waits for another stream table while the storage gets a new partition, or is to
lose an index that the plan uses. The statement has all rows. The plan of each way to read is kept by each way to keep one."""

import itertools
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, execute_in_thread, run_cases  # noqa: E402: needs the path above

db = Database()
days = itertools.count(2)
names = itertools.count(1)

# queries that count the rows by nested scans, with the settings that they need
READS = {
    "SELECT count(tableoid) FROM days WHERE id > 0": "",
    "SELECT count(*) FROM parent WHERE id > 0": "",
    "SELECT count(*) FROM days WHERE id > 0": "SET pg_trickle.enable_expansion = off",
    "SELECT count(tableoid) FROM (VALUES (0), (1)) v (n), LATERAL (SELECT tableoid FROM days WHERE id > 0 AND id % 2 = n) q": "",
}
# statements that keep the plan of a query, and one that runs it
KEPT = [("PREPARE {name} AS {query}", "EXECUTE {name}"),
        ("CREATE FUNCTION {name}(OUT of_days bigint, OUT of_slow bigint) LANGUAGE plpgsql AS 'BEGIN SELECT * INTO of_days, of_slow FROM ({query}) q; END'",
         "SELECT * FROM {name}()"),
        ("CREATE FUNCTION {name}() RETURNS SETOF record LANGUAGE plpgsql AS 'BEGIN RETURN QUERY {query}; END'",
         "SELECT * FROM {name}() AS (of_days bigint, of_slow bigint)")]
SETTINGS = """SET statement_timeout = '60s'; SET pg_trickle.scan_refresh_timeout = '60s'; SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off"""


def set_up():
    db.run("CREATE TABLE day (id int, d date); CREATE TABLE other (id int); INSERT INTO day VALUES (1, '2026-01-01')")
    db.run("SELECT pgtrickle.create_stream_table('days', 'SELECT id, d FROM day', '0s', 'DIFFERENTIAL', partition_by => 'day(d)')")
    db.run("SELECT pgtrickle.create_stream_table('slow', 'SELECT count(*) AS n FROM other', '0s', 'FULL')")
    db.run("CREATE TABLE parent (id int, d date); ALTER FOREIGN TABLE days INHERIT parent; CREATE INDEX days_id ON days (id)")
    db.run("""CREATE FUNCTION stored() RETURNS bigint LANGUAGE plpgsql AS $$
        DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM pg_trickle_storage.st_' || 'days'::regclass::oid INTO n; RETURN n; END $$""")


def reader_of(read, kept):
    """Returns a session that has run the query twice, and the statement that runs it."""
    name, query = f"kept_{next(names)}", f"SELECT ({read}), (SELECT n FROM slow)"
    prepare, execute = (each.format(name=name, query=query) for each in kept)
    session = db.connect()
    for statement in (SETTINGS, READS[read] or "SELECT", prepare, execute, execute):
        session.cursor().execute(statement)
    return session, execute


def read_while_one_waits(read, kept, written, meanwhile):
    """Runs the query while nothing can refresh `slow`, and calls meanwhile() as soon as `days` has been refreshed for it."""
    session, execute = reader_of(read, kept)
    found, errors = [], []

    def run():
        try:
            cursor = session.cursor()
            cursor.execute(execute)
            found.extend(cursor.fetchone())
        except Exception as error:  # noqa: BLE001: reported below
            errors.append(str(error))

    with closing(session), closing(db.connect()) as locker:
        db.run(f"INSERT INTO day VALUES {written}; INSERT INTO other VALUES (1)")
        locker.cursor().execute("BEGIN; LOCK TABLE other IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(target=run)
        thread.start()
        wanted = db.value("SELECT count(*) FROM day")
        db.wait_for("SELECT stored()", wanted)
        meanwhile()
        locker.cursor().execute("COMMIT")
        thread.join()
    assert not errors and found == [wanted, db.value("SELECT count(*) FROM other")], f"{read}, {kept[0]}: {found}, {wanted} rows, {errors}"


def a_new_partition():
    for read, kept in itertools.product(READS, KEPT):
        day = next(days)
        read_while_one_waits(read, kept, f"({day}, '2026-01-01'::date + {day})", lambda: None)


def an_index_that_is_to_be_dropped():
    for read, kept in itertools.product(READS, KEPT):
        with closing(db.connect()) as dropper:
            errors, threads = [], []

            def drop():
                threads.append(execute_in_thread(dropper, "DROP INDEX days_id", errors))
                while threads[0].is_alive() and not db.value(
                        f"SELECT EXISTS (SELECT FROM pg_locks WHERE pid = {dropper.info.backend_pid} AND NOT granted)"):
                    time.sleep(0.01)

            read_while_one_waits(read, kept, "(1, '2026-01-01')", drop)
            threads[0].join()
            assert not errors, errors
        db.run("CREATE INDEX days_id ON days (id)")


try:
    set_up()
    run_cases([a_new_partition, an_index_that_is_to_be_dropped])
finally:
    db.drop()
