#!/usr/bin/python3 -B
"""Shows that refresh workers start when they are needed, work in parallel, and exit: no session waits for
one, and none stays behind."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, cpu_s, run_cases  # noqa: E402: needs the path above

server = Server()
WORKER = "pg_trickle refresh worker"
db = None


def restart(**settings):
    """Restarts the server, with settings, and creates a new database in it."""
    global db
    if db:
        db.drop()
    server.restart(**settings)
    db = new_database()


def new_database():
    made = Database(server.host)
    made.run("SET pg_trickle.enabled = off")
    made.run("CREATE FUNCTION slow(id int, s float8) RETURNS int LANGUAGE plpgsql VOLATILE AS "
             "'BEGIN PERFORM pg_sleep(s); RETURN id; END'")
    return made


def create(name, query, schedule="1s", mode="AUTO", of=None, is_filled=True):
    (of or db).run("SELECT pgtrickle.create_stream_table(%s, %s, %s, %s, %s)", name, query, schedule, mode, is_filled)


def create_slow(name, seconds, of=None):
    """Creates a stream table whose refreshes take that long."""
    of = of or db
    of.run(f"CREATE TABLE {name}_source AS SELECT 1 AS id")
    create(name, f"SELECT slow(id, {seconds}) AS id FROM {name}_source", mode="FULL", of=of, is_filled=False)


def create_quick(name, of=None):
    of = of or db
    of.run(f"CREATE TABLE {name}_source (id int)")
    create(name, f"SELECT id FROM {name}_source", "calculated", of=of)


def keeps_up(name, of=None, limit_s=30):
    of = of or db
    of.run(f"INSERT INTO {name}_source SELECT coalesce(max(id), 0) + 1 FROM {name}_source")
    of.wait_for(f"SELECT (SELECT count(*) FROM {name}) = (SELECT count(*) FROM {name}_source)", True, limit_s)


def workers(which="true"):
    return [row[0] for row in db.run(f"SELECT pid FROM pg_stat_activity WHERE backend_type = '{WORKER}' AND {which}")]


ACTIVE = "state = 'active' AND query LIKE 'refresh of %'"


def wait_until(condition, what, limit_s=30):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def is_running(name):
    """Returns the worker whose refresh of a slow stream table sleeps. Before that, a refresh may ignore a cancellation."""
    return workers(f"{ACTIVE} AND query LIKE '%{name}%' AND wait_event = 'PgSleep'")


def drop_endless(name):
    """Drops a stream table that is being refreshed, and is not refreshed again before."""
    db.run(f"SELECT pgtrickle.pause_scheduler(ARRAY['{name}'])")
    db.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = %s AND state = 'active'", WORKER)
    db.run("SELECT pgtrickle.drop_stream_table(%s)", name)


def processes_of_server():
    """Returns the extension's processes, whose command line has the server's title."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            title = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            if title.startswith(b"postgres: pg_trickle") and os.readlink(entry / "cwd") == str(server.folder / "data"):
                found.append(title)
        except OSError:
            continue
    return found


def a_slow_refresh_delays_no_other():
    restart()
    create_quick("quick")
    keeps_up("quick")
    create_slow("endless", 600)
    wait_until(lambda: is_running("endless"), "the slow one does not begin")
    for _ in range(5):
        keeps_up("quick")
    activity = db.value("SELECT query FROM pg_stat_activity WHERE pid = %s", is_running("endless")[0])
    assert activity == "refresh of public.endless", activity


def a_reader_is_served_beside_a_slow_refresh():
    assert is_running("endless")
    db.run("INSERT INTO quick_source VALUES (1000)")
    db.run("SET pg_trickle.enabled = on; SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error; "
           "SET pg_trickle.scan_refresh_timeout = '60s'")
    assert db.value("SELECT count(*) FROM quick WHERE id = 1000") == 1
    db.run("SET pg_trickle.enabled = off; RESET pg_trickle.max_staleness; RESET pg_trickle.scan_refresh_timeout")
    assert is_running("endless")
    drop_endless("endless")


