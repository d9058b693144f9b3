#!/usr/bin/python3 -B
"""Compares reading a stream table with reading its storage, and measures the cost that a read adds when no
change is pending.

The ratios are of the best times, the two alternating statement by statement: of the backend's CPU time, so
that other load on the machine does not count, and of the clock where parallel workers participate. The added
cost is the median difference of the CPU time of many small batches of a look-up by key: as a simple query
(planning, expansion and barrier) beyond one of the storage, and as a kept generic plan beyond one of a view
of the storage, which has as many relations to lock and to check (the barrier alone).
"""

from measure import Database, cpu_s, create, median, ms, row, scale

ROWS = scale(1_000_000)
TIMES = 15
BATCHES = 80
BATCH = 250

SETUP = f"""
CREATE TABLE base AS SELECT i AS id, i % 1000 AS region, i AS qty, 'name ' || i AS name FROM generate_series(1, {ROWS}) i;
ALTER TABLE base ADD PRIMARY KEY (id);
CREATE TABLE keys AS SELECT 1 + (i * 7919::bigint) % {ROWS} AS id FROM generate_series(1, 10000) i;
CREATE TABLE region AS SELECT i AS region, 'region ' || i AS title FROM generate_series(0, 999) i;
"""
QUERIES = {
    "count(*)": "SELECT count(*) FROM {}",
    "sum": "SELECT sum(qty) FROM {}",
    "10k look-ups by key": "SELECT count(name) FROM keys JOIN {} kept USING (id)",
    "hash join": "SELECT count(title) FROM {} kept JOIN region USING (region)",
    "GROUP BY": "SELECT region, sum(qty) FROM {} GROUP BY region",
}
PARALLEL = {"parallel sum": QUERIES["sum"]}


def storage_of(cursor, name):
    cursor.execute("SELECT format('pg_trickle_storage.st_%%s', %s::regclass::oid)", (name,))
    return cursor.fetchone()[0]


def cpu_ms(cursor, statement):
    pid = [cursor.connection.get_backend_pid()]
    started = cpu_s(pid)
    cursor.execute(statement)
    return (cpu_s(pid) - started) * 1e3


def ratio(cursor, query, storage, measured):
    of_table, of_storage = [], []
    for _ in range(TIMES):
        of_table.append(measured(cursor, query.format("kept")))
        of_storage.append(measured(cursor, query.format(storage)))
    return min(of_table) / min(of_storage)


def microseconds(cursor, statement):
    pid = [cursor.connection.get_backend_pid()]
    started = cpu_s(pid)
    for _ in range(BATCH):
        cursor.execute(statement)
    return (cpu_s(pid) - started) / BATCH * 1e6


def added_us(cursor, of_table, of_storage):
    differences = [microseconds(cursor, of_table) - microseconds(cursor, of_storage) for _ in range(BATCHES)]
    return median(differences)


def main():
    with Database("read") as cursor:
        cursor.execute(SETUP)
        cursor.execute("VACUUM ANALYZE")
        create(cursor, "kept", "SELECT id, region, qty, name FROM base WHERE qty > 0")
        storage = storage_of(cursor, "kept")
        cursor.execute("CREATE INDEX ON kept (id)")
        cursor.execute("ANALYZE kept")
        # Hint bits of a new heap are set by the first session that reads it.
        cursor.execute("SELECT sum(qty) FROM kept")
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        for name, query in QUERIES.items():
            row(f"scan of a stream table / of its storage: {name}", f"{ratio(cursor, query, storage, cpu_ms):.2f}", "≤ 1.05")
        cursor.execute("SET max_parallel_workers_per_gather = 2")
        for name, query in PARALLEL.items():
            row(f"scan of a stream table / of its storage: {name}", f"{ratio(cursor, query, storage, ms):.2f}", "≤ 1.05")
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        look_up = "SELECT qty FROM {} WHERE id = 5"
        planned = added_us(cursor, look_up.format("kept"), look_up.format(storage))
        cursor.execute("SET plan_cache_mode = force_generic_plan")
        cursor.execute("PREPARE of_table AS " + look_up.format("kept"))
        cursor.execute(f"CREATE VIEW viewed AS SELECT id, region, qty, name FROM {storage}")
        cursor.execute("PREPARE of_view AS " + look_up.format("viewed"))
        barrier = added_us(cursor, "EXECUTE of_table", "EXECUTE of_view")
        row("a read with nothing pending: added planning + barrier", f"{planned:.1f} µs", "≤ 30 µs")
        row("of which barrier, with its new snapshot", f"{barrier:.1f} µs", "≤ 2 µs")


main()
