#!/usr/bin/python3 -B
"""A dump is of one snapshot. Stream tables and other relations that pg_dump does not lock may be renamed, moved or dropped between
that snapshot and the time when pg_dump reads what the extension dumps of them. Each restores with the name that the dump creates it
by: its indexes, tablespace, holds and membership of a group."""

import subprocess
import sys
import uuid
from contextlib import closing
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

PLACE = "place_" + uuid.uuid4().hex[:8]
NAMES = ["st", 'Odd "St', "123"]
SET_UP = """
    CREATE SCHEMA place; CREATE SCHEMA other;
    CREATE TABLE public.item (id int PRIMARY KEY, k int); INSERT INTO public.item SELECT i, i % 7 FROM generate_series(1, 99) i;
    CREATE MATERIALIZED VIEW place.copied AS TABLE item;
"""
KEPT = {
    "indexes": "SELECT array_agg(d.indexes::text || coalesce(d.tablespace, 'default') ORDER BY d.indexes::text) FROM pgtrickle.pgt_dumped() d",
    "holds": "SELECT array_agg(kind || relation::text || group_name ORDER BY relation::text) FROM pgtrickle.pgt_hold",
    "members": "SELECT array_agg(relid::text ORDER BY relid::text) FROM pgtrickle.pgt_refresh_group_member",
    "watermarks": "SELECT array_agg(source::text || watermark) FROM pgtrickle.pgt_watermark",
}


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def set_up(source):
    source.run(SET_UP)
    source.run(f"SET allow_in_place_tablespaces = on; SET default_tablespace = {PLACE}")
    for name in NAMES:
        source.run("SELECT pgtrickle.create_stream_table(%s, 'SELECT id, k FROM public.item', '520w')", "place." + quoted(name))
        source.run(f"CREATE INDEX {quoted('on ' + name)} ON place.{quoted(name)} (k DESC)")
    source.run("SELECT pgtrickle.pause_scheduler(%s)", [f"place.{quoted(name)}" for name in NAMES])
    source.run("SELECT pgtrickle.create_refresh_group('all of them', %s)", [f"place.{quoted(name)}" for name in NAMES])
    source.run("SELECT pgtrickle.gate_source('place.copied'), pgtrickle.advance_watermark('place.copied', '2030-01-01Z')")


def restored_after(change, without=None):
    source, target = Database(), Database()
    try:
        set_up(source)
        wanted = {what: source.value(query) for what, query in KEPT.items()}
        assert all(wanted.values()), wanted
        if without is not None:
            wanted["indexes"] = sorted(f"[]{PLACE}" if f"ON place.{without} " in row else row for row in wanted["indexes"])
        with closing(source.connect()) as holder:
            holder.autocommit = False
            cursor = holder.cursor()
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SELECT pg_export_snapshot()")
            snapshot = cursor.fetchone()[0]
            source.run(change)
            dump = subprocess.run(["pg_dump", "-U", "postgres", f"--snapshot={snapshot}", source.name], capture_output=True, text=True, check=True).stdout
        target.run("DROP EXTENSION pg_trickle")
        messages = subprocess.run(["psql", "-XqAt", "-U", "postgres", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", target.name], input=dump,
                                  capture_output=True, text=True, check=True).stderr
        assert not messages, messages
        found = {what: target.value(query) for what, query in KEPT.items()}
        assert found == wanted, f"{found} instead of {wanted}"
    finally:
        source.drop()
        target.session.close()
        target.admin(f"DROP DATABASE {target.name} WITH (FORCE)")


def renamed():
    restored_after("; ".join(f"ALTER FOREIGN TABLE place.{quoted(name)} RENAME TO {quoted('new ' + name)}" for name in NAMES)
                   + "; ALTER MATERIALIZED VIEW place.copied RENAME TO renamed")


def moved_to_another_schema():
    restored_after("; ".join(f"ALTER FOREIGN TABLE place.{quoted(name)} SET SCHEMA other" for name in NAMES)
                   + "; ALTER MATERIALIZED VIEW place.copied SET SCHEMA other")


def names_exchanged():
    restored_after("""ALTER FOREIGN TABLE place.st RENAME TO x; ALTER FOREIGN TABLE place."123" RENAME TO st; ALTER FOREIGN TABLE place.x RENAME TO "123" """)


def dropped():
    """It is restored without its index, which is gone."""
    restored_after("DROP FOREIGN TABLE place.st", without="st")


def schema_renamed():
    restored_after("ALTER SCHEMA place RENAME TO moved")


server = Database()
server.run("SET allow_in_place_tablespaces = on")
server.run(f"CREATE TABLESPACE {PLACE} LOCATION ''")
try:
    run_cases([renamed, moved_to_another_schema, names_exchanged, dropped, schema_renamed])
finally:
    server.run(f"DROP TABLESPACE {PLACE}")
    server.drop()
