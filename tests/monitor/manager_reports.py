#!/usr/bin/python3 -B
"""Shows what the manager and its workers report of their work: the log, counters that outlive a restart, the
display."""

import re
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import TOP, Server, run_cases, Database  # noqa: E402: needs the path above

sys.path.append(str(TOP / "tests/demo"))
import bank  # noqa: E402
import view  # noqa: E402

server = Server()
log = server.folder / "server.log"
db = Database(server.host)


def wait_for_log(pattern, limit_s=30):
    """Returns the first match of the pattern in the log."""
    deadline = time.monotonic() + limit_s
    while not (found := re.search(pattern, log.read_text(errors="replace"))):
        assert time.monotonic() < deadline, f"the log has no {pattern}"
        time.sleep(0.05)
    return found


def set_for_all(setting, value):
    """Changes a setting for sessions and processes that start from now on: once a new session has it, all
    have been notified."""
    db.alter_system(f"SET {setting} = {value}")
    deadline = time.monotonic() + 30
    while shown_anew(setting) != value:
        assert time.monotonic() < deadline, shown_anew(setting)
        time.sleep(0.02)


def shown_anew(setting):
    session = db.connect()
    cursor = session.cursor()
    cursor.execute(f"SHOW {setting}")
    value = cursor.fetchone()[0]
    session.close()
    return value


def prepare():
    db.run("CREATE TABLE source (id int PRIMARY KEY, n int); INSERT INTO source VALUES (1, 1)")
    db.run("SELECT pgtrickle.create_stream_table('logged', 'SELECT id, 10 / n AS q FROM source', '1s', 'DIFFERENTIAL')")
    db.run("SELECT pgtrickle.create_stream_table('above', 'SELECT q FROM logged', '1s', 'DIFFERENTIAL')")


def a_manager_that_is_being_started_is_no_fault():
    """No manager can know of a stream table that is not committed."""
    new = Database(db.host)
    new.run("BEGIN; CREATE TABLE source (id int); SELECT pgtrickle.create_stream_table('first', 'SELECT id FROM source')")
    assert new.run("SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'manager'") == [("OK", "it is being started")]
    assert new.run("SELECT status, manager_running FROM pgtrickle.quick_health") == [("OK", False)]
    new.run("ROLLBACK")
    new.drop()


def a_refresh_is_logged_by_its_duration():
    db.run("INSERT INTO source VALUES (2, 1)")
    db.wait_for("SELECT count(*) FROM logged", 2)
    assert 'refresh of stream table "public.logged"' not in log.read_text()
    set_for_all("pg_trickle.log_min_duration", "0")
    db.run("INSERT INTO source VALUES (3, 1), (4, 1)")
    wait_for_log(r'LOG:  00000: refresh of stream table "public\.logged": DIFFERENTIAL, \d+\.\d{3} ms\n.*'
         r'DETAIL:  2 changes applied, 2 rows inserted, 0 rows deleted\n')
    set_for_all("pg_trickle.log_min_duration", "-1")


def decisions_are_logged_on_demand():
    assert "refreshes due stream tables: " not in log.read_text()
    set_for_all("log_min_messages", "debug2")
    db.run("INSERT INTO source VALUES (5, 1)")
    found = wait_for_log(r"DEBUG:  00000: process (\d+) refreshes due stream tables: .*public\.logged")
    assert db.value("SELECT backend_type LIKE 'pg_trickle%%' FROM pg_stat_activity WHERE pid = %s", int(found[1]))
    db.run("SET pg_trickle.max_staleness = 0")
    for k in range(100):  # the schedule may be faster than a read
        db.run("INSERT INTO source VALUES (%s, 1)", 1000 + k)
        db.run("SELECT * FROM logged")
        if " on request of a reader: " in log.read_text():
            break
    wait_for_log(r"DEBUG:  00000: process \d+ refreshes on request of a reader: public\.logged")
    db.run("RESET pg_trickle.max_staleness; INSERT INTO source VALUES (7, 0)")
    wait_for_log(r"DEBUG:  00000: public\.logged will be retried: its refresh has failed")
    db.run("UPDATE source SET n = 1 WHERE id = 7")
    set_for_all("log_min_messages", "warning")


