#!/usr/bin/python3 -B
"""Databases come, go, are copied and renamed, managers and the launcher are sent away, and who is to be told of it is told
late: in the end every database that has a stream table has one manager, which takes in what is committed without
anybody asking, and every other has none.

  databases.py [SEED [STEPS]]
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

import psycopg2
from psycopg2 import errors

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Server, run_cases  # noqa: E402: needs the path above

LIMIT_S = 60
# Somebody is still connected, or the name is taken: a statement that was refused has done nothing.
REFUSED = (errors.ObjectInUse, errors.DuplicateDatabase, errors.InvalidCatalogName, errors.LockNotAvailable,
           errors.DeadlockDetected)
seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(10 ** 6)
steps = int(sys.argv[2]) if len(sys.argv) > 2 else 60
chooser = random.Random(seed)
server = Server()
made = 0
postmaster = 0
done = []


def connect(name):
    deadline = time.monotonic() + LIMIT_S
    while True:
        try:
            session = psycopg2.connect(host=server.host, user="postgres", dbname=name)
            session.autocommit = True
            session.cursor().execute("SET client_min_messages = error; SET pg_trickle.enabled = off; SET lock_timeout = '10s'")
            return session
        except psycopg2.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def run(session, statement):
    cursor = session.cursor()
    cursor.execute(statement)
    return cursor.fetchall() if cursor.description else []


def in_database(name, *statements):
    session = connect(name)
    try:
        return [run(session, statement) for statement in statements][-1]
    finally:
        session.close()


admin = connect("postgres")


def ours():
    return [row[0] for row in run(admin, "SELECT datname FROM pg_database WHERE datname ~ '^d[0-9]+$' ORDER BY 1")]


def any_of_ours():
    return chooser.choice(ours())


def new_name():
    global made
    made += 1
    return f"d{made}"


# ---- steps ----

def create():
    name = new_name()
    run(admin, f"CREATE DATABASE {name}")
    in_database(name, "CREATE EXTENSION pg_trickle", "CREATE TABLE source (id serial)",
                *[CREATE_KEPT] * chooser.choice([0, 1, 1]))


CREATE_KEPT = """SELECT pgtrickle.create_stream_table('kept', 'SELECT id FROM source', 'calculated')
                 WHERE to_regclass('kept') IS NULL"""


def create_stream_table():
    in_database(any_of_ours(), CREATE_KEPT)


def drop_stream_table():
    in_database(any_of_ours(), "DROP FOREIGN TABLE IF EXISTS kept")


def make_extension_anew():
    name = any_of_ours()
    in_database(name, "DROP EXTENSION pg_trickle CASCADE", "CREATE EXTENSION pg_trickle")
    if chooser.random() < 0.5:
        in_database(name, CREATE_KEPT)


def drop():
    if len(ours()) > 2:
        run(admin, f"DROP DATABASE {any_of_ours()}" + chooser.choice(["", " WITH (FORCE)"]))


def copy():
    if len(ours()) < 6:
        run(admin, f"CREATE DATABASE {new_name()} TEMPLATE {any_of_ours()} STRATEGY {chooser.choice(['wal_log', 'file_copy'])}")


def rename():
    run(admin, f"ALTER DATABASE {any_of_ours()} RENAME TO {new_name()}")


def rename_some():
    """In one transaction, which may not come to pass."""
    names = chooser.sample(ours(), min(len(ours()), chooser.randint(1, 3)))
    run(admin, "BEGIN")
    try:
        for name in names:
            run(admin, f"ALTER DATABASE {name} RENAME TO {new_name()}")
            pause()
    except REFUSED:
        run(admin, "ROLLBACK")
        raise
    run(admin, chooser.choice(["COMMIT", "COMMIT", "ROLLBACK"]))


def rename_with_a_session_in_it():
    """Refused after five seconds: the manager has left in vain."""
    name = any_of_ours()
    session = connect(name)
    try:
        rename_of = connect("postgres")
        run(rename_of, "SET statement_timeout = '300ms'")
        run(rename_of, f"ALTER DATABASE {name} RENAME TO {new_name()}")
    except errors.QueryCanceled:
        pass
    finally:
        rename_of.close()
        session.close()


def set_something():
    run(admin, f"ALTER DATABASE {any_of_ours()} SET timezone = '{chooser.choice(['UTC', 'Asia/Tokyo'])}'")


def write():
    in_database(any_of_ours(), "INSERT INTO source DEFAULT VALUES")


def read():
    """As fresh as can be: asks for a manager, and waits for it."""
    name = any_of_ours()
    if in_database(name, "SELECT to_regclass('kept') IS NOT NULL")[0][0]:
        in_database(name, "SET pg_trickle.enabled = on", "SET statement_timeout = '60s'", "SELECT count(*) FROM kept")


def send_away(kind):
    pids = [row[0] for row in run(admin, f"SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle {kind}'")]
    if pids:
        run(admin, f"SELECT pg_terminate_backend({chooser.choice(pids)})")


def send_a_manager_away():
    send_away("manager")


def send_a_refresh_worker_away():
    send_away("refresh worker")


def send_the_launcher_away():
    send_away("launcher")


def pause():
    time.sleep(chooser.choice([0, 0, 0.01, 0.1, 0.5]))


def stop(pid):
    os.kill(pid, signal.SIGSTOP)
    return pid


WITHOUT_THE_POSTMASTER = [rename, rename_some, set_something, send_a_manager_away, send_a_refresh_worker_away]


def told_late():
    """While the postmaster sleeps nobody is told of a process's end, and none begins."""
    stopped = stop(postmaster)
    try:
        for _ in range(chooser.randint(1, 3)):
            try:
                chooser.choice(WITHOUT_THE_POSTMASTER)()
            except REFUSED:
                pass
            pause()
    finally:
        os.kill(stopped, signal.SIGCONT)


