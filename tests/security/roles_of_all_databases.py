#!/usr/bin/python3 -B
"""Shows that a stream table follows its owner's row-level security when roles change in a session of another database, with
the extension or without it, and no source changes: exemptions, memberships, names, the owner of the database, and in a prepared
transaction. An exact read does so at once, after any change of roles, also within the transaction that does."""

import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER, FRIENDS = "rd_owner", "rd_friends"
QUERIES = {"rows": "SELECT id, own FROM source", "groups": "SELECT own, count(*) AS n FROM source GROUP BY own", "above": "SELECT sum(n) AS n FROM groups"}
db.let_own_stream_tables(OWNER)
db.run(f"""CREATE ROLE {FRIENDS}; CREATE TABLE source (id int PRIMARY KEY, own text); GRANT SELECT, TRIGGER ON source TO {OWNER};
    INSERT INTO source SELECT i, substr('abc', 1 + i % 3, 1) FROM generate_series(1, 9) i;
    ALTER TABLE source ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON source USING (own = 'a');
    CREATE POLICY friends ON source TO {FRIENDS} USING (own = 'b'); CREATE POLICY owners ON source TO pg_database_owner USING (own = 'c');
    SET ROLE {OWNER}""")
for name, query in QUERIES.items():
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1s')", name, query)
db.run("RESET ROLE; CREATE TABLE plain (id int PRIMARY KEY); SELECT pgtrickle.create_stream_table('of_plain', 'SELECT id FROM plain', '1s')")
elsewhere = psycopg2.connect(host=db.host, dbname="postgres")
elsewhere.autocommit = True
refresher = db.connect()


def answer(name):
    """The query's own, as the owner computes it."""
    db.run(f"SET ROLE {OWNER}")
    rows = sorted(db.run(QUERIES[name].replace("FROM groups", f"FROM ({QUERIES['groups']}) g")))
    db.run("RESET ROLE")
    return rows


def change(*statements):
    """Executes the statements in the other database, and waits until the manager has followed them."""
    before = answer("rows")
    for statement in statements:
        elsewhere.cursor().execute(statement)
    assert answer("rows") != before, statements
    for name in QUERIES:
        wanted = str(answer(name))
        limit = [0] * 300
        while str(sorted(db.run(f"TABLE {name}"))) != wanted:
            assert limit, (statements, name, db.run(f"TABLE {name}"), wanted)
            limit.pop()
            db.run("SELECT pg_sleep(0.1)")


def exemptions():
    change(f"ALTER ROLE {OWNER} BYPASSRLS")
    change(f"ALTER ROLE {OWNER} NOBYPASSRLS")


def memberships():
    change(f"GRANT {FRIENDS} TO {OWNER}")
    change(f"REVOKE {FRIENDS} FROM {OWNER}")
    change(f"CREATE ROLE rd_new IN ROLE {FRIENDS} ROLE {OWNER}")
    change("DROP ROLE rd_new")
    change(f"ALTER GROUP {FRIENDS} ADD USER {OWNER}")
    change(f"ALTER ROLE {OWNER} NOINHERIT" if int(db.value("SHOW server_version_num")) < 160000 else f"REVOKE {FRIENDS} FROM {OWNER}")
    elsewhere.cursor().execute(f"ALTER ROLE {OWNER} INHERIT; REVOKE {FRIENDS} FROM {OWNER}")


def names():
    """A policy may compare the name of the role with a value. Nothing but the statement has the stream table refreshed, as it has
    no schedule."""
    db.run(f"""CREATE TABLE named (own text); INSERT INTO named VALUES ('{OWNER}'), ('rd_renamed'); GRANT SELECT ON named TO {OWNER};
        ALTER TABLE named ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON named USING (own = current_user);
        SET ROLE {OWNER}; SELECT pgtrickle.create_stream_table('of_named', 'SELECT own FROM named'); RESET ROLE""")
    for old, new in ((OWNER, "rd_renamed"), ("rd_renamed", OWNER)):
        elsewhere.cursor().execute(f"ALTER ROLE {old} RENAME TO {new}")
        db.wait_for("SELECT max(own) FROM of_named", new)
    db.run("DROP TABLE named CASCADE")


def the_owner_of_the_database():
    change(f'ALTER DATABASE "{db.name}" OWNER TO {OWNER}')
    change(f'ALTER DATABASE "{db.name}" OWNER TO postgres')


def a_prepared_transaction():
    change(f"BEGIN; GRANT {FRIENDS} TO {OWNER}; PREPARE TRANSACTION 'rd'", "COMMIT PREPARED 'rd'")
    change("BEGIN", f"REVOKE {FRIENDS} FROM {OWNER}", "COMMIT")


def refreshes():
    return db.value("SELECT count(*) FROM pgtrickle.pgt_refresh_history")


