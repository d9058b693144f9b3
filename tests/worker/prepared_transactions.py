#!/usr/bin/python3 -B
"""Shows that changes of definitions by a prepared transaction take effect at COMMIT PREPARED, in whichever
session, and after a restart, too; and that one that is rolled back leaves no capture."""

import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, run_cases  # noqa: E402: needs the path above

server = Server()
db = Database(server.host)


def prepare(*statements):
    session = db.connect()
    session.cursor().execute("BEGIN; " + "; ".join(statements) + "; PREPARE TRANSACTION 'x'")
    session.close()


def commit_prepared():
    db.run("COMMIT PREPARED 'x'")


def create(name, schedule="calculated"):
    return f"SELECT pgtrickle.create_stream_table('{name}', 'SELECT count(*) AS n FROM source', '{schedule}')"


def has(name, rows):
    """Waits for the rows, without a read that requests them."""
    db.wait_for(f"SELECT n FROM {name}", rows)


def set_up():
    db.run("CREATE TABLE source (id int PRIMARY KEY)")


def a_source_is_not_captured_for_what_is_rolled_back():
    """Without a manager, and with one that works for other stream tables."""
    for name in "no_manager", "beside_a_manager":
        db.run(f"CREATE TABLE {name} (id int PRIMARY KEY)")
        prepare(f"SELECT pgtrickle.create_stream_table('of_{name}', 'SELECT count(*) AS n FROM {name}', '1s')")
        assert db.value(f"SELECT count(*) > 0 FROM pg_trigger WHERE tgrelid = '{name}'::regclass")
        db.run("ROLLBACK PREPARED 'x'")
        db.wait_for(f"SELECT count(*) FROM pg_trigger WHERE tgrelid = '{name}'::regclass", 0)
        if name == "no_manager":
            db.run("CREATE TABLE other (id int PRIMARY KEY)")
            db.run("SELECT pgtrickle.create_stream_table('of_other', 'SELECT count(*) AS n FROM other', '1s')")


def the_first_one_finds_a_manager():
    prepare(create("first"))
    commit_prepared()
    db.run("INSERT INTO source VALUES (1)")
    has("first", 1)


def after_a_restart_as_well():
    prepare(create("second"))
    db.session.close()
    server.call("start")
    db.session = db.connect()
    db.wait_for("SELECT count(*) > 0 FROM pg_stat_activity WHERE backend_type = 'pg_trickle manager'", True)
    commit_prepared()
    db.run("INSERT INTO source VALUES (2)")
    has("second", 2)


def a_schedule_is_kept():
    db.run(create("rarely", "520w"))
    prepare("SELECT pgtrickle.alter_stream_table('rarely', schedule => '1s')")
    commit_prepared()
    db.run("INSERT INTO source VALUES (3); SET pg_trickle.max_staleness = '1h'")
    has("rarely", 3)
    db.run("RESET pg_trickle.max_staleness")


def a_gate_is_opened():
    db.run("SELECT pgtrickle.gate_source('source')")
    db.run("INSERT INTO source VALUES (4)")
    db.wait_for("SELECT status FROM pgtrickle.pgt_status() WHERE name LIKE '%second'", "HELD")
    prepare("SELECT pgtrickle.ungate_source('source')")
    commit_prepared()
    has("second", 4)


def an_emptied_stream_table_is_not_served():
    db.run("DROP ROLE IF EXISTS reads_no_more; CREATE ROLE reads_no_more; GRANT USAGE ON FOREIGN SERVER pgtrickle TO reads_no_more")
    db.run("GRANT ALL ON SCHEMA public TO reads_no_more; GRANT SELECT ON source TO reads_no_more; SET ROLE reads_no_more")
    db.run("CREATE VIEW viewed AS SELECT id FROM source; SELECT pgtrickle.create_stream_table('emptied', 'SELECT id FROM viewed', '520w')")
    db.run("RESET ROLE; REVOKE SELECT ON source FROM reads_no_more")
    prepare("SET LOCAL ROLE reads_no_more", "CREATE OR REPLACE VIEW viewed AS SELECT id FROM source WHERE id > 0")
    commit_prepared()
    try:
        rows = db.run("SELECT * FROM emptied")
    except psycopg2.errors.ObjectNotInPrerequisiteState as error:
        assert "has not been populated" in str(error), error
    else:
        raise AssertionError(f"it has {len(rows)} rows")


def what_is_dropped_takes_no_shared_memory():
    used = "SELECT split_part(detail, ' ', 1)::int FROM pgtrickle.health_check() WHERE check_name = 'shared_memory'"
    before = db.value(used)
    db.run("SELECT pgtrickle.create_stream_table('dropped', 'SELECT id FROM source', refresh_mode => 'IMMEDIATE')")
    prepare("SELECT pgtrickle.drop_stream_table('dropped')")
    assert db.value(used) == before + 1
    commit_prepared()
    db.wait_for(used, before)


def while_it_is_prepared_no_refresh_fails():
    """Refreshes of stream tables whose state it has written wait, which is shown; stream tables that use a
    function that it replaced keep using the old one."""
    db.run("SET pg_trickle.enabled = off; CREATE TABLE measures (id int)")
    db.run("CREATE FUNCTION scaled(id int) RETURNS int IMMUTABLE LANGUAGE sql BEGIN ATOMIC SELECT id; END")
    for name, column in (("resumed", "id"), ("redefined", "scaled(id)"), ("beside", "id")):
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1s')", name, f"SELECT {column} AS id FROM measures")
    prepare("SAVEPOINT inner_one", "SELECT pgtrickle.alter_stream_table('resumed', status => 'ACTIVE')", "RELEASE inner_one",
            "CREATE OR REPLACE FUNCTION scaled(id int) RETURNS int IMMUTABLE LANGUAGE sql BEGIN ATOMIC SELECT 2 * id; END")
    db.run("INSERT INTO measures VALUES (1)")
    for number in (2, 3):  # more than one attempt
        db.wait_for("SELECT count(*) FROM beside", number - 1)
        db.run("INSERT INTO measures VALUES (%s)", number)
    holders = db.run("SELECT pgt_name, holder FROM pgtrickle.blocked_refreshes() ORDER BY 1")
    assert holders == [("resumed", "prepared transaction 'x'")], holders
    db.wait_for("SELECT sum(id)::int FROM redefined", 6)
    commit_prepared()
    db.wait_for("SELECT sum(id)::int FROM resumed", 6)
    db.wait_for("SELECT sum(id)::int FROM redefined", 12)
    failed = db.run("SELECT pgt_name, h.error_message FROM pgtrickle.pgt_refresh_history h JOIN pgtrickle.pgt_stream_tables USING (pgt_id) "
                    "WHERE h.status = 'FAILED' AND pgt_name IN ('resumed', 'redefined', 'beside')")
    assert not failed, failed


set_up()
try:
    run_cases([a_source_is_not_captured_for_what_is_rolled_back, the_first_one_finds_a_manager, after_a_restart_as_well, a_schedule_is_kept, a_gate_is_opened,
               an_emptied_stream_table_is_not_served, what_is_dropped_takes_no_shared_memory, while_it_is_prepared_no_refresh_fails])
finally:
    db.session.close()
    server.destroy()
