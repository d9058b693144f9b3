#!/usr/bin/python3 -B
"""Shows that a refresh worker gets its first job also where it attaches its queue while the manager sends the job."""

import os
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, compile_library, run_cases  # noqa: E402: needs the path above

folder = Path(os.environ["SCRATCH"] + ".other")
folder.mkdir(exist_ok=True)
library = folder / "first_job.so"
compile_library("tests/worker/first_job.c", library)
os.environ["LD_PRELOAD"] = str(library)
try:
    server = Server()
finally:
    del os.environ["LD_PRELOAD"]


def the_first_job_arrives():
    """The stream table is read only while no manager would be asked for a refresh."""
    db = Database(server.host)
    db.run("CREATE TABLE source (v int)")
    db.run("SELECT pgtrickle.create_stream_table('counted', 'SELECT count(*) AS n FROM source', 'calculated')")
    for rows in range(1, 4):
        db.run("INSERT INTO source VALUES (1)")
        db.run("SET pg_trickle.enabled = off")
        db.wait_for("SELECT n FROM counted", rows)
        db.run("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE backend_type = 'pg_trickle refresh worker'")
    db.drop()


try:
    run_cases([the_first_job_arrives])
finally:
    server.destroy()
