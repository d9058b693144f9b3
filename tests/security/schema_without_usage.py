#!/usr/bin/python3 -B
"""Shows that no statement needs USAGE on the schema pgtrickle unless it names an object there: a DBA may revoke it from
PUBLIC, and hooks see every statement of the database. Each statement is executed by a role that has USAGE, and then by
the role without, and ends in the same way: on tables that no stream table reads, on sources and on stream tables.
Statements that maintain a stream table by deltas name functions of the extension, and are analyzed as its owner: only
these fail, and say why."""

import io
import sys
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
ROLE, OTHER = "su_owner", "su_other"

# {t} is a table with a foreign key to {t}_parent, a trigger, an index and a policy; in each case another one.
ON_TABLES = """SELECT * FROM {t} ORDER BY id
INSERT INTO {t} VALUES (10, 1, 'x')
UPDATE {t} SET v = v || 'y'
DELETE FROM {t}
MERGE INTO {t} USING (SELECT 1 AS id) m ON {t}.id = m.id WHEN MATCHED THEN UPDATE SET v = 'merged' WHEN NOT MATCHED THEN INSERT VALUES (1, 1, 'm')
COPY {t} TO STDOUT
COPY {t} FROM STDIN
SELECT * FROM {t} FOR UPDATE
TRUNCATE {t}
LOCK TABLE {t} IN SHARE MODE
DECLARE c CURSOR FOR SELECT * FROM {t}; FETCH c; CLOSE c
PREPARE p AS SELECT * FROM {t}; EXECUTE p; DEALLOCATE p
EXPLAIN (ANALYZE) UPDATE {t} SET v = 'x'
ANALYZE {t}
REINDEX TABLE {t}
CLUSTER {t} USING {t}_pkey
DROP TABLE {t} CASCADE
DROP TABLE {t}_parent CASCADE
ALTER TABLE {t} DROP CONSTRAINT {t}_k_fkey
ALTER TABLE {t} DROP CONSTRAINT {t}_pkey
ALTER TABLE {t} ADD CONSTRAINT more FOREIGN KEY (k) REFERENCES {t}_parent
ALTER TABLE {t} ADD CHECK (id > 0); ALTER TABLE {t} ADD UNIQUE (v)
ALTER TABLE {t} ADD COLUMN more int DEFAULT 3; ALTER TABLE {t} DROP COLUMN more
ALTER TABLE {t} RENAME COLUMN v TO w
ALTER TABLE {t} RENAME TO renamed
ALTER TABLE {t} ALTER COLUMN v TYPE varchar
ALTER TABLE {t} ALTER COLUMN v SET NOT NULL
ALTER TABLE {t} SET SCHEMA su_second
ALTER TABLE {t} OWNER TO su_other
ALTER TABLE {t} SET UNLOGGED
ALTER TABLE {t} REPLICA IDENTITY FULL
ALTER TABLE {t} DISABLE TRIGGER USER; ALTER TABLE {t} ENABLE TRIGGER USER
ALTER TABLE {t} DISABLE TRIGGER {t}_trigger
ALTER TABLE {t} ENABLE ROW LEVEL SECURITY; ALTER TABLE {t} FORCE ROW LEVEL SECURITY
ALTER TABLE {t} INHERIT {t}_above; ALTER TABLE {t} NO INHERIT {t}_above
CREATE TABLE child () INHERITS ({t}); DROP TABLE child
CREATE TABLE liked (LIKE {t} INCLUDING ALL); DROP TABLE liked
CREATE TABLE copied AS SELECT * FROM {t}
DROP TRIGGER {t}_trigger ON {t}
ALTER TRIGGER {t}_trigger ON {t} RENAME TO renamed
CREATE TRIGGER more AFTER INSERT ON {t} FOR EACH ROW EXECUTE FUNCTION trigger_function()
CREATE RULE r AS ON INSERT TO {t} DO ALSO SELECT 1; DROP RULE r ON {t}
DROP POLICY {t}_policy ON {t}
CREATE POLICY more ON {t} USING (true)
ALTER POLICY {t}_policy ON {t} USING (k = 1)
CREATE INDEX more ON {t} (v); ALTER INDEX more RENAME TO most; REINDEX INDEX most; DROP INDEX most
CREATE STATISTICS more ON k, v FROM {t}; ANALYZE {t}; DROP STATISTICS more
CREATE VIEW seen AS SELECT * FROM {t}; CREATE OR REPLACE VIEW seen AS SELECT * FROM {t} WHERE k > 0; DROP VIEW seen
CREATE MATERIALIZED VIEW seen AS SELECT * FROM {t}; REFRESH MATERIALIZED VIEW seen; DROP MATERIALIZED VIEW seen
GRANT SELECT ON {t} TO PUBLIC; REVOKE ALL ON {t} FROM PUBLIC
COMMENT ON TABLE {t} IS 'x'""".splitlines()
ON_PARTITIONS = """DROP TABLE {t}_1
ALTER TABLE {t} DETACH PARTITION {t}_1
CREATE TABLE more PARTITION OF {t} FOR VALUES IN (3)
CREATE TABLE more (id int, k int, v text); ALTER TABLE more ADD FOREIGN KEY (id) REFERENCES t_parent; ALTER TABLE {t} ATTACH PARTITION more FOR VALUES IN (3)
INSERT INTO {t} VALUES (1, 2, 'x'); UPDATE {t} SET k = 1; DELETE FROM {t}
TRUNCATE {t}
DROP TABLE {t} CASCADE""".splitlines()
ON_STREAM_TABLES = """SELECT * FROM {t}
SET pg_trickle.enable_expansion = off; SELECT * FROM {t}
SET pg_trickle.read_mode = exact; SELECT * FROM {t}
INSERT INTO s SELECT max(id) + 1, 1, 'a' FROM s; SELECT * FROM {t}
COPY (SELECT * FROM {t}) TO STDOUT
EXPLAIN SELECT * FROM {t}
ANALYZE {t}
LOCK TABLE {t} IN ACCESS SHARE MODE
CREATE INDEX more ON {t} (k); DROP INDEX more
CREATE VIEW seen AS SELECT * FROM {t}; SELECT * FROM seen
CREATE MATERIALIZED VIEW seen AS SELECT * FROM {t}; REFRESH MATERIALIZED VIEW seen
CREATE FOREIGN TABLE upon () SERVER pgtrickle OPTIONS (query 'SELECT * FROM {t}', schedule '520w'); SELECT * FROM upon
ALTER FOREIGN TABLE {t} OPTIONS (SET schedule '5s')
ALTER FOREIGN TABLE {t} OPTIONS (SET query $q$SELECT * FROM ({query}) q WHERE k > 0$q$)
ALTER FOREIGN TABLE {t} OPTIONS (SET refresh_mode 'FULL')
ALTER FOREIGN TABLE {t} RENAME TO renamed
ALTER FOREIGN TABLE {t} RENAME k TO kk
ALTER FOREIGN TABLE {t} SET SCHEMA su_second
GRANT SELECT ON {t} TO PUBLIC
COMMENT ON FOREIGN TABLE {t} IS 'x'
DROP FOREIGN TABLE {t} CASCADE""".splitlines()
OTHERS = """CREATE TABLE fresh (id int PRIMARY KEY, p int REFERENCES t_parent); DROP TABLE fresh
CREATE TEMP TABLE fresh (id int PRIMARY KEY) ON COMMIT DROP; CREATE TEMP TABLE child (p int REFERENCES fresh) ON COMMIT DROP; DROP TABLE fresh CASCADE
CREATE SEQUENCE fresh; DROP SEQUENCE fresh
CREATE TYPE fresh AS (a int); ALTER TYPE fresh ADD ATTRIBUTE b int; DROP TYPE fresh
CREATE TYPE fresh AS ENUM ('a'); ALTER TYPE fresh RENAME VALUE 'a' TO 'b'; DROP TYPE fresh
CREATE DOMAIN fresh AS int; ALTER DOMAIN fresh ADD CHECK (VALUE > 0); DROP DOMAIN fresh
CREATE FUNCTION fresh() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE OR REPLACE FUNCTION fresh() RETURNS int LANGUAGE sql AS 'SELECT 2'; ALTER FUNCTION fresh() STABLE; DROP FUNCTION fresh
CREATE AGGREGATE fresh (int) (SFUNC = int4pl, STYPE = int); DROP AGGREGATE fresh (int)
CREATE OPERATOR === (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq); DROP OPERATOR === (int, int)
CREATE COLLATION fresh (LOCALE = 'C'); DROP COLLATION fresh
CREATE TEXT SEARCH CONFIGURATION fresh (COPY = simple); DROP TEXT SEARCH CONFIGURATION fresh
ALTER FUNCTION trigger_function() RENAME TO other_function
DROP FUNCTION trigger_function() CASCADE
DO 'BEGIN PERFORM 1; END'
SET search_path = pgtrickle, su_owner; SELECT 1
DROP SCHEMA su_owner CASCADE
DROP OWNED BY su_owner CASCADE
REASSIGN OWNED BY su_owner TO su_other""".splitlines()

