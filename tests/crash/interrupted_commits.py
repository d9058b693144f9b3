#!/usr/bin/python3 -B
"""Shows that a commit which refreshes stream tables of mode IMMEDIATE may be interrupted at any of its steps.

The commit of a writer makes some thousand allocations. At a random one of them it is killed with the server, terminated
or canceled, or PostgreSQL raises an error: for lack of memory or of a lock, or for a value. The transaction has then
happened or not; it fails for nothing but what ends or cancels it, a value, or what it lacks outside of the refreshes.
In all cases reads are right, the session holds no lock, its next commit applies what it changes, and so nothing is lost
or applied twice.

DURATION_S is the duration; SEED repeats the choices.
"""

import collections
import os
import sys
import tempfile
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, as_soon_as_it_connects, compile_library, run_cases  # noqa: E402: needs the path above
from seeds import SEED, dice  # noqa: E402

DURATION_S = float(os.environ.get("DURATION_S", 15))
LIMIT_S = 120  # of what has not come by then
ROWS, GROUPS = 60, 5
OF_GROUPS = "SELECT g, count(*) AS n, sum(v) AS s FROM a GROUP BY g"
QUERIES = {
    "sums": OF_GROUPS,
    "joined": "SELECT a.id, b.w, a.v * b.w AS x FROM a JOIN b USING (g)",
    "lefts": "SELECT b.g, b.w, count(a.id) AS n, min(a.v) AS m FROM b LEFT JOIN a USING (g) GROUP BY b.g, b.w",
    "top": "SELECT id, v FROM a ORDER BY v DESC, id LIMIT 5",
    "ranked": "SELECT id, g, row_number() OVER (PARTITION BY g ORDER BY v, id) AS r FROM a",
    "over": f"SELECT n, count(*) AS groups FROM ({OF_GROUPS}) sums GROUP BY n",
}
ENDS = {"killed": "gone", "terminated": "gone", "canceled": "57014", "a value": "22000", "no memory": "well", "no lock": "well"}
COMPUTED_OTHERWISE = ("a value", "well")  # by a delta of net changes, or as a whole: the query itself does not fail
WAYS = ["terminated", "canceled", "a value", "no memory", "no memory", "no lock", "no lock"]
OUTSIDE = 20  # of the first and last allocations, those that are none of a refresh
server = Server()
db = Database(server.host)
chooser = dice()
ended = collections.Counter()


def connect():
    def once():
        session = db.connect()
        session.cursor().execute("SET client_min_messages = error; SET pg_trickle.on_stale = error; SET pg_trickle.scan_refresh_timeout = '60s'")
        return session.cursor()
    return as_soon_as_it_connects(once)


def connect_again(way):
    """A session that is there before the server has noticed that another one was killed ends with it."""
    try:
        while way == "killed":
            db.run("SELECT pg_sleep(0.01)")
    except psycopg2.Error:
        db.session = connect().connection
    return connect()


def set_up(library):
    for name, parameters, result in (("interrupt_commit", "int, text", "void"), ("allocations_of_commit", "", "int")):
        db.run(f"CREATE FUNCTION {name}({parameters}) RETURNS {result} LANGUAGE c AS '{library}', '{name}'")
    db.run("CREATE TABLE a (id int PRIMARY KEY, g int, v int); CREATE TABLE b (g int PRIMARY KEY, w int); CREATE TABLE done (number int);"
           f"INSERT INTO a SELECT i, i % {GROUPS}, i FROM generate_series(1, {ROWS}) i; INSERT INTO b SELECT i, i FROM generate_series(0, {GROUPS - 2}) i")
    for name, query in QUERIES.items():
        query = query.replace(f"({OF_GROUPS}) sums", "sums")
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, refresh_mode => %s)", name, query, "IMMEDIATE")


def require_equal(cursor, where):
    for name, query in QUERIES.items():
        cursor.execute(f"SELECT count(*) FROM ((TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})) d")
        wrong = cursor.fetchone()[0]
        assert wrong == 0, f"{name} has {wrong} wrong rows {where}"


