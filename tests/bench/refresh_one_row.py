#!/usr/bin/python3 -B
"""Measures refresh_stream_table after one changed row, at three sizes of the sources: the lower quartile,
which other load on the machine disturbs least, and the median.

At each size the same 50 rows, spread over the table, change in turn: the result shows growth with the size of
the tables, and not that 300 random rows of a large table are on 300 untouched pages, and those of a small one
on few.
"""

import random
import statistics

from measure import Database, create, ms, row, scale

SIZES = [scale(100_000), scale(1_000_000), scale(5_000_000)]
TIMES = 300
CHANGED = 50

K1 = """
CREATE TABLE orders AS SELECT g AS id, 'c' || g % ({n} / 10) AS customer, (g % 1000)::numeric AS amount FROM generate_series(1, {n}) g;
ALTER TABLE orders ADD PRIMARY KEY (id);
CREATE TABLE items AS SELECT g AS id, g AS order_id, 'p' || g % 100 AS product, g % 10 AS qty FROM generate_series(1, {n}) g;
ALTER TABLE items ADD PRIMARY KEY (id);
CREATE INDEX ON items (order_id);
"""
K3 = """
CREATE TABLE dept AS SELECT g AS id, 'd' || g AS name FROM generate_series(1, 1000) g;
ALTER TABLE dept ADD PRIMARY KEY (id);
CREATE TABLE emp AS SELECT g AS id, g % 1000 + 1 AS dept_id, 'e' || g AS name, g % 500 AS salary FROM generate_series(1, {n}) g;
ALTER TABLE emp ADD PRIMARY KEY (id);
CREATE INDEX ON emp (dept_id);
CREATE TABLE bonus AS SELECT g * 2 AS emp_id, g % 50 AS bonus FROM generate_series(1, {n} / 2) g;
ALTER TABLE bonus ADD PRIMARY KEY (emp_id);
"""
K5 = """
CREATE TABLE regions AS SELECT g AS id, 'r' || g AS name FROM generate_series(1, 1000) g;
ALTER TABLE regions ADD PRIMARY KEY (id);
CREATE TABLE sales AS SELECT g AS id, g % 1000 + 1 AS region_id, g % 100 AS revenue FROM generate_series(1, {n}) g;
ALTER TABLE sales ADD PRIMARY KEY (id);
CREATE INDEX ON sales (region_id);
"""
SHAPES = [
    ("K1, sum per customer", K1, "orders", "SELECT customer, sum(amount) AS total FROM orders GROUP BY customer",
     "UPDATE orders SET amount = amount + 1 WHERE id = %s"),
    ("K1, join of two", K1, "items", """SELECT o.id AS order_id, o.customer, i.product, i.qty
     FROM orders o JOIN items i ON o.id = i.order_id""",
     "UPDATE items SET qty = qty + 1 WHERE id = %s"),
    ("K3, join and left join", K3, "emp", """SELECT d.name AS dept, e.name AS emp, e.salary + coalesce(b.bonus, 0) AS total
     FROM emp e JOIN dept d ON e.dept_id = d.id LEFT JOIN bonus b ON e.id = b.emp_id""",
     "UPDATE emp SET salary = salary + 1 WHERE id = %s"),
    ("K5, join and sum", K5, "sales", """SELECT r.name AS region, sum(s.revenue) AS total_revenue
     FROM sales s JOIN regions r ON s.region_id = r.id GROUP BY r.name""",
     "UPDATE sales SET revenue = revenue + 1 WHERE id = %s"),
]


def refresh_ms(setup, query, change, n):
    with Database("refresh") as cursor:
        cursor.execute(setup.format(n=n))
        cursor.execute("VACUUM ANALYZE")
        create(cursor, "kept", query)
        times, changed = [], [random.randint(1, n) for _ in range(CHANGED)]
        for turn in range(TIMES):
            cursor.execute(change, (changed[turn % CHANGED],))
            times.append(ms(cursor, "SELECT pgtrickle.refresh_stream_table('kept')"))
        cursor.execute(f"SELECT count(*) FROM ((TABLE kept EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE kept)) x")
        assert cursor.fetchone()[0] == 0, "the stream table differs from its query"
        return statistics.quantiles(times[2 * CHANGED:], n=4)


def main():
    for name, setup, _, query, change in SHAPES:
        quartiles = [refresh_ms(setup, query, change, n) for n in SIZES]
        lower, medians = [q[0] for q in quartiles], [q[1] for q in quartiles]
        row(f"refresh of 1 changed row, {name}, at {' / '.join(f'{n:,}' for n in SIZES)} rows",
            " / ".join(f"{t:.2f}" for t in lower) + f" ms; largest / smallest {max(lower) / min(lower):.2f} (medians "
            + " / ".join(f"{t:.2f}" for t in medians) + " ms)", "≤ 0.5 ms; ≤ 1.3")


main()
