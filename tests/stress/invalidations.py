#!/usr/bin/python3 -B
"""Everything that a session reads and does, while what backends keep about relations, roles and types becomes invalid all
the time. A server with assertions (tests/soak/assertions) discards it in addition wherever it could become invalid, and
overwrites what is freed: a pointer that is kept for too long is seen at once."""

import os
import sys
import threading
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
import seeds  # noqa: E402: needs the path above
from database import Database, run_cases  # noqa: E402: likewise

DURATION_S = float(os.environ.get("DURATION_S", 15))
MAINTAINED = {  # by a column to look rows up by
    "kept": ("id", "SELECT id, k, v FROM a WHERE v > 3"),
    "joined": ("id", "SELECT a.id, b.v FROM a JOIN b ON b.id = a.k"),
    "totals": ("k", "SELECT k, count(*) AS n, sum(v) AS s FROM a GROUP BY k"),
    "extremes": ("k", "SELECT k, min(v) AS low, max(v) AS high FROM a GROUP BY k"),
    "outer_joined": ("id", "SELECT a.id, b.v FROM a LEFT JOIN b ON b.v = a.v"),
    "windows": ("id", "SELECT id, k, rank() OVER (PARTITION BY k ORDER BY v) AS r FROM a"),
    "first": ("id", "SELECT id, v FROM a ORDER BY v DESC, id LIMIT 5"),
    "united": ("k", "SELECT k FROM a UNION SELECT v FROM b"),
    "tested": ("id", "SELECT id FROM a WHERE EXISTS (SELECT FROM b WHERE b.v = a.v)"),
    "chained": ("n", "SELECT n, count(*) AS c FROM totals GROUP BY n"),
    "reached": ("id", "WITH RECURSIVE r AS (SELECT id, v FROM a WHERE id < 5 UNION SELECT b.id, b.v FROM r JOIN b ON b.id = r.id + 60)"
                      " SELECT * FROM r"),
}
FUNCTIONS = [
    "pgt_status", "refresh_history_rows", "stream_table_rows", "holds", "source_gates", "stopped_captures", "watermarks",
    "watermark_groups", "watermark_status", "refresh_groups", "refresh_efficiency", "stream_table_states", "statistics_rows",
    "trigger_rows", "progress_rows", "running_refreshes", "server_state", "st_refresh_stats", "refresh_timeline", "dependency_tree",
    "diamond_groups", "old_transactions", "change_buffer_sizes", "trigger_inventory", "check_cdc_health", "blocked_refreshes",
    "server_checks", "stream_table_checks", "health_check", "is_drained", "pgt_dumped_rows", "explain_dag",
]
FUNCTIONS_OF_ONE = [
    "get_staleness", "data_timestamp", "get_refresh_history", "explain_st", "export_definition", "explain_refresh_mode",
    "recommend_refresh_mode", "list_sources", "st_size", "stream_table_key",
]
CHANGE = "UPDATE a SET v = v + 1, k = (k + 1) % 20 WHERE id % 17 = 3"
EXACTLY = "SET pg_trickle.read_mode = exact"


def statements_of(name, column):
    yield from ([f"SELECT * FROM pgtrickle.{function}('{name}')"] for function in FUNCTIONS_OF_ONE)
    yield [f"SELECT * FROM pgtrickle.explain_st('{name}', true)"]
    yield [CHANGE, f"SELECT pgtrickle.refresh_stream_table('{name}')"]
    yield ["SET pg_trickle.max_staleness = 0", CHANGE, f"SELECT count(*) FROM {name}"]
    yield [EXACTLY, CHANGE, f"SELECT count(*) FROM {name}"]
    yield [EXACTLY, CHANGE, f"SELECT * FROM {name} WHERE {column} = 3"]
    yield [f"EXPLAIN ANALYZE SELECT * FROM {name} WHERE {column} = 5"]
    yield ["BEGIN ISOLATION LEVEL REPEATABLE READ", CHANGE, f"SELECT count(*) FROM {name}", "ROLLBACK"]