def change(cursor, number):
    group, key = chooser.randrange(GROUPS), chooser.randrange(ROWS)
    cursor.execute(f"BEGIN; INSERT INTO done VALUES ({number})")
    cursor.execute(f"INSERT INTO a VALUES ({key}, {group}, {number}) ON CONFLICT (id) DO UPDATE SET v = {number}, g = {group}")
    cursor.execute(chooser.choice([f"UPDATE b SET w = {number} WHERE g = {group}", f"DELETE FROM a WHERE id = {key + 1}", "SELECT 1"]))


def interrupt(cursor, number, step, way):
    """Returns how the commit ended: by an SQLSTATE, gone with its session, well, or so without having come to the step."""
    change(cursor, number)
    cursor.execute("SELECT interrupt_commit(%s, %s)", (step, way))
    try:
        cursor.execute("COMMIT; SELECT 1")  # an interrupt that comes too late for the commit
    except psycopg2.Error as error:
        return "gone" if cursor.connection.closed or error.pgcode == "57P01" else error.pgcode
    cursor.execute("SELECT allocations_of_commit() >= %s", (step,))
    return "well" if cursor.fetchone()[0] else "before"


def allocations(cursor):
    change(cursor, 0)
    cursor.execute("SELECT interrupt_commit(1000000000, '')")
    cursor.execute("COMMIT")
    cursor.execute("SELECT allocations_of_commit()")
    return cursor.fetchone()[0]


def try_one(cursor, number, most, way):
    """Returns a session that works."""
    step = chooser.randrange(1, most)
    how = interrupt(cursor, number, step, way)
    if cursor.connection.closed or how == "gone":
        cursor.connection.close()
        cursor = connect_again(way)
    where = f"after {way} at allocation {step} of {most}, which ended with {how}"
    cursor.execute("SELECT count(*) FROM done WHERE number = %s", (number,))
    is_done = cursor.fetchone()[0] == 1
    ended[way, how] += 1
    assert how in ("before", ENDS[way]) or (way, how) == COMPUTED_OTHERWISE or step <= OUTSIDE or step >= most - OUTSIDE, where
    assert how in ("gone", ENDS["canceled"]) or is_done == (how in ("well", "before")), f"{is_done}: {where}"
    cursor.execute("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND locktype NOT IN ('virtualxid', 'relation')")
    assert cursor.fetchone()[0] == 0, f"locks {where}"
    cursor.execute("SHOW lock_timeout")
    assert cursor.fetchone()[0] == "0", f"lock_timeout {where}"
    require_equal(cursor, where)
    if number % 4 == 0:
        cursor.execute("UPDATE a SET v = v + 1 WHERE id % 7 = 0")
        cursor.execute("SET pg_trickle.enabled = off")
        require_equal(cursor, "as stored by the next commit " + where)
        cursor.execute("SET pg_trickle.enabled = on")
    return cursor


def ways_to_come():
    return [way for way in ENDS if ended[way, ENDS[way]] == 0]


def a_commit_may_be_interrupted_at_each_step():
    """On a slow machine, the ways that have not come in time are tried afterwards."""
    cursor, ends_at, number = connect(), time.monotonic() + DURATION_S, 0
    require_equal(cursor, "at first")
    most = [allocations(cursor) for _ in range(5)][-1]  # the first ones compile
    while (is_early := time.monotonic() < ends_at) or (ways_to_come() and time.monotonic() < ends_at + LIMIT_S):
        number += 1
        way = "killed" if number % 60 == 0 else chooser.choice(WAYS if is_early else ways_to_come())
        cursor = try_one(cursor, number, most, way)
    assert not ways_to_come(), f"none was {ways_to_come()}: {ended}"
    cursor.execute("SELECT count(*) FROM pgtrickle.pgt_status() WHERE status <> 'ACTIVE'")
    assert cursor.fetchone()[0] == 0, "suspended"


def no_alarm_is_logged():
    log = (server.folder / "server.log").read_text(errors="replace")
    alarms = [line for line in log.splitlines() if any(word in line for word in (" XX000 ", "TRAP:", "PANIC:", "leak", "signal 11"))]
    assert not alarms, alarms[:5]


with tempfile.TemporaryDirectory() as folder:
    module = Path(folder) / "interrupted_commits.so"
    compile_library("tests/crash/interrupted_commits.c", module)
    os.chmod(folder, 0o755)
    try:
        set_up(module)
        run_cases([a_commit_may_be_interrupted_at_each_step, no_alarm_is_logged])
    finally:
        print(f"seed {SEED}: {dict(ended)}")
        server.destroy()
