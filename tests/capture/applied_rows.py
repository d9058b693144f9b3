#!/usr/bin/python3 -B
"""Shows that stream tables have the rows that a background worker of another module, as that of pglogical, changes without
a statement, and that the statements of such a worker are kept by deltas."""

import itertools
import os
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, compile_library, run_cases  # noqa: E402: needs the path above

TABLES = {
    "plain": "CREATE TABLE plain (id int PRIMARY KEY, k int, v int)",
    "fired": "CREATE TABLE fired (id int PRIMARY KEY, k int, v int)",
    "leaf": "CREATE TABLE root (id int PRIMARY KEY, k int, v int) PARTITION BY RANGE (id); "
            "CREATE TABLE leaf PARTITION OF root FOR VALUES FROM (0) TO (100000)",
    "child": "CREATE TABLE parent (id int, k int, v int); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent)",
}
SOURCES = {"plain": ["plain"], "fired": ["fired"], "leaf": ["leaf", "root"], "child": ["child", "parent"]}
QUERIES = {
    "rows": ("SELECT id, v FROM {}", "AUTO", "0s"),
    "groups": ("SELECT k % 5 AS g, count(*) AS n, sum(v) AS s FROM {} GROUP BY 1", "DIFFERENTIAL", "1h"),
    "joined": ("SELECT a.id, b.v FROM {} a JOIN {} b ON b.id = a.id", "AUTO", "0s"),
    "at_commit": ("SELECT id, k FROM {} WHERE v > 10", "IMMEDIATE", None),
}
# Has the source captured by row triggers, which such a worker fires.
BY_ROWS = {"by_rows": ("SELECT id, v, tableoid AS t FROM {}", "AUTO", "0s")}
# What a worker does, in this order: with rows, or by a statement.
CHANGES = ["I 200 209", "U 1 5", "D 201 202", "UPDATE {} SET v = v + 1 WHERE id < 9", "D 203 203", "DELETE FROM {} WHERE id = 9",
           "INSERT INTO {} VALUES (300, 1, 1)", "U 300 300", "WITH d AS (DELETE FROM {} WHERE id = 10 RETURNING v) INSERT INTO {} SELECT 500, 1, v FROM d"]
db = Database()


def stream_tables():
    for table in TABLES:
        for source, (name, (query, mode, schedule)) in itertools.product(SOURCES[table], (BY_ROWS if table == "fired" else QUERIES).items()):
            yield table, f"{source}_{name}", query.replace("{}", source), mode, schedule


def work(table, change):
    command, *ids = change.split()
    is_by_rows = len(command) == 1
    first, last = ids if is_by_rows else (0, 0)
    db.run("SELECT run_in_worker(%s, %s, %s, %s, %s, %s)", str(library), db.value("SELECT %s::regclass::oid", table) if is_by_rows else 0,
           command[0], int(first), int(last), change.replace("{}", table))


def require_right(what, table):
    for of, name, query, mode, _ in stream_tables():
        if of != table:
            continue
        db.run(f"SET pg_trickle.max_staleness = {-1 if mode == 'IMMEDIATE' else 0}")
        wrong = db.run(f"(TABLE {name} EXCEPT ALL ({query})) UNION ALL (({query}) EXCEPT ALL TABLE {name})")
        assert not wrong, (what, name, wrong)


def applied_rows_are_seen(table):
    for change in CHANGES:
        before = db.value(f"SELECT md5(array_agg(x ORDER BY x)::text) FROM {table} x")
        work(table, change)
        assert db.value(f"SELECT md5(array_agg(x ORDER BY x)::text) FROM {table} x") != before, change
        require_right(change, table)


def exact_reads_see_them():
    db.run("SET pg_trickle.read_mode = exact")
    work("plain", "I 700 705")
    require_right("exactly", "plain")
    db.run("RESET pg_trickle.read_mode")


def applied_rows_beside_statements_on_the_same_table_are_seen():
    """Those of a trigger that the applied rows fire."""
    db.run("""CREATE FUNCTION change_first() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN UPDATE plain SET k = k WHERE id = 1; RETURN NULL; END';
        CREATE TRIGGER changes AFTER INSERT ON plain FOR EACH ROW EXECUTE FUNCTION change_first(); ALTER TABLE plain ENABLE ALWAYS TRIGGER changes""")
    work("plain", "I 900 905")
    require_right("beside a trigger", "plain")
    db.run("DROP TRIGGER changes ON plain")


def statements_of_a_worker_are_deltas():
    require_right("before", "plain")
    db.run("CREATE MATERIALIZED VIEW seen AS SELECT id, v FROM plain; CREATE UNIQUE INDEX ON seen (id)")
    db.run("SELECT pgtrickle.create_stream_table('above', 'SELECT id, v FROM seen', '1h')")
    for name, change in [("plain_groups", "UPDATE plain SET v = v + 1 WHERE id = 3"), ("plain_groups", "INSERT INTO plain VALUES (800, 1, 1)"),
                         ("above", "REFRESH MATERIALIZED VIEW CONCURRENTLY seen")]:
        work("plain", change)
        db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
        action = db.value("SELECT action FROM pgtrickle.get_refresh_history(%s, 1)", name)
        assert action == "DIFFERENTIAL", (change, action)


def case_of(table):
    def case():
        applied_rows_are_seen(table)
    case.__name__ = f"applied_rows_of_a_{table}_are_seen"
    return case


with tempfile.TemporaryDirectory() as folder:
    library = Path(folder) / "applying_worker.so"
    compile_library("tests/capture/applying_worker.c", library)
    os.chmod(folder, 0o755)
    try:
        db.run(f"CREATE FUNCTION run_in_worker(text, oid, \"char\", int, int, text) RETURNS void LANGUAGE c AS '{library}', 'run_in_worker'")
        for name, definition in TABLES.items():
            db.run(definition)
            db.run(f"INSERT INTO {name} SELECT i, i, i FROM generate_series(1, 50) i")
        for _, name, query, mode, schedule in stream_tables():
            db.run("SELECT pgtrickle.create_stream_table(%s, %s, coalesce(%s, 'calculated'), %s)", name, query, schedule, mode)
        run_cases([*map(case_of, TABLES), exact_reads_see_them, applied_rows_beside_statements_on_the_same_table_are_seen,
                   statements_of_a_worker_are_deltas])
    finally:
        db.drop()
