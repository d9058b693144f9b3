#!/usr/bin/python3 -B
"""Compares exact reads with reads of the stored rows, and with the defining query.

The times are the best ones of the backend's CPU time, the two alternating statement by statement. Pending are changes
that no refresh has applied: the stream tables have a long schedule. The stored rows are read by a session of its own,
because the session that has read exactly does not go back in time: its next read of the stored rows is a refresh.
"""

from measure import Database, connect, cpu_s, create, row, scale

ROWS = scale(1_000_000)
GROUPS = max(ROWS // 100, 1)
TIMES, LOOK_UPS = 7, 300

SETUP = f"""
CREATE TABLE cust AS SELECT i AS id, i % 1000 AS region, 'name ' || i AS name FROM generate_series(1, {GROUPS}) i;
ALTER TABLE cust ADD PRIMARY KEY (id);
CREATE TABLE ord AS SELECT i AS id, 1 + i % {GROUPS} AS cust, i % 1000 AS v, 'note of order ' || i AS note
  FROM generate_series(1, {ROWS}) i;
ALTER TABLE ord ADD PRIMARY KEY (id);
CREATE INDEX ON ord (cust);
"""
STREAM_TABLES = {
    "wide": "SELECT id, cust, v, note FROM ord WHERE v > 5",
    "by_cust": "SELECT cust, sum(v) AS total, count(*) AS n FROM ord GROUP BY cust",
    "by_region": "SELECT c.region, sum(o.v) AS total FROM ord o JOIN cust c ON c.id = o.cust GROUP BY c.region",
    "named": "SELECT o.id, o.v, c.name FROM ord o JOIN cust c ON c.id = o.cust",
}
READS = {
    "all rows": "SELECT sum(v) FROM wide",
    "all groups": "SELECT sum(total) FROM by_cust",
    "all rows of a join": "SELECT count(name) FROM named",
}


PREPARE = ("SET max_parallel_workers_per_gather = 0; SET plan_cache_mode = force_generic_plan; "
           "PREPARE touched AS SELECT v FROM wide WHERE id = 77; PREPARE untouched AS SELECT v FROM wide WHERE id = 777")


def cpu_ms(cursor, statement, times=1):
    pid = [cursor.connection.get_backend_pid()]
    started = cpu_s(pid)
    for _ in range(times):
        cursor.execute(statement)
    return (cpu_s(pid) - started) / times * 1e3


def both(readers, statement, other=None, times=1):
    """Returns the milliseconds of the exact read, and of `other` or of the same read of the stored rows."""
    exact, stored = [], []
    for _ in range(TIMES):
        exact.append(cpu_ms(readers[0], statement, times))
        stored.append(cpu_ms(readers[1], other or statement, times))
    return min(exact), min(stored)


def look_up(readers, row="untouched"):
    exact, stored = both(readers, "EXECUTE " + row, times=LOOK_UPS)
    return f"+ {(exact - stored) * 1e3:.0f} µs"


def reader(mode):
    cursor = connect("bench_exact_reads").cursor()
    cursor.execute(PREPARE)
    cursor.execute("SET pg_trickle.read_mode = " + mode)
    return cursor


def main():
    with Database("exact_reads") as cursor:
        cursor.execute(SETUP)
        cursor.execute("VACUUM ANALYZE")
        for name, query in STREAM_TABLES.items():
            create(cursor, name, query)
        readers = reader("exact"), reader("refresh")
        for name, read in READS.items():
            exact, stored = both(readers, read)
            row(f"exact read / stored rows, nothing pending: {name}", f"{exact / stored:.2f}", "≤ 1.01")
        row("exact read, nothing pending: look-up by key", look_up(readers), "≤ + 3 µs")
        cursor.execute("UPDATE ord SET v = v + 1 WHERE id <= 100")
        for name, read in READS.items():
            exact, stored = both(readers, read)
            is_grouped = "groups" in name
            row(f"exact read, 100 of {ROWS} rows pending: {name}",
                f"+ {exact - stored:.1f} ms" if is_grouped else f"{exact / stored:.1f} ×", "≤ + 1 ms" if is_grouped else "≤ 2.2 ×")
        row(f"exact read, 100 of {ROWS} rows pending: look-up by key", look_up(readers), "≤ + 100 µs")
        row(f"exact read, 100 of {ROWS} rows pending: look-up of one of them", look_up(readers, "touched"), "–")
        cursor.execute(f"UPDATE ord SET v = v + 1 WHERE id % 100 = 0 AND id <= {ROWS}")
        for name in ("by_region", "by_cust"):
            exact, query = both(readers, f"SELECT sum(total) FROM {name}", f"SELECT sum(total) FROM ({STREAM_TABLES[name]}) q")
            row(f"exact read / its query, 1 % of the rows pending: {name}", f"{exact / query:.2f}", "≤ 0.1, never above 1.2")


main()
