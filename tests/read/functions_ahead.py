#!/usr/bin/python3 -B
"""What functions have read before is refreshed before the statement that calls them. Where that is impossible, the statement
says nothing, as the functions may read something else this time, and what they do read is right: beside a transaction that
keeps the stream table locked, one that drops it as another one takes its name, and one that is paused."""

import sys
import threading
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
db.run("CREATE TABLE source (g int, v int); INSERT INTO source SELECT i % 3, i FROM generate_series(1, 20) i; CREATE TABLE other (n int)")
for name, query in (("sums", "SELECT g, sum(v) AS v FROM source GROUP BY g"), ("others", "SELECT count(*) AS n FROM other")):
    db.run(f"SELECT pgtrickle.create_stream_table('{name}', '{query}', '1h')")
READS_SUMS, READS_OTHERS = "SELECT v FROM sums WHERE g = 1", "SELECT n FROM others"
db.run(f"""
    CREATE FUNCTION in_plpgsql(is_sums bool) RETURNS bigint LANGUAGE plpgsql AS $$
    BEGIN IF is_sums THEN RETURN ({READS_SUMS}); ELSE RETURN ({READS_OTHERS}); END IF; END $$;
    CREATE FUNCTION stable_plpgsql(is_sums bool) RETURNS bigint STABLE LANGUAGE plpgsql AS $$
    BEGIN IF is_sums THEN RETURN ({READS_SUMS}); ELSE RETURN ({READS_OTHERS}); END IF; END $$;
    CREATE FUNCTION stable_sql(is_sums bool) RETURNS bigint STABLE STRICT LANGUAGE sql AS $$
      SELECT CASE WHEN is_sums THEN (SELECT max(v) FROM sums WHERE g = 1) ELSE (SELECT n FROM others) END $$""")
FUNCTIONS = ("in_plpgsql", "stable_plpgsql", "stable_sql")


def session(on_stale):
    connection = db.connect(options=f"-c statement_timeout=60000 -c pg_trickle.on_stale={on_stale} -c pg_trickle.max_staleness=0")
    connection.autocommit = False
    return connection


def run(connection, statement):
    connection.cursor().execute(statement)


def value(connection, statement):
    cursor = connection.cursor()
    cursor.execute(statement)
    return int(cursor.fetchone()[0])


def learn(connection, function):
    """Has the session learn what the function reads, by reads under a fixed snapshot with changes that are pending."""
    connection.set_session(isolation_level="REPEATABLE READ")
    run(connection, "SELECT 1 FROM other LIMIT 1")
    db.run("INSERT INTO source VALUES (2, 1); INSERT INTO other VALUES (1)")
    for is_sums in ("true", "false"):
        value(connection, f"SELECT {function}({is_sums})")
    connection.commit()
    connection.set_session(isolation_level="READ COMMITTED")


def check_calls(connection, function):
    """The session writes and calls the function, which reads the one stream table or the other one."""
    db.run("INSERT INTO other VALUES (2)")
    run(connection, "INSERT INTO source VALUES (1, 100)")
    del connection.notices[:]
    for is_sums, truth in (("false", "SELECT count(*) FROM other"), ("true", "SELECT sum(v) FROM source WHERE g = 1")):
        found = value(connection, f"SELECT {function}({is_sums})")
        assert found == value(connection, truth), (function, is_sums, found)
    assert not connection.notices, (function, connection.notices)
    connection.rollback()


def beside_a_transaction_that_has_read_its_own():
    for function in FUNCTIONS:
        for on_stale in ("serve", "error"):
            reader, holder = session(on_stale), session(on_stale)
            learn(reader, function)
            run(holder, "INSERT INTO source VALUES (0, 5)")
            value(holder, "SELECT sum(v) FROM sums")
            check_calls(reader, function)
            holder.close()
            reader.close()


def beside_a_paused_one_that_is_not_read():
    for function in FUNCTIONS:
        reader = session("error")
        learn(reader, function)
        db.run("SELECT pgtrickle.pause_scheduler(ARRAY['sums'])")
        try:
            run(reader, "INSERT INTO source VALUES (1, 100)")
            assert value(reader, f"SELECT {function}(false)") == value(reader, "SELECT count(*) FROM other"), function
            reader.rollback()
        finally:
            db.run("SELECT pgtrickle.resume_scheduler(ARRAY['sums'])")
        reader.close()


def beside_another_one_that_takes_its_name():
    for function in FUNCTIONS:
        reader, other = session("error"), session("error")
        learn(reader, function)
        db.run("SELECT pgtrickle.create_stream_table('sums_next', 'SELECT g, sum(v) AS v FROM source GROUP BY g', '1h')")
        for statement in ("ALTER FOREIGN TABLE sums RENAME TO sums_before", "ALTER FOREIGN TABLE sums_next RENAME TO sums", "DROP FOREIGN TABLE sums_before"):
            run(other, statement)
        db.run("INSERT INTO source VALUES (1, 1)")
        run(reader, "SET pg_trickle.scan_refresh_timeout = '50s'; COMMIT")
        committer = threading.Timer(0.3, other.commit)
        committer.start()
        began = time.monotonic()
        assert value(reader, f"SELECT {function}(true)") == db.value("SELECT sum(v) FROM source WHERE g = 1"), function
        waited_s = time.monotonic() - began
        assert waited_s < 20, (function, waited_s)  # far below scan_refresh_timeout
        committer.join()
        reader.close()


try:
    run_cases([beside_another_one_that_takes_its_name, beside_a_transaction_that_has_read_its_own, beside_a_paused_one_that_is_not_read])
finally:
    db.drop()
