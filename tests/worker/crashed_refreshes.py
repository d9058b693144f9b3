#!/usr/bin/python3 -B
"""Shows that a refresh which crashes the server is counted as failed, as often as one that fails otherwise, and then not tried
again: a query of any role may take all memory, for which the system kills its process. Refreshes that such a crash ends in other
processes, that a crash of a client's process ends, or an immediate shutdown, count nothing."""

import os
import signal
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, as_soon_as_it_connects, run_cases  # noqa: E402: needs the path above

server = Server()
db = Database(server.host)
RUNNING = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle {}' AND state = 'active' AND query LIKE 'refresh of %{}%' AND wait_event = 'PgSleep'"


def connect_again():
    db.session = as_soon_as_it_connects(db.connect)
    db.run("SET client_min_messages = error")


def value(statement):
    """Returns the value, also if the server crashes meanwhile."""
    while True:
        try:
            return db.value(statement)
        except (psycopg2.OperationalError, psycopg2.InterfaceError):
            connect_again()


def wait_for(statement, wanted, limit_s=60):
    deadline = time.monotonic() + limit_s
    while (found := value(statement)) != wanted:
        assert time.monotonic() < deadline, f"{statement} stayed {found!r}, not {wanted!r}"
        time.sleep(0.05)


def status(name):
    return value(f"SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_name = '{name}'")


def failures(name):
    return value("SELECT count(*) FROM pgtrickle.pgt_refresh_history h JOIN pgtrickle.pgt_stream_tables s USING (pgt_id) "
                 f"WHERE s.pgt_name = '{name}' AND h.status = 'FAILED'")


def pid_of_refresh(name, process="refresh worker"):
    """Returns the process that refreshes the stream table; None if it is suspended."""
    statement = RUNNING.format(process, name)
    wait_for(f"SELECT EXISTS ({statement}) OR EXISTS (SELECT FROM pgtrickle.pgt_stream_tables WHERE pgt_name = '{name}' AND status = 'SUSPENDED')", True)
    return value(f"SELECT ({statement} LIMIT 1)")


def kill(pid):
    started = value("SELECT pg_postmaster_start_time()")
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while not db.session.closed:  # the crash ends this session, too
        assert time.monotonic() < deadline, "the server has not crashed"
        try:
            db.run("SELECT 1")
        except psycopg2.Error:
            break
        time.sleep(0.02)
    connect_again()
    assert value("SELECT pg_postmaster_start_time()") == started, "the postmaster has ended"


def crash_until_suspended(name, most, process="refresh worker"):
    """Kills each process that refreshes the stream table. Returns how many."""
    for count in range(most + 1):
        pid = pid_of_refresh(name, process)
        if pid is None:
            return count
        assert count < most, f"{most} refreshes have crashed the server, and another one runs"
        kill(pid)


def create(owner, name, seconds):
    """Creates a stream table whose refreshes take so long; it is filled when the manager comes to it."""
    session = db.connect(user=owner)
    session.cursor().execute(f"CREATE TABLE {name}_source (id int PRIMARY KEY); INSERT INTO {name}_source VALUES (1)")
    session.cursor().execute(f"SELECT pgtrickle.create_stream_table('{name}', 'SELECT id, public.slow(id, {seconds}) AS s FROM {name}_source', '1s', 'FULL', false)")
    session.close()


def set_up():
    db.let_own_stream_tables("crash_of", "crash_beside")
    db.run("CREATE FUNCTION public.slow(i int, seconds float8) RETURNS int LANGUAGE plpgsql VOLATILE AS "
           "'BEGIN PERFORM pg_sleep(seconds); RETURN i; END'")


def a_refresh_that_crashes_the_server_is_suspended():
    create("crash_beside", "beside", 30)
    beside = pid_of_refresh("beside")
    create("crash_of", "crashing", 30)
    assert beside
    assert crash_until_suspended("crashing", 3) == 3
    assert failures("crashing") == 3, failures("crashing")
    message = value("SELECT last_error_message FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'crashing'")
    assert message == "the refresh ended its process, see the server log", message
    assert (status("beside"), failures("beside")) == ("INITIALIZING", 0), (status("beside"), failures("beside"))


def a_manager_that_crashes_leaves_such_code_alone():
    """Where there is no room for workers, the manager refreshes by itself."""
    db.run("DROP FOREIGN TABLE IF EXISTS beside, crashing")
    server.restart(max_worker_processes=3)
    connect_again()
    try:
        create("crash_of", "of_manager", 30)
        kill(pid_of_refresh("of_manager", "manager"))
        create("crash_beside", "after", 0)
        wait_for("SELECT count(*) FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'after' AND is_populated", 1)
        assert value(f"SELECT NOT EXISTS ({RUNNING.format('manager', 'of_manager')})")
    finally:
        server.restart()
        connect_again()
        db.run("DROP FOREIGN TABLE IF EXISTS of_manager, after")


def a_crash_of_a_client_counts_nothing():
    create("crash_of", "innocent", 3)
    pid_of_refresh("innocent")
    client = as_soon_as_it_connects(db.connect)
    kill(client.info.backend_pid)
    wait_for("SELECT is_populated FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'innocent'", True)
    assert failures("innocent") == 0, failures("innocent")


def an_immediate_shutdown_counts_nothing():
    for number, way in enumerate((signal.SIGQUIT, signal.SIGINT)):
        create("crash_of", f"stopped_{number}", 3)
        pid_of_refresh(f"stopped_{number}")
        pid = int((server.folder / "data/postmaster.pid").read_text().split()[0])
        os.kill(pid, way)
        deadline = time.monotonic() + 60
        while (server.folder / "data/postmaster.pid").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        server.restart()
        connect_again()
        wait_for(f"SELECT is_populated FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'stopped_{number}'", True)
        assert failures(f"stopped_{number}") == 0, (way, failures(f"stopped_{number}"))


try:
    set_up()
    run_cases([a_refresh_that_crashes_the_server_is_suspended, a_manager_that_crashes_leaves_such_code_alone,
               a_crash_of_a_client_counts_nothing, an_immediate_shutdown_counts_nothing])
finally:
    server.destroy()
