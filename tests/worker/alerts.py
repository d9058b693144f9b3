#!/usr/bin/python3 -B
"""Shows that NOTIFY sends alerts about stream tables, in JSON that is always valid."""

import json
import select
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
# The database's manager starts with the first stream table, and then reads these settings. A failure must be
# reported before the stream table is late.
db.run(f"ALTER DATABASE {db.name} SET pg_trickle.stale_alert_after = 5")
# Reads of this session must not cause the refreshes that are tested.
db.run("SET pg_trickle.enabled = off")
listener = db.connect()
listener.cursor().execute("LISTEN pg_trickle_alert")
heard = []


def wait_for(event, name, limit_s=30):
    """Returns the next alert of that kind about that stream table."""
    deadline = time.monotonic() + limit_s
    while True:
        for i, alert in enumerate(heard):
            if (alert["event"], alert["pgt_name"]) == (event, name):
                return heard.pop(i)
        assert time.monotonic() < deadline, f"no {event} of {name}"
        if select.select([listener], [], [], 0.1)[0]:
            listener.poll()
        while listener.notifies:
            payload = listener.notifies.pop(0).payload
            assert len(payload.encode()) < 8000
            heard.append(json.loads(payload))


def forget():
    """Discards all alerts sent so far: alerts come in the order of their commits."""
    db.run("SELECT pg_notify('pg_trickle_alert', '{\"event\": \"mark\", \"pgt_name\": \"mark\"}')")
    wait_for("mark", "mark")
    heard.clear()


def failures_and_suspension_and_resumption():
    db.run("CREATE TABLE source (id int PRIMARY KEY, v int)")
    db.run("INSERT INTO source VALUES (1, 1)")
    db.run("SELECT pgtrickle.create_stream_table('shares', 'SELECT id, 1 / v AS v FROM source', 'calculated')")
    # The first refresh must not be late either: a manager that has just looked into a new database returns
    # after a second.
    db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager' "
                "AND datname = current_database()", 1)
    db.run("UPDATE source SET v = 0")
    for errors in 1, 2, 3:
        alert = wait_for("refresh_failed", "shares")
        assert (alert["pgt_schema"], alert["consecutive_errors"], alert["sqlstate"]) == ("public", errors, "22012"), alert
    alert = wait_for("auto_suspended", "shares")
    assert (alert["consecutive_errors"], alert["sqlstate"]) == (3, "22012"), alert
    # Changes of a failed refresh are not applied: after a while the stream table is late.
    assert wait_for("stale_data", "shares")["reason"] in ("Its last refresh failed.", "It is suspended.")
    db.run("UPDATE source SET v = 1")
    db.run("SELECT pgtrickle.resume_stream_table('shares')")
    wait_for("resumed", "shares")
    db.wait_for("SELECT v FROM shares", 1)
    # Resuming a stream table that is not suspended sends no alert.
    db.run("SELECT pgtrickle.resume_stream_table('shares')")


def one_behind_an_upstream_with_a_schedule_of_its_own():
    """It is not late while its upstream has not to apply the changes."""
    db.run("CREATE TABLE slow (id int PRIMARY KEY, v int); INSERT INTO slow VALUES (1, 1)")
    db.run("CREATE TABLE quick (id int PRIMARY KEY, v int); INSERT INTO quick VALUES (1, 1)")
    db.run("SELECT pgtrickle.create_stream_table('up', 'SELECT id, v FROM slow', '1h')")
    db.run("SELECT pgtrickle.create_stream_table('down', 'SELECT id, up.v, quick.v AS w FROM up JOIN quick USING (id)', '2s')")
    db.run("UPDATE slow SET v = 2")
    db.wait_for("SELECT clock_timestamp() > max(last_refresh_at) + interval '8s' FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'up'", True)
    forget()
    for turn in 1, 2, 3:
        db.run("UPDATE quick SET v = v + 1")
        db.wait_for("SELECT w FROM down", 1 + turn)
    db.run("SELECT pgtrickle.refresh_stream_table('up')")
    db.run("SELECT pg_notify('pg_trickle_alert', '{\"event\": \"mark\", \"pgt_name\": \"mark\"}')")
    wait_for("mark", "mark")
    assert not [alert for alert in heard if alert["event"] == "stale_data"], heard


