#!/usr/bin/python3 -B
"""Shows that a session which has found the query of a stream table to run known code only looks again when anything has changed that
may make it run a function of its owner: by another session, by its own transaction, and by what that rolls back. And that it does
not look again for what others do with tables that the query does not read."""

import sys
from contextlib import closing
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER, READER, POWER = "again_owner", "again_reader", "again_power"
KNOWN, UNKNOWN = "AUTO", "FULL"  # as recommended to a role that may not run the code of the owner
QUERY = "SELECT id, name FROM {s}.t"

# What is there beside the table t before the change, the query, the change, and the reverse. {s}: a schema; {f}: a function in a
# procedural language of a text; {c}: a superuser's in C, of two integers.
CHANGES = {
    "index": ("", QUERY, "CREATE INDEX x ON {s}.t (id) WHERE {f}('x') <> ''", "DROP INDEX {s}.x"),
    "index of an arrangement's kind": ("", QUERY, "CREATE INDEX x ON {s}.t ({f}(name))", "DROP INDEX {s}.x"),
    "constraint": ("", QUERY, "ALTER TABLE {s}.t ADD CONSTRAINT x CHECK ({f}(name) <> '')", "ALTER TABLE {s}.t DROP CONSTRAINT x"),
    "statistics": ("", QUERY, "CREATE STATISTICS {s}.x ON ({f}(name)), id FROM {s}.t", "DROP STATISTICS {s}.x"),
    "policy": ("", QUERY, "CREATE POLICY x ON {s}.t USING ({f}(name) <> '')", "DROP POLICY x ON {s}.t"),
    "policy altered": ("CREATE POLICY x ON {s}.t USING (true)", QUERY, "ALTER POLICY x ON {s}.t USING ({f}(name) <> '')", "ALTER POLICY x ON {s}.t USING (id > 0)"),
    "index of a stream table": ("", QUERY, "CREATE INDEX x ON {s}.st (id) WHERE {f}('x') <> ''", "DROP INDEX {s}.x"),
    "index of an upstream": ("SELECT pgtrickle.create_stream_table('{s}.up', 'SELECT id, name FROM {s}.t', '520w')", "SELECT id, name FROM {s}.up",
                             "CREATE INDEX x ON {s}.up (id) WHERE {f}('x') <> ''", "DROP INDEX {s}.x"),
    "child": ("CREATE TABLE {s}.c (id int NOT NULL, name text); CREATE INDEX ON {s}.c (id) WHERE {f}('x') <> ''", QUERY, "ALTER TABLE {s}.c INHERIT {s}.t", "ALTER TABLE {s}.c NO INHERIT {s}.t"),
    "child that is created": ("", QUERY, "CREATE TABLE {s}.c (CHECK ({f}(name) <> '')) INHERITS ({s}.t)", "DROP TABLE {s}.c"),
    "child of a child": ("CREATE TABLE {s}.b () INHERITS ({s}.t); CREATE TABLE {s}.a () INHERITS ({s}.b)", QUERY, "CREATE TABLE {s}.c (CHECK ({f}(name) <> '')) INHERITS ({s}.a)", "DROP TABLE {s}.c"),
    "parent": ("CREATE TABLE {s}.p (id int NOT NULL, name text) PARTITION BY LIST ({f}(name))", QUERY, "ALTER TABLE {s}.p ATTACH PARTITION {s}.t DEFAULT", "ALTER TABLE {s}.p DETACH PARTITION {s}.t"),
    "parent of the parent": ("CREATE TABLE {s}.r (id int NOT NULL, name text) PARTITION BY LIST ({f}(name)); CREATE TABLE {s}.p (id int NOT NULL, name text) PARTITION BY LIST (name);"
                             "ALTER TABLE {s}.p ATTACH PARTITION {s}.t DEFAULT", QUERY, "ALTER TABLE {s}.r ATTACH PARTITION {s}.p DEFAULT", "ALTER TABLE {s}.r DETACH PARTITION {s}.p"),
    "partition": ("CREATE TABLE {s}.q (id int NOT NULL, name text) PARTITION BY RANGE (id); CREATE TABLE {s}.q1 (id int NOT NULL, name text CHECK ({f}(name) <> ''))", "SELECT id, name FROM {s}.q",
                  "ALTER TABLE {s}.q ATTACH PARTITION {s}.q1 DEFAULT", "ALTER TABLE {s}.q DETACH PARTITION {s}.q1"),
    "view": ("CREATE VIEW {s}.v AS SELECT id, name FROM {s}.t; CREATE VIEW {s}.w AS SELECT * FROM {s}.v", "SELECT id, name FROM {s}.w",
             "CREATE OR REPLACE VIEW {s}.v AS SELECT id, {f}(name) AS name FROM {s}.t", "CREATE OR REPLACE VIEW {s}.v AS SELECT id, name FROM {s}.t"),
    "query": ("", QUERY, "ALTER FOREIGN TABLE {s}.st OPTIONS (SET query 'SELECT id, {f}(name) AS name FROM {s}.t')", "ALTER FOREIGN TABLE {s}.st OPTIONS (SET query 'SELECT id, name FROM {s}.t')"),
}
# Those of a superuser.
CHANGES_OF_SUPERUSERS = {
    "function": ("", "SELECT {c}(id, 1) AS n FROM {s}.t", "CREATE OR REPLACE FUNCTION {c}(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END'",
                 "CREATE OR REPLACE FUNCTION {c}(int, int) RETURNS int LANGUAGE internal IMMUTABLE AS 'int4pl'"),
    "function that is not immutable any more": ("", "SELECT {c}(id, 1) AS n FROM {s}.t", "ALTER FUNCTION {c}(int, int) VOLATILE", "ALTER FUNCTION {c}(int, int) IMMUTABLE"),
    "owner of a function": ("", "SELECT {c}(id, 1) AS n FROM {s}.t", "ALTER FUNCTION {c}(int, int) OWNER TO " + OWNER, "ALTER FUNCTION {c}(int, int) OWNER TO " + POWER),
    "owner that is no superuser any more": ("", "SELECT {c}(id, 1) AS n FROM {s}.t", f"ALTER ROLE {POWER} NOSUPERUSER", f"ALTER ROLE {POWER} SUPERUSER"),
    "function of PostgreSQL": ("", "SELECT id, lower(name) AS name FROM {s}.t", "ALTER FUNCTION pg_catalog.lower(text) VOLATILE", "ALTER FUNCTION pg_catalog.lower(text) IMMUTABLE"),
    "operator": ("CREATE OPERATOR {s}.+# (FUNCTION = {c}, LEFTARG = int, RIGHTARG = int)", "SELECT id OPERATOR({s}.+#) 1 AS n FROM {s}.t",
                 "ALTER OPERATOR {s}.+# (int, int) OWNER TO " + OWNER, "ALTER OPERATOR {s}.+# (int, int) OWNER TO " + POWER),
    "aggregate": ("CREATE AGGREGATE {s}.total(int) (SFUNC = {c}, STYPE = int)", "SELECT {s}.total(id) AS n FROM {s}.t",
                  "CREATE FUNCTION {s}.slow(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END'; CREATE OR REPLACE AGGREGATE {s}.total(int) (SFUNC = {s}.slow, STYPE = int)",
                  "CREATE OR REPLACE AGGREGATE {s}.total(int) (SFUNC = {c}, STYPE = int); DROP FUNCTION {s}.slow"),
    "type": ("CREATE EXTENSION IF NOT EXISTS citext SCHEMA public; ALTER TABLE {s}.t ADD c public.citext", "SELECT id, c FROM {s}.t", "ALTER TYPE public.citext OWNER TO " + OWNER, "ALTER TYPE public.citext OWNER TO postgres"),
    "member of an operator family": ("CREATE OPERATOR {s}.#= (FUNCTION = pg_catalog.int4eq, LEFTARG = int, RIGHTARG = int, COMMUTATOR = OPERATOR({s}.#=)); CREATE OPERATOR FAMILY {s}.fam USING hash;"
                                     "CREATE FUNCTION {s}.slow(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN 1; END';"
                                     "CREATE OPERATOR CLASS {s}.cls FOR TYPE int USING hash FAMILY {s}.fam AS OPERATOR 1 {s}.#= (int, int), FUNCTION 1 pg_catalog.hashint4(int)",
                                     "SELECT id, id OPERATOR({s}.#=) 1 AS e FROM {s}.t",
                                     "ALTER OPERATOR FAMILY {s}.fam USING hash ADD FUNCTION 1 (int2, int2) {s}.slow(int)", "ALTER OPERATOR FAMILY {s}.fam USING hash DROP FUNCTION 1 (int2, int2)"),
}