def a_terminated_worker_leaves_nothing_undone():
    create_slow("slow_one", 3)
    for _ in range(3):
        wait_until(lambda: is_running("slow_one"), "the slow one does not begin")
        for pid in is_running("slow_one"):
            db.run("SELECT pg_terminate_backend(%s)", pid)
        keeps_up("quick")
    before = db.value("SELECT last_refresh_at FROM pgtrickle.pgt_state WHERE relid = 'slow_one'::regclass")
    db.wait_for("SELECT last_refresh_at IS DISTINCT FROM '%s' AND status = 'ACTIVE' FROM pgtrickle.pgt_state "
                "WHERE relid = 'slow_one'::regclass" % (before or "-infinity"), True)
    errors = db.value("SELECT count(*) FROM pgtrickle.pgt_state WHERE consecutive_errors > 0")
    assert errors == 0, errors


def a_cancelled_refresh_is_tried_again():
    create_slow("cancelled", 600)
    wait_until(lambda: is_running("cancelled"), "the slow one does not begin")
    pid = is_running("cancelled")[0]
    db.run("SELECT pg_cancel_backend(%s)", pid)
    db.wait_for("SELECT count(*) > 0 FROM pgtrickle.get_refresh_history('cancelled', 100) "
                "WHERE status = 'FAILED' AND error_message LIKE 'canceling%%'", True)
    assert pid in workers(), "the worker survives"
    wait_until(lambda: is_running("cancelled"), "it is not tried again")
    drop_endless("cancelled")


def an_orphan_leaves_after_its_refresh():
    wait_until(lambda: is_running("slow_one"), "the slow one does not begin")
    orphans = workers()
    db.run("SELECT pg_terminate_backend(%s)", db.manager_pid())
    wait_until(lambda: not set(orphans) & set(workers()), "old workers stay")
    keeps_up("quick")
    assert db.value("SELECT count(*) FROM quick") == db.value("SELECT count(*) FROM quick_source")


def idle_workers_leave_but_one():
    db.run("SELECT pgtrickle.drop_stream_table('slow_one')")
    for k in range(4):
        create_slow(f"side{k}", 0.7)
    wait_until(lambda: len(workers(ACTIVE)) >= 3, "they do not work side by side")
    for k in range(4):
        db.run(f"SELECT pgtrickle.drop_stream_table('side{k}')")
    wait_until(lambda: len(workers()) == 1, "more than one stays")
    time.sleep(1)
    assert len(workers()) == 1


def locked_sources_delay_no_other():
    """Whatever the number of locked sources, each is waited for, but not by all workers."""
    names = [f"locked{k}" for k in range(32)]
    for name in names:
        create_quick(name)
    holder = db.connect()
    holder.autocommit = False
    tables = ", ".join(name + "_source" for name in names)
    holder.cursor().execute(f"LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE;" + "".join(
        f"INSERT INTO {name}_source VALUES (1);" for name in names) + f"COMMIT; BEGIN; LOCK TABLE {tables}")
    started = time.monotonic()
    for _ in range(5):
        keeps_up("quick")
        time.sleep(0.2)
    took = time.monotonic() - started
    assert took < 15, took
    holder.commit()
    holder.close()
    for name in names:
        db.wait_for(f"SELECT count(*) FROM {name}", 1)


def no_more_at_once_than_the_setting_says():
    restart(**{"pg_trickle.max_concurrent_refreshes": 2, "pg_trickle.max_workers_per_owner": 2})
    other = new_database()
    for k in range(3):
        create_slow(f"slow{k}", 0.4)
        create_slow(f"slow{k}", 0.4, other)
    most, counts, ends_at = 0, [], time.monotonic() + 60
    while most < 2 or not all(len(base) == 3 and min(base) > 3 for base in counts):
        assert time.monotonic() < ends_at, (most, counts)
        for _ in range(100):
            most = max(most, len(workers(ACTIVE)))
            time.sleep(0.01)
        counts = [[n for n, in base.run("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE status = 'COMPLETED' GROUP BY pgt_id")]
                  for base in (db, other)]
    assert most == 2, most
    assert 0.5 < sum(counts[0]) / sum(counts[1]) < 2, counts
    other.drop()


