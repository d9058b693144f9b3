#!/usr/bin/python3 -B
"""Shows what AUTO learns from several processes at once, and that every way, including one that is given up,
yields the query's answer."""

import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
ROWS = 20_000
QUERIES = {
    "totals": "SELECT grp, sum(amount) AS total, count(*) AS n FROM fact GROUP BY grp",
    "sizes": "SELECT n, count(*) AS groups, max(m) AS most FROM (SELECT grp, count(*) AS n, max(amount) AS m FROM fact GROUP BY grp) g GROUP BY n",
    "places": "SELECT id, grp, rank() OVER (PARTITION BY grp ORDER BY amount, id) AS place FROM fact",
    "labelled": "SELECT f.id, f.amount, d.label FROM fact f LEFT JOIN dim d ON d.id = f.grp",
}
# Dependents, which show the emitted deltas.
ABOVE = {name: f"SELECT count(*) AS n, sum(hashtext(x::text)) AS all_of_it FROM {name} x" for name in QUERIES}


def catalog(statement, *values):
    path = Path(db.value("SHOW data_directory")) / "pg_trickle" / "catalog.db"
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    try:
        return connection.execute(statement, values).fetchall()
    finally:
        connection.close()


def measured(name):
    """Returns (number, way) of each kept measurement, oldest first."""
    return catalog("SELECT number, way FROM measured WHERE relid = ? ORDER BY number", db.value("SELECT %s::regclass::oid::int", name))


def pretend_a_fill_took(name, took_us):
    catalog("UPDATE measured SET took_us = ? WHERE relid = ? AND way = 'FILL'", took_us, db.value("SELECT %s::regclass::oid::int", name))
    catalog("DELETE FROM measured WHERE relid = ? AND way <> 'FILL'", db.value("SELECT %s::regclass::oid::int", name))


def change_few(turn):
    """Changes a hundredth of the rows: a delta is expected to be so much cheaper that a full refresh is not
    tried, and takes longer than 20 µs."""
    db.run("UPDATE fact SET amount = amount + 1 WHERE id %% 220 = %s", turn)
    db.run("DELETE FROM fact WHERE id %% 1997 = %s", 100 + turn)


def last_refresh(name):
    return db.run("SELECT action, was_full_fallback, coalesce(split_part(reason, ':', 1), '') FROM pgtrickle.pgt_refresh_history "
                  "WHERE pgt_id = %s::regclass ORDER BY refresh_id DESC LIMIT 1", name)[0]


def check(name):
    wrong = db.value(f"SELECT count(*) FROM ((TABLE {name} EXCEPT ALL ({QUERIES[name]})) UNION ALL (({QUERIES[name]}) EXCEPT ALL TABLE {name})) d")
    assert wrong == 0, f"{name} differs from its query in {wrong} rows"
    db.run(f"SELECT pgtrickle.refresh_stream_table('above_{name}')")
    above = db.run(f"TABLE above_{name}")
    assert above == db.run(ABOVE[name]), f"above {name}: {above}"


def set_up():
    db.run(f"""CREATE TABLE fact AS SELECT g AS id, g % 2000 AS grp, g % 97 AS amount FROM generate_series(1, {ROWS}) g;
               ALTER TABLE fact ADD PRIMARY KEY (id);
               CREATE INDEX ON fact (grp);
               CREATE TABLE dim AS SELECT g AS id, 'd' || g AS label FROM generate_series(0, 1999) g;
               ALTER TABLE dim ADD PRIMARY KEY (id);
               ANALYZE""")
    for name, query in QUERIES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1d', 'AUTO')", name, query)
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1d', 'DIFFERENTIAL')", "above_" + name, ABOVE[name])


def a_first_fill_is_learned():
    set_up()
    for name in QUERIES:
        assert measured(name) == [(1, "FILL")], measured(name)


