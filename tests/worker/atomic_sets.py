#!/usr/bin/python3 -B
"""Shows that stream tables are refreshed together from the commit on that binds them, even by processes that
do not know of it yet.

A creation notifies the manager after its commit, and releases its locks after that; a job may have been
started before. So each case stops a process at a point where it does not know the new atomic set.
"""

import sys
import threading
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
# A refresh waits for locks for half of that.
db.admin(f"ALTER DATABASE {db.name} SET deadlock_timeout = '60s'")
# Reads of this session must not cause the refreshes that are tested.
db.run("SET pg_trickle.enabled = off")


def create(name, query, schedule, session=None):
    (session or db.session).cursor().execute("SELECT pgtrickle.create_stream_table(%s, %s, %s)", (name, query, schedule))


def begin():
    session = db.connect()
    session.cursor().execute("SET client_min_messages = error")
    session.autocommit = False
    return session


def wait_for_waiter(what):
    db.wait_for(f"SELECT count(*) > 0 FROM pg_locks WHERE {what} AND NOT granted", True)


def in_background(work, *arguments):
    thread = threading.Thread(target=work, args=arguments)
    thread.start()
    return thread


def refresh_by_hand(name, errors):
    try:
        db.connect().cursor().execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
    except psycopg2.Error as error:
        errors.append(str(error))


def make_sides(source, schedule="1s"):
    """Creates two stream tables over one source, of which one may be due at once and the other is not, and a
    dependent of each. A diamond over the dependents is created without a lock on the relations below:
    beginning to capture one would block its refresh."""
    db.run(f"CREATE TABLE {source} (id int PRIMARY KEY)")
    create(f"{source}_left", f"SELECT count(*) AS n FROM {source}", schedule)
    create(f"{source}_right", f"SELECT max(id) AS id FROM {source}", "520w")
    create(f"{source}_over_left", f"SELECT n FROM {source}_left", "520w")
    create(f"{source}_over_right", f"SELECT id FROM {source}_right", "520w")


def while_a_job_waits_for(name, source, act):
    """Acts in a transaction that locks the definition against a job, which an insert into the source has
    caused."""
    maker = begin()
    maker.cursor().execute(f"ALTER FOREIGN TABLE {name} OPTIONS (ADD append_only 'false')")
    db.run(f"INSERT INTO {source} VALUES (1)")
    wait_for_waiter(f"relation = '{name}'::regclass")
    act(maker)
    maker.commit()
    maker.close()


def make_known(source, name):
    """Makes the stream table known to the manager, which refreshes it."""
    db.run(f"INSERT INTO {source} VALUES (0)")
    db.wait_for(f"SELECT n FROM {name}", 1)


def both_of(source):
    return f"SELECT n, id FROM {source}_over_left CROSS JOIN {source}_over_right"


def shown(source):
    return db.run(f"SELECT (SELECT n FROM {source}_left), (SELECT id FROM {source}_right), "
                  f"(SELECT (n, id)::text FROM {source}_both)")[0]


def assert_went_together(since, *names):
    """Asserts that each refresh by the manager included all of them: they then have one data_timestamp. The history is
    written after the commit."""
    times = ("(SELECT string_agg(h.data_timestamp::text, ', ' ORDER BY h.data_timestamp) "
             "FROM pgtrickle.pgt_refresh_history h JOIN pgtrickle.pgt_stream_tables USING (pgt_id) "
             f"WHERE initiated_by = 'SCHEDULER' AND start_time > '{since}' AND pgt_name = '{{}}')")
    for name in names[1:]:
        db.wait_for(f"SELECT {times.format(names[0])} = {times.format(name)}", True)


def a_job_from_before_a_diamond_was_made_takes_no_half_of_it():
    make_sides("early")
    make_known("early", "early_left")
    since = db.value("SELECT now()")

    def make_diamond(maker):
        create("early_both", both_of("early"), "520w", maker)
        maker.cursor().execute("INSERT INTO early VALUES (2)")

    while_a_job_waits_for("early_left", "early", make_diamond)
    db.wait_for("SELECT id FROM early_right", 2)
    assert shown("early") == (3, 2, "(3,2)"), shown("early")
    assert_went_together(since, "early_left", "early_right", "early_both")


