#!/usr/bin/python3 -B
"""Shows that a restore with session_replication_role = replica, a usual way around the foreign keys of a dump, restores all that a
dump has of stream tables: holds, groups, stopped captures, indexes and tablespaces. The tables of the extension have no trigger
that this setting turns off, so it is no way around the checks of these triggers either."""

import os
import subprocess
import sys
import tempfile
import uuid
from contextlib import closing
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

TAG = uuid.uuid4().hex[:8]
PLACE, ALICE, BOSS = f"place_{TAG}", f"alice_{TAG}", f"boss_{TAG}"
source = Database()
RESTORED = {
    "holds": "SELECT array_agg(h::text ORDER BY h::text) FROM pgtrickle.pgt_hold h",
    "stopped captures": "SELECT array_agg(s::text) FROM pgtrickle.pgt_stopped_capture s",
    "watermarks": "SELECT array_agg(w::text) FROM pgtrickle.pgt_watermark w",
    "watermark groups": "SELECT array_agg(g::text) FROM pgtrickle.pgt_watermark_group g",
    "refresh groups": "SELECT array_agg(group_name || members::text || isolation) FROM pgtrickle.refresh_groups()",
    "indexes": """SELECT array_agg(d.name || d.indexes || coalesce(d.tablespace, 'default') ORDER BY d.name)
                  FROM pgtrickle.pgt_dumped() d""",
}
LEFT = "SELECT ((SELECT count(*) FROM pgtrickle.pgt_dumped_row) + (SELECT count(*) FROM pgtrickle.pgt_restored))::int"


def set_up():
    source.run("SET allow_in_place_tablespaces = on")
    source.run(f"CREATE TABLESPACE {PLACE} LOCATION ''")
    source.run("CREATE TABLE item (id int PRIMARY KEY, k int); INSERT INTO item SELECT i, i % 7 FROM generate_series(1, 99) i")
    source.run("CREATE TABLE part (id int PRIMARY KEY REFERENCES item); INSERT INTO part SELECT id FROM item; CREATE TABLE gated (id int); CREATE TABLE other (id int)")
    for name, query in [("st", "SELECT id, k FROM item"), ("sums", "SELECT k, count(*) AS n FROM item GROUP BY k"), ("parts", "SELECT id FROM part")]:
        source.run(f"SELECT pgtrickle.create_stream_table('{name}', $${query}$$, '520w')")
        source.run(f"SELECT pgtrickle.refresh_stream_table('{name}')")
    source.run(f"CREATE UNIQUE INDEX ON st (id); ALTER FOREIGN TABLE sums SET TABLESPACE {PLACE}; CREATE INDEX on_n ON sums (n) TABLESPACE {PLACE}")
    source.run("""SELECT pgtrickle.gate_source('gated'), pgtrickle.stop_capture('other'), pgtrickle.create_refresh_group('both', '{st,sums}'),
        pgtrickle.create_watermark_group('load', '{gated,other}', 5), pgtrickle.advance_watermark('gated', '2030-01-01Z'),
        pgtrickle.pause_scheduler('{parts}')""")
    for name, query in RESTORED.items():
        assert source.value(query), name


def restored_by(options, *commands):
    target = Database()
    target.run("DROP EXTENSION pg_trickle")
    environment = dict(os.environ, PGOPTIONS="-c session_replication_role=replica")
    try:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["pg_dump", "-U", "postgres", *options, "-f", folder + "/dump", source.name], check=True, stdin=subprocess.DEVNULL)
            for command in commands:
                end = ["-d", target.name, *(["-f", folder + "/dump"] if command[0] == "psql" else [folder + "/dump"])]
                done = subprocess.run([*command, "-U", "postgres", *end], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE, text=True, check=True)
                assert not done.stderr, done.stderr
        target.session.close()
        target.session = target.connect()
        for name, query in RESTORED.items():
            assert target.value(query) == source.value(query), (name, target.value(query), source.value(query))
        assert target.value(LEFT) == 0, "rows of the dump stay where they are received"
        target.wait_for("SELECT count(*)::int FROM pgtrickle.pgt_stream_tables WHERE is_populated", 2, 120)
        for name in ("st", "sums"):
            rows = f"SELECT array_agg(x::text ORDER BY x::text) FROM {name} x"
            assert target.value(rows) == source.value(rows), name
        target.run("INSERT INTO item VALUES (100, 0)")
        target.run("SELECT pgtrickle.refresh_stream_table('st')")
        assert target.value("SELECT count(*)::int FROM st") == 100
    finally:
        target.session.close()
        target.admin(f"DROP DATABASE {target.name} WITH (FORCE)")


def plain():
    restored_by(["-Fp"], ["psql", "-Xq", "-v", "ON_ERROR_STOP=1"])


def custom_in_one_transaction():
    restored_by(["-Fc"], ["pg_restore", "-1"])


def by_several_sessions():
    restored_by(["-Fd"], ["pg_restore", "-j2"])


def by_section():
    restored_by(["-Fc"], *(["pg_restore", "--section=" + section] for section in ("pre-data", "data", "post-data")))


def every_trigger_fires_always():
    skipped = source.run("""SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
        WHERE relnamespace IN ('pgtrickle'::regnamespace, 'pg_trickle_storage'::regnamespace, 'pg_trickle_log'::regnamespace) AND tgenabled <> 'A'""")
    assert skipped == [], skipped
    assert source.run("SELECT evtname FROM pg_event_trigger JOIN pg_depend ON objid = pg_event_trigger.oid AND deptype = 'e' WHERE evtenabled <> 'A'") == []


def the_owner_of_the_database_adds_no_members_of_others():
    """The parameter may be granted to a role that is no superuser."""
    db = Database()
    try:
        db.let_own_stream_tables(ALICE, BOSS)
        db.run(f"GRANT SET ON PARAMETER session_replication_role TO {BOSS}; ALTER DATABASE {db.name} OWNER TO {BOSS}")
        db.as_role(ALICE, "CREATE TABLE t (id int)", *(f"SELECT pgtrickle.create_stream_table('{name}', 'SELECT id FROM t', '520w')" for name in ("a", "b")))
        with closing(db.connect(user=BOSS)) as session:
            cursor = session.cursor()
            for role in ("origin", "replica", "local"):
                cursor.execute(f"SET session_replication_role = {role}")
                try:
                    cursor.execute("INSERT INTO pgtrickle.pgt_refresh_group_member VALUES ('a'::regclass, 'g')")
                    raise AssertionError(f"a member of another role is added as {role}")
                except psycopg2.errors.InsufficientPrivilege:
                    pass
        assert db.value("SELECT count(*)::int FROM pgtrickle.pgt_refresh_group_member") == 0
    finally:
        db.run(f"REVOKE SET ON PARAMETER session_replication_role FROM {BOSS}; ALTER DATABASE {db.name} OWNER TO postgres")
        db.drop()


try:
    set_up()
    run_cases([plain, custom_in_one_transaction, by_several_sessions, by_section, every_trigger_fires_always, the_owner_of_the_database_adds_no_members_of_others])
finally:
    source.drop()
    source.admin(f"DROP TABLESPACE {PLACE}")
    for role in (ALICE, BOSS):
        source.admin(f"DROP ROLE IF EXISTS {role}")
