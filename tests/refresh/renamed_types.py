#!/usr/bin/python3 -B
"""Shows that the first refresh after a type, function or schema was renamed or moved succeeds, in the session that has
compiled the stream table before, in another one and in a worker: compiled texts name types that the query does not."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OBJECTS = """CREATE SCHEMA n; CREATE SCHEMA m;
CREATE TYPE n.mood AS ENUM ('sad', 'ok'); CREATE DOMAIN n.small AS int; CREATE TYPE n.pair AS (x int, y n.mood);
CREATE FUNCTION n.twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 2 * $1';
CREATE TABLE n.t (id int PRIMARY KEY, e n.mood, es n.mood[], d n.small, ds n.small[], p n.pair, v int);
CREATE TABLE u (id int PRIMARY KEY, tid int);
INSERT INTO n.t VALUES (1, 'sad', '{sad}', 1, '{1,2}', '(1,sad)', 1), (2, 'ok', '{ok,sad}', 2, '{3}', '(2,ok)', 2);
INSERT INTO u VALUES (1, 1), (2, 2), (3, 3);"""
QUERIES = [
    *(f"SELECT id, (SELECT {column} FROM {{n}}.t WHERE t.id = u.tid) AS c FROM u" for column in ("e", "es", "d", "ds", "p")),
    *(f"SELECT u.id, t.{column} FROM u LEFT JOIN {{n}}.t ON t.id = u.tid" for column in ("e", "ds", "p")),
    "SELECT u.id, to_jsonb(t)::text AS j FROM u LEFT JOIN {n}.t ON t.id = u.tid",
    "SELECT t.e, count(*) AS n, min(t.d) AS least, max(u.id) AS last FROM u JOIN {n}.t ON t.id = u.tid GROUP BY t.e",
    "SELECT DISTINCT t.es FROM {n}.t WHERE EXISTS (SELECT FROM u WHERE u.tid = t.id)",
    "SELECT u.id, first_value(t.e) OVER (PARTITION BY t.v ORDER BY u.id) AS f FROM u JOIN {n}.t ON t.id = u.tid",
]
# Each with the schema of the table afterwards.
RENAMES = [("ALTER TYPE n.mood RENAME TO mood2", "n"), ("ALTER TYPE n.mood2 SET SCHEMA m", "n"), ("ALTER DOMAIN n.small RENAME TO tiny", "n"),
           ("ALTER DOMAIN n.tiny SET SCHEMA m", "n"), ("ALTER TYPE n.pair RENAME TO two", "n"), ("ALTER TYPE n.two SET SCHEMA m", "n"),
           ("ALTER TYPE m.two RENAME ATTRIBUTE x TO z", "n"), ("ALTER FUNCTION n.twice(int) RENAME TO doubled", "n"),
           ("ALTER SCHEMA m RENAME TO m2", "n"), ("ALTER TABLE n.t SET SCHEMA m2", "m2"), ("ALTER SCHEMA m2 RENAME TO m", "m")]


def change(schema, turn):
    db.run(f"UPDATE {schema}.t SET e = (enum_range(e))[3 - array_position(enum_range(e), e)], es = es || e, d = d + 1, ds = ds || d, p.y = e, v = v + 1")
    db.run(f"INSERT INTO u VALUES ({10 + turn}, {1 + turn % 3})")


def in_session(refresher):
    """Each stream table is compiled again before a rename: the texts for other changes are parsed after it."""
    db.run(OBJECTS)
    names = [f"s{n}" for n in range(len(QUERIES))]
    for name, query in zip(names, QUERIES):
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '520w', 'DIFFERENTIAL')", name, query.format(n="n"))
    cursor, schema = refresher.cursor(), "n"
    for turn, (rename, after) in enumerate(RENAMES):
        for name in names:
            db.run(f"ALTER FOREIGN TABLE {name} OPTIONS (SET schedule '{520 + turn % 2}w')")
            cursor.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
        db.run(rename)
        schema = after
        change(schema, turn)
        for name, query in zip(names, QUERIES):
            cursor.execute("SELECT pgtrickle.refresh_stream_table(%s)", (name,))
            query = query.format(n=schema)
            wrong = db.run(f"(TABLE {name} EXCEPT ALL {query}) UNION ALL (({query}) EXCEPT ALL TABLE {name})")
            assert not wrong, (rename, query, wrong)
    for name in names:
        db.run(f"DROP FOREIGN TABLE {name}")
    db.run("DROP TABLE u; DROP SCHEMA n CASCADE; DROP SCHEMA m CASCADE")


def by_the_session_that_renames():
    in_session(db.session)


def by_another_session():
    other = db.connect()
    in_session(other)
    other.close()


def by_a_worker():
    db.run(OBJECTS)
    for n, query in enumerate(QUERIES):
        db.run("SELECT pgtrickle.create_stream_table(%s, %s, '1s', 'DIFFERENTIAL')", f"s{n}", query.format(n="n"))
    db.run("SET pg_trickle.max_staleness = 0; SET pg_trickle.on_stale = 'error'")
    schema = "n"
    for turn, (rename, after) in enumerate(RENAMES):
        db.run(f"INSERT INTO u VALUES ({100 + turn}, 1)")
        for n in range(len(QUERIES)):
            db.run(f"SELECT count(*) FROM s{n}")
        db.run(rename)
        schema = after
        change(schema, turn)
        for n, query in enumerate(QUERIES):
            wrong = db.run(f"(TABLE s{n} EXCEPT ALL {query.format(n=schema)})")
            assert not wrong, (rename, query, wrong)
    assert db.value("SELECT count(*) FROM pgtrickle.pgt_state WHERE consecutive_errors > 0") == 0


try:
    run_cases([by_the_session_that_renames, by_another_session, by_a_worker])
finally:
    db.drop()