def statistics_outlive_a_restart():
    db.run("SELECT pgtrickle.resume_stream_table('logged'); SELECT pgtrickle.refresh_stream_table('logged')")
    statement = ("SELECT refreshes, differential_refreshes, failed_refreshes, rows_inserted, total_refresh_time, stats_since "
                 "FROM pgtrickle.pg_stat_stream_tables WHERE pgt_name = 'logged'")
    set_for_all("pg_trickle.enabled", "off")
    # Running refreshes end, and the history is written after their commits.
    db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker' AND state = 'active'", 0)
    before = db.run(statement)
    assert before[0][1] >= 4 and before[0][2] >= 1, before
    db.session.close()
    server.call("start")
    db.session = db.connect()
    after = db.run(statement)
    assert after == before, (before, after)


EVERYTHING = ["health_check()", "running_refreshes()", "blocked_refreshes()", "quick_health", "pgt_status()", "pgt_stream_tables", "stream_tables_info", "pgt_dependencies",
              "dependency_tree()", "explain_dag()", "explain_dag('dot')", "diamond_groups()", "refresh_timeline()",
              "st_refresh_stats()", "pg_stat_stream_tables", "pg_stat_progress_stream_table", "change_buffer_sizes()",
              "trigger_inventory()", "check_cdc_health()", "list_sources('logged')", "st_size('logged')", "stream_table_key('logged')", "pgt_heaps",
              "holds()", "source_gates()", "watermark_status()", "refresh_groups()", "get_refresh_history('logged')", "get_staleness('logged')",
              "recommend_refresh_mode()", "refresh_efficiency()"]


# These read logs, or sizes of files, for which PostgreSQL takes a lock.
LOCKING = {"st_size('logged')", "change_buffer_sizes()", "check_cdc_health()", "list_sources('logged')"}


def look_beside(change, those):
    holder = db.connect()
    holder.autocommit = False
    holder.cursor().execute(change)
    holder.cursor().execute("LOCK TABLE source IN ACCESS EXCLUSIVE MODE")
    db.run("SET statement_timeout = '10s'")
    try:
        for what in those:
            assert db.run(f"SELECT * FROM pgtrickle.{what}") is not None
    finally:
        db.run("RESET statement_timeout")
        holder.close()


def monitoring_does_not_wait_for_alterations_and_locks():
    look_beside("ALTER FOREIGN TABLE logged OPTIONS (SET schedule '2h')", EVERYTHING)


def nor_for_redefinitions_and_drops():
    for change in ("ALTER FOREIGN TABLE logged OPTIONS (SET query 'SELECT id, n + 1 AS q FROM source')",
                   "DROP FOREIGN TABLE logged CASCADE"):
        look_beside(change, [what for what in EVERYTHING if what not in LOCKING])


def nor_for_indexes_that_are_built():
    """The session has not compiled the stream table before."""
    db.run("CREATE INDEX ON logged (id)")
    holder = db.connect()
    holder.autocommit = False
    holder.cursor().execute("REINDEX TABLE logged; REINDEX TABLE source")
    watcher = db.connect(options="-c statement_timeout=10s").cursor()
    try:
        for what in ("pgt_heaps", "health_check()", "recommend_refresh_mode()",
                     "missing_index_rows((SELECT array_agg(pgt_relid) FROM pgtrickle.stream_table_states()))"):
            watcher.execute(f"SELECT * FROM pgtrickle.{what}")
        watcher.execute("SELECT of_name FROM pgtrickle.pgt_heaps WHERE bytes IS NULL")
        assert watcher.fetchall() == [("logged",)]
    finally:
        watcher.connection.close()
        holder.close()


