#!/usr/bin/python3 -B
"""Shows that a transaction sees its own changes of sources that are not captured: tables on which the owner of the stream
table lacks TRIGGER, their partitions and children, foreign tables, and tables that only a function reads; or that a reader gets an error who may not compute
the query."""

import itertools
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER, OTHER = "uncaptured_owner", "uncaptured_other"
db.let_own_stream_tables(OWNER, OTHER)
db.run("CREATE EXTENSION postgres_fdw")
db.run(f"CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname '{db.name}', host '{db.host}')")
for role in (OWNER, OTHER, "postgres"):
    db.run(f"CREATE USER MAPPING FOR {role} SERVER here OPTIONS (user 'postgres', password_required 'false')")
db.run("""CREATE TABLE plain (id int PRIMARY KEY, v int); CREATE TABLE captured (id int PRIMARY KEY, v int);
    CREATE TABLE parted (id int, v int) PARTITION BY LIST (id); CREATE TABLE part PARTITION OF parted FOR VALUES IN (1);
    CREATE TABLE others PARTITION OF parted DEFAULT; CREATE TABLE parent (id int, v int); CREATE TABLE child () INHERITS (parent);
    CREATE TABLE remote (id int, v int); CREATE FOREIGN TABLE outer_rows (id int, v int) SERVER here OPTIONS (table_name 'remote')""")
for table in ("plain", "captured", "parted", "parent", "child", "remote"):
    db.run(f"INSERT INTO {table} SELECT i, i FROM generate_series(1, 3) i")
db.run(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {OTHER}; GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA public TO {OWNER};"
       f"GRANT TRIGGER ON captured TO {OWNER}; SET ROLE {OWNER}")

db.run("CREATE FUNCTION plain_total() RETURNS bigint STABLE LANGUAGE plpgsql AS $$ BEGIN RETURN (SELECT sum(v) FROM public.plain); END $$")
# Stream tables with their queries, and statements that change what they read.
OF_FOREIGN = "of_foreign"
FOR_OWNER = (OF_FOREIGN, "of_function", "above_function")  # which only the owner may compute
QUERIES = {"of_plain": "SELECT id, v FROM plain", "of_both": "SELECT id, p.v + c.v AS v FROM plain p JOIN captured c USING (id)",
           "above": "SELECT count(*) AS n, sum(v) AS v FROM of_plain", "of_parted": "SELECT id, sum(v) AS v FROM parted GROUP BY id",
           "of_parent": "SELECT id, v FROM parent", OF_FOREIGN: "SELECT id, v FROM outer_rows",
           "of_function": "SELECT id, v + plain_total() AS v FROM captured", "above_function": "SELECT id % 2 AS id, sum(v) AS v FROM of_function GROUP BY 1"}
PLAIN = ("UPDATE plain SET v = v + 1", "DELETE FROM plain WHERE id = 1", "TRUNCATE plain", "INSERT INTO plain SELECT coalesce(max(id), 0) + 1, 1 FROM plain",
         "WITH w AS (UPDATE plain SET v = v + 1 RETURNING v) SELECT sum(v) FROM w", "ALTER TABLE plain ALTER v TYPE int USING v + 1")
CHANGES = {"of_plain": PLAIN, "of_both": (PLAIN[0], "UPDATE captured SET v = v + 1"), "above": PLAIN[:2],
           "of_parted": ("UPDATE parted SET v = v + 1", "UPDATE part SET v = v + 1", "TRUNCATE others", "UPDATE parted SET id = 5 WHERE id = 1"),
           "of_parent": ("UPDATE parent SET v = v + 1", "DELETE FROM child WHERE id = 2"), OF_FOREIGN: ("UPDATE outer_rows SET v = v + 1",),
           "of_function": PLAIN[:4], "above_function": PLAIN[:2]}
WAYS = ("SET LOCAL pg_trickle.max_staleness = 0", "SET LOCAL pg_trickle.max_staleness = 0; SET LOCAL pg_trickle.consistent_reads = on",
        "SET LOCAL pg_trickle.read_mode = exact")
for name, query in QUERIES.items():
    db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w')", name, query)
db.run(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {OTHER}; RESET ROLE")
db.run("CREATE FUNCTION total(name text) RETURNS numeric LANGUAGE plpgsql VOLATILE AS "
       "$$ DECLARE v numeric; BEGIN EXECUTE format('SELECT sum(v) FROM %I', name) INTO v; RETURN v; END $$")


def totals(cursor, name, by_function):
    """The total of the stream table, and of its query."""
    stored = f"total('{name}')" if by_function else f"(SELECT sum(v) FROM {name})"
    cursor.execute(f"SELECT {stored}, (SELECT sum(v) FROM ({QUERIES[name]}) q)")
    return cursor.fetchone()


def each(roles):
    """Begins a transaction that changes a source, in each way and role, and has it read by one statement. Stops at errors that
    another role gets for a query that only its owner may compute."""
    for role, level, way, (name, statements) in itertools.product(roles, ("READ COMMITTED", "REPEATABLE READ"), WAYS, CHANGES.items()):
        for number, statement in enumerate(statements):
            if (role == "postgres") != statement.startswith("ALTER") or (role == OTHER and number > 0):
                continue
            session = db.connect(user=role)
            cursor = session.cursor()
            cursor.execute(f"SET pg_trickle.on_stale = error; BEGIN ISOLATION LEVEL {level}; {way}; {statement}")
            how = role, level, way, name, statement
            try:
                found = totals(cursor, name, number % 2)
                assert found[0] == found[1], (*how, found)
                assert role == OWNER or name not in FOR_OWNER, (*how, found)
                yield cursor, name, found[0], how
            except psycopg2.Error as error:
                assert name in FOR_OWNER and role != OWNER and error.pgcode == "55000", (*how, error)
            session.close()


def own_changes_are_read():
    for cursor, name, _, how in each((OWNER, OTHER, "postgres")):
        cursor.execute(f"SAVEPOINT s; {how[-1]}")
        found = totals(cursor, name, False)
        assert found[0] == found[1], (*how, "again", found)
        cursor.execute("ROLLBACK TO s")
        found = totals(cursor, name, False)
        assert found[0] == found[1], (*how, "rolled back", found)
        cursor.execute(f"ROLLBACK; BEGIN; {how[2]}")
        found = totals(cursor, name, False)
        assert found[0] == found[1], (*how, "ended", found)


def what_was_read_stays_read():
    """Also in later transactions, by schedule."""
    for cursor, name, read, how in itertools.islice(each((OWNER,)), 0, None, 2):
        cursor.execute("COMMIT")
        found = totals(cursor, name, False)
        assert found[0] == read, (*how, found, read)


try:
    run_cases([own_changes_are_read, what_was_read_stays_read])
finally:
    db.drop()
