#!/usr/bin/python3 -B
"""Shows that the manager knows every definition, though it reads only those that have changed.

It projects the definitions into the SQLite catalog: after any sequence of creations and changes, the registry
and the graph there agree with PostgreSQL.
"""

import re
import sqlite3
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402
from server_log import ServerLog  # noqa: E402

db = Database()
db.run("SET pg_trickle.enabled = off")
catalog = Path(db.value("SHOW data_directory")) / "pg_trickle/catalog.db"
database = db.value("SELECT oid::int8 FROM pg_database WHERE datname = current_database()")
chance = dice()


def create(name, query, schedule="520w"):
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, %s)", name, query, schedule)


def registered():
    file = sqlite3.connect(f"file:{catalog}?mode=ro", uri=True)
    rows = set(file.execute("SELECT relid, schema_name, name, schedule, status, generation FROM registry WHERE database = ?", (database,)))
    edges = set(file.execute("SELECT relid, source FROM graph WHERE database = ?", (database,)))
    file.close()
    return rows, edges


def defined():
    rows = db.run("SELECT s.relid::int8, n.nspname::text, c.relname::text, "
                  "(SELECT split_part(o, '=', 2) FROM unnest(f.ftoptions) o WHERE o LIKE 'schedule=%'), s.status, "
                  "s.generation + (SELECT count(*) FROM pgtrickle.pgt_mark m WHERE m.relid = s.relid) "
                  "FROM pgtrickle.pgt_state s JOIN pg_class c ON c.oid = s.relid JOIN pg_namespace n ON n.oid = relnamespace "
                  "JOIN pg_foreign_table f ON f.ftrelid = c.oid")
    edges = db.run("SELECT DISTINCT relid::int8, source_relid::int8 FROM pgtrickle.pgt_dependency")
    return set(rows), set(edges)


def is_as_defined(limit_s=30):
    deadline = time.monotonic() + limit_s
    while (found := registered()) != (wanted := defined()):
        for was, should in zip(found, wanted):
            assert time.monotonic() < deadline, (was - should, should - was)
        time.sleep(0.1)


def a_created_stream_table_is_known():
    for k in range(6):
        db.run(f"CREATE TABLE s{k} (id int)")
    db.run("CREATE SCHEMA other")
    for k in range(12):
        create(f"t{k}", f"SELECT id FROM {'s' if k < 6 else 't'}{k % 6}")
    is_as_defined()


def changes_of_every_kind_are_known():
    made = [f"t{k}" for k in range(12)]
    for number in range(80):
        name = chance.choice(made)
        try:
            what = chance.randrange(9)
            if what < 2:
                create(f"n{number}", f"SELECT id FROM {chance.choice(made + ['s0', 's1'])}")
                made.append(f"n{number}")
            elif what == 2:
                db.run(f"DROP FOREIGN TABLE {name}")
                made.remove(name)
            elif what == 3:
                db.run(f"ALTER FOREIGN TABLE {name} RENAME TO r{number}")
                made[made.index(name)] = f"r{number}"
            elif what == 4:
                db.run("SELECT pgtrickle.alter_stream_table(%s, schedule => %s)", name, chance.choice(["5m", "7h", "calculated"]))
            elif what == 5:
                db.run(f"ALTER FOREIGN TABLE {name} OPTIONS (SET schedule '{chance.randrange(2, 9)}h')")
            elif what == 6:
                db.run("SELECT pgtrickle.alter_stream_table(%s, query => %s)", name,
                       f"SELECT id FROM {chance.choice(made + ['s2', 's3'])} WHERE id > {number}")
            elif what == 7:
                db.run("SELECT pgtrickle.alter_stream_table(%s, status => %s)", name, chance.choice(["SUSPENDED", "ACTIVE"]))
            else:
                schema = db.value("SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname = %s", name)
                to = "other" if schema == "public" else "public"
                db.run(f"ALTER FOREIGN TABLE {schema}.{name} SET SCHEMA {to}")
                db.run(f"ALTER FOREIGN TABLE {to}.{name} SET SCHEMA public")
        except psycopg2.Error as error:
            # it has dependents, or would read itself
            assert error.pgcode in ("2BP01", "42P15"), error
        if number % 20 == 19:
            is_as_defined()


def a_schema_is_renamed():
    create("other.inside", "SELECT id FROM s4")
    is_as_defined()
    db.run("ALTER SCHEMA other RENAME TO another; SELECT pgtrickle.alter_stream_table('another.inside', schedule => '3h')")
    is_as_defined()


