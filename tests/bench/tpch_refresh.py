#!/usr/bin/python3 -B
"""Measures the 22 queries of TPC-H as stream tables: a refresh of each after about 100 changed rows over all
tables, after 1,000, and after 1 % of all rows has changed, against REFRESH MATERIALIZED VIEW of the same query in the same run.
TPCH_SCALE is 1 in `make bench`; 0.1 is quick."""
import os

import psycopg2
from measure import Database, create, median, ms, row
from warehouse import Warehouse

SCALE = float(os.environ.get("TPCH_SCALE", 1 / int(os.environ.get("BENCH_SHRINK", 1))))


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


def measure(warehouse, kept, change, turns):
    """Returns {name: the least time of a refresh after such a change, without the first}."""
    times = {name: [] for name in kept}
    for turn in range(turns):
        warehouse.change(turn, change)
        for name in kept:
            times[name].append(ms(warehouse.cursor, f"SELECT pgtrickle.refresh_stream_table('{name}')"))
    return {name: min(times[name][1:]) for name in kept}


def report(warehouse, kept, times, what, fast, slowest):
    """Prints a row for each query and one for all."""
    ratios = []
    for name, sql in kept.items():
        plain = min(ms(warehouse.cursor, f"REFRESH MATERIALIZED VIEW plain_{name}") for _ in range(2))
        differences = warehouse.differences(name, sql)
        verdict = "" if not differences else f", {differences} rows are wrong"
        others = warehouse.other_actions(name)
        row(f"TPC-H {name} at scale {SCALE:g}, {what} changed / REFRESH MATERIALIZED VIEW",
            f"{times[name]:.1f} / {plain:.0f} ms = {plain / times[name]:.1f}×{verdict}{', by ' + ' '.join(others) if others else ''}",
            f"≥ {1 / slowest:.2f}×")
        ratios.append(plain / times[name])
    row(f"TPC-H at scale {SCALE:g}, {what} changed: queries at least {fast}× faster; slowest ratio; median",
        f"{sum(ratio >= fast for ratio in ratios)} of 22; {min(ratios):.2f}×; {median(list(times.values())):.1f} ms",
        f"≥ 18; ≥ {1 / slowest:.2f}×")


def report_thousand(times):
    named = "; ".join(f"{name} {times[name]:.1f}" for name in ("q1", "q3", "q6", "q12", "q5") if name in times)
    row(f"TPC-H at scale {SCALE:g}, about 1,000 rows changed: {named} ms; slowest; median",
        f"{max(times.values()):.1f}; {median(list(times.values())):.1f} ms", "Q1, Q3, Q6, Q12 ≤ 10, Q5 ≤ 50, median ≤ 8 ms")


def main():
    with Database("tpch") as cursor:
        warehouse = Warehouse(cursor, "tpch", SCALE)
        warehouse.load()
        kept = keep(warehouse, warehouse.queries())
        cursor.execute("VACUUM ANALYZE")
        report(warehouse, kept, measure(warehouse, kept, "changes", 5), "~100 rows of all tables", fast=10, slowest=1.2)
        report_thousand(measure(warehouse, kept, "thousand", 4))
        report(warehouse, kept, measure(warehouse, kept, "bulk", 3), "1 % of the rows", fast=4, slowest=1)


main()
