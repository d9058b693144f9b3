#!/usr/bin/python3 -B
"""Measures the 22 queries of TPC-H as stream tables: a refresh of each after about 100 changed rows over all
tables, against REFRESH MATERIALIZED VIEW of the same query in the same run. TPCH_SCALE is 1 in `make bench`;
0.1 is quick."""
import os

import psycopg2
from measure import Database, create, median, ms, row
from warehouse import Warehouse

SCALE = float(os.environ.get("TPCH_SCALE", 1 / int(os.environ.get("BENCH_SHRINK", 1))))
TURNS = 5
SLOWEST, FAST = 1.2, 10


def keep(warehouse, queries):
    """Creates the stream tables with the indexes they suggest, and the materialized views; returns those that
    can be maintained."""
    cursor, kept = warehouse.cursor, {}
    for name, sql in queries.items():
        try:
            create(cursor, name, sql)
            kept[name] = sql
        except psycopg2.Error as error:
            row(f"TPC-H {name}", str(error).splitlines()[0], "kept")
    for name, sql in kept.items():
        warehouse.add_missing_indexes(name)
        cursor.execute(f"CREATE MATERIALIZED VIEW plain_{name} AS {sql}")
    return kept


def main():
    with Database("tpch") as cursor:
        warehouse = Warehouse(cursor, "tpch", SCALE)
        warehouse.load()
        kept = keep(warehouse, warehouse.queries())
        cursor.execute("VACUUM ANALYZE")
        times = {name: [] for name in kept}
        for turn in range(TURNS):
            warehouse.change(turn)
            for name in kept:
                times[name].append(ms(cursor, f"SELECT pgtrickle.refresh_stream_table('{name}')"))
        ours, ratios = [], []
        for name, sql in kept.items():
            plain = min(ms(cursor, f"REFRESH MATERIALIZED VIEW plain_{name}") for _ in range(2))
            taken = min(times[name][1:])
            differences = warehouse.differences(name, sql)
            verdict = "" if not differences else f", {differences} rows are wrong"
            others = warehouse.other_actions(name)
            row(f"TPC-H {name} at scale {SCALE:g}, ~100 rows of all tables changed / REFRESH MATERIALIZED VIEW",
                f"{taken:.1f} / {plain:.0f} ms = {plain / taken:.1f}×{verdict}{', by ' + ' '.join(others) if others else ''}", f"≥ {1 / SLOWEST:.2f}×")
            ours.append(taken)
            ratios.append(plain / taken)
        row(f"TPC-H at scale {SCALE:g}: queries at least {FAST}× faster; slowest ratio; median",
            f"{sum(ratio >= FAST for ratio in ratios)} of 22; {min(ratios):.2f}×; {median(ours):.1f} ms", "≥ 18; ≥ 0.83×; ≤ 100 ms")


main()
