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
LEVELS = ("READ COMMITTED", "REPEATABLE READ")
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


def pairs():
    for members in SETS.values():
        yield from itertools.permutations(members, 2)


def states(one, other):
    return f"SELECT (SELECT max(n) FROM {one}), (SELECT max(n) FROM {other})"


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
            for number, (level, query, read_before) in enumerate(itertools.product(
                    LEVELS, (states(one, other), states(other, one), f"SELECT * FROM {one}_{other}()"), ("common", one))):
                if level == "READ COMMITTED" and read_before != "common":
                    continue
                row = read(query, staleness, level, "on" if number % 3 else "off", read_before)
                assert row is None or row[0] == row[1], (obstacle, staleness, of_second, level, read_before, query, row)
                answers[level] = answers.get(level, 0) + (row is not None)


def beside(obstacle):
    answers = {}
    for one, other in pairs():
        read_beside(obstacle, one, other, answers)
    assert answers["READ COMMITTED"] > 0, answers


def one_is_being_refreshed():
    beside(REFRESH)


def and_others_may_not_read_its_source():
    """Only the other ones can be read exactly without waiting."""
    beside(REFRESH + "; LOCK TABLE own_{0}")


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
    run_cases([one_is_being_refreshed, and_others_may_not_read_its_source, those_apart_may_differ])
finally:
    db.drop()
