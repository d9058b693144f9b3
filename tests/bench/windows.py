#!/usr/bin/python3 -B
"""Measures refreshes of windows beside REFRESH MATERIALIZED VIEW of the same query: one changed row of a partition of
100,000 rows, at its end and at its front, one changed row in each of 10,000 partitions, and a hundredth and a tenth of
new rows at random places of them; best times."""

from measure import Database, create, ms, row, scale

ROWS = scale(1_000_000)
LARGE, PARTITIONS = ROWS // 10, ROWS // 100
WINDOWS = {
    "row_number": "row_number() OVER (PARTITION BY part ORDER BY pos, id)",
    "running sum": "sum(v) OVER (PARTITION BY part ORDER BY pos, id)",
    "sliding sum of 7": "sum(v) OVER (PARTITION BY part ORDER BY pos, id ROWS BETWEEN 3 PRECEDING AND 3 FOLLOWING)",
    "sum of 7 preceding": "sum(v) OVER (PARTITION BY part ORDER BY pos, id ROWS BETWEEN 6 PRECEDING AND CURRENT ROW)",
    "lag": "lag(v) OVER (PARTITION BY part ORDER BY pos, id)",
}
# Read from an index in their order.
FIRST_ROWS = {
    "DISTINCT ON": "SELECT DISTINCT ON (part) part, id, v FROM {table} ORDER BY part, pos DESC, id",
    "row_number() <= 3": "SELECT id, part, v FROM (SELECT *, row_number() OVER (PARTITION BY part ORDER BY pos DESC, id) AS n FROM {table}) w "
    "WHERE n <= 3",
    "LIMIT 2 in LATERAL": "SELECT p.part, w.id, w.v FROM (SELECT DISTINCT part FROM {table}) p, "
    "LATERAL (SELECT id, v FROM {table} t WHERE t.part = p.part ORDER BY pos DESC, id LIMIT 2) w",
}
QUERIES = {name: f"SELECT id, part, {window} AS w FROM {{table}}" for name, window in WINDOWS.items()} | FIRST_ROWS
SETUP = f"""
CREATE TABLE large (id bigint PRIMARY KEY, part int, pos int, v int);
INSERT INTO large SELECT g, 1, g, g % 100 FROM generate_series(1, {LARGE}) g;
INSERT INTO large SELECT g, 2 + g % 900, g, g % 100 FROM generate_series({LARGE + 1}, {ROWS}) g;
CREATE INDEX ON large (part);
CREATE TABLE many (id bigint PRIMARY KEY, part int, pos int, v int);
INSERT INTO many SELECT g, g % {PARTITIONS}, g, g % 100 FROM generate_series(1, {ROWS}) g;
CREATE INDEX ON many (part);
"""
ONE = [(f"1 row at the end of a partition of {LARGE:,}", "INSERT INTO large VALUES ({n}, 1, {n}, 5)", 10, "≤ 2 ms"),
       (f"1 row at the front of a partition of {LARGE:,}", "INSERT INTO large VALUES ({n}, 1, -{n}, 5)", 3, "")]
EACH = [(f"1 row at the end of each of {PARTITIONS:,} partitions",
         f"INSERT INTO many SELECT {{n}}::bigint * {PARTITIONS} + g, g, {{n}}, 7 FROM generate_series(0, {PARTITIONS - 1}) g", 3,
         "≤ 0.5")]
BULK = [(f"{ROWS // share:,} rows at random places of {PARTITIONS:,} partitions",
         f"INSERT INTO many SELECT {{n}}::bigint * {ROWS} + g, random() * {PARTITIONS - 1}, random() * {ROWS}, 7 "
         f"FROM generate_series(1, {ROWS // share}) g", 4, reach)
        for share, reach in ((100, "≤ 1"), (10, "≤ 1"))]


def refreshed(cursor, change, turns, first):
    """Returns the best time of a refresh after `change`, in which {n} is a number that is new each time."""
    times = []
    for n in range(first, first + turns):
        cursor.execute(change.format(n=n))
        times.append(ms(cursor, "SELECT pgtrickle.refresh_stream_table('kept')"))
    return min(times)


def measure(cursor, name, table, changes):
    query, number = QUERIES[name].format(table=table), list(QUERIES).index(name)
    if name in FIRST_ROWS:
        cursor.execute(f"CREATE INDEX ordered ON {table} (part, pos)")
    cursor.execute(f"CREATE MATERIALIZED VIEW plain AS {query}")
    create(cursor, "kept", query, "520w")
    cursor.execute("VACUUM ANALYZE")
    ours = []
    for what, change, turns, reach in changes:
        first = 3 * ROWS + 1000 * number + 100 * len(ours)
        ours.append((what, refreshed(cursor, change, turns, first), reach))
    theirs = min(ms(cursor, "REFRESH MATERIALIZED VIEW plain") for _ in range(2))
    cursor.execute("SELECT count(*) FROM ((TABLE kept EXCEPT ALL TABLE plain) UNION ALL (TABLE plain EXCEPT ALL TABLE kept)) x")
    assert cursor.fetchone()[0] == 0, "the stream table differs from the materialized view"
    for what, took, reach in ours:
        row(f"{name}: refresh after {what} / REFRESH MATERIALIZED VIEW", f"{took:.1f} / {theirs:.0f} ms = {took / theirs:.4f}", reach)
    cursor.execute("DROP FOREIGN TABLE kept; DROP MATERIALIZED VIEW plain; DROP INDEX IF EXISTS ordered")


def main():
    with Database("windows") as cursor:
        cursor.execute(SETUP)
        cursor.execute("VACUUM ANALYZE")
        for name in QUERIES:
            measure(cursor, name, "large", ONE)
            measure(cursor, name, "many", EACH)
            measure(cursor, name, "many", BULK)


main()
