#!/usr/bin/python3 -B
"""Shows that a fault in or around a refresh affects that refresh only: it is retried at growing intervals,
and no other stream table is late, wrong, counted twice or left running."""

import os
import re
import signal
import sqlite3
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases, server_that_lacks  # noqa: E402: needs the path above

full_disk, no_memory, napping, termination = (
    Path(os.environ["SCRATCH"] + suffix) for suffix in (".full", ".no_memory", ".napping", ".termination"))
WORKERS = "backend_type = 'pg_trickle refresh worker'"
OURS = "backend_type LIKE 'pg\\_trickle%'"
server = server_that_lacks({"FULL_DISK": full_disk, "NO_MEMORY": no_memory, "TERMINATION": termination})
db = Database(server.host)


def another_session():
    db.session = db.connect()
    db.run("SET client_min_messages = error")
    db.run("SET pg_trickle.enabled = off")


def reconnect():
    """Connects after a crash or a start, when the server accepts connections again."""
    for _ in range(600):
        try:
            return another_session()
        except psycopg2.OperationalError:
            time.sleep(0.05)
    raise AssertionError("the server does not come back")


def create(name, query, schedule="1s"):
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s, 'DIFFERENTIAL')", name, query, schedule)


def wait_until_true(name, query, limit_s=30):
    """Waits without a request: reads of this session refresh nothing."""
    db.wait_for(f"SELECT NOT EXISTS (({query}) EXCEPT ALL TABLE {name}) AND NOT EXISTS (TABLE {name} EXCEPT ALL ({query}))",
                True, limit_s)


def status(name):
    return db.run("SELECT status, consecutive_errors FROM pgtrickle.pgt_stream_tables WHERE pgt_name = %s", name)[0]


def failures(name):
    return db.value("SELECT count(*) FROM pgtrickle.get_refresh_history(%s, NULL) WHERE status = 'FAILED'", name)


def wait_for_failures(name, wanted):
    """Waits for failures in the history, which is written after the commit that shows them."""
    db.wait_for(f"SELECT count(*) {wanted} FROM pgtrickle.get_refresh_history('{name}', NULL) WHERE status = 'FAILED'", True)


HEALTHY = "SELECT count(*) AS n FROM beside"


def others_go_on():
    """Asserts that others are refreshed during the fault and after it."""
    db.run("INSERT INTO beside VALUES (1)")
    wait_until_true("healthy", HEALTHY)


def set_up():
    db.run("SET pg_trickle.enabled = off")
    db.run("CREATE TABLE beside (id int)")
    create("healthy", HEALTHY)
    # Declared immutable, so a refresh can be made to last as long as a file exists.
    db.run("CREATE FUNCTION nap(id int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$"
           f"BEGIN WHILE (pg_stat_file('{napping}', true)).size IS NOT NULL LOOP PERFORM pg_sleep(0.02); END LOOP; RETURN 1; END$$")
    db.run("CREATE TABLE naps (id int PRIMARY KEY)")
    create("slow", "SELECT id, nap(id) AS n FROM naps")
    db.run("CREATE TABLE numbers (id int PRIMARY KEY, x int); INSERT INTO numbers VALUES (1, 1)")
    create("quotients", "SELECT id, 100 / x AS q FROM numbers")
    create("above", "SELECT count(*) AS n, sum(q) AS total FROM quotients")
    create("sums", "SELECT count(*) AS n, sum(x) AS total FROM numbers")


def is_napping():
    return f"SELECT count(*) FROM pg_stat_activity WHERE {WORKERS} AND wait_event = 'PgSleep'"


def start_napping():
    """Starts a refresh that lasts until stop_napping()."""
    napping.write_text("")
    db.run("INSERT INTO naps SELECT coalesce(max(id), 0) + 1 FROM naps")
    db.wait_for(is_napping(), 1)


def stop_napping():
    napping.unlink()
    wait_until_true("slow", "SELECT id, 1 AS n FROM naps")


