#!/usr/bin/python3 -B
"""Shows that a restored stream table and its indexes are in the tablespaces in which they were, as a table and its indexes are:
after each way to restore a dump, and after finish_upgrade(). Where a tablespace is missing, or the role that restores may not
create relations in it, a WARNING names it, and they are in that of the database, or an index in that of the storage."""

import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

TAG = uuid.uuid4().hex[:8]
ROWS, KEYS = f"rows_{TAG}", f"keys_{TAG}"  # tablespaces
source = Database()
owner, other, operator = f"places_{TAG}", f"restorer_{TAG}", f"operator_{TAG}"

PLACES = f"""SELECT array_agg(format('%s %s %s', coalesce(f.relname, c.relname), c.relkind, coalesce(spcname, 'default'))
                              ORDER BY f.relname, c.relkind, spcname, c.relname)
  FROM pg_class c LEFT JOIN pg_tablespace t ON t.oid = c.reltablespace
    LEFT JOIN pg_class f ON f.oid = substring(c.relname FROM '^st_([0-9]+)')::oid
  WHERE c.relnamespace = 'pg_trickle_storage'::regnamespace AND c.relname ~ '^st_[0-9]+' OR c.relname ~ '^on_'"""


def set_up():
    source.let_own_stream_tables(owner)
    source.run("SET allow_in_place_tablespaces = on")
    for name in (ROWS, KEYS):
        source.run(f"CREATE TABLESPACE {name} LOCATION ''")
        source.run(f"GRANT CREATE ON TABLESPACE {name} TO {owner}")
    source.as_role(
        owner, "CREATE TABLE item (id int PRIMARY KEY, k int, t text); INSERT INTO item SELECT i, i % 7, i FROM generate_series(1, 300) i",
        f"SET default_tablespace = {ROWS}",
        "SELECT pgtrickle.create_stream_table('moved', 'SELECT k, count(*) AS n, max(t) AS t FROM item GROUP BY k', '520w')",
        "SELECT pgtrickle.create_stream_table('steps', 'SELECT max(n) AS n FROM (SELECT k, count(*) AS n FROM item GROUP BY k) x', '520w')",
        "SELECT pgtrickle.create_stream_table('parts', 'SELECT id, k, t FROM item', '520w', partition_by => 'HASH (k, 3)')",
        f"CREATE INDEX on_rows ON moved (n) TABLESPACE {ROWS}; CREATE INDEX on_keys ON moved (t) TABLESPACE {KEYS}",
        f"CREATE INDEX on_default ON moved (k, n) TABLESPACE pg_default; CREATE INDEX on_parts ON parts (t) TABLESPACE {KEYS}",
        "SET default_tablespace = ''",
        "SELECT pgtrickle.create_stream_table('stays', 'SELECT id, t FROM item', '520w')",
        f"CREATE INDEX on_stays ON stays (t) TABLESPACE {KEYS}")
    for name in ("moved", "steps", "parts", "stays"):
        source.run(f"SELECT pgtrickle.refresh_stream_table('{name}')")
    found = source.value(PLACES)
    assert all(any(name in place for place in found) for name in (ROWS, KEYS, "default")), found


def dump(path, *options):
    subprocess.run(["pg_dump", "-U", "postgres", *options, "-f", path, source.name], check=True, stdin=subprocess.DEVNULL)


def restore(path, commands):
    """Returns the target, with its stream tables filled, and the messages."""
    target = Database()
    target.run("DROP EXTENSION pg_trickle")
    messages = ""
    try:
        for command in commands:
            end = ["-d", target.name, *(["-f", path] if command[0] == "psql" else [path])]
            done = subprocess.run([*command, "-U", "postgres", *end], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, check=True)
            messages += done.stderr
        target.session.close()
        target.session = target.connect()
        target.wait_for("SELECT count(*)::int FROM pgtrickle.pgt_stream_tables WHERE is_populated", 4, 120)
        for name in ("moved", "steps", "parts", "stays"):
            rows = f"SELECT array_agg(x::text ORDER BY x::text) FROM {name} x"
            assert target.value(rows) == source.value(rows), name
    except BaseException:
        target.session.close()
        target.admin(f"DROP DATABASE {target.name} WITH (FORCE)")
        raise
    return target, messages


def is_as_it_was(options, *commands):
    with tempfile.TemporaryDirectory() as folder:
        dump(folder + "/dump", *options)
        target, messages = restore(folder + "/dump", commands)
    try:
        assert not messages, messages
        assert target.value(PLACES) == source.value(PLACES), (target.value(PLACES), source.value(PLACES))
    finally:
        target.drop()