def a_delta_given_up_anywhere_leaves_the_answer():
    given_up = 0
    for turn, patience_us in enumerate((20, 300, 600, 1_000, 2_000, 4_000, 10_000, 40_000)):
        for name in QUERIES:
            pretend_a_fill_took(name, patience_us)
            change_few(turn)
            db.run(f"SELECT pgtrickle.refresh_stream_table('{name}')")
            action, fallback, why = last_refresh(name)
            given_up += why == "given up"
            assert fallback == (action == "FULL"), (action, fallback, why)
            check(name)
    assert given_up >= len(QUERIES), f"only {given_up} were given up"


def both_are_measured_when_a_delta_is_given_up():
    for turn in range(20):  # on a busy machine earlier refreshes may have shown that a delta is too expensive to begin
        pretend_a_fill_took("totals", 20)
        change_few(turn)
        db.run("SELECT pgtrickle.refresh_stream_table('totals')")
        if last_refresh("totals")[2] == "given up":
            break
    assert last_refresh("totals") == ("FULL", True, "given up"), last_refresh("totals")
    assert [way for _, way in measured("totals")] == ["FILL", "DELTA", "FULL"], measured("totals")
    check("totals")


def the_history_says_why_either_way():
    for name in QUERIES:
        reasons = db.run("SELECT DISTINCT action, split_part(reason, ':', 1) FROM pgtrickle.pgt_refresh_history "
                         "WHERE pgt_id = %s::regclass AND reason IS NOT NULL", name)
        assert reasons and all(why in ("share", "cost", "trial", "given up") for _, why in reasons), reasons
        assert ("FULL", "given up") in reasons, reasons


def refreshes_that_are_rolled_back_are_not_learned():
    before = measured("totals")
    db.run("BEGIN; UPDATE fact SET amount = amount + 1 WHERE id % 7 = 1; SELECT pgtrickle.refresh_stream_table('totals'); ROLLBACK")
    assert measured("totals") == before


def few_rows_are_not_asked_about():
    db.run("SELECT pgtrickle.refresh_stream_table('totals')")
    # The first refresh may follow an expensive delta.
    for _ in range(3):
        before = measured("totals")
        db.run("UPDATE fact SET amount = amount + 1 WHERE id < 10")
        db.run("SELECT pgtrickle.refresh_stream_table('totals')")
    assert measured("totals") == before, measured("totals")


