#!/usr/bin/python3 -B
"""Shows that a stream table follows its owner's row-level security: random policies of a source, of what policies read,
of what those read in turn, by tables and views, beside changes of rows, views, owners, roles and memberships. After each
step the stream tables are refreshed, also by triggers below an action of a foreign key, where PostgreSQL lifts FORCE ROW LEVEL
SECURITY, and read exactly, and compared with their queries as their owner reads them."""

import sys
from collections import Counter
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above
from seeds import dice  # noqa: E402

db = Database()
OWNER, FRIENDS = "rp_owner", "rp_friends"

# A policy or view of a relation reads a later one.
ORDER = ("src", "va", "la", "vb", "lb", "part", "lc")
TABLES = [name for name in ORDER if not name.startswith("v")]
LETTERS = "abcde"

QUERIES = {
    "plain": "SELECT id, own FROM src",
    "joined": "SELECT s.id, l.own FROM src s JOIN la l USING (own)",
    "grouped": "SELECT own, count(*) AS n FROM src GROUP BY own",
    "through_owner": "SELECT id, own FROM by_owner",
    "through_invoker": "SELECT id, own FROM by_invoker",
    "above": "SELECT own, n FROM grouped",
}


def set_up():
    db.run(f"""SET pg_trickle.enabled = off; CREATE ROLE {OWNER}; CREATE ROLE {FRIENDS}; CREATE ROLE rp_other; GRANT ALL ON SCHEMA public TO {OWNER}, rp_other;
        GRANT USAGE ON FOREIGN SERVER pgtrickle TO {OWNER};
        CREATE TABLE src (id int PRIMARY KEY, own text); CREATE TABLE la (own text); CREATE TABLE lb (own text); CREATE TABLE lc (own text);
        CREATE TABLE part (own text) PARTITION BY LIST (own); CREATE TABLE part_a PARTITION OF part FOR VALUES IN ('a', 'b'); CREATE TABLE part_rest PARTITION OF part DEFAULT;
        INSERT INTO src SELECT i, substr('{LETTERS}', 1 + i % 5, 1) FROM generate_series(1, 20) i;
        INSERT INTO la VALUES ('a'), ('b'); INSERT INTO lb VALUES ('b'), ('c'); INSERT INTO lc VALUES ('c'), ('d'); INSERT INTO part VALUES ('a'), ('d');
        CREATE VIEW va AS SELECT own FROM la; CREATE VIEW vb AS SELECT own FROM lb; CREATE VIEW by_owner AS SELECT id, own FROM src;
        CREATE VIEW by_invoker WITH (security_invoker) AS SELECT id, own FROM src;
        GRANT SELECT, TRIGGER ON ALL TABLES IN SCHEMA public TO PUBLIC; ALTER TABLE src ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p1 ON src USING (own IN (SELECT own FROM la)); ALTER TABLE src FORCE ROW LEVEL SECURITY; ALTER TABLE src OWNER TO {OWNER}""")
    db.run(f"SET ROLE {OWNER}")
    for name, query in QUERIES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1h')", name, query)
    db.run("""CREATE TABLE rp_parent (name text PRIMARY KEY); CREATE TABLE rp_child (name text REFERENCES rp_parent ON DELETE CASCADE);
        CREATE FUNCTION refresh_within() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pgtrickle.refresh_stream_table(old.name); RETURN old; END $$;
        CREATE TRIGGER within BEFORE DELETE ON rp_child FOR EACH ROW EXECUTE FUNCTION refresh_within(); RESET ROLE""")


def later(random, name):
    return random.choice(ORDER[ORDER.index(name) + 1:])


def condition(random, name):
    """Returns a condition for rows of the relation, usually on a later one."""
    if name == ORDER[-1] or random.random() < 0.1:
        return random.choice(("own <> 'c'", "own < 'd'", f"pg_has_role('{FRIENDS}', 'MEMBER')"))
    other = later(random, name)
    return random.choice((f"own IN (SELECT own FROM {other})", f"NOT EXISTS (SELECT FROM {other} o WHERE o.own = {name}.own)"))


