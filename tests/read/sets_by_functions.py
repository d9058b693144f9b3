#!/usr/bin/python3 -B
"""Shows that functions, cursors and parallel workers that read under the snapshot of a statement read stream tables that
are refreshed together in the state in which the statement does."""

import itertools

import psycopg2

import set_members
from set_members import APART, IN_PARALLEL, REFRESH, Obstacle, Transaction, db, refresh_in_another, schedule
from database import run_cases


def a_cursor_stays_in_one_state():
    """Its functions read under its snapshot, whatever has ended since, and after one of them has failed."""
    schedule(("g1", "g2"), "520w")
    for fails in False, True:
        db.run("UPDATE common SET n = n + 1")
        session = db.connect()
        cursor = session.cursor()
        with Obstacle(REFRESH.format("g1")):
            cursor.execute("SET pg_trickle.max_staleness = 0; BEGIN; DECLARE rows CURSOR FOR SELECT n, top_g2(%s AND row = 1) "
                           "FROM g1, generate_series(1, 3) AS row; FETCH rows", [fails])
            first = cursor.fetchone()
            assert first[1] == (None if fails else first[0]), first
        refresh_in_another("g1")
        cursor.execute("FETCH rows")
        assert cursor.fetchone() == (first[0], first[0])
        session.close()


def so_does_one_that_a_function_has_opened():
    schedule(("g2", "g1"), "0s")
    db.run("CREATE FUNCTION opens() RETURNS refcursor LANGUAGE plpgsql STABLE AS $$ DECLARE c refcursor := 'c'; "
           "BEGIN OPEN c FOR SELECT n, top_g2() FROM g1; RETURN c; END $$")
    with Obstacle(REFRESH.format("g1")):
        db.run("UPDATE common SET n = n + 1")
        session = db.connect()
        cursor = session.cursor()
        cursor.execute("BEGIN; SELECT opens(); FETCH c")
        row = cursor.fetchone()
        assert row[0] == row[1], row
        session.close()


def what_runs_at_the_end_of_a_statement_is_of_its_state():
    """A data-modifying WITH query, and triggers."""
    schedule(("g2", "g1"), "0s")
    db.run("CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql STABLE AS $$ BEGIN RAISE WARNING 'noted %', top_g1(); RETURN NULL; END $$")
    db.run("CREATE TABLE triggering (n int); CREATE TRIGGER note AFTER INSERT ON triggering EXECUTE FUNCTION note()")
    with Obstacle(REFRESH.format("g1")):
        db.run("UPDATE common SET n = n + 1")
        session = db.connect()
        cursor = session.cursor()
        cursor.execute("BEGIN; WITH w AS (INSERT INTO noted SELECT top_g1()) SELECT max(n) FROM g2")
        shown = cursor.fetchone()
        cursor.execute("SELECT n FROM noted")
        assert cursor.fetchone() == shown
        cursor.execute("INSERT INTO triggering SELECT max(n) FROM g2 RETURNING n")
        assert f"noted {cursor.fetchone()[0]}" in "".join(session.notices), session.notices
        session.close()


def consistent_reads_include_functions():
    schedule(APART, "520w")
    for members in itertools.permutations(APART):
        db.run("UPDATE common SET n = n + 1")
        refresh_in_another(members[1])
        db.run("UPDATE common SET n = n + 1")
        session = db.connect()
        cursor = session.cursor()
        cursor.execute(f"SET pg_trickle.consistent_reads = on; SELECT max(n), top_{members[1]}() FROM {members[0]}")
        row = cursor.fetchone()
        assert row[0] == row[1], row
        session.close()


def a_current_member_keeps_none_from_being_read_exactly():
    schedule(("g1", "g2"), "0s")
    schedule(("g2", "g1"), "0s")
    for _ in range(5):
        refresh_in_another("g1")
        session = db.connect()
        cursor = session.cursor()
        with Obstacle(REFRESH.format("g1")):
            db.run("INSERT INTO own_g2 SELECT 10 * max(n) FROM common")
            cursor.execute("SET pg_trickle.on_stale = error; SELECT max(n), top_g2() FROM g1")
            row = cursor.fetchone()
            assert row[1] == 10 * row[0], row
        session.close()
        db.run("DELETE FROM own_g2")


