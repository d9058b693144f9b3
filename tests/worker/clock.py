#!/usr/bin/python3 -B
"""Shows that a clock that is set, by a day or a year, makes no session wait and no answer too old."""

import os
import sys
import threading
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases, server_that_lacks, set_clock  # noqa: E402: needs the path above

clock = Path(os.environ["SCRATCH"] + ".clock")
DAY_S = 86400
server = server_that_lacks({"CLOCK": clock})
db = Database(server.host)


def create(name, query, schedule):
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s)", name, query, schedule)


def set_up():
    db.run("SET pg_trickle.enabled = off; CREATE TABLE source (id int)")
    for name, schedule in (("by_second", "1s"), ("by_hour", "1h"), ("by_day", "@daily"), ("on_change", "calculated")):
        create(name, "SELECT count(*) AS n FROM source", schedule)


def in_a_year_each_is_refreshed_once():
    before = dict(db.run("SELECT pgt_name, refreshes FROM pgtrickle.pg_stat_stream_tables"))
    db.run("INSERT INTO source VALUES (1)")
    db.wait_for("SELECT n FROM by_second", 1)
    db.wait_for("SELECT n FROM on_change", 1)
    set_clock(clock, 365 * DAY_S)
    db.run("INSERT INTO source VALUES (2)")
    for name in before:
        db.wait_for(f"SELECT n FROM {name}", 2, limit_s=90)
    for name in ("by_hour", "by_day"):
        rows = db.value("SELECT count(*) FROM pgtrickle.get_refresh_history(%s) WHERE action <> 'FULL'", name)
        assert rows <= 2, (name, rows)


def a_day_back_nothing_is_older_than_it_may_be():
    """Rows written before carry times in the future."""
    db.run("INSERT INTO source VALUES (3)")
    db.wait_for("SELECT n FROM by_second", 3)
    set_clock(clock, 364 * DAY_S)
    db.run("SET pg_trickle.enabled = on; SET pg_trickle.max_staleness = '1m'; SET pg_trickle.scan_refresh_timeout = '30s'")
    assert db.run("SELECT h.n, d.n FROM by_hour h, by_day d") == [(3, 3)]
    db.run("SET pg_trickle.enabled = off; RESET pg_trickle.max_staleness; RESET pg_trickle.scan_refresh_timeout")


def a_day_back_all_work_continues():
    db.run("INSERT INTO source VALUES (4)")
    db.wait_for("SELECT n FROM by_second", 4, limit_s=90)
    db.wait_for("SELECT n FROM on_change", 4, limit_s=90)


def a_wait_is_not_extended():
    holder = db.connect()
    holder.cursor().execute("BEGIN; SELECT pgtrickle.refresh_stream_table('by_hour')")
    db.run("INSERT INTO source VALUES (5)")
    db.run("SET pg_trickle.enabled = on; SET pg_trickle.max_staleness = 0; SET pg_trickle.scan_refresh_timeout = '3s'")
    for wait in ("SELECT n FROM by_hour", "SELECT pgtrickle.wait_until_fresh('by_hour', '3s')"):
        set_clock(clock, 0)
        setter = threading.Timer(1, set_clock, (clock, -DAY_S))
        setter.start()
        limit = threading.Timer(20, db.session.cancel)  # PostgreSQL's own timeouts depend on the clock
        limit.start()
        db.run(wait)
        limit.cancel()
        setter.join()
    holder.close()


try:
    set_up()
    run_cases([in_a_year_each_is_refreshed_once, a_day_back_nothing_is_older_than_it_may_be, a_day_back_all_work_continues,
               a_wait_is_not_extended])
finally:
    server.destroy()
    clock.unlink(missing_ok=True)
