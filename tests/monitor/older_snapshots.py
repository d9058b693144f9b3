#!/usr/bin/python3 -B
"""Shows that health_check() reports no fault under a snapshot from before another session has created, altered, repaired or dropped
a stream table: what it reads of now, it does not compare with catalogs of the snapshot."""

import sys
from contextlib import closing
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
CHECKS = "SELECT check_name, severity, detail FROM pgtrickle.health_check() WHERE severity <> 'OK' AND check_name IN ('storage', 'unpopulated', 'capture')"
CHANGES = ["SELECT pgtrickle.create_stream_table('second', 'SELECT id, n + 1 AS n FROM item')",
           "SELECT pgtrickle.alter_stream_table('first', query => 'SELECT id, n, n + 1 AS m FROM item')",
           "ALTER FOREIGN TABLE first RENAME TO renamed", "SELECT pgtrickle.repair_stream_table('first')",
           "DROP FOREIGN TABLE first", "ALTER TABLE item ALTER n TYPE bigint"]


def health_is_good_under_older_snapshots():
    found = []
    for change in CHANGES:
        for level in ("REPEATABLE READ", "SERIALIZABLE"):
            db.run("DROP TABLE IF EXISTS item CASCADE")
            db.run("CREATE TABLE item (id int PRIMARY KEY, n int)")
            db.run("SELECT pgtrickle.create_stream_table('first', 'SELECT id, n FROM item')")
            with closing(db.connect()) as session:
                cursor = session.cursor()
                cursor.execute(f"BEGIN ISOLATION LEVEL {level}; SELECT 1")
                db.run(change)
                cursor.execute(CHECKS)
                found += [(change, level, row) for row in cursor.fetchall()]
    assert not found, found


try:
    run_cases([health_is_good_under_older_snapshots])
finally:
    db.drop()
