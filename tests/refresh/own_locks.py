#!/usr/bin/python3 -B
"""Shows that a transaction never waits for a lock that it holds itself: it has refreshed a stream table or added a partition or child, another
session waits for it, and what it does next ends."""

import itertools
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from waiting import Waiting  # noqa: E402

CANCELLED = "57014"
REFRESH = "SELECT pgtrickle.refresh_stream_table('{}')"
CHANGES = {
    "refreshed": "INSERT INTO far VALUES (1); " + REFRESH.format("upstream"),
    "repaired": "SELECT pgtrickle.repair_stream_table('upstream'); INSERT INTO far VALUES (1)",
    "attached": "CREATE TABLE another (k int); INSERT INTO another VALUES (2); ALTER TABLE tree ATTACH PARTITION another FOR VALUES IN (2); INSERT INTO tree VALUES (1)",
    "inherited": "CREATE TABLE child (k int); INSERT INTO child VALUES (2); ALTER TABLE child INHERIT parent; INSERT INTO parent VALUES (1)",
}
REFRESHES = [REFRESH.format(name) for name in ("upstream", "downstream", "of_tree")]
WAITERS = [*REFRESHES, "BEGIN; ALTER TABLE middle ATTACH PARTITION low FOR VALUES IN (3); ROLLBACK",
           "BEGIN; ALTER TABLE young INHERIT middle_aged; ROLLBACK"]
LAST = ["SELECT pgtrickle.wait_until_fresh('upstream', '1s')", "SELECT pgtrickle.wait_until_fresh('of_analyst', '1s')",
        *REFRESHES, REFRESH.format("of_analyst"), "SET pg_trickle.max_staleness = 0; SELECT n FROM downstream", "COMMIT"]

db = Database()


def set_up():
    db.let_own_stream_tables("lock_analyst")
    db.run("""CREATE TABLE far (id int); CREATE TABLE tree (k int) PARTITION BY LIST (k); CREATE TABLE first PARTITION OF tree FOR VALUES IN (1);
        CREATE TABLE middle PARTITION OF tree FOR VALUES IN (3) PARTITION BY LIST (k); CREATE TABLE low (k int); INSERT INTO low VALUES (3);
        CREATE TABLE parent (k int); CREATE TABLE middle_aged () INHERITS (parent); CREATE TABLE young (k int); INSERT INTO young VALUES (3);
        GRANT SELECT, TRIGGER ON tree, first, middle, parent, middle_aged TO lock_analyst""")
    for name, query in (("upstream", "SELECT count(*) AS n FROM far"), ("downstream", "SELECT max(n) AS n FROM upstream"),
                        ("of_tree", "SELECT count(*) AS n FROM tree")):
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", name, query)
    db.as_role("lock_analyst", "SELECT pgtrickle.create_stream_table('of_analyst', 'SELECT k FROM tree', '520w')",
               "SELECT pgtrickle.create_stream_table('at_commit', 'SELECT k FROM tree UNION ALL SELECT k FROM parent', refresh_mode => 'IMMEDIATE')")


def stuck_after(change):
    """Returns the statements that do not end beside a session that waits for their transaction."""
    stuck = []
    outside = db.connect("postgres")
    for waiter, last in itertools.product(WAITERS, LAST):
        session = db.connect()
        cursor = session.cursor()
        cursor.execute(f"SET statement_timeout = '15s'; BEGIN; {change}")
        waiting = Waiting(db.connect(), waiter, outside)
        waiting.start()
        waiting.await_lock_or_end()
        own = Waiting(session, last, outside)
        own.start()
        own.finish()
        waiting.finish()
        if CANCELLED in (own.error or ""):
            stuck.append((waiter, last))
        db.run("DROP TABLE IF EXISTS another, child")
    outside.close()
    return stuck


def case_of(name):
    def case():
        stuck = stuck_after(CHANGES[name])
        assert not stuck, (len(stuck), stuck)
    case.__name__ = f"one_that_has_{name}_ends"
    return case


try:
    set_up()
    run_cases([case_of(name) for name in CHANGES if len(sys.argv) < 2 or sys.argv[1] == name])
finally:
    db.drop()
