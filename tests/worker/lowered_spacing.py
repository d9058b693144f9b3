#!/usr/bin/python3 -B
"""Shows that a lowered pg_trickle.scheduler_interval_ms applies to stream tables that wait already because a job found them
locked."""

import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

HOUR_MS = 3_600_000
LOCKS = {"of_refresh": "SELECT pgtrickle.refresh_stream_table('of_refresh')", "of_index": "CREATE INDEX ON of_index (n)"}
server = Server()
server.restart(log_min_messages="debug1")
db = Database(server.host)


def await_message(text, limit_s=60):
    """Waits until the log of the server contains the text."""
    deadline = time.monotonic() + limit_s
    while text not in (server.folder / "server.log").read_text(encoding="utf-8", errors="replace"):
        assert time.monotonic() < deadline, text
        time.sleep(0.05)


def create(name):
    db.run(f"CREATE TABLE source_{name} (id int)")
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, 'calculated')", name, f"SELECT count(*) AS n FROM source_{name}")


def use_interval(ms):
    db.alter_system(f"SET pg_trickle.scheduler_interval_ms = {ms}")


def locked_ones_are_retried():
    for name in LOCKS:
        create(name)
    use_interval(HOUR_MS)
    holders = []
    for name, lock in LOCKS.items():
        holders.append(db.connect())
        holders[-1].cursor().execute(f"BEGIN; {lock}")
        db.run(f"INSERT INTO source_{name} VALUES (1)")
        await_message(f"{name} will be retried: the stream table or one that it reads is locked")
    for holder in holders:
        holder.close()
    use_interval(10)
    for name in LOCKS:
        db.wait_for(f"SELECT n FROM {name}", 1)


try:
    db.run("SET pg_trickle.enabled = off")
    run_cases([locked_ones_are_retried])
finally:
    db.drop()
    server.destroy()
