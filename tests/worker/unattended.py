#!/usr/bin/python3 -B
"""Shows that the manager refreshes stream tables without readers."""

import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
# Reads of this session must not cause the refreshes that are tested.
db.run("SET pg_trickle.enabled = off")


def refreshes(name):
    return db.value("SELECT count(*) FROM pgtrickle.get_refresh_history(%s, 1000)", name)


def a_due_stream_table_is_refreshed():
    db.run("CREATE TABLE orders (id int PRIMARY KEY, region int, amount int)")
    db.run("SELECT pgtrickle.create_stream_table('totals', "
           "'SELECT region, sum(amount) AS amount FROM orders GROUP BY region', '1s')")
    db.run("INSERT INTO orders SELECT i, i % 3, i FROM generate_series(1, 30) i")
    db.wait_for("SELECT sum(amount)::int FROM totals", 465)


def those_on_stream_tables_follow_at_one_frontier():
    db.run("SELECT pgtrickle.create_stream_table('grand', 'SELECT sum(amount) AS amount FROM totals', '1s')")
    for total in 495, 525:  # the first time the manager may not know the stream table yet
        db.run("UPDATE orders SET amount = amount + 1")
        db.wait_for("SELECT amount::int FROM grand", total)
    assert db.value("SELECT count(DISTINCT frontier::text) FROM pgtrickle.pgt_state") == 1


def an_unfilled_one_is_filled():
    db.run("SELECT pgtrickle.create_stream_table('later', 'SELECT id FROM orders', '520w', initialize => false)")
    db.wait_for("SELECT is_populated FROM pgtrickle.pgt_state WHERE relid = 'later'::regclass", True)
    assert db.value("SELECT count(*) FROM later") == 30


def a_restored_one_is_captured_and_filled():
    db.run("CREATE TABLE restored_source (id int PRIMARY KEY)")
    restore = db.connect()
    restore.cursor().execute(
        "CREATE FOREIGN TABLE restored (id int) SERVER pgtrickle OPTIONS (query 'SELECT id FROM public.restored_source', "
        "original_query 'SELECT id FROM restored_source', schedule '1s')")
    # The session may still change the owner of the stream table. Others are refreshed meanwhile.
    db.run("INSERT INTO orders VALUES (90, 76, 1)")
    db.wait_for("SELECT count(*) FROM totals WHERE region = 76", 1)
    is_populated = "SELECT is_populated FROM pgtrickle.pgt_state WHERE relid = 'restored'::regclass"
    assert not db.value(is_populated), "it was filled before the session that restores it has ended"
    db.run("DELETE FROM orders WHERE id = 90")
    restore.close()
    db.wait_for(is_populated, True)
    db.run("INSERT INTO restored_source VALUES (1)")
    db.wait_for("SELECT count(*) FROM restored", 1)


def a_calculated_one_follows_changes():
    db.run("SELECT pgtrickle.create_stream_table('regions', 'SELECT DISTINCT region FROM orders', 'calculated')")
    db.run("INSERT INTO orders VALUES (100, 77, 1)")
    db.wait_for("SELECT count(*) FROM regions WHERE region = 77", 1)


def without_changes_nothing_runs():
    db.wait_for("SELECT count(*) FROM pgtrickle.pgt_state WHERE NOT is_populated", 0)
    db.run("INSERT INTO orders VALUES (101, 78, 1)")
    db.wait_for("SELECT count(*) FROM regions WHERE region = 78", 1)
    db.wait_for("SELECT count(*) FROM totals WHERE region = 78", 1)
    taken_in_at = db.value("SELECT data_timestamp FROM pgtrickle.pgt_state WHERE relid = 'totals'::regclass")
    # The history is written after the commit.
    db.wait_for(f"SELECT count(*) FROM pgtrickle.get_refresh_history('totals', 1000) WHERE data_timestamp = '{taken_in_at}'", 1)
    before = refreshes("totals")
    time.sleep(2.5)  # more than two due times: there is no condition to wait for when no refresh is expected
    assert refreshes("totals") == before


def one_that_reads_the_clock_is_refreshed_without_changes():
    db.run("SELECT pgtrickle.create_stream_table('clocks', 'SELECT id, now() AS at FROM orders', '1s', 'FULL')")
    first = db.value("SELECT max(at) FROM clocks")
    db.wait_for(f"SELECT max(at) > '{first}' FROM clocks", True)
    db.run("SELECT pgtrickle.drop_stream_table('clocks')")