def define(number, set_up, query):
    """Returns the texts by which a template is filled in for a new stream table {s}.st over {s}.t."""
    names = {"s": f"again{number}", "f": f"again{number}.f", "c": f"again{number}.c"}
    db.run("CREATE SCHEMA {s}; GRANT ALL ON SCHEMA {s} TO PUBLIC; CREATE FUNCTION {c}(int, int) RETURNS int LANGUAGE internal IMMUTABLE AS 'int4pl';".format(**names)
           + f"ALTER FUNCTION {names['c']}(int, int) OWNER TO {POWER}; SET ROLE {OWNER};"
           + "CREATE FUNCTION {f}(text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN $1; END'; CREATE TABLE {s}.t (id int NOT NULL, name text)".format(**names))
    db.run("RESET ROLE")
    is_of_superuser = "OPERATOR" in set_up or "AGGREGATE" in set_up or "EXTENSION" in set_up
    if set_up:
        db.run(("" if is_of_superuser else f"SET ROLE {OWNER};") + set_up.format(**names))
    db.run(f"SET ROLE {OWNER}")
    db.run("SELECT pgtrickle.create_stream_table('{s}.st', $q${q}$q$, '520w', 'FULL'); GRANT SELECT ON {s}.st TO PUBLIC".format(q=query.format(**names), **names))
    db.run("RESET ROLE")
    return names


