#!/usr/bin/python3 -B
"""Shows that every function and view that a parallel plan may contain works there, beside a pending change, and a stream table
whose first fill fails."""

import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
# With an argument of each type that names a stream table or its source; a NULL for others.
ARGUMENTS = {"text": "'kept'", "regclass": "'kept'::regclass", "oid": "'kept'::regclass::oid"}
FUNCTIONS = """SELECT proname, ARRAY(SELECT format_type(t, NULL) FROM unnest(proargtypes) WITH ORDINALITY a(t, n) WHERE n <= pronargs - pronargdefaults)
  FROM pg_proc WHERE pronamespace = 'pgtrickle'::regnamespace AND prokind = 'f' AND proparallel <> 'u' AND NOT 'internal'::regtype = ANY (proargtypes)
  ORDER BY oid"""
VIEWS = "SELECT relname FROM pg_class WHERE relnamespace = 'pgtrickle'::regnamespace AND relkind = 'v' ORDER BY oid"


def everything_works_in_a_parallel_plan():
    db.run("CREATE TABLE source (id int PRIMARY KEY, k int); INSERT INTO source SELECT i, i % 3 FROM generate_series(1, 100) i; "
           "SELECT pgtrickle.create_stream_table('kept', 'SELECT k, count(*) AS n FROM source GROUP BY k', '1h'); INSERT INTO source VALUES (1000, 1); "
           "SELECT pgtrickle.create_stream_table('unfilled', 'SELECT id, 1 / k AS x FROM source', initialize => false); "
           "CREATE TABLE big AS SELECT i, md5(i::text) AS t FROM generate_series(1, 20000) i; ANALYZE big; SET parallel_setup_cost = 0; "
           "SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2")
    items = [f"pgtrickle.{name}({', '.join(ARGUMENTS.get(each, f'NULL::{each}') for each in types)})" for name, types in db.run(FUNCTIONS)]
    items += [f"pgtrickle.{name}" for name, in db.run(VIEWS)]
    wrong, worked = [], 0
    for item in items:
        for statement in (f"SELECT (SELECT count(*) FROM {item}), count(*) FROM big WHERE t LIKE '%abcd%'", f"SELECT * FROM {item}"):
            try:
                db.run(statement)
                worked += 1
            except psycopg2.Error as error:
                if error.pgcode[:2] in ("XX", "25"):
                    wrong.append(f"{item}: {error.pgcode} {error}")
    plan = db.run("EXPLAIN SELECT (SELECT count(*) FROM pgtrickle.list_sources('kept')), count(*) FROM big WHERE t LIKE '%abcd%'")
    assert any("Gather" in line for line, in plan), plan
    assert not wrong and worked > 60, (worked, "".join(wrong))


try:
    run_cases([everything_works_in_a_parallel_plan])
finally:
    db.drop()
