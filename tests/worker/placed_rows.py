#!/usr/bin/python3 -B
"""Shows that rows of new ranges, which a worker moves to partitions after their refresh, occupy no more workers than
refreshes of one owner may, and no manager, however long the code of an index takes."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

server = Server()
db = None
PLACING = ("SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle %' AND state = 'active' "
           "AND query LIKE 'partitions of public.endless%'")
# The first call for a value stores a row, and the second one moves it.
ENDLESS = """CREATE TABLE public.called (v int); GRANT ALL ON public.called TO PUBLIC;
CREATE FUNCTION public.note(v int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN
    IF EXISTS (SELECT FROM public.called c WHERE c.v = note.v) THEN PERFORM pg_sleep(3600); END IF;
    INSERT INTO public.called VALUES (v); RETURN v; END $$;
CREATE FUNCTION public.key(v int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    RETURN CASE WHEN v > 1000 THEN public.note(v) ELSE v END; END $$"""


def restart(**settings):
    """Restarts the server, with settings, and creates a new database in it."""
    global db
    if db:
        db.drop()
    server.restart(**settings)
    db = Database(server.host)
    db.run("SET pg_trickle.enabled = off; SET statement_timeout = '1min'")
    db.run(ENDLESS)
    db.let_own_stream_tables("placed_healthy", "placed_endless")
    db.run("SET ROLE placed_healthy; CREATE TABLE source (id int PRIMARY KEY)")
    db.run("SELECT pgtrickle.create_stream_table('healthy', 'SELECT id FROM source', '1s'); RESET ROLE")
    keeps_up()


def keeps_up(times=3, limit_s=20):
    for _ in range(times):
        db.run("INSERT INTO source SELECT coalesce(max(id), 0) + 1 FROM source")
        db.wait_for("SELECT (SELECT count(*) FROM healthy) = (SELECT count(*) FROM source)", True, limit_s)


def create_endless(number):
    db.run(f"SET ROLE placed_endless; CREATE TABLE src{number} (id int PRIMARY KEY, k int, v int); INSERT INTO src{number} VALUES (1, 1, 1)")
    db.run(f"CREATE FOREIGN TABLE endless{number} (id int, k int, v int) SERVER pgtrickle "
           f"OPTIONS (query 'SELECT id, k, v FROM src{number}', schedule '1s', partition_by 'RANGE (k, 100)')")
    db.run(f"CREATE INDEX ON endless{number} (public.key(v)); INSERT INTO src{number} VALUES (2, 500, {2000 + number}); RESET ROLE")


def has_all_rows(number):
    db.wait_for(f"SELECT count(*) FROM endless{number}", 2)


def moves_count_as_refreshes_of_their_owner():
    """Readers of these stream tables wait for them."""
    for number in range(5):
        create_endless(number)
    db.wait_for(PLACING, 3)  # of four workers
    keeps_up(5)
    assert db.value(PLACING) == 3


def a_limit_ends_them():
    db.alter_system("SET pg_trickle.max_refresh_time = '1s'")
    db.run("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker'")
    create_endless(7)
    has_all_rows(7)
    for number in range(5):
        has_all_rows(number)
    db.wait_for(PLACING, 0)
    keeps_up()
    db.run("ALTER SYSTEM RESET pg_trickle.max_refresh_time")


def a_manager_leaves_them_to_workers():
    restart(max_worker_processes=3)
    create_endless(0)
    has_all_rows(0)
    keeps_up(5)
    assert db.value(PLACING) == 0
    restart()


try:
    restart(**{"pg_trickle.max_concurrent_refreshes": 4})
    run_cases([moves_count_as_refreshes_of_their_owner, a_limit_ends_them, a_manager_leaves_them_to_workers])
finally:
    server.destroy()
