#!/usr/bin/python3 -B
"""Shows that stream tables of mode IMMEDIATE, which the commits of writers refresh with their owners' rights, store what any other
session would: a role that may write a source, and nothing else, gives each setting of its session other values, and has other
names and identities. What has no deltas, such as a query that asks for these, no commit stores, also as a member of a refresh
group or of an atomic set. Interpreted code, and what other extensions read, runs at no commit, not even at its owner's: they have
ended their parts of the transaction by then. No name in a statement of the extension finds a relation of the writer. And no owner decides what a commit does for others."""

import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg2

sys.path.append(str(Path(__file__).resolve().parents[1]))
from database import Database, run_cases  # noqa: E402: needs the path above

db = Database()
OWNER, OTHER, WRITER = "at_commit_owner", "at_commit_other", "at_commit_writer"
db.let_own_stream_tables(OWNER, OTHER, WRITER)
LIMIT_S = 20  # of a commit beside locks that stay
ASKED = "current_setting('application_name') || session_user || pg_backend_pid()"
PRINTED = {
    "times": "SELECT id, z::text || '|' || d::text || '|' || s::text || '|' || date_trunc('day', z)::text || '|' || z::date::text AS p FROM t",
    "spans": "SELECT id, i::text || '|' || to_char(i, 'HH24:MI') AS p FROM t",
    "floats": "SELECT id, f::text || '|' || format('%s', f) AS p FROM t",
    "monies": "SELECT id, f::numeric::money::text || '|' || to_char(f::numeric, 'L999D9') AS p FROM t",
    "names": "SELECT id, to_char(z, 'TMDay TMMonth') AS p FROM t",
    "texts": "SELECT id, to_tsvector(x)::text || '|' || (plainto_tsquery(x))::text AS p FROM t",
    "bytes": "SELECT id, b::text || '|' || quote_ident(x) || '|' || format('%I', x) AS p FROM t",
    "arrays": "SELECT id, a::text || '|' || to_json(a)::text || '|' || ('{null,' || x || '}')::text[]::text AS p FROM t",
    "documents": "SELECT id, to_jsonb(z)::text || json_build_array(z, d, i, b, f)::text AS p FROM t",
    "elements": "SELECT id, xmlforest(b, z, x)::text AS p FROM t",
    "parsed": "SELECT id, (x || ' 2024-05-06 00:00 EST')::text || make_timestamptz(2024, 5, 6, 7, 8, 9)::text AS p FROM t",
    "days": "SELECT date_trunc('day', z)::text AS p, count(*) AS n, sum(f)::text AS s FROM t GROUP BY 1",
}


def set_up():
    db.run("DROP TABLE IF EXISTS t, u CASCADE; DROP TYPE IF EXISTS marks; CREATE TABLE u (id int PRIMARY KEY, v int);"
           "CREATE TABLE t (id int PRIMARY KEY, x text, f float8, z timestamptz, d date, s timestamp, i interval, b bytea, a timestamptz[]);"
           "INSERT INTO u SELECT i, i FROM generate_series(1, 3) i; GRANT ALL ON t, u TO at_commit_owner, at_commit_other, at_commit_writer")
    change(db.run)


def change(run):
    run("""INSERT INTO public.t SELECT i, 'user name', i / 3.0, z, z, z, interval '1 day 2 hours 3 seconds', '\\x01fe', ARRAY[z, NULL]
           FROM (SELECT coalesce(max(id), 0) + 1 AS i, timestamptz '2024-01-02T03:04:05.678+00' AS z FROM public.t) x""")


def create(name, query, mode="IMMEDIATE", schedule=None, owner=OWNER):
    db.run(f"SET ROLE {owner}")
    arguments = {"name": name, "query": query, "refresh_mode": mode} | ({"schedule": schedule} if schedule else {})
    try:
        db.run("SELECT pgtrickle.create_stream_table(" + ", ".join(f"{key} => %s" for key in arguments) + ")", *arguments.values())
    finally:
        db.run("RESET ROLE")


def answer(query):
    return db.run(f"SELECT * FROM ({query}) s ORDER BY s::text")


def stored(name):
    db.run("SET pg_trickle.enabled = off")
    rows = answer(f"TABLE {name}")
    db.run("RESET pg_trickle.enabled")
    return rows


def writer(user=WRITER, **options):
    return db.connect(user=user, **options)


