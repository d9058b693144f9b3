#!/usr/bin/python3 -B
"""Shows that a snapshot shows stream tables that are refreshed together in one state, whatever stops their refreshes, and
whenever that begins and ends: before the transaction, between its snapshot and its first read, or between two reads, of
one statement too. Excepted are members of a refresh group that are refreshed without the one that is stopped.

STOPS is the number of random stops that each case tries; without it, each tries all of them.
"""

import itertools
import os
import threading

import psycopg2

import set_members
from set_members import SETS, db
from database import run_cases
from seeds import dice

# The number of reads of which each stop is counted: it begins, and ends, before so many of them; -1: before the snapshot.
MOMENTS = [(begins, ends) for begins in (-1, 0, 1) for ends in (-1, 0, 1, 2) if begins < ends or begins == ends == -1]


class Stop:
    """What stops refreshes of some members, and how it ends."""

    def __init__(self, name, begin, end, stopped):
        self.name, self.begin, self.end, self.stopped = name, begin, end, set(stopped)


def named(members):
    return f"ARRAY[{', '.join(repr(member) for member in members)}]"


def of_each(members, call):
    return "SELECT " + ", ".join(call.format(member) for member in members)


def stops_of(members):
    """Generates the stops of all of the members, and of a part of them."""
    resume = "SELECT pgtrickle.resume_scheduler()"
    yield Stop("drained", "SELECT pgtrickle.drain(10)", resume, members)
    yield Stop("all paused", "SELECT pgtrickle.pause_scheduler()", resume, members)
    yield Stop("source gated", "SELECT pgtrickle.gate_source('common')", "SELECT pgtrickle.ungate_source('common')", members)
    own = named(["common", *(f"own_{member}" for member in members)])
    yield Stop("watermarks apart", f"SELECT pgtrickle.create_watermark_group('w', {own}), pgtrickle.advance_watermark('common', now())",
               "SELECT pgtrickle.drop_watermark_group('w')", members)
    for part in [members, *([member] for member in members)]:
        yield Stop(f"paused {part}", f"SELECT pgtrickle.pause_scheduler({named(part)})",
                   f"SELECT pgtrickle.resume_scheduler({named(part)})", part)
        yield Stop(f"suspended {part}", of_each(part, "pgtrickle.alter_stream_table('{}', status => 'SUSPENDED')"),
                   of_each(part, "pgtrickle.resume_stream_table('{}')"), part)
        # The manager learns of tiers one by one, and may refresh these without o3 because of the dependent of o1 and o2.
        if members != SETS["overlap"]:
            yield Stop(f"frozen {part}", of_each(part, "pgtrickle.alter_stream_table('{}', tier => 'frozen')"),
                       of_each(part, "pgtrickle.alter_stream_table('{}', tier => 'hot')"), part)


def stopped_together(name, stop):
    """Returns the members that are not refreshed: those of a diamond with the one that is stopped, too."""
    diamond = {"group": set(), "diamond": set(SETS["diamond"]), "overlap": {"o1", "o2"}}[name]
    return stop.stopped | (diamond if stop.stopped & diamond else set())


def is_one_state(rows, stopped):
    """Whether members that are refreshed together have one state, and no member has two."""
    states = {}
    for member, state in rows:
        states.setdefault(member if member in stopped else "others", set()).add(state)
    for some in ([member for member in states if member in stopped], ["others"]):
        if len(set().union(*(states.get(each, set()) for each in some))) > 1:
            return False
    return True


def read_while(stop, begins, ends, members, is_snapshot_first, level):
    """Returns the members with the states that the transaction shows, and the state of their source."""
    session = db.connect()
    cursor = session.cursor()
    cursor.execute(f"SET pg_trickle.max_staleness = 0; SET client_min_messages = error; BEGIN ISOLATION LEVEL {level}")

    def pass_moment(moment):
        if begins == moment:
            db.run(stop.begin)
        if begins == ends == moment:
            db.run("UPDATE common SET n = n + 1")
        if ends == moment:
            db.run(stop.end)

    db.run("UPDATE common SET n = n + 1")
    pass_moment(-1)
    if begins == -1 and ends > -1:
        db.run("UPDATE common SET n = n + 1")
    if is_snapshot_first:
        cursor.execute("SELECT n FROM common")
    rows = []
    try:
        for number, member in enumerate((*members, members[0])):
            pass_moment(number)
            cursor.execute(f"SELECT max(n) FROM {member}")
            rows.append((member, cursor.fetchone()[0]))
        cursor.execute("SELECT n FROM common")
        return rows, cursor.fetchone()[0]
    finally:
        session.close()


