#!/usr/bin/python3 -B
"""Shows that faults of managers and of the catalog cause no failed query."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, compile_library, run_cases  # noqa: E402: needs the path above

server = Server()
db = Database(server.host)
catalog = server.folder / "data/pg_trickle/catalog.db"


def reconnect():
    """Connects after a crash, when the server accepts connections again."""
    for _ in range(600):
        try:
            db.session = db.connect()
            db.run("SET pg_trickle.enabled = off")
            db.run("SET client_min_messages = error")
            return
        except psycopg2.OperationalError:
            signal.sigtimedwait([], 0.05)
    raise AssertionError("the server does not come back")


def insert_and_wait():
    db.run("INSERT INTO source SELECT coalesce(max(id), 0) + 1 FROM source")
    db.wait_for("SELECT (SELECT count(*) FROM source) = (SELECT count(*) FROM kept)", True)


def a_manager_starts_with_the_first_stream_table():
    db.run("SET pg_trickle.enabled = off")
    db.run("CREATE TABLE source (id int PRIMARY KEY)")
    db.run("SELECT pgtrickle.create_stream_table('kept', 'SELECT id FROM source', '1s')")
    insert_and_wait()


def a_terminated_manager_is_replaced():
    pid = db.manager_pid()
    os.kill(pid, signal.SIGTERM)
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}", 0)
    insert_and_wait()


def a_killed_manager_is_replaced():
    os.kill(db.manager_pid(), signal.SIGKILL)
    try:
        while True:
            db.run("SELECT 1")
    except psycopg2.Error:
        reconnect()
    insert_and_wait()


def launcher_pid():
    rows = db.run("SELECT pid FROM pg_stat_activity WHERE backend_type = 'pg_trickle launcher'")
    return rows[0][0] if rows else None


def without_a_launcher_managers_continue():
    """The launcher is back after five seconds."""
    pid = launcher_pid()
    os.kill(pid, signal.SIGTERM)
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}", 0)
    insert_and_wait()


def a_terminated_launcher_is_replaced():
    db.wait_for("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'pg_trickle launcher'", 1)
    os.kill(db.manager_pid(), signal.SIGTERM)
    insert_and_wait()


def the_catalog_knows_graph_and_program():
    file = sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)
    edges = file.execute("SELECT count(*) FROM graph JOIN registry USING (database, relid) WHERE name = 'kept'")
    assert edges.fetchone() == (1,)
    purposes = file.execute("SELECT purpose FROM program JOIN registry USING (database, relid, generation) "
                            "WHERE name = 'kept' ORDER BY number").fetchall()
    file.close()
    assert purposes == [("step 0: delta of pgt_delta_s0",), ("step 0: full",)], purposes


def wait_for_catalog():
    """Waits: the catalog is written after the commit of a refresh."""
    deadline = time.monotonic() + 30
    while not catalog.exists():
        assert time.monotonic() < deadline, "there is no catalog"
        signal.sigtimedwait([], 0.05)


def a_removed_catalog_comes_back():
    catalog.unlink()
    insert_and_wait()
    wait_for_catalog()
    db.wait_for("SELECT count(*) > 0 FROM pgtrickle.get_refresh_history('kept', 10)", True)


def remove_folder():
    """Removes the folder at once: while it is emptied, another process could create files in it."""
    gone = catalog.parent.with_name("gone")
    catalog.parent.rename(gone)
    shutil.rmtree(gone)


def a_removed_folder_comes_back():
    remove_folder()
    insert_and_wait()
    wait_for_catalog()


def a_damaged_catalog_is_created_again():
    with open(catalog, "r+b") as file:
        file.write(b"\xa5" * os.path.getsize(catalog))
    insert_and_wait()
    db.run("SELECT pgtrickle.refresh_stream_table('kept')")
    db.wait_for("SELECT count(*) > 0 FROM pgtrickle.get_refresh_history('kept', 10)", True)


def without_a_catalog_all_work_continues():
    while not catalog.parent.is_file():
        try:
            remove_folder()
            catalog.parent.write_text("in the way")
        except IsADirectoryError:  # another process was faster
            continue
    insert_and_wait()
    db.run("SELECT pgtrickle.refresh_stream_table('kept')")
    assert db.run("SELECT * FROM pgtrickle.get_refresh_history('kept', 10)") == []
    catalog.parent.unlink()


def after_a_restart_the_manager_is_back():
    db.session.close()
    server.call("start")
    reconnect()
    insert_and_wait()


def a_copied_database_gets_its_own_manager():
    db.session.close()
    db.admin(f"CREATE DATABASE copied TEMPLATE {db.name}")
    reconnect()
    original, db.session = db.session, db.connect("copied")
    db.run("SET pg_trickle.enabled = off")
    insert_and_wait()
    db.session.close()
    db.session = original
    insert_and_wait()


def several_databases_are_renamed_at_once():
    names = [db.name, "copied"]
    db.session.close()
    session = db.connect("postgres")
    session.cursor().execute("".join(f"ALTER DATABASE {name} RENAME TO {name}_2;" for name in names))
    session.close()
    for name in names:
        db.session = db.connect(name + "_2")
        db.run("SET pg_trickle.enabled = off")
        insert_and_wait()
        db.session.close()
    db.name += "_2"
    reconnect()
    db.admin("DROP DATABASE copied_2")


def a_manager_whose_end_is_reported_late_is_replaced():
    """The launcher looks at the renamed database before the postmaster has notified it that the manager has
    exited."""
    postmaster = int((server.folder / "data/postmaster.pid").read_text().split()[0])
    insert_and_wait()
    db.session.close()
    name, db.session = db.name, db.connect("postgres")
    os.kill(postmaster, signal.SIGSTOP)
    try:
        db.run(f"ALTER DATABASE {name} RENAME TO {name}_3")
        for _ in range(10):  # several times in succession: it has looked, and waits
            db.wait_for("SELECT wait_event FROM pg_stat_activity WHERE backend_type = 'pg_trickle launcher'", "Extension")
            signal.sigtimedwait([], 0.05)
    finally:
        os.kill(postmaster, signal.SIGCONT)
        db.session.close()
    db.name = name + "_3"
    reconnect()
    insert_and_wait()


def no_role_terminates_the_manager_of_another_database():
    before = db.manager_pid()
    db.run("CREATE ROLE nobody_special LOGIN")
    session = psycopg2.connect(host=db.host, user="nobody_special", dbname="postgres")
    session.autocommit = True
    for statement in ("DROP DATABASE {0}", "ALTER DATABASE {0} RENAME TO taken", "CREATE DATABASE taken TEMPLATE {0}",
                      "ALTER DATABASE {0} SET TABLESPACE pg_default"):
        try:
            session.cursor().execute(statement.format(db.name))
            raise AssertionError(statement)
        except psycopg2.errors.InsufficientPrivilege:
            pass
    session.close()
    insert_and_wait()
    assert db.manager_pid() == before


def manager_that_begins():
    """Returns the process of a manager that has the settings of its database, and waits for post_auth_delay."""
    postmaster = (server.folder / "data/postmaster.pid").read_text().split()[0]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for line in subprocess.run(["ps", "--ppid", postmaster, "-o", "pid=,state=,args="], check=True, capture_output=True,
                                   text=True).stdout.splitlines():
            pid, state, title = line.split(maxsplit=2)
            if "pg_trickle manager" in title and state == "S" and db.run(
                    "SELECT 1 FROM pg_locks WHERE pid = %s AND locktype = 'virtualxid'", int(pid)):
                return int(pid)
    raise AssertionError("no manager begins")


def settings_that_change_while_a_manager_begins_reach_the_next():
    """Their change is visible, but not announced, when the manager reads the definitions."""
    compile_library("tests/faults/late_commit.c", server.folder / "late_commit.so")
    late = server.folder / "data/late_commit"
    changer = db.connect()
    changer.cursor().execute(f"LOAD '{server.folder}/late_commit.so'")
    before = db.manager_pid()
    db.run(f"ALTER DATABASE {db.name} SET pg_trickle.enabled = off")
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid <> {before} AND backend_type = 'pg_trickle manager' "
                "AND datname = current_database()", 1)
    reader = db.connect()
    db.admin("ALTER SYSTEM SET post_auth_delay = 2")
    db.admin("SELECT pg_reload_conf()")
    while True:
        with closing(db.connect()) as session, session.cursor() as shown:
            shown.execute("SHOW post_auth_delay")
            if shown.fetchone() != ("0",):
                break
    os.kill(db.manager_pid(), signal.SIGTERM)
    db.run("INSERT INTO source SELECT max(id) + 1 FROM source")
    begun = manager_that_begins()
    late.write_text("")
    thread = threading.Thread(target=lambda: changer.cursor().execute(f"ALTER DATABASE {db.name} RESET pg_trickle.enabled"))
    thread.start()
    db.wait_for(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {begun}", 1)
    # It answers readers, so it has read the definitions.
    cursor = reader.cursor()
    cursor.execute("SET pg_trickle.enabled = on; SET pg_trickle.max_staleness = 0; INSERT INTO source SELECT max(id) + 1 FROM source")
    cursor.execute("SELECT count(*) FROM kept")
    assert "pg_trickle.enabled is off" in "".join(reader.notices), reader.notices
    assert thread.is_alive() and db.manager_pid() == begun
    late.unlink()
    thread.join()
    db.admin("ALTER SYSTEM RESET post_auth_delay")
    db.admin("SELECT pg_reload_conf()")
    insert_and_wait()
    reader.close()
    changer.close()


try:
    run_cases([a_manager_starts_with_the_first_stream_table, a_terminated_manager_is_replaced,
               a_killed_manager_is_replaced, without_a_launcher_managers_continue,
               the_catalog_knows_graph_and_program, a_removed_catalog_comes_back, a_removed_folder_comes_back,
               a_damaged_catalog_is_created_again, without_a_catalog_all_work_continues, a_terminated_launcher_is_replaced,
               after_a_restart_the_manager_is_back, a_copied_database_gets_its_own_manager,
               several_databases_are_renamed_at_once, a_manager_whose_end_is_reported_late_is_replaced,
               no_role_terminates_the_manager_of_another_database, settings_that_change_while_a_manager_begins_reach_the_next])
finally:
    server.destroy()
