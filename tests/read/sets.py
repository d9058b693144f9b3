#!/usr/bin/python3 -B
"""Shows that a statement sees stream tables that are refreshed together in one state, also where one of them cannot be
refreshed and others are read exactly: in diamonds, refresh groups, and where these overlap, in all contexts of a read.
"""

import itertools

import psycopg2

import set_members
from set_members import (APART, REFRESH, STALENESS, Obstacle, Transaction, change_while_paused, db, pairs, refresh_in_another, schedule,
                         states)
from database import run_cases


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
    set_members.set_up()
    run_cases([one_is_being_refreshed, and_others_may_not_read_its_source, a_member_that_a_user_holds_keeps_its_rows,
               so_does_one_that_fails, what_the_transaction_writes_is_seen, what_the_session_has_read_is_not_lost,
               a_refresh_between_the_statements_changes_nothing, a_later_statement_of_another_member_is_of_the_same_state, a_set_that_is_made_meanwhile_changes_nothing,
               a_member_that_is_not_read_is_not_waited_for, stale_rows_are_reported_again, settings_between_do_not_lead_back,
               a_young_member_is_read_again_as_before, overlapping_sets_are_refreshed_as_one, those_apart_may_differ])
finally:
    db.drop()