def a_reader_jumps_the_queue():
    restart(**{"pg_trickle.max_concurrent_refreshes": 1})
    create_quick("quick")
    keeps_up("quick")
    for k in range(8):
        create_slow(f"slow{k}", 0.5)
    wait_until(lambda: is_running("slow"), "the slow ones do not begin")
    db.run("SET pg_trickle.enabled = on; SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error; "
           "SET pg_trickle.scan_refresh_timeout = '60s'")
    for k in range(3):
        db.run("INSERT INTO quick_source VALUES (%s)", 1000 + k)
        asked_at = db.value("SELECT clock_timestamp()")
        rows, served_at = db.run("SELECT count(*), clock_timestamp() FROM quick WHERE id = %s", 1000 + k)[0]
        assert rows == 1, rows
        begun = db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE start_time BETWEEN %s AND %s "
                         "AND pgt_id <> 'quick'::regclass", asked_at, served_at)
        assert begun <= 2, begun  # one may have just begun, and another before the reader's request arrived
    db.run("SET pg_trickle.enabled = off; RESET pg_trickle.scan_refresh_timeout")


def logs_are_emptied_under_overload():
    """Some stream table of the case before is always due."""
    size = "SELECT log_bytes{} FROM pgtrickle.change_buffer_sizes() WHERE source_name = 'quick_source'"
    db.run("INSERT INTO quick_source SELECT hashint4(g) FROM generate_series(1, 300000) g")
    assert db.value(size.format("")) > 1 << 20
    db.wait_for(size.format(" < 1 << 20"), True, 60)
    wait_until(lambda: is_running("slow"), "nothing was due any more")


def without_a_free_turn_the_manager_sleeps():
    """What is due, upkeep and what a reader requests wait for the turn that the endless refresh has."""
    restart(**{"pg_trickle.max_concurrent_refreshes": 1})
    for name in "quick", "requested":
        create_quick(name)
        keeps_up(name)
    create_slow("endless", 600)
    wait_until(lambda: is_running("endless"), "the slow one does not begin")
    reader = db.connect()
    cursor = reader.cursor()
    cursor.execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.scan_refresh_timeout = '14s'; INSERT INTO requested_source VALUES (1000)")
    reading = threading.Thread(target=lambda: cursor.execute("SELECT FROM requested"))
    reading.start()
    for n in range(11):
        if n == 6:  # upkeep became due within five seconds
            before_s, started = cpu_s(db.manager_pid()), time.monotonic()
        db.run("INSERT INTO quick_source VALUES (%s)", 1000 + n)
        time.sleep(1)
    share = (cpu_s(db.manager_pid()) - before_s) / (time.monotonic() - started)
    reading.join()
    reader.close()
    assert is_running("endless")
    assert share < 0.1, share


def an_idle_process_accepts_invalidations():
    """Otherwise PostgreSQL would invalidate everything in the end, and all compiled programs would be
    discarded."""
    restart(log_min_messages="debug4")
    create_quick("kept")
    keeps_up("kept")
    log = server.folder / "server.log"
    start = log.stat().st_size
    session = db.connect("postgres")

    def have_heard():
        for _ in range(20):
            session.cursor().execute("CREATE TEMP TABLE made (n int, t text, u text); DROP TABLE made")
        news = log.read_bytes()[start:].decode(errors="replace")
        lines = [line for line in news.splitlines() if "ProcessCatchupEvent" in line]
        pids = db.run("SELECT pid FROM pg_stat_activity WHERE backend_type LIKE 'pg_trickle %'")
        return all(any(f"[{pid}]" in line for line in lines) for pid, in pids)

    wait_until(have_heard, "they have not heard of it", 60)
    session.close()


