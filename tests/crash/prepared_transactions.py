#!/usr/bin/python3 -B
"""Shows that prepared transactions outlive crashes: in whatever order they end, with changes, definitions,
refreshes and readers in between, every stream table comes to equal its query without a request, no session
hangs, and no log is kept without need.

  prepared_and_killed.py [STEPS]
"""

import os
import signal
import sys
import time
from pathlib import Path

import psycopg2
from psycopg2 import errors

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, as_soon_as_it_connects, run_cases  # noqa: E402: needs the path above
from seeds import SEED, dice  # noqa: E402

# All have one shape, so that each can replace another.
QUERIES = [
    "SELECT k, count(*) AS n FROM a GROUP BY k",
    "SELECT k, sum(v) AS n FROM a GROUP BY k",
    "SELECT a.k, count(*) AS n FROM a JOIN b USING (k) GROUP BY a.k",
    "SELECT id AS k, v::bigint AS n FROM a ORDER BY v DESC, id LIMIT 5",
    "SELECT k, id::bigint AS n FROM b EXCEPT ALL SELECT k, id::bigint FROM a",
]
SCHEDULES = ["calculated", "1s", "0s"]
MODES = ["AUTO", "IMMEDIATE"]
# Errors that one transaction may cause in another, prepared ones included.
IN_THE_WAY = (errors.LockNotAvailable, errors.DeadlockDetected, errors.UndefinedTable, errors.DuplicateTable)
steps = int(sys.argv[1]) if len(sys.argv) > 1 else 60
chooser = dice()
server = Server()
db = Database(server.host)
prepared = []
done = []
made = 0


def session():
    def once():
        new = db.connect()
        new.cursor().execute("SET client_min_messages = error; SET lock_timeout = '500ms'; SET pg_trickle.enabled = off")
        return new
    return as_soon_as_it_connects(once)


def stream_tables():
    return db.run("SELECT pgt_name, defining_query FROM pgtrickle.pgt_stream_tables WHERE status <> 'SUSPENDED' ORDER BY 1")


def change():
    table, number = chooser.choice("ab"), chooser.randrange(100)
    return chooser.choice([
        f"INSERT INTO {table} VALUES ({number}, {number % 6}, {number}) ON CONFLICT (id) DO UPDATE SET v = {table}.v + 1",
        f"UPDATE {table} SET v = v + 1, k = (k + 1) % 6 WHERE id % 17 = {number % 17}",
        f"DELETE FROM {table} WHERE id % 23 = {number % 23}",
        f"SAVEPOINT s; DELETE FROM {table} WHERE id < {number}; ROLLBACK TO s; UPDATE {table} SET v = {number} WHERE id = {number}",
    ] + [f"TRUNCATE {table}"] * (number < 10))


def definition():
    global made
    names = [name for name, _ in stream_tables()]
    made += 1
    below = f"SELECT n::int AS k, count(*) AS n FROM {chooser.choice(names)} GROUP BY n" if names and made % 3 == 0 else None
    statements = [f"create_stream_table('s{made}', '{below or chooser.choice(QUERIES)}', '{chooser.choice(SCHEDULES)}', '{chooser.choice(MODES)}')"]
    if names:
        name = chooser.choice(names)
        statements += [f"drop_stream_table('{name}', true)", f"alter_stream_table('{name}', query => '{chooser.choice(QUERIES)}')",
                       f"alter_stream_table('{name}', schedule => '{chooser.choice(SCHEDULES)}')",
                       f"alter_stream_table('{name}', status => 'ACTIVE')", f"refresh_stream_table('{name}')"]
    return "SELECT pgtrickle." + chooser.choice(statements)


def transact(end):
    """Returns False if another transaction was in the way."""
    statements = [change() if chooser.random() < 0.7 else definition() for _ in range(chooser.randrange(1, 4))]
    done.append("; ".join(["BEGIN", *statements, end]))
    with_it = session()
    with_it.cursor().execute("SET pg_trickle.enabled = " + chooser.choice(["on", "off"]))  # of its commit, in mode IMMEDIATE
    try:
        for statement in ("BEGIN", *statements, end):
            with_it.cursor().execute(statement)
        return True
    except IN_THE_WAY as error:
        done.append(f"    {error}")
        return False
    finally:
        with_it.close()


