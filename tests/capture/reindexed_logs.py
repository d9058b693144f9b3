#!/usr/bin/python3 -B
"""REINDEX CONCURRENTLY of a schema or database that has change logs: writers of the sources go on while it works and after it was
canceled, reads find what they write, and the index that it leaves can be dropped, or is by the upkeep of logs."""

import sys
import threading
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from waiting import Waiting  # noqa: E402: likewise

db = Database()
db.run("CREATE TABLE source (id int); SELECT pgtrickle.create_stream_table('st', 'SELECT id, count(*) AS n FROM source GROUP BY id', '520w', 'DIFFERENTIAL')")
SEGMENTS = "FROM pgtrickle.pgt_source, unnest(segments) s WHERE relid = 'source'::regclass"
COPIES = f"FROM pg_index WHERE indrelid IN (SELECT unnest(ARRAY[oid, reltoastrelid]) FROM pg_class WHERE oid IN (SELECT s {SEGMENTS})) AND NOT indisvalid"
REFRESH = "SELECT pgtrickle.refresh_stream_table('st')"


def cancel_reindex(statement):
    """Cancels REINDEX CONCURRENTLY where it waits for a writer: after it has created its copy of an index."""
    writer = db.connect()
    writer.autocommit = False
    writer.cursor().execute("INSERT INTO source VALUES (0)")
    reindex = Waiting(db.connect(), statement, db.session)
    reindex.start()
    db.wait_for(f"SELECT wait_event_type = 'Lock' AND EXISTS (SELECT {COPIES}) FROM pg_stat_activity WHERE pid = {reindex.pid}", True)
    db.value(f"SELECT pg_cancel_backend({reindex.pid})")
    reindex.finish()
    assert (reindex.error or "").startswith("57014"), reindex.error
    assert db.value(f"SELECT count(*) {COPIES}") > 0
    writer.commit()
    writer.close()


def require_exact():
    wrong = db.value("SELECT count(*) FROM ((TABLE st EXCEPT ALL SELECT id, count(*) FROM source GROUP BY id) UNION ALL "
                     "(SELECT id, count(*) FROM source GROUP BY id EXCEPT ALL TABLE st)) w")
    assert wrong == 0, wrong


def write_and_compare():
    db.run("INSERT INTO source SELECT i % 7 FROM generate_series(1, 2000) i; DELETE FROM source WHERE id = 3")
    db.run("SET pg_trickle.read_mode = exact")
    require_exact()
    db.run("RESET pg_trickle.read_mode")
    db.run(REFRESH)
    require_exact()


def the_index_that_a_canceled_reindex_leaves():
    cancel_reindex(f"REINDEX (CONCURRENTLY) DATABASE {db.name}")
    write_and_compare()
    for (index,) in db.run(f"SELECT indexrelid::regclass::text {COPIES}"):
        db.run(f"DROP INDEX IF EXISTS {index}")
    write_and_compare()
    try:
        db.run("DROP INDEX " + db.value(f"SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = (SELECT s::oid {SEGMENTS} LIMIT 1)"))
        raise AssertionError("the index of a log was dropped")
    except psycopg2.errors.DependentObjectsStillExist:
        pass


def the_upkeep_drops_it():
    cancel_reindex("REINDEX (CONCURRENTLY) SCHEMA pg_trickle_log")
    write_and_compare()
    db.wait_for(f"SELECT count(*) {COPIES}", 0)
    write_and_compare()


def writers_beside_reindex():
    failed, is_over = [], threading.Event()

    def write():
        session = db.connect()
        cursor = session.cursor()
        while not is_over.is_set():
            try:
                cursor.execute("INSERT INTO source SELECT i % 5 FROM generate_series(1, 3) i")
                cursor.execute(REFRESH)
            except psycopg2.Error as error:
                if "already being refreshed" not in str(error):
                    failed.append(str(error))
        session.close()

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(3):
            db.run("REINDEX (CONCURRENTLY) SCHEMA pg_trickle_log")
    finally:
        is_over.set()
        for writer in writers:
            writer.join()
    assert not failed, failed[0]
    write_and_compare()


try:
    run_cases([the_index_that_a_canceled_reindex_leaves, the_upkeep_drops_it, writers_beside_reindex])
finally:
    db.drop()