def a_failing_member_is_left_behind_and_shown():
    db.run("INSERT INTO numbers VALUES (2, 0)")
    wait_until_true("sums", "SELECT count(*) AS n, sum(x) AS total FROM numbers")
    db.wait_for("SELECT status IN ('ERROR', 'SUSPENDED') FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'quotients'", True)
    assert db.run("TABLE quotients") == [(1, 100)] and db.run("TABLE above") == [(1, 100)], "the last good rows"
    assert status("above") == ("ACTIVE", 0) and status("sums") == ("ACTIVE", 0)
    wait_for_failures("quotients", "> 0")
    assert failures("above") == failures("sums") == 0
    message = db.value("SELECT error_message FROM pgtrickle.get_refresh_history('quotients', NULL) WHERE status = 'FAILED' LIMIT 1")
    assert message == "division by zero", message
    others_go_on()


def it_is_suspended_after_the_third_failure_and_resumed():
    db.wait_for("SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'quotients'", "SUSPENDED")
    assert status("quotients") == ("SUSPENDED", 3)
    wait_for_failures("quotients", "= 3")  # one failure in each attempt, whatever is refreshed together
    starts = [row[0] for row in db.run("SELECT extract(epoch FROM start_time)::float8 FROM pgtrickle.get_refresh_history('quotients', NULL) "
                                       "WHERE status = 'FAILED' ORDER BY start_time")]
    assert starts[1] - starts[0] >= 0.75 and starts[2] - starts[1] >= 1.5, "it waits longer each time"
    others_go_on()
    db.run("UPDATE numbers SET x = 4 WHERE id = 2")
    others_go_on()
    assert failures("quotients") == 3
    db.run("SELECT pgtrickle.resume_stream_table('quotients')")
    wait_until_true("quotients", "SELECT id, 100 / x AS q FROM numbers")
    wait_until_true("above", "SELECT count(*) AS n, sum(100 / x) AS total FROM numbers")
    assert status("quotients") == ("ACTIVE", 0)


def a_refresh_beyond_its_own_time_is_a_failure_of_its_own():
    db.run("CREATE TABLE endless (id int)")
    for name, option in (("too_long", ", refresh_timeout '1s'"), ("in_time", "")):
        query = "SELECT id, nap(id) AS n FROM endless" if option else "SELECT id FROM endless"
        db.run(f"CREATE FOREIGN TABLE {name} (id int{', n int' if option else ''}) SERVER pgtrickle "
               f"OPTIONS (query '{query}', schedule '1s'{option})")
    napping.write_text("")
    db.run("INSERT INTO endless VALUES (1)")
    wait_until_true("in_time", "TABLE endless")
    db.wait_for("SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'too_long'", "SUSPENDED")
    assert status("in_time") == ("ACTIVE", 0)
    others_go_on()
    napping.unlink()
    db.run("SELECT pgtrickle.resume_stream_table('too_long')")
    wait_until_true("too_long", "SELECT id, 1 AS n FROM endless")
    db.run("DROP TABLE endless CASCADE")


def the_last_one_is_refreshed_too():
    """After one of several took too long, each is refreshed separately; one request, as their schedules are
    long."""
    db.run("CREATE TABLE hours (id int)")
    for name, option in (("slow_hour", ", refresh_timeout '1s'"), ("quick_hour", "")):
        db.run(f"CREATE FOREIGN TABLE {name} (id int) SERVER pgtrickle "
               f"OPTIONS (query 'SELECT {'nap(id)' if option else 'id'} AS id FROM hours', schedule '520w'{option})")
    for number in (1, 2):  # when the manager knows both
        db.run("INSERT INTO hours VALUES (%s)", number)
        db.run("SET pg_trickle.enabled = on; SET pg_trickle.max_staleness = 0; SET pg_trickle.scan_refresh_timeout = '1min'")
        db.run("SELECT FROM slow_hour, quick_hour")
        db.run("SET pg_trickle.enabled = off; RESET pg_trickle.max_staleness; RESET pg_trickle.scan_refresh_timeout")
        assert db.value("SELECT count(*) FROM quick_hour") == number, "as soon as the reader is answered"
        napping.write_text("")
    db.wait_for("SELECT count(*) > 0 FROM pgtrickle.get_refresh_history('slow_hour') WHERE status = 'FAILED'", True)
    napping.unlink()
    db.run("DROP TABLE hours CASCADE")