def a_launcher_that_could_not_look_at_the_databases_looks_again():
    restart()
    create_quick("quick")
    keeps_up("quick")
    holder = db.connect()
    holder.autocommit = False
    cursor = holder.cursor()

    def ask(statement):
        cursor.execute(statement)
        return [value for value, in cursor.fetchall()]

    def pids(kind):
        ask("SELECT pg_stat_clear_snapshot()::text")
        return ask(f"SELECT pid FROM pg_stat_get_activity(NULL) WHERE backend_type = 'pg_trickle {kind}'")

    def terminate(kind):
        ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_get_activity(NULL) WHERE backend_type = 'pg_trickle {kind}'")
        wait_until(lambda: not pids(kind), f"the {kind} stays")

    ask("SELECT 1")
    cursor.execute("LOCK TABLE pg_database IN ACCESS EXCLUSIVE MODE")
    terminate("launcher")
    terminate("manager")
    waiting = "SELECT pid FROM pg_locks WHERE relation = 'pg_database'::regclass AND NOT granted"
    wait_until(lambda: set(pids("launcher")) & set(ask(waiting)), "the launcher does not wait")
    launcher = pids("launcher")
    begun = ask(f"SELECT virtualtransaction FROM pg_locks WHERE pid = {launcher[0]} AND NOT granted")
    ask(f"SELECT pg_cancel_backend({launcher[0]})")
    wait_until(lambda: ask(f"SELECT virtualtransaction FROM pg_locks WHERE pid = {launcher[0]} AND NOT granted") != begun,
               "the launcher waits on")
    holder.commit()
    holder.close()
    wait_until(db.manager_pid, "no manager comes")


def a_manager_that_fails_as_it_begins_is_started_again():
    """Even without a request, and if the launcher has looked into the database once before."""
    restart()
    create_quick("quick")
    keeps_up("quick")
    version = server.folder / "data/base" / str(db.value("SELECT oid FROM pg_database WHERE datname = current_database()")) / "PG_VERSION"
    version.rename(version.with_suffix(".away"))
    try:
        for kind in "launcher", "manager":
            pids = f"SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle {kind}'"
            db.run(f"SELECT pg_terminate_backend(pid) FROM ({pids}) running")
            db.wait_for(f"SELECT count(*) FROM ({pids}) running", 0)
        wait_until(lambda: "is not a valid data directory" in (server.folder / "server.log").read_text(errors="replace"),
                   "no manager is started")
    finally:
        version.with_suffix(".away").rename(version)
    wait_until(db.manager_pid, "no manager comes")
    keeps_up("quick")


def without_room_for_workers_the_manager_does_it():
    # the launcher, the launcher of logical replication, one manager
    restart(max_worker_processes=3)
    create_quick("quick")
    keeps_up("quick")
    assert workers() == []
    db.run("SET pg_trickle.enabled = on; SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error")
    for k in range(5):
        db.run("INSERT INTO quick_source VALUES (%s)", 1000 + k)
        assert db.value("SELECT count(*) FROM quick WHERE id = %s", 1000 + k) == 1
    db.run("SET pg_trickle.enabled = off")


def connections_that_are_not_allowed_are_not_attempted_forever():
    """A manager that runs already continues after an UPDATE, which signals nothing. Each failed connection is in the
    log, so there must be few."""
    restart()
    create_quick("quick")
    keeps_up("quick")
    manager = db.manager_pid()
    db.admin(f"UPDATE pg_database SET datallowconn = false WHERE datname = '{db.name}'")
    for _ in range(20):
        keeps_up("quick", limit_s=30)
    os.kill(manager, signal.SIGTERM)
    db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager'", 0)
    db.run("SET pg_trickle.enabled = on; SET pg_trickle.max_staleness = 0")
    for _ in range(20):
        db.run("INSERT INTO quick_source SELECT coalesce(max(id), 0) + 1 FROM quick_source")
        db.run("SELECT FROM quick")
    db.run("SET pg_trickle.enabled = off; RESET pg_trickle.max_staleness")
    refused = (server.folder / "server.log").read_text(errors="replace").count("is not currently accepting connections")
    db.admin(f"ALTER DATABASE {db.name} ALLOW_CONNECTIONS true")
    keeps_up("quick", limit_s=30)
    assert refused <= 20, refused


def where_processes_are_lacking_databases_take_turns():
    """There is room for one manager."""
    other = new_database()
    create_quick("quick", other)
    keeps_up("quick", other)
    other.drop()
    keeps_up("quick")


def an_idle_worker_makes_room_for_another_database():
    # … two managers, one worker; then three managers
    restart(max_worker_processes=5)
    create_quick("quick")
    keeps_up("quick")
    others = [new_database(), new_database()]
    for other in others:
        create_quick("quick", other)
        keeps_up("quick", other)
    for base in (db, *others, db):
        keeps_up("quick", base)
    for other in others:
        other.drop()


