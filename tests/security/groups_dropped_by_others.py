#!/usr/bin/python3 -B
"""Shows that no role drops a group of stream tables or of sources that another role owns, not even a group that comes into being
while the function runs: a session holds the change of the function back by a lock on the table of groups, and creates the group
in the same transaction, for each kind of group, isolation level and owner of a part of the members."""

import itertools
import sys
import threading
import uuid
from contextlib import closing
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
ALICE, MALLORY = (f"{name}_{uuid.uuid4().hex[:8]}" for name in ("alice", "mallory"))
# The table of groups, the table of members, and members of each role.
KINDS = {
    "watermark": ("pgt_watermark_group", "pgt_hold", {ALICE: ["a.t", "a.u"], MALLORY: ["m.t", "m.u"]}),
    "refresh": ("pgt_refresh_group", "pgt_refresh_group_member", {ALICE: ["a.st", "a.su"], MALLORY: ["m.st", "m.su"]}),
}
LEVELS = ["read committed", "repeatable read", "serializable"]


def set_up():
    db.let_own_stream_tables(ALICE, MALLORY)
    for role in ALICE, MALLORY:
        schema = role[0]
        db.run(f"CREATE SCHEMA {schema} AUTHORIZATION {role}; GRANT USAGE ON SCHEMA {schema} TO PUBLIC")
        db.as_role(role, *(f"CREATE TABLE {schema}.{name} (id int PRIMARY KEY)" for name in "tu"),
                   *(f"SELECT pgtrickle.create_stream_table('{schema}.s{name}', 'SELECT id FROM {schema}.{name}', '520w')" for name in "tu"))


def groups(kind):
    return db.value(f"SELECT (SELECT count(*) FROM pgtrickle.{KINDS[kind][0]} WHERE name = 'nightly')::int "
                    f"+ (SELECT count(*) FROM pgtrickle.{KINDS[kind][1]} WHERE group_name = 'nightly')::int")


def dropped_while_created(kind, level, members, creator):
    """Returns the SQLSTATE of MALLORY's drop, which begins before the group is committed and goes on behind it; None if it
    succeeds."""
    end = []

    def drop(cursor):
        try:
            cursor.execute(f"SELECT pgtrickle.drop_{kind}_group('nightly')")
            end.append(None)
        except psycopg2.Error as error:
            end.append(error.pgcode)

    with closing(db.connect()) as holder, closing(db.connect()) as attacker:
        holder.autocommit = False
        held = holder.cursor()
        held.execute(f"LOCK TABLE pgtrickle.{KINDS[kind][0]} IN SHARE MODE")
        if creator:
            held.execute(f"SET LOCAL ROLE {creator}")
        held.execute(f"SELECT pgtrickle.create_{kind}_group('nightly', %s)", (members,))
        cursor = attacker.cursor()
        cursor.execute(f"SET SESSION AUTHORIZATION {MALLORY}; SET default_transaction_isolation = '{level}'; SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
        thread = threading.Thread(target=drop, args=(cursor,))
        thread.start()
        db.wait_for(f"SELECT count(*)::int FROM pg_locks WHERE pid = {pid} AND NOT granted", 1)
        holder.commit()
        thread.join(30)
        assert not thread.is_alive(), "the drop does not end"
    return end[0]


def a_group_of_others_that_is_created_meanwhile_stays():
    for kind, level in itertools.product(KINDS, LEVELS):
        of_alice, of_mallory = KINDS[kind][2][ALICE], KINDS[kind][2][MALLORY]
        mixed = [([of_mallory[0], of_alice[0]], None)] if kind == "watermark" else []
        for members, creator in [(of_alice, ALICE), *mixed]:
            end = dropped_while_created(kind, level, members, creator)
            assert end in ("42501", "42704", "40001"), (kind, level, members, end)
            assert groups(kind) == 1 + len(members), (kind, level, members)
            db.run(f"SELECT pgtrickle.drop_{kind}_group('nightly')")
            assert groups(kind) == 0


def an_own_group_that_is_created_meanwhile_is_dropped():
    for kind in KINDS:
        end = dropped_while_created(kind, "read committed", KINDS[kind][2][MALLORY], MALLORY)
        assert end is None, (kind, end)
        assert groups(kind) == 0


def a_group_of_dropped_members_is_dropped():
    for kind in KINDS:
        made = "FOREIGN TABLE m.{0} () SERVER pgtrickle OPTIONS (query 'SELECT id FROM m.t', schedule '520w')" if kind == "refresh" else "TABLE m.{0} (id int)"
        db.as_role(MALLORY, *("CREATE " + made.format(name) for name in ("v", "w")),
                   f"SELECT pgtrickle.create_{kind}_group('nightly', '{{m.v,m.w}}')", f"DROP {made.split(' m.')[0]} m.v",
                   f"SELECT pgtrickle.drop_{kind}_group('nightly')", f"DROP {made.split(' m.')[0]} m.w")
        assert groups(kind) == 0


try:
    set_up()
    run_cases([a_group_of_others_that_is_created_meanwhile_stays, an_own_group_that_is_created_meanwhile_is_dropped, a_group_of_dropped_members_is_dropped])
finally:
    db.drop()
    for role in ALICE, MALLORY:
        db.admin(f"DROP ROLE IF EXISTS {role}")
