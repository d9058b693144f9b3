#!/usr/bin/python3 -B
"""Rows of a change log that have no entry in its index are found by the entry of another row in their block: whatever the frontier,
beside writers that end later, after rollbacks, and where another process takes the room in the block."""

import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
import seeds  # noqa: E402

db = Database()
db.run("CREATE EXTENSION amcheck")
QUERY = "SELECT id, count(*) AS n, count(v) AS with_v FROM {} GROUP BY id"


class Source:
    """A source and its stream table, which nothing but the test refreshes."""

    def __init__(self, name):
        self.name, self.query = name, QUERY.format(name)
        db.run(f"CREATE TABLE {name} (id int, v text)")
        db.run(f"SELECT pgtrickle.create_stream_table('{name}_st', '{self.query}', '520w', 'DIFFERENTIAL')")
        self.log = db.value(f"SELECT segments[current_segment + 1]::oid::regclass::text FROM pgtrickle.pgt_source WHERE relid = '{name}'::regclass")

    def rows(self, is_indexed):
        """Returns the rows of the log with or without an entry; markers do not count."""
        return db.value(f"SELECT count(*) FROM {self.log} WHERE is_indexed = {is_indexed} AND n > 0")

    def refresh_and_compare(self):
        db.run(f"SELECT pgtrickle.refresh_stream_table('{self.name}_st')")
        wrong = db.value(f"SELECT count(*) FROM ((TABLE {self.name}_st EXCEPT ALL {self.query}) UNION ALL ({self.query} EXCEPT ALL TABLE {self.name}_st)) w")
        assert wrong == 0, wrong

    def drop(self):
        index = db.value(f"SELECT indexrelid FROM pg_index WHERE indrelid = '{self.log}'::regclass")
        db.run("SELECT bt_index_parent_check(%s::oid::regclass, true)", index)  # each row has the entry that it claims
        db.run(f"DROP FOREIGN TABLE {self.name}_st; DROP TABLE {self.name}")


def writer():
    session = db.connect()
    return session, session.cursor()


def one_entry_serves_many_transactions():
    source, (session, cursor) = Source("one_entry"), writer()
    for i in range(100):
        cursor.execute("INSERT INTO one_entry VALUES (%s)", (i % 7,))
        if i % 10 == 0:
            source.refresh_and_compare()
    source.refresh_and_compare()
    assert source.rows(True) <= 10 and source.rows(True) + source.rows(False) == 100, source.rows(True)
    session.close()
    source.drop()


def writers_that_end_after_a_refresh():
    source, dice = Source("later"), seeds.dice()
    writers = [writer() for _ in range(4)]
    for session, _ in writers:
        session.autocommit = False
    for i in range(400):
        session, cursor = dice.choice(writers)
        what = dice.random()
        if what < 0.6:
            cursor.execute("INSERT INTO later SELECT %s, repeat('x', %s) FROM generate_series(1, %s)",
                           (i % 11, dice.choice([1, 1000]), dice.choice([1, 1, 1, 40])))
        if what < 0.2:
            cursor.execute("SAVEPOINT s; INSERT INTO later VALUES (5); ROLLBACK TO s; INSERT INTO later VALUES (6)")
        elif what < 0.7:
            session.commit()
        elif what < 0.8:
            session.rollback()
        else:
            source.refresh_and_compare()
    for session, _ in writers:
        session.commit()
        session.close()
    source.refresh_and_compare()
    assert source.rows(False) > 0
    source.drop()


def go_far(cursor):
    """Lets the next row get an entry."""
    for _ in range(130):
        cursor.execute("SELECT txid_current()")


def rows_that_were_rolled_back_serve_none():
    for name, before, after in (("rolled_back", "BEGIN", "ROLLBACK; INSERT INTO rolled_back VALUES (3)"),
                                ("rolled_back_to", "BEGIN; SAVEPOINT s", "ROLLBACK TO s; INSERT INTO rolled_back_to VALUES (3); COMMIT")):
        source, (session, cursor) = Source(name), writer()
        cursor.execute(f"INSERT INTO {name} VALUES (1)")
        go_far(cursor)
        source.refresh_and_compare()
        cursor.execute(f"{before}; INSERT INTO {name} VALUES (2); {after}")
        db.run(f"VACUUM {source.log}")  # removes the entry of the row that was rolled back
        source.refresh_and_compare()
        session.close()
        source.drop()


def transactions_with_several_entries_serve_no_later_one():
    source, (session, cursor) = Source("several"), writer()
    cursor.execute("INSERT INTO several SELECT 1, repeat('x', 7000) FROM generate_series(1, 2); INSERT INTO several VALUES (1)")
    source.refresh_and_compare()
    cursor.execute("INSERT INTO several VALUES (2)")
    source.refresh_and_compare()
    session.close()
    source.drop()


