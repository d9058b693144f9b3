#!/usr/bin/python3 -B
"""Shows that a stream table whose heaps are to be built again keeps its rows while another session has locked a stream
table that is refreshed together with it."""

import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

database = Database()


def rows_stay_until_all_members_can_be_refreshed():
    for table in ("item", "other"):
        database.run(f"CREATE TABLE {table} (id int PRIMARY KEY)")
        database.run(f"INSERT INTO {table} VALUES (1)")
        database.run("SELECT pgtrickle.create_stream_table(%s, %s)", f"of_{table}", f"SELECT id FROM {table}")
    session = database.connect()
    holder = session.cursor()
    holder.execute("BEGIN; INSERT INTO other VALUES (2); SELECT pgtrickle.refresh_stream_table('of_other')")
    database.run("SELECT pgtrickle.create_refresh_group('both', ARRAY['of_item', 'of_other'])")
    database.run("ALTER TABLE item DROP CONSTRAINT item_pkey")
    database.run("INSERT INTO item VALUES (2)")
    until = time.monotonic() + 4  # of which a worker needs a fraction of a second to try
    while time.monotonic() < until:
        assert database.value("SELECT is_populated FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'of_item'")
        assert database.value("SELECT count(*) FROM of_item") in (1, 2)
    holder.execute("COMMIT")
    session.close()
    database.wait_for("SELECT count(*) FROM of_item", 2)
    database.wait_for("SELECT count(*) FROM of_other", 2)


try:
    run_cases([rows_stay_until_all_members_can_be_refreshed])
finally:
    database.drop()
