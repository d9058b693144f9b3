#!/usr/bin/python3 -B
"""Measures the manager of 1,000 stream tables: creating them, idling, waking up without work, refreshing them
while 100 sources are written once a second, and its memory.

Names of functions as arguments run only these, on a server that is running (tests/scratch run).
"""

import os
import random
import sys
import time

from measure import connect, median, row
from processes import Usage, context_bytes, percentile, private_bytes, run_chosen, trickle_pids, wait_until
from thousand import KINDS, SOURCES, TABLES, Thousand, Writers, name_of

SECONDS = int(os.environ.get("BENCH_SECONDS", 60))

random.seed(1)


def creation(database):
    """Measures creation by kinds, as some take longer than others: number 1,000 against number 10 of the same
    kind. A source's first stream table begins its capture as well, so the comparison starts with the second
    hundred."""
    def around(numbers):
        return median(database.creation_ms[n] for n in numbers)
    hundreds = [around(range(k * SOURCES, (k + 1) * SOURCES)) for k in range(len(KINDS))]
    print("creation, median of each hundred:", " ".join(f"{size:.1f}" for size in hundreds), "ms", file=sys.stderr)
    first, last = around(range(5, 15)), median(database.same_again_ms)
    row("create_stream_table number 1,000 / number 10, the same query over a source of its own, medians of 10",
        f"{last:.1f} / {first:.1f} ms = {last / first:.2f}", "≤ 1.5")


def transactions(cursor):
    cursor.execute("SELECT pg_stat_force_next_flush()")
    cursor.execute("SELECT pg_stat_clear_snapshot()")
    cursor.execute("SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()")
    return cursor.fetchone()[0]


def all_pids(cursor, database):
    return [pid for pids in trickle_pids(cursor, database).values() for pid in pids]


def idle(cursor):
    database = cursor.connection.info.dbname
    pids = all_pids(cursor, database)
    before, usage = transactions(cursor), Usage(pids)
    time.sleep(SECONDS)
    usage.end()
    ran = transactions(cursor) - before
    row(f"idle for {SECONDS} s with {TABLES} stream tables: manager, workers and launcher",
        f"{usage.percent:.3f} % of a core, {usage.wake_ups} wake-ups, {ran} transactions",
        "< 0.5 % of a core, no SQL: none but the four of the measurement")


def cycle(cursor):
    """Measures commits to a source whose stream tables are not due for an hour, and to a table that no stream
    table reads."""
    database = cursor.connection.info.dbname
    everybody = all_pids(cursor, database)
    pid = trickle_pids(cursor, database)["manager"][0]
    cursor.execute("CREATE TABLE IF NOT EXISTS unread (id int)")
    for what, write in [("a source of 10 that are due in an hour", "UPDATE source_3 SET number = number WHERE id = %s"),
                        ("a source of 10 that are due in an hour, each time a new value", "UPDATE source_3 SET amount = amount + 1 WHERE id = %s"),
                        ("a table that none of them reads", "INSERT INTO unread VALUES (%s)")]:
        cursor.execute(write, (1,))
        time.sleep(8)
        before, usage, all_usage = transactions(cursor), Usage([pid]), Usage(everybody)
        for turn in range(200):
            cursor.execute(write, (turn % 900,))
            time.sleep(0.06)
        usage.end()
        all_usage.end()
        time.sleep(6)
        ran = transactions(cursor) - before - 200 - 4
        each = f"{usage.cpu_s / usage.wake_ups * 1e6:.0f} µs each" if usage.wake_ups else "none"
        row(f"a cycle with nothing to do, {TABLES} stream tables, after 200 commits to {what}",
            f"{usage.wake_ups} wake-ups, {each}, {usage.percent:.2f} % of a core ({all_usage.percent:.2f} with workers); {ran} transactions", "no SQL, ≤ 100 µs, < 0.5 % of a core")


def ages_while_written(cursor, seconds):
    """Returns ages of stream tables sampled at random, and the number of refreshes."""
    database = cursor.connection.info.dbname
    pids = all_pids(cursor, database)
    writers = Writers(database)
    reader = connect(database).cursor()
    reader.execute("SET pg_trickle.enabled = on")
    reader.execute("SET pg_trickle.max_staleness = '1h'")
    writers.start()
    time.sleep(5)
    ages, usage, ends = [], Usage(pids), time.monotonic() + seconds
    while time.monotonic() < ends:
        number = random.randrange(TABLES)
        at = time.monotonic()
        reader.execute(f"SELECT max(number) FROM {name_of(number)}")
        ages.append(writers.age_s(number, reader.fetchone()[0], at))
        time.sleep(0.02)
    usage.end()
    writers.stopping.set()
    writers.join()
    reader.connection.close()
    return ages, usage, writers


def refreshes(cursor):
    cursor.execute("SELECT count(*) FROM pgtrickle.pgt_refresh_history WHERE initiated_by = 'SCHEDULER' AND action <> 'NO_DATA'")
    return cursor.fetchone()[0]


def keeps_up(cursor, schedule):
    before = refreshes(cursor)
    ages, usage, writers = ages_while_written(cursor, SECONDS)
    done = refreshes(cursor) - before
    row(f"{TABLES} stream tables of schedule {schedule} over {SOURCES} sources, all written once a second for {SECONDS} s: age p50 / p99 / max",
        f"{percentile(ages, 50):.2f} / {percentile(ages, 99):.2f} / {max(ages):.2f} s; {done / (SECONDS + 5):.0f} refreshes/s, {usage.percent:.0f} % of a core "
        f"(the writer was late by {writers.late_s:.2f} s at most)", "keeps up, p99 ≤ 2 s")


def memory(cursor):
    database = cursor.connection.info.dbname
    pids = trickle_pids(cursor, database)
    parts = []
    total = 0
    for kind in sorted(pids):
        for pid in pids[kind]:
            private = private_bytes(pid)
            total += private
            parts.append(f"{kind} {private / 1e6:.0f} MB ({context_bytes(cursor, pid) / 1e6:.0f} in contexts)")
    row(f"private memory with {TABLES} stream tables, all refreshed", f"{total / 1e6:.0f} MB: " + ", ".join(parts), "≤ 100 MB")


def flat(cursor):
    """Measures memory over a longer series of refreshes."""
    database = cursor.connection.info.dbname
    sizes = []
    for _ in range(6):
        ages_while_written(cursor, max(5, SECONDS // 2))
        sizes.append(sum(private_bytes(pid) for pid in all_pids(cursor, database)) / 1e6)
    row(f"the same after each {max(5, SECONDS // 2) + 5} s more of it", " / ".join(f"{size:.0f}" for size in sizes) + " MB", "flat")


def due_in_an_hour():
    database = Thousand("1h")
    with database as cursor:
        creation(database)
        idle(cursor)
        cycle(cursor)


def every_second():
    with Thousand("1s") as cursor:
        keeps_up(cursor, "1s")
        memory(cursor)
        flat(cursor)


def on_change():
    with Thousand("calculated") as cursor:
        keeps_up(cursor, "calculated")
        memory(cursor)


run_chosen([due_in_an_hour, every_second, on_change], sys.argv[1:])
