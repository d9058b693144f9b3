#!/usr/bin/python3 -B
"""Shows that a role without SELECT on a stream table learns nothing of its state: each read is refused with 42501, and
with no other message, whatever state the stream table is in, and whatever the role has set."""

import contextlib
import itertools
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
ROLE = "sd_nothing"
STATES = {
    "current": "",
    "behind": "INSERT INTO {t} VALUES (2)",
    "suspended": "SELECT pgtrickle.alter_stream_table('{st}', status => 'SUSPENDED'); INSERT INTO {t} VALUES (2)",
    "marked": "CREATE OR REPLACE VIEW {t}_view AS SELECT id FROM {t} WHERE id > 0",
    "unfilled": "",
}
SETTINGS = [f"SET pg_trickle.enable_expansion = {expansion}; SET pg_trickle.max_staleness = {staleness}; SET pg_trickle.on_stale = {on_stale}; SET pg_trickle.read_mode = {mode}"
            for expansion, staleness, on_stale, mode in itertools.product(("on", "off"), ("0", "'1h'"), ("serve", "error"), ("refresh", "exact"))]
BEGINS = ("BEGIN", "BEGIN ISOLATION LEVEL REPEATABLE READ", "BEGIN READ ONLY")
READS = ("SELECT * FROM {st}", "SELECT count(*) FROM {st} WHERE id = 1", "INSERT INTO pg_temp.copy SELECT id FROM {st}", "LOCK TABLE {st} IN ACCESS SHARE MODE")


def set_up():
    db.run(f"CREATE ROLE {ROLE} LOGIN")
    for number, (state, statement) in enumerate(STATES.items()):
        t, st = f"t{number}", f"st{number}"
        db.run(f"CREATE TABLE {t} (id int PRIMARY KEY); INSERT INTO {t} VALUES (1); CREATE VIEW {t}_view AS SELECT id FROM {t}")
        db.run(f"SELECT pgtrickle.create_stream_table('{st}', 'SELECT id FROM {t}_view', '520w', initialize => {state != 'unfilled'})")
        if statement:
            db.run(statement.format(t=t, st=st))


def learns(number):
    found = set()
    with contextlib.closing(db.connect(user=ROLE)) as session:
        cursor = session.cursor()
        cursor.execute("SET pg_trickle.scan_refresh_timeout = '100ms'; CREATE TEMP TABLE copy (id int)")
        for setting, begin, read in itertools.product(SETTINGS, BEGINS, READS):
            cursor.execute(setting)
            cursor.execute(begin)
            del session.notices[:]
            try:
                cursor.execute(read.format(st=f"st{number}"))
                found.add((read, "no error"))
            except psycopg2.Error as error:
                if error.pgcode not in ("42501", "25006"):
                    found.add((read, error.pgcode, str(error)))
            found.update((read, notice) for notice in session.notices)
            cursor.execute("ROLLBACK")
    return found


def no_state_shows():
    set_up()
    found = {state: learns(number) for number, state in enumerate(STATES)}
    found = {state: messages for state, messages in found.items() if messages}
    assert not found, found


try:
    run_cases([no_state_shows])
finally:
    db.drop()
    db.admin(f"DROP ROLE IF EXISTS {ROLE}")
