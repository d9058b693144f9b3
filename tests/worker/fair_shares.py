#!/usr/bin/python3 -B
"""Shows that endless refreshes of one owner do not delay other owners' refreshes, whatever their number and
the role that requests them."""

import sys
import threading
import time
import uuid
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

server = Server()
WORKER = "pg_trickle refresh worker"
WORKERS = 4  # pg_trickle.max_concurrent_refreshes
db = None
ENDLESS = {
    "sleeping": "SELECT id, pg_sleep(3600)::text AS z FROM {}",
    "counting": "SELECT s.id, (SELECT count(*) FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b, "
                "generate_series(1, s.id) c) AS n FROM {} s",
    "recursive": "WITH RECURSIVE r (id, n) AS (SELECT id, 0 FROM {} UNION ALL SELECT id, (n + 1) % 2 FROM r) "
                 "SELECT id, count(*) AS n FROM r GROUP BY id",
}


def restart(**settings):
    """Restarts the server, with settings, and creates a new database in it."""
    global db
    if db:
        db.drop()
    server.restart(**settings)
    db = new_database()


def new_database():
    made = Database(server.host)
    made.run("SET pg_trickle.enabled = off; SET statement_timeout = '1min'")
    made.run("CREATE TABLE switch (is_on bool); INSERT INTO switch VALUES (false)")
    made.run("CREATE FUNCTION maybe_endless() RETURNS int LANGUAGE plpgsql VOLATILE SECURITY DEFINER AS "
             "'BEGIN IF (SELECT is_on FROM public.switch) THEN PERFORM pg_sleep(3600); END IF; RETURN 1; END'")
    made.let_own_stream_tables("fair_healthy", "fair_endless", "fair_reader")
    return made


def create(owner, name, query, of=None, schedule="1s", mode="AUTO", is_filled=False):
    (of or db).run(f"SET ROLE {owner}")
    (of or db).run("SELECT pgtrickle.create_stream_table(%s, %s, %s, %s, %s)", name, query, schedule, mode, is_filled)
    (of or db).run("RESET ROLE")


def create_healthy(name="healthy", of=None, owner="fair_healthy"):
    (of or db).run(f"SET ROLE {owner}; CREATE TABLE {name}_source (id int PRIMARY KEY); RESET ROLE")
    create(owner, name, f"SELECT id FROM {name}_source", of, is_filled=True)
    keeps_up(name, 1, of)


def create_endless(count, kinds=("sleeping",), of=None, owner="fair_endless", prefix="endless"):
    """Creates stream tables that are never filled, so each of their refreshes is a first fill."""
    for k in range(count):
        (of or db).run(f"SET ROLE {owner}; CREATE TABLE {prefix}{k}_source (id int PRIMARY KEY); "
                       f"INSERT INTO {prefix}{k}_source VALUES (1); RESET ROLE")
        create(owner, f"{prefix}{k}", ENDLESS[kinds[k % len(kinds)]].format(f"{prefix}{k}_source"), of, mode="FULL")


def keeps_up(name="healthy", times=5, of=None, limit_s=20):
    """Waits until the stream table is refreshed that many times; each refresh applies the rows written before
    it."""
    of = of or db
    for _ in range(times):
        of.run(f"INSERT INTO {name}_source SELECT coalesce(max(id), 0) + 1 FROM {name}_source")
        of.wait_for(f"SELECT (SELECT count(*) FROM {name}) = (SELECT count(*) FROM {name}_source)", True, limit_s)


def refreshing(name="endless", which="true"):
    return [pid for pid, in db.run(f"SELECT pid FROM pg_stat_activity WHERE backend_type = %s AND state = 'active' AND query LIKE %s AND {which}",
                                   WORKER, f"refresh of %{name}%")]


def sleeping(name):
    return refreshing(name, "wait_event = 'PgSleep'")


def wait_until(condition, what, limit_s=90):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def occupy_their_share(share=WORKERS - 1, name="endless"):
    """Waits until the endless stream tables have as many refreshes as they may; no more begin while the
    others keep up."""
    wait_until(lambda: len(refreshing(name)) == share, f"not {share} of them are refreshed")