def settings():
    """Returns settings that the writer may set, with values other than their own."""
    skipped = "exit_on_error|default_transaction_read_only|transaction_read_only|session_authorization|role|ignore_system_indexes"
    with closing(writer()) as session:
        cursor = session.cursor()
        cursor.execute("SELECT name, vartype, setting, enumvals, min_val, max_val FROM pg_settings WHERE context = 'user' "
                       f"AND name !~ '^(pg_trickle[.]enabled|{skipped})$|timeout' ORDER BY name")
        for name, kind, value, choices, low, high in cursor.fetchall():
            if kind == "bool":
                yield name, ["off" if value == "on" else "on"]
            elif kind == "enum":
                yield name, [one for one in choices if one != value]
            elif kind in ("integer", "real"):
                yield name, [low, high, "1"]
            else:
                yield name, OTHERS.get(name, ["", "POSIX", "pg_temp"])


OTHERS = {"DateStyle": ["SQL, DMY", "German", "Postgres, MDY"], "TimeZone": ["Asia/Tokyo", "<x>-3:17"], "timezone_abbreviations": ["Australia", "India"],
          "search_path": ["pg_temp", "pg_temp, pg_catalog", "''"], "default_text_search_config": ["pg_catalog.german", "pg_temp.simple"],
          "client_encoding": ["LATIN1", "SQL_ASCII"], "application_name": ["x"]}


def what_is_stored_does_not_depend_on_the_writers_settings():
    set_up()
    for name, query in PRINTED.items():
        create(name, query)
    found, tried = [], 0
    for name, values in settings():
        for value in values:
            with closing(writer()) as session:
                cursor = session.cursor()
                try:
                    cursor.execute("SELECT set_config(%s, %s, false)", (name, value))
                except psycopg2.Error:
                    continue
                change(cursor.execute)
                tried += 1
                cursor.execute("RESET ALL; UPDATE public.t SET f = f + 1 WHERE id = 1")
        for one, query in PRINTED.items():
            if (rows := answer(f"TABLE {one}")) != (right := answer(query)):
                found.append((name, one, [(a, b) for a, b in zip(rows, right) if a != b][:1]))
        db.run("DELETE FROM t WHERE id > 1")
    assert not found, found
    assert tried > 200, tried
    for name in PRINTED:
        by_others = db.value("SELECT count(*) FROM pgtrickle.get_refresh_history(%s, 1000) WHERE action <> 'FULL'", name)
        assert by_others < tried / 4, f"the commits have stored {name} too rarely: {by_others} of {tried} times others did"


def no_commit_stores_what_has_no_deltas():
    set_up()
    create("first", "SELECT id, x FROM t")
    create("asked", f"SELECT id, {ASKED} AS a FROM t", "AUTO", "520w")
    db.run("SET ROLE at_commit_owner")
    db.run("SELECT pgtrickle.create_refresh_group('one', ARRAY['first', 'asked'])")
    db.run("RESET ROLE")
    create("left_side", f"SELECT id, {ASKED} AS a FROM t", "FULL")
    create("right_side", "SELECT id, x FROM t", "DIFFERENTIAL")
    create("apex", "SELECT l.id, l.a, r.x FROM left_side l JOIN right_side r USING (id)")
    with closing(writer(application_name="of the writer")) as session:
        change(session.cursor().execute)
    for name in ("asked", "left_side", "apex"):
        db.wait_for(f"SELECT count(*) FROM {name}", 2)
        assert "of the writer" not in str(stored(name)), name
    db.run("SELECT pgtrickle.drop_refresh_group('one')")


def nothing_of_other_extensions_runs_at_a_commit():
    """postgres_fdw, which the session has used first in its transaction, has ended its part of it before."""
    set_up()
    db.run("CREATE EXTENSION IF NOT EXISTS postgres_fdw")
    db.run(f"CREATE SERVER loopback FOREIGN DATA WRAPPER postgres_fdw OPTIONS (dbname '{db.name}', host '{db.value('SHOW unix_socket_directories')}')")
    db.run("CREATE FOREIGN TABLE far (id int, v int) SERVER loopback OPTIONS (table_name 'u'); GRANT ALL ON far TO at_commit_owner;"
           "CREATE USER MAPPING FOR at_commit_owner SERVER loopback OPTIONS (user 'postgres', password_required 'false');"
           "CREATE USER MAPPING FOR postgres SERVER loopback OPTIONS (user 'postgres');"
           "CREATE OR REPLACE FUNCTION far_away(v int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN RETURN (SELECT max(id) FROM public.far) + v; END$$")
    for owner in (OWNER, "postgres"):
        create("joined", "SELECT t.id, far.v FROM t LEFT JOIN far USING (id)", owner=owner)
        create("called", "SELECT id, far_away(id) AS v FROM t", owner=owner)
        for user in (owner, WRITER):
            with closing(writer(user)) as session:
                change(session.cursor().execute)
                change(session.cursor().execute)
        for name, query in {"joined": "SELECT t.id, u.v FROM t LEFT JOIN u USING (id)", "called": "SELECT id, 3 + id FROM t"}.items():
            assert answer(f"TABLE {name}") == answer(query), name
            db.run("SELECT pgtrickle.drop_stream_table(%s)", name)
    db.run("DROP SERVER loopback CASCADE")