def statements():
    for name, (column, _) in MAINTAINED.items():
        yield from statements_of(name, column)
    yield from ([f"SELECT * FROM pgtrickle.{function}()"] for function in FUNCTIONS)
    relids = ", ".join(f"'{name}'::regclass" for name in MAINTAINED)
    yield [f"SELECT * FROM pgtrickle.missing_index_rows(ARRAY[{relids}])"]
    yield ["SELECT pgtrickle.validate_query('SELECT k, count(*) FROM a GROUP BY k')"]


def definitions(name):
    """Statements that define a stream table, which are run one after the other."""
    return [
        f"SELECT pgtrickle.create_stream_table('{name}', 'SELECT k, count(*) AS n FROM a GROUP BY k', '520w')",
        f"ALTER FOREIGN TABLE {name} OPTIONS (SET query 'SELECT k, count(*) AS n, sum(v) AS s FROM a GROUP BY k')",
        f"SELECT pgtrickle.alter_stream_table('{name}', schedule => '5m')",
        f"CREATE INDEX {name}_n ON {name} (n)",
        f"SELECT pgtrickle.repair_stream_table('{name}')",
        f"ALTER FOREIGN TABLE {name} ALTER n SET STATISTICS 50",
        f"VACUUM {name}",
        f"SELECT pgtrickle.drop_stream_table('{name}')",
    ]


db = Database()
end = 0.0
failures = []


def set_up():
    for table in "ab":
        db.run(f"CREATE TABLE {table} (id int PRIMARY KEY, k int, v int)")
        db.run(f"INSERT INTO {table} SELECT i, i % 20, i FROM generate_series(1, 200) i")
    for name, (_, query) in MAINTAINED.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", name, query)
    db.run("CREATE UNIQUE INDEX kept_id ON kept (id)")


def session():
    cursor = db.connect().cursor()
    cursor.execute("SET client_min_messages = error; SET statement_timeout = '300s'; SET lock_timeout = '60s'")
    return cursor


def repeat(act):
    """Calls act(cursor, dice) until the end, in a session of its own."""
    dice = seeds.dice()

    def loop():
        cursor = session()
        while time.monotonic() < end and not failures:
            try:
                act(cursor, dice)
            except psycopg2.Error as error:
                if error.pgcode not in ("40001", "40P01"):
                    failures.append(f"{act.__name__}: {error.pgcode} {error}")
                if error.pgcode is None:
                    return
                cursor.execute("ROLLBACK")
        cursor.connection.close()
    return threading.Thread(target=loop)


def invalidate(cursor, dice):
    """Of a source, of all roles, of all relations."""
    cursor.execute(dice.choice([
        f"ALTER TABLE a SET (fillfactor = {dice.randint(70, 100)})", "ANALYZE b", "CREATE ROLE passing_role; DROP ROLE passing_role",
        "CREATE TEMP TABLE passing (i int); DROP TABLE passing", "GRANT SELECT ON b TO PUBLIC", "CREATE INDEX passing ON b (k); DROP INDEX passing",
    ]))


def use(cursor, dice):
    for statement in dice.choice(everything):
        cursor.execute(statement)
    cursor.execute("RESET pg_trickle.read_mode; RESET pg_trickle.max_staleness")


def define(cursor, _):
    for statement in definitions("defined"):
        cursor.execute(statement)


def require_right_rows():
    for name, (_, query) in MAINTAINED.items():
        db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
        off = db.value(f"SELECT count(*) FROM ((TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})) d")
        assert off == 0, f"{name} differs from its query in {off} rows"


def beside_a_storm():
    global end
    end = time.monotonic() + DURATION_S
    threads = [repeat(act) for act in (invalidate, use, use, define)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    require_right_rows()


def with_caches_discarded_everywhere():
    for script in [*everything, definitions("defined")]:
        cursor = session()
        cursor.execute("SET debug_discard_caches = 1")
        for statement in script:
            cursor.execute(statement)
        cursor.connection.close()
    require_right_rows()


everything = list(statements())
cases = [beside_a_storm]
if db.value("SHOW debug_assertions") == "on":
    cases.append(with_caches_discarded_everywhere)
try:
    set_up()
    run_cases(cases)
finally:
    db.drop()