def a_stream_table_much_older_than_its_schedule_is_stale():
    """The manager refreshes nothing while the setting is off."""
    db.run("CREATE TABLE aging (id int PRIMARY KEY)")
    db.run("SELECT pgtrickle.create_stream_table('below', 'SELECT id FROM aging', 'calculated')")
    db.run("SELECT pgtrickle.create_stream_table('rarely', 'SELECT id FROM below', '520w')")
    db.run("SELECT pgtrickle.create_stream_table('often', 'SELECT id FROM aging', '1s')")
    db.run("SELECT pgtrickle.create_stream_table('at_once', 'SELECT count(*) AS c FROM aging', 'calculated')")
    db.run("SELECT pgtrickle.create_stream_table('when_read', 'SELECT now()', '0s')")
    db.run("SELECT pgtrickle.create_stream_table('by_hand', 'SELECT now()', 'calculated')")
    db.run("INSERT INTO aging VALUES (1)")
    stale = ("SELECT string_agg(pgt_name, ', ' ORDER BY pgt_name) FROM pgtrickle.stream_tables_info "
             "WHERE stale AND pgt_name IN ('below', 'rarely', 'often', 'at_once', 'when_read', 'by_hand')")
    assert db.value(stale) is None
    db.wait_for(stale, "at_once, often")
    assert db.run("SELECT status, stale_tables >= 2, health ~ 'pg_trickle.enabled' FROM pgtrickle.quick_health") == [("WARN", True, True)]
    severity, detail = db.run("SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = 'stale'")[0]
    assert severity == "WARN" and re.search(r"public\.often \(00:00:\d\d, schedule 1s\)", detail), detail
    assert re.search(r"public\.often<br/>ACTIVE, AUTO, 1s<br/>\d+ s behind\"\]:::stale", db.value("SELECT pgtrickle.explain_dag()"))
    db.run("SELECT pgtrickle.refresh_stream_table('often'); SELECT pgtrickle.refresh_stream_table('at_once')")
    assert db.value(stale) is None


def the_transaction_that_holds_a_log_back_is_named():
    db.run("CREATE TABLE wide (id int PRIMARY KEY, t text)")
    db.run("SELECT pgtrickle.create_stream_table('short', 'SELECT id, length(t) AS l FROM wide', '1d', 'DIFFERENTIAL')")
    old = db.connect()
    old.autocommit = False
    old.cursor().execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT 1")
    held_by = "SELECT held_back_by FROM pgtrickle.change_buffer_sizes() WHERE source_name = 'wide'"
    db.run("INSERT INTO wide SELECT i, repeat('x', 200) FROM generate_series(1, 40000) i")
    assert db.value(held_by) == "public.short (1d)", db.value(held_by)
    db.run("SELECT pgtrickle.refresh_stream_table('short')")
    assert db.value(held_by).startswith(f"process {old.get_backend_pid()} of postgres, since "), db.value(held_by)
    old.close()


def check(name):
    return db.run("SELECT severity, detail FROM pgtrickle.health_check() WHERE check_name = %s", name)[0]


def the_cause_of_a_slow_refresh_is_reported():
    db.run("""CREATE FUNCTION slow(i int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS
              $$ BEGIN PERFORM pg_sleep(1.2); RETURN i; END $$;
              CREATE TABLE slow_left (id int PRIMARY KEY, k int);
              CREATE TABLE slow_right (id int PRIMARY KEY, k int);
              INSERT INTO slow_left VALUES (1, 1); INSERT INTO slow_right VALUES (1, 1)""")
    db.run("SELECT pgtrickle.create_stream_table('slow', 'SELECT l.id, slow(r.id) AS r FROM slow_left l JOIN slow_right r USING (k)',"
           " '1s', 'DIFFERENTIAL')")
    assert check("overloaded")[0] == "WARN", check("overloaded")
    assert check("missing_indexes")[0] == "OK"
    db.run("INSERT INTO slow_left VALUES (2, 1); SELECT pgtrickle.refresh_stream_table('slow')")
    severity, detail = check("overloaded")
    assert severity == "WARN" and re.search(r"public\.slow \([1-9]\d{3,} ms, schedule 1s\)", detail), detail
    for schedule, tier, expected in (("1", "hot", "WARN"), (" 1S", "hot", "WARN"), ("1s", "cold", "OK"), ("* * * * *", "hot", "OK"), ("1s", "hot", "WARN")):
        db.run("SELECT pgtrickle.alter_stream_table('slow', schedule => %s, tier => %s)", schedule, tier)
        assert check("overloaded")[0] == expected, (schedule, tier, check("overloaded"))
    severity, detail = check("missing_indexes")
    assert severity == "WARN" and "CREATE INDEX ON public.slow_right (k)" in detail, detail
    db.run("CREATE INDEX ON slow_left (k); CREATE INDEX ON slow_right (k)")
    assert check("missing_indexes")[0] == "OK"
    db.run("DROP TABLE slow_left, slow_right CASCADE")


