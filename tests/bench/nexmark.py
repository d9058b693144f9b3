#!/usr/bin/python3 -B
"""Measures Nexmark's events with q3, q4 and q8 kept together by the manager, against the inserts alone.

A batch is a transaction of 1,000 events in three COPYs: 20 persons, 60 auctions and 920 bids. The time with stream
tables ends when all of them contain the last batch. BENCH_SHRINK divides the number of events."""
import io
import random
import time

from measure import Database, cpu_s, create, row, scale, server_pids

EVENTS = scale(1_000_000)
BATCH = 1000
TURNS = 3
SCHEMA = """
CREATE TABLE person (id int PRIMARY KEY, name text NOT NULL, city text NOT NULL, state text NOT NULL, date_time timestamp NOT NULL);
CREATE TABLE auction (id int PRIMARY KEY, seller int NOT NULL, category int NOT NULL, reserve int NOT NULL, date_time timestamp NOT NULL,
  expires timestamp NOT NULL);
CREATE INDEX ON auction (seller);
CREATE TABLE bid (auction int NOT NULL, bidder int NOT NULL, price int NOT NULL, date_time timestamp NOT NULL);
CREATE INDEX ON bid (auction);
"""
QUERIES = {
    "q3": """SELECT p.name, p.city, p.state, a.id FROM auction a JOIN person p ON a.seller = p.id
             WHERE a.category = 10 AND p.state IN ('OR', 'ID', 'CA')""",
    "q4": """SELECT category, avg(final) AS price FROM (SELECT a.id, a.category, max(b.price) AS final FROM auction a JOIN bid b ON b.auction = a.id
             WHERE b.date_time BETWEEN a.date_time AND a.expires GROUP BY a.id, a.category) q GROUP BY category""",
    "q8": """SELECT p.id, p.name, p.at FROM (SELECT id, name, date_bin('10 s', date_time, '2026-01-01') AS at FROM person) p
             JOIN (SELECT DISTINCT seller, date_bin('10 s', date_time, '2026-01-01') AS at FROM auction) a ON a.seller = p.id AND a.at = p.at""",
}
STATES = ["AZ", "CA", "ID", "OR", "WA", "WY"]


def moment(event):
    """10,000 events a second, as in the benchmark's generator."""
    at = event / 10_000
    return f"2026-01-01 {int(at // 3600):02}:{int(at // 60 % 60):02}:{at % 60:09.6f}"


def batches(count):
    """Returns for each batch the texts of its three COPYs. Bids are for one of the last hundred auctions."""
    dice, made, persons, auctions, event = random.Random(1), [], 0, 0, 0
    for _ in range(count):
        texts = {"person": [], "auction": [], "bid": []}
        for place in range(BATCH):
            event += 1
            at, kind = moment(event), place % 50
            if kind == 0:
                persons += 1
                texts["person"].append(f"{persons}\tperson {persons}\tcity {persons % 50}\t{dice.choice(STATES)}\t{at}\n")
            elif kind < 4:
                auctions += 1
                seller = max(1, persons - dice.randrange(20))
                texts["auction"].append(f"{auctions}\t{seller}\t{10 + dice.randrange(5)}\t{dice.randrange(1000)}\t{at}\t{moment(event + 40_000)}\n")
            else:
                texts["bid"].append(f"{max(1, auctions - dice.randrange(100))}\t{dice.randrange(1, persons + 1)}\t{dice.randrange(1, 100_000)}\t{at}\n")
        made.append({table: "".join(lines) for table, lines in texts.items()})
    return made


def insert(cursor, made):
    for batch in made:
        cursor.execute("BEGIN")
        for table, text in batch.items():
            cursor.copy_expert(f"COPY {table} FROM STDIN", io.StringIO(text))
        cursor.execute("COMMIT")


def wait_until_kept(cursor):
    """Waits until the manager has refreshed all for the last commit: a read of an age of 0 waits for that."""
    cursor.execute("SET pg_trickle.max_staleness = 0")
    for name in QUERIES:
        cursor.execute(f"SELECT count(*) FROM {name}")
    cursor.execute("RESET pg_trickle.max_staleness")


def timed(made, is_kept):
    """Returns the seconds of all batches, the seconds of q4's refreshes, and the CPU seconds of the server."""
    with Database("nexmark") as cursor:
        cursor.execute(SCHEMA)
        for name, sql in QUERIES.items() if is_kept else ():
            create(cursor, name, sql, "calculated")
        before, started = cpu_s(server_pids(cursor)), time.perf_counter()
        insert(cursor, made)
        if is_kept:
            wait_until_kept(cursor)
        seconds, cpu = time.perf_counter() - started, cpu_s(server_pids(cursor)) - before
        refreshing = 0
        for name, sql in QUERIES.items() if is_kept else ():
            cursor.execute(f"SELECT count(*) FROM ((TABLE {name} EXCEPT ALL {sql}) UNION ALL ({sql} EXCEPT ALL TABLE {name})) x")
            assert cursor.fetchone()[0] == 0, f"{name} differs from its query"
        if is_kept:
            cursor.execute("SELECT sum(duration_ms) / 1000 FROM pgtrickle.get_refresh_history('q4', 1000000) WHERE action = 'DIFFERENTIAL'")
            refreshing = float(cursor.fetchone()[0])
        return seconds, refreshing, cpu


def main():
    made = batches(EVENTS // BATCH)
    alone, kept = [], []
    for _ in range(TURNS):
        alone.append(timed(made, False))
        kept.append(timed(made, True))
    alone, kept = min(alone), min(kept)
    row("Nexmark q3, q4 and q8 kept together, COPY in batches of 1,000 / the inserts alone: events/s; time; CPU of the server",
        f"{EVENTS / kept[0]:,.0f} / {EVENTS / alone[0]:,.0f}; {kept[0] / alone[0]:.2f}×; {kept[2] / alone[2]:.2f}×", "time ≤ 2×")
    row("… events by the time of q4's refreshes", f"{EVENTS / kept[1]:,.0f}/s", "≥ 265,000/s")


main()
