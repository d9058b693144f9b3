#!/usr/bin/python3 -B
"""Shows that a cancel, or the end of statement_timeout, ends a refresh whichever member of its batch is being computed: it is no
failure of that member, which would leave the member out and go on without a limit."""

import sys
from contextlib import closing
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
ENDLESS = "SELECT id, (SELECT count(*) FROM generate_series(1, CASE n WHEN 77 THEN 2000000000 ELSE 1 END)) AS n FROM t"


def a_time_limit_ends_the_refresh_of_a_group():
    db.run("CREATE TABLE t (id int PRIMARY KEY, n int); INSERT INTO t VALUES (1, 1)")
    for name, query in (("quick", "SELECT id, n FROM t"), ("slow", ENDLESS)):
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", name, query)
    db.run("SELECT pgtrickle.create_refresh_group('both', ARRAY['quick', 'slow'])")
    db.run("UPDATE t SET n = 77")
    for statement in "SELECT pgtrickle.refresh_stream_table('quick')", "SELECT pgtrickle.refresh_stream_table('slow')":
        with closing(db.connect()) as session:
            cursor = session.cursor()
            cursor.execute("SET statement_timeout = '1s'")
            try:
                cursor.execute(statement)
                assert False, ("not ended", statement)
            except psycopg2.errors.QueryCanceled:
                pass


try:
    run_cases([a_time_limit_ends_the_refresh_of_a_group])
finally:
    db.drop()