def what_changes_no_policy_refreshes_nothing():
    recorded = "SELECT count(*) FROM pgtrickle.get_refresh_history('of_plain') WHERE rows_inserted = 1"
    db.run("INSERT INTO plain VALUES (1)")
    db.wait_for(recorded, 1)
    before = refreshes()
    for statement in (f"ALTER ROLE {OWNER} PASSWORD 'x'", "CREATE ROLE rd_new", f"BEGIN; GRANT {FRIENDS} TO {OWNER}; ROLLBACK", "ALTER ROLE rd_new LOGIN",
                      "SET ROLE rd_new; DROP OWNED BY rd_new; REASSIGN OWNED BY rd_new TO rd_new; RESET ROLE"):
        elsewhere.cursor().execute(statement)
    # The manager looks at all stream tables, and refreshes one.
    db.run("INSERT INTO plain VALUES (2)")
    db.wait_for(recorded, 2)
    assert refreshes() == before + 1, db.run("SELECT * FROM pgtrickle.pgt_refresh_history ORDER BY refresh_id DESC LIMIT 5")
    # Roles do not matter where there are no policies.
    elsewhere.cursor().execute("GRANT rd_new TO rd_friends")
    db.run("INSERT INTO plain VALUES (3)")
    db.wait_for("SELECT count(*) FROM of_plain", 3)
    assert db.value("SELECT count(*) FROM pgtrickle.get_refresh_history('of_plain') WHERE action = 'NO_DATA'") == 0
    elsewhere.cursor().execute("DROP ROLE rd_new")


def exact_reads():
    """Of stream tables whose next refresh is far away, by look-ups, too. Roles have no snapshot, as the stored rows have."""
    version = int(db.value("SHOW server_version_num"))
    db.run(f"SET ROLE {OWNER}")
    for name, query in QUERIES.items():
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", f"far_{name}", query.replace("groups", "far_groups"))
    db.run("RESET ROLE; SET pg_trickle.read_mode = exact; CREATE ROLE rd_admin")

    def refreshed():
        for name in QUERIES:
            db.run(f"SELECT pgtrickle.refresh_stream_table('far_{name}')")

    def compare(when):
        for name in QUERIES:
            found, wanted = sorted(db.run(f"TABLE far_{name}")), answer(name)
            assert found == wanted, (when, name, found, wanted)
        wanted = len([row for row in answer("rows") if row[0] == 1])
        assert db.value("SELECT count(*) FROM far_rows WHERE id = 1") == wanted, when

    changes = [f"ALTER ROLE {OWNER} BYPASSRLS", f"ALTER ROLE {OWNER} NOBYPASSRLS", f"GRANT {FRIENDS} TO {OWNER}", f"REVOKE {FRIENDS} FROM {OWNER}",
               f'ALTER DATABASE "{db.name}" OWNER TO {OWNER}', f'ALTER DATABASE "{db.name}" OWNER TO postgres']
    if version >= 160000:
        again = f"GRANT {FRIENDS} TO rd_admin WITH ADMIN OPTION; SET ROLE rd_admin; GRANT {FRIENDS} TO {OWNER}; RESET ROLE"
        changes += [again, f"REVOKE {FRIENDS} FROM rd_admin CASCADE", again, f"REVOKE ADMIN OPTION FOR {FRIENDS} FROM rd_admin CASCADE", again,
                    "DROP OWNED BY rd_admin", f"GRANT {FRIENDS} TO {OWNER}", f"GRANT {FRIENDS} TO {OWNER} WITH INHERIT FALSE", f"REVOKE {FRIENDS} FROM {OWNER}"]
    for statement in changes:
        refreshed()
        compare("before " + statement)
        for end in "ROLLBACK", "COMMIT":
            db.run(f"BEGIN; {statement}")
            compare(f"within {statement}")
            db.run(end)
            compare(f"after {end} of {statement}")
    for statement in changes:
        refreshed()
        elsewhere.cursor().execute(statement)
        compare("elsewhere: " + statement)
    for statement in changes:
        refreshed()
        elsewhere.cursor().execute(statement)
        db.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1")
        refresher.cursor().execute("".join(f"SELECT pgtrickle.refresh_stream_table('far_{name}');" for name in QUERIES))
        compare("before the refresh that has seen " + statement)
        db.run("COMMIT")
    db.run("RESET pg_trickle.read_mode; DROP ROLE rd_admin")
    for name in reversed(QUERIES):
        db.run(f"SELECT pgtrickle.drop_stream_table('far_{name}')")


try:
    run_cases([exemptions, memberships, names, the_owner_of_the_database, a_prepared_transaction, what_changes_no_policy_refreshes_nothing, exact_reads])
finally:
    elsewhere.close()
    refresher.close()
    db.drop()
    db.admin(f"DROP ROLE IF EXISTS {FRIENDS}")
