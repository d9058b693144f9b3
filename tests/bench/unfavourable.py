#!/usr/bin/python3 -B
"""Measures refreshes of what the planner knows little of, beside REFRESH MATERIALIZED VIEW of the same query: changes of
two tables behind filters that all rows pass and that it expects hardly any to pass, and outer, semi and anti joins
with a table that has no index on their key.

The best of two turns, each with other rows."""

from measure import Database, create, ms, row, scale

ROWS = scale(200_000)
SETUP = f"""
CREATE TABLE a AS SELECT g AS id, g % {ROWS // 10} AS grp, g % 97 AS amount FROM generate_series(1, {ROWS}) g;
CREATE TABLE b AS SELECT * FROM a;
ALTER TABLE a ADD PRIMARY KEY (id);
ALTER TABLE b ADD PRIMARY KEY (id);
CREATE INDEX ON a (grp);
CREATE INDEX ON b (grp);
CREATE TABLE few AS SELECT g AS id, 'd' || g AS label FROM generate_series(1, {ROWS // 10}) g;
ALTER TABLE few ADD PRIMARY KEY (id);
CREATE TABLE unindexed AS SELECT * FROM a;
"""
A, B = ("(" + " AND ".join(f"{alias}.{column} % 1 = 0" for column in ("grp", "amount")) + ")" for alias in "ab")
FILTERED = [
    ("JOIN of filtered tables", f"SELECT a.id, b.id AS other FROM a JOIN b ON b.grp = a.grp WHERE {A} AND {B}"),
    ("FULL JOIN of filtered tables", f"SELECT a.id, b.id AS other, b.amount FROM (SELECT * FROM a WHERE {A}) a FULL JOIN (SELECT * FROM b WHERE {B}) b ON b.id = a.id"),
    ("NOT EXISTS, both filtered", f"SELECT a.id, a.amount FROM a WHERE {A} AND NOT EXISTS (SELECT FROM b WHERE b.grp = a.grp AND b.amount <> a.amount AND {B})"),
]
UNINDEXED = [
    ("LEFT JOIN without an index", "SELECT f.id, f.label, u.id AS other FROM few f LEFT JOIN unindexed u ON u.grp = f.id AND u.amount > 50"),
    ("EXISTS without an index", "SELECT f.id, f.label FROM few f WHERE EXISTS (SELECT FROM unindexed u WHERE u.grp = f.id AND u.amount > 50)"),
    ("NOT IN without an index", "SELECT f.id, f.label FROM few f WHERE f.id NOT IN (SELECT u.grp FROM unindexed u WHERE u.amount > 50)"),
]
CHANGE_BOTH = """UPDATE a SET amount = (amount + 1) % 97 WHERE id > {first} AND id <= {first} + {count};
                 UPDATE b SET amount = (amount + 1) % 97 WHERE id > {first} AND id <= {first} + {count}"""
CHANGE_FEW = """UPDATE few SET label = label || 'x' WHERE id > {first} AND id <= {first} + {count};
                UPDATE unindexed SET amount = (amount + 1) % 97 WHERE id > {first} AND id <= {first} + {count} / 10"""


def measure(cursor, name, query, change):
    create(cursor, "kept", query)
    cursor.execute(f"CREATE MATERIALIZED VIEW plain AS {query}")
    first, parts = 0, []
    for count in (ROWS // 2000, ROWS // 200, ROWS // 40):
        times = []
        for _ in range(2):
            cursor.execute(change.format(first=first, count=count))
            first += count
            times.append(ms(cursor, "SELECT pgtrickle.refresh_stream_table('kept')"))
        parts.append(f"{count:,}: {min(times):.1f}")
    theirs = min(ms(cursor, "REFRESH MATERIALIZED VIEW plain") for _ in range(2))
    cursor.execute("SELECT count(*) FROM ((TABLE kept EXCEPT ALL TABLE plain) UNION ALL (TABLE plain EXCEPT ALL TABLE kept)) x")
    assert cursor.fetchone()[0] == 0, "the stream table differs from the materialized view"
    row(f"{name}: ms of a refresh after so many changed rows; REFRESH MATERIALIZED VIEW", f"{'; '.join(parts)}; {theirs:.0f}",
        "not with the square or the product")
    cursor.execute("DROP FOREIGN TABLE kept; DROP MATERIALIZED VIEW plain")


def main():
    with Database("unfavourable") as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        cursor.execute(SETUP)
        cursor.execute("ANALYZE")
        for name, query in FILTERED:
            measure(cursor, name, query, CHANGE_BOTH)
        for name, query in UNINDEXED:
            measure(cursor, name, query, CHANGE_FEW)


main()
