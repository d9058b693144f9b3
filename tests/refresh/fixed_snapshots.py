#!/usr/bin/python3 -B
"""Shows that refresh_stream_table() in a transaction with a fixed snapshot leaves the stream table with the answer of its
query there, whatever state it and its upstreams are in: never filled, to be filled again, marked, with changes of others
from before the transaction or of its own. Otherwise it fails with an error that names the way out, or warns."""

import sys
from collections import Counter
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

db = Database()
db.admin(f"ALTER DATABASE {db.name} SET pg_trickle.enabled = off")  # nothing is refreshed meanwhile
db.session = db.connect()
db.run("SET client_min_messages = error; CREATE SEQUENCE ids START 100")
LEVELS = ("REPEATABLE READ", "SERIALIZABLE")
# Of the upstream, of a second one that may be between, and of the stream table that is refreshed; %s is what it reads.
UPSTREAMS = ("SELECT id, v FROM t", "SELECT id, (SELECT sum(v) FROM u WHERE u.tid = t.id) AS v FROM t", "SELECT v AS id, count(*) AS v FROM t GROUP BY v")
MIDDLES = (None, "SELECT id, v FROM %s WHERE id > 0", "SELECT v AS id, count(*) AS v FROM %s GROUP BY v")
READERS = ("SELECT id, v FROM %s", "SELECT s.id, s.v, u.v AS w FROM %s s LEFT JOIN u ON u.tid = s.id", "SELECT v, count(*) AS n FROM %s GROUP BY v", "SELECT max(id) AS most FROM %s")
DISTURB = ("ALTER TABLE t DROP CONSTRAINT IF EXISTS t_pkey", "ALTER TABLE t ALTER v TYPE bigint", "ALTER TABLE t ADD COLUMN IF NOT EXISTS more int", "TRUNCATE u",
           "ALTER TABLE t DISABLE TRIGGER ALL; INSERT INTO t (id, v) VALUES (nextval('ids'), 1); ALTER TABLE t ENABLE TRIGGER ALL", "VACUUM FULL u", "CREATE TABLE IF NOT EXISTS child () INHERITS (u)",
           "SELECT pgtrickle.refresh_stream_table('s')", "SELECT pgtrickle.refresh_stream_table('c')", "SELECT pgtrickle.repair_stream_table('s')")
CHANGES = ("INSERT INTO t (id, v) SELECT n, n % 3 FROM nextval('ids') n", "INSERT INTO u SELECT 1, 1 + count(*) FROM u", "UPDATE t SET v = v + 1 WHERE id % 2 = 0",
           "DELETE FROM t WHERE id IN (SELECT min(id) FROM t)", "UPDATE u SET v = -v")


def set_up(random):
    """Returns the query of c over tables only."""
    db.run("DROP TABLE IF EXISTS t, u CASCADE; CREATE TABLE t (id int PRIMARY KEY, v int); CREATE TABLE u (tid int, v int); INSERT INTO t SELECT i, i % 3 FROM generate_series(1, 6) i; INSERT INTO u VALUES (1, 1), (2, 2)")
    upstream, middle, reader = random.choice(UPSTREAMS), random.choice(MIDDLES), random.choice(READERS)
    chain, whole, below = [("s", upstream)], f"({upstream})", "s"
    if middle is not None:
        chain.append(("m", middle % "s"))
        whole, below = f"({middle % (whole + ' s')})", "m"
    chain.append(("c", reader % below))
    whole = reader % (whole if " s LEFT JOIN" in reader else whole + " s")
    for name, query in chain:
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', %s, %s)", name, query, random.choice(("DIFFERENTIAL", "AUTO", "FULL")), random.random() < 0.6 or name == "s")
    return whole


