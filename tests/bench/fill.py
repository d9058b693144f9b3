#!/usr/bin/python3 -B
"""Measures what a stream table costs beside a materialized view of the same query with an index on its key: the
fill, the size, a scan, and the refresh of 1,000 and of a tenth of the rows, of 1,000,000 in `ord`.

The CPU time of the backend and of its parallel workers is not the same; times are best times of alternating
runs. BENCH_ONLY selects constructs by a part of their names."""
import os

from measure import Database, ms, row, scale

ROWS = scale(1_000_000)
GROUPS = ROWS // 100

SETUP = f"""
CREATE TABLE cust (id int PRIMARY KEY, name text NOT NULL, region int NOT NULL);
INSERT INTO cust SELECT g, 'customer ' || g, g % 50 FROM generate_series(1, {GROUPS}) g;
CREATE TABLE ord (id int PRIMARY KEY, cust int NOT NULL, amount int NOT NULL, price numeric(12,2) NOT NULL,
                  rate numeric NOT NULL, note text);
INSERT INTO ord SELECT g, 1 + (g::bigint * 7919) % {GROUPS}, g % 997, (g % 100000) / 100.0, (g % 97) / 8.0, 'note ' || g % 1000
  FROM generate_series(1, {ROWS}) g;
CREATE INDEX ON ord (cust);
CREATE TABLE doc (id int NOT NULL, code text PRIMARY KEY, amount int NOT NULL, price numeric(12,2) NOT NULL, note text);
INSERT INTO doc SELECT id, 'code ' || md5(id::text), amount, price, note FROM ord;
"""

# name, query, columns of the key; the table that changes is ord, or doc
CONSTRUCTS = [
    ("projection with its key", "SELECT id, cust, amount, price, note FROM ord", "id"),
    ("projection with a key of text", "SELECT code, amount, price, note FROM doc", "code"),
    ("join of two", "SELECT o.id, o.amount, o.price, c.name FROM ord o JOIN cust c ON c.id = o.cust", "id"),
    ("filter", "SELECT id, amount, note FROM ord WHERE amount < 100", "id"),
    ("projection without a key", "SELECT cust, amount, note FROM ord", "cust"),
    ("count, sum, avg", "SELECT cust, count(*) AS n, sum(amount) AS total, avg(amount) AS mean FROM ord GROUP BY cust", "cust"),
    ("sum of declared scale", "SELECT cust, sum(price * (1 - price)) AS total FROM ord GROUP BY cust", "cust"),
    ("sum of any scale", "SELECT cust, sum(price * rate) AS total FROM ord GROUP BY cust", "cust"),
    ("min, max", "SELECT cust, min(amount) AS least, max(price) AS most FROM ord GROUP BY cust", "cust"),
    ("distinct", "SELECT DISTINCT cust, amount % 10 AS digit FROM ord", "cust, digit"),
    ("row_number", "SELECT id, cust, row_number() OVER (PARTITION BY cust ORDER BY amount, id) AS n FROM ord", "id"),
]
CHANGE = "UPDATE {table} SET amount = (amount + 1) % 997, price = price + 0.01 WHERE id > {first} AND id <= {first} + {count}"


def fill(cursor, statement, drop):
    times = []
    for _ in range(2):
        cursor.execute(drop)
        times.append(ms(cursor, statement))
    return min(times)


def size(cursor, expression):
    cursor.execute(f"SELECT {expression}")
    return int(cursor.fetchone()[0])


def refresh(cursor, table, count, first):
    cursor.execute(CHANGE.format(table=table, first=first, count=count))
    cursor.execute("CHECKPOINT")
    cursor.execute("SELECT pg_current_wal_insert_lsn()")
    begin = cursor.fetchone()[0]
    took = ms(cursor, "SELECT pgtrickle.refresh_stream_table('kept')")
    cursor.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), %s)", (begin,))
    return took, int(cursor.fetchone()[0])


def measure(cursor, name, query, key):
    view = f"CREATE MATERIALIZED VIEW plain AS {query}; CREATE INDEX plain_key ON plain ({key})"
    kept = f"CREATE FOREIGN TABLE kept () SERVER pgtrickle OPTIONS (query '{query}', schedule '520w', refresh_mode 'DIFFERENTIAL')"
    theirs = fill(cursor, view, "DROP MATERIALIZED VIEW IF EXISTS plain")
    ours = fill(cursor, kept, "DROP FOREIGN TABLE IF EXISTS kept")
    sizes = size(cursor, "pgtrickle.st_size('kept')"), size(cursor, "pg_total_relation_size('plain')")
    cursor.execute("VACUUM ANALYZE plain")
    scans = []
    for relation in ("kept", "plain"):
        scans.append(min(ms(cursor, f"SELECT count(*) FROM {relation}") for _ in range(7)))
    table = "doc" if query.endswith("FROM doc") else "ord"
    few_ms, few_wal = refresh(cursor, table, 1000, 0)
    many_ms, _ = refresh(cursor, table, ROWS // 10, ROWS // 2)
    anew_ms = ms(cursor, "REFRESH MATERIALIZED VIEW plain")
    row(f"{name}: fill / CREATE MATERIALIZED VIEW + index", f"{ours:.0f} / {theirs:.0f} ms = {ours / theirs:.2f}", "≤ 1.2")
    row(f"{name}: size / the view's", f"{sizes[0] >> 20} / {sizes[1] >> 20} MB = {sizes[0] / sizes[1]:.2f}", "≤ 1.05; groups 1.5")
    row(f"{name}: scan / the view's", f"{scans[0]:.1f} / {scans[1]:.1f} ms = {scans[0] / scans[1]:.2f}", "≤ 1.02; 1.08 without a key")
    row(f"{name}: refresh of 1,000 rows", f"{few_ms:.1f} ms, {few_wal // 1000:,} bytes of WAL a row", "")
    row(f"{name}: REFRESH / refresh of a tenth of the rows", f"{anew_ms:.0f} / {many_ms:.0f} ms = {anew_ms / many_ms:.1f} ×", "≥ 1.5 ×")


def main():
    with Database("fill") as cursor:
        cursor.execute(SETUP)
        cursor.execute("VACUUM ANALYZE")
        for name, query, key in CONSTRUCTS:
            if os.environ.get("BENCH_ONLY", "") in name:
                measure(cursor, name, query, key)


main()