def parallel_workers_know_what_was_read_before():
    """Whether the session has read exactly, in this transaction or not, own changes or not, the same or another one."""
    schedule(("g1", "g2"), "520w")
    in_parallel = "SELECT min(parallel_g1()) FROM numbers WHERE n < 50"
    for exactly in "g1", "g2":
        for begin, change, end in (("", "", ""), ("BEGIN;", f"INSERT INTO own_{exactly} VALUES (5000);", ""),
                                   ("BEGIN;", f"INSERT INTO own_{exactly} VALUES (5000);", "COMMIT;")):
            db.run("UPDATE common SET n = n + 1; DELETE FROM own_g1; DELETE FROM own_g2")
            refresh_in_another("g1")
            db.run("UPDATE common SET n = n + 1")
            session = db.connect()
            cursor = session.cursor()
            cursor.execute(f"{IN_PARALLEL} {begin} {change} SET pg_trickle.read_mode = exact; SELECT max(n) FROM {exactly}")
            before = cursor.fetchone()[0]
            cursor.execute(f"{end} RESET pg_trickle.read_mode; {in_parallel}")
            after = cursor.fetchone()[0]
            assert exactly == "g2" or after >= before, (exactly, change, end, before, after)
            cursor.execute(f"EXPLAIN {in_parallel}")
            assert "Workers Planned" in str(cursor.fetchall())
            session.close()
    db.run("DELETE FROM own_g1; DELETE FROM own_g2")
    for members in itertools.permutations(("g1", "g2")):
        for staleness in "0", "-1":
            db.run("UPDATE common SET n = n + 1")
            with Transaction(f"pg_trickle.max_staleness = {staleness}", "client_min_messages = error") as reader:
                reader.run(IN_PARALLEL)
                first = reader.top(members[0])
                found = reader.run(f"SELECT min(parallel_{members[1]}()), max(parallel_{members[1]}()) FROM numbers WHERE n < 50")
                assert found == (first, first), (members, staleness, first, found)


def functions_change_nothing_about_others():
    """Whether a statement calls a function or not: if it reads one stream table exactly, it reads all of them so."""
    schedule(("a2", "a1"), "0s")
    for volatility in "IMMUTABLE", "STABLE":
        db.run(f"CREATE OR REPLACE FUNCTION same(n int) RETURNS int LANGUAGE plpgsql {volatility} AS $$ BEGIN RETURN n; END $$")
        with Obstacle(REFRESH.format("a1")), Obstacle(REFRESH.format("a2")):
            db.run("UPDATE common SET n = n + 1")
            session = db.connect()
            cursor = session.cursor()
            cursor.execute("SELECT (SELECT max(n) FROM a1), (SELECT max(same(n)) FROM a2)")
            row = cursor.fetchone()
            assert row[0] == row[1], (volatility, row)
            session.close()


def a_look_up_that_shows_exact_rows_binds_none_to_stored_ones():
    db.run("CREATE TABLE keyed (id int PRIMARY KEY, n int); INSERT INTO keyed SELECT g, 0 FROM generate_series(1, 1000) AS g")
    for name in "k1", "k2":
        db.run("SELECT pgtrickle.create_stream_table(%s, 'SELECT id, n FROM keyed', '520w')", name)
    db.run("SELECT pgtrickle.create_refresh_group('keyed_ones', ARRAY['k1', 'k2'])")
    db.run("CREATE FUNCTION sum_k2() RETURNS int LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN (SELECT sum(n) FROM k2); END $$")
    for number in range(1, 4):
        db.run("UPDATE keyed SET n = n + 1 WHERE id = 500")
        session = db.connect()
        cursor = session.cursor()
        cursor.execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error; SELECT n, sum_k2() FROM k1 WHERE id = 1")
        assert cursor.fetchone() == (0, number)
        session.close()


def functions_of_postgresql_read_as_well():
    schedule(APART, "520w")
    db.run("CREATE DOMAIN checked AS text CHECK (value::int = (xpath('//max/text()', query_to_xml('SELECT max(n) FROM a2', false, false, '')))[1]::text::int)")
    for expression in "query_to_xml('SELECT max(n) FROM a2', false, false, '')::text LIKE '%%' || max(n) || '%%'", "max(n)::text::checked IS NOT NULL":
        db.run("UPDATE common SET n = n + 1")
        session = db.connect()
        cursor = session.cursor()
        cursor.execute(f"SET pg_trickle.consistent_reads = on; SELECT {expression.replace('%%', '%')} FROM a1")
        assert cursor.fetchone() == (True,), expression
        session.close()