def prepare():
    name = f"x{len(done)}"
    if len(prepared) < 5 and transact(f"PREPARE TRANSACTION '{name}'"):
        prepared.append(name)


def end_one():
    if prepared:
        name = prepared.pop(chooser.randrange(len(prepared)))
        done.append(f"{chooser.choice(['COMMIT', 'COMMIT', 'ROLLBACK'])} PREPARED '{name}'")
        db.run(done[-1])


def transact_at_once():
    transact(chooser.choice(["COMMIT", "COMMIT", "ROLLBACK"]))


def crash():
    kind = chooser.choice(["a backend", "one of ours", "at once", "shutdown"])
    done.append(f"crash: {kind}")
    if kind == "shutdown":
        server.call("start")
    elif kind == "at once":
        file = server.folder / "data/postmaster.pid"
        os.kill(int(file.read_text().split()[0]), signal.SIGQUIT)
        while file.exists():
            time.sleep(0.02)
        server.call("start")
    else:
        whose = "backend_type LIKE 'pg_trickle%'" if kind == "one of ours" else "pid = pg_backend_pid()"
        victim = session()
        cursor = victim.cursor()
        cursor.execute(f"SELECT pid FROM pg_stat_activity WHERE {whose} ORDER BY backend_type LIMIT 1")
        for (pid,) in cursor.fetchall():
            os.kill(pid, signal.SIGKILL)
            try:
                while True:
                    db.run("SELECT pg_sleep(0.01)")
            except psycopg2.Error:
                pass
    db.session = session()


def is_true(name, query):
    """Returns True if the stream table equals its query, without a read that requests it. A lock that prevents the
    read belongs to a transaction that will end."""
    try:
        return db.value(f"SELECT NOT EXISTS (({query}) EXCEPT ALL TABLE {name}) AND NOT EXISTS (TABLE {name} EXCEPT ALL ({query}))")
    except errors.ObjectNotInPrerequisiteState:
        return False
    except IN_THE_WAY:
        return bool(prepared)


def check():
    deadline = time.monotonic() + 30
    while untrue := [name for name, query in stream_tables() if not is_true(name, query)]:
        held = {name for (name,) in db.run("SELECT pgt_name FROM pgtrickle.blocked_refreshes() WHERE holder LIKE 'prepared%'")}
        if held.issuperset(untrue):
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"not true by themselves: {untrue}")
        time.sleep(0.05)


def whatever_happens_the_truth_comes_out():
    for table in "ab":
        db.run(f"CREATE TABLE {table} (id int PRIMARY KEY, k int, v int); INSERT INTO {table} SELECT i, i % 6, i FROM generate_series(1, 60) i")
    for number, schedule in enumerate(SCHEDULES):
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s, %s)", f"first_{number}", QUERIES[number], schedule, chooser.choice(MODES))
    db.session = session()
    for _ in range(steps):
        chooser.choices([prepare, end_one, transact_at_once, crash, check], [6, 5, 5, 1, 2])[0]()
    while prepared:
        end_one()
    check()
    db.wait_for("SELECT coalesce(sum(pending_rows), 0)::int FROM pgtrickle.change_buffer_sizes()", 0)
    failed = db.run("SELECT error_message FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED' AND "
                    "error_message !~ 'lock|terminating|canceling|rolled back|suspended|dropped meanwhile|altered'")
    assert not failed, failed


def and_nothing_is_said_of_damage():
    log = (server.folder / "server.log").read_text(errors="replace")
    damage = [line for line in log.splitlines() if any(word in line for word in (" XX000 ", "TRAP:", "PANIC:", "reference leak"))]
    assert not damage, damage[:5]


try:
    print(f"seed {SEED}")
    run_cases([whatever_happens_the_truth_comes_out, and_nothing_is_said_of_damage])
except SystemExit as end:
    if end.code:
        print("\n".join(done[-20:]))
    raise
finally:
    db.session.close()
    server.destroy()
