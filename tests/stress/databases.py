#!/usr/bin/python3 -B
"""Shows that in the end every database that has stream tables has one manager, or has it in turn, which
applies committed changes without a request, and every other database has none.

Databases are created, dropped, copied, renamed and locked, managers and the launcher are terminated or
stopped, there may be fewer processes than managers, and notifications of all that may be late.

  databases.py [STEPS]
"""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psycopg2
from psycopg2 import errors

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Server, as_soon_as_it_connects, run_cases  # noqa: E402: needs the path above
from seeds import SEED, dice  # noqa: E402

LIMIT_S = 60
# A session is still connected, or the name exists: a refused statement has no effect.
REFUSED = (errors.ObjectInUse, errors.DuplicateDatabase, errors.InvalidCatalogName, errors.LockNotAvailable,
           errors.DeadlockDetected, errors.QueryCanceled)
steps = int(sys.argv[1]) if len(sys.argv) > 1 else 60
chooser = dice()
processes = chooser.choice([6, 6, 32])  # two of them are launchers
server = Server()
server.call("start", f"max_worker_processes={processes}")
postmaster = int((server.folder / "data/postmaster.pid").read_text().split()[0])
made = 0
untouched = set()  # at present: locked by others, or in a transaction of this script
readers, done = [], []


def connect(name, limit_s=LIMIT_S):
    def once():
        session = psycopg2.connect(host=server.host, user="postgres", dbname=name)
        session.autocommit = True
        session.cursor().execute("SET client_min_messages = error; SET pg_trickle.enabled = off; SET lock_timeout = '2s'")
        return session
    return as_soon_as_it_connects(once, limit_s)


def run(session, statement):
    cursor = session.cursor()
    cursor.execute(statement)
    return cursor.fetchall() if cursor.description else []


def in_database(name, *statements, limit_s=LIMIT_S):
    session = connect(name, limit_s)
    try:
        return [run(session, statement) for statement in statements][-1]
    finally:
        session.close()


admin = connect("postgres")


def ours():
    """Returns the databases that can be used: a DROP may have been cancelled half way."""
    found = run(admin, "SELECT datname FROM pg_database WHERE datname ~ '^d[0-9]+$' AND datconnlimit <> -2 ORDER BY 1")
    return [name for name, in found if name not in untouched]


def any_of_ours():
    return chooser.choice(ours())


def new_name():
    global made
    made += 1
    return f"d{made}"


def is_kept(name):
    return in_database(name, "SELECT to_regclass('kept') IS NOT NULL")[0][0]


# ---- steps ----

KEEP = ["SELECT pgtrickle.create_stream_table('kept', 'SELECT id FROM source', 'calculated')",
        "SELECT pgtrickle.create_stream_table('counted', 'SELECT count(*) AS n FROM source', '1s')",
        "SELECT pgtrickle.create_refresh_group('both', ARRAY['kept', 'counted'])"]


def create():
    if len(ours()) < 6:
        name = new_name()
        run(admin, f"CREATE DATABASE {name}")
        in_database(name, "CREATE EXTENSION pg_trickle", "CREATE TABLE source (id serial)", *KEEP * chooser.choice([0, 1, 1]))


def create_stream_tables():
    name = any_of_ours()
    if not is_kept(name):
        in_database(name, *KEEP)


def drop_stream_tables():
    name = any_of_ours()
    if is_kept(name):
        in_database(name, "SELECT pgtrickle.drop_refresh_group('both')", "DROP FOREIGN TABLE kept, counted")


def make_extension_anew():
    in_database(any_of_ours(), "BEGIN; DROP EXTENSION pg_trickle CASCADE; CREATE EXTENSION pg_trickle; COMMIT",
                *KEEP * chooser.choice([0, 1]))


def drop():
    if len(ours()) > 2:
        run(admin, f"DROP DATABASE {any_of_ours()}" + chooser.choice(["", " WITH (FORCE)"]))


def copy():
    if len(ours()) < 6:
        run(admin, f"CREATE DATABASE {new_name()} TEMPLATE {any_of_ours()} STRATEGY {chooser.choice(['wal_log', 'file_copy'])}")


def rename():
    run(admin, f"ALTER DATABASE {any_of_ours()} RENAME TO {new_name()}")


def rename_some():
    """Renames some in one transaction, which may be rolled back, or committed later."""
    names = chooser.sample(ours(), min(len(ours()), chooser.randint(1, 3)))
    renamer = connect("postgres")
    try:
        run(renamer, "BEGIN; SET LOCAL statement_timeout = '3s'")
        for name in names:
            run(renamer, f"ALTER DATABASE {name} RENAME TO {new_name()}")
            untouched.add(name)
        end = chooser.choice(["COMMIT", "ROLLBACK", "COMMIT PREPARED 'rename'", "ROLLBACK PREPARED 'rename'"])
        if "PREPARED" in end:
            run(renamer, "PREPARE TRANSACTION 'rename'")
        beside(BESIDE_ANYTHING)
        if "PREPARED" in end and chooser.random() < 0.3:
            is_kept_up()
        run(renamer, end)
    finally:
        renamer.close()
        untouched.clear()


