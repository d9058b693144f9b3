#!/usr/bin/python3 -B
"""Shows that the work of a refresh grows with the number of changed rows, not with its square or with its product with
the size of a table: after changes of two tables whose filters are estimated to let almost none of them pass, with
a table that has no index, with filters that are some joins away from the changed rows, and for the first rows of
large groups.

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
    "u_on_both_filtered": "SELECT a.id, u.id AS other, u.amount FROM a FULL JOIN u ON u.grp = a.id AND u.amount > 40",
    "u_on_the_left_of_some": "SELECT a.id, a.amount, u.id AS other FROM a LEFT JOIN u ON u.grp = a.id AND a.amount < 70",
    "u_on_both_of_some": "SELECT a.id, a.amount, u.id AS other FROM a FULL JOIN u ON u.grp = a.id AND a.amount < 70 AND u.amount > 20 AND a.id % 7 > 0",
    "u_present": "SELECT a.id, a.amount FROM a WHERE EXISTS (SELECT FROM u WHERE u.grp = a.id AND u.amount > 40)",
    "u_absent": "SELECT a.id, a.amount FROM a WHERE NOT EXISTS (SELECT FROM u WHERE u.grp = a.id AND u.amount > 40)",
    "u_not_in": "SELECT a.id, a.amount FROM a WHERE a.id NOT IN (SELECT u.grp FROM u WHERE u.amount > 40)",
    "u_marked": "SELECT a.id, EXISTS (SELECT FROM u WHERE u.grp = a.id AND u.amount > 40) AS has FROM a",
    "u_later": "SELECT a.id, a.amount FROM a WHERE NOT EXISTS (SELECT FROM u WHERE u.grp = a.id AND u.amount > a.amount)",
    "u_other_on_both": "SELECT a.id, a.amount, u.id AS other FROM a FULL JOIN u ON u.grp = a.id AND u.amount <> a.amount AND u.id > 30",
    "u_last_of_each": "SELECT u.id, u.grp, u.amount FROM u WHERE NOT EXISTS (SELECT FROM u later WHERE later.grp = u.grp AND (later.amount, later.id) > (u.amount, u.id))",
    "u_by_two": "SELECT a.id, a.amount FROM a WHERE NOT EXISTS (SELECT FROM u WHERE u.grp = a.id AND u.amount = a.amount)",
    "u_grouped": "SELECT a.id, s.n FROM a LEFT JOIN (SELECT grp, count(*) AS n FROM u WHERE amount > 40 GROUP BY grp) s ON s.grp = a.id",
    "u_united": "SELECT a.id FROM a WHERE NOT EXISTS (SELECT FROM (SELECT grp FROM u WHERE amount > 40 UNION ALL SELECT id FROM c WHERE amount > 80) w WHERE w.grp = a.id)",
}
# Of each group of events, the last ones: they are at one end of an index.
GROUP = 4_000
FIRST_ROWS = {
    "first_of_each": "SELECT DISTINCT ON (grp) grp, at, id FROM event ORDER BY grp, at DESC, id",
    "first_three": "SELECT grp, id FROM (SELECT *, row_number() OVER (PARTITION BY grp ORDER BY at DESC, id) AS n FROM event) e WHERE n <= 3",
    "first_ranks": "SELECT grp, id, n FROM (SELECT *, rank() OVER (PARTITION BY grp ORDER BY at DESC) AS n FROM event) e WHERE n < 3",
    "first_two_beside": "SELECT g.id, e.at FROM grp g, LATERAL (SELECT at FROM event WHERE event.grp = g.id ORDER BY at DESC, id LIMIT 2) e",
    "first_in_select": "SELECT g.id, (SELECT id FROM event WHERE event.grp = g.id ORDER BY at DESC, id LIMIT 1) AS latest FROM grp g",
    "extremes": "SELECT grp, min(at) AS a, max(at) AS b, min(id) AS c, count(*) AS n, sum(id) AS s, avg(at) AS d FROM event GROUP BY grp",
    "extremes_kept": "SELECT grp, max(at) - min(at) AS span, count(*) AS n FROM event GROUP BY grp HAVING min(at) > 0",
    "extremes_of_join": "SELECT g.id, g.name, max(e.at) AS b FROM grp g JOIN event e ON e.grp = g.id GROUP BY g.id, g.name",
    "extremes_of_all": "SELECT min(at) AS a, max(at) AS b, count(*) AS n FROM event",
    "first_of_join": "SELECT DISTINCT ON (e.grp) e.grp, g.name, e.id FROM event e JOIN grp g ON g.id = e.grp ORDER BY e.grp, e.at DESC, e.id",
}
# Of a hundred places, one or two pass. The changed rows of all other tables are joined with their places early.
FAR_FILTERS = {
    "far_from_lines": "SELECT l.id, l.amount, c.amount AS a, o.amount AS b, s.amount AS c FROM customer c, orders o, line l, shop s, place p "
    "WHERE o.customer = c.id AND l.orders = o.id AND l.shop = s.id AND s.place = p.id AND p.name = 'place 7'",
    "far_on_two_sides": "SELECT l.id, l.amount, c.amount AS a, o.amount AS b, s.amount AS c FROM shop s, line l, orders o, customer c, place p, place q "
    "WHERE l.shop = s.id AND o.id = l.orders AND c.id = o.customer AND s.place = p.id AND c.place = q.id "
    "AND ((p.name = 'place 7' AND q.name = 'place 8') OR (p.name = 'place 8' AND q.name = 'place 7'))",
    "far_counted": "SELECT o.day, sum(l.amount) AS a, sum(o.amount + s.amount + c.amount) AS b FROM orders o JOIN customer c ON c.id = o.customer JOIN line l ON l.orders = o.id "
    "JOIN shop s ON s.id = l.shop JOIN place p ON p.id = s.place WHERE p.name = 'place 9' AND o.day < 4 GROUP BY o.day",
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
            if count > 5 and rows > 64 * ROWS:  # a refresh reads up to a million rows for those that have changed
                too_many[name, count] = rows
            require_right(name, query)
    assert not too_many, f"rows: {too_many}"


# A place has a hundred shops on average, and a customer's orders many lines.
BESIDE_PLACES = {
    "lines_by_place": "SELECT p.name, count(*) AS n, sum(l.amount) AS a FROM line l JOIN shop s ON s.id = l.shop JOIN place p ON p.id = s.place GROUP BY p.name",
    "orders_by_place": "SELECT l.id, o.day, s.amount, p.name FROM line l, orders o, shop s, place p WHERE o.id = l.orders AND s.id = l.shop AND p.id = s.place",
    "customers_by_place": "SELECT o.day, p.name, count(*) AS n FROM orders o, customer c, place p, shop s, line l "
    "WHERE c.id = o.customer AND p.id = c.place AND l.orders = o.id AND s.id = l.shop AND s.place = p.id GROUP BY o.day, p.name",
}


def a_few_rows_of_an_inner_join_meet_few_rows():
    """Where a place has changed, ten of its shops are expected for each; where none has a shop, none is there."""
    for name, query in BESIDE_PLACES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1d', 'DIFFERENTIAL')", name, query)
    too_many = {}
    for turn in range(4):
        db.run(f"INSERT INTO place VALUES ({1000 + turn}, 1, 'new {turn}'); DELETE FROM place WHERE id = {998 + turn}")
        db.run(f"UPDATE shop SET place = (place + 1) % 100 + 1 WHERE id IN ({50 + turn}, {90 + turn}); UPDATE customer SET place = place % 100 + 1 WHERE id = {70 + turn}")
        db.run(f"UPDATE orders SET day = (day + 1) % 7 WHERE id = {700 + turn}; UPDATE line SET shop = shop % 1000 + 1 WHERE id = {4000 + turn}")
        for name, query in BESIDE_PLACES.items():
            rows = rows_of_refresh(name)
            if rows > 12_000:
                too_many[name, turn] = rows
            require_right(name, query)
    assert not too_many, f"rows: {too_many}"


# Each of a dozen branches has a twelfth of the sales.
OF_FEW_BRANCHES = {
    "sales_by_branch": "SELECT b.name, count(*) AS n, sum(s.amount) AS a FROM sale s JOIN branch b ON b.id = s.branch GROUP BY b.name",
    "sales_with_branch": "SELECT s.id, s.amount, b.name FROM sale s LEFT JOIN branch b ON b.id = s.branch",
    "sales_by_sets": "SELECT a.grp, b.name, sum(s.amount) AS a FROM sale s JOIN branch b ON b.id = s.branch JOIN a ON a.id = s.a GROUP BY GROUPING SETS ((a.grp, b.name), (b.name), ())",
}


def a_new_row_of_a_small_table_reads_no_large_one():
    db.run("CREATE TABLE branch AS SELECT g AS id, 'branch ' || g AS name FROM generate_series(1, 12) g")
    db.run(f"CREATE TABLE sale AS SELECT g AS id, g % 12 + 1 AS branch, g AS a, g % 97 AS amount FROM generate_series(1, {ROWS}) g")
    db.run("ALTER TABLE branch ADD PRIMARY KEY (id); ALTER TABLE sale ADD PRIMARY KEY (id); CREATE INDEX ON sale (branch); CREATE INDEX ON sale (a); ANALYZE branch; ANALYZE sale")
    for name, query in OF_FEW_BRANCHES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1d', 'DIFFERENTIAL')", name, query)
    too_many = {}
    for turn in range(3):
        db.run(f"INSERT INTO branch VALUES ({100 + turn}, 'new'); DELETE FROM branch WHERE id = {99 + turn}; UPDATE sale SET amount = amount + 1 WHERE id IN ({turn}, {turn + 50})")
        for name, query in OF_FEW_BRANCHES.items():
            rows = rows_of_refresh(name)
            if rows > ROWS // 4:
                too_many[name, turn] = rows
            require_right(name, query)
    assert not too_many, f"rows: {too_many}"


def a_filter_some_joins_away_leaves_few_rows():
    """Before the filters are applied, the changed rows meet about ten times as many."""
    for table, count, columns in (("place", 100, "'place ' || g AS name"), ("shop", 1_000, "g % 100 AS place"),
                                  ("customer", 1_000, "g * 7 % 100 AS place"), ("orders", 8_000, "g % 1000 + 1 AS customer, g % 7 AS day"),
                                  ("line", 32_000, "(g - 1) / 4 + 1 AS orders, g * 31 % 1000 + 1 AS shop")):
        db.run(f"CREATE TABLE {table} AS SELECT g AS id, g % 97 AS amount, {columns} FROM generate_series(1, {count}) g")
        db.run(f"ALTER TABLE {table} ADD PRIMARY KEY (id)")
    db.run("CREATE INDEX ON shop (place); CREATE INDEX ON customer (place); CREATE INDEX ON orders (customer); "
           "CREATE INDEX ON line (orders); CREATE INDEX ON line (shop); ANALYZE")
    for name, query in FAR_FILTERS.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1d', 'DIFFERENTIAL')", name, query)
    too_many = {}
    for turn in range(2):
        for table, share in (("shop", 9), ("customer", 9), ("orders", 9), ("line", 5)):
            db.run(f"UPDATE {table} SET amount = amount + 1 WHERE id % {share} = {turn}")
        for name, query in FAR_FILTERS.items():
            rows = rows_of_refresh(name)
            if rows > 250_000:
                too_many[name, turn] = rows
            require_right(name, query)
    assert not too_many, f"rows: {too_many}"


def the_first_rows_of_a_group_are_read_without_the_others():
    db.run("CREATE TABLE grp AS SELECT g AS id, 'g' || g AS name FROM generate_series(1, 8) g")
    db.run(f"CREATE TABLE event AS SELECT g AS id, g % 8 + 1 AS grp, g / 3 AS at FROM generate_series(1, {8 * GROUP}) g")
    db.run("ALTER TABLE grp ADD PRIMARY KEY (id); ALTER TABLE event ADD PRIMARY KEY (id); CREATE INDEX ON event (grp, at); CREATE INDEX ON event (at); CREATE INDEX ON event (grp, id); ANALYZE grp; ANALYZE event")
    for name, query in FIRST_ROWS.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1d', 'DIFFERENTIAL')", name, query)
    too_many = {}
    for change in ("INSERT INTO event SELECT max(id) + 1, 3, max(at) + 1 FROM event",
                   "DELETE FROM event WHERE id IN (SELECT id FROM first_three WHERE grp = 3)",
                   f"UPDATE event SET at = CASE WHEN id > {7 * GROUP} THEN -at ELSE at + 2 END WHERE id % {GROUP // 2} = 5",
                   "INSERT INTO event VALUES (0, 9, 7)", "DELETE FROM event WHERE at IN ((SELECT min(at) FROM event), (SELECT max(at) FROM event))",
                   "INSERT INTO event VALUES (-1, NULL, 7), (-2, NULL, 9), (-3, 4, NULL), (-4, 10, NULL)",
                   "DELETE FROM event WHERE id IN (-2, 0); DELETE FROM event WHERE (grp, at) IN (SELECT grp, a FROM extremes)"):
        db.run(change)
        for name, query in FIRST_ROWS.items():
            rows = rows_of_refresh(name)
            if rows > GROUP // 2:
                too_many[name, change] = rows
            require_right(name, query)
    assert not too_many, f"rows: {too_many}"


run_cases([a_plan_for_few_rows_has_no_loop_over_two_deltas, a_plan_for_many_rows_has_no_loop_over_two_deltas,
           without_an_index_a_table_is_read_a_few_times, a_filter_some_joins_away_leaves_few_rows,
           a_few_rows_of_an_inner_join_meet_few_rows, a_new_row_of_a_small_table_reads_no_large_one, the_first_rows_of_a_group_are_read_without_the_others])
