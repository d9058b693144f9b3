#!/usr/bin/python3 -B
"""Shows that a statement sees stream tables that are refreshed together in one state, also where one of them cannot be
refreshed and others are read exactly: in diamonds, refresh groups, and where these overlap, in all contexts of a read.
"""

import itertools
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
# The members of each set: each shows `n` of the table `common`, and reads a table of its own.
SETS = {"group": ("g1", "g2"), "diamond": ("d1", "d2"), "overlap": ("o1", "o2", "o3")}
# Its members are never read by the same statement without a common state being known: a control.
APART = ("a1", "a2")
# max_staleness, and the schedule of every second member
STALENESS = (("0", "520w"), ("-1", "0s"), ("-1", "1s"))


def set_up():
    db.run("CREATE TABLE common (n int); INSERT INTO common VALUES (1)")
    for member in itertools.chain(*SETS.values(), APART):
        db.run(f"CREATE TABLE own_{member} (n int)")
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", member,
               f"SELECT n FROM common UNION ALL SELECT n FROM own_{member}")
    for name, (one, other) in {"joined": ("d1", "d2"), "over": ("o1", "o2")}.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, 'calculated')", name, f"SELECT l.n, r.n AS other FROM {one} l JOIN {other} r USING (n)")
    db.run("SELECT pgtrickle.create_refresh_group('alone', ARRAY['g1', 'g2'])")
    db.run("SELECT pgtrickle.create_refresh_group('beside', ARRAY['o2', 'o3'])")
    for one, other in list(pairs()) + [APART]:
        db.run(f"CREATE FUNCTION {one}_{other}() RETURNS TABLE (one int, other int) LANGUAGE plpgsql STABLE AS "
               f"$$ BEGIN RETURN QUERY {states(one, other)}; END $$")
    db.run("CREATE TABLE numbers AS SELECT generate_series(1, 2000) AS n; ANALYZE numbers; CREATE TABLE noted (n int)")
    for member in itertools.chain(*SETS.values(), APART):
        body = f"BEGIN RETURN (SELECT max(n) / (NOT fails)::int FROM {member}); EXCEPTION WHEN division_by_zero THEN RETURN NULL; END"
        for name, options in (("top", "STABLE"), ("old", "STABLE SET pg_trickle.max_staleness = '3h'"), ("parallel", "STABLE PARALLEL SAFE")):
            body_of = body if name == "top" else body[:body.index("EXCEPTION")] + "END"
            db.run(f"CREATE FUNCTION {name}_{member}(fails bool DEFAULT false) RETURNS int LANGUAGE plpgsql {options} AS $$ {body_of} $$")


def pairs():
    for members in SETS.values():
        yield from itertools.permutations(members, 2)


def states(one, other):
    return f"SELECT (SELECT max(n) FROM {one}), (SELECT max(n) FROM {other})"


def ways_to_read(one, other):
    """All return the state of the first one, and that of the second one."""
    return (states(one, other), f"SELECT b, a FROM ({states(other, one)}) AS swapped (a, b)", f"SELECT * FROM {one}_{other}()",
            f"SELECT max(n), top_{other}() FROM {one}", f"SELECT top_{one}(), max(n) FROM {other}")


def ways_to_read_once(one, other):
    return (f"SELECT top_{one}(), top_{other}()",
            f"SELECT a, b FROM (SELECT top_{other}() AS b, top_{one}() AS a OFFSET 0) AS called",
            # the planner calls the function first
            f"SELECT (SELECT max(n) FROM {one}), top_{other}() LIMIT top_{other}()",
            f"SELECT max(n) FROM {other}; SELECT max(n), top_{other}() FROM {one}",
            f"SELECT max(n), top_{other}() FROM {one} HAVING old_{other}() IS NOT NULL",
            f"SELECT max(n), top_{other}() FROM {one} HAVING top_{other}(true) IS NULL")


def schedule(members, of_second):
    for number, member in enumerate(members):
        db.run("SELECT pgtrickle.alter_stream_table(%s, schedule => %s)", member, of_second if number % 2 else "520w")


