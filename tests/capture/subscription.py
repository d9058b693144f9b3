#!/usr/bin/python3 -B
"""Shows that rows that a subscription copies and applies reach stream tables, by delta.

Two databases of one server, one of which subscribes to the other. The worker of a subscription fires row
triggers only, but copies a table by a COPY, which fires both kinds: each row must be logged once.
"""

import subprocess
import sys
import threading
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, Server, TOP, run_cases  # noqa: E402: needs the path above

server = Server()
subprocess.run([TOP / "tests/scratch", "start", "wal_level=logical", "max_replication_slots=10", "max_wal_senders=10"],
               env=server.environment, check=True, cwd=TOP)
publisher = Database(server.host)
subscriber = Database(server.host)
TABLES = """
CREATE TABLE marks (id serial PRIMARY KEY);
CREATE TABLE plain (id int PRIMARY KEY, k int, v text);
CREATE TABLE sheets (id int, k int, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE sheet_1 PARTITION OF sheets FOR VALUES FROM (0) TO (100);
CREATE TABLE sheet_2 PARTITION OF sheets FOR VALUES FROM (100) TO (200);
"""
MAINTAINED = {
    "rows": "SELECT id, v FROM plain",
    "groups": "SELECT k, count(*) AS n, min(v) AS low FROM plain GROUP BY k",
    "of_sheets": "SELECT id, k FROM sheets",
    "of_a_sheet": "SELECT id, k FROM sheet_2",
    "of_places": "SELECT tableoid AS place, count(*) AS n FROM sheets GROUP BY tableoid",
    "joined": "SELECT p.id, s.k FROM plain p LEFT JOIN sheets s ON s.id = p.id",
    "above": "SELECT n, count(*) AS groups FROM groups GROUP BY n",
}


def set_up():
    publisher.run(TABLES + "INSERT INTO plain SELECT i, i % 5, 'v' || i FROM generate_series(1, 50) i;"
                  "INSERT INTO sheets SELECT i, i % 3 FROM generate_series(40, 120) i;"
                  "CREATE PUBLICATION everything FOR TABLE marks, plain, sheets WITH (publish_via_partition_root)")
    subscriber.run(TABLES)
    for name, query in MAINTAINED.items():
        subscriber.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", name, query)
    subscriber.run("CREATE MATERIALIZED VIEW kept AS SELECT id FROM plain")  # cannot have triggers, as "groups" above
    subscriber.run("SELECT pgtrickle.create_stream_table('of_kept', 'SELECT id FROM kept')")
    publisher.run("SELECT pg_create_logical_replication_slot(%s, 'pgoutput', false, true)", subscriber.name)
    subscriber.run(f"CREATE SUBSCRIPTION follower CONNECTION 'host={server.host} user=postgres dbname={publisher.name}' "
                   f"PUBLICATION everything WITH (create_slot = false, slot_name = {subscriber.name}, two_phase)")


def caught_up():
    """Transactions are applied in the order of their commits."""
    mark = publisher.value("INSERT INTO marks DEFAULT VALUES RETURNING id")
    subscriber.wait_for(f"SELECT count(*) FROM marks WHERE id = {mark}", 1)


def check(actions):
    for name, query in MAINTAINED.items():
        subscriber.run("SELECT pgtrickle.refresh_stream_table(%s)", name)
        off = subscriber.value(f"SELECT count(*) FROM ((TABLE {name} EXCEPT ALL ({query})) UNION ALL "
                               f"(({query}) EXCEPT ALL TABLE {name})) d")
        assert off == 0, f"{name} differs from its query in {off} rows"
        action = subscriber.value("SELECT action FROM pgtrickle.get_refresh_history(%s, 1)", name)
        assert action in actions or (name, action) == ("above", "DIFFERENTIAL"), f"{name} was refreshed by {action}"


def the_initial_copy_is_captured_once():
    set_up()
    subscriber.wait_for("SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'", 0)
    caught_up()
    check({"DIFFERENTIAL"})