def a_diamond_is_whole_though_the_manager_cannot_read_its_definition():
    """Another session locks the definition from the moment on at which the stream table becomes part of a
    diamond. Other stream tables are refreshed."""
    make_sides("hidden")
    make_known("hidden", "hidden_left")
    create("hidden_both", "SELECT n, n::int AS id FROM hidden_over_left", "520w")
    create("hidden_beside", "SELECT sum(id) AS total FROM hidden", "1s")
    db.run("INSERT INTO hidden VALUES (1)")
    db.wait_for("SELECT total FROM hidden_beside", 1)
    maker = begin()
    maker.cursor().execute("SELECT pgtrickle.alter_stream_table('hidden_both', query => %s)", (both_of("hidden"),))
    maker.cursor().execute("INSERT INTO hidden VALUES (2)")
    locker = begin()
    waiting = in_background(locker.cursor().execute, "ALTER FOREIGN TABLE hidden_both OWNER TO CURRENT_USER")
    wait_for_waiter("relation = 'hidden_both'::regclass")
    maker.commit()
    maker.close()
    waiting.join()
    for number in (3, 4):
        db.run("INSERT INTO hidden VALUES (%s)", number)
        db.wait_for("SELECT total FROM hidden_beside", number * (number + 1) // 2)
        sides = db.run("SELECT (SELECT n FROM hidden_left), (SELECT id FROM hidden_right)")
        assert sides == [(2, 1)], sides
    locker.rollback()
    locker.close()
    db.wait_for("SELECT n FROM hidden_left", 5)
    assert shown("hidden") == (5, 4, "(5,4)"), shown("hidden")


def a_refresh_by_hand_that_waited_for_a_creation_refreshes_the_diamond():
    make_sides("waited", "520w")
    maker = begin()
    create("waited_both", both_of("waited"), "520w", maker)
    maker.cursor().execute("INSERT INTO waited VALUES (1)")
    errors = []
    waiting = in_background(refresh_by_hand, "waited_left", errors)
    wait_for_waiter("locktype = 'object'")
    maker.commit()
    maker.close()
    waiting.join()
    assert shown("waited") == (1, 1, "(1,1)") and not errors, (shown("waited"), errors)


def the_second_of_two_creations_refreshes_the_diamond_of_the_first():
    make_sides("twice", "520w")
    create("twice_aside", "SELECT n FROM twice_left", "520w")
    maker = begin()
    create("twice_both", both_of("twice"), "520w", maker)
    maker.cursor().execute("INSERT INTO twice VALUES (1)")
    waiting = in_background(create, "twice_again", "SELECT n FROM twice_aside", "520w", db.connect())
    wait_for_waiter("locktype = 'object'")
    maker.commit()
    maker.close()
    waiting.join()
    assert shown("twice") == (1, 1, "(1,1)"), shown("twice")


def a_prepared_creation_binds_when_it_is_committed():
    """The manager is not notified: the process that is to refresh half of the diamond finds out."""
    make_sides("prepared")
    make_known("prepared", "prepared_left")
    maker = db.connect()
    maker.cursor().execute("SET client_min_messages = error; BEGIN")
    create("prepared_both", both_of("prepared"), "520w", maker)
    maker.cursor().execute("INSERT INTO prepared VALUES (1); PREPARE TRANSACTION 'made'")
    errors = []
    waiting = in_background(refresh_by_hand, "prepared_left", errors)
    wait_for_waiter("locktype = 'object'")
    maker.cursor().execute("COMMIT PREPARED 'made'")
    maker.close()
    waiting.join()
    assert shown("prepared") == (2, 1, "(2,1)") and not errors, (shown("prepared"), errors)
    since = db.value("SELECT now()")
    db.run("INSERT INTO prepared VALUES (2)")
    db.wait_for("SELECT n FROM prepared_left", 3)
    assert shown("prepared") == (3, 2, "(3,2)"), shown("prepared")
    assert_went_together(since, "prepared_left", "prepared_right", "prepared_both")


def a_drop_while_a_refresh_by_hand_waits_causes_no_error():
    make_sides("dropped", "520w")
    create("dropped_both", both_of("dropped"), "520w")
    dropper = begin()
    dropper.cursor().execute("DROP FOREIGN TABLE dropped_both")
    db.run("INSERT INTO dropped VALUES (1)")
    errors = []
    waiting = in_background(refresh_by_hand, "dropped_left", errors)
    wait_for_waiter("relation = 'dropped_both'::regclass")
    dropper.commit()
    dropper.close()
    waiting.join()
    assert db.value("SELECT n FROM dropped_left") == 1 and not errors, errors


def a_creation_that_is_rolled_back_adds_no_member():
    """The session has refreshed the diamond, which no longer exists."""
    make_sides("undone", "520w")
    maker = begin()
    for number, (start, end) in enumerate((("SELECT 1", "ABORT AND CHAIN"), ("SAVEPOINT made", "ROLLBACK TO made"))):
        maker.cursor().execute(start)
        create("undone_both", both_of("undone"), "520w", maker)
        maker.cursor().execute("SELECT pgtrickle.refresh_stream_table('undone_left')")
        maker.cursor().execute(end)
        db.run("INSERT INTO undone VALUES (%s)", number)
        maker.cursor().execute("SELECT pgtrickle.refresh_stream_table('undone_left')")
    maker.commit()
    maker.close()
    sides = db.run("SELECT (SELECT n FROM undone_left), (SELECT id FROM undone_right)")
    assert sides == [(2, None)], sides


def a_job_from_before_a_group_was_made_takes_no_half_of_it():
    db.run("CREATE TABLE one (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)")
    create("of_one", "SELECT count(*) AS n FROM one", "1s")
    create("of_other", "SELECT count(*) AS n FROM other", "520w")
    make_known("one", "of_one")
    since = db.value("SELECT now()")

    def make_group(maker):
        maker.cursor().execute("SELECT pgtrickle.create_refresh_group('ones', ARRAY['of_one', 'of_other'])")
        maker.cursor().execute("INSERT INTO other VALUES (1)")

    while_a_job_waits_for("of_one", "one", make_group)
    db.wait_for("SELECT n FROM of_one", 2)
    assert db.value("SELECT n FROM of_other") == 1
    assert_went_together(since, "of_one", "of_other")


def a_group_waits_for_a_member_that_was_being_refreshed_when_it_was_made():
    for table in ("first", "second", "third"):
        db.run(f"CREATE TABLE {table} (id int PRIMARY KEY)")
    create("of_first", "SELECT count(*) AS n FROM first", "1s")
    create("beside_first", "SELECT max(id) AS id FROM first", "1s")
    create("of_second", "SELECT count(*) AS n FROM second LEFT JOIN third USING (id)", "1s")
    make_known("second", "of_second")
    make_known("first", "of_first")
    blocker = begin()
    blocker.cursor().execute("LOCK TABLE third IN ACCESS EXCLUSIVE MODE")
    db.run("INSERT INTO second VALUES (1)")
    wait_for_waiter("relation = 'third'::regclass")
    db.run("SELECT pgtrickle.create_refresh_group('two', ARRAY['of_first', 'of_second'])")
    db.run("INSERT INTO first VALUES (1)")
    db.wait_for("SELECT id FROM beside_first", 1)
    assert db.value("SELECT n FROM of_first") == 1
    blocker.commit()
    blocker.close()
    db.wait_for("SELECT n FROM of_first", 2)
    assert db.value("SELECT n FROM of_second") == 2


def a_former_member_is_refreshed_alone():
    db.run("DROP FOREIGN TABLE early_both; SELECT pgtrickle.drop_refresh_group('ones')")
    db.run("INSERT INTO early VALUES (3); INSERT INTO one VALUES (2); INSERT INTO other VALUES (2)")
    db.wait_for("SELECT (SELECT n FROM early_left) = 4 AND (SELECT n FROM of_one) = 3", True)
    others = db.run("SELECT (SELECT id FROM early_right), (SELECT n FROM of_other)")
    assert others == [(2, 1)], others


def readers_of_a_set_around_a_stream_table_of_another_owner_are_served():
    """The upstream and the apex of a diamond wait for each other: what lies between has another owner."""
    one, other = f"one_{db.name}", f"other_{db.name}"
    db.run(f"CREATE ROLE {one}; CREATE ROLE {other}; CREATE SCHEMA between; GRANT ALL ON SCHEMA between TO {one}, {other}; "
           f"GRANT USAGE ON FOREIGN SERVER pgtrickle TO {one}, {other}; CREATE TABLE between.s (id int); GRANT SELECT, TRIGGER ON between.s TO {one}")
    for role, name, query in ((one, "low", "SELECT id FROM between.s"), (other, "middle", "SELECT id FROM between.low"),
                              (one, "high", "SELECT id FROM between.middle UNION ALL SELECT id FROM between.s")):
        db.run(f"SET ROLE {role}")
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1h')", "between." + name, query)
        db.run(f"GRANT SELECT ON between.{name} TO {one}, {other}; RESET ROLE")
    reader = db.connect().cursor()
    reader.execute("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = error")
    for count, (name, times) in enumerate((("low", 1), ("high", 2), ("middle", 1), ("high", 2)), 1):
        db.run(f"INSERT INTO between.s VALUES ({count})")
        reader.execute(f"SELECT count(*) FROM between.{name}")
        assert reader.fetchone() == (times * count,), name
    reader.connection.close()
    db.run(f"DROP OWNED BY {one}, {other} CASCADE; DROP ROLE {one}, {other}")


def finish():
    db.drop()


run_cases([a_job_from_before_a_diamond_was_made_takes_no_half_of_it,
           a_diamond_is_whole_though_the_manager_cannot_read_its_definition,
           a_refresh_by_hand_that_waited_for_a_creation_refreshes_the_diamond,
           the_second_of_two_creations_refreshes_the_diamond_of_the_first, a_prepared_creation_binds_when_it_is_committed,
           a_drop_while_a_refresh_by_hand_waits_causes_no_error, a_creation_that_is_rolled_back_adds_no_member,
           a_job_from_before_a_group_was_made_takes_no_half_of_it,
           a_group_waits_for_a_member_that_was_being_refreshed_when_it_was_made, a_former_member_is_refreshed_alone,
           readers_of_a_set_around_a_stream_table_of_another_owner_are_served, finish])
