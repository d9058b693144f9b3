#!/usr/bin/python3 -B
"""Shows that what a statement or a refresh computes is of one moment, although ATTACH PARTITION and INHERIT, which wait for no
reader, add rows to a source in between, and the source may not be captured; and that a log which was stopped, or from which the
rows of the transaction's own rewrite are missing, is not taken for the changes of its source. Each case is one order of the
sessions' statements."""

import io
import sys
import threading
import uuid
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
LIMITED = f"limited_{uuid.uuid4().hex[:8]}"
CHILD = ("CREATE TABLE parent (k int, v int)", "CREATE TABLE stray (k int, v int)", "ALTER TABLE stray INHERIT parent")
PARTITION = ("CREATE TABLE parent (k int, v int) PARTITION BY LIST (v); CREATE TABLE p6 PARTITION OF parent FOR VALUES IN (5, 6)",
             "CREATE TABLE stray (k int, v int)", "ALTER TABLE parent ATTACH PARTITION stray FOR VALUES IN (7)")
WAIT = "pg_advisory_xact_lock_shared(1)"


def connect(*statements, user="postgres"):
    connection = psycopg2.connect(host=db.host, user=user, dbname=db.name)
    connection.autocommit = True
    cursor = connection.cursor()
    for statement in ("SET client_min_messages = error; SET search_path = public", *statements):
        cursor.execute(statement)
    return cursor


def make(*statements):
    db.run("DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public")
    db.run(f"GRANT ALL ON SCHEMA public TO {LIMITED}")
    for statement in statements:
        db.run(statement)
    db.run("INSERT INTO parent VALUES (7, 6); INSERT INTO stray VALUES (7, 7)")


def create(cursor, name, query):
    cursor.execute("SELECT pgtrickle.create_stream_table(%s, %s, '1h')", (name, query))


class Waiting:
    """A statement that waits for an advisory lock of this script, or for a lock of another session."""

    def __init__(self, cursor, statement, is_advisory=True):
        self.cursor, self.answer = cursor, None
        if is_advisory:
            db.run("SELECT pg_advisory_lock(1)")
        self.thread = threading.Thread(target=self._run, args=(statement,))
        self.thread.start()
        db.wait_for(f"SELECT count(*) FROM pg_locks WHERE pid = {cursor.connection.info.backend_pid} AND NOT granted", 1)

    def _run(self, statement):
        try:
            self.cursor.execute(statement)
            self.answer = sorted(self.cursor.fetchall(), key=str)
        except psycopg2.Error as error:
            self.answer = error.pgcode

    def end(self, is_advisory=True):
        if is_advisory:
            db.run("SELECT pg_advisory_unlock(1)")
        self.thread.join()
        return self.answer


def parts_of_a_statement_show_one_tree():
    """`below` is planned when the statement starts, what `above` reads when its first row is fetched."""
    statement = (f"SELECT 'below', most FROM extreme WHERE k = 7 UNION ALL SELECT 'wait', length({WAIT}::text) "
                 "UNION ALL SELECT 'above', most FROM above WHERE k = 7")
    for table, stray, add in CHILD, PARTITION:
        for is_captured in ("always", "not any more", "never"):
            make(table, stray, f"GRANT SELECT ON parent TO {LIMITED}")
            owner = connect(f"SET ROLE {LIMITED if is_captured == 'never' else 'postgres'}")
            create(owner, "extreme", "SELECT k, max(v) AS most FROM parent GROUP BY k")
            create(owner, "above", "SELECT k, most FROM extreme WHERE k > 0")
            if is_captured == "not any more":
                db.run("SELECT pgtrickle.stop_capture('parent')")
            db.run("INSERT INTO parent VALUES (7, 5)")
            reading = Waiting(connect("SET pg_trickle.read_mode = exact"), statement)
            db.run(add)
            answer = reading.end()
            if answer != "40001":
                values = dict(answer)
                assert values["above"] == values["below"], (add, is_captured, answer)


