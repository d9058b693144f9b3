#!/usr/bin/python3 -B
"""Shows that a history that is longer than memory can be read, and that a reader of it can be cancelled."""

import re
import sqlite3
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, as_soon_as_it_connects, run_cases  # noqa: E402: needs the path above

ROWS = 200_000
COLUMNS = ("database, relid, data_timestamp, started_at, ended_at, action, status, initiated_by, rows_inserted, rows_deleted, delta_rows, "
           "was_full_fallback, error_message, reason")
server = Server()
db = Database(server.host)


def multiply_history():
    """Writes the last row of the history many times, while the server is stopped."""
    db.session.close()
    server.call("stop")
    catalog = sqlite3.connect(server.folder / "data/pg_trickle/catalog.db")
    with catalog:
        catalog.execute(f"INSERT INTO history ({COLUMNS}) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) "
                        f"SELECT {COLUMNS} FROM n, (SELECT * FROM history ORDER BY refresh_id DESC LIMIT 1)")
    catalog.close()
    server.call("start")
    db.session = as_soon_as_it_connects(db.connect)
    db.run("SET client_min_messages = error")


def most_memory_kb():
    return int(re.search(r"VmHWM:\s*(\d+) kB", Path(f"/proc/{db.session.info.backend_pid}/status").read_text())[1])


def processor_ticks():
    fields = Path(f"/proc/{db.session.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(field) for field in fields[11:13])


def is_read_in_little_memory():
    assert db.value("SELECT count(*) FROM pgtrickle.get_refresh_history('s', 10)") == 10
    before = most_memory_kb()
    for rows in ("pgt_refresh_history", f"get_refresh_history('s', {ROWS})"):
        assert db.value(f"SELECT count(*) FROM pgtrickle.{rows}") >= ROWS
    assert most_memory_kb() - before < 20_000, (before, most_memory_kb())


def can_be_cancelled():
    db.run("CREATE ROLE stranger; SET ROLE stranger")
    before = processor_ticks()
    assert db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history") == 0
    whole = processor_ticks() - before
    db.run("BEGIN; SET LOCAL statement_timeout = 1")
    try:
        db.run("SELECT count(*) FROM pgtrickle.pgt_refresh_history")
        raise AssertionError("not cancelled")
    except psycopg2.errors.QueryCanceled:
        db.run("ROLLBACK")  # the error has ended the limit
    cancelled = processor_ticks() - before - whole
    assert cancelled < whole / 2, f"{cancelled} of {whole} ticks"
    db.run("RESET ROLE")


try:
    db.run("CREATE TABLE t (a int); SELECT pgtrickle.create_stream_table('s', 'SELECT a FROM t', '1h')")
    db.run("SELECT pgtrickle.refresh_stream_table('s')")
    multiply_history()
    run_cases([is_read_in_little_memory, can_be_cancelled])
finally:
    server.destroy()
