#!/usr/bin/python3 -B
"""Shows that a manager that cannot read a definition, or all of them, sleeps between its attempts, and manages what it knows; and so
does the launcher, which cannot read the databases."""

import re
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, cpu_s, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

MOST = 0.1  # of a processor
db = Database()


def create(name, query):
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, 'calculated')", name, query)


def restart_manager():
    before = db.await_manager()
    db.run("SELECT pg_terminate_backend(%s)", before)
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {before}", 0)


def share_of(await_pid, work):
    """Returns how busy the process is while `work` is done again and again."""
    pid = await_pid()
    before_s, started = cpu_s(pid), time.monotonic()
    while time.monotonic() < started + 4:
        work()
        time.sleep(0.4)  # the process has to do nothing meanwhile
    assert await_pid() == pid, "it has been replaced"
    return (cpu_s(pid) - before_s) / (time.monotonic() - started)


def waits_of(pid):
    """Returns how often the process has begun to wait in four seconds."""
    def waits():
        return int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1])

    before = waits()
    time.sleep(4)
    return waits() - before


def refresh():
    db.run("INSERT INTO other VALUES (1)")
    db.wait_for("SELECT n = (SELECT count(*) FROM other) FROM free", True)


def beside_a_locked_source():
    holder = db.connect()
    for groups in (0, 1):
        if groups == 1:
            db.run("SELECT pgtrickle.create_watermark_group('daily', ARRAY['heads'])")
        for begin in (restart_manager, lambda: db.run("ALTER FOREIGN TABLE changed OPTIONS (SET schedule '2h')")):
            db.run("ALTER FOREIGN TABLE changed OPTIONS (SET schedule '1h')")
            refresh()
            holder.cursor().execute("BEGIN; ALTER TABLE altered ADD COLUMN x int")
            begin()
            refresh()
            share = share_of(db.await_manager, refresh)
            holder.cursor().execute("ROLLBACK")
            assert share < MOST, (groups, share)
    holder.close()


def without_its_states():
    """A fault of the disk has damaged them."""
    server = Server(".damaged")
    try:
        damaged = Database(server.host)
        damaged.run("CREATE TABLE source (id int); SELECT pgtrickle.create_stream_table('kept', 'SELECT id FROM source', '520w'); CHECKPOINT")
        path = server.folder / "data" / damaged.value("SELECT pg_relation_filepath('pgtrickle.pgt_state')")
        damaged.session.close()
        server.call("stop")
        path.write_bytes(dice().randbytes(path.stat().st_size))
        server.restart()
        damaged.session = damaged.connect()
        share = share_of(damaged.await_manager, lambda: None)
        assert share < MOST, share
    finally:
        server.destroy()


def a_launcher_that_waits_in_vain_for_pg_database():
    """Its attempts end by lock_timeout."""
    server = Server(".locked")
    try:
        locked = Database(server.host)
        locked.alter_system("SET lock_timeout = '1ms'")
        holder = locked.connect()
        holder.cursor().execute("BEGIN; LOCK TABLE pg_database")

        def await_launcher():
            text = "SELECT coalesce(sum(pid), 0)::int FROM pg_stat_get_activity(NULL) WHERE backend_type = 'pg_trickle launcher'"
            locked.wait_for(f"SELECT ({text}) NOT IN (0, {before})", True)
            return locked.value(text)

        before = 0
        before = await_launcher()
        locked.run("SELECT pg_terminate_backend(%s)", before)
        assert (waits := waits_of(await_launcher())) < 200, waits  # two for each attempt
    finally:
        server.destroy()


try:
    db.run("SET pg_trickle.enabled = off; CREATE TABLE heads (id int); CREATE TABLE other (id int); CREATE TABLE altered (id int)")
    create("of_heads", "SELECT count(*) AS n FROM heads")
    create("free", "SELECT count(*) AS n FROM other")
    create("changed", "SELECT id FROM altered")
    run_cases([beside_a_locked_source, without_its_states, a_launcher_that_waits_in_vain_for_pg_database])
finally:
    db.drop()
