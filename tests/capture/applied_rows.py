#!/usr/bin/python3 -B
"""Shows that stream tables have the rows that a background worker of another module, as that of pglogical, changes without
a statement, and that the statements of such a worker are kept by deltas."""

import itertools
import os
import sys
import tempfile
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
import seeds  # noqa: E402: needs the path above
from database import Database, compile_library, run_cases  # noqa: E402

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


# A worker that runs these writes no marker: what is rolled back in between changes nothing.
WRITE = "UPDATE plain SET v = v + 1 WHERE id < 4;"
FAIL = "RAISE EXCEPTION 'expected';"
BLOCKS = [WRITE, "PERFORM 1;", "BEGIN {} END;", "BEGIN {} EXCEPTION WHEN raise_exception THEN NULL; END;", FAIL]


def blocks(dice, depth=0, is_caught=False):
    """A random sequence of statements and blocks, which fails only where that is caught."""
    texts = []
    for block in [*dice.choices(BLOCKS, k=dice.randint(1, 3)), WRITE] if depth < 3 else [WRITE, FAIL]:
        if "{}" in block:
            block = block.format(blocks(dice, depth + 1, is_caught or "EXCEPTION" in block))
        if is_caught or block != FAIL:
            texts.append(block)
    return " ".join(texts)


def work(table, change, transactions=1):
    command, *ids = change.split()
    is_by_rows = len(command) == 1
    first, last = ids if is_by_rows else (0, transactions)
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


def applied_rows_beside_statements_on_a_table_above_are_seen():
    """Those of a trigger that the applied rows fire, in every order with statements on the table itself."""
    above = {"leaf": "root", "child": "parent"}
    for number, (table, targets) in enumerate(itertools.product(above, [(0,), (1,), (0, 1), (1, 0), (1, 1), (0, 1, 0)])):
        texts = " ".join(f"UPDATE {(table, above[table])[target]} SET k = k + 1 WHERE id = 1;" for target in targets)
        db.run(f"""CREATE OR REPLACE FUNCTION change_others() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
                IF pg_trigger_depth() = 1 THEN {texts} END IF; RETURN NULL; END$$;
            CREATE TRIGGER changes AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION change_others(); ALTER TABLE {table} ENABLE ALWAYS TRIGGER changes""")
        work(table, f"I {2000 + 10 * number} {2001 + 10 * number}")
        db.run(f"DROP TRIGGER changes ON {table}")
        require_right((table, targets), table)


def require_deltas(change, transactions=1, table="plain"):
    names = [f"{source}_groups" for source in SOURCES[table]]
    for name in names:
        db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
    before = [db.value("SELECT count(*) FROM pgtrickle.get_refresh_history(%s, 100000)", name) for name in names]
    work(table, change, transactions)
    for name, count in zip(names, before):
        db.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
        actions = [action for action, in db.run("SELECT action FROM pgtrickle.get_refresh_history(%s, 100000)", name)]
        actions = set(actions[:len(actions) - count])
        assert actions == {"DIFFERENTIAL"}, (name, change, actions, db.value("SELECT prosrc FROM pg_proc WHERE proname = 'of_blocks'"))
    require_right(change, table)


def each_of_many_transactions_is_a_delta():
    db.run("CREATE FUNCTION of_blocks() RETURNS void LANGUAGE plpgsql AS 'BEGIN END'")
    for change in ("UPDATE plain SET v = v + 1 WHERE id = 3", "INSERT INTO plain SELECT max(id) + 1, 1, 1 FROM plain", "DELETE FROM plain WHERE id = (SELECT max(id) FROM plain)"):
        require_deltas(change, 3)


def so_is_one_that_writes_to_a_partition_and_to_its_root():
    for table, above in ("leaf", "root"), ("child", "parent"):
        for targets in itertools.product((table, above), repeat=3):
            db.run(f"""CREATE OR REPLACE FUNCTION of_blocks() RETURNS void LANGUAGE plpgsql AS $$BEGIN
                {' '.join(f"UPDATE {target} SET v = v + 1 WHERE id = 1;" for target in targets)} END$$""")
            require_deltas("SELECT of_blocks()", 2, table)


def what_is_rolled_back_in_between_changes_nothing():
    dice = seeds.dice()
    for _ in range(12):
        db.run(f"CREATE OR REPLACE FUNCTION of_blocks() RETURNS void LANGUAGE plpgsql AS $$BEGIN {blocks(dice)} END$$")
        require_deltas("SELECT of_blocks()", dice.randint(1, 2))


def applied_rows_beside_statements_that_are_rolled_back_are_seen():
    dice = seeds.dice()
    for number in range(12):
        db.run(f"""CREATE OR REPLACE FUNCTION change_some() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
                IF pg_trigger_depth() = 1 THEN {blocks(dice)} END IF; RETURN NULL; END$$;
            CREATE TRIGGER changes AFTER INSERT ON plain FOR EACH ROW EXECUTE FUNCTION change_some(); ALTER TABLE plain ENABLE ALWAYS TRIGGER changes""")
        work("plain", f"I {1000 + 10 * number} {1001 + 10 * number}")
        db.run("DROP TRIGGER changes ON plain")
        require_right(db.value("SELECT prosrc FROM pg_proc WHERE proname = 'change_some'"), "plain")


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
                   statements_of_a_worker_are_deltas, applied_rows_beside_statements_on_a_table_above_are_seen,
                   each_of_many_transactions_is_a_delta, so_is_one_that_writes_to_a_partition_and_to_its_root, what_is_rolled_back_in_between_changes_nothing,
                   applied_rows_beside_statements_that_are_rolled_back_are_seen])
    finally:
        db.drop()
