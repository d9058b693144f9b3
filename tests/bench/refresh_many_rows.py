#!/usr/bin/python3 -B
"""Compares a refresh after 1,000 changed rows with REFRESH MATERIALIZED VIEW of the same query, alternating;
best times."""

from measure import Database, create, ms, row, scale

ROWS = scale(1_000_000)
QUERY = "SELECT grp, count(*) AS n, sum(amount) AS total FROM facts GROUP BY grp"


def main():
    for groups in (1000, 100_000):
        with Database("many") as cursor:
            cursor.execute(f"""
                CREATE TABLE facts AS SELECT g AS id, g % {groups} AS grp, g % 77 AS amount FROM generate_series(1, {ROWS}) g;
                ALTER TABLE facts ADD PRIMARY KEY (id);
                CREATE MATERIALIZED VIEW plain AS {QUERY}""")
            cursor.execute("VACUUM ANALYZE")
            create(cursor, "kept", QUERY)
            kept, plain = [], []
            for turn in range(16):
                first = turn * 1000 % ROWS
                cursor.execute("UPDATE facts SET amount = amount + 1 WHERE id > %s AND id <= %s", (first, first + 1000))
                kept.append(ms(cursor, "SELECT pgtrickle.refresh_stream_table('kept')"))
                plain.append(ms(cursor, "REFRESH MATERIALIZED VIEW plain"))
            cursor.execute("SELECT count(*) FROM ((TABLE kept EXCEPT ALL TABLE plain) UNION ALL (TABLE plain EXCEPT ALL TABLE kept)) x")
            assert cursor.fetchone()[0] == 0, "the stream table differs from the materialized view"
            ours, theirs = min(kept[2:]), min(plain[2:])
            row(f"refresh after 1,000 changed rows of {ROWS:,}, {groups:,} groups / REFRESH MATERIALIZED VIEW",
                f"{ours:.1f} / {theirs:.0f} ms = 1/{theirs / ours:.0f}", "≤ 1/20")


main()