def two_processes_learn_at_once():
    refreshes, failures = 12, []
    before = measured("labelled")[-1][0]

    def learn(remainder):
        try:
            with db.connect() as session:
                session.autocommit = True
                cursor = session.cursor()
                for _ in range(refreshes):
                    cursor.execute("UPDATE fact SET amount = amount + 1 WHERE id %% 20 = %s AND id %% 2 = %s", (remainder, remainder % 2))
                    # Rows and refresh are in one transaction: each refresh has changes to apply.
                    cursor.execute("BEGIN")
                    cursor.execute("UPDATE fact SET amount = amount + 1 WHERE id %% 20 = %s", (remainder,))
                    cursor.execute("SELECT pgtrickle.refresh_stream_table('labelled')")
                    cursor.execute("COMMIT")
        except Exception as error:  # noqa: BLE001: reported below
            failures.append(error)

    threads = [threading.Thread(target=learn, args=(remainder,)) for remainder in (3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    kept = measured("labelled")
    numbers = [number for number, _ in kept]
    # A delta that was given up counts twice; measurements that are no longer kept count, too.
    assert numbers[-1] >= before + 2 * refreshes, kept
    assert len(set(numbers)) == len(numbers)
    for way in ("DELTA", "FULL"):
        assert sum(1 for _, of in kept if of == way) <= 16, kept
    check("labelled")


def change_all(turn):
    db.run("UPDATE fact SET amount = amount + %s", turn % 3 + 1)


def many_changes_are_only_counted_where_it_is_clear():
    """Dependents get the difference; some stream tables are read now and then, which shows the rows that are
    left."""
    db.run("DELETE FROM fact WHERE id > 20000")
    for turn in range(12):
        change_all(turn)
        db.run("SELECT pgtrickle.refresh_stream_table('totals')")
        check("totals")
    counted = db.run("SELECT action, count(*) FROM pgtrickle.pgt_refresh_history WHERE pgt_id = 'totals'::regclass AND reason LIKE '%%estimated%%' GROUP BY 1")
    assert len(counted) == 1 and counted[0][0] == "FULL" and 2 <= counted[0][1] <= 11, counted


def counted_changes_may_end_in_a_marker():
    db.run("BEGIN; UPDATE fact SET amount = amount + 1; CREATE TEMP TABLE kept AS TABLE fact; TRUNCATE fact; INSERT INTO fact TABLE kept; DROP TABLE kept; COMMIT")
    db.run("SELECT pgtrickle.refresh_stream_table('totals')")
    assert last_refresh("totals")[0] == "REINITIALIZE", last_refresh("totals")
    check("totals")


def reading_continues_where_it_stopped_to_ask():
    """Over several chunks and transactions, one of which was running during the refresh before."""
    with closing(db.connect()) as other, closing(db.connect()) as session:
        session.autocommit = True
        cursor = session.cursor()
        cursor.execute("SET pg_trickle.differential_max_change_ratio = 1")
        for turn in range(3):
            other.cursor().execute("UPDATE fact SET amount = amount + 2 WHERE id % 3 = 1")
            for part in (0, 2):
                cursor.execute("UPDATE fact SET amount = amount + 1 WHERE id %% 3 = %s", (part,))
            cursor.execute("SELECT pgtrickle.refresh_stream_table('labelled')")
            other.commit()
            cursor.execute("UPDATE fact SET grp = (grp + 1) % 2000 WHERE id % 3 = 2")
            cursor.execute("SELECT pgtrickle.refresh_stream_table('labelled')")
            last = last_refresh("labelled")
            assert last[0] == "DIFFERENTIAL", (turn, last)
            check("labelled")


def many_changes_of_few_rows_are_read():
    pretend_a_fill_took("labelled", 10_000_000)
    for _ in range(2):
        db.run("BEGIN; " + "UPDATE fact SET amount = amount + 1 WHERE id <= 200; " * 50 + "COMMIT")
        db.run("SELECT pgtrickle.refresh_stream_table('labelled')")
        last = last_refresh("labelled")
        check("labelled")
    assert last[0] == "DIFFERENTIAL", last


def a_changed_query_learns_again():
    db.run("SELECT pgtrickle.alter_stream_table('above_totals', schedule => '1d')")
    db.run("DROP FOREIGN TABLE above_totals")
    db.run("SELECT pgtrickle.alter_stream_table('totals', query => 'SELECT grp, max(amount)::bigint AS total, count(*) AS n FROM fact GROUP BY grp')")
    db.wait_for("SELECT count(*) FROM totals", 2000)
    # The refresh that fills the stream table is the manager's or this statement's.
    assert [way for _, way in measured("totals") if way != "FILL"] == [], measured("totals")


def a_dropped_one_is_forgotten():
    relid = db.value("SELECT 'places'::regclass::oid::int")
    db.run("DROP FOREIGN TABLE above_places; DROP FOREIGN TABLE places")
    db.run("SELECT pgtrickle.create_stream_table('other', 'SELECT count(*) AS n FROM fact', '1s')")
    db.wait_for("SELECT n FROM other", db.value("SELECT count(*) FROM fact"))
    for _ in range(100):
        if not catalog("SELECT 1 FROM measured WHERE relid = ?", relid):
            return
        db.run("SELECT pg_sleep(0.1)")
    raise AssertionError("measurements of a dropped stream table remain")


run_cases([a_first_fill_is_learned, a_delta_given_up_anywhere_leaves_the_answer, both_are_measured_when_a_delta_is_given_up,
               the_history_says_why_either_way, refreshes_that_are_rolled_back_are_not_learned, few_rows_are_not_asked_about, two_processes_learn_at_once,
               many_changes_are_only_counted_where_it_is_clear, counted_changes_may_end_in_a_marker, reading_continues_where_it_stopped_to_ask,
               many_changes_of_few_rows_are_read, a_changed_query_learns_again, a_dropped_one_is_forgotten])
