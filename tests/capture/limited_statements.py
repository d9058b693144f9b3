#!/usr/bin/python3 -B
"""Shows that the rows are logged that a statement has changed when SPI stops it at a row limit, before its AFTER triggers
would fire: one that logs its rows itself needs no full refresh then. A limit concerns rows that are returned."""

import os
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, compile_library, run_cases  # noqa: E402: needs the path above

QUERY = "SELECT id, val FROM source"
db = Database()


def run(statement, limit, processed, action):
    """Runs the statement up to the limit, refreshes, and compares the rows processed, the refresh and its result."""
    assert db.value("SELECT run_limited(%s, %s)", statement, limit) == processed, statement
    db.run("SELECT pgtrickle.refresh_stream_table('kept')")
    found = db.value("SELECT action FROM pgtrickle.get_refresh_history('kept', 1)")
    assert found == action, (statement, found)
    assert db.value(f"SELECT count(*) FROM ((({QUERY}) EXCEPT ALL TABLE kept) UNION ALL (TABLE kept EXCEPT ALL ({QUERY}))) d") == 0, statement


def rows_of_a_stopped_statement_are_logged():
    run("UPDATE source SET val = val + 1 WHERE id <= 10 RETURNING id", 3, 3, "DIFFERENTIAL")
    run("INSERT INTO source SELECT 1000 + g, g FROM generate_series(1, 10) g RETURNING id", 1, 1, "DIFFERENTIAL")


def many_rows_of_a_stopped_statement_are_logged():
    """Several chunks are in the log when it is stopped."""
    run("UPDATE source SET val = val + 1 RETURNING id", 900, 900, "DIFFERENTIAL")


def a_stopped_statement_that_fires_triggers_is_a_marker():
    run("DELETE FROM source WHERE id BETWEEN 20 AND 30 RETURNING id", 2, 2, "REINITIALIZE")


def a_statement_that_returns_no_rows_is_not_stopped():
    run("UPDATE source SET val = val + 1 WHERE id BETWEEN 40 AND 49", 1, 10, "DIFFERENTIAL")
    run("DELETE FROM source WHERE id BETWEEN 40 AND 49", 1, 10, "DIFFERENTIAL")


with tempfile.TemporaryDirectory() as folder:
    library = Path(folder) / "limited_statements.so"
    compile_library("tests/capture/limited_statements.c", library)
    os.chmod(folder, 0o755)
    try:
        db.run(f"CREATE FUNCTION run_limited(text, int) RETURNS bigint LANGUAGE c STRICT AS '{library}', 'run_limited'")
        db.run("CREATE TABLE source (id int PRIMARY KEY, val int); INSERT INTO source SELECT g, g FROM generate_series(1, 999) g")
        db.run(f"SELECT pgtrickle.create_stream_table('kept', '{QUERY}', '520w', 'DIFFERENTIAL')")
        run_cases([rows_of_a_stopped_statement_are_logged, many_rows_of_a_stopped_statement_are_logged,
                   a_stopped_statement_that_fires_triggers_is_a_marker, a_statement_that_returns_no_rows_is_not_stopped])
    finally:
        db.drop()
