#!/usr/bin/python3 -B
"""Shows that a stream table that was never filled keeps no other one from being listed: not by a query that cannot be analyzed
any more, since the owner of a view has replaced it, nor by one that takes long to analyze, for other roles than its owner, nor by
one whose text PostgreSQL prints as it cannot read it."""

import sys
import uuid
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER, VIEWER, READER = (f"{name}_{uuid.uuid4().hex[:8]}" for name in ("owner", "viewer", "reader"))
LISTS = ["SELECT count(*) FROM pgtrickle.pgt_stream_tables", "SELECT count(*) FROM pgtrickle.stream_tables_info",
         "SELECT count(*) FROM pgtrickle.recommend_refresh_mode()"]
MODE = "SELECT effective_refresh_mode FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'full'"


def set_up():
    db.run("CREATE TABLE item (id int PRIMARY KEY, n int); INSERT INTO item VALUES (1, 0); "
           "SELECT pgtrickle.create_stream_table('filled', 'SELECT id, n FROM item')")
    db.let_own_stream_tables(OWNER, VIEWER)
    db.run(f"CREATE ROLE {READER}; GRANT SELECT, TRIGGER ON item TO {OWNER}, {VIEWER}; GRANT SELECT ON filled TO PUBLIC")
    db.as_role(VIEWER, f"CREATE VIEW seen AS SELECT id, n FROM item ORDER BY id LIMIT 5; GRANT SELECT ON seen TO {OWNER}")
    db.as_role(OWNER, "SELECT pgtrickle.create_stream_table('failing', 'SELECT id, 1 / n AS x FROM seen', initialize => false)",
               "SELECT pgtrickle.create_stream_table('full', 'SELECT id, 1 / n AS x, random() FROM item', initialize => false)",
               """SELECT pgtrickle.create_stream_table('marked', 'WITH RECURSIVE r(id, n) AS (SELECT id, n FROM item UNION ALL
                SELECT i.id, i.n FROM item i JOIN r ON i.n = r.id) CYCLE id, n SET mark TO ''Y'' DEFAULT ''N'' USING way
                SELECT id, n, mark, ''LIMIT'' AS word FROM r ORDER BY 1, 2, 3 LIMIT 7')""",
           "GRANT SELECT ON failing, \"full\", marked TO PUBLIC")
    db.as_role(VIEWER, "CREATE OR REPLACE VIEW seen AS SELECT id, n FROM item ORDER BY id LIMIT 1 / 0")


def every_role_lists_all_stream_tables():
    wrong = []
    for role in ("postgres", OWNER, VIEWER, READER):
        for statement in LISTS:
            try:
                found = db.as_role(role, statement)[0][0]
            except psycopg2.Error as error:
                found = str(error)
            if found != 4:
                wrong.append((role, statement, found))
    assert not wrong, wrong


def only_the_owner_has_the_query_analyzed():
    found = [db.as_role(role, MODE)[0][0] for role in (OWNER, "postgres", READER)]
    assert found == ["FULL", "DIFFERENTIAL", "DIFFERENTIAL"], found


try:
    set_up()
    run_cases([every_role_lists_all_stream_tables, only_the_owner_has_the_query_analyzed])
finally:
    db.run(f"RESET ROLE; DROP OWNED BY {OWNER}, {VIEWER}, {READER} CASCADE; DROP ROLE {OWNER}, {VIEWER}, {READER}")
    db.drop()