class Obstacle:
    """Another session, whose lock excludes a refresh of the member."""

    def __init__(self, statement):
        self.session = db.connect()
        self.session.cursor().execute(f"BEGIN; {statement}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.session.close()


REFRESH = "SELECT pgtrickle.refresh_stream_table('{0}')"


def read(query, staleness, level, is_expanded, read_before):
    """Returns the row, or None if the read waits for the obstacle. The snapshot of a transaction has been used to read the
    other one before."""
    session = db.connect()
    cursor = session.cursor()
    cursor.execute(f"SET pg_trickle.max_staleness = '{staleness}'; SET pg_trickle.scan_refresh_timeout = '1s'; SET lock_timeout = '50ms'; "
                   f"SET pg_trickle.enable_expansion = {is_expanded}; SET client_min_messages = error")
    try:
        cursor.execute(f"BEGIN ISOLATION LEVEL {level}")
        if level != "READ COMMITTED":
            cursor.execute(f"SELECT n FROM {read_before}")
        cursor.execute(query)
        return cursor.fetchone()
    except psycopg2.errors.LockNotAvailable:
        return None
    finally:
        session.close()


def read_beside(obstacle, one, other, answers):
    """Reads both stream tables in all ways while the obstacle concerns the first one."""
    for staleness, of_second in STALENESS:
        schedule((one, other), of_second)
        with Obstacle(obstacle.format(one)):
            db.run("UPDATE common SET n = n + 1")
            if of_second == "1s":
                db.wait_for(f"SELECT pgtrickle.get_staleness('{other}') > 1", True)
            reads = [*itertools.product(("READ COMMITTED",), ways_to_read(one, other) + ways_to_read_once(one, other), ("common",)),
                     *itertools.product(("REPEATABLE READ",), ways_to_read(one, other), ("common", one))]
            for number, (level, query, read_before) in enumerate(reads):
                row = read(query, staleness, level, "on" if number % 3 else "off", read_before)
                assert row is None or row[0] == row[1], (obstacle, staleness, of_second, level, read_before, query, row)
                answers[level] = answers.get(level, 0) + (row is not None)


def beside(obstacle):
    answers = {}
    for one, other in pairs():
        read_beside(obstacle, one, other, answers)
    return answers


def one_is_being_refreshed():
    answers = beside(REFRESH)
    assert min(answers.values()) > 0, answers


def and_others_may_not_read_its_source():
    """Only the other ones can be read exactly without waiting."""
    answers = beside(REFRESH + "; LOCK TABLE own_{0}")
    assert answers["READ COMMITTED"] > 0, answers


class Transaction:
    """A session in a transaction with a fixed snapshot, and fresh data wanted; changes of `common` are pending for it."""

    def __init__(self, *settings):
        self.session = db.connect()
        self.cursor = self.session.cursor()
        for setting in ("pg_trickle.max_staleness = 0", *settings):
            self.cursor.execute("SET " + setting)
        self.cursor.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT n FROM common")
        self.now = self.cursor.fetchone()[0]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.session.close()

    def run(self, statement):
        self.session.notices.clear()
        self.cursor.execute(statement)
        return self.cursor.fetchone() if self.cursor.description else None

    def top(self, member):
        return self.run(f"SELECT max(n) FROM {member}")[0]

    def was_warned(self):
        return any("exceeds its maximum staleness" in notice for notice in self.session.notices)


def change_while_paused(*paused):
    """The paused ones lack the last change."""
    db.run("SELECT pgtrickle.pause_scheduler(%s)", list(paused))
    db.run("UPDATE common SET n = n + 1")


def a_member_that_a_user_holds_keeps_its_rows():
    schedule(("g1", "g2"), "520w")
    change_while_paused("g1")
    for read_first in "g1", "g2":
        with Transaction() as reader:
            reader.top(read_first)
            assert reader.top("g1") == reader.now - 1, read_first
            assert reader.top("g2") == reader.now, read_first
    db.run("SELECT pgtrickle.resume_scheduler(ARRAY['g1'])")


def so_does_one_that_fails():
    db.run("CREATE TABLE divisor (n int); INSERT INTO divisor VALUES (1)")
    db.run("SELECT pgtrickle.create_stream_table('failing', 'SELECT 10 / n AS n FROM divisor', '520w')")
    db.run("INSERT INTO divisor VALUES (0)")
    session = db.connect()
    cursor = session.cursor()
    cursor.execute("SET pg_trickle.max_staleness = 0; BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT n FROM failing")
    assert cursor.fetchall() == [(10,)]
    session.close()
    db.run("DROP FOREIGN TABLE failing")


def what_the_transaction_writes_is_seen():
    schedule(("g1", "g2"), "520w")
    for read_before in ("g2",), ("g1", "g2"), ():
        with Obstacle(REFRESH.format("g1")):
            db.run("UPDATE common SET n = n + 1")
            with Transaction() as reader:
                for member in read_before:
                    reader.top(member)
                reader.run("INSERT INTO own_g1 VALUES (1000000)")
                found = reader.top("g1")
                assert found == 1000000, (read_before, found, reader.session.notices)


def what_the_session_has_read_is_not_lost():
    with Obstacle(REFRESH.format("g1") + "; LOCK TABLE own_g1"):
        db.run("UPDATE common SET n = n + 1")
        with Transaction("lock_timeout = '100ms'") as reader:
            reader.run("COMMIT; SET pg_trickle.read_mode = exact")
            now = reader.top("g2")
            assert now == reader.now
            reader.run("RESET pg_trickle.read_mode; BEGIN ISOLATION LEVEL REPEATABLE READ")
            reader.run("SELECT n FROM common")
            assert reader.top("g2") == now
    for members in itertools.permutations(("g1", "g2")):
        with Obstacle(REFRESH.format("g1")):
            db.run("UPDATE common SET n = n + 1")
            with Transaction() as reader:
                reader.run("COMMIT; SET pg_trickle.read_mode = exact")
                assert reader.top("g2") == reader.now
                reader.run("RESET pg_trickle.read_mode; SET pg_trickle.max_staleness = -1; BEGIN ISOLATION LEVEL REPEATABLE READ")
                reader.run("SELECT n FROM common")
                for member in members:
                    assert reader.top(member) == reader.now, (members, member)


def a_refresh_between_the_statements_changes_nothing():
    """The session has read one of them exactly while a refresh that includes this state had not committed yet."""
    schedule(("g1", "g2"), "520w")
    for exactly, members in itertools.product(("g1", "g2"), itertools.permutations(("g1", "g2"))):
        refreshing = db.connect()
        db.run("UPDATE common SET n = n + 1")
        refreshing.cursor().execute("BEGIN; " + REFRESH.format("g1"))
        with Transaction() as reader:
            reader.run("COMMIT; SET pg_trickle.read_mode = exact")
            reader.top(exactly)
            refreshing.cursor().execute("COMMIT")
            refreshing.close()
            db.run("UPDATE common SET n = n + 1")
            reader.run("RESET pg_trickle.read_mode; SET pg_trickle.max_staleness = -1; BEGIN ISOLATION LEVEL REPEATABLE READ")
            reader.run("SELECT n FROM common")
            first = reader.top(members[0])
            refresh_in_another("g1")
            assert reader.top(members[1]) == first, (exactly, members, first)


def a_later_statement_of_another_member_is_of_the_same_state():
    """It is reported that the member is older than it may be, unless the first one has been read exactly."""
    schedule(("g1", "g2"), "0s")
    for on_stale in "serve", "error":
        with Obstacle(REFRESH.format("g1")):
            db.run("UPDATE common SET n = n + 1")
            with Transaction("pg_trickle.max_staleness = -1", f"pg_trickle.on_stale = {on_stale}") as reader:
                first = reader.top("g1")
                assert first < reader.now and not reader.was_warned()
                try:
                    assert reader.top("g2") == first and reader.was_warned()
                    assert on_stale == "serve"
                except psycopg2.errors.ObjectNotInPrerequisiteState:
                    assert on_stale == "error"
            with Transaction("pg_trickle.max_staleness = -1", f"pg_trickle.on_stale = {on_stale}") as reader:
                assert reader.top("g2") == reader.now
                assert reader.top("g1") == reader.now


def a_set_that_is_made_meanwhile_changes_nothing():
    schedule(APART, "0s")
    with Obstacle(REFRESH.format("a1")), Obstacle(REFRESH.format("a2")):
        db.run("UPDATE common SET n = n + 1")
        with Transaction("pg_trickle.max_staleness = -1") as reader:
            first = reader.top("a1"), reader.top("a2")
            assert first[0] < reader.now and first[1] == reader.now, first
            db.run("SELECT pgtrickle.create_refresh_group('later', %s)", list(APART))
            assert (reader.top("a1"), reader.top("a2")) == first
    db.run("SELECT pgtrickle.drop_refresh_group('later')")


def a_member_that_is_not_read_is_not_waited_for():
    """Nor locked."""
    schedule(("g1", "g2"), "0s")
    with Obstacle("DROP FOREIGN TABLE g2; LOCK TABLE own_g2"):
        with Transaction("pg_trickle.max_staleness = -1", "lock_timeout = '100ms'") as reader:
            reader.top("g1")
            assert reader.run("SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN ('g2'::regclass, 'own_g2'::regclass)") == (0,)


def stale_rows_are_reported_again():
    """After a hold has ended, too: the rows stay the same."""
    schedule(("a1", "a2"), "520w")
    change_while_paused("a1")
    with Transaction() as reader:
        stored = reader.top("a1")
        assert stored < reader.now and reader.was_warned()
        db.run("SELECT pgtrickle.resume_scheduler(ARRAY['a1'])")
        assert reader.top("a1") == stored and reader.was_warned()
        reader.run("SET pg_trickle.on_stale = error")
        try:
            raise AssertionError(reader.top("a1"))
        except psycopg2.errors.ObjectNotInPrerequisiteState:
            pass


def settings_between_do_not_lead_back():
    """Although another session refreshes meanwhile, which this snapshot does not see."""
    db.run("UPDATE common SET n = n + 1")
    for exactly in "pg_trickle.max_staleness = 0", "pg_trickle.read_mode = exact", "pg_trickle.consistent_reads = on":
        with Transaction("pg_trickle.max_staleness = -1") as reader:
            reader.top("a1")
            reader.run("SET " + exactly)
            assert reader.top("a1") == reader.now, exactly
            refresh_in_another("a1")
            reader.run("RESET " + exactly.split(" ")[0])
            assert reader.top("a1") == reader.now, exactly
            db.run("UPDATE common SET n = n + 1")


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


IN_PARALLEL = ("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; "
               "SET parallel_leader_participation = off; SET client_min_messages = error; ")


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


def refresh_in_another(member):
    db.run("SELECT pgtrickle.refresh_stream_table(%s)", member)


def a_young_member_is_read_again_as_before():
    """After an own write, and although it is held: its schedule does not require the write."""
    schedule(("g1", "g2"), "520w")
    db.run("SELECT pgtrickle.pause_scheduler(ARRAY['g1'])")
    with Transaction("pg_trickle.max_staleness = -1", "pg_trickle.on_stale = error") as reader:
        reader.run("INSERT INTO own_g1 VALUES (2000000)")
        assert reader.top("g1") == reader.top("g1")
    db.run("SELECT pgtrickle.resume_scheduler(ARRAY['g1'])")


def overlapping_sets_are_refreshed_as_one():
    """A member of a group is refreshed because of a diamond, one of another group because of the first."""
    for name in "p1", "p2", "p3", "p6":
        db.run(f"CREATE TABLE own_{name} (n int)")
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s)", name, f"SELECT n FROM common UNION ALL SELECT n FROM own_{name}",
               "0s" if name == "p6" else "520w")
    db.run("SELECT pgtrickle.create_stream_table('p5', 'SELECT l.n FROM p2 l JOIN p3 r USING (n)', '520w')")
    db.run("SELECT pgtrickle.create_refresh_group('p_first', ARRAY['p1', 'p2']), pgtrickle.create_refresh_group('p_second', ARRAY['p3', 'p6'])")
    for _ in range(5):
        db.run("UPDATE common SET n = n + 1")
        now = db.value("SELECT n FROM common")
        assert db.value("SELECT max(n) FROM p6") == now
        db.wait_for("SELECT max(n) FROM p2", now)
        assert db.run(states("p1", "p2")) == [(now, now)]


