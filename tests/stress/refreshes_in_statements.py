#!/usr/bin/python3 -B
"""Shows that refreshes by triggers and functions in the middle of statements of all forms lose no change: triggers of users fire
before and after those of capture, for rows and statements, and refresh, write, change the tree or define; what fails may be caught.

DURATION_S is the duration; SEED repeats what is tried."""

import collections
import os
import sys
import time
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, goes_on, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

DURATION_S = float(os.environ.get("DURATION_S", 15))
LEAST = 50  # statements
KEPT = {"of_root": "SELECT id, k, v FROM root", "of_mid": "SELECT k, count(*) AS n FROM mid GROUP BY k", "of_leaf": "SELECT id, v FROM leaf",
        "of_item": "SELECT id, v, up FROM item", "of_par": "SELECT id, v FROM par", "of_child": "SELECT id, v FROM child"}
SPARE = "SELECT id, v FROM loose"
TABLES = """
    CREATE TABLE root (id int, k int, v int) PARTITION BY RANGE (k);
    CREATE TABLE mid PARTITION OF root FOR VALUES FROM (0) TO (6) PARTITION BY LIST (k);
    CREATE TABLE leaf (v int, gone int, id int, k int); ALTER TABLE leaf DROP gone;
    ALTER TABLE mid ATTACH PARTITION leaf FOR VALUES IN (0, 1, 2);
    CREATE TABLE others PARTITION OF mid DEFAULT; CREATE TABLE rest PARTITION OF root DEFAULT;
    CREATE TABLE item (id int PRIMARY KEY, v int, up int REFERENCES item ON DELETE CASCADE ON UPDATE CASCADE);
    CREATE TABLE par (id int, v int); CREATE TABLE child () INHERITS (par); CREATE TABLE loose (id int, v int);
    INSERT INTO root SELECT g, g, g FROM generate_series(0, 9) g; INSERT INTO item SELECT g, g FROM generate_series(1, 9) g;
    INSERT INTO child SELECT g, g FROM generate_series(1, 9) g"""
ACTIONS = ["NULL", "UPDATE root SET k = (k + 4) % 10 WHERE id = 3", "DELETE FROM leaf WHERE v = 5", "INSERT INTO mid VALUES (n, n % 6, 7)",
           "UPDATE item SET v = v + 1 WHERE id = 2", "UPDATE par SET v = v + 1 WHERE id < 3", "INSERT INTO loose VALUES (1, n)", "RAISE EXCEPTION 'no'",
           "MERGE INTO root r USING (VALUES (4)) s (i) ON r.id = s.i WHEN MATCHED THEN UPDATE SET k = (r.k + 5) % 10",
           "ALTER TABLE loose INHERIT par", "ALTER TABLE loose NO INHERIT par", "TRUNCATE child",
           f"PERFORM pgtrickle.create_or_replace_stream_table('spare', '{SPARE}', '520w')", "DROP FOREIGN TABLE IF EXISTS spare"]
MERGES = ("WHEN MATCHED AND r.v % 3 = 0 THEN DELETE", "WHEN MATCHED AND act({n}) > 0 THEN UPDATE SET k = (r.k + {b}) % 10",
          "WHEN NOT MATCHED THEN INSERT (id, k, v) VALUES (s.i, {b}, {a})")
# The relations that get triggers in a round, and the statements of it.
GROUPS = [("root root mid leaf".split(), """
INSERT INTO root VALUES ({a}, {b}, {a}), ({b}, {a}, act({n}))
INSERT INTO leaf (id, k, v) VALUES ({a}, {a} % 3, act({n}))
UPDATE root SET k = (k + {b}) % 10 WHERE id = {a}
UPDATE mid SET v = v + act({n})
DELETE FROM root WHERE id = {a} AND act({n}) > 0
WITH x AS (INSERT INTO loose SELECT {a}, act({n}) RETURNING id) INSERT INTO root SELECT id, id, id FROM x
WITH x AS (DELETE FROM leaf WHERE id = {a}) UPDATE root SET v = v + 1 WHERE id = {b}
WITH x AS (INSERT INTO loose SELECT {a}, act({n})) MERGE
ALTER TABLE mid DETACH PARTITION leaf
ALTER TABLE mid ATTACH PARTITION leaf FOR VALUES IN (0, 1, 2)
MERGE
MERGE
MERGE"""), (["item"], """
INSERT INTO item SELECT {a} + 10, act({n}) ON CONFLICT (id) DO UPDATE SET v = item.v + 1
INSERT INTO item SELECT {a} + 20, act({n}) ON CONFLICT DO NOTHING
UPDATE item SET v = v + act({n}) WHERE id <= {a}
UPDATE item SET id = {a} WHERE id = {b}
UPDATE item SET up = {a} WHERE id = {b}
DELETE FROM item WHERE id = {a}
WITH x AS (DELETE FROM item WHERE id = {a}) UPDATE item SET v = act({n}) WHERE id = {b}"""), ("par child loose".split(), """
INSERT INTO par VALUES ({a}, act({n}))
UPDATE par SET v = v + act({n}) WHERE id = {a}
UPDATE child SET v = v + 1 WHERE id = {a}
DELETE FROM par WHERE id = {a} AND act({n}) > 0
UPDATE loose SET v = v + act({n})
INSERT INTO loose VALUES ({a}, act({n}))""")]
db = Database()
random = dice()
done = collections.Counter()