def a_locked_source_costs_no_error():
    holder = db.connect()
    holder.autocommit = False
    holder.cursor().execute("LOCK TABLE numbers IN ACCESS EXCLUSIVE MODE; INSERT INTO numbers VALUES (3, 5)")
    others_go_on()
    time.sleep(2)  # more than one attempt
    others_go_on()
    holder.commit()
    holder.close()
    wait_until_true("sums", "SELECT count(*) AS n, sum(x) AS total FROM numbers")
    assert status("sums") == ("ACTIVE", 0)


def a_cancelled_refresh_is_tried_again():
    start_napping()
    db.run(f"SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE {WORKERS} AND wait_event = 'PgSleep'")
    others_go_on()
    stop_napping()
    assert status("slow") == ("ACTIVE", 0)
    others_go_on()


def a_terminated_worker_is_replaced():
    start_napping()
    pid = db.value(f"SELECT pid FROM pg_stat_activity WHERE {WORKERS} AND wait_event = 'PgSleep'")
    db.run("SELECT pg_terminate_backend(%s)", pid)
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}", 0)
    others_go_on()
    stop_napping()
    assert status("slow") == ("ACTIVE", 0)
    others_go_on()


def a_terminated_manager_leaves_no_worker_behind():
    start_napping()
    pids = [row[0] for row in db.run(f"SELECT pid FROM pg_stat_activity WHERE {OURS} AND datname = current_database()")]
    db.run("SELECT pg_terminate_backend(%s)", db.manager_pid())
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = ANY (ARRAY{pids})", 0)
    others_go_on()
    stop_napping()


def fill_the_disk_of_the_newest_storage():
    path = db.value("SELECT pg_relation_filepath(oid) FROM pg_class WHERE relnamespace = 'pg_trickle_storage'::regnamespace "
                    "AND relkind = 'r' ORDER BY oid DESC LIMIT 1")
    full_disk.write_text(path + "\n")


def waits_for():
    """Returns the seconds until the failed stream table is retried."""
    path = Path(db.value("SHOW data_directory")) / "pg_trickle" / "catalog.db"
    with closing(sqlite3.connect(path, timeout=30)) as catalog:
        microseconds = catalog.execute("SELECT max(not_before) FROM back_off").fetchone()[0]
    return db.value("SELECT extract(epoch FROM '2000-01-01 00:00+00'::timestamptz + %s * interval '1 us' - now())::float", microseconds or 0)


def a_full_disk_suspends_no_stream_table():
    db.run("CREATE TABLE many (id int, t text)")
    create("copies", "SELECT id, t FROM many")
    others_go_on()
    fill_the_disk_of_the_newest_storage()
    try:
        db.run("INSERT INTO many SELECT i, repeat('x', 500) FROM generate_series(1, 2000) i")
        db.wait_for("SELECT count(*) >= 4 FROM pgtrickle.get_refresh_history('copies', NULL) WHERE error_message LIKE '%No space left%'", True)
        assert status("copies")[0] == "ERROR", status("copies")
        others_go_on()
    finally:
        full_disk.unlink()
    wait_until_true("copies", "TABLE many")
    assert status("copies") == ("ACTIVE", 0)
    db.run("DROP FOREIGN TABLE copies")


def a_full_disk_is_tried_again_within_a_minute():
    db.run("CREATE TABLE far_too_many (id int, t text)")
    create("behind", "SELECT id, t FROM far_too_many")
    fill_the_disk_of_the_newest_storage()
    try:
        db.run("UPDATE pgtrickle.pgt_state SET consecutive_errors = 50 WHERE relid = 'behind'::regclass;"
               "INSERT INTO far_too_many SELECT i, repeat('x', 500) FROM generate_series(1, 2000) i")
        db.wait_for("SELECT consecutive_errors FROM pgtrickle.pgt_state WHERE relid = 'behind'::regclass", 51)
        deadline = time.monotonic() + 30
        while waits_for() < 5:
            assert time.monotonic() < deadline, "it is put off no longer than others"
            time.sleep(0.05)
        assert waits_for() <= 60, waits_for()
    finally:
        full_disk.unlink()
    db.run("DROP FOREIGN TABLE behind; DROP TABLE far_too_many")