def change_of_rows(random, name, letter):
    insert = f"INSERT INTO src SELECT 1 + max(id), '{letter}' FROM src" if name == "src" else f"INSERT INTO {name} (own) VALUES ('{letter}')"
    return random.choice((insert, insert, f"DELETE FROM {name} WHERE own = '{letter}'",
                          f"UPDATE {name} SET own = '{letter}' WHERE own = '{random.choice(LETTERS)}'"))


def change_of_policies(random, name):
    policy = f"p{random.randrange(2)}"
    to = random.choice(("PUBLIC", "PUBLIC", OWNER, FRIENDS, "rp_other"))
    kind = random.choice(("AS RESTRICTIVE", "", "", ""))
    return random.choice((f"CREATE POLICY {policy} ON {name} {kind} TO {to} USING ({condition(random, name)})",
                          f"ALTER POLICY {policy} ON {name} USING ({condition(random, name)})",
                          f"ALTER POLICY {policy} ON {name} TO {to}", f"DROP POLICY {policy} ON {name}"))


def change_of_views(random, view, letter):
    return random.choice((f"CREATE OR REPLACE VIEW {view} AS SELECT own FROM {later(random, view)} WHERE own <> '{letter}'",
                          f"ALTER VIEW {view} OWNER TO {random.choice(('postgres', 'rp_other', OWNER))}",
                          f"ALTER VIEW {view} SET (security_invoker = {random.choice(('true', 'false'))})"))


def change_of_rights(random, name):
    """The table `name`, with which the queries begin, stays under its policies most of the time."""
    if name == "src":
        return random.choice((f"GRANT {FRIENDS} TO {OWNER}", f"REVOKE {FRIENDS} FROM {OWNER}", "ALTER TABLE src FORCE ROW LEVEL SECURITY"))
    return random.choice((f"ALTER TABLE {name} ENABLE ROW LEVEL SECURITY", f"ALTER TABLE {name} DISABLE ROW LEVEL SECURITY",
                          f"ALTER TABLE {name} FORCE ROW LEVEL SECURITY", f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY",
                          f"ALTER TABLE {name} OWNER TO {random.choice(('postgres', 'rp_other', OWNER))}"))


def step(random):
    name, letter = random.choice(TABLES), random.choice(LETTERS)
    partition = random.choice(("DETACH PARTITION part_a", "ATTACH PARTITION part_a FOR VALUES IN ('a', 'b')"))
    return random.choice((change_of_rows(random, name, letter), change_of_rows(random, name, letter), change_of_policies(random, name),
                          change_of_policies(random, "src"), change_of_views(random, random.choice(("va", "vb")), letter),
                          change_of_rights(random, name), "ALTER TABLE part " + partition))


def rows_of(statement):
    """Returns the multiset of rows, or the error's SQLSTATE."""
    try:
        return Counter(db.run(statement))
    except psycopg2.Error as error:
        return error.pgcode


def fails_to_refresh(random, name):
    within = f"INSERT INTO rp_parent VALUES ('{name}'); INSERT INTO rp_child VALUES ('{name}'); DELETE FROM rp_parent WHERE name = '{name}'"
    try:
        db.run(random.choice((f"SELECT pgtrickle.refresh_stream_table('{name}')", f"BEGIN; {within}; COMMIT")))
        return False
    except psycopg2.Error:
        db.run("ROLLBACK")
        return True


def compare(done, how, failed=()):
    """One whose refresh has failed may be old, if its query fails, too."""
    for name, query in QUERIES.items():
        wanted = rows_of(query)
        assert isinstance(wanted, str) or name not in failed, f"{name} cannot be refreshed\n" + ";\n".join(done[-15:])
        found = rows_of(f"SELECT * FROM {name}")
        if isinstance(wanted, str) or isinstance(found, str):
            continue
        assert wanted == found, f"{name} {how}: {sorted(found)} instead of {sorted(wanted)}\n" + ";\n".join(done[-15:])