def one_that_starts_over():
    db.run("SELECT pgtrickle.create_stream_table('sums', 'SELECT sum(v) AS v FROM source', 'calculated')")
    db.run("INSERT INTO source VALUES (2, 1)")
    db.wait_for("SELECT v::int FROM sums", 2)
    db.run("ALTER TABLE source DISABLE TRIGGER ALL")
    db.run("INSERT INTO source VALUES (3, 1)")
    db.run("ALTER TABLE source ENABLE TRIGGER ALL")
    db.run("INSERT INTO source VALUES (4, 1)")
    db.wait_for("SELECT v::int FROM sums", 4)
    assert wait_for("reinitialize_needed", "sums")["reason"]
    forget()


def names_of_any_kind_and_no_data():
    """The error quotes a value: no alert does, whatever the name and the error are."""
    name = '"' + "\U0001f600" * 14 + '""\\\n"'
    db.run(f"CREATE TABLE long_source (id int PRIMARY KEY, v text)")
    db.run("CREATE FUNCTION fail(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS "
           "$$BEGIN IF $1 <> '' THEN RAISE '%', repeat($1, 2000) USING DETAIL = $1, HINT = $1; END IF; RETURN $1; END$$")
    db.run(f"CREATE FOREIGN TABLE {name} () SERVER pgtrickle OPTIONS (query 'SELECT id, fail(v) AS v FROM long_source')")
    plain = db.value("SELECT pgt_name FROM pgtrickle.pgt_stream_tables WHERE pgt_name LIKE '%😀%'")
    for secret in "sécret", "s3cr3t", "secret 😀😀":
        db.run("INSERT INTO long_source VALUES ((SELECT count(*) FROM long_source), %s)", secret)
        for event in ["refresh_failed"] * 3 + ["auto_suspended"]:
            alert = wait_for(event, plain)
            assert alert["sqlstate"] == "P0001" and alert["error"], alert
            assert set(alert) == {"event", "pgt_schema", "pgt_name", "consecutive_errors", "sqlstate", "error"}, alert
            assert secret not in json.dumps(alert, ensure_ascii=False).replace(plain, ""), alert
        # The error is visible only to the owner and members of pg_monitor.
        assert db.value("SELECT last_error_message FROM pgtrickle.pgt_stream_tables WHERE pgt_name LIKE '%😀%'").startswith(secret)
        db.run("DELETE FROM long_source WHERE v <> ''")
        db.run(f"SELECT pgtrickle.alter_stream_table('{name}', status => 'ACTIVE')".replace("%", "%%"))
        db.wait_for(f"SELECT status FROM pgtrickle.pgt_stream_tables WHERE pgt_name LIKE '%😀%' AND consecutive_errors = 0", "ACTIVE")
        forget()


def a_watermark_group_is_not_named():
    """Only roles that may read its sources may see which group holds a stream table."""
    db.run("CREATE TABLE loaded (id int PRIMARY KEY)")
    db.run("SELECT pgtrickle.create_stream_table('loads', 'SELECT id FROM loaded', 'calculated')")
    db.run("SELECT pgtrickle.create_watermark_group('of patient s3cr3t', ARRAY['loaded'])")
    db.run("INSERT INTO loaded VALUES (1)")
    alert = wait_for("stale_data", "loads")
    assert alert["reason"] == "A watermark group of its sources has not advanced.", alert
    db.run("SELECT pgtrickle.drop_watermark_group('of patient s3cr3t')")
    db.wait_for("SELECT count(*) FROM loads", 1)
    forget()


def a_held_one_is_stale_once():
    db.run("SELECT pgtrickle.gate_source('source')")
    db.run("INSERT INTO source VALUES (5, 1)")
    assert wait_for("stale_data", "sums")["reason"] == "One of its sources is gated."
    assert wait_for("stale_data", "shares")["staleness_seconds"] >= 5
    db.run("INSERT INTO source VALUES (6, 1)")
    time.sleep(2.5)  # there is no condition to wait for when no alert is expected
    listener.poll()
    assert not listener.notifies
    db.run("SELECT pgtrickle.ungate_source('source')")
    db.wait_for("SELECT v::int FROM sums", 6)


def finish():
    listener.close()
    db.drop()


run_cases([failures_and_suspension_and_resumption, one_that_starts_over, names_of_any_kind_and_no_data,
           a_watermark_group_is_not_named, a_held_one_is_stale_once, one_behind_an_upstream_with_a_schedule_of_its_own, finish])
