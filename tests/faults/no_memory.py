#!/usr/bin/python3 -B
"""Shows that a failed allocation of C++, in any process, is an error like PostgreSQL's own: it ends one
statement or refresh, and has no other effect."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import TOP, Database, Server, run_cases  # noqa: E402: needs the path above

library, no_memory = (Path(os.environ["SCRATCH"] + suffix) for suffix in (".lack_new.so", ".no_memory"))
LONGEST_WAIT_FOR_MEMORY_S = 60  # manager/scheduler/queue.hpp
QUERIES = {
    "copies": "SELECT id, grp, text FROM source",
    "sums": "SELECT grp, count(*) AS n, sum(length(text)) AS length FROM source GROUP BY grp",
    "above": "SELECT grp, n FROM sums WHERE n > 1",
    "joined": "SELECT a.id, b.text FROM source a JOIN source b ON a.id = b.id WHERE a.grp = 1",
    "top": "SELECT id, text FROM source ORDER BY id DESC LIMIT 5",
    "at_commit": "SELECT grp, count(*) AS n, max(id) AS last FROM source GROUP BY grp",
    "numbered": "SELECT id, row_number() OVER (PARTITION BY grp ORDER BY id) AS number FROM source",
}
STATEMENTS = [
    "INSERT INTO source SELECT {n} * 10 + k, k % 3, repeat('z', k) FROM generate_series(0, 9) k",
    "UPDATE source SET grp = (grp + 1) % 4 WHERE id = {n} * 10",
    "DELETE FROM source WHERE id = {n} * 10 - 7",
    "SELECT count(*) FROM sums JOIN above USING (grp)",
    "SELECT pgtrickle.refresh_stream_table('joined')",
    "SELECT pgtrickle.create_stream_table('passing_{n}', 'SELECT id FROM source')",
    "SELECT pgtrickle.drop_stream_table('passing_{n}')",
    "SELECT * FROM pgtrickle.pgt_status()",
    "SELECT * FROM pgtrickle.health_check()",
    "SELECT pgtrickle.explain_dag()",
    "SELECT * FROM pgtrickle.explain_st('top')",
]


def start_server():
    subprocess.run(["g++", "-shared", "-fPIC", "-O1", "-o", library, TOP / "tests/faults/failing_new.cpp"], check=True)
    no_memory.unlink(missing_ok=True)
    os.environ.update(LD_PRELOAD=str(library), NO_MEMORY=str(no_memory))
    try:
        return Server()
    finally:
        del os.environ["LD_PRELOAD"], os.environ["NO_MEMORY"]


server = start_server()
db = Database(server.host)
numbers = iter(range(1, 1000000))


def set_up():
    db.alter_system("SET pg_trickle.max_consecutive_errors = 1")  # any other failure would suspend at once
    db.run("CREATE TABLE source (id int PRIMARY KEY, grp int, text text)")
    for name, query in QUERIES.items():
        schedule, mode = ("0s", "IMMEDIATE") if name == "at_commit" else ("1s", "AUTO")
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s, %s)", name, query, schedule, mode)


def work():
    """Runs one round of statements, which may fail for lack of memory, or for lack of an object whose
    creation failed."""
    n = next(numbers)
    for statement in STATEMENTS:
        try:
            db.run(statement.format(n=n))
        except psycopg2.Error as error:
            assert error.pgcode in ("53200", "42P01"), error


def work_while(wanted, one_in, limit_s):
    """Makes allocations fail while wanted() is true, but no longer than the limit."""
    no_memory.write_text(str(one_in))
    try:
        deadline = time.monotonic() + limit_s
        while wanted() and time.monotonic() < deadline:
            work()
    finally:
        no_memory.unlink()


def nothing_but_what_lacks_memory_fails():
    for one_in in 20000, 3000, 500, 60:
        work_while(lambda: True, one_in, 5)


def everything_is_right_afterwards():
    limit_s = LONGEST_WAIT_FOR_MEMORY_S + 30
    for name, query in QUERIES.items():
        query = query.replace("FROM sums", f"FROM ({QUERIES['sums']}) sums")
        db.wait_for(f"SELECT NOT EXISTS (({query}) EXCEPT ALL TABLE {name}) AND NOT EXISTS (TABLE {name} EXCEPT ALL ({query}))", True, limit_s)
    db.wait_for("SELECT severity FROM pgtrickle.health_check() WHERE check_name = 'catalog'", "OK")


def log():
    return (server.folder / "server.log").read_text(errors="replace")


def refreshes_that_lacked_memory():
    return log().count("failed: out of memory")


def a_stream_table_that_lacks_memory_is_not_suspended():
    wanted = refreshes_that_lacked_memory() + 5
    work_while(lambda: refreshes_that_lacked_memory() < wanted, 1000, 120)
    assert refreshes_that_lacked_memory() >= wanted, "too few refreshes have failed"
    assert "bad_alloc" not in log(), "the error is not reported as PostgreSQL's own"
    assert db.run("SELECT pgt_name FROM pgtrickle.pgt_stream_tables WHERE status = 'SUSPENDED'") == []


try:
    set_up()
    run_cases([nothing_but_what_lacks_memory_fails, a_stream_table_that_lacks_memory_is_not_suspended, everything_is_right_afterwards])
finally:
    server.destroy()
    for path in (library, no_memory):
        path.unlink(missing_ok=True)
