#!/usr/bin/python3 -B
"""A stream table shows the sources of a watermark group as of an advance, whichever way leads to them and whatever is
refreshed with it or not."""

import itertools
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
# Reads of this session must not cause the refreshes that are tested.
db.run("SET pg_trickle.enabled = off")
HOURS = itertools.count(1)


def create(name, query, schedule="520w"):
    db.run(f"SELECT pgtrickle.create_stream_table('{name}', $${query}$$, '{schedule}')")


def advance(*sources):
    """Advances all in one transaction, and returns the time."""
    time = f"2030-01-01 00:00Z'::timestamptz + interval '{next(HOURS)} h"
    db.run("; ".join(f"SELECT pgtrickle.advance_watermark('{source}', '{time}')" for source in sources))
    return db.value(f"SELECT '{time}'")


def wait_until_applied(name, time):
    db.wait_for(f"SELECT max(watermark) = '{time}' FROM pgtrickle.pgt_watermark_taken WHERE relid = '{name}'::regclass", True)


def rows(name):
    return db.run(f"SELECT * FROM {name} ORDER BY 1")


def refresh(name):
    """Returns the error's code, or nothing."""
    try:
        db.run(f"SELECT pgtrickle.refresh_stream_table('{name}')")
    except psycopg2.Error as error:
        return error.pgcode
    return None


# ---- a stream table that reaches a source of the group through others -------------------------------------------

PATHS = {"near": 1, "far": 2}
OWNERS = {"own": None, "foreign": "watermarks_other"}  # of the last upstream
db.let_own_stream_tables("watermarks_other")


def make_path(name, depth, owner):
    """Creates tables a and b, and m, which reads b and, through `depth` stream tables, a."""
    db.run(f"CREATE TABLE {name}_a (id int PRIMARY KEY, v int); CREATE TABLE {name}_b (id int PRIMARY KEY, v int)")
    read = f"{name}_a"
    for number in range(depth):
        create(f"{name}_u{number}", f"SELECT id, v FROM {read}")
        if owner:
            db.run(f"GRANT SELECT, TRIGGER ON {read} TO {owner}")
        read = f"{name}_u{number}"
    if owner:
        db.run(f"ALTER FOREIGN TABLE {read} OWNER TO {owner}")
    create(f"{name}_m", f"SELECT b.id, u.v, b.v AS w FROM {name}_b b LEFT JOIN {read} u USING (id)", "1s")
    db.run(f"SELECT pgtrickle.create_watermark_group('{name}', ARRAY['{name}_a', '{name}_b'])")


def load(name, number):
    db.run(f"INSERT INTO {name}_a VALUES ({number}, {number}); INSERT INTO {name}_b VALUES ({number}, {number})")


def the_manager_applies_upstreams_with_a_released_one():
    """Though they have schedules of their own."""
    for (owned, owner), (path, depth) in itertools.product(OWNERS.items(), PATHS.items()):
        name = f"{owned}_{path}"
        make_path(name, depth, owner)
        for number in 1, 2:
            load(name, number)
            wait_until_applied(f"{name}_m", advance(f"{name}_a", f"{name}_b"))
            assert rows(f"{name}_m") == [(i, i, i) for i in range(1, number + 1)], rows(f"{name}_m")


def the_manager_holds_what_others_lead_to():
    """A stream table beside it, which is created later, shows that the manager has looked."""
    for owned, path in itertools.product(OWNERS, PATHS):
        name = f"{owned}_{path}"
        before = rows(f"{name}_m")
        create(f"{name}_beside", f"SELECT id FROM {name}_b", "1s")
        db.run(f"INSERT INTO {name}_b VALUES (3, 3)")
        db.wait_for(f"SELECT count(*) FROM {name}_beside", 3)
        db.wait_for(f"SELECT count(*) FROM pgtrickle.get_refresh_history('{name}_m', 100) WHERE action = 'SKIP'", 1)
        assert rows(f"{name}_m") == before, rows(f"{name}_m")
        db.run(f"INSERT INTO {name}_a VALUES (3, 3)")
        wait_until_applied(f"{name}_m", advance(f"{name}_a", f"{name}_b"))
        assert rows(f"{name}_m") == [(i, i, i) for i in (1, 2, 3)], rows(f"{name}_m")