def one_that_reads_the_clock_waits_for_its_time():
    db.run("SELECT pgtrickle.create_stream_table('seldom', 'SELECT id, now() AS at FROM orders', '3650d', 'FULL')")
    # The manager knows the stream table once a later one is refreshed.
    db.run("SELECT pgtrickle.create_stream_table('often', 'SELECT id, now() AS at FROM orders', '1s', 'FULL')")
    db.wait_for("SELECT count(*) >= 2 FROM pgtrickle.get_refresh_history('often') WHERE action = 'FULL'", True)
    assert db.value("SELECT count(*) FROM pgtrickle.get_refresh_history('seldom')") == 1
    db.run("SELECT pgtrickle.drop_stream_table('seldom')")
    db.run("SELECT pgtrickle.drop_stream_table('often')")


def a_failing_one_is_suspended_and_stops_no_other():
    db.run("SELECT pgtrickle.create_stream_table('shares', 'SELECT id, 100 / amount AS share FROM orders', '1s')")
    db.run("INSERT INTO orders VALUES (200, 5, 0)")
    db.wait_for("SELECT status FROM pgtrickle.pgt_state WHERE relid = 'shares'::regclass", "SUSPENDED")
    assert db.value("SELECT count(*) FROM shares") == 32, "the last good rows stay"
    # The history is written after the commit.
    db.wait_for("SELECT string_agg(DISTINCT error_message, ', ') FROM pgtrickle.get_refresh_history('shares', 100) "
                "WHERE status = 'FAILED'", "division by zero")
    db.wait_for("SELECT amount::int FROM totals WHERE region = 5", 0)


def a_resumed_one_heals():
    db.run("DELETE FROM orders WHERE id = 200")
    db.run("SELECT pgtrickle.resume_stream_table('shares')")
    db.wait_for("SELECT status FROM pgtrickle.pgt_state WHERE relid = 'shares'::regclass", "ACTIVE")
    db.wait_for("SELECT count(*) FROM ((TABLE shares) EXCEPT ALL (SELECT id, 100 / amount FROM orders)) d", 0)


def values_that_never_met_fail_nothing():
    """The new row of one table and the old row of the other violate the domain, but no committed state does."""
    db.run("CREATE DOMAIN small AS int CHECK (VALUE < 100)")
    db.run("CREATE TABLE price (id int PRIMARY KEY, v int); INSERT INTO price VALUES (1, 20)")
    db.run("CREATE TABLE amount (id int PRIMARY KEY, v int); INSERT INTO amount VALUES (1, 2)")
    db.run("SELECT pgtrickle.create_stream_table('costs', 'SELECT id, (p.v * a.v)::small AS cost FROM price p JOIN amount a USING (id)', '1s')")
    db.run("WITH p AS (UPDATE price SET v = 2) UPDATE amount SET v = 45")
    db.wait_for("SELECT cost::int FROM costs", 90)
    assert db.value("SELECT count(*) FROM pgtrickle.get_refresh_history('costs', 100) WHERE status = 'FAILED'") == 0


def a_sibling_of_a_failing_one_waits_and_is_not_blamed():
    db.run("CREATE TABLE base (id int PRIMARY KEY, k int)")
    db.run("INSERT INTO base VALUES (1, 1)")
    db.run("SELECT pgtrickle.create_stream_table('good', 'SELECT id, k FROM base', '1s')")
    db.run("SELECT pgtrickle.create_stream_table('bad', 'SELECT id, 1 / k AS q FROM base', '1s')")
    db.run("SELECT pgtrickle.create_stream_table('both', 'SELECT good.id, q FROM good JOIN bad USING (id)', '1s')")
    db.run("INSERT INTO base VALUES (2, 0)")
    db.wait_for("SELECT status FROM pgtrickle.pgt_state WHERE relid = 'bad'::regclass", "SUSPENDED")
    assert db.value("SELECT count(*) FROM good") == 1  # an atomic diamond: all members or none
    db.wait_for("SELECT count(*) > 0 FROM pgtrickle.get_refresh_history('bad', 100) WHERE action = 'FULL' AND status = 'FAILED'", True)
    for name in "good", "both":
        failed = db.value("SELECT count(*) FROM pgtrickle.get_refresh_history(%s, 100) WHERE status = 'FAILED'", name)
        assert failed == 0, (name, failed)
    db.run("SELECT pgtrickle.alter_stream_table('both', diamond_consistency => 'none')")
    db.wait_for("SELECT count(*) FROM good", 2)
    db.run("SELECT pgtrickle.drop_stream_table('bad', true)")


