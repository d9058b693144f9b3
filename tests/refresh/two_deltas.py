#!/usr/bin/python3 -B
"""Shows that the work of a refresh grows with the number of changed rows, not with its square or with its product with
the size of a table: after changes of two tables whose filters are estimated to let almost none of them pass, and with
a table that has no index.

auto_explain counts the rows that the nodes of all plans of a refresh return or filter out."""

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
# Table u has no index. A key has no, one or two rows there; an update of u may remove the last one.
WITHOUT_INDEX = {
    "u_on_the_left": "SELECT a.id, u.id AS other FROM a LEFT JOIN u ON u.grp = a.id",
    "u_on_the_left_filtered": "SELECT a.id, u.id AS other, u.amount FROM a LEFT JOIN u ON u.grp = a.id AND u.amount > 40",
    "u_on_both": "SELECT a.id, u.id AS other FROM a FULL JOIN u ON u.grp = a.id",
    "u_present": "SELECT a.id, a.amount FROM a WHERE EXISTS (SELECT FROM u WHERE u.grp = a.id AND u.amount > 40)",
    "u_absent": "SELECT a.id, a.amount FROM a WHERE NOT EXISTS (SELECT FROM u WHERE u.grp = a.id AND u.amount > 40)",
    "u_not_in": "SELECT a.id, a.amount FROM a WHERE a.id NOT IN (SELECT u.grp FROM u WHERE u.amount > 40)",
    "u_marked": "SELECT a.id, EXISTS (SELECT FROM u WHERE u.grp = a.id AND u.amount > 40) AS has FROM a",
    "u_by_two": "SELECT a.id, a.amount FROM a WHERE NOT EXISTS (SELECT FROM u WHERE u.grp = a.id AND u.amount = a.amount)",
    "u_grouped": "SELECT a.id, s.n FROM a LEFT JOIN (SELECT grp, count(*) AS n FROM u WHERE amount > 40 GROUP BY grp) s ON s.grp = a.id",
    "u_united": "SELECT a.id FROM a WHERE NOT EXISTS (SELECT FROM (SELECT grp FROM u WHERE amount > 40 UNION ALL SELECT id FROM c WHERE amount > 80) w WHERE w.grp = a.id)",
}
ROWS_OF_NODE = re.compile(r"actual rows=(?P<rows>\d+)(?:\.\d+)? loops=(?P<loops>\d+)|Rows Removed by \w[\w ]*: (?P<removed>\d+)")

db = Database()


def set_up():
    for table in "abc":
        db.run(f"CREATE TABLE {table} AS SELECT g AS id, g % {ROWS // 2} AS grp, g % 97 AS amount FROM generate_series(1, {ROWS}) g")
        db.run(f"ALTER TABLE {table} ADD PRIMARY KEY (id); CREATE INDEX ON {table} (grp); ANALYZE {table}")
    db.run(f"CREATE TABLE u AS SELECT g AS id, g % {ROWS // 2} + 100 AS grp, g % 97 AS amount FROM generate_series(1, {ROWS // 2}) g; ANALYZE u")
    for name, query in (QUERIES | WITHOUT_INDEX).items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1d', 'DIFFERENTIAL')", name, query)
    db.run("LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on; SET auto_explain.log_timing = off; "
           "SET auto_explain.log_nested_statements = on")


def rows_of_refresh(name):
    db.run("SET client_min_messages = log")
    del db.session.notices[:]
    db.run(f"SELECT pgtrickle.refresh_stream_table('{name}')")
    db.run("SET client_min_messages = error")
    rows = loops = 0
    for found in ROWS_OF_NODE.finditer("".join(db.session.notices)):
        loops = int(found["loops"] or loops)
        rows += loops * int(found["rows"] or found["removed"])
    return rows


def require_right(name, query):
    wrong = db.value(f"SELECT count(*) FROM ((TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})) d")
    assert wrong == 0, f"{name} differs from its query in {wrong} rows"


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
        require_right(name, query)
    assert not too_many, f"rows after {count} changes: {too_many}"


def a_plan_for_few_rows_has_no_loop_over_two_deltas():
    set_up()
    check(20)  # plans for few rows are kept from here on
    check(1_500)


def a_plan_for_many_rows_has_no_loop_over_two_deltas():
    check(4_000)


def without_an_index_a_table_is_read_a_few_times():
    """Changes, new and removed rows on either side, in few and many keys, of rows with and without partners."""
    too_many = {}
    for turn, count in enumerate((3, 40, 400, 3_000, 60)):
        first = 90 + 700 * turn
        db.run(f"UPDATE a SET amount = (amount + 1) % 97 WHERE id BETWEEN {first} AND {first + count}")
        db.run(f"UPDATE u SET amount = (amount + 45) % 97 WHERE grp BETWEEN {first + count // 2} AND {first + 2 * count}")
        db.run(f"DELETE FROM u WHERE grp BETWEEN {first} AND {first + count // 3}; DELETE FROM a WHERE id % 50 = {turn} AND id < {first + count}")
        db.run(f"INSERT INTO u SELECT -g, CASE WHEN g % 9 <> 0 OR {turn} < 3 THEN g END, g % 97 FROM generate_series({first - 50}, {first + count // 4}) g")
        db.run(f"INSERT INTO a SELECT g, g, g % 97 FROM generate_series({first}, {first + count // 5}) g ON CONFLICT DO NOTHING")
        for name, query in WITHOUT_INDEX.items():
            rows = rows_of_refresh(name)
            if count > 5 and rows > 30 * ROWS:
                too_many[name, count] = rows
            require_right(name, query)
    assert not too_many, f"rows: {too_many}"


run_cases([a_plan_for_few_rows_has_no_loop_over_two_deltas, a_plan_for_many_rows_has_no_loop_over_two_deltas,
           without_an_index_a_table_is_read_a_few_times])