def a_child_comes_while_touched_values_are_looked_for():
    make(*CHILD[:2], "CREATE TABLE a (k int); CREATE INDEX ON a (k); INSERT INTO a VALUES (7), (8)",
         "INSERT INTO a SELECT g FROM generate_series(100, 5000) g; ANALYZE a",
         f"CREATE FUNCTION gate(int) RETURNS bool IMMUTABLE LEAKPROOF LANGUAGE plpgsql AS 'BEGIN PERFORM {WAIT}; RETURN true; END'")
    db.run("INSERT INTO parent VALUES (8, 6); INSERT INTO stray VALUES (8, 7)")
    create(db.session.cursor(), "joined", "SELECT a.k, p.v FROM a JOIN parent p ON a.k = p.k WHERE gate(p.v)")
    db.run("INSERT INTO parent VALUES (7, 5)")
    reader = connect("SET pg_trickle.read_mode = exact; SELECT * FROM joined")
    reading = Waiting(reader, "SELECT 'plain', a.k, p.v FROM a JOIN parent p ON a.k = p.k WHERE a.k IN (7, 8) UNION ALL "
                              "SELECT 'exact', k, v FROM joined WHERE k IN (7, 8)")
    db.run(CHILD[2])
    answer = reading.end()
    assert answer == "40001" or len([row for row in answer if row[0] == "plain"]) * 2 == len(answer), answer


def plain_tables_are_planned_again_after_a_wait():
    make(*CHILD[:2], "CREATE TABLE other (k int); INSERT INTO other VALUES (7)")
    create(db.session.cursor(), "x", "SELECT p.k, max(p.v) AS most FROM parent p JOIN other o ON o.k = p.k GROUP BY p.k")
    db.run("INSERT INTO parent VALUES (7, 5)")
    writer = connect(f"BEGIN; LOCK TABLE other; {CHILD[2]}; SELECT pgtrickle.refresh_stream_table('x')")
    reading = Waiting(connect("SET pg_trickle.read_mode = exact"),
                      "SELECT 'plain', max(v) FROM parent GROUP BY k UNION ALL SELECT 'x', most FROM x", is_advisory=False)
    writer.execute("COMMIT")
    answer = dict(reading.end(is_advisory=False))
    assert answer["plain"] == answer["x"] == 7, answer


def a_plan_is_not_older_than_what_its_statement_shows():
    """The reader waits while it is planned, after its plan has got the children of the plain table."""
    for setting in "pg_trickle.read_mode = exact", "pg_trickle.max_staleness = 0", "pg_trickle.consistent_reads = on":
        for table, stray, add in CHILD, PARTITION:
            make(table, stray, "CREATE TABLE gate (k int) PARTITION BY LIST (k)", "CREATE TABLE gate1 PARTITION OF gate FOR VALUES IN (1)")
            create(db.session.cursor(), "x", "SELECT k, max(v) AS most FROM parent GROUP BY k")
            closing = connect("BEGIN; LOCK TABLE gate1")
            reading = Waiting(connect("SET " + setting), "SELECT 'plain', max(v) FROM parent GROUP BY k UNION ALL SELECT 'gate', count(*) FROM gate "
                                                         "UNION ALL SELECT 'x', most FROM x", is_advisory=False)
            db.run(add)
            db.run("SELECT pgtrickle.refresh_stream_table('x')")
            closing.execute("COMMIT")
            answer = dict(reading.end(is_advisory=False))
            assert answer["plain"] == answer["x"] == 7, (setting, add, answer)


def steps_of_a_refresh_show_one_tree():
    for privileges in "SELECT", "SELECT, TRIGGER":
        make(*CHILD[:2], f"GRANT {privileges} ON parent TO {LIMITED}",
             f"CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM {WAIT}; RETURN $1; END'")
        owner = connect(user=LIMITED)
        create(owner, "x", "SELECT a.k, a.most, b.n FROM (SELECT k, max(slow(v)) AS most FROM parent GROUP BY k) a "
                           "JOIN (SELECT k, count(DISTINCT v) AS n FROM parent GROUP BY k) b ON a.k = b.k")
        refreshing = Waiting(owner, "SELECT pgtrickle.repair_stream_table('x')")
        adding = connect("SET lock_timeout = '100ms'")
        try:
            adding.execute(CHILD[2])
        except psycopg2.errors.LockNotAvailable:
            pass
        refreshing.end()
        rows = db.run("SET pg_trickle.max_staleness = '1h'; SELECT k, most, n FROM x")
        assert rows in ([(7, 6, 1)], [(7, 7, 2)]), (privileges, rows)