def what_has_failed_binds_nothing():
    """Although a function that it has called has returned."""
    db.run("CREATE FUNCTION looks() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT count(*) FROM numbers); END $$")
    schedule(("g1", "g2"), "0s")
    for divided in "1", "looks()":
        with Obstacle(REFRESH.format("g1")):
            db.run("UPDATE common SET n = n + 1")
            with Transaction("pg_trickle.max_staleness = -1") as reader:
                reader.run("SAVEPOINT s")
                try:
                    raise AssertionError(reader.run(f"SELECT n, {divided} / (n - n) FROM g1"))
                except psycopg2.errors.DivisionByZero:
                    reader.run("ROLLBACK TO s")
                assert reader.top("g2") == reader.now and not reader.was_warned(), divided


def a_cursor_is_bound_by_what_comes_after_it():
    schedule(("g1", "g2"), "0s")
    db.run("CREATE FUNCTION opens_only() RETURNS refcursor LANGUAGE plpgsql STABLE AS $$ DECLARE c refcursor := 'later'; "
           "BEGIN OPEN c FOR SELECT top_g2(); RETURN c; END $$")
    with Obstacle(REFRESH.format("g1")):
        db.run("UPDATE common SET n = n + 1")
        session = db.connect()
        cursor = session.cursor()
        cursor.execute("BEGIN; SELECT opens_only(), top_g1()")
        top = cursor.fetchone()[1]
        cursor.execute("FETCH later")
        assert cursor.fetchone() == (top,)
        session.close()


def workers_of_a_nested_statement_follow_that():
    """It has a snapshot of its own, as a VOLATILE function has."""
    schedule(("g1", "g2"), "0s")
    db.run("CREATE FUNCTION nested() RETURNS int LANGUAGE plpgsql PARALLEL RESTRICTED AS $$ BEGIN "
           "RETURN (SELECT min(parallel_g2()) FROM numbers WHERE n < 50); END $$")
    with Obstacle(REFRESH.format("g1")):
        db.run("UPDATE common SET n = n + 1")
        session = db.connect()
        cursor = session.cursor()
        cursor.execute(f"{IN_PARALLEL} SET pg_trickle.on_stale = error; SELECT (SELECT sum(n) FROM g1), counted.n, nested(), (SELECT n FROM common) "
                       "FROM (SELECT count(*) AS n FROM numbers WHERE n > 0) AS counted")
        row = cursor.fetchone()
        assert row[2] == row[3], row
        session.close()


def workers_know_what_a_statement_in_progress_has_changed():
    """A trigger runs a query in parallel, whose functions read rows that are logged when the statement ends."""
    schedule(("g1", "g2"), "520w")
    db.run("CREATE TABLE seen (n int, before int)")
    db.run("""CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ DECLARE found int; BEGIN
        EXECUTE 'SELECT max(parallel_g1()) FROM numbers WHERE n < 50' INTO found; INSERT INTO seen VALUES (NEW.n, found); RETURN NEW; END $$""")
    db.run("CREATE TRIGGER look BEFORE INSERT OR UPDATE ON own_g1 FOR EACH ROW EXECUTE FUNCTION look(); INSERT INTO own_g1 VALUES (9000)")
    for way, statement in itertools.product(("read_mode = exact", "max_staleness = 0"), (
            "INSERT INTO own_g1 SELECT n + i FROM generate_series(1, 3) i, (SELECT max(n) AS n FROM own_g1) m", "UPDATE own_g1 SET n = n + 10000")):
        refresh_in_another("g1")
        before = db.value("SELECT max(n) FROM own_g1")
        db.run("TRUNCATE seen")
        session = db.connect()
        session.cursor().execute(f"{IN_PARALLEL} SET pg_trickle.{way}; SET pg_trickle.on_stale = error; {statement}")
        session.close()
        previous = [before] + [n for n, _ in db.run("SELECT n, before FROM seen ORDER BY n")]
        found = [n for _, n in db.run("SELECT n, before FROM seen ORDER BY n")]
        assert found == previous[:-1], (way, statement, found, previous)
    db.run("DROP TRIGGER look ON own_g1; DELETE FROM own_g1")


try:
    set_members.set_up()
    run_cases([a_cursor_stays_in_one_state, so_does_one_that_a_function_has_opened, what_runs_at_the_end_of_a_statement_is_of_its_state,
               consistent_reads_include_functions, a_current_member_keeps_none_from_being_read_exactly, parallel_workers_know_what_was_read_before,
               functions_change_nothing_about_others, a_look_up_that_shows_exact_rows_binds_none_to_stored_ones, functions_of_postgresql_read_as_well,
               what_has_failed_binds_nothing, a_cursor_is_bound_by_what_comes_after_it, workers_of_a_nested_statement_follow_that,
               workers_know_what_a_statement_in_progress_has_changed])
finally:
    db.drop()