def no_commit_reads_temporary_relations_of_the_writer():
    """They have the names by which statements know the changes of sources and of what is counted by each of 70 tables."""
    set_up()
    tables = range(70)
    for i in tables:
        db.run(f"CREATE TABLE counted{i} (id int); GRANT ALL ON counted{i} TO at_commit_owner, at_commit_writer")
    query = " UNION ALL ".join(f"SELECT {i} AS source, count(*) AS n FROM counted{i}" for i in tables)
    create("counts", query)
    joined = "SELECT t.id, u.v, c.n FROM t LEFT JOIN u USING (id) LEFT JOIN (SELECT id, count(*) AS n FROM counted0 GROUP BY 1) c USING (id)"
    create("joined", joined)
    with closing(writer()) as session:
        cursor = session.cursor()
        for i in range(-1, 2 * len(tables)):
            for name in (f"pgt_delta_s{i}", f"pgt_delta_a{i}") if i >= 0 else ("pgt_touched", "d", "o", "pgt_delta"):
                cursor.execute(f"CREATE TEMP TABLE {name} (source int, n bigint, pgt_weight bigint, id int, v int); GRANT ALL ON {name} TO PUBLIC;"
                               f"INSERT INTO {name} VALUES (1, 1000000, 1, 1, 1)")
        for i in (65, 1, 69, 63, 64, 65):
            cursor.execute(f"INSERT INTO public.counted{i} VALUES (1)")
        cursor.execute("; ".join(f"INSERT INTO public.counted{i} VALUES (2)" for i in tables))
        cursor.execute("INSERT INTO public.counted68 VALUES (3); DELETE FROM public.u WHERE id = 1; INSERT INTO public.counted0 VALUES (3)")
        change(cursor.execute)
    for name, by_query in (("counts", query), ("joined", joined)):
        rows = stored(name)
        assert rows == (right := answer(by_query)), (name, [pair for pair in zip(rows, right) if pair[0] != pair[1]])
    actions = db.run("SELECT action, count(*) FROM pgtrickle.get_refresh_history('counts', 100) GROUP BY 1 ORDER BY 1")
    assert actions == [("FULL", 1)], actions  # the commits, which are not in the history, have stored all others
    for i in tables:
        db.run(f"DROP TABLE counted{i} CASCADE")


def an_owner_keeps_no_commit_from_refreshing_for_others():
    set_up()
    create("of_one", "SELECT id, x FROM t")
    create("of_other", "SELECT id, 60 / (10 - id) AS q FROM t", owner=OTHER)
    with closing(db.connect(user=OTHER)) as other, closing(writer()) as session:
        cursor = other.cursor()
        cursor.execute("BEGIN; SELECT pgtrickle.refresh_stream_table('of_other')")
        begun = time.monotonic()
        change(session.cursor().execute)
        assert time.monotonic() - begun < LIMIT_S, "slow"
        assert stored("of_one") == answer("SELECT id, x FROM t"), "beside a lock"
        cursor.execute("ROLLBACK")
    for statement in "SET pg_trickle.on_error = defer", "INSERT INTO t (id) VALUES (10)", "RESET pg_trickle.on_error":
        db.run(statement)
    db.wait_for("SELECT status <> 'ACTIVE' FROM pgtrickle.pgt_status() WHERE name = 'public.of_other'", True)
    with closing(writer()) as session:
        session.cursor().execute("INSERT INTO t (id) VALUES (7)")
    assert stored("of_one") == answer("SELECT id, x FROM t"), "beside a failure"


def damaged_capture_makes_no_commit_slow():
    set_up()
    create("of_one", "SELECT id, x FROM t")
    db.run("ALTER TABLE t DISABLE TRIGGER ALL")
    with closing(db.connect()) as other, closing(writer()) as session:
        other.cursor().execute("BEGIN; INSERT INTO t (id) VALUES (99)")
        begun = time.monotonic()
        change(session.cursor().execute)
        assert time.monotonic() - begun < LIMIT_S, "slow"
    assert answer("TABLE of_one") == answer("SELECT id, x FROM t")


run_cases([no_commit_reads_temporary_relations_of_the_writer, no_commit_stores_what_has_no_deltas, nothing_of_other_extensions_runs_at_a_commit, an_owner_keeps_no_commit_from_refreshing_for_others,
           damaged_capture_makes_no_commit_slow, what_is_stored_does_not_depend_on_the_writers_settings])
db.drop()
