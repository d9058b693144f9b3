#!/usr/bin/python3 -B
"""Shows that other preloaded modules, before and behind pg_trickle, are asked as PostgreSQL asks them: one that is strict
about it finds no fault with reads, refreshes and statements on stream tables. Behind pg_trickle it sees all statements
that the client sends."""

import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import TOP, Database, Server, compile_library, run_cases  # noqa: E402: needs the path above

server = Server()
LIBRARY = server.folder / "strict_module"
STATEMENTS = """
CREATE TABLE src (id int PRIMARY KEY, k int, v int); INSERT INTO src SELECT i, i % 3, i FROM generate_series(1, 30) i
CREATE FOREIGN TABLE grouped (k int, n bigint) SERVER pgtrickle OPTIONS (query 'SELECT k, count(*) FROM src GROUP BY k', schedule '0s')
SELECT pgtrickle.create_stream_table('kept', 'SELECT id, v FROM src', '1s')
SELECT pgtrickle.create_stream_table('above', 'SELECT n, count(*) AS c FROM grouped GROUP BY n', '0s')
UPDATE src SET k = k + 1
SELECT * FROM grouped
EXPLAIN (ANALYZE, COSTS off, TIMING off) SELECT * FROM grouped JOIN kept ON id = k
BEGIN; UPDATE src SET v = v + 1; SELECT * FROM kept; SELECT * FROM above; COMMIT
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM src; SELECT * FROM above; COMMIT
SET pg_trickle.read_mode = exact; UPDATE src SET k = 5 WHERE id = 1; SELECT * FROM above; SELECT * FROM kept WHERE id = 1; RESET pg_trickle.read_mode
SET pg_trickle.enable_expansion = off; SELECT * FROM kept; RESET pg_trickle.enable_expansion
PREPARE p AS SELECT * FROM kept WHERE id = $1; EXECUTE p(1); EXECUTE p(2); DEALLOCATE p
BEGIN; DECLARE c CURSOR FOR SELECT * FROM kept; FETCH 2 FROM c; COMMIT
COPY (SELECT * FROM grouped) TO STDOUT
VACUUM kept
VACUUM (ANALYZE) kept, src, grouped
VACUUM FULL kept
ANALYZE kept
CREATE INDEX of_kept ON kept (v)
ALTER INDEX of_kept RENAME TO by_v
REINDEX TABLE kept
ALTER FOREIGN TABLE kept OPTIONS (SET schedule '2h')
ALTER FOREIGN TABLE kept OPTIONS (SET query 'SELECT id, v FROM src WHERE v > 3')
SELECT pgtrickle.refresh_stream_table('kept')
SELECT pgtrickle.repair_stream_table('kept')
CREATE MATERIALIZED VIEW seen AS SELECT * FROM kept; REFRESH MATERIALIZED VIEW seen; DROP MATERIALIZED VIEW seen
BEGIN; LOCK TABLE kept IN ACCESS SHARE MODE; COMMIT
ALTER TABLE src ADD COLUMN w int; ALTER TABLE src ALTER v TYPE bigint; ALTER TABLE src RENAME v TO value
ALTER FOREIGN TABLE kept RENAME TO renamed
CREATE ROLE hook_reader; GRANT SELECT ON renamed TO hook_reader; ALTER FOREIGN TABLE renamed OWNER TO CURRENT_USER; DROP OWNED BY hook_reader; DROP ROLE hook_reader
DROP INDEX by_v
TRUNCATE src
DROP FOREIGN TABLE renamed
DROP TABLE src CASCADE
""".strip().splitlines()

# Queries whose exact reads search for the rows that changes of a table concern, before the statement starts.
SHAPES = {
    "joined": "SELECT s.id, d.name FROM src s JOIN dim d ON d.k = s.k",
    "joined_outer": "SELECT s.id, d.name FROM src s LEFT JOIN dim d ON d.k = s.k",
    "grouped_join": "SELECT d.name, count(*) AS n FROM src s JOIN dim d ON d.k = s.k GROUP BY d.name",
    "existing": "SELECT s.id, s.v FROM src s WHERE EXISTS (SELECT FROM dim d WHERE d.k = s.k AND d.name > 'a')",
    "ranked": "SELECT s.id, d.name, rank() OVER (PARTITION BY d.name ORDER BY s.v) AS r FROM src s JOIN dim d ON d.k = s.k",
    "united": "SELECT s.id, d.name FROM src s JOIN dim d ON d.k = s.k UNION ALL SELECT k, name FROM dim",
}
CHANGES = ["UPDATE src SET v = v + 1 WHERE id = 4", "UPDATE dim SET name = name || 'x' WHERE k = 1"]


def exact_reads():
    yield "CREATE TABLE dim (k int PRIMARY KEY, name text); INSERT INTO dim SELECT i, 'n' || i FROM generate_series(1, 20) i"
    yield "CREATE INDEX ON src (k); ANALYZE src; ANALYZE dim"
    for name, query in SHAPES.items():
        yield f"SELECT pgtrickle.create_stream_table('{name}', '{query.replace(chr(39), chr(39) * 2)}', '1h')"
    yield "SET pg_trickle.read_mode = exact"
    for change in CHANGES:
        for name in SHAPES:
            yield f"BEGIN; {change}; SELECT * FROM {name}; SELECT * FROM {name} JOIN src ON src.id = 1; ROLLBACK"
    yield "RESET pg_trickle.read_mode"


def compile_module():
    compile_library("tests/install/strict_module.c", f"{LIBRARY}.so")


def run_all(order, has_event_trigger):
    subprocess.run([TOP / "tests/scratch", "start", f"shared_preload_libraries={order}"], env=server.environment, check=True, cwd=TOP)
    db = Database(server.host)
    db.run(f"CREATE FUNCTION strict_has_seen() RETURNS bool LANGUAGE c AS '{LIBRARY}', 'strict_has_seen'; SET client_min_messages = error; "
           "CREATE FUNCTION judge() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN IF NOT strict_has_seen() THEN RAISE '% has not been seen', tg_tag; END IF; END $$")
    if has_event_trigger:
        for event in "ddl_command_start", "ddl_command_end", "sql_drop":
            db.run(f"CREATE EVENT TRIGGER judge_{event} ON {event} EXECUTE FUNCTION judge()")
    faults = []
    for line in [*STATEMENTS[:5], *exact_reads(), *STATEMENTS[5:]]:
        # One by one: statements of one message share nothing that ends with each.
        for statement in line.split("; "):
            try:
                if statement.startswith("COPY"):
                    db.session.cursor().copy_expert(statement, open("/dev/null", "w", encoding="utf-8"))  # noqa: SIM115
                else:
                    db.session.cursor().execute(statement)
            except Exception as error:  # noqa: BLE001: all are wanted
                faults.append(f"{statement}: {error}")
                db.run("ROLLBACK")
    failed = db.run("SELECT error_message FROM pgtrickle.pgt_refresh_history WHERE status = 'FAILED'")
    db.drop()
    assert not faults and not failed, (faults, failed)


def a_module_behind_sees_all():
    compile_module()
    run_all(f"pg_trickle,{LIBRARY}", True)


def a_module_before_is_asked_rightly():
    run_all(f"{LIBRARY},pg_trickle", False)


try:
    run_cases([a_module_behind_sees_all, a_module_before_is_asked_rightly])
finally:
    server.destroy()