def check(role, long_time="0 s"):
    """Returns what health_check() shows that role about the workers, given the limit for a long refresh."""
    db.run(f"SET ROLE {role}")
    severity, detail = db.run("SELECT severity, detail FROM pgtrickle.worker_checks(%s, '1 h')", long_time)[0]
    db.run("RESET ROLE")
    return severity, detail


def endless_ones_leave_a_worker_to_other_owners():
    restart()
    create_healthy()
    create_endless(6, tuple(ENDLESS))
    occupy_their_share()
    keeps_up(times=10)
    occupy_their_share()


def nor_its_process():
    """Stream tables that wait for the share of their owner need no room: the worker of another owner keeps its programs."""
    pids = []
    for _ in range(8):
        keeps_up(times=1)
        pids.append(db.run("SELECT pid FROM pg_stat_activity WHERE backend_type = %s AND query = 'refresh of public.healthy'", WORKER))
    assert any(one and one == other for one, other in zip(pids, pids[1:])), pids
    occupy_their_share()


def however_many_they_are():
    create_endless(60, prefix="more_endless")
    keeps_up(times=10)
    occupy_their_share()


def and_in_whatever_database():
    other = new_database()
    create_healthy(of=other)
    create_healthy("also_healthy")
    keeps_up(of=other)
    create_endless(6, of=other)
    keeps_up("healthy", of=other)
    keeps_up("also_healthy")
    occupy_their_share()
    other.drop()


def nor_do_they_take_it_when_readers_ask_for_them():
    restart()
    create_healthy()
    create_endless(8)
    readers = []

    def read(name):
        session = db.connect()
        readers.append(session)
        try:
            session.cursor().execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error; "
                                     f"SET pg_trickle.scan_refresh_timeout = '10min'; SELECT FROM {name}")
        except Exception:  # noqa: BLE001: it is cancelled in the end
            pass

    threads = [threading.Thread(target=read, args=(f"endless{k}",)) for k in range(8) for _ in range(2)]
    for thread in threads:
        thread.start()
    db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%SELECT FROM endless%' AND state = 'active' "
                "AND pid <> pg_backend_pid()", 16)
    occupy_their_share()
    keeps_up(times=5)
    asking = db.connect()
    asking.cursor().execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error; SET pg_trickle.scan_refresh_timeout = '1min'")
    for k in range(5):
        db.run("INSERT INTO healthy_source VALUES (%s)", 1000 + k)
        cursor = asking.cursor()
        cursor.execute("SELECT count(*) FROM healthy WHERE id = %s", (1000 + k,))
        assert cursor.fetchone() == (1,)
    asking.close()
    occupy_their_share()
    for session in readers:
        session.cancel()
    for thread in threads:
        thread.join()


def create_soon_endless(name, query):
    """Creates a stream table that is filled while its function ends. A fill holds locks that later refreshes
    do not need."""
    create("fair_endless", name, query, mode="FULL", is_filled=True)


def switch_on():
    db.run("UPDATE switch SET is_on = true")