def recommended(session, names):
    cursor = session.cursor()
    cursor.execute("SELECT recommended_mode FROM pgtrickle.recommend_refresh_mode('{s}.st')".format(**names))
    return cursor.fetchone()[0]


def cases():
    for number, (what, (set_up, query, change, reverse)) in enumerate((CHANGES | CHANGES_OF_SUPERUSERS).items()):
        names = define(number, set_up, query)
        yield what, names, change.format(**names), reverse.format(**names)


def set_up():
    db.let_own_stream_tables(OWNER, READER, POWER)
    db.run(f"ALTER ROLE {POWER} SUPERUSER")
    db.run(f"DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO {OWNER}', current_database()); END $$")


def what_others_change_is_looked_at():
    with closing(db.connect(user=READER)) as writing, closing(db.connect(user=READER)) as reading:
        for what, names, change, reverse in made:
            for statement, wanted in ("SELECT 1", KNOWN), *((change, UNKNOWN), (reverse, KNOWN)) * 2:
                db.run(statement)
                writing.cursor().execute("BEGIN; SELECT pg_current_xact_id()")  # in it, no answer is kept by the number of invalidations
                for session in (writing, reading) * 2:
                    assert recommended(session, names) == wanted, (what, statement)
                writing.cursor().execute("COMMIT")


def what_a_transaction_changes_and_rolls_back_is_looked_at():
    with closing(db.connect(user="postgres")) as session:
        cursor = session.cursor()
        for what, names, change, _ in made:
            for end in "ROLLBACK", "ROLLBACK TO s":
                assert recommended(session, names) == KNOWN, what
                cursor.execute("BEGIN; SELECT pg_current_xact_id(); SAVEPOINT s")
                assert recommended(session, names) == KNOWN, what
                cursor.execute(change)
                assert recommended(session, names) == UNKNOWN, (what, end)
                cursor.execute(end)
                assert recommended(session, names) == KNOWN, (what, end)
                cursor.execute("COMMIT")
                assert recommended(session, names) == KNOWN, (what, end)


def looks():
    """Returns how often a look has been made: nothing else reads the policies of a table that has none in force."""
    db.run("SELECT pg_stat_clear_snapshot()")
    return db.value("SELECT coalesce(idx_scan, 0) FROM pg_stat_sys_tables WHERE relname = 'pg_policy'")


def what_does_not_concern_the_query_is_not_looked_at():
    """Commits in mode IMMEDIATE, and exact reads, beside temporary tables, privileges and statistics of other tables."""
    names = define("_beside", "", QUERY)
    db.run("SELECT pgtrickle.alter_stream_table('{s}.st', refresh_mode => 'IMMEDIATE')".format(**names))
    db.run("GRANT ALL ON {s}.t TO {r}; CREATE TABLE {s}.other (id int)".format(r=READER, **names))
    db.run("SELECT pgtrickle.refresh_stream_table('{s}.st')".format(**names))
    beside = ("CREATE TEMP TABLE beside (id int PRIMARY KEY, name text)", "DROP TABLE beside", "GRANT SELECT ON {s}.other TO PUBLIC", "INSERT INTO {s}.other SELECT 1; ANALYZE {s}.other",
              "REVOKE SELECT ON {s}.other FROM PUBLIC", "CREATE FUNCTION {s}.other() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION {s}.other()")
    ways = {"commits": "INSERT INTO {s}.t VALUES (1, 'a')", "exact reads": "SELECT count(*) FROM {s}.st", "of own changes": "INSERT INTO {s}.t VALUES (1, 'a'); SELECT count(*) FROM {s}.st"}
    for way, statement in ways.items():
        with closing(db.connect(user=READER)) as session:
            cursor = session.cursor()

            def looks_beside(others):
                cursor.execute("SELECT pg_stat_force_next_flush()")
                before = looks()
                assert before > 0, way
                for other in others:
                    db.run(other.format(**names))
                    cursor.execute(statement.format(**names))
                cursor.execute("SELECT pg_stat_force_next_flush()")
                return looks() - before

            cursor.execute("SET pg_trickle.read_mode = " + ("exact" if way == "exact reads" else "refresh"))
            for _ in range(3):
                cursor.execute(statement.format(**names))
            # A process that has looked before may report that meanwhile, once.
            counts = [looks_beside(beside * 3)]
            while counts[-1] > 0 and len(counts) < 5:
                counts.append(looks_beside(beside * 3))
            assert counts[-1] == 0, (way, counts)
            assert db.run("SELECT id, name FROM {s}.t EXCEPT ALL SELECT id, name FROM {s}.st".format(**names)) == [], way


try:
    set_up()
    db.run("SET statement_timeout = 10000")
    made = list(cases())
    run_cases([what_others_change_is_looked_at, what_a_transaction_changes_and_rolls_back_is_looked_at, what_does_not_concern_the_query_is_not_looked_at])
finally:
    db.drop()
    db.admin(f"DROP ROLE IF EXISTS {OWNER}, {READER}, {POWER}")
