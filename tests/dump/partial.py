#!/usr/bin/python3 -B
"""Shows that a dump without some relations restores gates, watermarks, refresh groups and stopped captures of the
others."""

import os
import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

KEPT = """SELECT array(SELECT kind || ' ' || relation || ' ' || group_name FROM pgtrickle.pgt_hold ORDER BY 1),
    array(SELECT source || ' ' || watermark FROM pgtrickle.pgt_watermark ORDER BY 1),
    array(SELECT relid || ' ' || group_name FROM pgtrickle.pgt_refresh_group_member ORDER BY 1),
    array(SELECT relation::text FROM pgtrickle.pgt_stopped_capture ORDER BY 1)"""


def set_up(db):
    for name in ("kept", "left_out", "Other.kept", "other_left_out"):
        db.run(f"""CREATE TABLE "{name}" (id int PRIMARY KEY)""")
        db.run(f"""SELECT pgtrickle.create_stream_table('"of {name}"', 'SELECT id FROM "{name}"', '1h')""")
        db.run(f"""SELECT pgtrickle.gate_source('"{name}"'), pgtrickle.advance_watermark('"{name}"', '2026-01-01')""")
    db.run("""CREATE INDEX missed ON "of left_out" (id DESC)""")
    db.run("SELECT pgtrickle.create_watermark_group('w', ARRAY['kept', 'left_out'])")
    db.run("""SELECT pgtrickle.create_refresh_group('g', ARRAY['"of kept"', '"of left_out"', '"of Other.kept"'])""")
    db.run("""SELECT pgtrickle.stop_capture(t) FROM unnest(ARRAY['"Other.kept"', 'other_left_out']) t""")
    db.run("SELECT pgtrickle.pause_scheduler()")


def called(command, text=None):
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, env=os.environ)


def what_concerns_the_others_is_restored():
    """Also if a setting of the database gives backslashes in literals another meaning."""
    source, target = Database(), Database()
    set_up(source)
    source.admin(f"ALTER DATABASE {source.name} SET standard_conforming_strings = off")
    dump = called(["pg_dump", "-U", "postgres", "--exclude-table=*left_out", source.name]).stdout
    target.run("DROP EXTENSION pg_trickle")
    messages = called(["psql", "-XqAt", "-U", "postgres", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", target.name], dump).stderr
    for name, table in (("public.left_out", "hold"), ("public.other_left_out", "stopped_capture"), ('public."of left_out"', "refresh_group_member")):
        assert f'relation "{name}" does not exist, so its row of pgtrickle.pgt_{table} is not restored' in messages, messages
    assert "does not exist, so its indexes are not restored" in messages and "CREATE INDEX missed ON" in messages, messages
    [kept] = target.run(KEPT)
    [all_rows] = source.run(KEPT)
    expected = tuple([row for row in rows if "left_out" not in row] for rows in all_rows)
    assert kept == expected, f"{kept} instead of {expected}\n{messages}"
    assert [len(rows) for rows in kept] == [4, 2, 2, 1], kept
    for db in (source, target):
        db.drop()


run_cases([what_concerns_the_others_is_restored])
