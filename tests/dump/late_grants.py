#!/usr/bin/python3 -B
"""Shows that readers of a restored stream table wait for its first fill, once privileges are granted without which it
failed, also while it gets the key that its source has got meanwhile."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

database = Database()
WAITING_WORKERS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker' AND wait_event = 'advisory'"
WAITING_READERS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND wait_event_type = 'Extension' AND datname = current_database()"


def prepare():
    database.let_own_stream_tables("late_owner")
    database.run("CREATE TABLE item (id int NOT NULL); INSERT INTO item VALUES (1), (2)")
    database.run("CREATE FUNCTION slowly(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(48123); RETURN n; END $$")


def restore():
    with database.connect() as session:
        session.cursor().execute("""CREATE FOREIGN TABLE of_item (id int, s int) SERVER pgtrickle OPTIONS
            (query 'SELECT id, public.slowly(id) AS s FROM public.item', original_query 'SELECT id, public.slowly(id) AS s FROM public.item', schedule '1h')""")
        session.cursor().execute("ALTER FOREIGN TABLE of_item OWNER TO late_owner")
    session.close()


def read():
    with database.connect() as session:
        cursor = session.cursor()
        cursor.execute("SET pg_trickle.scan_refresh_timeout = '60s'; SELECT count(*) FROM of_item")
        return cursor.fetchone()[0]


def readers_wait_for_the_fill_that_follows_a_grant():
    restore()
    database.wait_for("SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'of_item'", "ERROR")
    database.run("ALTER TABLE item ADD PRIMARY KEY (id)")
    holder = database.connect()
    holder.cursor().execute("SELECT pg_advisory_lock(48123)")
    database.run("GRANT SELECT, TRIGGER ON item TO late_owner")
    database.wait_for(WAITING_WORKERS, 1)  # no reader has requested it: that would keep it from getting the key
    with ThreadPoolExecutor(1) as readers:
        reader = readers.submit(read)
        database.wait_for(WAITING_READERS, 1)
        holder.close()
        count = reader.result()
    assert count == 2, count
    key = database.value("SELECT pgtrickle.stream_table_key('of_item')")
    assert key == ["id"], key


try:
    run_cases([prepare, readers_wait_for_the_fill_that_follows_a_grant])
finally:
    database.drop()
    database.admin("DROP ROLE IF EXISTS late_owner")