def a_shorter_schedule_is_in_force_at_once():
    create("late", "SELECT id FROM s5")
    db.run("INSERT INTO s5 VALUES (1)")
    time.sleep(0.3)
    assert db.value("SELECT count(*) FROM late") == 0
    create("later", "SELECT id FROM late", "2s")
    db.run("SELECT pgtrickle.alter_stream_table('late', schedule => '1s')")
    db.wait_for("SELECT count(*) FROM late", 1)
    db.run("INSERT INTO s5 VALUES (2)")
    db.wait_for("SELECT count(*) FROM later", 2)


def a_locked_source_delays_no_other_stream_table():
    locking = db.connect()
    locking.cursor().execute("BEGIN; LOCK TABLE s4")
    create("beside", "SELECT id FROM s5", "1s")
    db.run("SELECT pgtrickle.alter_stream_table('another.inside', schedule => '4h')")
    db.run("INSERT INTO s5 VALUES (3)")
    db.wait_for("SELECT count(*) FROM beside", 3)
    locking.close()
    is_as_defined()


def a_manager_that_begins_knows_the_diamond_of_a_member_that_is_locked():
    db.run("CREATE TABLE apex (id int PRIMARY KEY); INSERT INTO apex VALUES (1)")
    create("west", "SELECT id FROM apex", "1s")
    create("east", "SELECT max(id) AS id FROM apex", "1s")
    create("ends", "SELECT east.id FROM west JOIN east USING (id)", "1s")
    is_as_defined()
    locking = db.connect()
    locking.cursor().execute("BEGIN; ALTER FOREIGN TABLE west RENAME TO renamed")
    db.run("SELECT pg_terminate_backend(%s, 30000)", db.manager_pid())
    db.run("INSERT INTO apex VALUES (2)")
    db.wait_for("SELECT (SELECT max(id) FROM east) > 1 OR EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
                "AND query = 'refresh of public.west, public.east, public.ends')", True)
    assert db.run("SELECT (SELECT max(id) FROM east), (SELECT max(id) FROM ends)") == [(1, 1)], "it was taken for unconnected"
    locking.close()
    db.wait_for("SELECT (SELECT max(id) FROM west) + (SELECT max(id) FROM east) + (SELECT max(id) FROM ends)", 6)


def a_locked_view_delays_no_other_stream_table():
    db.run("CREATE VIEW inner_view AS SELECT id FROM s1; CREATE VIEW outer_view AS SELECT id FROM inner_view")
    create("by_view", "SELECT id FROM outer_view")
    is_as_defined()
    for view in "inner_view", "outer_view":
        locking = db.connect()
        locking.cursor().execute(f"BEGIN; ALTER VIEW {view} ALTER id SET DEFAULT 1")
        # As if it had been altered.
        db.run("UPDATE pgtrickle.pgt_state SET generation = generation + 1 WHERE relid = 'by_view'::regclass")
        create("beside_" + view, "SELECT id FROM s2", "1s")
        db.run("INSERT INTO s2 SELECT count(*) FROM s2")
        db.wait_for(f"SELECT count(*) = (SELECT count(*) FROM s2) FROM beside_{view}", True)
        # The manager does not hold a lock on the stream table meanwhile.
        locking.cursor().execute("SET lock_timeout = '5s'; ALTER FOREIGN TABLE by_view OWNER TO CURRENT_USER")
        locking.close()
        is_as_defined()


def manager_bytes():
    """Returns the bytes used in the manager's memory contexts, as it writes them to the server's log."""
    log, pid = ServerLog(), db.manager_pid()
    db.run("SELECT pg_log_backend_memory_contexts(%s)", pid)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with log.path.open("rb") as file:
            file.seek(log.begin)
            if found := re.search(rb"\[%d\].*Grand total: .* (\d+) used" % pid, file.read()):
                return int(found.group(1))
        time.sleep(0.05)
    raise AssertionError("the manager did not report its memory")


def definitions_leave_little_in_the_caches_of_the_manager():
    db.run("CREATE TABLE numbers (id int PRIMARY KEY, grp int, amount numeric)")

    def create_many(first, count):
        for number in range(first, first + count):
            create(f"numbers_{number}", f"SELECT grp, count(*), sum(amount) FROM numbers WHERE id <> {number} GROUP BY grp")
        is_as_defined()
    create_many(0, 64)
    before, count = manager_bytes(), 192
    create_many(64, count)
    each = (manager_bytes() - before) / count
    assert each < 5000, f"{each:.0f} bytes for each definition"


def the_database_can_be_dropped():
    db.drop()


run_cases([a_created_stream_table_is_known, changes_of_every_kind_are_known, a_schema_is_renamed,
           a_shorter_schedule_is_in_force_at_once, a_locked_source_delays_no_other_stream_table,
           a_manager_that_begins_knows_the_diamond_of_a_member_that_is_locked,
           a_locked_view_delays_no_other_stream_table, definitions_leave_little_in_the_caches_of_the_manager,
           the_database_can_be_dropped])