def read_in_functions(stop, begins, ends, members):
    """As read_while(), by one statement in READ COMMITTED, whose functions read under its snapshot. It waits for a lock
    before each of them. No rows: it is to be tried again, as after a change of an option."""
    gates, reader = db.connect(), db.connect()
    gate, cursor = gates.cursor(), reader.cursor()
    for number in range(len(members)):
        gate.execute(f"SELECT pg_advisory_lock({number})")
    cursor.execute("SET pg_trickle.max_staleness = 0; SET client_min_messages = error")
    db.run("UPDATE common SET n = n + 1")
    if begins == -1:
        db.run(stop.begin)
        db.run("UPDATE common SET n = n + 1")
    calls = ", ".join(f"pg_advisory_lock_shared({number}), top_{member}()" for number, member in enumerate(members))
    errors = []

    def execute():
        try:
            cursor.execute(f"SELECT {calls}, n FROM common")
        except psycopg2.errors.SerializationFailure as error:
            errors.append(error)

    statement = threading.Thread(target=execute)
    statement.start()
    try:
        for number in range(len(members)):
            db.wait_for("SELECT state = 'idle' AND query LIKE '%top_%' OR EXISTS (SELECT FROM pg_locks l WHERE l.pid = a.pid AND "
                        f"objid = {number} AND NOT granted) FROM pg_stat_activity a WHERE pid = {reader.info.backend_pid}", True)
            if begins == number:
                db.run(stop.begin)
            if ends == number:
                db.run(stop.end)
            gate.execute(f"SELECT pg_advisory_unlock({number})")
    finally:
        gates.close()
        statement.join()
        if ends == len(members):
            db.run(stop.end)
    row = cursor.fetchone() if not errors else None
    reader.close()
    return (list(zip(members, row[1:-1:2])), row[-1]) if row else ([], 0)


def chosen(every):
    """Returns them in their order: stops of all members come before those of a part, after which members differ."""
    most = int(os.environ.get("STOPS", 0))
    return [every[number] for number in sorted(dice().sample(range(len(every)), most))] if 0 < most < len(every) else every


def functions_of_one_statement():
    for name, members in (("group", SETS["group"]), ("diamond", SETS["diamond"]), ("overlap", SETS["overlap"])):
        answers = {"current": 0, "stored": 0, "none": 0}
        for stop, (begins, ends) in chosen(list(itertools.product(stops_of(members), [moment for moment in MOMENTS if moment != (-1, -1)]))):
            rows, now = read_in_functions(stop, begins, ends, members)
            assert is_one_state(rows, stopped_together(name, stop)), (stop.name, begins, ends, rows, now)
            answers["none" if not rows else "current" if rows[0][1] == now else "stored"] += 1
        assert min(answers["current"], answers["stored"]) > answers["none"], answers


def read_beside_all_stops(name):
    answers = {"current": 0, "stored": 0}
    for stop, (begins, ends), members in chosen(list(itertools.product(stops_of(SETS[name]), MOMENTS, itertools.permutations(SETS[name])))):
        for is_snapshot_first, level in ((True, "REPEATABLE READ"), (False, "REPEATABLE READ"), (True, "SERIALIZABLE")):
            rows, now = read_while(stop, begins, ends, members, is_snapshot_first, level)
            where = (stop.name, "begins before read", begins, "ends before read", ends, members, is_snapshot_first, level, rows, now)
            assert is_one_state(rows, stopped_together(name, stop)), where
            answers["current" if rows[0][1] == now else "stored"] += 1
    assert min(answers.values()) > 0, answers


def a_refresh_group():
    read_beside_all_stops("group")


def a_diamond():
    read_beside_all_stops("diamond")


def a_diamond_that_overlaps_a_group():
    read_beside_all_stops("overlap")


def a_diamond_whose_last_member_fails():
    """It keeps back the others, which could be computed."""
    db.run("CREATE TABLE divisor (n int); INSERT INTO divisor VALUES (1)")
    for member in "f1", "f2":
        db.run("SELECT pgtrickle.create_stream_table(%s, 'SELECT max(n) AS n FROM common', '520w')", member)
    db.run("SELECT pgtrickle.create_stream_table('failing', 'SELECT l.n / d.n AS n FROM f1 l JOIN f2 r USING (n), divisor d', 'calculated')")
    stop = Stop("failing", "UPDATE divisor SET n = 0", "UPDATE divisor SET n = 1", ("f1", "f2"))
    for (begins, ends), members, is_snapshot_first in itertools.product(MOMENTS, itertools.permutations(("f1", "f2")), (True, False)):
        rows, now = read_while(stop, begins, ends, members, is_snapshot_first, "REPEATABLE READ")
        assert is_one_state(rows, stop.stopped), (begins, ends, members, is_snapshot_first, rows, now)


try:
    set_members.set_up()
    run_cases([a_refresh_group, a_diamond, a_diamond_that_overlaps_a_group, a_diamond_whose_last_member_fails,
               functions_of_one_statement])
finally:
    db.drop()