QUERIES = {"st_rows": "SELECT k, v FROM s", "st_groups": "SELECT k, count(*) AS n, min(v) AS least, max(id) AS most, avg(id) AS mean, string_agg(v, ',') AS list FROM s GROUP BY k",
           "st_joined": "SELECT s.k, p.name FROM s JOIN s_parent p ON p.id = s.k", "st_outer": "SELECT s.k, p.name FROM s LEFT JOIN s_parent p ON p.id = s.k",
           "st_distinct": "SELECT DISTINCT k FROM s", "st_union": "SELECT k, v FROM s UNION SELECT id, name FROM s_parent",
           "st_window": "SELECT k, v, row_number() OVER (PARTITION BY k ORDER BY id) FROM s", "st_first": "SELECT k, v FROM s ORDER BY id LIMIT 2",
           "st_exists": "SELECT k, v FROM s WHERE EXISTS (SELECT FROM s_parent p WHERE p.id = s.k)",
           "st_scalar": "SELECT k, (SELECT name FROM s_parent p WHERE p.id = s.k) AS name FROM s",
           "st_texts": "SELECT k, ('2020-01-0' || k)::date AS day FROM s",
           "st_float": "SELECT k::float8 AS f, count(*) AS n FROM s GROUP BY k::float8",
           "st_sets": "SELECT k, v, count(*) FROM s GROUP BY ROLLUP (k, v)",
           "st_domain": "SELECT p.name, x.n FROM s_parent p, LATERAL (SELECT count(*) AS n FROM s WHERE s.k::numeric = p.id::numeric) x",
           "st_recursive": "WITH RECURSIVE r AS (SELECT id FROM s WHERE id = 1 UNION SELECT s.id FROM s JOIN r ON s.id = r.id + 1) SELECT id FROM r",
           "st_search": "WITH RECURSIVE r AS (SELECT id, k FROM s WHERE id = 1 UNION ALL SELECT s.id, s.k FROM s JOIN r ON s.id = r.id + 1) SEARCH DEPTH FIRST BY id SET o SELECT id FROM r ORDER BY o LIMIT 5",
           "st_filter": "SELECT k, v FROM s WHERE id > 0"}