def frozen_rows_of_a_child_that_came_empty_are_taken_once():
    """The child and its rows come between two steps of a refresh, whose snapshot shows the rows."""
    query = ("SELECT x.k, x.n, y.s FROM (SELECT k, count(*) AS n FROM other WHERE slow(k) = 7 GROUP BY k) x "
             "JOIN (SELECT k, sum(v) AS s FROM parent GROUP BY k) y ON x.k = y.k")
    for table, add in ((CHILD[0], "CREATE TABLE child () INHERITS (parent)"),
                       (PARTITION[0], "CREATE TABLE child PARTITION OF parent FOR VALUES IN (7)"),
                       (CHILD[0], "CREATE TABLE middle () INHERITS (parent); CREATE TABLE child () INHERITS (middle)"),
                       (CHILD[0], "TRUNCATE stray; ALTER TABLE stray INHERIT parent; ALTER TABLE stray RENAME TO child")):
        make(table, CHILD[1], "CREATE TABLE other (k int); INSERT INTO other VALUES (7)",
             f"CREATE FUNCTION slow(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM {WAIT}; RETURN $1; END'")
        creating = Waiting(connect(), f"SELECT pgtrickle.create_stream_table('x', '{query}', '520w', 'DIFFERENTIAL')")
        adding = connect("SET lock_timeout = '100ms'")
        try:
            add_frozen(adding, add)
        except psycopg2.errors.LockNotAvailable:
            creating.end()
            adding.execute("ROLLBACK; SET lock_timeout = 0")
            add_frozen(adding, add)
        else:
            creating.end()
        db.run("SELECT pgtrickle.refresh_stream_table('x')")
        assert db.run("TABLE x") == db.run(query) == [(7, 1, 13)], (add, db.run("TABLE x"))


def add_frozen(cursor, add):
    cursor.execute("BEGIN; " + add)
    cursor.copy_expert("COPY child FROM STDIN WITH (FREEZE)", io.StringIO("7\t7\n"))
    cursor.execute("COMMIT")


def a_stopped_log_stays_stopped():
    for alter in "ALTER x TYPE bigint", "DROP COLUMN y":
        make("CREATE TABLE parent (k int, v int, x int, y int); CREATE TABLE stray (k int, v int)")
        create(db.session.cursor(), "filtered", "SELECT k, v FROM parent WHERE v > 0")
        create(db.session.cursor(), "shown", "SELECT k, x::text AS x FROM parent")
        create(db.session.cursor(), "dropped", "SELECT k, y FROM parent")
        db.run("SELECT pgtrickle.drop_stream_table('dropped'); SELECT pgtrickle.stop_capture('parent'); INSERT INTO parent VALUES (3, 3)")
        db.run(f"ALTER TABLE parent {alter}")
        for settings in "pg_trickle.read_mode = exact", "pg_trickle.max_staleness = 0":
            reader = connect(f"SET {settings}; SELECT count(*) FROM filtered")
            assert reader.fetchall() == [(2,)], (alter, settings)


try:
    db.run(f"CREATE ROLE {LIMITED} LOGIN; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {LIMITED}")
    run_cases([parts_of_a_statement_show_one_tree, a_child_comes_while_touched_values_are_looked_for,
               plain_tables_are_planned_again_after_a_wait, a_plan_is_not_older_than_what_its_statement_shows,
               steps_of_a_refresh_show_one_tree,
               frozen_rows_of_a_child_that_came_empty_are_taken_once, a_stopped_log_stays_stopped])
finally:
    db.run(f"DROP OWNED BY {LIMITED} CASCADE; DROP ROLE {LIMITED}")
    db.drop()
