#!/usr/bin/python3 -B
"""Shows that a dump is restored where sessions begin in REPEATABLE READ or SERIALIZABLE: the snapshot of each REFRESH of a
materialized view is older than the fills of the stream tables that the view reads. And that a reader with such a snapshot is
shown why a stream table has no rows."""

import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

LEVELS = ("repeatable read", "serializable")
RELATIONS = ("by_k", "above", "of_by_k", "of_both")
source = Database()


def set_up():
    source.let_own_stream_tables("dump_levels")
    source.as_role("dump_levels", """CREATE TABLE item (id int PRIMARY KEY, k int, v numeric);
            INSERT INTO item SELECT i, i % 7, i FROM generate_series(1, 300) i""",
        "SELECT pgtrickle.create_stream_table('by_k', 'SELECT k, count(*) AS n, sum(v) AS total FROM item GROUP BY k', '520w')",
        "SELECT pgtrickle.create_stream_table('above', 'SELECT max(total) AS most FROM by_k', '520w')",
        "CREATE UNIQUE INDEX by_k_k ON by_k (k)",
        "CREATE MATERIALIZED VIEW of_by_k AS SELECT k, total FROM by_k",
        "CREATE MATERIALIZED VIEW of_both AS SELECT (SELECT most FROM above) AS most, sum(n) AS n FROM by_k")


def called(*command):
    result = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    assert result.returncode == 0 and not result.stderr, (command, result.stderr[:500])


def target_of(level):
    target = Database()
    target.session.close()
    target.admin(f"DROP DATABASE {target.name} WITH (FORCE)")
    target.admin(f"CREATE DATABASE {target.name}")
    target.admin(f"ALTER DATABASE {target.name} SET default_transaction_isolation = '{level}'")
    return target


def compare(target):
    target.session = target.connect(options="-c pg_trickle.on_stale=error")
    target.wait_for("SELECT count(*)::int FROM pgtrickle.pgt_stream_tables WHERE is_populated", 2, 120)
    for relation in RELATIONS:
        rows = f"SELECT array_agg(x::text ORDER BY x::text) FROM {relation} x"
        assert target.value(rows) == source.value(rows), relation


def restored(dump, *commands):
    for level in LEVELS:
        with tempfile.TemporaryDirectory() as folder:
            path = folder + "/dump"
            called("pg_dump", *dump, "-f", path, source.name)
            target = target_of(level)
            try:
                for command in commands:
                    called(*command, "-d", target.name, *(("-f", path) if command[0] == "psql" else (path,)))
                compare(target)
            finally:
                target.drop()


PSQL = ("psql", "-XqAt", "-v", "ON_ERROR_STOP=1")


def plain():
    restored(("-Fp",), PSQL)


def plain_in_one_transaction():
    restored(("-Fp",), (*PSQL, "-1"))


def custom():
    restored(("-Fc",), ("pg_restore",))


def custom_in_one_transaction():
    restored(("-Fc",), ("pg_restore", "-1"))


def by_several_sessions():
    restored(("-Fd",), ("pg_restore", "-j3"))


def by_section():
    restored(("-Fc",), *(("pg_restore", "--section=" + section) for section in ("pre-data", "data", "post-data")))


def a_reader_sees_why_there_are_no_rows():
    source.run("CREATE TABLE gated (id int); SELECT pgtrickle.gate_source('gated')")
    source.run("SELECT pgtrickle.create_stream_table('of_gated', 'SELECT id FROM gated', '1s', initialize => false)")
    for level in LEVELS:
        with closing(source.connect()) as session:
            session.set_session(isolation_level=level.upper(), autocommit=False)
            cursor = session.cursor()
            cursor.execute("SELECT 1 FROM item")
            try:
                cursor.execute("SELECT * FROM of_gated")
                raise AssertionError("it is read")
            except psycopg2.Error as error:
                assert "gated" in (error.diag.message_detail or ""), str(error)


try:
    assert shutil.which("pg_dump"), "pg_dump is missing"
    set_up()
    run_cases([plain, plain_in_one_transaction, custom, custom_in_one_transaction, by_several_sessions, by_section,
               a_reader_sees_why_there_are_no_rows])
finally:
    source.session.close()
    source.drop()