def a_refresh_by_hand_is_held_beside_upstreams_that_it_leaves_out():
    db.run("SELECT pgtrickle.pause_scheduler()")
    for (owned, owner), (path, depth) in itertools.product(OWNERS.items(), PATHS.items()):
        name = f"left_{owned}_{path}"
        make_path(name, depth, owner)
        load(name, 1)
        time = advance(f"{name}_a", f"{name}_b")
        for number in range(depth):
            assert refresh(f"{name}_u{number}") is None
        assert refresh(f"{name}_m") is None
        wait_until_applied(f"{name}_m", time)
        if not owner:
            db.run(f"SELECT pgtrickle.alter_stream_table('{name}_u{depth - 1}', status => 'SUSPENDED')")
        before = rows(f"{name}_m")
        db.run(f"INSERT INTO {name}_b VALUES (2, 2)")
        assert refresh(f"{name}_m") is None, "it is up to date"
        assert rows(f"{name}_m") == before, (name, rows(f"{name}_m"))
        advance(f"{name}_b")
        assert refresh(f"{name}_m") == "55000", (name, rows(f"{name}_m"))
    db.run("SELECT pgtrickle.resume_scheduler()")


# ---- members that fail or are left out ---------------------------------------------------------------------------

def a_member_that_failed_has_applied_no_advance():
    """It is computed once its values allow it, by hand or by the manager, though the group has not advanced again."""
    for repair in "hand", "manager":
        db.run("SELECT pgtrickle.pause_scheduler()")
        name = f"failed_{repair}"
        db.run(f"CREATE TABLE {name}_t (id int PRIMARY KEY, v int); CREATE TABLE {name}_s (id int PRIMARY KEY)")
        create(f"{name}_x", f"SELECT id, 12 / v AS v FROM {name}_t", "1s")
        create(f"{name}_y", f"SELECT id FROM {name}_s", "1s")
        db.run(f"SELECT pgtrickle.create_refresh_group('{name}', ARRAY['{name}_x', '{name}_y'])")
        db.run(f"SELECT pgtrickle.create_watermark_group('{name}', ARRAY['{name}_t'])")
        time = advance(f"{name}_t")
        assert refresh(f"{name}_x") is None
        wait_until_applied(f"{name}_x", time)
        db.run(f"INSERT INTO {name}_t VALUES (9, 0)")
        advance(f"{name}_t")
        assert refresh(f"{name}_y") is None, "it leaves out the failing one"
        assert rows(f"{name}_x") == []
        db.run(f"UPDATE {name}_t SET v = 1 WHERE id = 9")
        if repair == "hand":
            assert refresh(f"{name}_x") is None
            assert rows(f"{name}_x") == [(9, 12)], rows(f"{name}_x")
        db.run("SELECT pgtrickle.resume_scheduler()")
        db.wait_for(f"SELECT max(v) FROM {name}_x", 12)


def those_beside_a_member_that_failed_have_applied_no_advance():
    """A reader does without an atomic set, whose members wait for the failing one."""
    db.run("CREATE TABLE apex_t (id int PRIMARY KEY, v int)")
    create("apex_x", "SELECT id, 12 / v AS v FROM apex_t")
    create("apex_z", "SELECT id FROM apex_t")
    create("apex_y", "SELECT x.id, x.v FROM apex_x x JOIN apex_z z USING (id)")
    db.run("SELECT pgtrickle.create_watermark_group('apex', ARRAY['apex_t'])")
    wait_until_applied("apex_z", advance("apex_t"))
    db.run("INSERT INTO apex_t VALUES (9, 0)")
    time = advance("apex_t")
    reader = db.connect()
    reader.cursor().execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = serve; SELECT * FROM apex_z")
    reader.close()
    assert rows("apex_z") == [], rows("apex_z")
    assert db.run(f"SELECT 1 FROM pgtrickle.pgt_watermark_taken WHERE relid = 'apex_z'::regclass AND watermark = '{time}'") == [], "recorded"
    db.run("UPDATE apex_t SET v = 1 WHERE id = 9")
    code = refresh("apex_y")
    assert code is None, code
    assert (rows("apex_z"), rows("apex_y")) == ([(9,)], [(9, 12)])