def a_due_one_is_refreshed_beside_readers():
    """There is always a reader that waits: in all, and of the owner. A reader waits for few due ones, however many there are."""
    for limit in "pg_trickle.max_concurrent_refreshes", "pg_trickle.max_workers_per_owner":
        restart(**{limit: 1})
        create_healthy()
        for k in range(4):
            db.run(f"SET ROLE fair_healthy; CREATE TABLE asked{k}_source AS SELECT 1 AS id; RESET ROLE")
            create("fair_healthy", f"asked{k}", f"SELECT id, pg_sleep(0.2)::text AS z FROM asked{k}_source", schedule="520w", mode="FULL", is_filled=True)
        is_over, waited = threading.Event(), []

        def ask(k, is_over=is_over, waited=waited):
            session = db.connect()
            cursor = session.cursor()
            cursor.execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error; SET pg_trickle.scan_refresh_timeout = '60s'")
            while not is_over.is_set():
                cursor.execute(f"UPDATE asked{k}_source SET id = id + 1")
                asked_at = time.monotonic()
                cursor.execute(f"SELECT FROM asked{k}")
                waited.append(time.monotonic() - asked_at)
            session.close()

        threads = [threading.Thread(target=ask, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        try:
            wait_until(lambda waited=waited: len(waited) > 4, "no reader is served")
            keeps_up(times=3)
        finally:
            is_over.set()
            for thread in threads:
                thread.join()


def a_worker_with_work_of_its_own_all_the_time_serves_others():
    """Stream tables whose refreshes take longer than their schedule are always due. Another of their owner, that no worker has
    refreshed so far, and those of another owner have their turns."""
    restart(**{"pg_trickle.max_concurrent_refreshes": 1})
    create_healthy()
    create_healthy("beside", owner="fair_endless")
    for k in range(2):
        create("fair_endless", f"slow{k}", "SELECT pg_sleep(0.7)::text AS z", mode="FULL", is_filled=True)
    wait_until(lambda: refreshing("slow"), "they are not refreshed")
    create("fair_endless", "new", "SELECT id FROM beside_source", is_filled=True)
    for name in "healthy", "beside":
        keeps_up(name, times=3)
    db.wait_for("SELECT (SELECT count(*) FROM new) = (SELECT count(*) FROM beside_source)", True)


def nor_what_they_read():
    """The upstreams of endless stream tables are refreshed, in a diamond or not. One worker refreshes connected
    stream tables."""
    restart()
    create_healthy()
    create("fair_healthy", "healthy_sum", "SELECT count(*) AS n, sum(id) AS s FROM healthy_source", is_filled=True)
    db.run("GRANT SELECT ON healthy, healthy_sum, healthy_source TO fair_endless")
    create_soon_endless("endless_beside", "SELECT id, maybe_endless() AS z FROM healthy_source")
    create_soon_endless("endless_above", "SELECT id, maybe_endless() AS z FROM healthy")
    create_soon_endless("endless_diamond", "SELECT id, n, maybe_endless() AS z FROM healthy, healthy_sum")
    switch_on()
    occupy_their_share(1)
    keeps_up(times=10)
    db.wait_for("SELECT (SELECT n FROM healthy_sum) = (SELECT count(*) FROM healthy_source)", True)
    occupy_their_share(1)


def nor_upstreams_refreshed_with_them():
    """Calculated upstreams of other owners are refreshed with their dependents, and so are all upstreams that
    a reader's request needs."""
    restart()
    create_healthy()
    create("fair_healthy", "calculated", "SELECT id FROM healthy_source", schedule="calculated", is_filled=True)
    db.run("GRANT SELECT ON healthy, calculated TO fair_endless")
    create_soon_endless("endless_above", "SELECT id, maybe_endless() AS z FROM calculated")
    create_soon_endless("endless_asked", "SELECT id, maybe_endless() AS z FROM healthy")
    switch_on()
    occupy_their_share(1)
    reader = db.connect()

    def ask():
        try:
            reader.cursor().execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.scan_refresh_timeout = '10min'; "
                                    "SELECT FROM endless_asked, endless_above")
        except Exception:  # noqa: BLE001: it is cancelled in the end
            pass

    asking = threading.Thread(target=ask)
    asking.start()
    keeps_up(times=5)
    db.wait_for("SELECT (SELECT count(*) FROM calculated) = (SELECT count(*) FROM healthy_source)", True)
    db.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = %s AND state = 'active'", WORKER)
    occupy_their_share(1)
    keeps_up(times=5)
    db.wait_for("SELECT (SELECT count(*) FROM calculated) = (SELECT count(*) FROM healthy_source)", True)
    reader.cancel()
    asking.join()


def a_first_fill_is_its_owners_too():
    """A refresh also fills an upstream that was never filled, unless that belongs to another owner."""
    restart()
    db.run("SET ROLE fair_healthy; CREATE TABLE healthy_source (id int PRIMARY KEY); RESET ROLE")
    db.alter_system("SET pg_trickle.enabled = off")
    create("fair_healthy", "healthy", "SELECT id FROM healthy_source")
    db.run("GRANT SELECT ON healthy TO fair_endless")
    create("fair_endless", "endless_above", "SELECT 1 AS id, pg_sleep(3600)::text AS z FROM (SELECT id FROM healthy "
           "UNION ALL SELECT 1) x", mode="FULL")
    db.alter_system("RESET pg_trickle.enabled")
    wait_until(lambda: refreshing("endless_above"), "it is not refreshed")
    assert db.value("SELECT is_populated FROM pgtrickle.pgt_state WHERE relid = 'healthy'::regclass")


def a_reader_gets_the_upstreams_that_others_refresh():
    """The source is written to continuously."""
    restart()
    db.run("SET ROLE fair_healthy; CREATE TABLE busy (id int PRIMARY KEY); RESET ROLE")
    create("fair_healthy", "below", "SELECT id FROM busy", schedule="calculated", is_filled=True)
    db.run("GRANT SELECT, TRIGGER ON below TO fair_reader")
    create("fair_reader", "above", "SELECT count(*) AS n, sum(id) AS s FROM below", schedule="520w", is_filled=True)
    is_over = threading.Event()

    def write():
        session = db.connect()
        k = 1000000
        while not is_over.is_set():
            k += 1
            session.cursor().execute("INSERT INTO busy VALUES (%s)", (k,))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        db.run("SET pg_trickle.enabled = on; SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error; "
               "SET pg_trickle.scan_refresh_timeout = '60s'")
        for k in range(10):
            db.run("INSERT INTO busy VALUES (%s)", k)
            before = db.value("SELECT count(*) FROM busy")
            assert db.value("SELECT n FROM above") >= before
    finally:
        is_over.set()
        writer.join()


def upstreams_that_fail_for_a_moment_over_and_over_do_not_keep_others_busy():
    """Above one of another owner that raises an error after which it is tried again: what reads it stays due."""
    restart()
    db.run("CREATE TABLE failing (sqlstate text); INSERT INTO failing VALUES (NULL); GRANT ALL ON failing TO PUBLIC")
    db.run("CREATE FUNCTION fails_at_times() RETURNS bool LANGUAGE plpgsql AS $$ DECLARE bad text := (SELECT sqlstate FROM public.failing); BEGIN "
           "IF bad IS NOT NULL THEN RAISE 'fails' USING ERRCODE = bad; END IF; RETURN true; END $$")
    create_healthy("other")
    db.run("CREATE TABLE below_source (id int); ALTER TABLE below_source OWNER TO fair_endless")
    create("fair_endless", "below", "SELECT id FROM below_source WHERE fails_at_times()", schedule="0s", is_filled=True)
    db.run("GRANT SELECT ON below TO PUBLIC")
    for number, schedule in enumerate(("1s", "1s", "2s", "calculated")):
        create("fair_healthy", f"above{number}", "SELECT id FROM below", schedule=schedule, is_filled=True)
    for sqlstate in "55P03", "40001", "22012":
        db.run("UPDATE failing SET sqlstate = %s", sqlstate)
        db.run("INSERT INTO below_source VALUES (1)")
        keeps_up("other", times=8)
        begun = db.value("SELECT clock_timestamp()")
        db.wait_for(f"SELECT clock_timestamp() > '{begun}'::timestamptz + interval '3 s'", True)
        counts = db.run("SELECT pgt_name, count(*) FROM pgtrickle.pgt_refresh_history h JOIN pgtrickle.pgt_stream_tables s USING (pgt_id) "
                        "WHERE pgt_name LIKE 'above%%' AND start_time > %s GROUP BY 1", begun)
        assert all(count < 30 for _, count in counts), (sqlstate, counts)
        db.run("UPDATE failing SET sqlstate = NULL")
        db.run("SELECT pgtrickle.resume_stream_table('below')") if db.value("SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'below'") == "SUSPENDED" else None
        for number in range(4):
            db.wait_for(f"SELECT (SELECT count(*) FROM above{number}) = (SELECT count(*) FROM below_source)", True, 90)


def a_chain_that_comes_back_to_an_owner_is_refreshed_in_order():
    """Stream tables of one owner are not one batch if a stream table of another owner is between them."""
    restart()
    db.run("SET ROLE fair_healthy; CREATE TABLE ground (id int PRIMARY KEY); RESET ROLE; GRANT SELECT ON ground TO fair_reader")
    create("fair_reader", "lowest", "SELECT id FROM ground", schedule="1h", is_filled=True)
    db.run("GRANT SELECT ON lowest TO fair_healthy")
    create("fair_healthy", "middle", "SELECT id FROM lowest", schedule="1h", is_filled=True)
    db.run("GRANT SELECT ON middle TO fair_reader")
    create("fair_reader", "highest", "SELECT id FROM middle", schedule="1h", is_filled=True)
    create("fair_reader", "shortcut", "SELECT m.id FROM middle m JOIN lowest USING (id)", schedule="1h", is_filled=True)
    db.run("SET pg_trickle.enabled = on; SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error; "
           "SET pg_trickle.scan_refresh_timeout = '60s'")
    for k, name in enumerate(["highest", "lowest", "middle", "shortcut"] * 3, 1):
        db.run("INSERT INTO ground VALUES (%s)", k)
        assert db.value(f"SELECT count(*) FROM {name}") == k, name


def a_superuser_is_an_owner_like_others():
    restart()
    create_healthy()
    create_endless(6, owner="postgres")
    occupy_their_share()
    keeps_up()
    occupy_their_share()


def health_check_names_them():
    """health_check() shows them, with a hint, to roles that may see them."""
    restart()
    create_healthy()
    db.run("GRANT pg_monitor TO fair_reader")
    create_soon_endless("endless_alone", "SELECT maybe_endless() AS z")
    assert check("postgres", "1 min") == ("OK", "no refresh takes much longer than usual")
    switch_on()
    # The refresh that is endless: one that began before may end.
    wait_until(lambda: sleeping("endless_alone"), "it is not refreshed")
    pid = sleeping("endless_alone")[0]
    assert check("postgres", "1 min")[0] == "OK", "it has just begun"
    for role in "postgres", "fair_endless", "fair_reader":
        wait_until(lambda: check(role)[0] == "WARN", check(role))
        detail = check(role)[1]
        assert f"public.endless_alone (owner fair_endless, process {pid}, since 20" in detail, detail
        for remedy in "pg_cancel_backend()", "refresh_timeout", "pg_trickle.max_refresh_time":
            assert remedy in detail, detail
    assert check("fair_healthy") == ("OK", "no refresh takes much longer than usual")
    create_endless(6)
    occupy_their_share()
    wait_until(lambda: check("fair_endless")[0] == "ERROR", check("fair_endless"))
    detail = check("fair_endless")[1]
    assert "other stream tables wait for a worker, of fair_endless" in detail, detail
    assert db.run("SELECT severity FROM pgtrickle.health_check() WHERE check_name = 'stuck_workers'") == [("OK",)]
    other = new_database()
    seen = other.run("SELECT severity, detail FROM pgtrickle.worker_checks('0 s', '0 s')")[0]
    assert seen[0] == "ERROR" and f"a stream table of database {db.name} (owner fair_endless" in seen[1], seen
    other.run("SET ROLE fair_healthy")
    assert other.run("SELECT severity FROM pgtrickle.worker_checks('0 s', '0 s')") == [("OK",)]
    other.run("RESET ROLE; REVOKE pg_monitor FROM fair_reader")
    other.drop()


def a_limit_may_be_set():
    restart(**{"pg_trickle.max_workers_per_owner": 1})
    create_healthy()
    create_endless(3)
    create_endless(3, owner="fair_reader", prefix="others_endless")
    wait_until(lambda: len(refreshing()) == 2, "each owner is not refreshed once")
    keeps_up()
    assert len(refreshing()) == 2


def a_refresh_longer_than_the_limit_fails():
    restart(**{"pg_trickle.max_refresh_time": "500ms"})
    create_healthy()
    create_endless(2, ("sleeping", "counting"))
    db.wait_for("SELECT count(*) FROM pgtrickle.pgt_state WHERE status = 'SUSPENDED'", 2, 60)
    for k in range(2):
        message = db.value(f"SELECT last_error_message FROM pgtrickle.pgt_state WHERE relid = 'endless{k}'::regclass")
        assert "pg_trickle.max_refresh_time (500 ms)" in message, message
    assert db.value("SELECT count(*) FROM pgtrickle.pgt_state WHERE consecutive_errors > 0") == 2
    keeps_up()


def also_one_that_catches_the_cancellation():
    """The function catches the cancellation, so its process is terminated."""
    db.run("CREATE FUNCTION stubborn(id int) RETURNS int LANGUAGE plpgsql VOLATILE AS $$ BEGIN LOOP BEGIN PERFORM pg_sleep(3600); "
           "EXCEPTION WHEN query_canceled THEN END; END LOOP; END $$")
    db.run("SET ROLE fair_endless; CREATE TABLE stubborn_source (id int PRIMARY KEY); INSERT INTO stubborn_source VALUES (1); RESET ROLE")
    create("fair_endless", "stubborn", "SELECT stubborn(id) AS id FROM stubborn_source", mode="FULL")
    db.wait_for("SELECT consecutive_errors > 0 FROM pgtrickle.pgt_state WHERE relid = 'stubborn'::regclass", True, 60)
    message = db.value("SELECT last_error_message FROM pgtrickle.pgt_state WHERE relid = 'stubborn'::regclass")
    assert "pg_trickle.max_refresh_time (500 ms), and did not end when it was canceled" in message, message
    keeps_up()


def only_a_superuser_lifts_the_limit():
    for setting in "pg_trickle.max_refresh_time", "pg_trickle.max_workers_per_owner":
        try:
            db.run(f"SET ROLE fair_endless; SET {setting} = 0")
        except Exception as error:  # noqa: BLE001: its message is checked
            assert "permission denied" in str(error) or "cannot be changed now" in str(error), error
        else:
            raise AssertionError(setting)
        finally:
            db.run("RESET ROLE")


def a_manager_without_workers_continues():
    # the launcher, the launcher of logical replication, one manager
    restart(max_worker_processes=3)
    create_healthy()
    create_endless(1)
    manager = "SELECT query FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager' AND state = 'active'"
    wait_until(lambda: db.run(manager) == [("refresh of public.endless0",)], "the manager does not refresh it")
    keeps_up(times=2, limit_s=120)
    error = db.run("SELECT status, last_error_message FROM pgtrickle.pgt_state WHERE relid = 'endless0'::regclass")[0]
    assert error[0] == "ERROR" and "max_worker_processes" in error[1], error


def nor_does_one_whose_only_worker_is_occupied():
    # … and one worker
    restart(max_worker_processes=4)
    create_healthy()
    create_endless(3)
    wait_until(lambda: refreshing(), "none is refreshed")
    keeps_up(times=10, limit_s=90)  # a manager that stands in for workers is replaced after a minute at the latest
    assert len(refreshing()) == 1


try:
    run_cases([case for case in [endless_ones_leave_a_worker_to_other_owners, nor_its_process, however_many_they_are, and_in_whatever_database,
               nor_do_they_take_it_when_readers_ask_for_them, a_due_one_is_refreshed_beside_readers,
               a_worker_with_work_of_its_own_all_the_time_serves_others, nor_what_they_read, nor_upstreams_refreshed_with_them,
               a_first_fill_is_its_owners_too, a_reader_gets_the_upstreams_that_others_refresh,
               upstreams_that_fail_for_a_moment_over_and_over_do_not_keep_others_busy, a_chain_that_comes_back_to_an_owner_is_refreshed_in_order, a_superuser_is_an_owner_like_others, health_check_names_them, a_limit_may_be_set,
               a_refresh_longer_than_the_limit_fails, also_one_that_catches_the_cancellation,
               only_a_superuser_lifts_the_limit, a_manager_without_workers_continues,
               nor_does_one_whose_only_worker_is_occupied] if not sys.argv[1:] or case.__name__ in sys.argv[1:]])
finally:
    server.destroy()