def run_program(random, kinds):
    whole = set_up(random)
    done = []
    for _ in range(random.randrange(4)):
        for statement in random.choice((DISTURB, CHANGES)), CHANGES:
            done.append(random.choice(statement))
            db.run(done[-1])
    session = db.connect()
    cursor = session.cursor()
    cursor.execute("SET client_min_messages = warning; BEGIN ISOLATION LEVEL " + random.choice(LEVELS))
    if random.random() < 0.5:
        cursor.execute("SELECT count(*) FROM u")  # takes the snapshot
        if random.random() < 0.5:
            done.append("by another: " + random.choice(CHANGES))
            db.run(done[-1].removeprefix("by another: "))
    try:
        for _ in range(random.randrange(3)):
            done.append("within: " + random.choice(CHANGES))
            cursor.execute(done[-1].removeprefix("within: "))
        del session.notices[:]
        cursor.execute("SELECT pgtrickle.refresh_stream_table('c')")
        has_warned = any("lacks changes" in notice for notice in session.notices)
        cursor.execute("SELECT to_jsonb(c)::text FROM c ORDER BY 1")
        found = cursor.fetchall()
        cursor.execute(f"SELECT to_jsonb(q)::text FROM ({whole}) q ORDER BY 1")
        wanted = cursor.fetchall()
        cursor.execute("COMMIT")
        kinds["warned" if has_warned else "right"] += 1
        # What another transaction has committed since the snapshot may be there, after a fill.
        if not has_warned and found != wanted and not any(step.startswith("by another") for step in done):
            raise AssertionError(f"{whole}\n{done}\n{found}\n{wanted}")
    except psycopg2.Error as error:
        cursor.execute("ROLLBACK")
        assert error.pgcode in ("40001", "55000"), (whole, done, error)
        kinds[error.pgcode] += 1
    session.close()


def a_refresh_shows_what_its_transaction_sees():
    kinds = Counter()
    random = dice()
    for _ in range(150):
        run_program(random, kinds)
    print(dict(kinds))
    assert kinds["right"] > 60, kinds


def an_upstream_with_changes_is_refreshed_before_a_fill():
    for level in LEVELS:
        for change in "", "INSERT INTO t VALUES (2);":
            db.run("DROP TABLE IF EXISTS t, u CASCADE; CREATE TABLE t (id int PRIMARY KEY); SELECT pgtrickle.create_stream_table('s', 'SELECT id FROM t', '520w')")
            db.run("SELECT pgtrickle.create_stream_table('c', 'SELECT id FROM s', '520w', initialize => false); INSERT INTO t VALUES (1)")
            db.run(f"BEGIN ISOLATION LEVEL {level}; {change} SELECT pgtrickle.refresh_stream_table('c')")
            found = db.run("SELECT id FROM c ORDER BY 1")
            db.run("COMMIT")
            assert found == ([(1,), (2,)] if change else [(1,)]), (level, change, found)


def a_failing_member_of_a_group_is_reported_once():
    for level in ("READ COMMITTED", *LEVELS):
        db.run("DROP TABLE IF EXISTS t, u CASCADE; CREATE TABLE t (id int PRIMARY KEY)")
        for name, query in ("g1", "SELECT id FROM t"), ("g2", "SELECT 1 / (id - 7) AS n FROM t"), ("over", "SELECT id FROM g1"):
            db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', initialize => %s)", name, query, name != "over")
        db.run("SELECT pgtrickle.create_refresh_group('both', ARRAY['g1', 'g2'])")
        db.run("INSERT INTO t VALUES (7)")
        session = db.connect()
        cursor = session.cursor()
        cursor.execute(f"BEGIN ISOLATION LEVEL {level}; SELECT pgtrickle.refresh_stream_table('over'); SELECT id FROM over")
        found = cursor.fetchall()
        cursor.execute("COMMIT")
        assert found == [(7,)] and sum("refresh group" in notice for notice in session.notices) == 1, (level, found, session.notices)
        recorded = db.run("SELECT pgt_name, action, count(*) FROM pgtrickle.pgt_refresh_history JOIN pgtrickle.pgt_stream_tables USING (pgt_id) WHERE initiated_by = 'MANUAL' GROUP BY 1, 2 HAVING count(*) > 1")
        assert recorded == [], (level, recorded)
        session.close()
        db.run("SELECT pgtrickle.drop_refresh_group('both')")


try:
    run_cases([a_failing_member_of_a_group_is_reported_once, an_upstream_with_changes_is_refreshed_before_a_fill, a_refresh_shows_what_its_transaction_sees])
finally:
    db.drop()