def applied_changes_are_captured():
    publisher.run("INSERT INTO plain SELECT i, i % 5, NULL FROM generate_series(60, 70) i")
    publisher.run("UPDATE plain SET v = v || '!', k = 4 WHERE id % 7 = 0")
    publisher.run("DELETE FROM plain WHERE id = 3")
    publisher.run("UPDATE sheets SET id = id + 100 WHERE id = 55")  # moves to the other partition
    publisher.run("DELETE FROM sheets WHERE id = 110; INSERT INTO sheets VALUES (1, 1), (199, 2)")
    caught_up()
    check({"DIFFERENTIAL"})


def local_statements_are_captured_beside_them():
    subscriber.run("INSERT INTO plain VALUES (1000, 1, 'here')")
    subscriber.run("UPDATE sheets SET k = 7 WHERE id = 199")
    publisher.run("UPDATE plain SET v = 'there' WHERE id = 1")
    caught_up()
    check({"DIFFERENTIAL", "NO_DATA"})
    subscriber.run("DELETE FROM plain WHERE id = 1000")


def a_truncation_there_starts_over():
    publisher.run("TRUNCATE plain")
    caught_up()
    check({"REINITIALIZE", "NO_DATA"})


def a_prepared_transaction_is_reported_at_its_commit():
    """The mailbox learns of the commit: a read that may not be stale returns the row, and no refresh is
    requested."""
    subscriber.run("SET pg_trickle.max_staleness = 0")
    publisher.run("BEGIN; INSERT INTO plain VALUES (500, 1, 'two'); PREPARE TRANSACTION 'halves'")
    caught_up()
    subscriber.wait_for("SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()", 1)
    assert subscriber.value("SELECT count(*) FROM rows WHERE id = 500") == 0, "seen too early"
    publisher.run("COMMIT PREPARED 'halves'")
    caught_up()
    assert subscriber.value("SELECT count(*) FROM plain WHERE id = 500") == 1
    assert subscriber.value("SELECT count(*) FROM rows WHERE id = 500") == 1, "called clean"


def a_row_trigger_that_refreshes_before_the_row_is_logged():
    """Triggers fire in the order of their names. A refresh would show the row to one side of a join, and its log to the other."""
    for database in publisher, subscriber:
        database.run("CREATE TABLE a (id int PRIMARY KEY, k int); CREATE TABLE b (id int PRIMARY KEY, k int)")
    subscriber.run("SELECT pgtrickle.create_stream_table('pairs', 'SELECT a.id, b.id AS other FROM a JOIN b USING (k)', '520w', 'DIFFERENTIAL')")
    subscriber.run("""CREATE TABLE refused (code text);
        CREATE FUNCTION refresh() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            PERFORM pgtrickle.refresh_stream_table('public.pairs'); RETURN NULL;
          EXCEPTION WHEN OTHERS THEN INSERT INTO public.refused VALUES (SQLSTATE); RETURN NULL; END $$;
        CREATE TRIGGER a_first AFTER INSERT ON b FOR EACH ROW EXECUTE FUNCTION refresh(); ALTER TABLE b ENABLE ALWAYS TRIGGER a_first""")
    publisher.run("ALTER PUBLICATION everything ADD TABLE a, b")
    subscriber.run("ALTER SUBSCRIPTION follower REFRESH PUBLICATION WITH (copy_data = false)")
    subscriber.wait_for("SELECT count(*) FROM pg_subscription_rel WHERE srsubstate <> 'r'", 0)
    publisher.run("BEGIN; INSERT INTO a VALUES (1, 7); INSERT INTO b VALUES (1, 7); COMMIT")
    caught_up()
    subscriber.run("SELECT pgtrickle.refresh_stream_table('pairs')")
    assert subscriber.run("TABLE pairs") == [(1, 1)], subscriber.run("TABLE pairs")
    assert subscriber.run("TABLE refused") == [("55006",)], subscriber.run("TABLE refused")