def those_that_read_one_without_rows_keep_to_its_pauses():
    """Each of them is due at once, and fills it first."""
    db.run("CREATE TABLE divisor (id int PRIMARY KEY, k int); INSERT INTO divisor VALUES (1, 0)")
    db.run("SELECT pgtrickle.create_stream_table('quotients', 'SELECT id, 1 / k AS q FROM divisor', '1h', initialize => false)")
    for i in range(4):
        db.run(f"SELECT pgtrickle.create_stream_table('of_quotients_{i}', 'SELECT count(*) + {i} AS n FROM quotients', '1h', initialize => false)")
    db.wait_for("SELECT status FROM pgtrickle.pgt_state WHERE relid = 'quotients'::regclass", "SUSPENDED")
    failed = "FROM pgtrickle.get_refresh_history('quotients', 100) WHERE status = 'FAILED'"
    db.wait_for(f"SELECT count(*) >= 3 {failed}", True)
    # Pauses of one and of two seconds, less a quarter at most.
    between = db.value(f"SELECT extract(epoch FROM max(start_time) - min(start_time))::float {failed}")
    assert between >= 2.25, between
    db.run("UPDATE divisor SET k = 1")
    db.run("SELECT pgtrickle.resume_stream_table('quotients')")
    for i in range(4):
        db.wait_for(f"SELECT count(*) FROM pgtrickle.pgt_state WHERE relid = 'of_quotients_{i}'::regclass AND is_populated", 1)
    db.run("SELECT pgtrickle.drop_stream_table('quotients', true)")


def a_default_of_stricter_transactions_does_not_keep_it_busy():
    strict = Database()
    strict.admin(f"ALTER DATABASE {strict.name} SET default_transaction_isolation = 'serializable'")
    strict.run("SET pg_trickle.enabled = off; CREATE TABLE base (id int)")
    strict.run("SELECT pgtrickle.create_stream_table('copied', 'SELECT id FROM base', '1s')")
    for i in range(3):
        strict.run("INSERT INTO base VALUES (%s)", i)
        strict.wait_for("SELECT count(*)::int FROM copied", i + 1)
    runs = strict.value("SELECT count(*) FROM pgtrickle.get_refresh_history('copied', 1000)")
    strict.drop()
    assert runs < 10, runs


def logs_are_trimmed_also_where_only_sessions_refresh():
    db.run("CREATE TABLE wide (id int PRIMARY KEY, filling text)")
    db.run("SELECT pgtrickle.create_stream_table('by_session', 'SELECT id, filling FROM wide', '520w')")
    size = ("SELECT sum(pg_total_relation_size(segment))::bigint / 1000000 "
            "FROM pgtrickle.pgt_source, unnest(segments) segment WHERE relid = 'wide'::regclass")
    for i in range(8):
        db.run("INSERT INTO wide SELECT i, repeat('x', 100) FROM generate_series(%s, %s) i", i * 10000, i * 10000 + 9999)
        db.run("SELECT pgtrickle.refresh_stream_table('by_session')")
    db.wait_for(f"SELECT ({size}) < 8", True, limit_s=40)


def a_database_with_a_manager_can_be_dropped():
    assert db.manager_pid() is not None
    db.drop()


run_cases([a_due_stream_table_is_refreshed, those_on_stream_tables_follow_at_one_frontier, an_unfilled_one_is_filled,
           a_restored_one_is_captured_and_filled,
           a_calculated_one_follows_changes, without_changes_nothing_runs,
           one_that_reads_the_clock_is_refreshed_without_changes, one_that_reads_the_clock_waits_for_its_time,
           a_failing_one_is_suspended_and_stops_no_other, a_resumed_one_heals, values_that_never_met_fail_nothing,
           a_sibling_of_a_failing_one_waits_and_is_not_blamed, those_that_read_one_without_rows_keep_to_its_pauses,
           a_default_of_stricter_transactions_does_not_keep_it_busy,
           logs_are_trimmed_also_where_only_sessions_refresh,
           a_database_with_a_manager_can_be_dropped])