def a_lack_of_memory_suspends_no_stream_table():
    db.run("CREATE TABLE texts (id int, t text)")
    create("joined", "SELECT string_agg(t, ',' ORDER BY id) AS t FROM texts")
    others_go_on()
    # The writer has the resource, which it would otherwise lack as well.
    db.run("BEGIN")
    db.run("INSERT INTO texts SELECT i, repeat('x', 10000) FROM generate_series(1, 300) i")
    no_memory.write_text("")
    try:
        db.run("COMMIT")
        db.wait_for("SELECT count(*) >= 4 FROM pgtrickle.get_refresh_history('joined', NULL) WHERE error_message = 'out of memory'", True)
        assert status("joined")[0] == "ERROR", status("joined")
        others_go_on()
    finally:
        no_memory.unlink()
    wait_until_true("joined", "SELECT string_agg(t, ',' ORDER BY id) AS t FROM texts")
    assert status("joined") == ("ACTIVE", 0)
    db.run("DROP FOREIGN TABLE joined")


def a_manager_that_is_terminated_without_shared_memory_ends_no_other_process():
    if db.value("SHOW dynamic_shared_memory_type") != "posix":
        print("# shared memory is not in files here, so it cannot be made to lack")
        return
    pid = db.manager_pid()
    full_disk.write_text("/dev/shm/PostgreSQL\n")
    termination.write_text("")
    try:
        db.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker'")
        db.run("INSERT INTO beside VALUES (1)")
        db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}", 0)
    finally:
        termination.unlink()
        full_disk.unlink()
    others_go_on()


def no_refresh_is_lost_or_counted_twice():
    """Under cancellations and terminations the history has each row once."""
    db.run("CREATE TABLE watched (id serial, at int)")
    create("telling", "SELECT id FROM watched", "calculated")
    is_over = threading.Event()

    def disturb():
        session = db.connect("postgres")
        turn = 0
        while not is_over.wait(0.03):
            turn += 1
            what = "pg_terminate_backend" if turn % 5 == 0 else "pg_cancel_backend"
            session.cursor().execute(f"SELECT {what}(pid) FROM pg_stat_activity WHERE {WORKERS}")
        session.close()

    thread = threading.Thread(target=disturb)
    thread.start()
    for _ in range(300):
        db.run("INSERT INTO watched (at) VALUES (1)")
        time.sleep(0.01)
    is_over.set()
    thread.join()
    wait_until_true("telling", "SELECT id FROM watched")
    # It is written after the commit.
    db.wait_for("SELECT sum(rows_inserted)::int FROM pgtrickle.get_refresh_history('telling', NULL) WHERE status = 'COMPLETED'", 300)
    db.run("DROP FOREIGN TABLE telling")


def killed_processes_come_back():
    for kind in (WORKERS, "backend_type = 'pg_trickle launcher'"):
        if kind == WORKERS:
            start_napping()
        os.kill(db.value(f"SELECT pid FROM pg_stat_activity WHERE {kind} LIMIT 1"), signal.SIGKILL)
        try:
            while True:
                db.run("SELECT 1")
        except psycopg2.Error:
            reconnect()
        others_go_on()
        if kind == WORKERS:
            stop_napping()
        db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle launcher'", 1)
        db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager' AND datname = current_database()", 1)


