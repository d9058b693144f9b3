#!/usr/bin/python3 -B
"""Shows that no subscription of any owner writes to a table of the extension: a worker that copies or applies rows
asks for other rights than a statement does, and pg_write_all_data has them."""

import subprocess
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, TOP, run_cases  # noqa: E402: needs the path above

server = Server()
subprocess.run([TOP / "tests/scratch", "start", "wal_level=logical", "max_replication_slots=20", "max_wal_senders=20", "wal_retrieve_retry_interval=100"],
               env=server.environment, check=True, cwd=TOP)
publisher, subscriber = Database(server.host), Database(server.host)
VERSION = int(subscriber.value("SHOW server_version_num"))
# From PostgreSQL 16 on other roles than superusers own subscriptions.
OWNERS = ("postgres", "evil") if VERSION >= 160000 else ("postgres",)
INSERT = "INSERT INTO {0} SELECT (jsonb_populate_record(NULL::{0}, '{1}')).*"


def tables():
    return [name for (name,) in subscriber.run("SELECT relname FROM pg_class WHERE relnamespace = 'pgtrickle'::regnamespace "
                                               "AND relkind = 'r' ORDER BY 1")]


def columns_of(table):
    return ", ".join(f"{name} {kind}" for name, kind in subscriber.run(
        "SELECT quote_ident(attname), format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 "
        "AND NOT attisdropped ORDER BY attnum", f"pgtrickle.{table}"))


def set_up():
    if VERSION >= 160000:
        subscriber.run("CREATE ROLE evil LOGIN; GRANT pg_create_subscription, pg_write_all_data TO evil; "
                       f"GRANT CREATE ON DATABASE {subscriber.name} TO evil")
    for table in tables():  # as pg_restore --disable-triggers does
        subscriber.run(f"ALTER TABLE pgtrickle.{table} DISABLE TRIGGER ALL; ALTER TABLE pgtrickle.{table} ENABLE TRIGGER ALL")
    subscriber.run("CREATE TABLE plain (id int PRIMARY KEY, v text); INSERT INTO plain VALUES (1, 'one')")
    subscriber.run("SELECT pgtrickle.create_stream_table('kept', 'SELECT id, v FROM plain', '520w', 'DIFFERENTIAL')")
    publisher.run("DROP EXTENSION pg_trickle; CREATE SCHEMA pgtrickle")
    for table in tables():
        publisher.run(f"CREATE TABLE pgtrickle.{table} ({columns_of(table)})")
        publisher.run(f"ALTER TABLE pgtrickle.{table} REPLICA IDENTITY FULL")
        publisher.run(f"CREATE PUBLICATION of_{table} FOR TABLE pgtrickle.{table}")


def contents(table):
    return subscriber.run(f"SELECT to_jsonb(t)::text FROM pgtrickle.{table} t ORDER BY 1")


def content_of(table):
    """A row with some value in each column that may not be NULL."""
    rows = contents(table)
    if rows:
        return rows[0][0]
    return subscriber.value("SELECT jsonb_object_agg(attname, CASE WHEN typname = 'pg_lsn' THEN to_jsonb('1/1'::text) ELSE CASE typcategory WHEN 'N' THEN to_jsonb(1) WHEN 'D' THEN to_jsonb(now()) "
                            "WHEN 'B' THEN to_jsonb(true) WHEN 'A' THEN to_jsonb('{}'::text) WHEN 'S' THEN to_jsonb('pause'::text) ELSE to_jsonb(1) END END)::text "
                            "FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
                            "AND attnotnull", f"pgtrickle.{table}")


def write(table, statement):
    publisher.run(statement.format(f"pgtrickle.{table}", content_of(table).replace("'", "''").replace("%", "%%")))


def refuse(owner, table, kind):
    """The worker fails again and again, and the rows of the table stay as they are."""
    name, is_copy = f"s_{table}", kind == "COPY"
    before = contents(table)
    if kind != "INSERT":
        write(table, INSERT)
    publisher.run("SELECT pg_create_logical_replication_slot(%s, 'pgoutput')", name)
    subscriber.run(f"CREATE SUBSCRIPTION {name} CONNECTION 'host={server.host} user=postgres dbname={publisher.name}' PUBLICATION of_{table} "
                   f"WITH (create_slot = false, slot_name = {name}, enabled = false, copy_data = {is_copy}"
                   + (", password_required = false, run_as_owner = true)" if VERSION >= 160000 else ")"))
    subscriber.run(f"ALTER SUBSCRIPTION {name} OWNER TO {owner}; ALTER SUBSCRIPTION {name} ENABLE")
    if not is_copy:
        write(table, {"INSERT": INSERT, "DELETE": "DELETE FROM {0}", "TRUNCATE": "TRUNCATE {0}"}[kind])
    subscriber.wait_for(f"SELECT {'sync' if is_copy else 'apply'}_error_count > 0 FROM pg_stat_subscription_stats WHERE subname = '{name}'", True)
    assert contents(table) == before, (owner, table, kind, contents(table))
    subscriber.run(f"ALTER SUBSCRIPTION {name} DISABLE; ALTER SUBSCRIPTION {name} SET (slot_name = NONE); DROP SUBSCRIPTION {name}")
    publisher.wait_for(f"SELECT count(*) FROM pg_replication_slots WHERE slot_name = '{name}' AND active", 0)
    publisher.run(f"SELECT pg_drop_replication_slot('{name}')")
    publisher.run(f"TRUNCATE pgtrickle.{table}")


def no_row_is_applied():
    set_up()
    assert len(tables()) > 12, tables()
    for owner in OWNERS:
        for table in tables():
            refuse(owner, table, "INSERT")


def no_row_is_removed_or_copied():
    for owner in OWNERS:
        for table, kind in (("pgt_state", "DELETE"), ("pgt_source", "DELETE"), ("pgt_source", "TRUNCATE"), ("pgt_source", "COPY"), ("pgt_hold", "COPY")):
            refuse(owner, table, kind)


def triggers_of_users_call_functions_of_the_extension():
    """In the worker, too: such a statement has the checks of statements."""
    publisher.run("CREATE TABLE marks (id int PRIMARY KEY); CREATE PUBLICATION of_marks FOR TABLE marks")
    subscriber.run("CREATE TABLE marks (id int PRIMARY KEY); CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS "
                   "$$ BEGIN PERFORM pgtrickle.pause_scheduler(ARRAY['public.kept']); RETURN NULL; END $$; "
                   "CREATE TRIGGER pauses AFTER INSERT ON marks FOR EACH ROW EXECUTE FUNCTION pause(); ALTER TABLE marks ENABLE ALWAYS TRIGGER pauses")
    publisher.run("SELECT pg_create_logical_replication_slot('s_marks', 'pgoutput')")
    subscriber.run(f"CREATE SUBSCRIPTION s_marks CONNECTION 'host={server.host} user=postgres dbname={publisher.name}' PUBLICATION of_marks "
                   "WITH (create_slot = false, slot_name = s_marks)")
    publisher.run("INSERT INTO marks VALUES (1)")
    subscriber.wait_for("SELECT count(*) FROM pgtrickle.holds() WHERE hold = 'paused'", 1)
    subscriber.run("DROP SUBSCRIPTION s_marks")


try:
    run_cases([no_row_is_applied, no_row_is_removed_or_copied, triggers_of_users_call_functions_of_the_extension])
finally:
    server.destroy()
