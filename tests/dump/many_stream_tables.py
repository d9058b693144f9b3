#!/usr/bin/python3 -B
"""Shows that a plain restore of many stream tables needs no lock for each of them at the same time, as that of tables needs none: a
session that restores more than some keeps all of them from being filled by one lock, until it ends.

Restores on a server of its own, with room for some hundred locks."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

COUNT = 400
SMALL = ["max_locks_per_transaction=14", "max_connections=10", "max_prepared_transactions=0", "max_wal_senders=0", "autovacuum_max_workers=1",
         "max_worker_processes=6"]
HELD = "SELECT count(*)::int FROM pg_locks WHERE locktype = 'userlock' OR locktype = 'object' AND classid = 'pgtrickle.pgt_state'::regclass AND mode = 'ShareLock'"
FILLED = "SELECT count(*)::int FROM pgtrickle.pgt_stream_tables WHERE is_populated"
server = Server()
server.call("start", *SMALL)


def dumped():
    source = Database()
    source.run("CREATE TABLE item (id int PRIMARY KEY, k int); INSERT INTO item VALUES (1, 1)")
    for number in range(COUNT):
        source.run(f"CREATE FOREIGN TABLE st_{number} () SERVER pgtrickle OPTIONS (query 'SELECT id, k FROM item', schedule '520w')")
    dump = subprocess.run(["pg_dump", "-U", "postgres", source.name], check=True, stdout=subprocess.PIPE, text=True).stdout
    source.drop()
    return dump


def read_exactly(target, name):
    """Returns the rows, or None if there are none yet."""
    target.run("SET pg_trickle.read_mode = exact")
    try:
        return target.run(f"SELECT * FROM {name}")
    except psycopg2.errors.ObjectNotInPrerequisiteState:
        return None


def restored_by_few_locks():
    target = Database(server.host)
    target.run("DROP EXTENSION pg_trickle")
    psql = subprocess.Popen(["psql", "-XqAt", "-U", "postgres", "-h", server.host, "-v", "ON_ERROR_STOP=1", target.name],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ)
    try:
        psql.stdin.write(dumped() + "\n\\echo restored\n")
        psql.stdin.flush()
        output = []
        for line in psql.stdout:
            output.append(line)
            if line == "restored\n":
                break
        assert output[-1:] == ["restored\n"], "".join(output[-20:])
        assert "ERROR" not in "".join(output), "".join(line for line in output if "ERROR" in line)
        target.session.close()
        target.session = target.connect()
        assert target.value("SELECT count(*)::int FROM pgtrickle.pgt_stream_tables") == COUNT
        held = target.value(HELD)
        assert 0 < held < COUNT / 2, f"{held} locks are held"
        for name in ("st_0", f"st_{COUNT - 1}"):
            assert read_exactly(target, name) is None, f"{name} is filled while it is restored"
        assert target.value(FILLED) == 0
    finally:
        psql.stdin.close()
        psql.wait()
    deadline = time.monotonic() + 60
    for name in ("st_0", f"st_{COUNT - 1}"):
        while (rows := read_exactly(target, name)) is None:
            assert time.monotonic() < deadline, f"{name} is not filled after the restore"
            time.sleep(0.05)
        assert rows == [(1, 1)], rows
    target.session.close()
    target.admin(f"DROP DATABASE {target.name} WITH (FORCE)")


try:
    run_cases([restored_by_few_locks])
finally:
    server.destroy()