STEPS = [create, create_stream_table, create_stream_table, drop_stream_table, make_extension_anew, drop, copy, rename, rename_some,
         rename_with_a_session_in_it, set_something, write, write, read, read, send_a_manager_away, send_a_refresh_worker_away,
         send_the_launcher_away, told_late, told_late]


# ---- what is promised ----

def wait_for(name, statement, wanted):
    session = connect(name)
    deadline = time.monotonic() + LIMIT_S
    while (found := run(session, statement)) != wanted:
        assert time.monotonic() < deadline, f"seed {seed}, in {name}: {statement} stayed {found}, not {wanted}; {done}"
        time.sleep(0.05)
    session.close()


MANAGERS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager' AND datname = current_database()"


def every_database_has_the_manager_that_it_needs():
    for name in ours():
        if in_database(name, "SELECT to_regclass('kept') IS NOT NULL")[0][0]:
            in_database(name, "INSERT INTO source DEFAULT VALUES")
            wait_for(name, "SELECT id FROM source EXCEPT ALL SELECT id FROM kept", [])
            wait_for(name, MANAGERS, [(1,)])
        else:
            wait_for(name, MANAGERS, [(0,)])


def databases_in_motion():
    global postmaster
    postmaster = int((server.folder / "data/postmaster.pid").read_text().split()[0])
    print(f"# seed {seed}")
    for _ in range(2):
        create()
    for number in range(steps):
        step = chooser.choice(STEPS)
        done.append(step.__name__)
        try:
            step()
        except REFUSED as error:
            done.append(type(error).__name__)
        except errors.AdminShutdown:
            done.append("a reader was sent away")
        pause()
        if number % 20 == 19:
            every_database_has_the_manager_that_it_needs()
            done.append("|")
    every_database_has_the_manager_that_it_needs()


try:
    run_cases([databases_in_motion])
finally:
    server.destroy()
