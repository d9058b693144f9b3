#!/usr/bin/python3 -B
"""Shows that an exact read of a stream table after an own write neither fails nor lacks the write without a warning, while
another one that is refreshed with it has to be set up: another role has replaced a view that it reads. Where that one is
suspended or held, the read is exact in a refresh group, and the owner can refresh the other one."""

import itertools
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
VIEWS = "v_of_" + db.name
OWNER = "o_of_" + db.name
# what keeps the other from being refreshed, and its end
STOPS = {
    "suspended": ("SELECT pgtrickle.alter_stream_table('other', status => 'SUSPENDED')", "SELECT pgtrickle.resume_stream_table('other')"),
    "paused": ("SELECT pgtrickle.pause_scheduler('{other}')", "SELECT pgtrickle.resume_scheduler('{other}')"),
    "frozen": ("SELECT pgtrickle.alter_stream_table('other', tier => 'frozen')", "SELECT pgtrickle.alter_stream_table('other', tier => 'hot')"),
    "gated": ("SELECT pgtrickle.gate_source('base')", "SELECT pgtrickle.ungate_source('base')"),
}
# how the other is refreshed with the one that is read
TIES = {
    "group": ("SELECT pgtrickle.create_refresh_group('pair', ARRAY['other', 'wanted'])", "SELECT pgtrickle.drop_refresh_group('pair')"),
    "diamond": ("SELECT pgtrickle.create_stream_table('apex', 'SELECT count(*) FROM other, wanted', 'calculated')", "DROP FOREIGN TABLE apex"),
}
READS = ("SELECT array_agg(id) FROM wanted", "SELECT ids()", "SELECT array_agg(id) FROM wanted WHERE ids() IS NOT NULL")
LEVELS = ("READ COMMITTED", "REPEATABLE READ")


def set_up():
    db.run(f"CREATE ROLE {VIEWS}; CREATE ROLE {OWNER}; GRANT ALL ON SCHEMA public TO {VIEWS}, {OWNER}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {OWNER}")
    db.as_role(VIEWS, "CREATE TABLE base (id int PRIMARY KEY, n int)", "INSERT INTO base VALUES (1, 1)", "CREATE VIEW seen AS SELECT id, n FROM base",
               f"GRANT SELECT ON seen TO {OWNER}; GRANT SELECT, TRIGGER ON base TO {OWNER}")
    db.as_role(OWNER, "CREATE TABLE common (id int)", "CREATE FUNCTION ids() RETURNS int[] STABLE LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT array_agg(id) FROM wanted); END'",
               "SELECT pgtrickle.create_stream_table('other', 'SELECT n, count(*) AS c FROM seen, common GROUP BY n', '520w')",
               "SELECT pgtrickle.create_stream_table('wanted', 'SELECT id FROM common', '520w')")


def replace_view(number):
    """Another query each time, which needs other heaps than the one before."""
    db.as_role(VIEWS, f"CREATE OR REPLACE VIEW seen AS SELECT id, n FROM base {'UNION ALL SELECT id, n + 1 FROM base' if number % 2 else ''}")


def read(query, level):
    """Returns what is read after an own write, and the warnings. Rolls the write back."""
    session = db.connect()
    cursor = session.cursor()
    cursor.execute(f"SET ROLE {OWNER}; SET pg_trickle.max_staleness = 0; SET client_min_messages = warning")
    cursor.execute(f"BEGIN ISOLATION LEVEL {level}; INSERT INTO common VALUES (7)")
    cursor.execute(query)
    found = cursor.fetchone()[0] or []
    session.close()
    return found, "".join(session.notices)


def reads_beside(kind, stop, end):
    number = itertools.count(1)
    for tie, (join, part) in TIES.items():
        db.as_role(OWNER, join)
        for query, level in itertools.product(READS, LEVELS):
            db.run(stop)
            replace_view(next(number))
            if tie == "group":
                db.as_role(OWNER, "SELECT pgtrickle.refresh_stream_table('wanted')")
            found, warnings = read(query, level)
            assert found == [7] or "exceeds its maximum staleness" in warnings, (kind, tie, query, level, found, warnings)
            assert found == [7] or tie != "group" or kind not in STOPS, (kind, query, level, found, warnings)
            db.run(end)
            db.as_role(OWNER, "SELECT pgtrickle.refresh_stream_table('other')")
        db.as_role(OWNER, part)


def beside_one_that_is_not_refreshed():
    for kind, (stop, end) in STOPS.items():
        reads_beside(kind, stop, end)


def beside_one_that_is_to_be_refreshed():
    reads_beside("active", "SELECT", "SELECT")


try:
    set_up()
    run_cases([beside_one_that_is_not_refreshed, beside_one_that_is_to_be_refreshed])
finally:
    db.drop()
    db.admin(f"DROP ROLE {VIEWS}, {OWNER}")
