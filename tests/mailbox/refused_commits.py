#!/usr/bin/python3 -B
"""Shows that statements about prepared transactions that PostgreSQL refuses leave every stream table as current as it
was, whatever role executes them and how often, and that a COMMIT PREPARED beside them is not lost."""

import contextlib
import sys
import threading
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
ROLE = "rc_nothing"
REFUSED = ("COMMIT PREPARED 'nothing'", "ROLLBACK PREPARED 'nothing'", "BEGIN; COMMIT PREPARED 'nothing'", f"COMMIT PREPARED '{db.name}'",
           "COMMIT PREPARED '" + 300 * "x" + "'", "ALTER DATABASE postgres SET work_mem = '1MB'", "DROP DATABASE postgres", "ALTER ROLE postgres SET work_mem = '1MB'")


def set_up():
    db.run(f"CREATE ROLE {ROLE} LOGIN; CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)")
    db.run("SELECT pgtrickle.create_stream_table('st', 'SELECT id FROM t', '520w')")
    db.run(f"BEGIN; INSERT INTO other VALUES (1); PREPARE TRANSACTION '{db.name}'")


def refused(statement):
    with contextlib.closing(db.connect(user=ROLE)) as session:
        try:
            session.cursor().execute(statement)
        except psycopg2.Error:
            return
    raise AssertionError(f"{statement} was executed")


def is_current():
    return db.value("SELECT pgtrickle.get_staleness('st')") in (None, 0)


def none_makes_a_stream_table_stale():
    set_up()
    db.run("SELECT pgtrickle.refresh_stream_table('st')")
    assert is_current()
    wrong = []
    for statement in REFUSED:
        refused(statement)
        if not is_current():
            wrong.append(statement)
            db.run("SELECT pgtrickle.refresh_stream_table('st')")
    assert not wrong, wrong


def a_commit_beside_them_is_seen():
    is_over = threading.Event()

    def refuse():
        with contextlib.closing(db.connect(user=ROLE)) as session:
            while not is_over.is_set():
                with contextlib.suppress(psycopg2.Error):
                    session.cursor().execute("COMMIT PREPARED 'nothing'")

    threads = [threading.Thread(target=refuse) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        db.run("SET pg_trickle.max_staleness = 0")
        for number in range(60):
            db.run(f"BEGIN; INSERT INTO t VALUES ({number}); PREPARE TRANSACTION '{db.name}_t'")
            db.run(f"COMMIT PREPARED '{db.name}_t'")
            assert db.value("SELECT count(*) FROM st") == number + 1, number
    finally:
        is_over.set()
        for thread in threads:
            thread.join()


try:
    run_cases([none_makes_a_stream_table_stale, a_commit_beside_them_is_seen])
finally:
    with contextlib.suppress(psycopg2.Error):
        db.run(f"ROLLBACK PREPARED '{db.name}'")
    db.drop()
    db.admin(f"DROP ROLE IF EXISTS {ROLE}")
