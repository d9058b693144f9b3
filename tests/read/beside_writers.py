#!/usr/bin/python3 -B
"""A session that has written to a source reads its own changes while another transaction that has read its own is open, idle,
prepared, or waits for the session: it waits neither without limit nor in a deadlock. So it does beside an open ATTACH."""

import sys
import threading
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
db.run("CREATE TABLE source (id int PRIMARY KEY, v int); INSERT INTO source SELECT i, 0 FROM generate_series(1, 20) i")
db.run("CREATE TABLE second (id int)")
db.run("CREATE TABLE parted (id int) PARTITION BY RANGE (id); CREATE TABLE part_1 PARTITION OF parted FOR VALUES FROM (0) TO (10)")
db.run("CREATE TABLE part_2 (id int); INSERT INTO part_2 VALUES (11)")
for name, query in (("st", "SELECT count(*) AS n, sum(v) AS v FROM source"), ("st_2", "SELECT count(*) AS n FROM second"), ("st_parted", "SELECT count(*) AS n FROM parted")):
    db.run(f"SELECT pgtrickle.create_stream_table('{name}', '{query}', '0s')")
WAIT_MS = 10000  # far below scan_refresh_timeout, on a slow machine, too


def session():
    connection = db.connect(options="-c statement_timeout=60000 -c pg_trickle.on_stale=error -c pg_trickle.scan_refresh_timeout=30000")
    connection.autocommit = False
    return connection


def value(connection, statement):
    cursor = connection.cursor()
    cursor.execute(statement)
    return cursor.fetchone()[0]


def run(connection, statement):
    connection.cursor().execute(statement)


def read_in_time(connection, table="st"):
    began = time.monotonic()
    found = value(connection, f"SELECT n FROM {table}")
    waited_ms = (time.monotonic() - began) * 1000
    assert waited_ms < WAIT_MS, waited_ms
    return found


def beside_an_idle_transaction():
    one, other = session(), session()
    rows = value(one, "SELECT count(*) FROM source")
    run(one, "INSERT INTO source VALUES (1001, 0)")
    assert value(one, "SELECT n FROM st") == rows + 1
    run(other, "INSERT INTO source VALUES (1002, 0), (1003, 0)")
    assert read_in_time(other) == rows + 2
    one.commit()
    assert read_in_time(other) == rows + 3
    other.commit()
    assert db.value("SELECT n FROM st") == rows + 3


def beside_a_prepared_transaction():
    one, other = session(), session()
    rows = value(other, "SELECT count(*) FROM source")
    one.tpc_begin(one.xid(1, "p", "1"))
    run(one, "INSERT INTO source VALUES (2001, 0)")
    assert value(one, "SELECT n FROM st") == rows + 1
    one.tpc_prepare()
    run(other, "INSERT INTO source VALUES (2002, 0)")
    try:
        assert read_in_time(other) == rows + 1
    finally:
        one.tpc_rollback()
    other.rollback()


def crosswise():
    one, other = session(), session()
    rows, rows_2 = value(one, "SELECT count(*) FROM source"), value(one, "SELECT count(*) FROM second")
    run(one, "INSERT INTO source VALUES (3001, 0)")
    assert value(one, "SELECT n FROM st") == rows + 1
    run(one, "INSERT INTO second VALUES (1)")
    run(other, "INSERT INTO second VALUES (2)")
    assert value(other, "SELECT n FROM st_2") == rows_2 + 1
    run(other, "INSERT INTO source VALUES (3002, 0)")
    found, failed = [], []

    def read(connection, table):
        try:
            found.append(read_in_time(connection, table))
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    readers = [threading.Thread(target=read, args=(one, "st_2")), threading.Thread(target=read, args=(other, "st"))]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert not failed, failed
    assert sorted(found) == sorted((rows + 1, rows_2 + 1)), found
    one.rollback()
    other.rollback()


def beside_one_that_waits_for_the_session():
    one, other = session(), session()
    run(one, "UPDATE source SET v = 1 WHERE id = 10")
    run(other, "UPDATE source SET v = 1 WHERE id = 11")
    assert value(other, "SELECT v FROM st") == 1
    failed = []

    def update():
        try:
            run(other, "UPDATE source SET v = 2 WHERE id = 10")
        except Exception as error:  # noqa: BLE001
            failed.append(error)

    writer = threading.Thread(target=update)
    writer.start()
    db.wait_for(f"SELECT count(*) FROM pg_locks WHERE pid = {other.info.backend_pid} AND NOT granted", 1)
    read_in_time(one)
    one.commit()
    writer.join()
    assert not failed, failed
    other.rollback()


def beside_an_open_attach():
    one, other = session(), session()
    run(one, "ALTER TABLE parted ATTACH PARTITION part_2 FOR VALUES FROM (10) TO (20)")
    run(other, "INSERT INTO parted VALUES (1)")
    assert read_in_time(other, "st_parted") == 1
    one.commit()
    assert read_in_time(other, "st_parted") == 2
    other.commit()
    assert db.value("SELECT n FROM st_parted") == 2


def beside_one_that_ends_soon():
    one, other = session(), session()
    rows = value(one, "SELECT count(*) FROM source")
    run(one, "INSERT INTO source VALUES (4001, 0)")
    assert value(one, "SELECT n FROM st") == rows + 1
    run(other, "INSERT INTO source VALUES (4002, 0)")
    committer = threading.Timer(0.05, one.commit)
    committer.start()
    read_in_time(other)
    committer.join()
    other.commit()
    assert db.value("SELECT n FROM st") == rows + 2


try:
    run_cases([beside_an_idle_transaction, beside_a_prepared_transaction, crosswise, beside_one_that_waits_for_the_session,
               beside_an_open_attach, beside_one_that_ends_soon])
finally:
    db.drop()
