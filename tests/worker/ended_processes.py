#!/usr/bin/python3 -B
"""Shows that code which ends the process of its refresh is counted as failed, and stops no refresh of another owner, with
and without room for refresh workers. Any role may set exit_on_error, by which an error ends the process."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

server = Server()
db = None
# Client sessions live on, so that stream tables can be filled at creation.
IS_CLIENT = "EXISTS (SELECT FROM pg_stat_get_activity(pg_backend_pid()) WHERE backend_type = 'client backend')"
FATAL = f"""CREATE FUNCTION public.fatal(i int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN
    IF NOT {IS_CLIENT} THEN
        PERFORM nextval('public.ends');
        PERFORM set_config('exit_on_error', 'on', true);
        RETURN i / (i - i);
    END IF;
    RETURN i; END $$"""


def restart(**settings):
    """Restarts the server, with settings, and creates a new database in it."""
    global db
    if db:
        db.drop()
    server.restart(**settings)
    db = Database(server.host)
    db.run("SET pg_trickle.enabled = off; SET statement_timeout = '1min'")
    db.run("CREATE SEQUENCE ends; GRANT ALL ON SEQUENCE ends TO PUBLIC")
    db.run(FATAL)
    db.let_own_stream_tables("ended_healthy", "ended_fatal", "ended_other")


def create(owner, name, query, mode="AUTO"):
    """In a session of the owner, who sees what kind of process it is."""
    session = db.connect(user=owner)
    cursor = session.cursor()
    cursor.execute(f"SET client_min_messages = error; CREATE TABLE IF NOT EXISTS {owner}_source (id int PRIMARY KEY)")
    cursor.execute("SELECT pgtrickle.create_stream_table(%s, %s, '1s', %s)", (name, query.format(f"{owner}_source"), mode))
    session.close()


def write(owner):
    db.run(f"INSERT INTO {owner}_source SELECT coalesce(max(id), 0) + 1 FROM {owner}_source")


def keeps_up(owner, name, times=3):
    for _ in range(times):
        write(owner)
        db.wait_for(f"SELECT (SELECT count(*) FROM {name}) = (SELECT count(*) FROM {owner}_source)", True, 20)


def state(name):
    return db.run("SELECT status, consecutive_errors, last_error_message FROM pgtrickle.pgt_stream_tables WHERE pgt_name = %s", name)[0]


def recorded_failures(name):
    return db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history h JOIN pgtrickle.pgt_stream_tables s USING (pgt_id) "
                    "WHERE s.pgt_name = %s AND h.status = 'FAILED'", name)


def has_never_failed(name):
    assert recorded_failures(name) == 0, (name, recorded_failures(name))


def is_suspended(name):
    db.wait_for(f"SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_name = '{name}'", "SUSPENDED", 60)
    status, errors, message = state(name)
    assert (errors, message) == (3, "the refresh ended its process, see the server log"), (status, errors, message)


def a_worker_that_ends_counts_as_a_failure():
    create("ended_healthy", "healthy", "SELECT id FROM {}")
    create("ended_fatal", "fatal", "SELECT public.fatal(id) AS id FROM {}", "FULL")
    write("ended_fatal")
    keeps_up("ended_healthy", "healthy")
    is_suspended("fatal")
    keeps_up("ended_healthy", "healthy", 1)


def an_incremental_refresh_counts_as_well():
    db.run("ALTER FUNCTION public.fatal(int) IMMUTABLE")
    create("ended_fatal", "fatal_delta", "SELECT id, public.fatal(id) AS again FROM {}", "DIFFERENTIAL")
    write("ended_fatal")
    is_suspended("fatal_delta")


def others_refreshed_together_are_not_at_fault():
    create("ended_other", "below", "SELECT id FROM {}")
    create("ended_other", "above", "SELECT public.fatal(id) AS id FROM below", "FULL")
    create("ended_other", "beside", "SELECT id + 1 AS id FROM below")
    write("ended_other")
    is_suspended("above")
    keeps_up("ended_other", "below", 1)
    keeps_up("ended_other", "beside", 1)
    for name in "below", "beside":
        has_never_failed(name)


def an_atomic_set_is_at_fault_as_a_whole():
    """Which of its members ends the process cannot be found out: they are refreshed together always."""
    create("ended_other", "left_arm", "SELECT id FROM below")
    create("ended_other", "right_arm", "SELECT public.fatal(id) AS id FROM below", "FULL")
    create("ended_other", "apex", "SELECT l.id FROM left_arm l JOIN right_arm r ON r.id = l.id")
    write("ended_other")
    db.wait_for("SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'right_arm'", "SUSPENDED", 60)
    keeps_up("ended_other", "beside", 1)
    for name in "apex", "right_arm", "left_arm":
        db.run(f"SELECT pgtrickle.drop_stream_table('{name}')")


def a_process_that_is_terminated_counts_nothing():
    db.run("CREATE TABLE switch (is_on bool); INSERT INTO switch VALUES (false); GRANT SELECT ON switch TO PUBLIC")
    db.run("CREATE FUNCTION maybe_endless() RETURNS int LANGUAGE plpgsql VOLATILE AS "
           "'BEGIN IF (SELECT is_on FROM public.switch) THEN PERFORM pg_sleep(3600); END IF; RETURN 1; END'")
    create("ended_healthy", "slow", "SELECT id, maybe_endless() AS z FROM {}", "FULL")
    db.run("UPDATE switch SET is_on = true")
    write("ended_healthy")
    pids = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker' AND query LIKE 'refresh of %slow%'"
    db.wait_for(f"SELECT count(*) > 0 FROM ({pids} AND state = 'active') running", True)
    db.run("UPDATE switch SET is_on = false")
    db.run(f"SELECT pg_terminate_backend(pid, 10000) FROM ({pids}) running")
    keeps_up("ended_healthy", "slow", 1)
    has_never_failed("slow")
    db.run("SELECT pgtrickle.drop_stream_table('slow')")


def an_error_that_may_pass_is_recorded_less_and_less():
    """Code may raise one each time: it is tried again, but neither the log nor the history grows with each attempt."""
    db.run("CREATE SEQUENCE attempts; GRANT ALL ON SEQUENCE attempts TO PUBLIC")
    db.run(f"CREATE FUNCTION unavailable(i int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN IF NOT {IS_CLIENT} THEN "
           "PERFORM nextval('public.attempts'); RAISE lock_not_available; END IF; RETURN i; END $$")
    create("ended_fatal", "forged", "SELECT public.unavailable(id) AS id FROM {}", "FULL")
    write("ended_fatal")
    db.wait_for("SELECT last_value >= 12 FROM attempts", True, 120)
    assert state("forged")[:2] == ("ACTIVE", 0), state("forged")
    recorded = recorded_failures("forged")
    assert 1 <= recorded <= 7, recorded
    db.run("SELECT pgtrickle.drop_stream_table('forged')")
    keeps_up("ended_healthy", "healthy", 1)


def a_limit_of_transactions_ends_no_worker():
    """From PostgreSQL 17 on."""
    db.run(f"CREATE FUNCTION slow(i int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN IF NOT {IS_CLIENT} THEN "
           "PERFORM pg_sleep(1.5); END IF; RETURN i; END $$")
    db.run(f"ALTER DATABASE {db.name} SET transaction_timeout = '1s'")
    db.run("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE backend_type ~ '^pg_trickle (manager|refresh worker)'")
    create("ended_healthy", "slow", "SELECT slow(max(id)) AS id FROM {}", "FULL")
    write("ended_healthy")
    db.wait_for("SELECT (SELECT max(id) FROM slow) = (SELECT max(id) FROM ended_healthy_source)", True, 30)
    assert state("slow")[:2] == ("ACTIVE", 0)
    db.run(f"ALTER DATABASE {db.name} RESET transaction_timeout; SELECT pgtrickle.drop_stream_table('slow')")


def but_code_may_set_one():
    db.run(f"CREATE OR REPLACE FUNCTION slow(i int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN IF NOT {IS_CLIENT} THEN "
           "PERFORM set_config('transaction_timeout', '10ms', true); PERFORM pg_sleep(30); END IF; RETURN i; END $$")
    create("ended_fatal", "timed", "SELECT slow(id) AS id FROM {}", "FULL")
    write("ended_fatal")
    is_suspended("timed")


def a_manager_without_workers_leaves_such_code_alone():
    """It must not end again and again before it comes to the other stream tables."""
    restart(max_worker_processes=3)
    create("ended_healthy", "healthy", "SELECT id FROM {}")
    keeps_up("ended_healthy", "healthy")
    create("ended_fatal", "fatal", "SELECT public.fatal(id) AS id FROM {}", "FULL")
    create("ended_fatal", "fatal_too", "SELECT public.fatal(id) + 1 AS id FROM {}", "FULL")
    write("ended_fatal")
    db.wait_for("SELECT is_called FROM ends", True, 60)
    keeps_up("ended_healthy", "healthy", 1)
    manager = db.await_manager()
    write("ended_fatal")
    keeps_up("ended_healthy", "healthy", 5)
    assert db.manager_pid() == manager, "another manager has ended"
    assert db.value("SELECT last_value FROM ends") == 1
    restart()


try:
    restart()
    run_cases([a_worker_that_ends_counts_as_a_failure, an_incremental_refresh_counts_as_well,
               others_refreshed_together_are_not_at_fault, an_atomic_set_is_at_fault_as_a_whole, a_process_that_is_terminated_counts_nothing,
               an_error_that_may_pass_is_recorded_less_and_less,
               *([a_limit_of_transactions_ends_no_worker, but_code_may_set_one] if db.session.server_version >= 170000 else []),
               a_manager_without_workers_leaves_such_code_alone])
finally:
    server.destroy()
