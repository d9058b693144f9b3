#!/usr/bin/python3 -B
"""Shows that rows of new ranges, which a worker moves to partitions after their refresh, occupy no more workers than
refreshes of one owner may, and no manager, however long the code of an index takes; and that code which ends the process
of a move is not run again and again, and keeps no other rows back."""

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
# Any role may set exit_on_error, by which an error ends the process.
FATAL = """CREATE SEQUENCE public.ends; GRANT ALL ON public.ends TO PUBLIC;
CREATE FUNCTION public.fatal(v int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN
    PERFORM nextval('public.ends');
    PERFORM set_config('exit_on_error', 'on', true);
    RETURN v / (v - v); END $$;
CREATE FUNCTION public.fatal_at_move(v int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN
    IF EXISTS (SELECT FROM public.called c WHERE c.v = fatal_at_move.v) THEN RETURN public.fatal(v); END IF;
    INSERT INTO public.called VALUES (v); RETURN v; END $$;
CREATE FUNCTION public.fatal_key(v int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
    RETURN CASE WHEN v > 1000 THEN public.fatal_at_move(v) ELSE v END; END $$"""


def restart(**settings):
    """Restarts the server, with settings, and creates a new database in it."""
    global db
    if db:
        db.drop()
    server.restart(**settings)
    db = Database(server.host)
    db.run("SET pg_trickle.enabled = off; SET statement_timeout = '1min'")
    db.run(ENDLESS)
    db.run(FATAL)
    db.let_own_stream_tables("placed_healthy", "placed_endless", "placed_fatal")
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


def create_by_range(name):
    db.as_role("placed_fatal", f"CREATE TABLE {name}_source (id int PRIMARY KEY, k int, v int)",
               f"SELECT pgtrickle.create_stream_table('{name}', 'SELECT id, k, v FROM {name}_source', '1s', partition_by => 'RANGE (k, 100)')")


def has_partitions(name, count):
    """One of them is that for other rows."""
    db.wait_for(f"SELECT count(*) FROM pg_inherits WHERE inhparent = to_regclass('pg_trickle_storage.st_' || '{name}'::regclass::oid)", count + 1)


def a_refresh_that_ends_its_process_keeps_no_ranges_back():
    db.as_role("placed_fatal", "CREATE TABLE switch (is_on bool)",
               "SELECT pgtrickle.create_stream_table('fatal', 'SELECT public.fatal(1) AS v FROM switch WHERE is_on', '1s', 'FULL')",
               "INSERT INTO switch VALUES (true)")
    db.wait_for("SELECT consecutive_errors > 0 FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'fatal'", True)
    create_by_range("by_range")
    db.as_role("placed_fatal", "INSERT INTO by_range_source SELECT g, g * 100, 1 FROM generate_series(1, 3) g")
    has_partitions("by_range", 3)
    db.as_role("placed_fatal", "SELECT pgtrickle.drop_stream_table('fatal')")


def a_move_that_ends_its_process_is_tried_once():
    create_by_range("fatal_move")
    db.as_role("placed_fatal", "CREATE INDEX ON fatal_move (public.fatal_key(v))")
    ends = db.value("SELECT last_value FROM ends")
    for number in range(3):
        db.as_role("placed_fatal", f"INSERT INTO fatal_move_source VALUES ({number}, {number}00, {number + 2000})")
        db.wait_for("SELECT count(*) FROM fatal_move", number + 1)
        create_by_range(f"beside{number}")
        db.as_role("placed_fatal", f"INSERT INTO beside{number}_source VALUES (1, 100, 1)")
        has_partitions(f"beside{number}", 1)
    has_partitions("fatal_move", 0)
    assert db.value("SELECT last_value FROM ends") == ends + 1
    assert db.run("SELECT status, consecutive_errors FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'fatal_move'") == [("ACTIVE", 0)]


try:
    restart(**{"pg_trickle.max_concurrent_refreshes": 4})
    run_cases([moves_count_as_refreshes_of_their_owner, a_limit_ends_them, a_manager_leaves_them_to_workers,
               a_refresh_that_ends_its_process_keeps_no_ranges_back, a_move_that_ends_its_process_is_tried_once])
finally:
    server.destroy()
