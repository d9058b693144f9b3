#!/usr/bin/python3 -B
"""Shows that the queries of TPC-H, and others in the manner of TPC-DS, as stream tables, equal their queries
after mixed inserts, updates and deletes on all tables, maintained by deltas alone. A refusal is a failure."""
import os
import sys
from pathlib import Path

import psycopg2

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "bench")]
from database import Database  # noqa: E402
from warehouse import Warehouse  # noqa: E402

SCALES = {"tpch": float(os.environ.get("SCALE", 0.002)), "tpcds": float(os.environ.get("SCALE", 0.002))}
TURNS = ["changes", "changes", "upheaval", "changes"]


class Kept:
    """Stream tables of a warehouse; one case each, with the first error."""

    def __init__(self, warehouse, queries):
        self.warehouse, self.queries, self.wrong = warehouse, queries, {}
        for name, sql in queries.items():
            self.attempt(name, "creation", self.create, name, sql)

    def attempt(self, name, when, action, *arguments):
        if name not in self.wrong:
            try:
                action(*arguments)
            except (psycopg2.Error, AssertionError) as error:
                self.wrong[name] = f"{when}: {str(error).strip()}"

    def create(self, name, sql):
        self.warehouse.cursor.execute("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", (name, sql))
        self.warehouse.add_missing_indexes(name)

    def check(self, name, sql):
        self.warehouse.cursor.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
        differences = self.warehouse.differences(name, sql)
        assert not differences, f"{differences} rows differ"
        others = self.warehouse.other_actions(name)
        assert not others, f"refreshed by {others}"

    def turn(self, number, change):
        self.warehouse.change(number, change)
        for name, sql in self.queries.items():
            self.attempt(name, f"turn {number}, {change}", self.check, name, sql)

    def report(self, folder):
        for name in self.queries:
            print(f"{'not ok' if name in self.wrong else 'ok'} {folder} {name} {self.wrong.get(name, '')}".rstrip())


def main():
    failed = 0
    for folder in sys.argv[1:] or [name for name in SCALES if (TESTS / "bench" / name / "queries.sql").exists()]:
        database = Database()
        database.run("SET statement_timeout = '60s'")
        warehouse = Warehouse(database.session.cursor(), folder, SCALES[folder])
        warehouse.load()
        kept = Kept(warehouse, warehouse.queries())
        for number, change in enumerate(TURNS):
            kept.turn(number, change)
        kept.report(folder)
        failed += len(kept.wrong)
        database.drop()
    sys.exit(1 if failed else 0)


main()