def follow(number):
    random = dice(number)
    done, telling = [], 0
    for _ in range(200):
        statement = step(random)
        try:
            db.run(statement)
        except psycopg2.Error as error:
            assert error.pgcode[:2] in ("42", "23", "55"), (statement, error)
            continue
        done.append(statement)
        everything = db.value("SELECT count(*) FROM src")
        db.run(f"SET ROLE {OWNER}")
        if random.random() < 0.3:
            db.run("SET pg_trickle.read_mode = exact; SET pg_trickle.on_stale = error")
            compare(done, "read exactly")
            db.run("RESET pg_trickle.read_mode; RESET pg_trickle.on_stale")
        failed = {name for name in QUERIES if fails_to_refresh(random, name)}
        compare(done, "refreshed", failed)
        telling += 0 < len(list(db.run("SELECT id FROM src"))) < everything
        db.run("RESET ROLE")
    assert telling > 3, f"policies hid some of the rows in {telling} of {len(done)} steps only"


def what_changes_nothing_excludes_no_reader():
    """A transaction that has read a stream table may stay open: what alters no policy for its owner does not wait for it, and nor
    does the refresh that follows."""
    db.run(f"""CREATE TABLE fixed (id int, own text); GRANT SELECT, TRIGGER ON fixed TO {OWNER}; ALTER TABLE fixed ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p ON fixed USING (own <> 'a'); CREATE TABLE open (id int, own text); CREATE VIEW of_open AS SELECT own FROM open;
        INSERT INTO fixed VALUES (1, 'a'), (2, 'b'); INSERT INTO open TABLE fixed; GRANT SELECT, TRIGGER ON open, of_open TO {OWNER}""")
    names = {"by_policy": (OWNER, "SELECT own, count(*) AS n FROM fixed GROUP BY own"), "exempt": ("postgres", "SELECT own, count(*) AS n FROM open GROUP BY own"),
             "by_view": (OWNER, "SELECT own FROM of_open")}
    for name, (role, query) in names.items():
        db.run(f"SET ROLE {role}")
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1h')", name, query)
    db.run("RESET ROLE")
    reader = db.connect()
    reader.cursor().execute("BEGIN; " + "; ".join(f"SELECT FROM {name}" for name in names))
    db.run("SET lock_timeout = '3s'")
    for number, statement in enumerate((f"GRANT {FRIENDS} TO {OWNER}", f"REVOKE {FRIENDS} FROM {OWNER}", f"ALTER ROLE {FRIENDS} INHERIT",
                                        "CREATE POLICY q ON fixed TO rp_other USING (false)", "ALTER POLICY q ON fixed USING (id > 0)",
                                        "ALTER TABLE fixed FORCE ROW LEVEL SECURITY", "ALTER TABLE open ENABLE ROW LEVEL SECURITY",
                                        "ALTER TABLE open DISABLE ROW LEVEL SECURITY", "ALTER TABLE fixed OWNER TO rp_other",
                                        f"GRANT SELECT ON open TO {FRIENDS}; ALTER VIEW of_open SET (security_invoker)")):
        try:
            db.run(statement)
            db.run(f"INSERT INTO fixed VALUES ({number}, 'b'); INSERT INTO open VALUES ({number}, 'c')")
            for name, (role, query) in names.items():
                db.run(f"SELECT pgtrickle.refresh_stream_table('{name}')")
                db.run(f"SET ROLE {role}")
                assert rows_of(query) == rows_of(f"SELECT * FROM {name}"), (statement, name)
                db.run("RESET ROLE")
        except psycopg2.Error as error:
            raise AssertionError(f"{statement}: {error}") from error
    db.run("RESET lock_timeout")
    reader.close()
    db.run("DROP TABLE fixed, open CASCADE")


