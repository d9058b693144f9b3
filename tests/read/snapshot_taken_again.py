#!/usr/bin/python3 -B
"""Shows that all that a REPEATABLE READ transaction reads is of one moment, although its snapshot is taken once more for its first
statement: the other statements that a rule makes of that statement, and large objects, which libpq reads without a statement. In
READ COMMITTED, statements that PostgreSQL executes under one snapshot, those of a rule or of an SQL function and what an expression
of PL/pgSQL calls, do not go back behind one that has got a newer snapshot; and a function shows the state of its caller."""

import sys
import threading
from contextlib import closing
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()


def set_up():
    db.run("""CREATE TABLE source (id int); CREATE TABLE plain (id int); CREATE TABLE seen (what text, n bigint); CREATE VIEW asked AS SELECT 1 AS id;
        CREATE FUNCTION held(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS
          'BEGIN PERFORM pg_advisory_lock_shared(7), pg_advisory_unlock_shared(7); RETURN $1; END'""")
    db.run("SELECT pgtrickle.create_stream_table('slow', 'SELECT count(held(id)) AS n FROM source', '0s', 'FULL')")
    first, second = "INSERT INTO seen SELECT 'stream table', n FROM slow", "INSERT INTO seen SELECT 'next statement', count(*) FROM plain"
    db.run(f"""CREATE RULE r AS ON INSERT TO asked DO INSTEAD ({first}; {second});
        CREATE FUNCTION two_statements() RETURNS void LANGUAGE sql AS $$ {first}; {second} $$;
        CREATE FUNCTION one(statement text) RETURNS int STABLE LANGUAGE plpgsql AS $$
          DECLARE n int; BEGIN EXECUTE statement INTO n; RETURN n; END $$""")


def execute_beside(reader, statement, meanwhile):
    """Executes a statement whose refresh is held up until another session has committed `meanwhile`. Returns its cursor."""
    holder, cursor = db.connect(), reader.cursor()
    holder.cursor().execute("SELECT pg_advisory_lock(7)")
    db.run("INSERT INTO source VALUES (1)")
    thread = threading.Thread(target=cursor.execute, args=(statement,))
    thread.start()
    db.wait_for(f"SELECT wait_event_type IN ('Extension', 'Lock') FROM pg_stat_activity WHERE pid = {reader.get_backend_pid()}", True)
    db.wait_for("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted", 1)
    db.run(meanwhile)
    holder.cursor().execute("SELECT pg_advisory_unlock(7)")
    thread.join()
    holder.close()
    return cursor


def seen_by(isolation, statement, setting="SET LOCAL pg_trickle.read_mode = refresh"):
    """The first of several statements waits for the refresh."""
    db.run("TRUNCATE source, plain, seen")
    with closing(db.connect()) as reader:
        reader.cursor().execute(f"BEGIN ISOLATION LEVEL {isolation}; {setting}")
        cursor = execute_beside(reader, statement, "INSERT INTO plain VALUES (1)")
        cursor.execute("INSERT INTO seen SELECT 'later', count(*) FROM plain")
        cursor.execute("SELECT what, n FROM seen")
        return cursor.fetchall()


def statements_under_one_snapshot(isolation, *statements):
    wanted = [("stream table", 1), ("next statement", 1), ("later", 1)]
    wrong = [(statement, found) for statement in statements if (found := seen_by(isolation, statement)) != wanted]
    assert not wrong, wrong


def statements_of_a_rule():
    statements_under_one_snapshot("REPEATABLE READ", "INSERT INTO asked VALUES (1)")


def statements_in_read_committed():
    statements_under_one_snapshot(
        "READ COMMITTED", "INSERT INTO asked VALUES (1)", "SELECT two_statements()",
        """DO $$ DECLARE a int[]; BEGIN a := ARRAY[one('SELECT n FROM slow'), one('SELECT count(*) FROM plain')];
            INSERT INTO seen VALUES ('stream table', a[1]), ('next statement', a[2]); END $$""")


def exact_statements_under_one_snapshot():
    """The first statement reads stored rows under a newer snapshot, as they lack nothing. What the next one reads lacks changes, or is
    no stream table."""
    db.run("CREATE TABLE calm (id int); INSERT INTO calm VALUES (1); CREATE VIEW asked_exactly AS SELECT 1 AS id")
    for name, query in (("of_calm", "SELECT id FROM calm"), ("of_plain", "SELECT count(*) AS n FROM plain"), ("above", "SELECT n FROM of_plain"),
                        ("of_both", "SELECT count(*) AS n FROM plain CROSS JOIN calm")):
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", name, query)
    hold = "INSERT INTO seen SELECT 'held', count(*) FROM (SELECT pg_advisory_lock_shared(7), pg_advisory_unlock_shared(7)) x"
    first = "INSERT INTO seen SELECT 'stream table', (SELECT count(*) FROM plain) FROM of_calm"
    wrong = []
    for number, reads in enumerate(("n FROM of_plain", "n FROM above", "n FROM of_both", "a.n FROM above a, of_both", "count(*) FROM plain",
                                    "n FROM of_plain WHERE one('SELECT 0') = 0")):
        body = f"{hold}; {first}; INSERT INTO seen SELECT 'next statement', {reads}"
        db.run(f"""CREATE OR REPLACE RULE r AS ON INSERT TO asked_exactly DO INSTEAD ({body});
            CREATE FUNCTION exact_{number}() RETURNS void LANGUAGE sql AS $$ {body} $$""")
        for statement in (f"SELECT exact_{number}()", "INSERT INTO asked_exactly VALUES (1)"):
            found = seen_by("READ COMMITTED", statement, "SET LOCAL pg_trickle.read_mode = exact")
            if found != [("held", 1), ("stream table", 1), ("next statement", 1), ("later", 1)]:
                wrong.append((reads, statement, found))
    assert not wrong, (len(wrong), wrong)


def a_function_and_its_caller():
    db.run("SELECT pgtrickle.create_stream_table('quick', 'SELECT count(*) AS n FROM source', '0s')")
    db.run("CREATE FUNCTION n_of_quick() RETURNS bigint STABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT n FROM quick); END'")
    with closing(db.connect()) as reader:
        of_caller, of_function = execute_beside(reader, "SELECT n, n_of_quick() FROM slow", "INSERT INTO source VALUES (2)").fetchone()
    assert of_caller == of_function, (of_caller, of_function)


def large_objects():
    db.run("CREATE TABLE counted (id int); SELECT pgtrickle.create_stream_table('counts', 'SELECT count(*) AS n FROM counted', '0s')")
    number = db.value("SELECT lo_from_bytea(0, 'old')")
    reader = db.connect()
    reader.autocommit = False
    reader.set_session(isolation_level="REPEATABLE READ")

    def read():
        large_object = reader.lobject(number, "rb")
        found = large_object.read()
        large_object.close()
        return found

    read()  # looks the functions up
    reader.commit()
    assert read() == b"old"
    db.run("SELECT lo_put(%s, 0, 'new'); INSERT INTO counted VALUES (1)", number)
    cursor = reader.cursor()
    cursor.execute("SELECT n FROM counts")
    assert read() == b"old", "a large object has changed within a transaction"
    reader.close()


try:
    set_up()
    # The case of the function comes first: after those with a TRUNCATE, it finds no difference.
    run_cases([a_function_and_its_caller, statements_of_a_rule, statements_in_read_committed, exact_statements_under_one_snapshot, large_objects])
finally:
    db.drop()
