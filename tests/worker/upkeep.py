#!/usr/bin/python3 -B
"""Shows that upkeep trims every log that can be trimmed, however it was written, does not read logs without
new changes, and removes old history."""

import sys
import threading
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

QUIET = 40
MANY = 130
db = Database()


def create(name, query):
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", name, query)


def megabytes_of_log(source):
    return ("SELECT sum(pg_relation_size(segment)) / 1e6 FROM pgtrickle.pgt_source, unnest(segments) segment "
            f"WHERE relid = '{source}'::regclass")


def write(source, run=db.run):
    """Writes more than a segment of the source's log."""
    run(f"INSERT INTO {source} SELECT i, repeat('x', 100) FROM generate_series(1, 40000) i")


def wait_until_trimmed(source):
    db.wait_for(f"SELECT ({megabytes_of_log(source)}) < 1", True)


def set_up():
    # index scans are counted as looks, so this session must not use any
    db.run("SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off")
    db.run("CREATE TABLE wide (id int, filling text); CREATE TABLE other (id int, filling text)")
    create("of_wide", "SELECT id, filling FROM wide")
    create("of_other", "SELECT id, filling FROM other")
    for k in range(QUIET):
        db.run(f"CREATE TABLE quiet_{k} (id int)")
        create(f"of_quiet_{k}", f"SELECT id FROM quiet_{k}")


def looks_at_captured_sources():
    db.run("SELECT pg_stat_force_next_flush()")
    return db.value("SELECT idx_scan FROM pg_stat_all_tables WHERE relid = 'pgtrickle.pgt_source'::regclass")


def looks_while_one_is_trimmed():
    before = looks_at_captured_sources()
    write("wide")
    db.run("SELECT pgtrickle.refresh_stream_table('of_wide')")
    wait_until_trimmed("wide")
    return looks_at_captured_sources() - before


def unwritten_logs_are_not_examined():
    set_up()
    # after the creation of stream tables all logs are examined, once
    looks = []
    while not looks or looks[-1] >= QUIET:
        assert len(looks) < 5, looks
        looks.append(looks_while_one_is_trimmed())


def a_log_that_was_held_back_is_trimmed_with_others():
    write("wide")
    # when the other's log is trimmed, upkeep has seen that this one cannot be trimmed yet
    write("other")
    db.run("SELECT pgtrickle.refresh_stream_table('of_other')")
    wait_until_trimmed("other")
    assert db.value(megabytes_of_log("wide")) > 1
    # this refresh sends no notification
    db.run("SELECT pgtrickle.refresh_stream_table('of_wide')")
    db.run("INSERT INTO quiet_0 VALUES (1)")
    wait_until_trimmed("wide")


def prepared_changes_are_trimmed():
    writer = db.connect()
    cursor = writer.cursor()
    cursor.execute("BEGIN")
    write("wide", cursor.execute)
    cursor.execute(f"PREPARE TRANSACTION '{db.name}'")
    cursor.execute(f"COMMIT PREPARED '{db.name}'")
    writer.close()
    db.run("SELECT pgtrickle.refresh_stream_table('of_wide')")
    wait_until_trimmed("wide")


def changes_of_one_transaction_to_very_many_sources_are_trimmed():
    """The mailbox counts it as a change of the whole database."""
    for k in range(MANY):
        db.run(f"CREATE TABLE many_{k} (id int)")
        create(f"of_many_{k}", f"SELECT id FROM many_{k}")
    inserts = ";".join(f"INSERT INTO many_{k} VALUES (1)" for k in range(MANY))
    db.run(f"BEGIN; {inserts}; INSERT INTO wide SELECT i, repeat('x', 100) FROM generate_series(1, 40000) i; COMMIT")
    db.run("SELECT pgtrickle.refresh_stream_table('of_wide')")
    wait_until_trimmed("wide")


def history_goes_while_there_is_always_a_log_to_trim():
    db.run("SELECT pgtrickle.refresh_stream_table('of_quiet_0')")
    kept = "SELECT count(*) FROM pgtrickle.get_refresh_history('of_quiet_0')"
    assert db.value(kept) > 0
    stopping = threading.Event()

    def write_to(tables):
        cursor = db.connect().cursor()
        while not stopping.is_set():
            cursor.execute(";".join(f"INSERT INTO {table} VALUES (1)" for table in tables))
        cursor.connection.close()

    tables = [f"quiet_{k}" for k in range(QUIET)] + [f"many_{k}" for k in range(MANY)]
    writers = [threading.Thread(target=write_to, args=(tables[k::4],)) for k in range(4)]
    for writer in writers:
        writer.start()
    db.alter_system("SET pg_trickle.history_retention_days = 0")
    try:
        db.wait_for(kept, 0)
    finally:
        db.alter_system("RESET pg_trickle.history_retention_days")
        stopping.set()
        for writer in writers:
            writer.join()


def the_log_of_one_that_was_dropped_goes():
    db.run("SELECT pgtrickle.drop_stream_table('of_wide')")
    db.wait_for("SELECT count(*) FROM pgtrickle.pgt_source WHERE relid = 'wide'::regclass", 0)


def the_database_can_be_dropped():
    db.drop()


def no_process_waits_for_a_segment_while_it_locks_another():
    """Dropping a source locks its segments one after the other; with upkeep, which begins with the current
    one, that was a deadlock."""
    first, *others = db.value("SELECT array_agg(s::regclass::text ORDER BY n) FROM pgtrickle.pgt_source, "
                              "unnest(segments) WITH ORDINALITY x (s, n) WHERE relid = 'wide'::regclass")
    while db.value("SELECT current_segment FROM pgtrickle.pgt_source WHERE relid = 'wide'::regclass") == 0:
        looks_while_one_is_trimmed()
    other = db.connect()
    other.autocommit = False
    cursor = other.cursor()
    cursor.execute(f"LOCK TABLE {first} IN ACCESS EXCLUSIVE MODE")
    db.run("INSERT INTO wide VALUES (0, '')")
    db.wait_for(f"SELECT count(*) FROM pg_locks WHERE relation = '{first}'::regclass AND NOT granted", 1)
    cursor.execute(f"LOCK TABLE {', '.join(others)} IN ACCESS EXCLUSIVE MODE NOWAIT")
    other.close()


run_cases([unwritten_logs_are_not_examined, a_log_that_was_held_back_is_trimmed_with_others,
           prepared_changes_are_trimmed, no_process_waits_for_a_segment_while_it_locks_another,
           changes_of_one_transaction_to_very_many_sources_are_trimmed, history_goes_while_there_is_always_a_log_to_trim,
           the_log_of_one_that_was_dropped_goes, the_database_can_be_dropped])