def a_catalog_that_cannot_be_used_is_reported():
    folder = server.folder / "data/pg_trickle"
    away = folder.with_name("pg_trickle.away")
    folder.rename(away)
    folder.write_text("in the way")
    try:
        severity, detail = check("catalog")
        assert severity == "WARN" and "cannot be used: " in detail, detail
        db.run("CREATE ROLE monitor_reader; SET ROLE monitor_reader")
        assert check("catalog")[1].endswith("cannot be used: it cannot be written"), check("catalog")
        db.run("RESET ROLE; DROP ROLE monitor_reader")
    finally:
        folder.unlink()
        away.rename(folder)
    assert check("catalog")[0] == "OK"


def a_shared_memory_that_is_full_is_reported():
    assert check("shared_memory")[0] == "OK"
    db.session.close()
    server.call("start", "pg_trickle.max_stream_tables=16")
    db.session = db.connect()
    db.run("SET client_min_messages = error")
    for number in range(17):
        db.run(f"SELECT pgtrickle.create_stream_table('many_{number}', 'SELECT id FROM aging', '520w')")
    severity, detail = check("shared_memory")
    assert severity == "WARN" and "of pg_trickle.max_stream_tables = 16 " in detail, detail


def the_picture_is_of_the_demo():
    picture = (TOP / "tests/demo/graph.svg").read_text()
    drawn = set(re.findall(r">public\.(\w+)<", picture))
    made = {table.name for table in bank.STREAM_TABLES}
    read = set(re.findall(r"(?:FROM|JOIN)\s+(pgbench_\w+)", " ".join(table.query for table in bank.STREAM_TABLES)))
    assert drawn == made | read, drawn ^ (made | read)
    assert "../tests/demo/graph.svg" in (TOP / "docs/operations.md").read_text()


def the_picture_of_the_demo_fits_80_columns():
    ages = [(table.name, table.about, 9_999_999, 99.94) for table in bank.STREAM_TABLES]
    state = view.State(599, 600, 99_999, 99_999, 99.9, 999.9, 9999.9, 99_999, 99_999, 999.9, 9999.9, ages)
    for line in view.View()._picture(state, 79):
        assert len(view.ESCAPE.sub("", line)) <= 79, line
    assert view.clipped(f"{view.BOLD}four{view.PLAIN} more", 6) == f"{view.BOLD}four{view.PLAIN} m"


prepare()
try:
    run_cases([a_manager_that_is_being_started_is_no_fault, a_refresh_is_logged_by_its_duration, decisions_are_logged_on_demand, statistics_outlive_a_restart,
               monitoring_does_not_wait_for_alterations_and_locks, nor_for_redefinitions_and_drops, nor_for_indexes_that_are_built, the_transaction_that_holds_a_log_back_is_named,
               a_stream_table_much_older_than_its_schedule_is_stale, the_cause_of_a_slow_refresh_is_reported,
               a_catalog_that_cannot_be_used_is_reported, a_shared_memory_that_is_full_is_reported,
               the_picture_is_of_the_demo, the_picture_of_the_demo_fits_80_columns])
finally:
    db.session.close()
    server.destroy()