def a_subscription_beside_the_beginning_of_capture():
    """Neither transaction sees what the other one has not committed: the one that is later finds that row triggers are needed."""
    for database in publisher, subscriber:
        database.run("CREATE TABLE late (id int PRIMARY KEY, k int) PARTITION BY RANGE (id); CREATE TABLE late_1 PARTITION OF late FOR VALUES FROM (0) TO (9)")
    publisher.run("CREATE PUBLICATION of_late FOR TABLE late WITH (publish_via_partition_root)")
    subscribing = subscriber.connect()
    subscribing.autocommit = False
    subscribing.cursor().execute(f"CREATE SUBSCRIPTION second CONNECTION 'host={server.host} user=postgres dbname={publisher.name}' "
                                 "PUBLICATION of_late WITH (create_slot = false, slot_name = NONE, enabled = false, copy_data = false)")
    creating = threading.Thread(target=subscriber.connect().cursor().execute, args=(
        "SELECT pgtrickle.create_stream_table('of_late', 'SELECT id, k FROM late', '520w', 'DIFFERENTIAL')",))
    creating.start()
    subscriber.wait_for("SELECT EXISTS (SELECT FROM pgtrickle.pgt_stream_tables WHERE pgt_name = 'of_late') OR EXISTS "
                        "(SELECT FROM pg_locks WHERE NOT granted)", True)
    subscribing.commit()
    creating.join()
    found = subscriber.value("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'late_1'::regclass AND tgname ~ 'pg_trickle_row'")
    assert found == 1, "no row trigger"
    subscriber.run("DROP SUBSCRIPTION second")


def a_subscription_to_tables_that_are_no_sources():
    """It waits for no writer of them, and keeps none waiting."""
    for database in publisher, subscriber:
        database.run("CREATE TABLE plain_1 (id int); CREATE TABLE plain_2 (id int)")
    publisher.run("CREATE PUBLICATION of_plain FOR TABLE plain_1, plain_2")
    writing, subscribing = subscriber.connect(), subscriber.connect(options="-c lock_timeout=10s")
    for session in writing, subscribing:
        session.autocommit = False
    writing.cursor().execute("INSERT INTO plain_1 VALUES (1)")
    subscribing.cursor().execute(f"CREATE SUBSCRIPTION third CONNECTION 'host={server.host} user=postgres dbname={publisher.name}' "
                                 "PUBLICATION of_plain WITH (create_slot = false, slot_name = NONE, enabled = false, copy_data = false)")
    writing.cursor().execute("SET LOCAL lock_timeout = '10s'; INSERT INTO plain_2 VALUES (1)")
    writing.commit()
    subscribing.commit()
    subscriber.run("SELECT pgtrickle.create_stream_table('of_plain', 'SELECT id FROM plain_1', '520w', 'DIFFERENTIAL')")
    found = subscriber.value("SELECT count(*) FROM pg_trigger WHERE tgrelid = 'plain_1'::regclass AND tgname ~ 'pg_trickle_row'")
    assert found == 1, "no row trigger"
    subscriber.run("DROP SUBSCRIPTION third")


def a_subscription_that_gets_no_tables():
    """It waits for no lock on a source, and takes none: who may alter it need not have a privilege on one."""
    locking, altering = subscriber.connect(), subscriber.connect(options="-c lock_timeout=10s")
    for session in locking, altering:
        session.autocommit = False
    locking.cursor().execute("LOCK TABLE plain, sheets")
    altering.cursor().execute("ALTER SUBSCRIPTION follower SET (synchronous_commit = off)")
    locking.rollback()
    locking.cursor().execute("SET LOCAL lock_timeout = '10s'; LOCK TABLE plain, sheets")
    locking.close()
    altering.commit()


def clean_up():
    subscriber.run("ALTER SUBSCRIPTION follower DISABLE")
    subscriber.run("ALTER SUBSCRIPTION follower SET (slot_name = NONE)")
    subscriber.run("DROP SUBSCRIPTION follower")


try:
    run_cases([the_initial_copy_is_captured_once, applied_changes_are_captured, local_statements_are_captured_beside_them,
               a_truncation_there_starts_over, a_prepared_transaction_is_reported_at_its_commit,
               a_row_trigger_that_refreshes_before_the_row_is_logged,
               a_subscription_beside_the_beginning_of_capture, a_subscription_to_tables_that_are_no_sources,
               a_subscription_that_gets_no_tables, clean_up])
finally:
    server.destroy()