def schemas_come_and_go_while_definitions_are_read():
    def work(number):
        session = db.connect()
        cursor = session.cursor()
        cursor.execute("SET client_min_messages = error")
        for turn in range(15):
            schema = f"passing_{number}_{turn}"
            cursor.execute(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.t (id int)")
            for name in "abc":
                cursor.execute(f"SELECT pgtrickle.create_stream_table('{schema}.{name}', 'SELECT id FROM {schema}.t')")
            cursor.execute(f"DROP SCHEMA {schema} CASCADE")
        session.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    others_go_on()


def in_database(statement):
    """Runs a statement from another database while a refresh lasts: all processes have exited within the 5 s
    that PostgreSQL itself waits."""
    start_napping()
    pids = [row[0] for row in db.run(f"SELECT pid FROM pg_stat_activity WHERE {OURS} AND datname = current_database()")]
    db.session.close()
    started = time.monotonic()
    db.admin(statement)
    took_s = time.monotonic() - started
    assert took_s < 60, took_s
    return pids


def a_database_is_renamed_and_copied_at_work():
    in_database(f"ALTER DATABASE {db.name} RENAME TO {db.name}_renamed")
    db.name += "_renamed"
    another_session()
    others_go_on()
    stop_napping()
    in_database(f"CREATE DATABASE copied TEMPLATE {db.name}")
    another_session()
    others_go_on()
    stop_napping()
    original, db.session = db.session, db.connect("copied")
    db.run("SET pg_trickle.enabled = off")
    others_go_on()
    wait_until_true("slow", "SELECT id, 1 AS n FROM naps")
    db.session.close()
    db.admin("DROP DATABASE copied")
    db.session = original
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND datname = 'copied'", 0)
    db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager'", 1)


def a_dropped_and_made_extension_works():
    db.run("DROP EXTENSION pg_trickle CASCADE")
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE {OURS} AND datname = current_database()", 0)
    db.run("CREATE EXTENSION pg_trickle")
    create("healthy", HEALTHY)
    create("slow", "SELECT id, nap(id) AS n FROM naps")
    others_go_on()
    wait_until_true("slow", "SELECT id, 1 AS n FROM naps")


def a_shutdown_waits_for_no_refresh():
    data = server.folder / "data"
    for mode, kill in (("fast", signal.SIGINT), ("smart", signal.SIGTERM)):
        start_napping()
        db.session.close()
        postmaster = int((data / "postmaster.pid").read_text().split()[0])
        started = time.monotonic()
        os.kill(postmaster, kill)
        while (data / "postmaster.pid").exists() and time.monotonic() - started < 20:
            time.sleep(0.01)
        took_s = time.monotonic() - started
        print(f"# {mode} shutdown: {took_s * 1000:.0f} ms")
        assert took_s < 10, (mode, took_s)
        server.call("start")
        reconnect()
        others_go_on()
        stop_napping()


def refreshes_by_database():
    """Returns the refreshes that the catalog has of each database."""
    with sqlite3.connect(f"file:{server.folder}/data/pg_trickle/catalog.db?mode=ro", uri=True) as file:
        return dict(file.execute("SELECT name, count(relid) FROM cluster_database LEFT JOIN history USING (database) GROUP BY name"))


def wait_until_known(name, is_known):
    deadline = time.monotonic() + 30
    while (name in refreshes_by_database()) != is_known:
        assert time.monotonic() < deadline, refreshes_by_database()
        time.sleep(0.05)


def a_dropped_database_leaves_nothing_behind():
    """A database that accepts no connections for a while is not considered dropped."""
    closed = Database(server.host)
    closed.run("CREATE TABLE source (id int)")
    closed.run("SELECT pgtrickle.create_stream_table('counted', 'SELECT count(*) FROM source', '520w')")
    wait_until_known(closed.name, True)
    closed.session.close()
    db.admin(f"ALTER DATABASE {closed.name} ALLOW_CONNECTIONS false")
    pids = in_database(f"DROP DATABASE {db.name}")
    db.session = db.connect("postgres")
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = ANY (ARRAY{pids})", 0)
    wait_until_known(db.name, False)
    assert refreshes_by_database().get(closed.name, 0) > 0, refreshes_by_database()
    internal = re.findall(r"XX\d{3}.*", (server.folder / "server.log").read_text(errors="replace"))
    assert not internal, internal


try:
    set_up()
    run_cases([a_failing_member_is_left_behind_and_shown, it_is_suspended_after_the_third_failure_and_resumed,
               a_refresh_beyond_its_own_time_is_a_failure_of_its_own, the_last_one_is_refreshed_too, a_locked_source_costs_no_error, a_cancelled_refresh_is_tried_again, a_terminated_worker_is_replaced,
               a_terminated_manager_leaves_no_worker_behind, a_full_disk_suspends_no_stream_table, a_full_disk_is_tried_again_within_a_minute,
               a_lack_of_memory_suspends_no_stream_table, a_manager_that_is_terminated_without_shared_memory_ends_no_other_process,
               no_refresh_is_lost_or_counted_twice, killed_processes_come_back,
               schemas_come_and_go_while_definitions_are_read, a_database_is_renamed_and_copied_at_work,
               a_dropped_and_made_extension_works, a_shutdown_waits_for_no_refresh,
               a_dropped_database_leaves_nothing_behind])
finally:
    server.destroy()
    for path in (full_disk, no_memory, napping, termination):
        path.unlink(missing_ok=True)