def plain():
    is_as_it_was(["-Fp"], ["psql", "-Xq", "-v", "ON_ERROR_STOP=1"])


def custom_in_one_transaction():
    is_as_it_was(["-Fc"], ["pg_restore", "-1"])


def by_several_sessions():
    is_as_it_was(["-Fd"], ["pg_restore", "-j3"])


def by_section():
    is_as_it_was(["-Fc"], *(["pg_restore", "--section=" + section] for section in ("pre-data", "data", "post-data")))


def with_warnings(before, after):
    """Restores under other circumstances; all is in the tablespace of the database then."""
    with tempfile.TemporaryDirectory() as folder:
        dump(folder + "/dump", "-Fp")
        source.run(before)
        try:
            target, messages = restore(folder + "/dump", [["psql", "-Xq", "-v", "ON_ERROR_STOP=1"]])
        finally:
            source.run(after)
    try:
        for name in ("moved", "steps", "parts"):
            assert f'could not restore stream table "{name}" in tablespace "{ROWS}": ' in messages, messages
        assert messages.count(f'could not restore an index of stream table "moved" in tablespace "{KEYS}"') == 1, messages
        assert f'could not restore an index of stream table "stays" in tablespace "{KEYS}"' in messages, messages
        found = target.value(PLACES)
        assert found and all(place.endswith(" default") for place in found), found
        assert len(found) == len(source.value(PLACES)), found
    finally:
        target.drop()


def missing_tablespaces():
    with_warnings(f"ALTER TABLESPACE {ROWS} RENAME TO {ROWS}_2; ALTER TABLESPACE {KEYS} RENAME TO {KEYS}_2",
                  f"ALTER TABLESPACE {ROWS}_2 RENAME TO {ROWS}; ALTER TABLESPACE {KEYS}_2 RENAME TO {KEYS}")


def a_role_without_the_right():
    """A row for its own stream table, written by the owner of the database, places nothing where this role may not."""
    target = Database()
    target.let_own_stream_tables(other)
    target.run(f"ALTER DATABASE {target.name} OWNER TO {other}; SET client_min_messages = warning")
    try:
        target.as_role(other, "CREATE TABLE item (id int)", "SELECT pgtrickle.create_stream_table('mine', 'SELECT id FROM item', '520w')",
                       f"""INSERT INTO pgtrickle.pgt_restored VALUES
                           ('public.mine', '[{{"definition": "CREATE INDEX on_mine ON mine (id)", "tablespace": "{KEYS}"}}]', '{ROWS}')""")
        found = target.value(PLACES)
        assert any("on_mine" in place for place in found) and all(place.endswith(" default") for place in found), found
    finally:
        target.run(f"ALTER DATABASE {target.name} OWNER TO postgres")
        target.drop()


def is_as_it_was_after_upgrade(role):
    places = source.value(PLACES)
    source.as_role(role, "SELECT pgtrickle.prepare_upgrade()")
    source.as_role(role, "SELECT pgtrickle.finish_upgrade()")
    assert source.value(PLACES) == places, (source.value(PLACES), places)
    source.wait_for("SELECT count(*)::int FROM pgtrickle.pgt_stream_tables WHERE is_populated", 4, 120)
    assert source.value(PLACES) == places, (source.value(PLACES), places)


def upgrade():
    is_as_it_was_after_upgrade("postgres")


def upgrade_by_a_role_without_rights():
    """The places are those of the record of prepare_upgrade(), and neither this role nor the owner chooses them: even an owner that
    may not create relations there any more keeps what lies there, as a table does."""
    source.run(f"""CREATE ROLE {operator}; GRANT EXECUTE ON FUNCTION pgtrickle.prepare_upgrade(), pgtrickle.finish_upgrade() TO {operator};
        REVOKE CREATE ON TABLESPACE {ROWS}, {KEYS} FROM {owner}""")
    is_as_it_was_after_upgrade(operator)
    source.run(f"DROP OWNED BY {operator}")


try:
    set_up()
    run_cases([plain, custom_in_one_transaction, by_several_sessions, by_section, missing_tablespaces, a_role_without_the_right, upgrade,
               upgrade_by_a_role_without_rights])
finally:
    source.drop()
    for space in (ROWS, KEYS):
        source.admin(f"DROP TABLESPACE {space}")
    for role in (owner, other, operator):
        source.admin(f"DROP ROLE IF EXISTS {role}")