def differences(kept, query):
    return f"(({query}) EXCEPT ALL TABLE {kept}) UNION ALL (TABLE {kept} EXCEPT ALL ({query}))"


def set_up():
    db.run(TABLES)
    for kept, query in KEPT.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", kept, query)
    actions = [f"PERFORM pgtrickle.refresh_stream_table('{kept}')" for kept in KEPT] * 4 + ACTIONS
    cases = " ".join(f"WHEN {i} THEN {action};" for i, action in enumerate(actions))
    db.run(f"""CREATE FUNCTION act(n int) RETURNS int LANGUAGE plpgsql SET client_min_messages = error AS $$ BEGIN
        IF pg_trigger_depth() > 2 THEN RETURN 1; END IF;
        BEGIN
          CASE n % {len(actions)} {cases} END CASE;
          IF n % 7 = 0 THEN RAISE EXCEPTION 'undone'; END IF;
        EXCEPTION WHEN OTHERS THEN IF n % 5 = 0 THEN RAISE; END IF; END;
        RETURN 1; END $$;
        CREATE FUNCTION acts() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
          PERFORM act(tg_argv[0]::int); IF tg_op = 'DELETE' THEN RETURN old; END IF; RETURN new; END $$""")


def create_triggers(tables):
    """Returns the statements that drop them."""
    dropped = []
    for i in range(random.randint(0, 4)):
        table, name = random.choice(tables), random.choice("az") + str(i)
        events = " OR ".join(random.sample(("INSERT", "UPDATE", "DELETE"), random.randint(1, 3)))
        when, level = random.choice(("BEFORE", "AFTER")), random.choice(("STATEMENT", "STATEMENT", "STATEMENT", "ROW"))
        try:
            db.run(f"CREATE TRIGGER {name} {when} {events} ON {table} FOR EACH {level} EXECUTE FUNCTION acts({random.randrange(10000)})")
            dropped.append(f"DROP TRIGGER {name} ON {table}")
        except psycopg2.Error:
            pass  # such a trigger cannot be on a partitioned table, or row triggers are not for a table to be attached
    return dropped


def statement(forms):
    form = random.choice(forms.strip().split("\n"))
    if form.endswith("MERGE"):
        target = random.choice(("root", "root", "mid"))
        actions = sorted(random.choice((MERGES[1:2], MERGES[:2], random.sample(MERGES, random.randint(1, 3)))), key=MERGES.index)
        form += f" INTO {target} r USING (VALUES ({{a}} % 4), ({{b}} + 10)) s (i) ON r.id % 4 = s.i " + " ".join(actions)
    elif random.random() < 0.3 and not form.startswith("ALTER"):
        form += " RETURNING act({n})"
    return form.format(a=random.randint(1, 9), b=random.randint(1, 9), n=random.randrange(10000))


def run(tried, text):
    tried.append(text)
    try:
        db.run(text)
        done["statements"] += 1
    except psycopg2.Error as error:
        done["error " + str(error.pgcode)] += 1
        assert error.pgcode is not None and not error.pgcode.startswith("XX"), (tried[-9:], error)
        db.run("ROLLBACK")


def compare(tried):
    spare = {"spare": SPARE} if db.value("SELECT to_regclass('spare')") else {}
    for kept, query in (KEPT | spare).items():
        db.run(f"SELECT pgtrickle.refresh_stream_table('{kept}')")
        rows = db.run(differences(kept, query))
        assert not rows, (kept, rows[:3], tried[-12:])


def refreshes_in_the_middle_of_statements():
    set_up()
    tried, until = [], time.monotonic() + DURATION_S
    while goes_on(until, done["statements"] > LEAST):
        tables, forms = random.choice(GROUPS + GROUPS[:1])
        dropped = create_triggers(tables)
        tried += [row[0] for row in db.run("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgfoid = 'acts'::regproc AND tgparentid = 0")]
        for _ in range(random.randint(1, 2)):
            text = statement(forms)
            run(tried, random.choice((text, text, f"BEGIN; {text}; SELECT act({random.randrange(10000)}); {statement(forms)}; COMMIT")))
        compare(tried)
        for text in dropped:
            db.run(text)
        if random.random() < 0.1:
            run(tried, "ALTER TABLE mid ATTACH PARTITION leaf FOR VALUES IN (0, 1, 2)")
            db.run("DELETE FROM root WHERE random() < 0.7; DELETE FROM par WHERE random() < 0.7; DELETE FROM item WHERE id > 9; TRUNCATE loose;"
                   "INSERT INTO item SELECT g, g FROM generate_series(1, 9) g ON CONFLICT DO NOTHING")
    print(", ".join(f"{what}: {count}" for what, count in sorted(done.items())))
    assert done["statements"] > LEAST, done


try:
    run_cases([refreshes_in_the_middle_of_statements])
finally:
    db.drop()
