#!/usr/bin/python3 -B
"""Shows that the work of a refresh after two tables have changed grows with the number of changed rows, not with its
square, although the filters of the query are estimated to let almost none of them pass.

auto_explain counts the rows that pass through the nodes of all plans of a refresh."""

import re
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

ROWS = 16_000
# The planner knows nothing of these expressions, and expects one of 200 rows to pass each; all rows pass.
A, B, C = ("(" + " AND ".join(f"{alias}.{column} % 1 = 0" for column in ("grp", "amount", "id")) + ")" for alias in "abc")
QUERIES = {
    "joined": f"SELECT a.id, b.id AS other FROM a JOIN b ON b.grp = a.grp WHERE {A} AND {B}",
    "of_three": f"SELECT a.id, b.id AS other, c.id AS third FROM a JOIN b ON b.grp = a.grp JOIN c ON c.grp = b.grp WHERE {A} AND {B} AND {C}",
    "with_itself": f"SELECT a.id, b.id AS other FROM a JOIN a b ON b.grp = a.grp AND b.id > a.id WHERE {A} AND {B}",
    "on_the_left": f"SELECT a.id, b.id AS other FROM a LEFT JOIN b ON b.grp = a.grp AND {B} WHERE {A}",
    "on_both": f"SELECT a.id, b.id AS other, b.amount FROM (SELECT * FROM a WHERE {A}) a FULL JOIN (SELECT * FROM b WHERE {B}) b ON b.id = a.id",
    "present": f"SELECT a.id, a.amount FROM a WHERE {A} AND EXISTS (SELECT FROM b WHERE b.grp = a.grp AND {B})",
    "absent": f"SELECT a.id, a.amount FROM a WHERE {A} AND NOT EXISTS (SELECT FROM b WHERE b.grp = a.grp AND b.amount <> a.amount AND {B})",
    "counted": f"SELECT a.grp, count(*) AS n FROM a JOIN b ON b.grp = a.grp WHERE {A} AND {B} GROUP BY a.grp HAVING count(*) > 3",
    "numbered": f"SELECT a.id, row_number() OVER (PARTITION BY a.grp ORDER BY a.amount, a.id) AS n FROM a JOIN b ON b.id = a.id WHERE {A} AND {B}",
    "distinct_ones": f"SELECT DISTINCT a.grp, b.amount FROM a JOIN b ON b.grp = a.grp WHERE {A} AND {B}",
    "one_of_each": f"SELECT a.id, (SELECT sum(b.amount) FROM b WHERE b.grp = a.grp AND {B}) AS total FROM a WHERE {A}",
}
NODE = re.compile(r"actual rows=(\d+)(?:\.\d+)? loops=(\d+)")

db = Database()


def set_up():
    for table in "abc":
        db.run(f"CREATE TABLE {table} AS SELECT g AS id, g % {ROWS // 2} AS grp, g % 97 AS amount FROM generate_series(1, {ROWS}) g")
        db.run(f"ALTER TABLE {table} ADD PRIMARY KEY (id); CREATE INDEX ON {table} (grp); ANALYZE {table}")
    for name, query in QUERIES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1d', 'DIFFERENTIAL')", name, query)
    db.run("LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off; "
           "SET auto_explain.log_nested_statements = on")


def rows_of_refresh(name):
    db.run("SET client_min_messages = log")
    del db.session.notices[:]
    db.run(f"SELECT pgtrickle.refresh_stream_table('{name}')")
    db.run("SET client_min_messages = error")
    return sum(int(rows) * int(loops) for rows, loops in NODE.findall("".join(db.session.notices)))


def check(count):
    """A changed row is two in the log, meets up to four rows of the other tables, and passes through some twenty
    nodes. A loop over two deltas reads all changed rows of one table for each of the other."""
    for table in "abc":
        db.run(f"UPDATE {table} SET amount = (amount + 1) % 97 WHERE id BETWEEN {ROWS // 2} AND {ROWS // 2 + count - 1}")
    too_many = {}
    for name, query in QUERIES.items():
        rows = rows_of_refresh(name)
        assert rows >= count, f"{name}: only {rows} rows were counted"
        if rows > count * 2 * 16 * 20 * 2:
            too_many[name] = rows
        wrong = db.value(f"SELECT count(*) FROM ((TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})) d")
        assert wrong == 0, f"{name} differs from its query in {wrong} rows"
    assert not too_many, f"rows after {count} changes: {too_many}"


def a_plan_for_few_rows_has_no_loop_over_two_deltas():
    set_up()
    check(20)  # plans for few rows are kept from here on
    check(1_500)


def a_plan_for_many_rows_has_no_loop_over_two_deltas():
    check(4_000)


run_cases([a_plan_for_few_rows_has_no_loop_over_two_deltas, a_plan_for_many_rows_has_no_loop_over_two_deltas])
