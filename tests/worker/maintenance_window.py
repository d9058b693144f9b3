#!/usr/bin/python3 -B
"""Shows a maintenance window: a drain persists over a restart; alerts report logs that grow meanwhile."""

import json
import select
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

server = Server()
db = Database(server.host)


def reconnect():
    db.session = db.connect()
    db.run("SET client_min_messages = error; SET pg_trickle.enabled = off")


def a_drain_stays_over_a_restart():
    reconnect()
    db.run("CREATE TABLE source (id int PRIMARY KEY, filling text)")
    db.run("SELECT pgtrickle.create_stream_table('counted', 'SELECT count(*) AS n, max(filling) AS f FROM source', 'calculated')")
    assert db.value("SELECT pgtrickle.drain()") is True
    db.session.close()
    server.call("stop")
    server.call("start")
    reconnect()
    assert db.value("SELECT pgtrickle.is_drained()") is True
    db.run("INSERT INTO source VALUES (1, '')")
    db.wait_for("SELECT count(*) FROM pgtrickle.get_refresh_history('counted', 100) WHERE status = 'SKIPPED'", 1)
    assert db.value("SELECT n FROM counted") == 0


def told_of_growth(listener, name, limit_s=60):
    """Returns the alerts about its log until the limit, or the first one."""
    deadline = time.monotonic() + limit_s
    alerts = []
    while not alerts and time.monotonic() < deadline:
        select.select([listener], [], [], 0.2)
        listener.poll()
        alerts += [json.loads(notify.payload) for notify in listener.notifies]
        listener.notifies.clear()
        alerts = [alert for alert in alerts if alert["event"] == "buffer_growth_warning" and alert["pgt_name"] == name]
    return alerts


def a_growing_log_is_reported_once():
    db.alter_system("SET pg_trickle.max_log_size = '2MB'")
    listener = db.connect()
    listener.cursor().execute("LISTEN pg_trickle_alert")
    # The values do not compress; upkeep examines logs some seconds after they are written.
    db.run("INSERT INTO source SELECT i, (SELECT string_agg(md5((i + j)::text), '') FROM generate_series(1, 10) j) "
           "FROM generate_series(10, 4500) i")
    alerts = told_of_growth(listener, "counted")
    assert len(alerts) == 1, alerts
    alert = alerts[0]
    assert (alert["pgt_name"], alert["source"], alert["limit_bytes"]) == ("counted", "public.source", 2 << 20), alert
    assert alert["log_bytes"] > 1 << 20, alert
    db.run("INSERT INTO source VALUES (2, '')")
    time.sleep(6)  # there is no condition to wait for when no alert is expected
    listener.poll()
    events = [json.loads(notify.payload)["event"] for notify in listener.notifies]
    assert "buffer_growth_warning" not in events, events
    listener.close()


def a_log_that_cannot_be_trimmed_is_reported():
    db.alter_system("SET lock_timeout = '200ms'")
    db.run("SET lock_timeout = 0; CREATE TABLE other_source (id int PRIMARY KEY, filling text)")
    db.run("SELECT pgtrickle.create_stream_table('seldom', 'SELECT id, filling FROM other_source', '1d', 'DIFFERENTIAL')")
    listener = db.connect()
    listener.cursor().execute("LISTEN pg_trickle_alert")
    # Trimming moves writers on to the next segment, and waits for a session that has locked the row of the source.
    other = db.connect()
    other.autocommit = False
    other.cursor().execute("SELECT FROM pgtrickle.pgt_source WHERE relid = 'other_source'::regclass FOR UPDATE")
    db.run("INSERT INTO other_source SELECT i, (SELECT string_agg(md5((i + j)::text), '') FROM generate_series(1, 10) j) "
           "FROM generate_series(1, 9000) i")
    alerts = told_of_growth(listener, "seldom")
    assert alerts and alerts[0]["log_bytes"] > 2 << 20, alerts
    other.close()
    listener.close()
    db.alter_system("RESET lock_timeout")


def refreshes_continue_when_resumed():
    db.run("SELECT pgtrickle.resume_scheduler()")
    db.wait_for("SELECT n = (SELECT count(*) FROM source) FROM counted", True)


def finish():
    db.drop()
    server.destroy()


run_cases([a_drain_stays_over_a_restart, a_growing_log_is_reported_once, refreshes_continue_when_resumed,
           a_log_that_cannot_be_trimmed_is_reported, finish])
