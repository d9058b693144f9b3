#!/usr/bin/python3 -B
"""Compares AUTO with DIFFERENTIAL and with always computing in full, over runs of refreshes whose deltas
differ in size.

The deltas range from 1 changed row to 60 % of the largest source. The figures are the time that AUTO took
relative to the better of the two others over the whole run, and relative to the better one at each refresh.
`in full` is an AUTO stream table that always runs full refreshes (the setting 0), which is the choice that
AUTO has; mode FULL keeps no arrangements and reads no changes: AUTO relative to the better of DIFFERENTIAL
and FULL is shown beside it.

All stream tables apply each change, in changing order. BENCH_ONLY selects queries by a part of their names;
BENCH_SEED selects another order of sizes; BENCH_TRACE prints each refresh."""
import os
import random

from measure import Database, ms, row, scale

ROWS = scale(200_000)
SETUP = f"""
CREATE TABLE fact AS SELECT g AS id, g % {ROWS // 20} AS grp, g % 200 AS part, g % 997 AS amount FROM generate_series(1, {ROWS}) g;
ALTER TABLE fact ADD PRIMARY KEY (id);
CREATE INDEX ON fact (grp);
CREATE INDEX ON fact (part);
CREATE TABLE dim AS SELECT g AS id, g % 50 AS kind, 'd' || g AS label FROM generate_series(0, {ROWS // 20} - 1) g;
ALTER TABLE dim ADD PRIMARY KEY (id);
"""
FACT = "UPDATE fact SET amount = amount + 1 WHERE id > {first} AND id <= {first} + {count}"
DIM = "UPDATE dim SET kind = kind + 1 WHERE id >= {first} / 20 AND id < {first} / 20 + greatest({count} / 20, 1)"
QUERIES = [
    ("filter", "SELECT id, amount * 2 AS twice FROM fact WHERE amount % 3 = 0", [FACT]),
    ("join", "SELECT f.id, d.label, d.kind, f.amount FROM fact f JOIN dim d ON d.id = f.grp", [FACT]),
    ("join, both sides changing", "SELECT f.id, d.label, d.kind, f.amount FROM fact f JOIN dim d ON d.id = f.grp", [FACT, DIM]),
    ("sum per group", "SELECT grp, sum(amount) AS total, count(*) AS n FROM fact GROUP BY grp", [FACT]),
    ("join and sum", "SELECT d.kind, sum(f.amount) AS total FROM fact f JOIN dim d ON d.id = f.grp GROUP BY d.kind", [FACT, DIM]),
    ("window", "SELECT id, part, rank() OVER (PARTITION BY grp ORDER BY amount, id) AS place FROM fact", [FACT]),
    ("median per group", "SELECT grp, percentile_disc(0.5) WITHIN GROUP (ORDER BY amount) AS median FROM fact GROUP BY grp", [FACT]),
]
REFRESHES = 40
WAYS = {  # stream table: (mode, differential_max_change_ratio)
    "auto": ("AUTO", 0.15),
    "by_delta": ("DIFFERENTIAL", 0.15),
    "from_nothing": ("AUTO", 0),
    "full_mode": ("FULL", 0.15),
}


def sizes(numbers):
    """Returns the sizes of REFRESHES deltas: half of them log-evenly from 0.1 % on, the others evenly up to
    60 %, and a few single rows."""
    shares = [0.001 * 600 ** numbers.random() for _ in range(REFRESHES // 2)]
    shares += [numbers.uniform(0.01, 0.6) for _ in range(REFRESHES - len(shares) - 3)] + [0, 0, 0]
    numbers.shuffle(shares)
    return [max(1, int(share * ROWS)) for share in shares]


def refresh(cursor, way):
    cursor.execute("SELECT set_config('pg_trickle.differential_max_change_ratio', %s, false)", (str(WAYS[way][1]),))
    return ms(cursor, f"SELECT pgtrickle.refresh_stream_table('{way}')")


def trace(cursor, count, taken):
    if "BENCH_TRACE" in os.environ:
        cursor.execute("SELECT action, reason FROM pgtrickle.pgt_refresh_history WHERE pgt_id = 'auto'::regclass ORDER BY refresh_id DESC LIMIT 1")
        print(f"  {count:7}", {way: round(time, 1) for way, time in taken.items()}, *cursor.fetchone(), flush=True)


def run(cursor, changes, numbers):
    """Returns [{way: ms}] of each refresh."""
    times = []
    for turn, count in enumerate(sizes(numbers)):
        first = numbers.randint(0, ROWS - count)
        cursor.execute(changes[turn % len(changes)].format(first=first, count=count))
        cursor.execute("VACUUM fact, dim")
        order = list(WAYS)
        numbers.shuffle(order)
        times.append({way: refresh(cursor, way) for way in order})
        trace(cursor, count, times[-1])
    return times


def show(name, times, cursor):
    total = {way: sum(taken[way] for taken in times) for way in WAYS}
    better = min(total["by_delta"], total["from_nothing"])
    better_mode = min(total["by_delta"], total["full_mode"])
    best = sum(min(taken["by_delta"], taken["from_nothing"]) for taken in times)
    cursor.execute("SELECT count(*) FILTER (WHERE action = 'DIFFERENTIAL'), count(*) FILTER (WHERE was_full_fallback),"
                   " count(*) FILTER (WHERE reason LIKE 'trial%' OR reason LIKE 'given up%')"
                   " FROM pgtrickle.pgt_refresh_history WHERE pgt_id = 'auto'::regclass")
    deltas, fulls, trials = cursor.fetchone()
    row(f"AUTO, {name}, {REFRESHES} refreshes of {ROWS:,} rows: AUTO / the better of always by deltas and always in full",
        f"{total['auto'] / 1e3:.2f} / {better / 1e3:.2f} s = {total['auto'] / better:.2f}; by deltas {total['by_delta'] / 1e3:.2f} s, in full"
        f" {total['from_nothing'] / 1e3:.2f} s (mode FULL {total['full_mode'] / 1e3:.2f} s, AUTO / the better of the modes {total['auto'] / better_mode:.2f}); / the best at each {total['auto'] / best:.2f};"
        f" chosen: {deltas} by deltas, {fulls} in full, {trials} of these on trial or given up", "≤ 1.2")


def main():
    only = os.environ.get("BENCH_ONLY", "")
    for name, query, changes in QUERIES:
        if only not in name:
            continue
        numbers = random.Random(os.environ.get("BENCH_SEED", "1") + name)
        with Database("auto") as cursor:
            cursor.execute(SETUP)
            cursor.execute("VACUUM ANALYZE")
            for way, (mode, _) in WAYS.items():
                cursor.execute("SELECT pgtrickle.create_stream_table(%s, %s, '1d', %s)", (way, query, mode))
            times = run(cursor, changes, numbers)
            for way in WAYS:
                cursor.execute(f"SELECT count(*) FROM (TABLE {way} EXCEPT ALL ({query})) d")
                assert cursor.fetchone()[0] == 0, f"{way} differs from its query"
            show(name, times, cursor)


main()