def prepare_for_leaving():
    create_quick("quick")
    keeps_up("quick")
    create_slow("slow_one", 600)
    wait_until(lambda: is_running("slow_one"), "the slow one does not begin")


def leave(statement):
    """Runs a statement during a refresh of ten minutes. All processes must exit within the 5 s that
    PostgreSQL itself waits."""
    name = db.name
    db.session.close()
    started = time.monotonic()
    db.admin(statement.format(name))
    took = time.monotonic() - started
    assert took < 60, took


def a_database_can_be_copied_renamed_and_dropped_while_it_is_refreshed():
    global db
    restart()
    prepare_for_leaving()
    leave("CREATE DATABASE copied TEMPLATE {0}")
    db.session = db.connect()
    wait_until(lambda: is_running("slow_one"), "no worker continues in the copied database")
    keeps_up("quick")
    db.session.close()
    db.session = db.connect("copied")
    db.run("SET pg_trickle.enabled = off")
    wait_until(lambda: db.manager_pid(), "the copy has no manager")
    keeps_up("quick")
    db.session.close()
    db.admin("DROP DATABASE copied")
    leave("ALTER DATABASE {0} RENAME TO renamed_" + db.name)
    db.name = "renamed_" + db.name
    db.session = db.connect()
    db.run("SET pg_trickle.enabled = off")
    wait_until(lambda: is_running("slow_one"), "no worker continues in the renamed database")
    keeps_up("quick")
    leave("DROP DATABASE {0}")
    db = new_database()


def the_extension_can_be_dropped_and_made_again():
    prepare_for_leaving()
    started = time.monotonic()
    wait_until(lambda: is_running("slow_one"), "the slow one does not begin")
    db.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = %s AND state = 'active'", WORKER)
    db.run("DROP EXTENSION pg_trickle CASCADE")
    assert time.monotonic() - started < 60
    wait_until(lambda: not workers() and not db.manager_pid(), "a process remains in a database without the extension")
    db.run("CREATE EXTENSION pg_trickle")
    create("quick", "SELECT id FROM quick_source", "calculated")
    keeps_up("quick")


def shut_down(kind):
    """Returns how long the extension's processes took to exit."""
    global db
    restart()
    prepare_for_leaving()
    postmaster = int((server.folder / "data/postmaster.pid").read_text().split()[0])
    assert processes_of_server()
    db.session.close()
    db = None
    started = time.monotonic()
    os.kill(postmaster, kind)
    wait_until(lambda: not processes_of_server(), "a process outlives the server")
    gone = time.monotonic() - started
    wait_until(lambda: not (server.folder / "data/postmaster.pid").exists(), "the server does not stop")
    return gone


def a_shutdown_takes_no_second():
    """If the machine is busy, a second attempt is made."""
    for kind in (signal.SIGINT, signal.SIGTERM):
        took = [shut_down(kind)]
        while min(took) >= 1:
            assert len(took) < 5, (kind, took)
            took.append(shut_down(kind))


try:
    run_cases([a_slow_refresh_delays_no_other, a_reader_is_served_beside_a_slow_refresh,
               a_terminated_worker_leaves_nothing_undone, a_cancelled_refresh_is_tried_again,
               an_orphan_leaves_after_its_refresh, idle_workers_leave_but_one, locked_sources_delay_no_other,
               no_more_at_once_than_the_setting_says, a_reader_jumps_the_queue, logs_are_emptied_under_overload,
               without_a_free_turn_the_manager_sleeps,
               an_idle_process_accepts_invalidations, a_launcher_that_could_not_look_at_the_databases_looks_again,
               a_manager_that_fails_as_it_begins_is_started_again,
               without_room_for_workers_the_manager_does_it, connections_that_are_not_allowed_are_not_attempted_forever,
               where_processes_are_lacking_databases_take_turns, an_idle_worker_makes_room_for_another_database,
               a_database_can_be_copied_renamed_and_dropped_while_it_is_refreshed,
               the_extension_can_be_dropped_and_made_again, a_shutdown_takes_no_second])
finally:
    server.destroy()