def tables(name):
    return f"""CREATE TABLE {name}_parent (id int PRIMARY KEY, name text); INSERT INTO {name}_parent VALUES (1, 'one'), (2, 'two');
      CREATE TABLE {name}_above (id int, k int, v text); CREATE TABLE {name} (id int PRIMARY KEY, k int REFERENCES {name}_parent, v text);
      INSERT INTO {name} VALUES (1, 1, 'a'), (2, 2, 'b'); CREATE TRIGGER {name}_trigger BEFORE INSERT ON {name} FOR EACH ROW EXECUTE FUNCTION trigger_function(); CREATE POLICY {name}_policy ON {name} USING (true);
      CREATE TABLE {name}p (id int REFERENCES {name}_parent, k int, v text) PARTITION BY LIST (k); CREATE TABLE {name}p_1 PARTITION OF {name}p FOR VALUES IN (1); CREATE TABLE {name}p_d PARTITION OF {name}p DEFAULT;"""


def as_owner():
    session = psycopg2.connect(host=db.host, user=ROLE, dbname=db.name)
    session.autocommit = True
    cursor = session.cursor()
    cursor.execute("SET search_path = su_owner; SET client_min_messages = error")
    return cursor


def create(name, query, mode):
    return f"CREATE FOREIGN TABLE {name} () SERVER pgtrickle OPTIONS (query $q${query}$q$, schedule '520w', refresh_mode '{mode}')"


