#!/usr/bin/python3 -B
"""Shows that a reader that accepts the schedule's staleness gets nothing older: changes that a due refresh
would apply count, through whichever stream table they arrive.

In each case a session blocks the refresh of the stream table to be read, so that it becomes too old; the read
must be exact then.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
db.run("SET pg_trickle.on_stale = error")
db.run("SET pg_trickle.scan_refresh_timeout = '200ms'")


def make_diamond(name, west, east, ends):
    """Creates a diamond over the table of that name."""
    db.run(f"CREATE TABLE {name} (id int PRIMARY KEY); INSERT INTO {name} VALUES (1)")
    for part, schedule, query in (("west", west, f"SELECT id FROM {name}"), ("east", east, f"SELECT max(id) AS id FROM {name}"),
                                  ("ends", ends, f"SELECT id FROM {name}_west JOIN {name}_east USING (id)")):
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s)", f"{name}_{part}", query, schedule)


def check_read_when_old(name, held):
    """Checks that the read has the change once `name` is older than a second, although its refresh is not possible."""
    holder = db.connect()
    holder.cursor().execute(f"BEGIN; SELECT pgtrickle.refresh_stream_table('{held}')")
    db.run(f"INSERT INTO {name.split('_')[0]} VALUES (2)")
    db.wait_for(f"SELECT pgtrickle.get_staleness('{name}') > 1", True)
    for begin in ("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ"):
        db.run(begin)
        assert db.value(f"SELECT max(id) FROM {name}") == 2, begin
        db.run("ROLLBACK")
    holder.close()


def the_end_of_a_diamond():
    make_diamond("joint", "1s", "1s", "1s")
    check_read_when_old("joint_ends", "joint_west")


def a_read_of_a_calculated_member_of_a_diamond():
    make_diamond("side", "calculated", "520w", "520w")
    db.run("SELECT pgtrickle.create_stream_table('side_reader', 'SELECT id FROM side_west', '1s')")
    check_read_when_old("side_reader", "side_ends")


def the_database_can_be_dropped():
    db.drop()


run_cases([the_end_of_a_diamond, a_read_of_a_calculated_member_of_a_diamond, the_database_can_be_dropped])
