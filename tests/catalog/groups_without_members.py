#!/usr/bin/python3 -B
"""Shows that a group without members is none: two transactions that drop the last two members at once leave its row behind, which no
list contains and a new group of the name replaces. And members without the row of their group, as a restore beside another group of
the name leaves them, can be freed by dropping the group."""

import sys
from contextlib import closing
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
CREATE = {"refresh": "SELECT pgtrickle.create_refresh_group('nightly', ARRAY['st0', 'st1'])",
          "watermark": "SELECT pgtrickle.create_watermark_group('nightly', ARRAY['t0', 't1'])"}
DROP_MEMBER = {"refresh": "DROP FOREIGN TABLE st{}", "watermark": "DROP TABLE t{} CASCADE"}


def set_up():
    for i in range(2):
        db.run(f"DROP TABLE IF EXISTS t{i} CASCADE")
        db.run(f"CREATE TABLE t{i} (id int PRIMARY KEY)")
        db.run(f"SELECT pgtrickle.create_stream_table('st{i}', 'SELECT id FROM t{i}', '520w')")


def listed(kind):
    return db.value(f"SELECT count(*) FROM pgtrickle.{kind}_groups()")


def members_dropped_at_once_leave_no_group():
    for kind, create in CREATE.items():
        set_up()
        db.run(create)
        with closing(db.connect()) as one, closing(db.connect()) as other:
            for i, session in enumerate((one, other)):
                session.cursor().execute("BEGIN; SET client_min_messages = warning; " + DROP_MEMBER[kind].format(i))
            for session in (one, other):
                session.cursor().execute("COMMIT")
        assert listed(kind) == 0, kind
        set_up()
        db.run(create)
        assert listed(kind) == 1, kind
        db.run(f"SELECT pgtrickle.drop_{kind}_group('nightly')")


def members_without_their_group_are_freed():
    for kind, create in CREATE.items():
        set_up()
        db.run(create)
        db.run(f"DELETE FROM pgtrickle.pgt_{kind}_group")
        db.run(f"SELECT pgtrickle.drop_{kind}_group('nightly')")
        db.run(create)
        assert listed(kind) == 1, kind
        db.run(f"SELECT pgtrickle.drop_{kind}_group('nightly')")


try:
    run_cases([members_dropped_at_once_leave_no_group, members_without_their_group_are_freed])
finally:
    db.drop()