def outcome(cursor, statement):
    """Returns the state and the message with which the statement fails, or None."""
    try:
        cursor.execute("BEGIN")
        if statement.startswith("COPY"):
            cursor.copy_expert(statement, io.StringIO())
        else:
            cursor.execute(statement)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return None
    except psycopg2.Error as error:
        return f"{error.pgcode} {error}"
    finally:
        cursor.execute("ROLLBACK")


def statements():
    for name in "t", "s":
        yield from (statement.format(t=name) for statement in ON_TABLES)
        yield from (statement.format(t=name + "p") for statement in ON_PARTITIONS)
    for name in "st_rows", "st_groups":
        yield from (statement.format(t=name, query=QUERIES[name]) for statement in ON_STREAM_TABLES)
    for name, query in QUERIES.items():
        for mode in "DIFFERENTIAL", "FULL":
            yield create("more", query, mode) + "; SELECT * FROM more; INSERT INTO s VALUES (3, 1, 'c'); SELECT * FROM more"
    yield from (f"DELETE FROM s; SELECT * FROM {name}" for name in QUERIES)
    yield from OTHERS


def set_up():
    db.run(f"CREATE ROLE {OTHER}; CREATE ROLE {ROLE} LOGIN; GRANT {OTHER} TO {ROLE}; GRANT USAGE ON FOREIGN SERVER pgtrickle TO {ROLE}, {OTHER}; GRANT CREATE ON DATABASE {db.name} TO {ROLE}")
    db.run("REVOKE USAGE ON SCHEMA pgtrickle FROM PUBLIC")
    db.run(f"GRANT USAGE ON SCHEMA pgtrickle TO {ROLE}; CREATE SCHEMA su_owner AUTHORIZATION {ROLE}; CREATE SCHEMA su_second AUTHORIZATION {ROLE}; GRANT ALL ON SCHEMA su_owner, su_second TO {OTHER}")
    cursor = as_owner()
    cursor.execute("CREATE FUNCTION trigger_function() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END'")
    cursor.execute(tables("t") + tables("s"))
    for name, query in list(QUERIES.items()) + [("st_parts", "SELECT id, k, v FROM sp")]:
        cursor.execute(create(name, query, "DIFFERENTIAL"))


def is_about_the_owner(state):
    """Whether a statement of maintenance has failed, or a query was refused as one would fail."""
    return state is not None and "schema pgtrickle" in state and ("CONTEXT:  refresh of stream table" in state or "The owner of the stream table has no USAGE" in state)


def every_statement_ends_as_with_usage():
    cursor = as_owner()
    wanted = {statement: outcome(cursor, statement) for statement in statements()}
    assert not [statement for statement, state in wanted.items() if state is not None], [item for item in wanted.items() if item[1] is not None]
    db.run(f"REVOKE USAGE ON SCHEMA pgtrickle FROM {ROLE}")
    cursor = as_owner()
    assert outcome(cursor, "SELECT pgtrickle.version()").startswith("42501")
    failed = {statement: state for statement in wanted if (state := outcome(cursor, statement)) is not None}
    by_deltas = [statement for statement in failed if is_about_the_owner(failed[statement])]
    assert len(by_deltas) < 8 and not [statement for statement in by_deltas if "'FULL'" in statement], by_deltas
    other = [f"{statement}: {state}" for statement, state in failed.items() if statement not in by_deltas]
    assert not other, f"{len(other)} of {len(wanted)}: " + "\n".join(other)


try:
    set_up()
    run_cases([every_statement_ends_as_with_usage])
finally:
    db.drop()
    db.admin(f"DROP ROLE IF EXISTS {ROLE}, {OTHER}")
