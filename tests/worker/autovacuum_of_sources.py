#!/usr/bin/python3 -B
"""Refresh workers wait for an autovacuum that truncates a source, which gives way by itself, and do not cancel it."""

import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

server = Server()
server.restart(autovacuum_naptime="1s", autovacuum_vacuum_cost_delay="0", log_autovacuum_min_duration="0")
db = Database(server.host)
log = server.folder / "server.log"


def a_queue_that_is_emptied_beside_frequent_refreshes():
    db.run("CREATE TABLE queue (id int, g int, filling text) WITH (autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_scale_factor = 0); "
           "CREATE TABLE other (id int, g int)")
    db.run("SELECT pgtrickle.create_stream_table('st', 'SELECT g, count(*) AS n FROM queue GROUP BY g UNION ALL SELECT g, count(*) FROM other GROUP BY g', 'calculated')")
    for _ in range(3):
        db.run("INSERT INTO queue SELECT i, i % 10, repeat(md5(i::text), 37) FROM generate_series(1, 60000) i")
        db.run("DELETE FROM queue")
        end = time.monotonic() + 7
        while time.monotonic() < end:
            db.run("INSERT INTO other VALUES (1, 1)")
            time.sleep(0.003)
    lines = log.read_text(errors="replace").splitlines()
    vacuumed = sum("automatic vacuum of table" in line and ".public.queue" in line for line in lines)
    canceled = sum("canceling autovacuum task" in line for line in lines)
    assert vacuumed > 0 and canceled == 0, (vacuumed, canceled)


try:
    run_cases([a_queue_that_is_emptied_beside_frequent_refreshes])
finally:
    server.destroy()