def a_gated_member_that_must_be_set_up_is_left_out():
    """The view that it reads was replaced by a role that may not compile its query."""
    db.let_own_stream_tables("watermarks_owner", "watermarks_viewer")
    db.run("""CREATE TABLE seen (id int PRIMARY KEY, v int); CREATE TABLE beside (id int PRIMARY KEY);
              ALTER TABLE seen OWNER TO watermarks_owner; ALTER TABLE beside OWNER TO watermarks_owner;
              GRANT SELECT ON seen TO watermarks_viewer""")
    db.as_role("watermarks_viewer", "CREATE VIEW view AS SELECT id, v FROM seen", "GRANT SELECT ON view TO watermarks_owner")
    db.run("SELECT pgtrickle.pause_scheduler()")
    db.as_role("watermarks_owner", "SELECT pgtrickle.create_stream_table('gated', 'SELECT id, v FROM view', '520w')",
               "SELECT pgtrickle.create_stream_table('open', 'SELECT id FROM beside', '520w')",
               "SELECT pgtrickle.create_refresh_group('gated_group', ARRAY['gated', 'open'])",
               "SELECT pgtrickle.gate_source('seen')", "INSERT INTO seen VALUES (1, 1)", "INSERT INTO beside VALUES (1)")
    db.as_role("watermarks_viewer", "CREATE OR REPLACE VIEW view AS SELECT id, v + 1 AS v FROM seen")
    db.as_role("watermarks_owner", "SELECT pgtrickle.refresh_stream_table('open')")
    assert rows("open") == [(1,)] and rows("gated") == []
    db.as_role("watermarks_owner", "SELECT pgtrickle.ungate_source('seen')", "SELECT pgtrickle.refresh_stream_table('open')")
    assert rows("gated") == [(1, 2)], rows("gated")
    db.run("SELECT pgtrickle.resume_scheduler()")


# ---- another query -----------------------------------------------------------------------------------------------

CHANGES = {
    "query": ("OPTIONS (SET query 'SELECT a.id, a.v, b.v AS w, 1 AS one FROM {name}_a a JOIN {name}_b b USING (id)')", "READ COMMITTED"),
    "mode": ("OPTIONS (SET refresh_mode 'FULL')", "READ COMMITTED"),
    "partitions": ("OPTIONS (ADD partition_by 'HASH (id, 2)')", "READ COMMITTED"),
    "snapshot": ("OPTIONS (SET query 'SELECT b.id, a.v, b.v AS w FROM {name}_a a JOIN {name}_b b USING (id)')", "REPEATABLE READ"),
}


def another_definition_applies_no_load_that_is_held():
    db.run("SELECT pgtrickle.pause_scheduler()")
    for change, (options, level) in CHANGES.items():
        name = f"altered_{change}"
        db.run(f"CREATE TABLE {name}_a (id int PRIMARY KEY, v int); CREATE TABLE {name}_b (id int PRIMARY KEY, v int)")
        create(f"{name}_m", f"SELECT b.id, a.v, b.v AS w FROM {name}_b b LEFT JOIN {name}_a a USING (id)")
        db.run(f"SELECT pgtrickle.create_watermark_group('{name}', ARRAY['{name}_a', '{name}_b'])")
        load(name, 1)
        time = advance(f"{name}_a", f"{name}_b")
        assert refresh(f"{name}_m") is None
        wait_until_applied(f"{name}_m", time)
        before = rows(f"{name}_m")
        db.run(f"INSERT INTO {name}_b VALUES (2, 2)")
        alter = f"BEGIN ISOLATION LEVEL {level}; ALTER FOREIGN TABLE {name}_m {options.format(name=name)}; COMMIT"
        try:
            db.run(alter)
            raise AssertionError(f"{change} was altered: {rows(f'{name}_m')}")
        except psycopg2.errors.ObjectNotInPrerequisiteState:
            db.run("ROLLBACK")
        assert rows(f"{name}_m") == before
        # After an advance it is altered, and the new rows are those of that advance.
        db.run(f"INSERT INTO {name}_a VALUES (2, 2)")
        time = advance(f"{name}_a", f"{name}_b")
        db.run(alter)
        wait_until_applied(f"{name}_m", time)
        db.run(f"INSERT INTO {name}_a VALUES (3, 3); INSERT INTO {name}_b VALUES (3, 3)")
        assert refresh(f"{name}_m") is None, "it is up to date"
        assert [row[0] for row in rows(f"{name}_m")] == [1, 2], rows(f"{name}_m")
    db.run("SELECT pgtrickle.resume_scheduler()")


def finish():
    db.drop()


run_cases([the_manager_applies_upstreams_with_a_released_one, the_manager_holds_what_others_lead_to,
           a_refresh_by_hand_is_held_beside_upstreams_that_it_leaves_out,
           a_member_that_failed_has_applied_no_advance, those_beside_a_member_that_failed_have_applied_no_advance, a_gated_member_that_must_be_set_up_is_left_out,
           another_definition_applies_no_load_that_is_held, finish])