def rename_in_vain():
    """The manager has exited for nothing, and is back before the transaction is over."""
    name = any_of_ours()
    session, renamer = connect(name), connect("postgres")
    try:
        run(renamer, "BEGIN; SAVEPOINT before; SET LOCAL statement_timeout = '300ms'")
        run(renamer, f"ALTER DATABASE {name} RENAME TO {new_name()}")
    except errors.QueryCanceled:
        run(renamer, "ROLLBACK TO before")
        beside(BESIDE_ANYTHING)
        if name in ours() and processes > 20:
            is_kept_up(name)
    finally:
        renamer.close()
        session.close()


def set_something():
    run(admin, f"ALTER DATABASE {any_of_ours()} SET timezone = '{chooser.choice(['UTC', 'Asia/Tokyo'])}'")


def write():
    in_database(any_of_ours(), "INSERT INTO source DEFAULT VALUES")


def read():
    """Reads with no staleness: requests a manager, and waits for it; an action that terminates either or
    drops the database does not wait."""
    def ask(name):
        try:
            in_database(name, "SET pg_trickle.enabled = on", "SELECT count(*) FROM kept", limit_s=0)
        except psycopg2.Error:  # it does not exist, or no longer
            pass
    readers.append(threading.Thread(target=ask, args=[any_of_ours()]))
    readers[-1].start()


def pid_of_any_process():
    kind = chooser.choice(["launcher", "manager", "manager", "refresh worker"])
    pids = run(admin, f"SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle {kind}' ORDER BY pid")
    return chooser.choice(pids)[0] if pids else 0


def send_away():
    run(admin, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = {pid_of_any_process()}")


def pause():
    time.sleep(chooser.choice([0, 0, 0.01, 0.05, 0.2]))


def beside(others):
    for _ in range(chooser.randint(1, 3)):
        try:
            step = chooser.choice(others)
            done.append("… " + step.__name__)
            if ours():
                step()
        except REFUSED as error:
            done.append(type(error).__name__)
        pause()


BESIDE_ANYTHING = [create_stream_tables, create_stream_tables, drop_stream_tables, write, read, send_away, pause]
BESIDE_SLEEPERS = [*BESIDE_ANYTHING, drop, rename, set_something]
WITHOUT_THE_POSTMASTER = [rename, set_something, send_away, pause]


def asleep():
    """Stops the postmaster: no process learns that another one has exited, and none starts."""
    pid = chooser.choice([0, pid_of_any_process()]) or postmaster
    waker = threading.Timer(3, os.kill, [pid, signal.SIGCONT])  # it may hold a lock that this script waits for
    with suppress(ProcessLookupError):  # it was exiting
        os.kill(pid, signal.SIGSTOP)
        waker.start()
        try:
            beside(WITHOUT_THE_POSTMASTER if pid == postmaster else BESIDE_SLEEPERS)
        finally:
            waker.cancel()
            os.kill(pid, signal.SIGCONT)


STEPS = [create, drop_stream_tables, make_extension_anew, drop, copy, rename, rename_in_vain, set_something,
         *[create_stream_tables, rename_some, write] * 2, *[read, send_away] * 3, *[asleep] * 4]


# ---- promises ----

def wait_for(name, statement, wanted):
    session = connect(name)
    deadline = time.monotonic() + LIMIT_S
    while (found := run(session, statement)) != wanted:
        assert time.monotonic() < deadline, f"seed {SEED}, in {name}: {statement} stayed {found}, not {wanted}; {done}"
        time.sleep(0.05)
    session.close()


MANAGERS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager' AND datname = current_database()"


def is_kept_up(*names):
    """Returns True if changes arrive without a request."""
    kept = [name for name in names or ours() if is_kept(name)]
    for name in kept:
        in_database(name, "INSERT INTO source DEFAULT VALUES")
    for name in kept:
        wait_for(name, "SELECT id FROM source EXCEPT ALL SELECT id FROM kept", [])
        wait_for(name, "SELECT count(*) FROM source EXCEPT SELECT n FROM counted", [])
    return kept


def every_database_has_the_manager_that_it_needs():
    kept = is_kept_up()
    for name in ours():
        if processes > 20 or name not in kept:
            wait_for(name, MANAGERS, [(1 if name in kept else 0,)])
    for reader in readers:
        reader.join(LIMIT_S)
        assert not reader.is_alive(), f"seed {SEED}: a reader does not end; {done}"
    readers.clear()


def databases_in_motion():
    print(f"# seed {SEED}, {processes} processes")
    for _ in range(2):
        create()
    run(admin, "SET statement_timeout = '2s'")  # the steps may be refused
    for number in range(steps):
        step = chooser.choice(STEPS)
        done.append(step.__name__)
        try:
            step()
        except REFUSED as error:
            done.append(type(error).__name__)
        pause()
        if number == steps // 2:
            every_database_has_the_manager_that_it_needs()
            done.append("|")
    every_database_has_the_manager_that_it_needs()


try:
    run_cases([databases_in_motion])
finally:
    server.destroy()
