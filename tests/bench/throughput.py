#!/usr/bin/python3 -B
"""Measures pgbench's transactions per second with the demonstration's five stream tables and without,
alternating."""

import os
import re
import subprocess
import sys
from pathlib import Path

from measure import Database, median, row

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "demo"))
import bank  # noqa: E402

SECONDS = int(os.environ.get("BENCH_SECONDS", 15))
TURNS = 3


def tps(database, seconds):
    output = subprocess.run(["pgbench", "-n", "-c", "4", "-j", "2", "-T", str(seconds), database],
                            capture_output=True, text=True, check=True).stdout
    return float(re.search(r"tps = ([\d.]+)", output).group(1))


def main():
    with Database("throughput") as cursor:
        database = cursor.connection.info.dbname
        subprocess.run(["pgbench", "-i", "-q", "-s", "10", database], check=True, capture_output=True)
        tps(database, 5)
        without, with_tables = [], []
        for _ in range(TURNS):
            without.append(tps(database, SECONDS))
            bank.create_stream_tables(cursor)
            with_tables.append(tps(database, SECONDS))
            for table in bank.STREAM_TABLES:
                rows, too_much, missing = bank.compare(cursor, table)
                assert too_much == missing == 0, f"{table.name} differs from its query"
            bank.drop_stream_tables(cursor)
        row("pgbench, 4 clients, with five stream tables / without",
            f"{median(with_tables):.0f} / {median(without):.0f} TPS = {median(with_tables) / median(without):.2f}", "≥ 0.75")


main()