def only_a_change_of_policies_in_force_starts_over():
    """Any role that has ADMIN OPTION on a role can grant that to others, again and again."""
    db.run(f"""CREATE ROLE rp_named; CREATE ROLE rp_unnamed; CREATE TABLE named (id int PRIMARY KEY, own text); INSERT INTO named VALUES (1, 'a'), (2, 'b');
        GRANT SELECT, TRIGGER ON named TO {OWNER}; ALTER TABLE named ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p ON named USING (own <> 'a'); CREATE POLICY q ON named TO rp_named USING (true); CREATE POLICY w ON named FOR UPDATE TO rp_unnamed USING (true);
        SET ROLE {OWNER}; SELECT pgtrickle.create_stream_table('of_named', 'SELECT id FROM named', '1h'); RESET ROLE""")
    for statement, starts_over in ((f"GRANT rp_unnamed TO {OWNER}", False), (f"GRANT rp_unnamed TO {OWNER}", False),
                                   (f"GRANT rp_named TO {OWNER}", True), (f"GRANT rp_named TO {OWNER}", False), (f"REVOKE rp_unnamed FROM {OWNER}", False),
                                   (f"REVOKE rp_named FROM {OWNER}", True), ("GRANT rp_named TO rp_unnamed", False), (f"GRANT rp_unnamed TO {OWNER}", True),
                                   (f"ALTER ROLE {OWNER} BYPASSRLS", True), (f"ALTER ROLE {OWNER} NOBYPASSRLS", True),
                                   ("ALTER POLICY p ON named USING (own <> 'a' OR pg_has_role('rp_other', 'MEMBER'))", True), (f"GRANT {FRIENDS} TO {OWNER}", True)):
        db.run(statement)
        marks = db.value("SELECT count(*) FROM pgtrickle.pgt_mark WHERE relid = 'of_named'::regclass AND reason IS NOT NULL")
        assert (marks > 0) == starts_over, (statement, marks)
        db.run("SELECT pgtrickle.refresh_stream_table('of_named')")
        db.run(f"SET ROLE {OWNER}")
        assert rows_of("SELECT id FROM named") == rows_of("SELECT * FROM of_named"), statement
        db.run("RESET ROLE")
    db.run(f"REVOKE {FRIENDS}, rp_unnamed FROM {OWNER}; DROP TABLE named CASCADE; DROP ROLE rp_named, rp_unnamed")


def a_session_forgets_what_another_has_set_up_again():
    """It has looked at the stream table while a policy read more than what was captured."""
    db.run(f"""CREATE TABLE ruled (id int, own text); CREATE TABLE rule (own text); INSERT INTO rule VALUES ('b');
        GRANT SELECT, INSERT, TRIGGER ON ruled, rule TO {OWNER}; ALTER TABLE ruled ENABLE ROW LEVEL SECURITY;
        CREATE POLICY p ON ruled USING (own <> 'a'); CREATE POLICY w ON ruled FOR INSERT WITH CHECK (true)""")
    session = db.connect().cursor()
    for cursor in session, db.session.cursor():
        cursor.execute(f"SET ROLE {OWNER}; SET pg_trickle.max_staleness = 0")
    db.run("SELECT pgtrickle.create_stream_table('by_rule', 'SELECT own, count(*) AS n FROM ruled GROUP BY own', '1h')")

    def read_own_change():
        session.execute("BEGIN; INSERT INTO ruled VALUES (1, 'b'), (2, 'c'); SELECT own, n FROM by_rule EXCEPT ALL SELECT own, count(*) FROM ruled GROUP BY own")
        rows = session.fetchall()
        session.execute("ROLLBACK")
        return rows
    assert read_own_change() == []
    db.run("RESET ROLE; ALTER POLICY p ON ruled USING (own IN (SELECT own FROM rule))")
    assert read_own_change() == []
    db.run(f"SET ROLE {OWNER}; SELECT pgtrickle.refresh_stream_table('by_rule'); RESET ROLE; INSERT INTO rule VALUES ('c')")
    for _ in range(3):
        assert read_own_change() == []
    session.connection.close()
    db.run("RESET pg_trickle.max_staleness; DROP TABLE ruled, rule CASCADE")


def one_source_after_another():
    follow(0)


def in_another_order():
    follow(1)


try:
    set_up()
    run_cases([what_changes_nothing_excludes_no_reader, only_a_change_of_policies_in_force_starts_over, a_session_forgets_what_another_has_set_up_again,
               one_source_after_another, in_another_order])
finally:
    db.run("RESET ROLE")
    db.drop()
    db.admin(f"DROP ROLE IF EXISTS {OWNER}; DROP ROLE IF EXISTS {FRIENDS}; DROP ROLE IF EXISTS rp_other")