def another_process_takes_the_room():
    source, (session, cursor), (other, filling) = Source("room"), writer(), writer()
    cursor.execute("INSERT INTO room VALUES (1)")
    for _ in range(20):
        filling.execute("INSERT INTO room VALUES (2, repeat('x', 900))")
    source.refresh_and_compare()
    with_entry = source.rows(True)
    for _ in range(3):
        cursor.execute("INSERT INTO room VALUES (3, repeat('x', 900))")
        source.refresh_and_compare()
    # The first of them came into another block than expected, and was written again.
    assert source.rows(True) == with_entry + 1, (source.rows(True), with_entry)
    removed = db.value(f"SELECT n_tup_del FROM pg_stat_all_tables WHERE relid = '{source.log}'::regclass")
    session.close()
    other.close()
    db.wait_for(f"SELECT n_tup_del > 0 FROM pg_stat_all_tables WHERE relid = '{source.log}'::regclass", True)
    assert removed <= 1, removed
    source.drop()


def rows_that_were_moved_to_other_blocks():
    """VACUUM FULL of the database includes the logs, and a log may be rewritten by name."""
    for rewriting in "VACUUM FULL", "ALTER TABLE {} SET UNLOGGED":
        source, (session, cursor) = Source("moved"), writer()
        cursor.execute("BEGIN; INSERT INTO moved VALUES (1, repeat('x', 5000)); ROLLBACK")  # room for rows of the next block
        for _ in range(120):
            cursor.execute("INSERT INTO moved VALUES (1)")
        db.run(rewriting.format(source.log))
        source.refresh_and_compare()
        for _ in range(40):
            cursor.execute("INSERT INTO moved VALUES (2)")
        source.refresh_and_compare()
        session.close()
        source.drop()


def transactions_far_from_the_last_entry():
    source, (session, cursor) = Source("far"), writer()
    for _ in range(3):
        cursor.execute("INSERT INTO far VALUES (1)")
        go_far(cursor)
    source.refresh_and_compare()
    assert source.rows(True) == 3 and source.rows(False) == 0
    session.close()
    source.drop()


def an_entry_whose_insertion_failed_counts():
    """The row was rolled back to a savepoint, after the log's own index had its entry; the transaction gets another one."""
    source, (session, cursor) = Source("failed"), writer()
    db.run("""
        CREATE FUNCTION compare_or_fail(xid8, xid8) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
          IF current_setting('anchored_rows.fails', true) = 'on' THEN RAISE 'no room'; END IF;
          RETURN xid8cmp($1, $2);
        END $$;
        CREATE OPERATOR CLASS may_fail FOR TYPE xid8 USING btree AS OPERATOR 1 <, OPERATOR 2 <=, OPERATOR 3 =, OPERATOR 4 >=,
          OPERATOR 5 >, FUNCTION 1 compare_or_fail(xid8, xid8)""")
    cursor.execute("INSERT INTO failed VALUES (1)")
    go_far(cursor)
    db.run(f"CREATE INDEX second ON {source.log} (xid may_fail) WHERE is_indexed")
    cursor.execute("BEGIN; SAVEPOINT s; SET LOCAL anchored_rows.fails = on")
    try:
        cursor.execute("INSERT INTO failed VALUES (2)")
        raise AssertionError("the second index took the entry")
    except psycopg2.errors.RaiseException:
        cursor.execute("ROLLBACK TO s")
    db.run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass('pg_trickle_log.second')")
    db.run("DROP INDEX IF EXISTS pg_trickle_log.second")  # upkeep of the log may have dropped it
    cursor.execute("INSERT INTO failed VALUES (3); COMMIT")
    source.refresh_and_compare()
    cursor.execute("INSERT INTO failed VALUES (4)")
    source.refresh_and_compare()
    session.close()
    source.drop()
    db.run("DROP OPERATOR FAMILY may_fail USING btree; DROP FUNCTION compare_or_fail")


def a_refresh_skips_the_entries_of_a_large_transaction():
    source, (session, cursor) = Source("large"), writer()
    db.run(f"SELECT pgtrickle.create_stream_table('large_reader', '{source.query}', '520w', 'DIFFERENTIAL')")  # keeps the log
    cursor.execute("DO $$ BEGIN FOR i IN 1 .. 40000 LOOP INSERT INTO large VALUES (1); END LOOP; END $$")
    pages = []
    for _ in range(3):
        source.refresh_and_compare()
        cursor.execute("INSERT INTO large VALUES (2)")
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT 1")
        cursor.execute(f"SELECT idx_blks_hit + idx_blks_read FROM pg_statio_all_tables WHERE relid = '{source.log}'::regclass")
        before = cursor.fetchone()[0]
        cursor.execute("SELECT pgtrickle.refresh_stream_table('large_st')")
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT 1")
        cursor.execute(f"SELECT idx_blks_hit + idx_blks_read FROM pg_statio_all_tables WHERE relid = '{source.log}'::regclass")
        pages.append(cursor.fetchone()[0] - before)
    assert max(pages[1:]) < 12, pages
    session.close()
    db.run("DROP FOREIGN TABLE large_reader")
    source.drop()


try:
    run_cases([one_entry_serves_many_transactions, writers_that_end_after_a_refresh, rows_that_were_rolled_back_serve_none,
               transactions_with_several_entries_serve_no_later_one, another_process_takes_the_room, rows_that_were_moved_to_other_blocks,
               transactions_far_from_the_last_entry, an_entry_whose_insertion_failed_counts,
               a_refresh_skips_the_entries_of_a_large_transaction])
finally:
    db.drop()