def those_apart_may_differ():
    """Otherwise the cases above show nothing."""
    try:
        read_beside(REFRESH + "; LOCK TABLE own_{0}", *APART, {})
    except AssertionError as error:
        print(error)
    else:
        raise AssertionError("they never differ")


try:
    set_up()
    run_cases([one_is_being_refreshed, and_others_may_not_read_its_source, a_member_that_a_user_holds_keeps_its_rows, so_does_one_that_fails,
               what_the_transaction_writes_is_seen, what_the_session_has_read_is_not_lost,
               a_refresh_between_the_statements_changes_nothing,
               a_later_statement_of_another_member_is_of_the_same_state, a_set_that_is_made_meanwhile_changes_nothing,
               a_member_that_is_not_read_is_not_waited_for, stale_rows_are_reported_again, settings_between_do_not_lead_back,
               a_young_member_is_read_again_as_before, overlapping_sets_are_refreshed_as_one, a_cursor_stays_in_one_state,
               so_does_one_that_a_function_has_opened, what_runs_at_the_end_of_a_statement_is_of_its_state,
               consistent_reads_include_functions, a_current_member_keeps_none_from_being_read_exactly,
               parallel_workers_know_what_was_read_before,
               functions_change_nothing_about_others, a_look_up_that_shows_exact_rows_binds_none_to_stored_ones,
               functions_of_postgresql_read_as_well, what_has_failed_binds_nothing, a_cursor_is_bound_by_what_comes_after_it,
               workers_of_a_nested_statement_follow_that, those_apart_may_differ])
finally:
    db.drop()
